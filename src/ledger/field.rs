//! One field of an entry: `**Commit**: ...`, `**Commit:** ...` or `Commit: ...`.

use super::{EntryStatus, Form, SkipReason};
use crate::model::CommitSha;

/// The name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// When the tests ran.
    Date,
    /// The branch they ran on.
    Branch,
    /// The commit they ran on.
    Commit,
    /// How they ended.
    Status,
    /// The number of the release record.
    Release,
    /// Anything else.
    Other(String),
}

impl Key {
    /// Names are told apart by case, as the shell line tells them apart: a `commit:` in a front
    /// matter or a log is not an entry's.
    fn of(name: &str) -> Self {
        match name {
            "Date" => Self::Date,
            "Branch" => Self::Branch,
            "Commit" => Self::Commit,
            "Status" => Self::Status,
            RELEASE => Self::Release,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the name as it stands in the ledger.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Date => "Date",
            Self::Branch => "Branch",
            Self::Commit => "Commit",
            Self::Status => "Status",
            Self::Release => RELEASE,
            Self::Other(name) => name,
        }
    }
}

/// The field with the number of the release record.
pub(super) const RELEASE: &str = "Release";

/// Names of fields are short; a longer text before a colon is prose.
const MAX_KEY: usize = 64;

/// A line that is a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) key: Key,
    pub(super) value: &'a str,
    pub(super) form: Form,
}

/// Reads a line of a paragraph as a field.
pub(super) fn parse_field(text: &str) -> Option<Field<'_>> {
    let (name, value, form) = if let Some(rest) = text.strip_prefix("**") {
        let (name, value) = rest.split_once("**")?;
        let value = match name.strip_suffix(':') {
            Some(_) => value,
            None => value.trim_start_matches([' ', '\t']).strip_prefix(':')?,
        };
        (name.strip_suffix(':').unwrap_or(name), value, Form::Bold)
    } else {
        let (name, value) = text.split_once(':')?;
        // `https://...` and `12:30` are not fields.
        if !(value.is_empty() || value.starts_with([' ', '\t'])) || !is_plain_name(name) {
            return None;
        }
        (name, value, Form::Plain)
    };
    let name = name.trim_matches([' ', '\t']);
    if name.is_empty() || name.len() > MAX_KEY {
        return None;
    }
    let value = value.trim_matches([' ', '\t']);
    // A backslash at the end is a hard line break (CommonMark 6.7), not part of the value.
    let value = value.strip_suffix('\\').unwrap_or(value).trim_end_matches([' ', '\t']);
    Some(Field { key: Key::of(name), value, form })
}

fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || " _-./()".contains(c))
}

/// Takes the marks of inline code away.
pub(super) fn bare(value: &str) -> &str {
    value.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(value)
}

/// Reads the value of `Commit`: a full id, bare or as inline code.
pub(super) fn parse_commit(value: &str) -> Result<CommitSha, SkipReason> {
    let bare = bare(value);
    bare.parse().map_err(|_| {
        let given: String = bare.chars().take(80).collect();
        let is_hex = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let has_upper = bare.bytes().any(|byte| byte.is_ascii_uppercase());
        if bare.starts_with('-') {
            SkipReason::OptionLikeId { given }
        } else if is_hex && has_upper {
            SkipReason::UpperCaseId { given }
        } else if is_hex && bare.len() < 40 {
            SkipReason::AbbreviatedId { given }
        } else {
            SkipReason::NotAnId { given }
        }
    })
}

/// Reads the value of `Status`.
///
/// What counts as passed is narrow: a sign and a word that contradict each other, or a remark
/// after the words ("passed, then rolled back"), make a status that no commit is released on.
pub(super) fn parse_status(value: &str) -> EntryStatus {
    let other = || EntryStatus::Other(value.to_owned());
    let words_at = value.find(|c: char| c.is_alphanumeric()).unwrap_or(value.len());
    let (sign, words) = value.split_at(words_at);
    let Some(sign) = Sign::of(sign) else { return other() };
    let words = without_count(words).trim_end_matches(['.', '!']);
    let words = words.to_ascii_lowercase().replace(['-', '_'], " ");
    let words = words.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
    let status = match words.join(" ").as_str() {
        "tests passed" | "test passed" | "all tests passed" | "passed" => EntryStatus::Passed,
        "tests failed" | "test failed" | "some tests failed" | "all tests failed" | "failed"
        | "failure" | "test failure" | "tests failing" | "build failed" => EntryStatus::Failed,
        "rolled back"
        | "rollback"
        | "auto rollback"
        | "auto rolled back"
        | "automatically rolled back"
        | "automatic rollback"
        | "reverted"
        | "tests rolled back" => EntryStatus::RolledBack,
        _ => return other(),
    };
    let contradicts = match status {
        EntryStatus::Passed => sign == Sign::Bad,
        EntryStatus::Failed | EntryStatus::RolledBack => sign == Sign::Good,
        EntryStatus::Other(_) => false,
    };
    if contradicts { other() } else { status }
}

#[derive(PartialEq, Eq)]
enum Sign {
    Good,
    Bad,
    Neutral,
}

impl Sign {
    /// Reads what stands before the words: one sign or none.
    fn of(text: &str) -> Option<Self> {
        // U+FE0F asks for the coloured shape of the character before it.
        let text = text.replace('\u{fe0f}', "");
        match text.trim_matches([' ', '\t']) {
            "" => Some(Self::Neutral),
            "✅" | "✔" | "☑" | "✓" | "🟢" => Some(Self::Good),
            "❌" | "✖" | "✗" | "✘" | "🔴" | "⛔" | "🚫" | "⚠" | "🚨" | "⏪" | "↩" | "🔙" | "🔄" => {
                Some(Self::Bad)
            }
            _ => None,
        }
    }
}

/// Takes away a count at the end: `Tests Passed (22/22)`.
fn without_count(words: &str) -> &str {
    let Some((before, count)) = words.trim_end().rsplit_once('(') else { return words };
    let is_count = count.strip_suffix(')').is_some_and(|count| {
        let mut parts = count.split('/');
        let numbers =
            parts.by_ref().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        // `(21/22)` says that one did not pass.
        let whole = count.split_once('/').is_none_or(|(passed, of)| passed == of);
        numbers && whole
    });
    if is_count { before.trim_end() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_each_spelling() {
        let read = |text| parse_field(text).map(|f| (f.key.name().to_owned(), f.value, f.form));
        let commit = |value, form| Some(("Commit".to_owned(), value, form));
        assert_eq!(read("**Commit**: ab"), commit("ab", Form::Bold));
        assert_eq!(read("**Commit:** ab"), commit("ab", Form::Bold));
        assert_eq!(read("**Commit** : ab\\"), commit("ab", Form::Bold));
        assert_eq!(read("Commit: ab"), commit("ab", Form::Plain));
        assert_eq!(read("Commit:"), commit("", Form::Plain));
        for text in
            ["**Commit** ab", "Commit:ab", "https://x", "| Commit: a |", "**: x", "«C»: x", ""]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn look_alikes_are_other_fields() {
        assert_eq!(parse_field("Сommit: ab"), None, "Cyrillic Es");
        let bold = parse_field("**Сommit**: ab").map(|field| field.key);
        assert!(matches!(bold, Some(Key::Other(_))), "{bold:?}");
    }

    #[test]
    fn statuses() {
        for text in [
            "✅ Tests Passed",
            "✅ TESTS PASSED",
            "Tests Passed (22/22)",
            "✔️ All tests passed.",
            "Passed",
        ] {
            assert_eq!(parse_status(text), EntryStatus::Passed, "{text}");
        }
        for text in ["❌ Tests Failed", "Failed", "🔴 failure", "❌ Some tests failed"] {
            assert_eq!(parse_status(text), EntryStatus::Failed, "{text}");
        }
        for text in ["⏪ Rolled Back", "⚠️ Auto-rollback", "↩️ Reverted", "rolled back"] {
            assert_eq!(parse_status(text), EntryStatus::RolledBack, "{text}");
        }
        for text in [
            "✅ Active & Monitored",
            "❌ Tests Passed",
            "✅ Tests Failed",
            "✅ Tests Passed, then rolled back",
            "Tests Passed (21/22)",
            "✅ Tests Раssed",
            "✅ Tests Passed\0",
            "✅ Tes",
            "",
            "PARTIAL",
        ] {
            assert_eq!(parse_status(text), EntryStatus::Other(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn ids() {
        let id = "611b29b362b480a8e6a56848f453ab8a2091e683";
        assert!(parse_commit(id).is_ok() && parse_commit(&format!("`{id}`")).is_ok());
        let reason = |text: &str| parse_commit(text).err();
        let given = |text: &str| text.to_owned();
        assert_eq!(reason("611b29b"), Some(SkipReason::AbbreviatedId { given: given("611b29b") }));
        let upper = id.to_uppercase();
        assert_eq!(reason(&upper), Some(SkipReason::UpperCaseId { given: upper.clone() }));
        assert_eq!(reason("--exec=x"), Some(SkipReason::OptionLikeId { given: given("--exec=x") }));
        for text in ["", "HEAD", "main", "611b29b362b480a8e6a56848f453ab8a2091e68\u{ff13}"] {
            assert_eq!(reason(text), Some(SkipReason::NotAnId { given: given(text) }));
        }
        assert!(matches!(reason(&format!("{id}{id}")), Some(SkipReason::NotAnId { .. })));
    }
}
