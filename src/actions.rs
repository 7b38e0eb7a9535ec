//! GitHub Actions: the run's identity, what its event allows, outputs, job summary, annotations,
//! masks.
//!
//! Text from outside (branch names, commit subjects, test names, outputs of other jobs) is hostile
//! here: each way out has an escaping of its own, and nothing ever writes the environment or the
//! path of later steps (`GITHUB_ENV`, `GITHUB_PATH`), which would turn text into code.

pub mod commands;
pub mod event;
pub mod markdown;
pub mod run;
pub mod skip_markers;
pub mod step_files;

pub use event::{Event, Permission, Refusal};
pub use run::{ActionsError, Run};
