//! Who may read what is written into a folder: nobody who may not read another file, such as the database that
//! a backup is a copy of.

use std::fs::File;
use std::io;
use std::path::Path;

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readers {
    /// Its permissions.
    #[cfg(unix)]
    mode: u32,
    /// Its group.
    #[cfg(unix)]
    group: u32,
}

/// A bit for each of those who may read: the group and all others.
#[cfg(unix)]
const GROUP: u32 = 0o040;
#[cfg(unix)]
const OTHERS: u32 = 0o004;

/// Makes a folder for them, and those around it.
pub(super) fn make(readers: Option<Readers>, folder: &Path) -> io::Result<()> {
    match readers {
        Some(readers) => readers.make(folder),
        None => std::fs::create_dir_all(folder),
    }
}

#[cfg(unix)]
impl Readers {
    /// Those of a file; `None` where it is not there.
    pub(super) fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata().ok()?;
        Some(Self { mode: found.mode(), group: found.gid() })
    }

    /// The permissions with which a new file begins, whatever its group is: whoever is in the other group
    /// may be anybody else of the first file.
    pub(super) fn of_file(self) -> u32 {
        let is_open = self.mode & GROUP != 0 && self.mode & OTHERS != 0;
        if is_open { 0o644 } else { 0o600 }
    }

    /// The same of a new folder.
    fn of_folder(self) -> u32 {
        let file = self.of_file();
        // Who may read a folder may enter it.
        file | 0o100 | (file & (GROUP | OTHERS)) >> 2
    }

    fn make(self, folder: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        if folder.is_dir() {
            return Ok(());
        }
        std::fs::DirBuilder::new().recursive(true).mode(self.of_folder()).create(folder)?;
        self.share(&File::open(folder)?, GROUP | GROUP >> 2);
        Ok(())
    }

    /// Lets the group of the first file read a new one, where only that may.
    pub(super) fn share_file(self, file: &File) {
        self.share(file, GROUP);
    }

    fn share(self, file: &File, more: u32) {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        if self.mode & GROUP == 0 || self.mode & OTHERS != 0 {
            return;
        }
        let Ok(found) = file.metadata() else { return };
        let is_group = found.gid() == self.group;
        // Whoever is not in the group cannot give it a file: it stays the user's own then.
        if is_group || std::os::unix::fs::fchown(file, None, Some(self.group)).is_ok() {
            let mode = (found.mode() | more) & 0o777;
            let _ = file.set_permissions(std::fs::Permissions::from_mode(mode));
        }
    }
}

#[cfg(not(unix))]
impl Readers {
    /// The system's own rules hold: a new file has those of its folder.
    pub(super) fn of(_: &Path) -> Option<Self> {
        None
    }

    fn make(self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    pub(super) fn share_file(self, _: &File) {}
}
