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

use self::messages::{AppPage, ClientState, WidgetState, WidgetStates};
use self::session::{Broken, Run, Session};
use crate::http::one_line;
use crate::probe::{Attempt, ProbeFailure, StreamlitCheck};

mod connect;
mod element;
mod judge;
mod messages;
mod screen;
mod session;
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
        Err(Stopped { page, run, broken }) => walk.stopped(&page, &run, broken, timeout),
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

/// A page whose run did not end; the session is of no use any more.
struct Stopped {
    page: String,
    run: Run,
    broken: Broken,
}

/// The walk through the pages, and what it has found.
struct Walk<'a> {
    check: &'a StreamlitCheck,
    failures: Vec<ProbeFailure>,
    pages: usize,
    elements: usize,
    missing_texts: Vec<&'a str>,
    missing_elements: Vec<&'a str>,
    missing_buttons: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn new(check: &'a StreamlitCheck) -> Self {
        let all = |names: &'a [String]| names.iter().map(String::as_str).collect();
        Self {
            check,
            failures: Vec::new(),
            pages: 0,
            elements: 0,
            missing_texts: all(&check.require_text),
            missing_elements: all(&check.require_element),
            missing_buttons: all(&check.press),
        }
    }

    /// Walks all pages; the first one is the one that people see when they open the app.
    async fn all(&mut self, session: &mut Session) -> Result<(), Stopped> {
        let mut run = Run::default();
        let state = ClientState::default();
        if let Err(broken) = session.run(state, &mut run).await {
            return Err(Stopped { page: first_name(session), run, broken });
        }
        // An app that fails before `st.navigation` names no pages.
        let first_failed = judge::judge(&first_name(session), &run, self.check).err();
        let pages = session.pages.clone();
        let first_hash = run.page_hash.clone();
        let at = pages.iter().position(|page| page.page_script_hash == first_hash).unwrap_or(0);
        let chosen = match self.choose(&pages) {
            Ok(chosen) => chosen,
            Err(unknown) => {
                self.failures.push(first_failed.unwrap_or(unknown));
                return Ok(());
            }
        };
        if chosen.contains(&at) || pages.is_empty() {
            let name = name_of(session, pages.get(at));
            self.look(session, &name, &mut run).await?;
        }
        for index in chosen.into_iter().filter(|index| *index != at) {
            let Some(page) = pages.get(index) else { continue };
            let name = name_of(session, Some(page));
            let page_script_hash = page.page_script_hash.clone();
            let mut run = Run::default();
            let state = ClientState { page_script_hash, ..ClientState::default() };
            if let Err(broken) = session.run(state, &mut run).await {
                return Err(Stopped { page: name, run, broken });
            }
            self.look(session, &name, &mut run).await?;
        }
        Ok(())
    }

    /// Looks at a page that ran, and does on it what the check asks for.
    async fn look(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        self.pages += 1;
        self.elements += run.screen.elements().count();
        self.find(run);
        if let Err(failure) = judge::judge(page, run, self.check) {
            self.failures.push(failure);
            return Ok(());
        }
        self.run_fragments(session, page, run).await?;
        self.press(session, page, run).await
    }

    /// Crosses off what the page shows of what is required.
    fn find(&mut self, run: &Run) {
        self.missing_texts.retain(|wanted| !run.screen.texts().any(|text| text.contains(wanted)));
        self.missing_elements
            .retain(|wanted| !run.screen.elements().any(|element| element.is_called(wanted)));
    }

    /// Runs the fragments once more that a browser would run at times (`run_every`).
    async fn run_fragments(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        for fragment_id in run.fragments.clone() {
            let state = ClientState {
                page_script_hash: run.page_hash.clone(),
                fragment_id,
                is_auto_rerun: true,
                ..ClientState::default()
            };
            self.again(session, page, run, state).await?;
            if let Err(mut failure) = judge::judge(page, run, self.check) {
                failure.what.push_str(" (when a fragment ran again)");
                self.failures.push(failure);
                break;
            }
        }
        Ok(())
    }

    /// Presses the buttons that the check names, where the page has them.
    async fn press(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        for label in &self.check.press {
            let Some(id) = run.screen.button(label).map(str::to_owned) else { continue };
            self.missing_buttons.retain(|missing| missing != label);
            let pressed = WidgetState { id, trigger_value: Some(true) };
            let state = ClientState {
                page_script_hash: run.page_hash.clone(),
                widget_states: Some(WidgetStates { widgets: vec![pressed] }),
                ..ClientState::default()
            };
            self.again(session, page, run, state).await?;
            self.find(run);
            if let Err(mut failure) = judge::judge(page, run, self.check) {
                failure.what.push_str(&format!(" (after \"{}\" was pressed)", one_line(label)));
                self.failures.push(failure);
                break;
            }
        }
        Ok(())
    }

    async fn again(
        &self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
        state: ClientState,
    ) -> Result<(), Stopped> {
        session.run(state, run).await.map_err(|broken| Stopped {
            page: page.to_owned(),
            run: std::mem::take(run),
            broken,
        })
    }

    /// Returns the numbers of the pages that the check names, in the order of the app.
    fn choose(&self, pages: &[AppPage]) -> Result<Vec<usize>, ProbeFailure> {
        if pages.len() > MAX_PAGES {
            return Err(ProbeFailure::new(format!("the app has more than {MAX_PAGES} pages")));
        }
        if self.check.pages.is_empty() {
            return Ok((0..pages.len()).collect());
        }
        let unknown =
            self.check.pages.iter().find(|name| !pages.iter().any(|page| is_called(page, name)));
        if let Some(unknown) = unknown {
            let names: Vec<String> = pages
                .iter()
                .take(20)
                .map(|page| format!("\"{}\"", one_line(&page.page_name)))
                .collect();
            return Err(ProbeFailure::new(format!(
                "the app has no page \"{}\"; it has {}",
                one_line(unknown),
                names.join(", ")
            )));
        }
        let wanted = |page: &AppPage| self.check.pages.iter().any(|name| is_called(page, name));
        Ok((0..pages.len()).filter(|index| pages.get(*index).is_some_and(wanted)).collect())
    }

    /// Says what became of a walk that came to its end.
    fn finish(mut self, session: &Session) -> Attempt {
        if self.failures.is_empty() {
            self.failures.extend(self.missing());
        }
        if !self.failures.is_empty() {
            return Attempt::Failed(self.together());
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let pages = count(self.pages, "page");
        let elements = count(self.elements, "element");
        Attempt::Passed { seen: format!("{pages}, {elements}, Streamlit {}", session.version) }
    }

    /// What is required and was not there.
    fn missing(&self) -> Option<ProbeFailure> {
        let quoted = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("\"{}\"", one_line(name)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !self.missing_texts.is_empty() {
            let what = format!("no page shows the text {}", quoted(&self.missing_texts));
            return Some(ProbeFailure::new(what));
        }
        if !self.missing_elements.is_empty() {
            let unknown = self.missing_elements.iter().find(|name| !element::is_known(name));
            let hint = unknown.map_or_else(String::new, |name| {
                format!(" (Streamlit calls no element `{}`)", one_line(name))
            });
            let what =
                format!("no page shows the element {}{hint}", quoted(&self.missing_elements));
            return Some(ProbeFailure::new(what));
        }
        if !self.missing_buttons.is_empty() {
            let what = format!("no page has the button {}", quoted(&self.missing_buttons));
            return Some(ProbeFailure::new(what));
        }
        None
    }

    /// Says what became of a walk that stopped at a page.
    fn stopped(mut self, page: &str, run: &Run, broken: Broken, timeout: Duration) -> Attempt {
        // What failed before is conclusive, whatever stopped the walk.
        if self.failures.is_empty()
            && let Broken::Garbage(seen) = &broken
        {
            return Attempt::Impossible {
                why: format!(
                    "what answers does not speak Streamlit's protocol as it is known: {seen}"
                ),
            };
        }
        if self.failures.is_empty()
            && let Broken::TimedOut { messages, known: 0 } = broken
            && messages > 0
        {
            return Attempt::Impossible {
                why: format!(
                    "{messages} messages came, and none of them is known: is this Streamlit, \
                     or a version that is newer than this tidegate?"
                ),
            };
        }
        self.failures.push(ProbeFailure::new(broken_page(page, run, &broken, timeout)));
        Attempt::Failed(self.together())
    }

    /// Makes one failure of those of all pages.
    fn together(self) -> ProbeFailure {
        let (count, pages) = (self.failures.len(), self.pages.max(self.failures.len()));
        let mut failures = self.failures.into_iter();
        let Some(first) = failures.next() else { return ProbeFailure::new("nothing failed") };
        if count == 1 {
            return first;
        }
        let mut details = vec![told(&first)];
        details.extend(failures.take(MAX_TOLD - 1).map(|failure| told(&failure)));
        if count > MAX_TOLD {
            details.push(format!("and {} more", count - MAX_TOLD));
        }
        ProbeFailure::new(format!("{count} of {pages} pages fail: {}", first.what))
            .with_detail(details.join("\n\n"))
    }
}

/// A failure with its lines.
fn told(failure: &ProbeFailure) -> String {
    match &failure.detail {
        Some(detail) => format!("{}\n{detail}", failure.what),
        None => failure.what.clone(),
    }
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
