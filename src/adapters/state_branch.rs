//! The state branch: reading it, and writing it by compare-and-swap.

use crate::adapters::git::{Git, GitError, Pushed, Signer};
use crate::model::{BranchName, CommitSha};
use crate::state::{State, StateChange, StateError, StateFiles};

/// What can go wrong with the state branch.
#[derive(Debug, thiserror::Error)]
pub enum StateBranchError {
    /// git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The files cannot be understood.
    #[error(transparent)]
    State(#[from] StateError),
    /// The server does not let the branch move.
    #[error(
        "the remote refused to move the state branch {branch}: {reason}; allow pushes to refs/heads/{branch} for this token (a ruleset can exclude that branch)"
    )]
    Refused {
        /// The branch.
        branch: BranchName,
        /// What the server said.
        reason: String,
    },
}

/// The state as it was observed: values, and the commit that they were read from.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The head of the state branch; `None` before the first write.
    pub head: Option<CommitSha>,
    /// What it holds.
    pub state: State,
}

/// How a write ended.
#[derive(Debug)]
pub enum Written {
    /// It landed; this is the state now.
    Done(Box<Observed>),
    /// Somebody else wrote first; nothing was written.
    Lost,
}

/// Reads the state from a commit of the state branch.
pub fn read(git: &Git, head: Option<&CommitSha>) -> Result<Observed, StateBranchError> {
    let Some(head) = head else { return Ok(Observed::default()) };
    let tree = git.commit(head)?.tree;
    let mut files = StateFiles::default();
    let records = match git.file(&tree, StateFiles::INDEX)? {
        Some(bytes) => files.index(&bytes)?,
        None => Vec::new(),
    };
    for number in records {
        let path = StateFiles::record_path(number);
        if let Some(bytes) = git.file(&tree, &path)? {
            files.record(&path, &bytes)?;
        }
    }
    for folder in StateFiles::FOLDERS {
        for (name, bytes) in git.folder(&tree, folder)? {
            files.entry(folder, &name, &bytes)?;
        }
    }
    Ok(Observed { head: Some(head.clone()), state: files.finish()? })
}

/// Reads one record that [`read`] did not load, because it is old.
pub fn read_record(
    git: &Git,
    head: &CommitSha,
    number: u64,
) -> Result<Option<crate::state::Record>, StateBranchError> {
    let tree = git.commit(head)?.tree;
    let path = StateFiles::record_path(number);
    let Some(bytes) = git.file(&tree, &path)? else { return Ok(None) };
    let mut files = StateFiles::default();
    if let Some(index) = git.file(&tree, StateFiles::INDEX)? {
        files.index(&index)?;
    }
    files.record(&path, &bytes)?;
    Ok(files.take_record(number))
}

/// Writes a change on top of what was observed, as one commit.
pub fn write(
    git: &Git,
    branch: &BranchName,
    observed: &Observed,
    change: &StateChange,
    signer: &Signer,
) -> Result<Written, StateBranchError> {
    let base = observed.head.as_ref().map(|head| git.commit(head)).transpose()?;
    let tree =
        git.tree_with_files(base.as_ref().map(|b| &b.tree), &change.files(&observed.state)?)?;
    let parents: Vec<&CommitSha> = observed.head.iter().collect();
    let mut message = format!("{} [skip ci]\n", change.subject());
    for (name, text) in [("Reason", &change.reason), ("By", &change.by)] {
        let Some(text) = text else { continue };
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        message = format!("{message}\n{name}: {text}\n");
    }
    let commit = git.write_commit(&tree, &parents, &message, signer)?;
    match git.push(branch, observed.head.as_ref(), &commit)? {
        Pushed::Done => Ok(Written::Done(Box::new(read(git, Some(&commit))?))),
        Pushed::Moved { .. } => Ok(Written::Lost),
        Pushed::Refused { reason } => {
            Err(StateBranchError::Refused { branch: branch.clone(), reason })
        }
    }
}
