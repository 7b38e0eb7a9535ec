//! Webhooks: Slack's, and signed ones of one's own.

use std::time::Duration;

use hmac::{Hmac, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use url::Url;

use super::{Channels, Sent};
use crate::http::{self, Client, Options, Repeat, Request, RetryPolicy};
use crate::notice::{hex, payload, slack};
use crate::state::Notice;

/// How long Slack may take, with all repeats.
pub(super) const SLACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Nothing is read of an answer but what explains a refusal.
const LARGEST_ANSWER: usize = 64 * 1024;

impl Channels<'_> {
    /// Sends a message to Slack's incoming webhook.
    pub(super) async fn slack(&self, notice: &Notice) -> Sent {
        let Some(slack) = &self.config.notify.slack else {
            return Sent::Failed("the configuration has no Slack".to_owned());
        };
        let message = slack::message(notice, self.repository.as_deref());
        self.slack_message(&slack.webhook_env, &message).await
    }

    pub(super) async fn slack_message(&self, variable: &str, message: &serde_json::Value) -> Sent {
        let body = message.to_string().into_bytes();
        self.post(variable, HeaderMap::new(), body, SLACK_TIMEOUT).await
    }

    /// Sends a webhook with the event, its id and a signature in headers.
    pub(super) async fn webhook(
        &self,
        url: &str,
        secret: Option<&str>,
        timeout: Duration,
        notice: &Notice,
    ) -> Sent {
        match payload::body(notice, self.repository.as_deref()) {
            Ok(body) => {
                let (event, delivery) = (notice.event.word(), &notice.id);
                self.signed(url, secret, timeout, event, delivery, body).await
            }
            Err(error) => Sent::Failed(format!("the notice cannot be written: {error}")),
        }
    }

    /// Sends a body with the event, its id and a signature in headers.
    pub(super) async fn signed(
        &self,
        url: &str,
        secret: Option<&str>,
        timeout: Duration,
        event: &str,
        delivery: &str,
        body: Vec<u8>,
    ) -> Sent {
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &str| {
            // Ids and words are ASCII letters, digits and hyphens.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("tidegate-event", event);
        set("tidegate-delivery", delivery);
        if let Some(name) = secret {
            let Some(key) = (self.variable)(name) else {
                return Sent::Failed(format!("{name} is not set"));
            };
            match signature(key.as_bytes(), &body) {
                Some(signature) => set("tidegate-signature-256", &signature),
                None => return Sent::Failed(format!("{name} cannot be the key of a signature")),
            }
        }
        self.post(url, headers, body, timeout).await
    }

    async fn post(
        &self,
        variable: &str,
        mut headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Sent {
        let url = match (self.variable)(variable).map(|value| address(&value)) {
            Some(Ok(url)) => url,
            Some(Err(problem)) => return Sent::Failed(format!("{variable}: {problem}")),
            None => return Sent::Failed(format!("{variable} is not set")),
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let client = Client::new(Options {
            retry: RetryPolicy { attempts: 3, total: timeout, ..RetryPolicy::default() },
            attempt_timeout: timeout,
            ..Options::default()
        });
        let request = Request {
            method: reqwest::Method::POST,
            url,
            headers,
            authorization: None,
            body,
            repeat: Repeat::Limited,
            largest_body: LARGEST_ANSWER,
            deadline: None,
        };
        match client.send(&request).await {
            Ok(answer) if answer.status.is_success() => Sent::DONE,
            Ok(answer) => {
                let host = http::host_of(&request.url);
                let said = http::summary(&answer.body);
                let problem = format!("{host} answered {}: {said}", answer.status);
                match answer.status.as_u16() {
                    // A gateway that lost what is behind it does not know either.
                    502 | 504 => Sent::Unknown(problem),
                    _ => Sent::Failed(problem),
                }
            }
            // The whole answer was a success, only longer than anybody wants to read.
            Err(http::HttpError::TooLarge { .. }) => Sent::DONE,
            Err(error) if error.may_have_been_applied() => Sent::Unknown(error.to_string()),
            Err(error) => Sent::Failed(error.to_string()),
        }
    }
}

/// Reads an address from the environment. It is never quoted: it is a secret.
fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| "expected the URL of a webhook")?;
    let safe = url.scheme() == "https" || (url.scheme() == "http" && http::is_loopback(&url));
    if !safe {
        return Err("expected an https URL: plain http is for this machine only");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected a URL without a user part; sign with `secret_env` instead");
    }
    Ok(url)
}

/// Signs a body: `sha256=` and the HMAC (RFC 2104) in hexadecimal digits.
fn signature(key: &[u8], body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        // Section 4.3, test case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?").as_deref(),
            Some("sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn addresses_are_https_or_on_this_machine() {
        for good in ["https://hooks.slack.com/services/T/B/x", "http://127.0.0.1:9/x"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["http://hooks.example/x", "ghs_token", "file:///etc/passwd", "https://u:p@h/"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
