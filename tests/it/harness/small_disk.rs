//! A disk that is soon full.

use std::path::Path;
use std::process::Command;

/// Mounts a small disk on a folder, runs something, and takes the disk away again. A mount needs root;
/// the workflow's runner has it by sudo.
pub fn on_a_small_disk<T>(folder: &Path, kilobytes: u32, run: impl FnOnce() -> T) -> T {
    let mount = |arguments: &[&str]| {
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if root { arguments[0] } else { "sudo" });
        let done = command.args(&arguments[usize::from(root)..]).arg(folder).output();
        let done = done.expect("mount");
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    };
    let size = format!("size={kilobytes}k,mode=777");
    mount(&["mount", "-t", "tmpfs", "-o", &size, "none"]);
    let done = run();
    mount(&["umount", "-l"]);
    done
}

/// Lets nobody write to the disk that is mounted on a folder.
pub fn read_only(folder: &Path) {
    let root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if root { "mount" } else { "sudo" });
    let arguments = ["mount", "-o", "remount,ro"];
    let done = command.args(&arguments[usize::from(root)..]).arg(folder).output().expect("mount");
    assert!(done.status.success(), "{done:?}");
}
