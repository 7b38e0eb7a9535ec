//! Results of test reports.

use std::collections::BTreeSet;

use serde::Serialize;

/// A test that failed for good: not one that passed when it was run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedTest {
    /// The class or module, possibly empty; at most 200 characters, no control characters.
    pub class: String,
    /// The name; at most 200 characters, no control characters.
    pub name: String,
    /// What the test says, possibly empty; at most 500 characters, no control characters.
    pub message: String,
}

impl FailedTest {
    /// Returns class and name together, as notes and records name a test.
    pub fn full_name(&self) -> String {
        full_name(&self.class, &self.name)
    }
}

/// Returns `class::name`, or the name alone where there is no class.
pub fn full_name(class: &str, name: &str) -> String {
    if class.is_empty() { name.to_owned() } else { format!("{class}::{name}") }
}

/// One report that could be read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The path from the root of the work tree.
    pub path: String,
    /// How many tests it names.
    pub tests: u64,
    /// How many of them failed an assertion.
    pub failed: u64,
    /// How many of them ended in an error instead of an answer.
    pub errors: u64,
    /// How many of them were skipped.
    pub skipped: u64,
    /// Those that failed or ended in an error, at most [`Report::MAX_LISTED`].
    pub failures: Vec<FailedTest>,
    /// Tests, as `class::name`, that failed in an earlier attempt and passed in this one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub passed_again: BTreeSet<String>,
}

impl Report {
    /// How many failed tests a report lists; the others are only counted.
    pub const MAX_LISTED: usize = 100;
}

/// A report that says nothing, with the place and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InconclusiveReport {
    /// The path from the root of the work tree, or the pattern where no file matches it.
    pub path: String,
    /// The line, from 1, where there is one.
    pub line: Option<u64>,
    /// The reason.
    pub reason: ReportProblem,
}

impl std::fmt::Display for InconclusiveReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "report {:?}", self.path)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Says why a report says nothing. Each is a reason to hold and never to revert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum ReportProblem {
    /// No file matches the pattern.
    #[error(
        "no file matches this pattern (links are not followed); upload the report in the job that writes it, and download it before the gate"
    )]
    NoMatch,
    /// More files match than are read.
    #[error("more than {limit} files match; narrow the pattern")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It is a link, a folder, a pipe or a device.
    #[error("not a plain file; links are not followed")]
    NotAFile,
    /// The file cannot be read.
    #[error("cannot be read: {cause}")]
    Unreadable {
        /// What the operating system says.
        cause: String,
    },
    /// The file is larger than a report may be.
    #[error("larger than {limit} bytes; split the report")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is not UTF-8.
    #[error("encoded as {found}, expected UTF-8")]
    NotUtf8 {
        /// The encoding that was found or declared.
        found: String,
    },
    /// It is not well-formed XML.
    #[error("not well-formed XML: {cause}")]
    NotXml {
        /// What the parser says.
        cause: String,
    },
    /// It ends before its last element is closed.
    #[error("ends too early: <{open}> is not closed; the job that wrote it was probably stopped")]
    Truncated {
        /// The innermost open element.
        open: String,
    },
    /// It declares a document type, which could define entities.
    #[error(
        "has a document type declaration, which reports do not need and tidegate does not read"
    )]
    DocumentType,
    /// Its elements are nested too deeply.
    #[error("elements are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Its root is not that of a report.
    #[error("the root element is <{root}>, expected <testsuites> or <testsuite>")]
    NotAReport {
        /// The root that was found.
        root: String,
    },
    /// It names no test.
    #[error("names no test, so it proves nothing")]
    NoTests,
    /// Its counters say that tests failed, and it does not show which.
    #[error("counts {counted} failed tests and shows none of them")]
    CountsDisagree {
        /// The sum of the counters.
        counted: u64,
    },
    /// It is older than the attempt of the job that should have written it.
    #[error(
        "written at {written}, before the attempt began at {began}; it comes from an earlier attempt"
    )]
    Stale {
        /// When it was written.
        written: String,
        /// When the attempt began.
        began: String,
    },
}

/// What the test reports say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReportEvidence {
    /// Those that could be read, by path.
    pub reports: Vec<Report>,
    /// Those that say nothing.
    pub inconclusive: Vec<InconclusiveReport>,
}

/// What the test reports say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportsOutcome {
    /// No report is required.
    NothingRequired,
    /// Every report could be read, at least one test ran, and none failed.
    Passed,
    /// A test failed conclusively; it outweighs whatever is missing.
    Failed,
    /// No test failed, and a report says nothing or no test ran.
    Missing,
}

impl ReportEvidence {
    /// Returns the reports with a failed test.
    pub fn failed(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.failed + report.errors > 0)
    }

    /// Says what the reports come to.
    pub fn outcome(&self) -> ReportsOutcome {
        if self.reports.is_empty() && self.inconclusive.is_empty() {
            return ReportsOutcome::NothingRequired;
        }
        if self.failed().next().is_some() {
            return ReportsOutcome::Failed;
        }
        let some_ran = self.reports.iter().any(|report| report.tests > report.skipped);
        if some_ran && self.inconclusive.is_empty() {
            ReportsOutcome::Passed
        } else {
            ReportsOutcome::Missing
        }
    }
}
