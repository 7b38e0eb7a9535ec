//! Exit codes, and how an error comes to its code and its hint.
//!
//! A command ends with `Ok(Exit)` where it did what it is for, even when the verdict is a
//! rollback or a hold, and with an error where it could not. An error gets its code
//! 1. from the outermost [`Failed`] in its chain that names one, else
//! 2. a disk that is full is [`Exit::Incomplete`], whoever met it, else
//! 3. from the first error in its chain that is [`Classified`] in `exit/known.rs`, the one place
//!    that knows the errors of all adapters, else
//! 4. it is an internal error.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

mod known;

/// How a command ended, as the process tells its caller.
///
/// The numbers are part of the interface: a number is never given a new meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Promoted, nothing to do, superseded, or only a report was asked for.
    Done,
    /// A defect of tidegate, or an error that no other code names.
    Internal,
    /// Options, arguments or the configuration file are wrong.
    Usage,
    /// The verdict was a rollback, and it was carried out, or waits in a pull request.
    RolledBack,
    /// The verdict was hold, or a person answered a question with no.
    Held,
    /// The failed jobs are to be tried again before anything is rolled back.
    Retry,
    /// The event, the fork or the branch may not do this.
    Refused,
    /// The world has moved since the plan was made.
    StalePlan,
    /// The network, a registry or the git remote did not answer.
    Unreachable,
    /// The remote answered, and does not allow it.
    Denied,
    /// A file, an image or a clone that was given is not what it should be.
    BadInput,
    /// There is no commit that counts as good.
    NoGoodCommit,
    /// Others moved the same ref again and again.
    LostRace,
    /// What was probed does not work.
    ProbeFailed,
    /// A step or a check of the data did not pass, and nothing was published.
    DataFailed,
    /// Some files could not be sent or fetched; the others were. Or a disk is full.
    Incomplete,
}

impl Exit {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Done,
        Self::Internal,
        Self::Usage,
        Self::RolledBack,
        Self::Held,
        Self::Retry,
        Self::Refused,
        Self::StalePlan,
        Self::Unreachable,
        Self::Denied,
        Self::BadInput,
        Self::NoGoodCommit,
        Self::LostRace,
        Self::ProbeFailed,
        Self::DataFailed,
        Self::Incomplete,
    ];

    /// Returns the number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Internal => 1,
            // The number that clap uses for wrong arguments.
            Self::Usage => 2,
            Self::RolledBack => 3,
            Self::Held => 4,
            Self::Retry => 5,
            Self::Refused => 6,
            Self::StalePlan => 7,
            Self::Unreachable => 8,
            Self::Denied => 9,
            Self::BadInput => 10,
            Self::NoGoodCommit => 11,
            Self::LostRace => 12,
            Self::ProbeFailed => 13,
            Self::DataFailed => 14,
            Self::Incomplete => 15,
        }
    }

    /// Returns the name that stands in the documentation and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::RolledBack => "rolled-back",
            Self::Held => "held",
            Self::Retry => "retry",
            Self::Refused => "refused",
            Self::StalePlan => "stale-plan",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::BadInput => "bad-input",
            Self::NoGoodCommit => "no-good-commit",
            Self::LostRace => "lost-race",
            Self::ProbeFailed => "probe-failed",
            Self::DataFailed => "data-failed",
            Self::Incomplete => "incomplete",
        }
    }

    /// Returns what happened, as the table of the documentation says it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => {
                "promoted, nothing to do, superseded by a newer commit, or only a report was \
                 asked for"
            }
            Self::Internal => "a defect of tidegate, or an error that no other code names",
            Self::Usage => "an option, an argument or the configuration file is wrong",
            Self::RolledBack => {
                "the verdict was a rollback, and it was carried out, or waits in a pull request \
                 where the branch is protected; or a bake took users back"
            }
            Self::Held => {
                "nothing was promoted and nothing was reverted: evidence is missing, a hold or a \
                 freeze is in force, or a person answered a question with no; or a release that \
                 fails declares that there is no way back"
            }
            Self::Retry => "a check failed and its retries are not used up",
            Self::Refused => "this event, fork or branch may not do this",
            Self::StalePlan => "the plan was made for a world that has moved since",
            Self::Unreachable => "the network, a registry or the git remote did not answer in time",
            Self::Denied => {
                "the remote does not allow it: a missing permission, a protected branch, a token \
                 that is missing or has run out"
            }
            Self::BadInput => {
                "what was given cannot be used: a broken ledger, report, metrics file, `needs` or \
                 plan, an image that is missing or incomplete, a clone without the history"
            }
            Self::NoGoodCommit => "no commit counts as good, so there is nothing to go back to",
            Self::LostRace => "others moved the same ref each time that it was tried",
            Self::ProbeFailed => {
                "`smoke` found that what it probed does not work, or a publication of data failed its \
                 proof: the output says what it saw"
            }
            Self::DataFailed => {
                "a step or a check of the data did not pass, or a file could not be read by the \
                 app's version of DuckDB, and nothing was published; or rows of an import are bad, and \
                 nothing was written"
            }
            Self::Incomplete => {
                "some files could not be sent or fetched, and the output names them; the others \
                 were, and are not sent again; or a disk is full"
            }
        }
    }

    /// Returns what a workflow does with it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Done => "go on; the output `verdict` says which of these it was",
            Self::Internal => "fail the job and report it with the output of `-v`",
            Self::Usage => "fail the job; the message names the file, the line and the key",
            Self::RolledBack => {
                "fail the job, so that the people who pushed see it; deploy nothing from this \
                 commit"
            }
            Self::Held => {
                "fail the job, so that a person looks; rerun it when the cause is gone; deploy \
                 nothing"
            }
            Self::Retry => {
                "wait: the retry workflow starts the failed jobs again, and the gate of that \
                 attempt decides; where a warning says that it did not start, start them again"
            }
            Self::Refused => "do not start the gate from this event: mend the workflow's `on:`",
            Self::StalePlan => "make a new plan, and have it approved again",
            Self::Unreachable => "rerun the job later; what had begun is completed by the next run",
            Self::Denied => {
                "do not rerun before the permission is given; the message names it, and the \
                 release that was recorded stands"
            }
            Self::BadInput => "mend what the message names; nothing was changed",
            Self::NoGoodCommit => "promote a commit first, or name one with `rollback --to`",
            Self::LostRace => "rerun the job; give the gate's job a concurrency group",
            Self::ProbeFailed => "fail the job; mend the app, or go back to the release before",
            Self::DataFailed => {
                "fail the job, so that a person looks at the data; users keep theirs"
            }
            Self::Incomplete => "rerun the job: it goes on where this one ended",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that knows its exit code and, where there is one, what to do about it.
///
/// Implemented in `exit/known.rs` for the errors of the other modules, so that all the mapping is
/// in one file.
pub trait Classified: StdError + 'static {
    /// Returns the exit code.
    fn exit(&self) -> Exit;

    /// Returns what to do, as one sentence without full stop.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// An error with the exit code or the hint that the place where it happened knows.
///
/// It shows itself as the error that it wraps.
#[derive(Debug)]
pub struct Failed {
    exit: Option<Exit>,
    hint: Option<String>,
    error: anyhow::Error,
}

impl Failed {
    /// Makes an error that ends the process with `exit`.
    pub fn new(
        exit: Exit,
        message: impl fmt::Display + fmt::Debug + Send + Sync + 'static,
    ) -> Self {
        Self { exit: Some(exit), hint: None, error: anyhow::Error::msg(message) }
    }

    /// Adds what to do about it, as one sentence without full stop.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl StdError for Failed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

/// Adds an exit code or a hint to any error.
pub trait OrFailed<T> {
    /// Ends the process with `exit` if this error reaches `main`.
    fn or_exit(self, exit: Exit) -> anyhow::Result<T>;

    /// Tells the user what to do about it, as one sentence without full stop.
    fn or_hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrFailed<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|error| {
            anyhow::Error::new(Failed { exit: Some(exit), hint: None, error: error.into() })
        })
    }

    fn or_hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| {
            let hint = Some(hint.into());
            anyhow::Error::new(Failed { exit: None, hint, error: error.into() })
        })
    }
}

/// What helps where a disk is full.
const ROOM: &str = "free some space and run it again";

/// Tells whether a disk is full, or the part of it that a user may have.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// What `main` needs to know about an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The message of the error itself.
    pub error: String,
    /// What caused it, outermost first, without messages that only repeat the one before.
    pub causes: Vec<String>,
    /// What to do about it, outermost first.
    pub hints: Vec<String>,
}

impl Failure {
    /// Reads the exit code, the messages and the hints off the chain of `error`.
    pub fn of(error: &anyhow::Error) -> Self {
        let mut seen = Seen::default();
        seen.chain(error);
        let mut messages = seen.messages.into_iter();
        Self {
            exit: seen.named.or(seen.full).or(seen.known).unwrap_or(Exit::Internal),
            error: messages.next().unwrap_or_default(),
            causes: messages.collect(),
            hints: seen.hints,
        }
    }
}

#[derive(Default)]
struct Seen {
    named: Option<Exit>,
    full: Option<Exit>,
    known: Option<Exit>,
    messages: Vec<String>,
    hints: Vec<String>,
}

impl Seen {
    fn chain(&mut self, error: &anyhow::Error) {
        for error in error.chain() {
            if let Some(failed) = error.downcast_ref::<Failed>() {
                self.named = self.named.or(failed.exit);
                self.hint(failed.hint.clone());
                // The rest of the chain is the wrapped error's, and begins with it.
                return self.chain(&failed.error);
            }
            let message = error.to_string();
            // `#[error(transparent)]` and "...: {source}" say the same thing twice.
            if self.messages.last().is_none_or(|last| !last.ends_with(&message)) {
                self.messages.push(message);
            }
            if let Some((exit, hint)) = known::classify(error) {
                self.known = self.known.or(Some(exit));
                self.hint(hint);
            }
            if error.downcast_ref().is_some_and(is_full) {
                self.full = Some(Exit::Incomplete);
                self.hint(Some(ROOM.to_owned()));
            }
        }
    }

    fn hint(&mut self, hint: Option<String>) {
        if let Some(hint) = hint.filter(|hint| !self.hints.contains(hint)) {
            self.hints.push(hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn numbers_are_distinct_and_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, (0..=15).collect::<Vec<u8>>());
    }

    #[test]
    fn names_are_those_of_json() {
        for exit in Exit::ALL {
            assert_eq!(serde_json::to_value(exit).unwrap(), exit.name());
        }
    }

    #[test]
    fn a_full_disk_has_one_code_wherever_it_is_met() {
        use crate::adapters::store::StoreError;
        use crate::apply::data::backup::BackupError;
        use std::io::{Error, ErrorKind::StorageFull};

        let source = || Error::new(StorageFull, "no room");
        for error in [
            anyhow::Error::from(source()).context("cannot write"),
            StoreError::File { path: "x".into(), source: source() }.into(),
            BackupError::Io { what: "write", path: "x".into(), source: source() }.into(),
        ] {
            let failure = Failure::of(&error);
            assert_eq!((failure.exit, failure.hints), (Exit::Incomplete, vec![ROOM.to_owned()]));
        }
        let named: anyhow::Result<()> = Err(source()).or_exit(Exit::Usage);
        assert_eq!(Failure::of(&named.unwrap_err()).exit, Exit::Usage);
    }

    #[test]
    fn an_error_of_nobody_is_internal() {
        let failure = Failure::of(&anyhow!("inner").context("outer"));
        assert_eq!(failure.exit, Exit::Internal);
        assert_eq!((failure.error.as_str(), failure.causes), ("outer", vec!["inner".to_owned()]));
    }

    #[test]
    fn the_outermost_exit_wins_and_no_message_is_lost() {
        let result: anyhow::Result<()> =
            Err(anyhow!("connection reset")).or_exit(Exit::Unreachable).or_hint("try later");
        let error = result.context("cannot read the ref").or_exit(Exit::Denied).unwrap_err();
        let failure = Failure::of(&error);
        assert_eq!(failure.exit, Exit::Denied);
        assert_eq!(failure.error, "cannot read the ref");
        assert_eq!(failure.causes, ["connection reset"]);
        assert_eq!(failure.hints, ["try later"]);
    }

    #[test]
    fn what_a_transparent_error_wraps_decides() {
        use crate::adapters::{git::GitError, state_branch::StateBranchError};
        let inner = GitError::NoRepository("x".into());
        let failure = Failure::of(&anyhow::Error::new(StateBranchError::from(inner)));
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.error, "x is not in a git repository");
        assert_eq!(failure.hints, ["change to a folder of a clone, or name one with -C"]);
    }

    #[test]
    fn a_known_error_brings_its_exit_through_context() {
        let bad = crate::config::Config::parse(b"colour: red\n", "x.yml").unwrap_err();
        let failure = Failure::of(&anyhow::Error::new(bad).context("cannot begin"));
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.causes.len(), 1, "{failure:?}");
    }
}
