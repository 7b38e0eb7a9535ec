//! What a page that ran means: it works, or what is wrong with it, for people.

use super::messages::Exception;
use super::screen::ShownException;
use super::session::Run;
use super::wording;
use crate::probe::{ProbeFailure, StreamlitCheck};

/// Judges a run of the page called `page`. In this order: it compiles, the app knows it, no
/// exception ended it, none is shown, and it shows something.
pub fn judge(page: &str, run: &Run, check: &StreamlitCheck) -> Result<(), ProbeFailure> {
    if let Some(error) = &run.compile_error {
        return Err(wording::compile_error(page, error));
    }
    if run.not_found {
        return Err(ProbeFailure::new(format!("{} is not there", wording::page(page))));
    }
    if let Some(exception) = uncaught(run) {
        return Err(wording::exception(page, exception, ""));
    }
    if let Some(kind) = run.uncaught.as_deref().filter(|kind| !kind.is_empty()) {
        return Err(wording::hidden_exception(page, kind));
    }
    if let Some(exception) = shown(run).filter(|_| !check.allow_shown_exceptions) {
        return Err(wording::exception(page, exception, " (shown by the app)"));
    }
    if run.screen.is_blank() && !check.allow_empty {
        return Err(wording::blank(page, run.login));
    }
    Ok(())
}

/// Returns the exception that ended the run.
///
/// The protocol shows both kinds as the same element; what tells them apart is this:
/// 1. An exception that nobody caught is the last thing that a run sends.
/// 2. The usage statistics of the run name the exception that ended it. They are silent about one
///    in a fragment, and where `browser.gatherUsageStats` is off.
/// 3. Until 1.4x, the traceback of an uncaught one begins inside Streamlit itself, that of one that
///    the app caught begins in the app.
/// 4. Where none of this is known, it counts as uncaught. A `Warning` does not: it is a yellow box.
fn uncaught(run: &Run) -> Option<&Exception> {
    let shown = run.screen.exceptions();
    let last: &ShownException<'_> = shown.last()?;
    match run.uncaught.as_deref() {
        Some(kind) if !kind.is_empty() => return Some(last.exception),
        Some(_) if !last.in_fragment => return None,
        Some(_) | None => {}
    }
    let ended = wording::begins_in_streamlit(last.exception) || !last.exception.is_warning;
    (last.last && ended).then_some(last.exception)
}

/// Returns the first exception that the app shows on purpose.
fn shown(run: &Run) -> Option<&Exception> {
    let all = run.screen.exceptions();
    all.into_iter().map(|shown| shown.exception).find(|exception| !exception.is_warning)
}
