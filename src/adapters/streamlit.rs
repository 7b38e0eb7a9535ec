//! A session of a Streamlit app, as a browser opens one: what the app renders, and what goes wrong.

use std::time::Duration;

use url::Url;

use crate::probe::{Attempt, StreamlitCheck};

/// Makes one attempt: opens a session at `base` and walks the pages that `check` names.
///
/// It takes at most `timeout`, for all pages together.
pub async fn probe(base: &Url, _check: &StreamlitCheck, _timeout: Duration) -> Attempt {
    Attempt::Impossible { why: format!("the Streamlit probe of {base} is not there yet") }
}

/// Returns the text that the first page of the app at `base` shows, one element a line.
///
/// `base_path` is `server.baseUrlPath`, where `base` does not hold it already. The error says in one
/// line why there is no text: nobody answers, the page fails, or the `timeout` passed.
pub async fn first_page_text(
    base: &Url,
    _base_path: Option<&str>,
    _timeout: Duration,
) -> Result<String, String> {
    Err(format!("the Streamlit session of {base} is not there yet"))
}
