//! The data of a release, as values: what a store holds, what is to be sent, what is published.
//!
//! Everything here computes only. Stores and databases are read by [`crate::observe`], and changed by
//! [`crate::apply`] alone.
//!
//! What a container of a published database holds:
//!
//! ```text
//! latest.json                            which version is served: the truth
//! versions/<sha256>.duckdb               one version, never changed
//! versions/<sha256>.json                 what it is: the text of latest.json when it is served
//! backups/analytics_20260207_195358.duckdb  a copy with a time in its name, for people
//! analytics.duckdb                       a copy of the served version, made after latest.json
//! copy.json                              which version that copy holds
//! ```

mod backup;
mod change;
pub mod check;
mod choice;
pub mod health;
pub mod import;
mod lifecycle;
pub mod manifest;
mod pace;
mod pointer;
mod prepared;
mod prune;
mod published;
pub mod reader;
mod signed_url;
pub mod sql;
pub mod sync;
pub mod tables;
mod validity;

pub use backup::{
    Backup, BackupChoice, BackupDescription, DESCRIPTION, DescriptionError, MAX_DESCRIPTION,
    UNFINISHED, backup_name, backup_path, backup_time, prune_backups,
};
pub use change::Change;
pub use choice::{ChoiceError, KnownVersion, Serving, VersionChoice};
pub use lifecycle::{Ageing, azure_policy, s3_policy};
pub use pace::Pace;
pub use pointer::{MAX_POINTER, PointerError};
pub use prepared::{CheckResult, Columns, Outcome, Prepared, Snapshot, StepResult};
pub use prune::{Keep, Kept, Prunable, PrunePlan, Reason, Removal};
pub use published::{DataPlace, Pointer, PublishedVersion, ReleasedData};
pub use signed_url::{container_url, is_kept, object_url, secret_parts, secrets_line};
pub use validity::Validity;
