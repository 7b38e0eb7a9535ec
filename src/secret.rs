//! Secrets that cannot be printed by accident.
//!
//! [`Secret`] keeps a value out of `Debug`, `Display` and serialisation. [`Redactor`] is the second
//! net: it removes registered values, also base64 and URL encoded, from text that others wrote
//! (server answers, library errors) before that text is shown or stored. Actions masks hide the
//! plain text only, so the redaction has to happen in the process.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// What is shown in place of a secret.
const MASK: &str = "***";

/// The shortest encoded piece that is searched for: shorter ones would hit innocent text.
const SHORTEST_ENCODED: usize = 8;

/// A value that is never shown: a password, a token, a header that carries one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Hands the value out, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to protect.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(MASK)
    }
}

/// The shortest beginning of a secret that is looked for at a cut, in bytes.
const SHORTEST_BEGIN: usize = 6;
/// The most cuts of a text that are looked at.
const MOST_CUTS: usize = 100;

/// Replaces registered secrets by `***` in any text.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that no part of a longer form is left standing.
    needles: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("forms", &self.needles.len()).finish()
    }
}

impl Redactor {
    /// Makes a redactor that knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a secret: its plain text, each of its lines, its form between the quotes of JSON and
    /// of Go's messages, its URL encoded forms, and its base64
    /// forms wherever it stands in the encoded text (so `base64("user:" + secret)` is found, too).
    pub fn add(&mut self, secret: &Secret) {
        let value = secret.expose();
        if value.is_empty() {
            return;
        }
        self.needle(value.to_owned());
        for line in value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_ENCODED) {
            self.needle(line.to_owned());
        }
        if let Ok(quoted) = serde_json::to_string(value) {
            self.needle(quoted.trim_matches('"').to_owned());
        }
        for form in url_encoded(value) {
            self.needle(form);
        }
        for form in base64_at_any_offset(value.as_bytes()) {
            self.needle(form);
        }
        self.needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.needles.dedup();
    }

    /// Registers a password together with its user name: also the value of a Basic
    /// `Authorization` header (RFC 7617) is found as a whole.
    pub fn add_login(&mut self, user: &str, password: &Secret) {
        if password.is_empty() {
            return;
        }
        self.add(password);
        self.add(&Secret::new(STANDARD.encode(format!("{user}:{}", password.expose()))));
    }

    /// Returns `text` without any registered secret.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for needle in &self.needles {
            if text.contains(needle.as_str()) {
                text = Cow::Owned(text.replace(needle.as_str(), MASK));
            }
        }
        text
    }

    /// Returns `text` without any registered secret, and without the beginning of one before a `…`,
    /// which says that somebody cut the text who knows no secrets.
    pub fn redact_cut(&self, text: &str) -> String {
        let text = self.redact(text);
        let mut shown = String::with_capacity(text.len());
        let mut rest = &*text;
        for _ in 0..MOST_CUTS {
            let Some((before, after)) = rest.split_once('…') else { break };
            let begun = self.needles.iter().filter_map(|needle| {
                let mut ends = needle.char_indices().map(|(at, _)| at).rev();
                ends.find(|end| *end >= SHORTEST_BEGIN && before.ends_with(&needle[..*end]))
            });
            match begun.max() {
                Some(begun) => shown.extend([&before[..before.len() - begun], MASK, "…"]),
                None => shown.extend([before, "…"]),
            }
            rest = after;
        }
        shown.push_str(rest);
        shown
    }

    fn needle(&mut self, form: String) {
        // A mask inside a mask would let `redact` change its own output.
        if !form.is_empty() && !MASK.contains(form.as_str()) {
            self.needles.push(form);
        }
    }
}

/// The forms that a value takes in a URL: query (`+` for a space), path (`%20`), and with
/// lower-case hexadecimal digits.
fn url_encoded(value: &str) -> Vec<String> {
    let query: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let path = query.replace('+', "%20");
    [query, path]
        .into_iter()
        .filter(|form| form != value)
        .flat_map(|form| [lower_case_escapes(&form), form])
        .collect()
}

fn lower_case_escapes(text: &str) -> String {
    let mut digits_left = 0;
    text.chars()
        .map(|c| {
            if c == '%' {
                digits_left = 2;
                c
            } else if digits_left > 0 {
                digits_left -= 1;
                c.to_ascii_lowercase()
            } else {
                c
            }
        })
        .collect()
}

/// The characters that `value` alone decides in a base64 text, for each of the three places
/// (modulo 3 bytes) at which it may begin.
fn base64_at_any_offset(value: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for offset in 0..3_usize {
        let mut padded = vec![0; offset];
        padded.extend_from_slice(value);
        // Characters that also depend on the bytes before or after are left out (6 bits each).
        let first = (offset * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            if let Some(core) = engine.encode(&padded).get(first..last)
                && core.len() >= SHORTEST_ENCODED
            {
                forms.push(core.to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ghs_aB3/+ =x?ü9zzQ";

    fn redactor() -> Redactor {
        let mut redactor = Redactor::new();
        redactor.add_login("x-access-token", &Secret::new(TOKEN));
        redactor
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_is_hidden() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("pässword-of-the-database"));
        for (text, shown) in [
            ("url://u:pässword-of-the-da… (shown by the app)", "url://u:***… (shown by the app)"),
            ("pässword-of… and pässword-of-the-database", "***… and ***"),
            ("päss…", "päss…"),
            ("nothing here…\nnor here", "nothing here…\nnor here"),
        ] {
            assert_eq!(redactor.redact_cut(text), shown);
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_debug_or_display() {
        let secret = Secret::new(TOKEN);
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    }

    #[test]
    fn promise_10_plain_url_and_base64_forms_are_removed() {
        let query: String = url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect();
        let mut leaks = vec![TOKEN.to_owned(), query.clone(), query.replace('+', "%20")];
        leaks.push(lower_case_escapes(&query));
        leaks.push(STANDARD.encode(format!("x-access-token:{TOKEN}")));
        for prefix in ["", "a", "ab", "abc", "user:"] {
            leaks.push(STANDARD.encode(format!("{prefix}{TOKEN} and more")));
            leaks.push(URL_SAFE.encode(format!("{prefix}{TOKEN}")));
        }
        for leak in leaks {
            let shown = redactor().redact(&format!("before {leak} after")).into_owned();
            assert!(shown.starts_with("before ") && shown.ends_with(" after"), "{shown}");
            assert!(shown.contains(MASK), "{leak} was left as {shown}");
            assert!(!shown.contains(TOKEN), "{shown}");
            let kept = shown.replace("before ", "").replace(" after", "");
            // What is left of an encoded text are the few characters that its neighbours decide.
            assert!(kept.len() < leak.len(), "{leak} was left as {shown}");
        }
    }

    #[test]
    fn a_secret_between_quotes_is_removed() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("a \"quoted\" secret \\ ü"));
        let said = r#"invalid variable "=a \"quoted\" secret \\ ü" given"#;
        assert_eq!(redactor.redact(said), r#"invalid variable "=***" given"#);
    }

    #[test]
    fn every_line_of_a_key_is_removed() {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("-----BEGIN KEY-----\nMHcCAQEEIB\n-----END KEY-----\n"));
        assert_eq!(redactor.redact("said MHcCAQEEIB once"), "said *** once");
    }

    #[test]
    fn text_without_a_secret_is_not_touched() {
        assert!(matches!(redactor().redact("nothing here"), Cow::Borrowed("nothing here")));
        let mut none = Redactor::new();
        none.add(&Secret::new(""));
        assert_eq!(none.redact("abc"), "abc");
    }
}
