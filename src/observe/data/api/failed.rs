//! Why an API gave no rows. Each message has the address without its query, and never the key.

use std::io;

use reqwest::StatusCode;

use crate::data::import::api::{AnswerProblem, PagesProblem, PeriodProblem};
use crate::http::HttpError;
use crate::observe::data::rows::RowsError;
use crate::secret::Redactor;

/// Why an API gave no rows. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody says where it is.
    #[error("nobody says where the API of {import} is")]
    NoAddress {
        /// The import.
        import: String,
        /// The variable that would say it.
        variable: String,
    },
    /// The address is none.
    #[error("the address of the API: {problem}")]
    Address {
        /// What is wrong with it, without showing it.
        problem: String,
    },
    /// The key stands in the address, where logs of servers and proxies keep it.
    #[error("the address of the API holds the key of {variable}")]
    KeyInAddress {
        /// The variable.
        variable: String,
    },
    /// The key would go over the network for all to read.
    #[error(
        "{place} is plain http on another machine, and the key in {variable} is not sent there"
    )]
    Plain {
        /// The address.
        place: String,
        /// The variable.
        variable: String,
    },
    /// The configuration names a variable with a key, and it is not set.
    #[error("the variable {variable} is not set, and data.imports.{import}.api names it")]
    NoKey {
        /// The import.
        import: String,
        /// The variable.
        variable: String,
    },
    /// The key cannot stand in a header.
    #[error("the key in {variable} holds characters that no header may have")]
    UnfitKey {
        /// The variable.
        variable: String,
    },
    /// A key of the configuration is wrong.
    #[error("{0}")]
    Declared(String),
    /// Nothing can be asked for.
    #[error(transparent)]
    Period(PeriodProblem),
    /// No answer.
    #[error("{place} gave no rows")]
    Http {
        /// The address.
        place: String,
        /// Why.
        #[source]
        error: HttpError,
    },
    /// The API does not let us in.
    #[error("{place} does not allow it ({status}{said})")]
    Denied {
        /// The address.
        place: String,
        /// The status.
        status: StatusCode,
        /// What it said, with a colon before it.
        said: String,
        /// Whether a key was sent.
        sent: bool,
        /// The variable with the key.
        variable: String,
    },
    /// The API cannot answer now.
    #[error(
        "{place} cannot answer now ({status}{said}; attempts: {attempts}){}",
        again.as_ref().map_or_else(String::new, |time| format!("; it asks to be left alone until {time}"))
    )]
    Unavailable {
        /// The address.
        place: String,
        /// The status.
        status: StatusCode,
        /// What it said, with a colon before it.
        said: String,
        /// How often it was asked.
        attempts: u32,
        /// When it may be asked again, where it has said that and it is not waited for.
        again: Option<String>,
    },
    /// The API does not take the request.
    #[error("{place} answered {status}{said}")]
    Refused {
        /// The address.
        place: String,
        /// The status.
        status: StatusCode,
        /// What it said, with a colon before it.
        said: String,
    },
    /// Another server answered.
    #[error("{place} redirects to another server, whose rows are not taken")]
    Moved {
        /// The address.
        place: String,
    },
    /// The answer is for people.
    #[error("{place} answered with a web page, not with JSON")]
    WebPage {
        /// The address.
        place: String,
    },
    /// The answer is not what is declared.
    #[error("{place}, page {page}: {problem}")]
    Answer {
        /// The address.
        place: String,
        /// The page, from 1.
        page: u32,
        /// What is wrong.
        problem: AnswerProblem,
    },
    /// The next page is not asked for.
    #[error("{place}: {problem}")]
    Pages {
        /// The address.
        place: String,
        /// Why.
        problem: PagesProblem,
    },
    /// The rows cannot be kept.
    #[error("the rows of the API cannot be kept: {0}")]
    Kept(io::Error),
    /// The rows cannot be read again.
    #[error(transparent)]
    Rows(RowsError),
}

impl ApiError {
    /// Returns it without the secrets that the server has put into what it said.
    pub(super) fn redacted(mut self, redactor: &Redactor) -> Self {
        let hide = |text: &mut String| *text = redactor.redact_cut(text);
        match &mut self {
            Self::Http { place, error } => {
                hide(place);
                match error {
                    HttpError::Connect { host, reason, .. }
                    | HttpError::Cut { host, reason, .. } => {
                        [host, reason].into_iter().for_each(hide);
                    }
                    HttpError::TimedOut { host, .. } | HttpError::TooLarge { host, .. } => {
                        hide(host);
                    }
                    HttpError::Redirect { host, target, .. } => {
                        [host, target].into_iter().for_each(hide);
                    }
                    HttpError::Setup { reason } => hide(reason),
                }
            }
            Self::Denied { place, said, .. }
            | Self::Unavailable { place, said, .. }
            | Self::Refused { place, said, .. } => [place, said].into_iter().for_each(hide),
            Self::Moved { place } | Self::WebPage { place } => hide(place),
            Self::Answer { place, problem, .. } => {
                hide(place);
                match problem {
                    AnswerProblem::NoJson(problem) => hide(problem),
                    AnswerProblem::Schema { pointer, problem } => {
                        [pointer, problem].into_iter().for_each(hide);
                    }
                }
            }
            Self::Pages { place, problem } => {
                hide(place);
                match problem {
                    PagesProblem::Elsewhere { origin, .. } => hide(origin),
                    PagesProblem::Unreadable { place, problem, .. } => {
                        [place, problem].into_iter().for_each(hide);
                    }
                    PagesProblem::TooMany
                    | PagesProblem::TooManyRows
                    | PagesProblem::Loop { .. }
                    | PagesProblem::Same { .. }
                    | PagesProblem::Undeclared { .. } => {}
                }
            }
            // What this machine says: the server has no word in it.
            Self::NoAddress { .. }
            | Self::Address { .. }
            | Self::KeyInAddress { .. }
            | Self::Plain { .. }
            | Self::NoKey { .. }
            | Self::UnfitKey { .. }
            | Self::Declared(_)
            | Self::Period(_)
            | Self::Kept(_)
            | Self::Rows(_) => {}
        }
        self
    }

    /// Returns what to do, as one sentence without full stop.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoAddress { variable, .. } => {
                return Some(format!("name it with --api, in {variable}, or as `api.url`"));
            }
            Self::KeyInAddress { variable } => {
                return Some(format!("take it out: the key in {variable} is sent in a header"));
            }
            Self::Plain { .. } => "use the address with https://",
            Self::NoKey { variable, .. } | Self::UnfitKey { variable } => {
                return Some(format!("set {variable} to the key alone, on one line"));
            }
            Self::Denied { sent: true, variable, .. } => {
                return Some(format!("is the key in {variable} right, and may it read this?"));
            }
            Self::Denied { sent: false, variable, .. } => {
                return Some(format!("no key was sent: set {variable}"));
            }
            Self::Http { error: HttpError::Redirect { .. }, .. } | Self::Moved { .. } => {
                "does it need a login? where the API has moved, give its new address"
            }
            Self::Http { error: HttpError::TooLarge { .. }, .. } => {
                "ask for smaller pages with `api.pages`"
            }
            Self::Http { .. } | Self::Unavailable { .. } => {
                "nothing was written: run it again later, what was imported is known again"
            }
            Self::Refused { status: StatusCode::NOT_FOUND, .. } => {
                "is the address complete? it is called as it is, with the parameters after it"
            }
            Self::Refused { .. } => "see `api` in docs/reference/import.md for what is sent",
            Self::WebPage { .. } => "is it the address of the API, and does it want another key?",
            Self::Answer { problem: AnswerProblem::NoJson(_), .. } => {
                "is it the address of the API? call it with curl to see what it says"
            }
            Self::Answer { problem: AnswerProblem::Schema { .. }, .. } => {
                "say where the rows are with `api.rows`, and what their keys are with `columns`, `from`"
            }
            Self::Pages { problem: PagesProblem::Undeclared { .. }, .. } => {
                "declare how with `api.pages`, such as pages: { by: link }: see docs/reference/import.md"
            }
            Self::Pages { .. } => "see `api.pages` in docs/reference/import.md",
            Self::Address { .. } | Self::Declared(_) | Self::Period(_) | Self::Kept(_) => {
                return None;
            }
            Self::Rows(error) => return error.hint().map(str::to_owned),
        };
        Some(hint.to_owned())
    }
}
