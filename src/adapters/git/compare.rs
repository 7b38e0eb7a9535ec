//! Which paths differ between two trees.
//!
//! libgit2's own comparison walks both trees to their last file, also where whole folders are the
//! same object. Here a folder that is the same on both sides is not opened, so the cost is that of
//! the changes and not that of the repository.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use git2::{FileMode, ObjectType, Oid, Tree, TreeEntry};

use super::{Git, GitError, tree_oid};
use crate::model::{CommitSha, TreeSha};

/// What one tree holds under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    id: Oid,
    mode: i32,
}

/// A name that is not the same in both trees. A file and a folder of one name are two of them, as
/// in git's own order of tree entries: the folder's path ends with a slash.
struct Difference {
    path: Vec<u8>,
    is_folder: bool,
    old: Option<Side>,
    new: Option<Side>,
}

/// A comparison that was made: a rollback asks for the same one at each step.
pub(super) struct Comparison {
    trees: (TreeSha, TreeSha),
    limit: usize,
    paths: Vec<Vec<u8>>,
}

impl Comparison {
    fn answer(&self, from: &TreeSha, to: &TreeSha, limit: usize) -> Option<&[Vec<u8>]> {
        let same = (&self.trees.0, &self.trees.1) == (from, to);
        let enough = limit <= self.limit || self.paths.len() < self.limit;
        (same && enough).then(|| &self.paths[..self.paths.len().min(limit)])
    }
}

impl Git {
    /// Lists the paths of files, links and submodules that differ between two trees in content or
    /// mode, in git's order, at most `limit`. Reads no blobs.
    pub fn changed_paths(
        &self,
        from: &TreeSha,
        to: &TreeSha,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, GitError> {
        if from == to {
            return Ok(Vec::new());
        }
        if let Some(last) = &*self.last_comparison.borrow()
            && let Some(known) = last.answer(from, to, limit)
        {
            return Ok(known.to_vec());
        }
        let mut paths = Vec::new();
        // A stack of our own: hostile trees may be nested deeper than this thread's.
        let mut open = self.differences(b"", Some(tree_oid(from)), Some(tree_oid(to)))?;
        while let Some(difference) = open.pop() {
            if paths.len() >= limit {
                break;
            }
            let Difference { path, is_folder, old, new } = difference;
            if is_folder {
                let (old, new) = (old.map(|side| side.id), new.map(|side| side.id));
                open.extend(self.differences(&path, old, new)?);
            } else {
                paths.push(path);
            }
        }
        let trees = (from.clone(), to.clone());
        let last = Comparison { trees, limit, paths: paths.clone() };
        *self.last_comparison.borrow_mut() = Some(last);
        Ok(paths)
    }

    /// Lists the trees and blobs of `to` that `from` does not have at the same path, each folder
    /// before what is in it. Folders in `known` are left out with all that is in them.
    pub(super) fn new_objects(
        &self,
        from: Option<Oid>,
        to: Oid,
        known: &BTreeSet<Oid>,
    ) -> Result<Vec<Oid>, GitError> {
        if from == Some(to) || known.contains(&to) {
            return Ok(Vec::new());
        }
        let mut objects = vec![to];
        let mut open = self.differences(b"", from, Some(to))?;
        while let Some(Difference { path, is_folder, old, new }) = open.pop() {
            let Some(new) = new else { continue };
            if known.contains(&new.id) {
                continue;
            }
            if new.mode != i32::from(FileMode::Commit) && old.is_none_or(|old| old.id != new.id) {
                objects.push(new.id);
            }
            if is_folder {
                open.extend(self.differences(&path, old.map(|side| side.id), Some(new.id))?);
            }
        }
        Ok(objects)
    }

    /// Returns the trees of the newest `limit` commits of `head`, and the folders directly in them.
    pub(super) fn recent_folders(
        &self,
        head: &CommitSha,
        limit: usize,
    ) -> Result<BTreeSet<Oid>, GitError> {
        let mut folders = BTreeSet::new();
        for commit in self.first_parents(None, head, limit)? {
            let root = tree_oid(&self.commit(&commit)?.tree);
            // A partial clone need not have them; then they are not known.
            if folders.insert(root)
                && let Ok(tree) = self.repo.find_tree(root)
            {
                folders.extend(tree.iter().filter(is_folder).map(|entry| entry.id()));
            }
        }
        Ok(folders)
    }

    /// Compares the entries of two folders; the last path comes first.
    ///
    /// Both are read once, side by side, as git sorts them. In a folder that is not sorted, an
    /// entry may be told as gone and as new although it is the same: never the other way round.
    fn differences(
        &self,
        folder: &[u8],
        old: Option<Oid>,
        new: Option<Oid>,
    ) -> Result<Vec<Difference>, GitError> {
        let open = |tree: Option<Oid>| tree.map(|id| self.tree_at(id, "a tree")).transpose();
        let (old, new) = (open(old)?, open(new)?);
        let mut old = old.iter().flat_map(Tree::iter).peekable();
        let mut new = new.iter().flat_map(Tree::iter).peekable();
        let mut found = Vec::new();
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => in_git_order(old, new),
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let sides = (before.as_ref().map(side), after.as_ref().map(side));
            if let Some(entry) = before.or(after).filter(|_| sides.0 != sides.1) {
                let mut path = [folder, entry.name_bytes()].concat();
                let is_folder = is_folder(&entry);
                if is_folder {
                    path.push(b'/');
                }
                found.push(Difference { path, is_folder, old: sides.0, new: sides.1 });
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn side(entry: &TreeEntry<'_>) -> Side {
    Side { id: entry.id(), mode: entry.filemode_raw() }
}

fn is_folder(entry: &TreeEntry<'_>) -> bool {
    entry.kind() == Some(ObjectType::Tree)
}

/// Compares names as git does: a folder's name ends with a slash.
fn in_git_order(one: &TreeEntry<'_>, other: &TreeEntry<'_>) -> Ordering {
    let (left, right) = (one.name_bytes(), other.name_bytes());
    let common = left.len().min(right.len());
    let next = |name: &[u8], entry: &TreeEntry<'_>| match name.get(common) {
        Some(byte) => *byte,
        None if is_folder(entry) => b'/',
        None => 0,
    };
    left[..common].cmp(&right[..common]).then_with(|| next(left, one).cmp(&next(right, other)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use git2::Repository;
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::adapters::git::{GitAuth, tree_sha};
    use crate::secret::Redactor;

    /// Path, content and mode of each file.
    type Files = BTreeMap<String, (u8, i32)>;

    struct Trees {
        _folder: TempDir,
        git: Git,
    }

    impl Trees {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Repository::init_bare(folder.path()).unwrap();
            let git = Git::discover(folder.path(), GitAuth::default(), Redactor::new()).unwrap();
            Self { _folder: folder, git }
        }

        /// Writes a tree; a path that is a folder of another one is left out.
        fn tree(&self, files: &Files) -> TreeSha {
            tree_sha(self.write("", files))
        }

        fn write(&self, folder: &str, files: &Files) -> Oid {
            let repo = &self.git.repo;
            let mut builder = repo.treebuilder(None).unwrap();
            let below: BTreeSet<&str> = files
                .keys()
                .filter_map(|path| path.strip_prefix(folder)?.split_once('/'))
                .map(|(name, _)| name)
                .collect();
            for (path, (content, mode)) in files {
                let Some(name) = path.strip_prefix(folder) else { continue };
                if !name.contains('/') && !below.contains(name) {
                    let id = match mode {
                        0o160_000 => Oid::from_bytes(&[*content + 1; 20]).unwrap(),
                        _ => repo.blob(&[*content]).unwrap(),
                    };
                    builder.insert(name, id, *mode).unwrap();
                }
            }
            for name in below {
                let id = self.write(&format!("{folder}{name}/"), files);
                builder.insert(name, id, 0o040_000).unwrap();
            }
            builder.write().unwrap()
        }

        /// The tree and all that is below it, without submodules.
        fn everything(&self, tree: Oid) -> BTreeSet<Oid> {
            let mut found = BTreeSet::from([tree]);
            let root = self.git.repo.find_tree(tree).unwrap();
            root.walk(git2::TreeWalkMode::PreOrder, |_, entry| {
                if entry.kind() != Some(ObjectType::Commit) {
                    found.insert(entry.id());
                }
                git2::TreeWalkResult::Ok
            })
            .unwrap();
            found
        }

        /// What libgit2 finds by walking both trees.
        fn by_libgit2(&self, from: &TreeSha, to: &TreeSha) -> BTreeSet<Vec<u8>> {
            let find = |tree| self.git.repo.find_tree(tree_oid(tree)).unwrap();
            let diff =
                self.git.repo.diff_tree_to_tree(Some(&find(from)), Some(&find(to)), None).unwrap();
            let paths = diff.deltas().flat_map(|delta| {
                let both = [delta.old_file(), delta.new_file()];
                both.map(|file| file.path_bytes().unwrap().to_vec())
            });
            paths.collect()
        }
    }

    fn files() -> impl Strategy<Value = Files> {
        let name = prop::sample::select(vec!["a", "a.b", "a0", "b", "c"]);
        let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
        let mode = prop::sample::select(vec![0o100_644, 0o100_755, 0o120_000, 0o160_000]);
        prop::collection::btree_map(path, (0..3_u8, mode), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_same_paths_as_libgit2(one in files(), other in files()) {
            let trees = Trees::new();
            let (from, to) = (trees.tree(&one), trees.tree(&other));
            let found = trees.git.changed_paths(&from, &to, 1000).unwrap();
            let unique: BTreeSet<Vec<u8>> = found.iter().cloned().collect();
            prop_assert_eq!(&unique, &trees.by_libgit2(&from, &to));
            prop_assert!(found.is_sorted(), "in git's order, each path once");
            let first = trees.git.changed_paths(&from, &to, 2).unwrap();
            prop_assert_eq!(first.as_slice(), &found[..found.len().min(2)]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_a_tree_lacks_to_become_another_is_all_that_is_new(one in files(), other in files()) {
            let trees = Trees::new();
            let (from, to) = (tree_oid(&trees.tree(&one)), tree_oid(&trees.tree(&other)));
            let mut objects: BTreeSet<Oid> = trees.everything(from);
            objects.extend(trees.git.new_objects(Some(from), to, &BTreeSet::new()).unwrap());
            prop_assert!(trees.everything(to).is_subset(&objects));
            let whole = trees.git.new_objects(None, to, &BTreeSet::new()).unwrap();
            prop_assert_eq!(whole.into_iter().collect::<BTreeSet<Oid>>(), trees.everything(to));

            // A third tree whose top folders are there, as those of an older commit are.
            let third = trees.git.repo.find_tree(from).unwrap();
            let known: BTreeSet<Oid> = third.iter().filter(is_folder).map(|e| e.id()).collect();
            let mut objects: BTreeSet<Oid> =
                trees.git.new_objects(None, to, &known).unwrap().into_iter().collect();
            objects.extend(known.iter().flat_map(|folder| trees.everything(*folder)));
            prop_assert!(trees.everything(to).is_subset(&objects));
        }
    }

    #[test]
    fn a_file_that_became_a_folder_is_gone_and_its_files_are_new() {
        let trees = Trees::new();
        let file = Files::from([("a".to_owned(), (0, 0o100_644))]);
        let folder = Files::from([("a/b".to_owned(), (0, 0o100_644))]);
        let (file, folder) = (trees.tree(&file), trees.tree(&folder));
        let expected = [b"a".to_vec(), b"a/b".to_vec()];
        assert_eq!(trees.git.changed_paths(&file, &folder, 10).unwrap(), expected);
        assert_eq!(trees.git.changed_paths(&folder, &file, 10).unwrap(), expected);
    }

    #[test]
    fn folders_that_are_the_same_are_not_opened() {
        let trees = Trees::new();
        let repo = &trees.git.repo;
        // This folder is nowhere: opening it would fail.
        let absent = Oid::from_bytes(&[7; 20]).unwrap();
        let with = |content: &[u8]| {
            let mut builder = repo.treebuilder(None).unwrap();
            builder.insert("file", repo.blob(content).unwrap(), 0o100_644).unwrap();
            let root = builder.write().unwrap();
            let mut bytes = repo.odb().unwrap().read(root).unwrap().data().to_vec();
            bytes.extend_from_slice(b"40000 same\0");
            bytes.extend_from_slice(absent.as_bytes());
            tree_sha(repo.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap())
        };
        let changed = trees.git.changed_paths(&with(b"1"), &with(b"2"), 10).unwrap();
        assert_eq!(changed, [b"file".to_vec()]);
    }
}
