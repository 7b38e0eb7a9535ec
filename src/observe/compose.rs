//! Reads a compose file and the files that it names, with bounds, and never from outside of the
//! repository.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::compose::{
    ComposeError, ComposeQuery, Files, MAX_COMPOSE_BYTES, Variables, Warning, read_variables,
};
use crate::config::ComposeConfig;
use crate::model::ImageRef;
use crate::stack::{Limits, Service, Stack};

/// Reads the compose file of the configuration. `root` is the root of the repository. `environment`
/// is what `containers.default` gives to every candidate, by `env` and by `secrets`: it is seen by
/// `${NAME}` besides the file with variables, and nothing else of the gate's environment is. The
/// rest is as in [`ComposeQuery`].
///
/// # Errors
/// [`ComposeError`] with the file and the line.
pub fn read(
    root: &Path,
    config: &ComposeConfig,
    environment: &Variables,
    candidates: &BTreeMap<ImageRef, Service>,
    limits: &Limits,
) -> Result<(Stack, Vec<Warning>), ComposeError> {
    let files = Repository { root };
    let wrong = |file: &str, problem: String| ComposeError {
        file: file.to_owned(),
        line: None,
        problem,
        hint: None,
    };
    let text = files.text(&config.file).map_err(|why| wrong(&config.file, why))?;
    let text = text.ok_or_else(|| {
        let hint = "write the path from the root of the repository into `compose.file`";
        let problem = "there is no such file in the repository".to_owned();
        ComposeError { hint: Some(hint.to_owned()), ..wrong(&config.file, problem) }
    })?;
    let folder = config.file.rsplit_once('/').map(|(folder, _)| folder);
    let usual = folder.map_or_else(|| ".env".to_owned(), |folder| format!("{folder}/.env"));
    let path = config.env_file.as_ref().unwrap_or(&usual);
    let mut variables = match files.text(path).map_err(|why| wrong(path, why))? {
        Some(text) => read_variables(&text, path, environment)?,
        None if config.env_file.is_some() => {
            return Err(wrong(path, "there is no such file in the repository".to_owned()));
        }
        None => Variables::new(),
    };
    variables.extend(environment.clone());
    crate::compose::read(
        &text,
        &variables,
        &ComposeQuery { config, candidates, limits, files: &files },
    )
}

/// The files below the root of a repository.
struct Repository<'a> {
    root: &'a Path,
}

impl Repository<'_> {
    /// Returns a path that leads through no symbolic link, and nowhere into `.git`, which holds the
    /// credentials of the checkout.
    fn find(&self, path: &str) -> Result<Option<PathBuf>, String> {
        let mut found = self.root.to_owned();
        for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
            if part == ".." {
                return Err("leads out of the repository".to_owned());
            }
            if part.eq_ignore_ascii_case(".git") {
                return Err("is git's own folder, which holds credentials".to_owned());
            }
            found.push(part);
            match found.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err("leads through a symbolic link, which is not followed".to_owned());
                }
                Ok(_) => {}
                Err(error) => {
                    let missing = matches!(
                        error.kind(),
                        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                    );
                    return if missing { Ok(None) } else { Err(error.to_string()) };
                }
            }
        }
        Ok(Some(found))
    }
}

/// The most entries of a folder that are looked at before it is mounted, the outer ones first.
const MOST_ENTRIES: usize = 20_000;

/// Whether another repository was checked out somewhere in a folder: its `.git` holds the credentials
/// of that checkout. The `.git` of a submodule is a file, and holds none.
fn holds_git(folder: &Path) -> std::io::Result<bool> {
    let mut folders = VecDeque::from([folder.to_owned()]);
    let mut left = MOST_ENTRIES;
    while let Some(folder) = folders.pop_front().filter(|folder| folder.is_dir()) {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            // Of the entry itself: links are not followed.
            if entry.file_type()?.is_dir() {
                if entry.file_name().eq_ignore_ascii_case(".git") {
                    return Ok(true);
                }
                folders.push_back(entry.path());
            }
            left -= 1;
            if left == 0 {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

impl Files for Repository<'_> {
    fn text(&self, path: &str) -> Result<Option<String>, String> {
        let Some(place) = self.find(path)? else { return Ok(None) };
        // Opening a pipe would wait for ever.
        if !place.is_file() {
            return Err("is not a file".to_owned());
        }
        let mut bytes = Vec::new();
        File::open(&place)
            .and_then(|file| file.take(MAX_COMPOSE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_COMPOSE_BYTES {
            return Err(format!("is larger than {MAX_COMPOSE_BYTES} bytes"));
        }
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| "is not a text file in UTF-8".to_owned())
    }

    fn place(&self, path: &str) -> Result<Option<PathBuf>, String> {
        let Some(place) = self.find(path)? else { return Ok(None) };
        if !place.is_file() && !place.is_dir() {
            return Err("is neither a file nor a folder".to_owned());
        }
        let git = place.join(".git").symlink_metadata().is_ok()
            || holds_git(&place).map_err(|error| error.to_string())?;
        if git {
            return Err("holds git's own folder, and with it credentials".to_owned());
        }
        place.canonicalize().map(Some).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_another_checkout_is_not_mounted() {
        let root = tempfile::tempdir().unwrap();
        let config = root.path().join("tools/other/.git");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(root.path().join("data/deep")).unwrap();
        std::fs::create_dir_all(root.path().join("module")).unwrap();
        std::fs::write(root.path().join("module/x"), "").unwrap();
        let files = Repository { root: root.path() };
        assert!(files.place("tools").unwrap_err().contains("credentials"));
        assert!(files.place("tools/other").unwrap_err().contains("credentials"));
        for harmless in ["data", "module", "module/x"] {
            assert!(files.place(harmless).unwrap().is_some(), "{harmless}");
        }
    }
}
