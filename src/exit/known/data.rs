//! The errors of stores, databases and published data, and their exit codes.

use crate::adapters::data_source::SourceError;
use crate::adapters::database::DatabaseError;
use crate::adapters::store::StoreError;
use crate::apply::data::PublishError;
use crate::apply::data::backup::BackupError;
use crate::apply::data::manifest_file::ManifestFileError;
use crate::apply::data::pull::PullError;
use crate::data::import::api::PeriodProblem;
use crate::data::sync::TooManyDeletions;
use crate::exit::{Classified, Exit, ROOM};
use crate::http::HttpError;
use crate::observe::data::api::ApiError;
use crate::observe::data::kept::BackupDamaged;
use crate::observe::data::proof::ProofError;
use crate::observe::data::scan::ScanError;

fn is_closed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

impl Classified for DatabaseError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoEngine { .. } | Self::Text { .. } | Self::Table { .. } => Exit::Usage,
            Self::Open { .. } | Self::Sql { .. } | Self::Ended { .. } => Exit::BadInput,
            Self::InUse { .. } | Self::TimedOut { .. } => Exit::Unreachable,
            Self::Constraint { .. } => Exit::DataFailed,
            Self::Full { .. } => Exit::Incomplete,
            Self::Io { .. } => Exit::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Full { .. } => Some(ROOM.to_owned()),
            Self::Constraint { .. } => Some(
                "mend the row, or give the import a rule of its own that names such rows"
                    .to_owned(),
            ),
            Self::InUse { .. } => Some(
                "end that process, or run it again when it is done; `data import` and `data backup` wait longer \
                 with `--wait 10m`, and `data import --swap` goes on beside programs that only read a DuckDB file"
                    .to_owned(),
            ),
            Self::NoEngine { .. }
            | Self::Text { .. }
            | Self::Table { .. }
            | Self::Open { .. }
            | Self::Sql { .. }
            | Self::Ended { .. }
            | Self::TimedOut { .. }
            | Self::Io { .. } => None,
        }
    }
}

impl Classified for BackupError {
    fn exit(&self) -> Exit {
        match self {
            Self::Locked { .. } | Self::InUse { .. } => Exit::Unreachable,
            Self::NoName { .. } => Exit::LostRace,
            Self::Io { .. } => Exit::BadInput,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } if is_closed(source) => {
                Some("nothing was changed; may this user write there?".to_owned())
            }
            Self::Locked { .. } => Some("run it again when that one has ended".to_owned()),
            Self::InUse { .. } => {
                Some("end that process, such as the app, and run it again".to_owned())
            }
            Self::NoName { .. } => Some("run it again in a minute".to_owned()),
            Self::Io { .. } => None,
        }
    }
}

impl Classified for BackupDamaged {
    fn exit(&self) -> Exit {
        Exit::DataFailed
    }

    fn hint(&self) -> Option<String> {
        Some(
            "`tidegate data backup --verify-all` says which backups can be restored; the database is as it was"
                .to_owned(),
        )
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
        match self {
            Self::Credentials { .. } | Self::Denied { .. } => Some(
                "docs/how-to/data-azure.md and data-s3.md say which variables and permissions a \
                 store needs"
                    .to_owned(),
            ),
            Self::Changed { .. } => Some("run it again when nothing writes the file".to_owned()),
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
            | Self::File { .. } => None,
        }
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
            Self::Full { .. } => Exit::Incomplete,
            Self::File { .. } => Exit::Internal,
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
            Self::Full { .. } => ROOM,
            Self::Locked { .. } => "end that process, or give it more time with --timeout",
            Self::TimedOut { .. } => "give it more time with --timeout",
            Self::Target { .. } | Self::File { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl Classified for ApiError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoAddress { .. }
            | Self::Address { .. }
            | Self::KeyInAddress { .. }
            | Self::Plain { .. }
            | Self::NoKey { .. }
            | Self::UnfitKey { .. }
            | Self::Declared(_)
            | Self::Period(
                PeriodProblem::Days(_) | PeriodProblem::NoDays(_) | PeriodProblem::Zone(_),
            ) => Exit::Usage,
            Self::Http {
                error: HttpError::Redirect { .. } | HttpError::TooLarge { .. }, ..
            }
            | Self::Refused { .. }
            | Self::Moved { .. }
            | Self::WebPage { .. }
            | Self::Answer { .. }
            | Self::Pages { .. }
            | Self::Rows(_)
            | Self::Period(PeriodProblem::Watermark(_)) => Exit::BadInput,
            Self::Http { error, .. } => error.exit(),
            Self::Denied { .. } => Exit::Denied,
            Self::Unavailable { .. } => Exit::Unreachable,
            Self::Kept(_) => Exit::Incomplete,
        }
    }

    fn hint(&self) -> Option<String> {
        ApiError::hint(self)
    }
}
