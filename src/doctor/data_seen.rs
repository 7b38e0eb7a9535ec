//! What was observed of the data, as values.

use jiff::{SignedDuration, Timestamp};

/// What was seen of the data of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataSeen {
    /// Why the engine of the published database cannot be used here; `None` where it can.
    pub engine: Option<String>,
    /// What the store said, for each layer.
    pub containers: Vec<ContainerSeen>,
    /// Files that no commit should have.
    pub files: Vec<FileSeen>,
    /// The signed URL that was handed out, where one is here.
    pub url: Option<UrlSeen>,
}

/// A container of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSeen {
    /// Its name for messages: `azure://account/bronze`.
    pub place: String,
    /// What came of asking for it.
    pub answer: StoreAnswer,
}

/// What a store answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAnswer {
    /// It is there, and so is a pointer that can be read, where one was published.
    Well,
    /// There is no such container.
    Missing,
    /// `latest.json` cannot be used.
    PointerUnreadable {
        /// Why.
        why: String,
        /// What to do.
        mend: String,
    },
    /// The store refuses the login, or the login makes no sense.
    Denied(String),
    /// The store did not answer, or not in time.
    Unreachable(String),
    /// It was not asked, and why.
    NotAsked(String),
}

/// What a file holds that no commit should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Data, which belong in the store.
    Data,
    /// A secret.
    Secret,
    /// Settings of other programs: the variable of a secret that has a value there, where one has.
    Settings(Option<String>),
}

/// What git does with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitCare {
    /// It is in the index; for a folder, this file below it is.
    Tracked(String),
    /// Nothing keeps it out of the next commit.
    Loose,
}

/// A file that no commit should have, and that git does not leave alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSeen {
    /// The path from the root of the work tree.
    pub path: String,
    /// What it holds.
    pub content: Content,
    /// What git does with it.
    pub git: GitCare,
}

/// A signed URL, without the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlSeen {
    /// The file or the variable that holds it.
    pub place: String,
    /// When it runs out.
    pub until: Timestamp,
    /// How long it was valid at first.
    pub life: SignedDuration,
}
