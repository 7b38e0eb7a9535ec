//! A session of a Streamlit app, as a browser opens one: what the app renders, and what goes wrong.
//!
//! Streamlit's health URL answers `ok` for an app that does not even compile; a session tells the
//! truth. One attempt of a probe
//! 1. opens a WebSocket (`connect`) and asks for a run of the script (`session`),
//! 2. keeps what the run sends as a browser keeps it (`screen`, `element`), until the script ends,
//! 3. judges the page (`judge`), presses the buttons that the check names, and runs the fragments
//!    that the page asks to be run at times,
//! 4. and goes on with the next page, in the same session, as people walk through an app.
//!
//! What the app sends is hostile: sizes, numbers and time are bounded, and its text is cleaned.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use self::messages::{AppPage, ClientState};
use self::session::{Broken, Run, Session};
use self::walk::{Stopped, Walk};
use crate::probe::{Attempt, StreamlitCheck};

mod connect;
mod element;
mod judge;
mod messages;
mod screen;
mod session;
mod walk;
mod wording;

/// The largest message; a browser gets at most `server.maxMessageSize`, 200 MB by default.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// The most messages of one attempt, over all pages.
const MAX_MESSAGES: u64 = 200_000;
/// The most bytes of one attempt, over all pages.
const MAX_TOTAL: usize = 512 * 1024 * 1024;
/// The most pages of an app.
const MAX_PAGES: usize = 200;
/// The most pages whose failures are told in full.
const MAX_TOLD: usize = 5;

/// Makes one attempt: opens a session at `base` and walks the pages that `check` names.
///
/// It takes at most `timeout`, for all pages together.
pub async fn probe(base: &Url, check: &StreamlitCheck, timeout: Duration) -> Attempt {
    let deadline = Instant::now() + timeout;
    let (path, host) = (check.base_path.as_deref(), check.host.as_deref());
    let socket = match connect::open(base, path, host, deadline).await {
        Ok(socket) => socket,
        Err(refusal) => return refusal.into(),
    };
    let mut session = Session::new(socket, deadline);
    let mut walk = Walk::new(check);
    let outcome = walk.all(&mut session).await;
    let attempt = match outcome {
        Ok(()) => walk.finish(&session),
        Err(Stopped { page, run, broken }) => walk.stopped(&page, &run, &broken, timeout),
    };
    session.close().await;
    attempt
}

/// Returns the text that the first page of the app at `base` shows, one element a line.
///
/// `base_path` is `server.baseUrlPath`, where `base` does not hold it already. The error says in one
/// line why there is no text: nobody answers, the page fails, or the `timeout` passed.
pub async fn first_page_text(
    base: &Url,
    base_path: Option<&str>,
    timeout: Duration,
) -> Result<String, String> {
    let deadline = Instant::now() + timeout;
    let socket = match connect::open(base, base_path, None, deadline).await {
        Ok(socket) => socket,
        Err(
            connect::Refusal::NotReady(why)
            | connect::Refusal::Failed(why)
            | connect::Refusal::Impossible(why),
        ) => return Err(why),
    };
    let mut session = Session::new(socket, deadline);
    let mut run = Run::default();
    let ended = session.run(ClientState::default(), &mut run).await;
    let name = first_name(&session);
    let found = match ended {
        Ok(()) => {
            let check = StreamlitCheck { allow_shown_exceptions: true, ..Default::default() };
            judge::judge(&name, &run, &check).map_err(|failure| failure.what)
        }
        Err(broken) => Err(broken_page(&name, &run, &broken, timeout)),
    };
    session.close().await;
    found.map(|()| run.screen.texts().collect::<Vec<_>>().join("\n"))
}

/// Says why the run of a page did not end.
fn broken_page(page: &str, run: &Run, broken: &Broken, timeout: Duration) -> String {
    let page = wording::page(page);
    match broken {
        Broken::TimedOut { messages: 0, .. } => {
            format!("a session was accepted, and nothing came for {timeout:?}")
        }
        Broken::TimedOut { .. } => format!(
            "{page}: the script had not finished after {timeout:?}; {}",
            wording::shown_so_far(run)
        ),
        Broken::Closed(why) => format!("{page}: the server ended the session: {why}"),
        Broken::TooMuch(what) => {
            format!("{page}: the app sent {what}; {}", wording::shown_so_far(run))
        }
        Broken::Garbage(seen) => format!("{page}: what came cannot be read: {seen}"),
    }
}

/// The name of the first page, before the app has named its pages.
fn first_name(session: &Session) -> String {
    name_of(session, session.pages.first())
}

/// The name that the app gives a page; one without pages has the name of its script.
fn name_of(session: &Session, page: Option<&AppPage>) -> String {
    let named = page.map(|page| page.page_name.replace('_', " "));
    named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| {
        let file = session.main_script.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.strip_suffix(".py").unwrap_or(file);
        if stem.is_empty() { "main".to_owned() } else { stem.to_owned() }
    })
}

/// Whether people mean this page: by its name, with spaces or underscores, or by its path.
fn is_called(page: &AppPage, name: &str) -> bool {
    let plain = |text: &str| text.trim().replace('_', " ").to_lowercase();
    let wanted = plain(name.trim_matches('/'));
    plain(&page.page_name) == wanted
        || (!page.url_pathname.is_empty() && plain(&page.url_pathname) == wanted)
}
