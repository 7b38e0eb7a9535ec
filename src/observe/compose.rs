//! Reads a compose file and the files that it names, with bounds, and never from outside of the
//! repository.

use std::path::Path;

use crate::compose::{ComposeError, ComposeQuery, Files, Variables, Warning};
use crate::config::ComposeConfig;
use crate::model::ImageRef;
use crate::stack::{Limits, Service, Stack};
use std::collections::BTreeMap;
use std::path::PathBuf;

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
    let query = ComposeQuery { config, candidates, limits, files: &files };
    crate::compose::read("", environment, &query)
}

/// The files below the root of a repository.
struct Repository<'a> {
    root: &'a Path,
}

impl Files for Repository<'_> {
    fn text(&self, path: &str) -> Result<Option<String>, String> {
        Err(format!("{} cannot be read yet", self.root.join(path).display()))
    }

    fn place(&self, path: &str) -> Result<Option<PathBuf>, String> {
        Err(format!("{} cannot be mounted yet", self.root.join(path).display()))
    }
}
