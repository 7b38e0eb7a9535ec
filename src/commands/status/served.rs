//! Which version users are served, where the app shows its commit (`served`).

use std::io;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::Status;
use crate::commands::session::{Session, block_on};
use crate::evidence::served::Served;
use crate::http::without_query;
use crate::observe::served;
use crate::output::{Fields, Output, bad, clean, good, strong, warn};
use crate::state::State;

/// How long somebody who only asks waits for the app.
const PATIENCE: Duration = Duration::from_secs(4);

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::commands) struct ServedSeen {
    /// The URL that was asked, without its query.
    pub(in crate::commands) url: String,
    /// What was found.
    #[serde(flatten)]
    pub(in crate::commands) found: Served,
}

/// Asks the app, where the configuration says how and something was released.
pub(in crate::commands) fn look(
    session: &Session,
    state: &State,
    offline: bool,
) -> Option<ServedSeen> {
    let config = session.config.served.as_ref().filter(|_| !offline)?;
    state.newest()?;
    let url = Url::parse(&config.url).map_or_else(|_| String::new(), |url| without_query(&url));
    let found = block_on(async { Ok(served::ask(config, state, PATIENCE).await) });
    let found = found.unwrap_or_else(|error| Served::Unreachable { why: format!("{error:#}") });
    Some(ServedSeen { url, found })
}

/// Says so at the top where users are served something else than the newest release.
pub(super) fn show(output: &mut Output, status: &Status) -> io::Result<()> {
    let Some(seen) = &status.served else { return Ok(()) };
    let release = status.live.as_ref().map_or(0, |live| live.release);
    match &seen.found {
        Served::Older { .. } => output.line(format!(
            "{}: {} {}; see whether release {release} was deployed",
            bad("users are served something else"),
            strong(clean(&seen.url)),
            clean(&seen.found.to_string())
        )),
        Served::Same { .. }
        | Served::Unknown { .. }
        | Served::NotShown { .. }
        | Served::Unreachable { .. } => Ok(()),
    }
}

/// Adds the line of the details.
pub(super) fn detail(fields: &mut Fields, status: &Status) {
    let Some(seen) = &status.served else { return };
    let text = format!("{} {}", seen.url, seen.found);
    fields.add(
        "served",
        match &seen.found {
            Served::Same { .. } => good(clean(&text)),
            Served::Older { .. } => bad(clean(&text)),
            Served::Unknown { .. } | Served::NotShown { .. } | Served::Unreachable { .. } => {
                warn(clean(&text))
            }
        },
    );
}
