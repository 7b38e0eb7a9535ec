//! Making commits: always new ones, never moving a local ref.

use git2::{Signature, Time};

use super::{Git, GitError, oid, sha, tree_oid, tree_sha};
use crate::model::{CommitSha, TreeSha};

/// Who signs a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Seconds since 1970, in UTC.
    pub time: i64,
}

impl Git {
    /// Writes a commit object; no ref moves.
    pub fn write_commit(
        &self,
        tree: &TreeSha,
        parents: &[&CommitSha],
        message: &str,
        signer: &Signer,
    ) -> Result<CommitSha, GitError> {
        let failed = GitError::other("writing a commit");
        let signature = Signature::new(&signer.name, &signer.email, &Time::new(signer.time, 0))
            .map_err(&failed)?;
        let tree = self.repo.find_tree(tree_oid(tree)).map_err(&failed)?;
        let parents = parents
            .iter()
            .map(|parent| self.repo.find_commit(oid(parent)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(&failed)?;
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        self.repo
            .commit(None, &signature, &signature, message, &tree, &parents)
            .map(sha)
            .map_err(&failed)
    }

    /// Merges what lies between `base` and `theirs` into `ours`, as trees: the three-way merge
    /// that brings a rolled-back change back.
    pub fn merge_trees(
        &self,
        base: &TreeSha,
        ours: &TreeSha,
        theirs: &TreeSha,
        bringing_back: &CommitSha,
    ) -> Result<TreeSha, GitError> {
        let failed = GitError::other("merging trees");
        let find = |tree: &TreeSha| self.repo.find_tree(tree_oid(tree)).map_err(&failed);
        let mut index = self
            .repo
            .merge_trees(&find(base)?, &find(ours)?, &find(theirs)?, None)
            .map_err(&failed)?;
        if index.has_conflicts() {
            let mut paths: Vec<String> = index
                .conflicts()
                .map_err(&failed)?
                .flatten()
                .filter_map(|conflict| conflict.our.or(conflict.their).or(conflict.ancestor))
                .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
                .collect();
            paths.sort();
            paths.dedup();
            return Err(GitError::Conflicts { commit: bringing_back.clone(), paths });
        }
        index.write_tree_to(&self.repo).map(tree_sha).map_err(&failed)
    }
}
