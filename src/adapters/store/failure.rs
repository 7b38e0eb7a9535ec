//! What a request to a store came to, where it did not succeed: one type that goes through
//! `object_store`'s errors unchanged, without any URL, header or secret.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use object_store::client::{HttpError, HttpErrorKind};

use crate::http::one_line;

/// The difference of clocks that stores accept at most, in minutes: 15 with Azure and S3; a third of
/// it is worth telling where a signature is refused.
const CLOCKS_DIFFER: i64 = 5;

/// Why a request did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The server answered, and not with success.
    #[error("{}", shown(*status, code, message))]
    Answer {
        /// The status.
        status: u16,
        /// The store's own name for it (`ContainerBeingDeleted`, `SlowDown`); empty where it has none.
        code: String,
        /// What it says, on one line.
        message: String,
        /// By how many minutes this machine's clock is ahead of the server's.
        clock_ahead: i64,
        /// What a `Retry-After` asks for.
        asked: Option<Duration>,
        /// Whether an earlier attempt may have been applied.
        repeated: bool,
    },
    /// No connection.
    #[error("no connection ({0})")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke ({0})")]
    Cut(String),
    /// Nothing came for too long.
    #[error("no answer in time")]
    TimedOut,
    /// What arrived is not what was sent.
    #[error("{0}")]
    Damaged(String),
    /// There is no token to log in with.
    #[error("{0}")]
    Login(String),
    /// An answer that makes no sense.
    #[error("{0}")]
    Unreadable(String),
}

fn shown(status: u16, code: &str, message: &str) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let name = if code.is_empty() { reason.unwrap_or_default() } else { code };
    let mut text = format!("{status} {name}").trim_end().to_owned();
    if !message.is_empty() {
        text = format!("{text}: {message}");
    }
    text
}

impl Failure {
    /// Reads an answer that is no success.
    pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body.get(..16_384).unwrap_or(body));
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let code = header("x-ms-error-code").or_else(|| element(&text, "Code"));
        // Azure's message goes on with the id of the request and the time.
        let message = element(&text, "Message").map(|message| {
            let first = message.lines().next().unwrap_or_default();
            without_signatures(&one_line(&unescaped(first)))
        });
        let date = header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let clock_ahead = date
            .map_or(0, |date| (Timestamp::now().as_second() - date.timestamp().as_second()) / 60);
        Self::Answer {
            status: status.as_u16(),
            code: one_line(code.unwrap_or_default()),
            message: message.unwrap_or_default(),
            clock_ahead,
            asked: header("retry-after")
                .and_then(|asked| asked.trim().parse().ok())
                .map(Duration::from_secs),
            repeated: false,
        }
    }

    /// Finds the failure below an error of the library.
    pub(super) fn below<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return Some(failure);
            }
            next = error.source();
        }
        None
    }

    /// Whether the same request may succeed in a while.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            // A second body may arrive whole.
            Self::Answer { status: 408 | 429 | 500 | 502 | 503 | 504, .. }
            | Self::Cut(_)
            | Self::TimedOut
            | Self::Damaged(_) => true,
            Self::Answer { code, .. } => matches!(
                code.as_str(),
                // A container of that name is being deleted; a write beside this one; a body that was
                // damaged or too slow on its way.
                "ContainerBeingDeleted"
                    | "ConditionalRequestConflict"
                    | "OperationAborted"
                    | "Md5Mismatch"
                    | "BadDigest"
                    | "XAmzContentSHA256Mismatch"
                    | "IncompleteBody"
                    | "RequestTimeout"
                    | "InternalError"
                    | "SlowDown"
            ),
            Self::Connect(reason) => !reason.contains("certificate"),
            Self::Login(_) | Self::Unreadable(_) => false,
        }
    }

    /// Whether the server asks for fewer requests.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Answer { status, code, .. } => {
                matches!(status, 429 | 503) || code == "SlowDown" || code == "ServerBusy"
            }
            Self::Connect(_)
            | Self::Cut(_)
            | Self::TimedOut
            | Self::Damaged(_)
            | Self::Login(_)
            | Self::Unreadable(_) => false,
        }
    }

    /// Whether the server may have applied the request all the same.
    pub(super) fn may_have_been_applied(&self) -> bool {
        match self {
            Self::Answer { status, .. } => *status >= 500 && *status != 503,
            Self::Connect(_) | Self::Login(_) => false,
            Self::Cut(_) | Self::TimedOut | Self::Damaged(_) | Self::Unreadable(_) => true,
        }
    }

    /// The same, of a request that was sent before.
    pub(super) fn after_repeats(mut self, earlier: bool) -> Self {
        if let Self::Answer { repeated, .. } = &mut self {
            *repeated = earlier;
        }
        self
    }

    /// What the server asks to wait.
    pub(super) fn asked(&self) -> Option<Duration> {
        match self {
            Self::Answer { asked, .. } => *asked,
            Self::Connect(_)
            | Self::Cut(_)
            | Self::TimedOut
            | Self::Damaged(_)
            | Self::Login(_)
            | Self::Unreadable(_) => None,
        }
    }

    /// How far this machine's clock is off, in minutes, where the store refuses because of it.
    pub(super) fn clock(&self) -> Option<i64> {
        match self {
            Self::Answer { status: 400 | 401 | 403, clock_ahead, code, .. }
                if clock_ahead.abs() >= CLOCKS_DIFFER || code == "RequestTimeTooSkewed" =>
            {
                Some(*clock_ahead)
            }
            Self::Answer { .. }
            | Self::Connect(_)
            | Self::Cut(_)
            | Self::TimedOut
            | Self::Damaged(_)
            | Self::Login(_)
            | Self::Unreadable(_) => None,
        }
    }
}

impl From<Failure> for HttpError {
    /// `Unknown` is what the library never repeats: that is done below it.
    fn from(failure: Failure) -> Self {
        Self::new(HttpErrorKind::Unknown, failure)
    }
}

/// The text of the first element of a name in a small XML document.
pub(super) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    Some(value.trim())
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// A text of a server or a library without the values of signatures in URLs.
pub(super) fn without_signatures(text: &str) -> String {
    let mut shown = text.to_owned();
    for name in ["sig=", "X-Amz-Signature=", "X-Goog-Signature=", "X-Amz-Security-Token="] {
        let mut from = 0;
        while let Some(at) = shown[from..].find(name) {
            let start = from + at + name.len();
            let end =
                shown[start..].find(['&', ' ', '"', '\'', ')']).map_or(shown.len(), |n| start + n);
            shown.replace_range(start..end, "***");
            from = start + 3;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_without_signatures_and_request_ids() {
        let body = b"\xEF\xBB\xBF<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed &amp; said \x1b[31mno to ?se=1&amp;sig=abc%2Fdef&amp;x\nRequestId:1\nTime:2</Message></Error>";
        let failure = Failure::of(StatusCode::FORBIDDEN, &HeaderMap::new(), body);
        let shown = failure.to_string();
        assert_eq!(
            shown,
            "403 AuthenticationFailed: Server failed & said [31mno to ?se=1&sig=***&x"
        );
        assert!(!failure.is_transient() && !failure.is_busy() && failure.clock().is_none());
    }

    #[test]
    fn an_old_date_of_the_server_is_a_wrong_clock() {
        let mut headers = HeaderMap::new();
        headers.insert("date", "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap());
        headers.insert("retry-after", "7".parse().unwrap());
        let failure = Failure::of(StatusCode::FORBIDDEN, &headers, b"");
        assert!(failure.clock().is_some_and(|minutes| minutes > 5_000_000));
        assert_eq!(failure.asked(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn what_is_tried_again() {
        let answer = |status: u16, code: &str| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            Failure::of(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
        };
        for (failure, transient, busy, applied) in [
            (answer(503, "ServerBusy"), true, true, false),
            (answer(429, ""), true, true, false),
            (answer(500, "InternalError"), true, false, true),
            (answer(200, "SlowDown"), true, true, false),
            (answer(409, "ContainerBeingDeleted"), true, false, false),
            (answer(409, "BlobAlreadyExists"), false, false, false),
            (answer(412, "ConditionNotMet"), false, false, false),
            (Failure::Connect("connection refused".into()), true, false, false),
            (Failure::Connect("certificate verify failed".into()), false, false, false),
            (Failure::Cut(String::new()), true, false, true),
            (Failure::TimedOut, true, false, true),
        ] {
            assert_eq!(failure.is_transient(), transient, "{failure:?}");
            assert_eq!(failure.is_busy(), busy, "{failure:?}");
            assert_eq!(failure.may_have_been_applied(), applied, "{failure:?}");
        }
    }
}
