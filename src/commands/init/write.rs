//! Writes a file at once or not at all: a temporary file beside it, and a rename.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use crate::exit::{Exit, Failed, OrFailed as _};

/// The largest file that is compared, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a file of the work tree as it is; `None` where there is none.
///
/// # Errors
/// It is a link, no file, or cannot be read.
pub(super) fn read(root: &Path, path: &str) -> anyhow::Result<Option<String>> {
    folder_of(root, Path::new(path))?;
    let mut bytes = Vec::new();
    let file = match File::open(root.join(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {path}")).or_exit(Exit::Usage);
        }
    };
    let read = file.take(LARGEST).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {path}")).or_exit(Exit::Usage)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Writes a file of the work tree, with the folders above it, if it still says `old`. The mode of a
/// file that is replaced is kept.
///
/// # Errors
/// A folder on the way is a link, somebody has changed the file meanwhile, or something cannot be
/// written.
pub(super) fn write(root: &Path, path: &str, old: Option<&str>, text: &str) -> anyhow::Result<()> {
    if read(root, path)?.as_deref() != old {
        let error = format!("{path} has changed since it was looked at; it was not written");
        return Err(Failed::new(Exit::Usage, error).with_hint("run `tidegate init` again").into());
    }
    let target = root.join(path);
    let folder = folder_of(root, Path::new(path))?;
    let put = || -> anyhow::Result<()> {
        fs::create_dir_all(&folder)?;
        let mut file = tempfile::Builder::new().prefix(".tidegate-").tempfile_in(&folder)?;
        file.write_all(text.as_bytes())?;
        if let Some(mode) = mode_of(&target)? {
            file.as_file().set_permissions(mode)?;
        }
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(())
    };
    put().with_context(|| format!("cannot write {path}")).or_exit(Exit::Usage)
}

/// Returns the folder of a file, and refuses links on the way: they may lead out of the work tree.
fn folder_of(root: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    let mut at = root.to_owned();
    let mut folder = root.to_owned();
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        folder.clone_from(&at);
        at.push(name);
        if at.symlink_metadata().is_ok_and(|own| own.file_type().is_symlink()) {
            let error =
                format!("{} is a symbolic link; nothing is written through it", at.display());
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("put a folder or a file in its place")
                .into());
        }
    }
    Ok(folder)
}

/// The mode that the file shall have: its own, or that of any new file.
#[cfg(unix)]
fn mode_of(target: &Path) -> io::Result<Option<fs::Permissions>> {
    use std::os::unix::fs::PermissionsExt as _;
    match fs::metadata(target) {
        Ok(own) => Ok(Some(own.permissions())),
        // A temporary file may be read by its owner only; what is committed is nobody's secret.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Some(fs::Permissions::from_mode(0o644)))
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> io::Result<Option<fs::Permissions>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_meanwhile_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = ".github/tidegate.yml";
        write(root.path(), path, None, "version: 1\n").unwrap();
        for old in [None, Some("version: 2\n")] {
            let error = write(root.path(), path, old, "mine\n").unwrap_err();
            assert!(error.to_string().contains("has changed since"), "{error}");
            assert_eq!(read(root.path(), path).unwrap().as_deref(), Some("version: 1\n"));
        }
        write(root.path(), path, Some("version: 1\n"), "mine\n").unwrap();
        assert_eq!(read(root.path(), path).unwrap().as_deref(), Some("mine\n"));
    }
}
