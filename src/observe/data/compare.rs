//! Compares the folder of a layer with the manifest, and reads the files that may have changed.

use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::content::{Content, ContentError};
use super::scan::{ScanError, scan};
use crate::data::manifest::Manifest;
use crate::data::sync::{Compared, Comparing, How, LayerPlace, Problem, Unsure, files};

/// More threads read no faster.
const MOST_THREADS: usize = 8;

/// Compares. Returns `None` where the folder is not there. `say` is told what takes long.
pub fn compare(
    root: &Path,
    place: &LayerPlace,
    pattern: &str,
    manifest: &Manifest,
    how: How,
    say: &dyn Fn(&str),
) -> Result<(Compared, bool), ScanError> {
    let mut comparing = Comparing::new(place, manifest, how);
    let there = scan(root, place, pattern, &mut comparing)?;
    let mut compared = comparing.finish();
    let unsure = std::mem::take(&mut compared.unsure);
    if unsure.is_empty() {
        return Ok((compared, there));
    }
    say(&format!("reading {}", files(unsure.len() as u64)));
    let digests = read_all(root, &unsure);
    for (unsure, digest) in unsure.into_iter().zip(digests) {
        match digest {
            Ok((digest, mtime)) => compared.settle(unsure, digest, mtime),
            Err(error) => {
                compared.problem(Problem { path: unsure.file.path, error: error.to_string() });
            }
        }
    }
    Ok((compared, there))
}

type Read = Result<([u8; 32], Option<i64>), ContentError>;

fn read_all(root: &Path, unsure: &[Unsure]) -> Vec<Read> {
    let threads = thread::available_parallelism().map_or(2, NonZero::get).min(MOST_THREADS);
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Option<Read>>> = Mutex::new(unsure.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads.min(unsure.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(unsure) = unsure.get(index) else { return };
                    let read = read(root, unsure);
                    if let Ok(mut found) = found.lock()
                        && let Some(place) = found.get_mut(index)
                    {
                        *place = Some(read);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.into_iter().map(|read| read.unwrap_or(Err(ContentError::Changed))).collect()
}

fn read(root: &Path, unsure: &Unsure) -> Read {
    let content = Content::open(root, &unsure.file)?;
    let digest = content.digest()?;
    Ok((digest, content.lasting_mtime()))
}
