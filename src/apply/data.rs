//! Publishes a version of a database: the only code that writes into its container.
//!
//! 1. The version's file, then its description: nobody sees them yet.
//! 2. The backup, by a copy on the server's side.
//! 3. `latest.json`, by compare-and-swap: from here on the version is served.
//! 4. The copy for readers that know no pointer, by a copy on the server's side. The pointer is read
//!    again after it: where it has moved meanwhile, the copy is made anew, so that it never ends
//!    older than the pointer.
//!
//! Each part does nothing where it is done already: a run that was killed is completed by the next.

pub mod backup;
mod check_version;
mod copy;
pub mod fetch;
mod hand_out;
pub mod import;
mod links;
pub mod manifest_copy;
pub mod manifest_file;
mod move_pointer;
mod prune;
pub mod pull;
pub mod queue;
pub mod send;
pub mod swap;
pub mod tree;
mod upload_version;

pub use check_version::check_version;
pub use hand_out::hand_out;
pub use move_pointer::move_pointer;
pub use prune::prune;
pub use upload_version::{replace_version, upload_version};

/// So often a compare-and-swap is tried.
const TRIES: usize = 5;

/// Why a version could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The version is not in the store, or not whole.
    #[error("{place} {problem}")]
    NoVersion {
        /// The version's file.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What was published before belongs to a release, and this publication to none.
    #[error("{place} is that of release {release}, and this publication has no release of its own")]
    Released {
        /// The pointer.
        place: String,
        /// The release that it names.
        release: u64,
    },
    /// Others moved the pointer, or the copy, each time.
    #[error("{place} was moved by others {TRIES} times in a row")]
    LostRace {
        /// What was to be moved.
        place: String,
    },
}
