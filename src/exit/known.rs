//! Which exit code each error of this crate has: the one place that knows them all; those
//! of data are in a room of their own.
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
use crate::apply::data::backup::BackupError;
use crate::apply::data::manifest_file::ManifestFileError;
use crate::apply::data::pull::PullError;
use crate::apply::{ApplyError, Ran};
use crate::config::{ConfigError, TagPatternError};
use crate::data::sync::TooManyDeletions;
use crate::http::HttpError;
use crate::init::InitError;
use crate::ledger::LedgerError;
use crate::observe::data::api::ApiError;
use crate::observe::data::kept::BackupDamaged;
use crate::observe::data::proof::ProofError;
use crate::observe::data::scan::ScanError;
use crate::observe::freeze::FreezeError;
use crate::observe::globs::GlobError;
use crate::observe::jobs::{DigestError, NeedsError};
use crate::observe::ledger_file::LedgerFileError;
use crate::observe::probes::Stopped;
use crate::plan::PlanError;
use crate::schedule::ScheduleError;
use crate::state::StateError;

mod data;

/// What is known about one error of a chain.
type Known = (Exit, Option<String>);

/// Every [`Classified`] error. A new one needs its `impl` below and its line here.
const KNOWN: [fn(&(dyn StdError + 'static)) -> Option<Known>; 34] = [
    known::<ConfigError>,
    known::<InitError>,
    known::<TagPatternError>,
    known::<GlobError>,
    known::<FreezeError>,
    known::<ScheduleError>,
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
    known::<BackupError>,
    known::<BackupDamaged>,
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
    known::<ApiError>,
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

always!(Usage: TagPatternError, GlobError, FreezeError, ScheduleError, PlanError, ActionsError);
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
