//! A ledger that somebody has kept before tidegate was here.

use super::survey::{Survey, is_aside};
use crate::config::Config;
use crate::ledger::{self, EntryStatus};
use crate::model::CommitSha;

/// A ledger with entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFound {
    /// Its path.
    pub path: String,
    /// How many entries it has.
    pub entries: usize,
    /// How many lines look like an entry and are none.
    pub skipped: usize,
    /// The commits that passed, in the order of the file.
    pub passed: Vec<CommitSha>,
}

/// Finds the ledger: where the configuration says, at the default place, or the Markdown file with
/// the most entries.
pub(super) fn find(survey: &Survey) -> Option<LedgerFound> {
    let default = Config::default().ledger.path;
    if let Some(config) = &survey.config {
        return read(survey, &config.ledger.path);
    }
    read(survey, &default).or_else(|| {
        let files = survey.texts.keys().filter(|path| {
            std::path::Path::new(path).extension().is_some_and(|own| own == "md")
                // Documents may well be the place of a ledger; other people's code is not.
                && (path.starts_with("docs/") || !is_aside(path))
                && super::quote::is_plain_path(path)
        });
        let found =
            files.filter_map(|path| read(survey, path)).filter(|own| !own.passed.is_empty());
        found.max_by_key(|own| own.entries)
    })
}

fn read(survey: &Survey, path: &str) -> Option<LedgerFound> {
    let ledger = ledger::parse(survey.text(path)?.as_bytes()).ok()?;
    let passed = ledger.entries.iter().filter(|entry| entry.status == EntryStatus::Passed);
    let found = LedgerFound {
        path: path.to_owned(),
        entries: ledger.entries.len(),
        skipped: ledger.warnings.len(),
        passed: passed.map(|entry| entry.commit.clone()).collect(),
    };
    (found.entries > 0).then_some(found)
}
