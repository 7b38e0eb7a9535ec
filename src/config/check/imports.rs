//! `data.imports`: each as the import itself would refuse it, found where the file is read.

use super::{misfit, repository_path};
use crate::config::DataConfig;
use crate::config::node::Misfit;
use crate::data::import::{Import, ImportError};

/// The most imports.
const MOST: usize = 50;

/// Checks them all.
pub(super) fn check(data: &DataConfig) -> Result<(), Misfit> {
    if data.imports.len() > MOST {
        let problem = format!("expected at most {MOST}, found {}", data.imports.len());
        return Err(misfit(&["data", "imports"], problem));
    }
    for (name, entry) in &data.imports {
        let wrong = |keys: &[&str], problem: String| {
            let path: Vec<&str> =
                ["data", "imports", name].into_iter().chain(keys.iter().copied()).collect();
            misfit(&path, problem)
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        if !(1..=63).contains(&name.len()) || !name.bytes().all(plain) {
            let problem = "expected a name of 1 to 63 lower-case letters, digits, _ and -";
            return Err(wrong(&[], problem.to_owned()));
        }
        if let Some(csv) = &entry.csv {
            repository_path(csv).map_err(|problem| wrong(&["csv"], problem))?;
        }
        match Import::of(name, Some(entry)) {
            Ok(_) => {}
            Err(ImportError::Wrong { key, problem, .. }) => {
                let keys: Vec<&str> = key.split('.').collect();
                // What the entry does not say, its preset does: there is no line for that.
                return Err(wrong(&keys, problem));
            }
            Err(error @ ImportError::Unknown { .. }) => return Err(wrong(&[], error.to_string())),
        }
    }
    Ok(())
}
