//! Trees: reading files, and building the tree of a rollback without a work tree.

use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid, Tree, TreeWalkMode, TreeWalkResult};

use super::{Git, GitError, oid, tree_oid, tree_sha};
use crate::model::{CommitSha, TreeSha};

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// The path, in bytes as git keeps it.
    pub path: Vec<u8>,
    /// The id of the blob.
    pub blob: String,
}

/// A path that a rollback does not restore, and what it holds instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptPath {
    /// Stays as it is in the head's tree (or stays absent, where the head has none).
    FromHead(
        /// The path, in bytes as git keeps it.
        Vec<u8>,
    ),
    /// Gets these bytes: the ledger, whose newer entries are carried over.
    Content(
        /// The path.
        Vec<u8>,
        /// The text.
        Vec<u8>,
    ),
}

impl KeptPath {
    /// Returns the path.
    pub fn path(&self) -> &[u8] {
        match self {
            Self::FromHead(path) | Self::Content(path, _) => path,
        }
    }
}

/// Blobs larger than this are not read: no ledger, configuration or source text is that large.
const MAX_BLOB: usize = 256 << 20;

impl Git {
    fn tree(&self, tree: &TreeSha) -> Result<Tree<'_>, GitError> {
        self.tree_at(tree_oid(tree), "a tree")
    }

    /// Reads a tree, fetched where a partial clone lacks it.
    pub(super) fn tree_at(&self, id: Oid, what: &str) -> Result<Tree<'_>, GitError> {
        match self.repo.find_tree(id) {
            Err(error)
                if error.code() == git2::ErrorCode::NotFound && self.fetch_missing(id)? =>
            {
                self.repo.find_tree(id).map_err(GitError::object(id, what))
            }
            found => found.map_err(GitError::object(id, what)),
        }
    }

    /// Reads a file from a tree; `None` where the tree has no file there.
    pub fn file(&self, tree: &TreeSha, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let tree = self.tree(tree)?;
        let entry = match tree.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Blob) => entry,
            Ok(_) => return Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(error) => return Err(GitError::other("reading a path")(error)),
        };
        self.blob(entry.id(), path).map(Some)
    }

    /// Reads all files directly in a folder of a tree; none where the folder does not exist.
    pub fn folder(&self, tree: &TreeSha, path: &str) -> Result<Vec<(String, Vec<u8>)>, GitError> {
        let root = self.tree(tree)?;
        let entry = match root.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => entry,
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(GitError::other("reading a folder")(error)),
        };
        let folder = self.tree_at(entry.id(), path)?;
        folder
            .iter()
            .filter(|entry| entry.kind() == Some(ObjectType::Blob))
            .map(|entry| {
                let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                let bytes = self.blob(entry.id(), &format!("{path}/{name}"))?;
                Ok((name, bytes))
            })
            .collect()
    }

    /// Reads a file of a commit without fetching what a partial clone lacks; `None` where the
    /// commit has no file there.
    pub fn file_here(&self, commit: &CommitSha, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let id = oid(commit);
        let tree = self.repo.find_commit(id).and_then(|commit| commit.tree());
        let tree = tree.map_err(GitError::object(id, "a commit"))?;
        let mut parent = tree;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let entry = parent.get_name(part).map(|entry| (entry.id(), entry.kind()));
            let Some((id, kind)) = entry else { return Ok(None) };
            match (kind, parts.peek()) {
                (Some(ObjectType::Blob), None) => {
                    let blob = self.repo.find_blob(id).map_err(GitError::object(id, path))?;
                    return Ok((blob.size() <= MAX_BLOB).then(|| blob.content().to_vec()));
                }
                (Some(ObjectType::Tree), Some(_)) => {
                    parent = self.repo.find_tree(id).map_err(GitError::object(id, path))?;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn blob(&self, id: Oid, path: &str) -> Result<Vec<u8>, GitError> {
        let blob = match self.repo.find_blob(id) {
            Err(error)
                if error.code() == git2::ErrorCode::NotFound && self.fetch_missing(id)? =>
            {
                self.repo.find_blob(id)
            }
            found => found,
        }
        .map_err(GitError::object(id, path))?;
        if blob.size() > MAX_BLOB {
            return Err(GitError::Other {
                doing: "reading a file",
                reason: format!("{path} has {} bytes, the limit is {MAX_BLOB}", blob.size()),
            });
        }
        Ok(blob.content().to_vec())
    }

    /// Reads a blob that [`Git::files`] named, up to `limit` bytes; `None` where it is larger or
    /// not in this clone.
    pub fn small_blob(&self, file: &TreeFile, limit: usize) -> Result<Option<Vec<u8>>, GitError> {
        let id = Oid::from_str(&file.blob).map_err(GitError::other("reading an id"))?;
        let odb = self.repo.odb().map_err(GitError::other("opening the object store"))?;
        match odb.read_header(id) {
            Ok((size, ObjectType::Blob)) if size <= limit => {}
            _ => return Ok(None),
        }
        let object = odb.read(id).map_err(GitError::other("reading an object"))?;
        Ok(Some(object.data().to_vec()))
    }

    /// Lists all files of a tree (no submodules, no symbolic links).
    pub fn files(&self, tree: &TreeSha) -> Result<Vec<TreeFile>, GitError> {
        let mut files = Vec::new();
        self.tree(tree)?
            .walk(TreeWalkMode::PreOrder, |folder, entry| {
                let regular =
                    [FileMode::Blob, FileMode::BlobExecutable, FileMode::BlobGroupWritable]
                        .iter()
                        .any(|mode| i32::from(*mode) == entry.filemode());
                if regular {
                    let mut path = folder.as_bytes().to_vec();
                    path.extend_from_slice(entry.name_bytes());
                    files.push(TreeFile { path, blob: entry.id().to_string() });
                }
                TreeWalkResult::Ok
            })
            .map_err(GitError::other("walking a tree"))?;
        Ok(files)
    }

    /// Builds the good tree with the kept paths in it.
    pub fn tree_with_kept(
        &self,
        good: &TreeSha,
        head: &TreeSha,
        kept: &[KeptPath],
    ) -> Result<TreeSha, GitError> {
        if kept.is_empty() {
            return Ok(good.clone());
        }
        let good_tree = self.tree(good)?;
        let head_tree = self.tree(head)?;
        // What goes makes room first: a kept file may stand where the good tree has a folder.
        let mut removal = TreeUpdateBuilder::new();
        let mut update = TreeUpdateBuilder::new();
        for path in kept {
            match path {
                KeptPath::FromHead(path) => match entry_at(&head_tree, path)? {
                    Some((id, mode)) => {
                        update.upsert(path.as_slice(), id, mode);
                    }
                    None => {
                        if entry_at(&good_tree, path)?.is_some() {
                            removal.remove(path.as_slice());
                        }
                    }
                },
                KeptPath::Content(path, text) => {
                    let id = self.repo.blob(text).map_err(GitError::other("writing a blob"))?;
                    let mode = entry_at(&head_tree, path)?
                        .or(entry_at(&good_tree, path)?)
                        .map_or(FileMode::Blob, |(_, mode)| mode);
                    update.upsert(path.as_slice(), id, mode);
                }
            }
        }
        let failed = GitError::other("building the tree of the rollback");
        let room = removal.create_updated(&self.repo, &good_tree).map_err(&failed)?;
        let room = self.repo.find_tree(room).map_err(&failed)?;
        let id = update.create_updated(&self.repo, &room).map_err(&failed)?;
        Ok(tree_sha(id))
    }

    /// Puts files into a tree (`None` removes one), and returns the new tree. Without a base the
    /// tree is made from nothing.
    pub fn tree_with_files(
        &self,
        base: Option<&TreeSha>,
        files: &[(String, Option<Vec<u8>>)],
    ) -> Result<TreeSha, GitError> {
        let base = if let Some(base) = base {
            self.tree(base)?
        } else {
            let failed = GitError::other("making an empty tree");
            let id = self.repo.treebuilder(None).and_then(|b| b.write()).map_err(&failed)?;
            self.repo.find_tree(id).map_err(&failed)?
        };
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in files {
            let present = entry_at(&base, path.as_bytes())?;
            match content {
                Some(content) => {
                    let id = self.repo.blob(content).map_err(GitError::other("writing a blob"))?;
                    update.upsert(
                        path.as_str(),
                        id,
                        present.map_or(FileMode::Blob, |(_, mode)| mode),
                    );
                }
                None if present.is_some() => {
                    update.remove(path.as_str());
                }
                None => {}
            }
        }
        let id =
            update.create_updated(&self.repo, &base).map_err(GitError::other("building a tree"))?;
        Ok(tree_sha(id))
    }
}

/// Returns git's path as the system's.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "it can fail where paths are no bytes")]
fn path_of(path: &[u8]) -> Result<std::borrow::Cow<'_, Path>, GitError> {
    use std::os::unix::ffi::OsStrExt as _;
    Ok(Path::new(std::ffi::OsStr::from_bytes(path)).into())
}

/// The same where paths are no bytes: one that is not UTF-8 cannot be looked up.
#[cfg(not(unix))]
fn path_of(path: &[u8]) -> Result<std::borrow::Cow<'_, Path>, GitError> {
    let invalid = |error: std::str::Utf8Error| git2::Error::from_str(&error.to_string());
    let text = std::str::from_utf8(path).map_err(invalid);
    Ok(Path::new(text.map_err(GitError::other("reading a path"))?).into())
}

/// Finds the entry at a path, with its mode.
fn entry_at(tree: &Tree<'_>, path: &[u8]) -> Result<Option<(Oid, FileMode)>, GitError> {
    let path = path_of(path)?;
    match tree.get_path(&path) {
        Ok(entry) => {
            let mode = match entry.filemode() {
                0o100_755 => FileMode::BlobExecutable,
                0o120_000 => FileMode::Link,
                0o160_000 => FileMode::Commit,
                0o040_000 => return Ok(None),
                _ => FileMode::Blob,
            };
            Ok(Some((entry.id(), mode)))
        }
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(GitError::other("reading a path")(error)),
    }
}
