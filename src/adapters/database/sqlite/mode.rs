//! The mode of a file's journal: WAL, in which readers go on beside a writer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::adapters::database::journal::is_wal;

/// How long programs are waited for that have the file open, before the mode stays as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Puts a file into WAL mode, in which it stays. It stays as it is while another program reads it, in a
/// mode that somebody chose for it (`memory`, `off`), and on a share of other machines, where WAL
/// does not work (<https://sqlite.org/wal.html>, section 1).
pub(super) fn switch(connection: &Connection, file: &Path, patience: Duration) {
    let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
    let usual = mode.is_ok_and(|mode| matches!(mode.as_str(), "delete" | "truncate" | "persist"));
    if !usual || is_shared(file) {
        return;
    }
    // Where it cannot be, the import goes on without.
    let _ = connection.busy_timeout(PATIENCE.min(patience));
    let _ = connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
    let _ = connection.busy_timeout(patience);
}

/// The types of file systems that several machines share (statfs(2), linux/magic.h).
#[cfg(target_os = "linux")]
fn is_shared(file: &Path) -> bool {
    const SHARED: [u32; 9] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xff53_4d42, // CIFS
        0xfe53_4d42, // SMB2
        0x0102_1997, // 9P
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x5346_414f, // AFS
        0x6573_5546, // FUSE: sshfs, s3fs
    ];
    rustix::fs::statfs(file).is_ok_and(|found| {
        u32::try_from(i128::from(found.f_type) & 0xffff_ffff)
            .is_ok_and(|kind| SHARED.contains(&kind))
    })
}

#[cfg(not(target_os = "linux"))]
fn is_shared(_: &Path) -> bool {
    false
}

/// A file in WAL mode needs `-wal` and `-shm` beside it, also to be read. In a folder that cannot be
/// written, where neither is there, nobody has it open: it is opened as one that does not change
/// (<https://sqlite.org/wal.html>, section 5). `None` where it is no such file.
pub(super) fn open_still(file: &Path) -> Option<Connection> {
    if is_written(file) || !is_closed(file) {
        return None;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{}?immutable=1", encoded(file)?), flags).ok()
}

/// Tells whether the files are there that a program makes which has it open.
pub(super) fn is_written(file: &Path) -> bool {
    ["-wal", "-shm"].into_iter().any(|end| beside(file, end).symlink_metadata().is_ok())
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Tells whether a file in WAL mode lies in a folder that cannot be written.
pub(super) fn is_closed(file: &Path) -> bool {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // The folder first: looking into the file gives locks of this process free.
    !is_open_folder(folder) && is_wal(file).is_ok_and(|wal| wal)
}

#[cfg(unix)]
fn is_open_folder(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn is_open_folder(_: &Path) -> bool {
    true
}

/// A path as a URI has it (<https://sqlite.org/uri.html>, section 3.1).
fn encoded(file: &Path) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    let encode = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    Some(file.to_str()?.bytes().map(encode).collect())
}
