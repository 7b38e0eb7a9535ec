//! Which exit code each error of this crate has: the one place that knows them all.
//!
//! The lists have no wildcard, so that a new kind of error does not compile before it has a code.

use std::error::Error as StdError;

use super::{Classified, Exit};
use crate::actions::ActionsError;
use crate::actions::step_files::StepFileError;
use crate::adapters::data_source::SourceError;
use crate::adapters::database::DatabaseError;
use crate::adapters::engine::EngineError;
use crate::adapters::git::GitError;
use crate::adapters::github::GitHubError;
use crate::adapters::registry::RegistryError;
use crate::adapters::state_branch::StateBranchError;
use crate::adapters::store::StoreError;
use crate::apply::data::PublishError;
use crate::apply::data::manifest_file::ManifestFileError;
use crate::apply::data::pull::PullError;
use crate::apply::{ApplyError, Ran};
use crate::config::{ConfigError, TagPatternError};
use crate::data::sync::TooManyDeletions;
use crate::http::HttpError;
use crate::init::InitError;
use crate::ledger::LedgerError;
use crate::observe::data::proof::ProofError;
use crate::observe::data::scan::ScanError;
use crate::observe::freeze::FreezeError;
use crate::observe::globs::GlobError;
use crate::observe::jobs::{DigestError, NeedsError};
use crate::observe::ledger_file::LedgerFileError;
use crate::observe::probes::Stopped;
use crate::plan::PlanError;
use crate::state::StateError;

/// What is known about one error of a chain.
type Known = (Exit, Option<String>);

/// Every [`Classified`] error. A new one needs its `impl` below and its line here.
const KNOWN: [fn(&(dyn StdError + 'static)) -> Option<Known>; 30] = [
    known::<ConfigError>,
    known::<InitError>,
    known::<TagPatternError>,
    known::<GlobError>,
    known::<FreezeError>,
    known::<NeedsError>,
    known::<DigestError>,
    known::<LedgerError>,
    known::<LedgerFileError>,
    known::<StateError>,
    known::<StateBranchError>,
    known::<GitError>,
    known::<GitHubError>,
    known::<RegistryError>,
    known::<DatabaseError>,
    known::<EngineError>,
    known::<Stopped>,
    known::<HttpError>,
    known::<PlanError>,
    known::<ApplyError>,
    known::<StoreError>,
    known::<SourceError>,
    known::<PullError>,
    known::<PublishError>,
    known::<ProofError>,
    known::<ManifestFileError>,
    known::<ScanError>,
    known::<TooManyDeletions>,
    known::<ActionsError>,
    known::<StepFileError>,
];

fn known<E: Classified>(error: &(dyn StdError + 'static)) -> Option<Known> {
    error.downcast_ref::<E>().map(|error| (error.exit(), error.hint()))
}

/// Returns the exit code and the hint of one error, if it is one of this crate's.
pub(super) fn classify(error: &(dyn StdError + 'static)) -> Option<Known> {
    KNOWN.iter().find_map(|known| known(error))
}

/// Classifies errors that have the same code whatever happened.
macro_rules! always {
    ($exit:ident: $($error:ty),+) => {
        $(impl Classified for $error {
            fn exit(&self) -> Exit {
                Exit::$exit
            }
        })+
    };
}

always!(Usage: TagPatternError, GlobError, FreezeError, PlanError, ActionsError);
always!(BadInput: NeedsError, DigestError, LedgerError, LedgerFileError, StateError);
always!(Internal: StepFileError);

impl Classified for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        ConfigError::hint(self)
    }
}

impl Classified for InitError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(InitError::hint(self).to_owned())
    }
}

// Cancelled evidence is a hold, like missing evidence.
always!(Held: Stopped);

impl Classified for EngineError {
    fn exit(&self) -> Exit {
        match self {
            Self::Address { .. } => Exit::Usage,
            Self::NoEngine { .. } | Self::Unreachable { .. } | Self::Pull { .. } => {
                Exit::Unreachable
            }
            Self::Denied { .. } => Exit::Denied,
            Self::Layout { .. }
            | Self::NoImage { .. }
            | Self::OtherDigest { .. }
            | Self::OtherPlatform { .. }
            | Self::CannotStart { .. } => Exit::BadInput,
            Self::Refused { .. } | Self::Left { .. } => Exit::Internal,
        }
    }

    // Each message says what to do.
    fn hint(&self) -> Option<String> {
        None
    }
}

impl Classified for DatabaseError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoEngine { .. } | Self::Text { .. } => Exit::Usage,
            Self::Open { .. } | Self::Sql { .. } => Exit::BadInput,
            Self::InUse { .. } | Self::TimedOut { .. } => Exit::Unreachable,
            Self::Io { .. } => Exit::Internal,
        }
    }
}

impl Classified for ManifestFileError {
    fn exit(&self) -> Exit {
        match self {
            Self::Held { .. } => Exit::LostRace,
            Self::Outside { .. } | Self::TooLarge { .. } => Exit::BadInput,
            Self::Io { .. } => Exit::Incomplete,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Held { .. } => Some("run it again when the other sync has ended".to_owned()),
            Self::Io { .. } => Some(
                "mend it (is the disk full?) and run it again: what was sent and not noted is sent again"
                    .to_owned(),
            ),
            Self::Outside { .. } | Self::TooLarge { .. } => None,
        }
    }
}

impl Classified for ScanError {
    fn exit(&self) -> Exit {
        match self {
            Self::Pattern(_) => Exit::Usage,
            Self::Outside { .. } | Self::NoFolder { .. } | Self::Io { .. } => Exit::BadInput,
        }
    }
}

impl Classified for TooManyDeletions {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OverLimit { .. } => {
                "bring the files back, or allow more by `transfer: { max_delete: 50% }` below `data` in .github/tidegate.yml"
            }
            Self::Unseen { .. } => "mend that, or sync without --delete",
        }
        .to_owned())
    }
}

impl Classified for ProofError {
    fn exit(&self) -> Exit {
        Exit::ProbeFailed
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Damaged { .. } => {
                "send it again with `tidegate sync --force`, or go back: `tidegate data restore --to previous`; apps that use `tidegate pull` keep what they have"
            }
            Self::Unusable { .. } => {
                "go back with `tidegate data restore --to previous`, and look at the engine's version"
            }
        }
        .to_owned())
    }
}

impl Classified for PublishError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoVersion { .. } => Exit::BadInput,
            Self::Released { .. } => Exit::Refused,
            Self::LostRace { .. } => Exit::LostRace,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoVersion { .. } => {
                "publish it again with `tidegate sync --force`, or name another version: \
                 `tidegate data versions` lists them"
            }
            Self::Released { .. } => {
                "publish from a clone of the repository whose release it is, so that a release of \
                 the data is recorded there"
            }
            Self::LostRace { .. } => "run it again; let one job publish at a time",
        }
        .to_owned())
    }
}

impl Classified for GitError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoRepository(_) | Self::NoRemote { .. } => Exit::Usage,
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Unauthorized { .. } => Exit::Denied,
            Self::Shallow { .. } | Self::Missing { .. } => Exit::BadInput,
            Self::Conflicts { .. } => Exit::Held,
            Self::Locked { .. } => Exit::LostRace,
            Self::TreeMismatch { .. } | Self::Other { .. } => Exit::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRepository(_) => {
                Some("change to a folder of a clone, or name one with -C".to_owned())
            }
            Self::NoRemote { .. }
            | Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Shallow { .. }
            | Self::Missing { .. }
            | Self::Conflicts { .. }
            | Self::Locked { .. }
            | Self::TreeMismatch { .. }
            | Self::Other { .. } => None,
        }
    }
}

impl Classified for StateBranchError {
    fn exit(&self) -> Exit {
        match self {
            Self::Git(error) => error.exit(),
            Self::State(error) => error.exit(),
            Self::Refused { .. } => Exit::Denied,
        }
    }

    // The first two are transparent: they show themselves as what they wrap, which the chain of
    // causes then leaves out.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Git(error) => Classified::hint(error),
            Self::State(error) => Classified::hint(error),
            Self::Refused { .. } => None,
        }
    }
}

impl Classified for RegistryError {
    fn exit(&self) -> Exit {
        match self {
            Self::Status { .. } if self.is_transient() => Exit::Unreachable,
            Self::Transport { .. } => Exit::Unreachable,
            // Registries also say "not found" where the permission to write is missing.
            Self::Status { .. }
            | Self::NotFound { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Challenge { .. }
            | Self::Credentials { .. } => Exit::Denied,
            Self::ReadBack { .. } => Exit::LostRace,
            Self::ForeignRealm { .. } => Exit::Usage,
            Self::Absent { .. }
            | Self::DigestMismatch { .. }
            | Self::Invalid { .. }
            | Self::Layout { .. } => Exit::BadInput,
        }
    }
}

impl Classified for HttpError {
    fn exit(&self) -> Exit {
        match self {
            Self::Connect { .. } | Self::TimedOut { .. } | Self::Cut { .. } => Exit::Unreachable,
            Self::TooLarge { .. } => Exit::BadInput,
            Self::Redirect { .. } => Exit::Denied,
            Self::Setup { .. } => Exit::Internal,
        }
    }
}

impl Classified for ApplyError {
    fn exit(&self) -> Exit {
        match self {
            Self::IncompleteImage { .. } => Exit::BadInput,
            Self::BeforePromote { ran: Ran::No, .. } => Exit::Unreachable,
            Self::BeforePromote { .. } => Exit::ProbeFailed,
            Self::LostRace { .. } => Exit::LostRace,
            Self::Refused { .. } | Self::Protected { .. } => Exit::Denied,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Protected { mend, .. } => Some((*mend).to_owned()),
            Self::BeforePromote { .. } => Some(
                "mend it and run the gate again: it probes again, and then runs the command again"
                    .to_owned(),
            ),
            Self::IncompleteImage { .. } | Self::LostRace { .. } | Self::Refused { .. } => None,
        }
    }
}

impl Classified for GitHubError {
    fn exit(&self) -> Exit {
        match self {
            Self::Transport { cause, .. } => cause.exit(),
            Self::RateLimit { .. } | Self::Server { .. } => Exit::Unreachable,
            Self::Unauthorized { .. } | Self::Forbidden { .. } | Self::App { .. } => Exit::Denied,
            Self::Refused { .. } | Self::Unreadable { .. } => Exit::BadInput,
        }
    }
}

impl Classified for StoreError {
    fn exit(&self) -> Exit {
        match self {
            Self::Credentials { .. } | Self::Denied { .. } | Self::Clock { .. } => Exit::Denied,
            Self::Unreachable { .. } | Self::Busy { .. } => Exit::Unreachable,
            Self::Moved { .. } => Exit::LostRace,
            Self::Unsupported { .. } => Exit::Usage,
            Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::TooLarge { .. }
            | Self::Path { .. }
            | Self::Link { .. }
            | Self::File { .. }
            | Self::Changed { .. } => Exit::BadInput,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials { .. } | Self::Denied { .. } => {
                "docs/how-to/data-azure.md and data-s3.md say which variables and permissions a store needs"
            }
            Self::Changed { .. } => "run it again when nothing writes the file",
            // Each message says what to do.
            Self::Clock { .. }
            | Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::Moved { .. }
            | Self::Unsupported { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. }
            | Self::TooLarge { .. }
            | Self::Path { .. }
            | Self::Link { .. }
            | Self::File { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl Classified for SourceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Url { .. } => Exit::Usage,
            Self::Http { error, .. } => error.exit(),
            Self::Denied { .. } => Exit::Denied,
            Self::Refused { transient: true, .. } => Exit::Unreachable,
            Self::Refused { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::TooLarge { .. }
            | Self::File { .. } => Exit::BadInput,
            Self::Store(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Denied { .. } => {
                "make a new signed URL with `tidegate sync`, and put it into the app's secrets"
            }
            Self::Missing { .. } => {
                "publish the data with `tidegate sync`, or look whether the URL is that of its container"
            }
            Self::Store(error) => return Classified::hint(error),
            Self::Url { .. }
            | Self::Http { .. }
            | Self::Refused { .. }
            | Self::Moved { .. }
            | Self::TooLarge { .. }
            | Self::File { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl Classified for PullError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Target { .. } => Exit::Usage,
            Self::Pointer { .. } | Self::Mismatch { .. } | Self::NoDatabase { .. } => {
                Exit::BadInput
            }
            Self::Full { .. } | Self::File { .. } => Exit::Internal,
            Self::Locked { .. } | Self::TimedOut { .. } => Exit::Unreachable,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Source(error) => return Classified::hint(error),
            Self::Pointer { error, .. } => error.hint(),
            Self::Mismatch { .. } => {
                "where nobody is publishing, the version is damaged: publish it again with `tidegate sync`"
            }
            Self::NoDatabase { .. } => "look whether the URL is that of the database",
            Self::Full { .. } => "free some space and run it again",
            Self::Locked { .. } => "end that process, or give it more time with --timeout",
            Self::TimedOut { .. } => "give it more time with --timeout",
            Self::Target { .. } | Self::File { .. } => return None,
        };
        Some(hint.to_owned())
    }
}
