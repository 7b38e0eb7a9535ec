//! Secrets that cannot be printed by accident.
#![allow(missing_docs, reason = "stub")]
use std::fmt;
#[derive(Clone)]
pub struct Secret(String);
impl From<String> for Secret {
    fn from(s: String) -> Self {
        Self(s)
    }
}
impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
#[derive(Clone, Default)]
pub struct Redactor;
impl Redactor {
    pub fn redact(&self, t: &str) -> String {
        t.to_owned()
    }
}
pub fn basic_authorization(_u: &str, s: &Secret) -> Secret {
    s.clone()
}
