//! Performs the plan of a folder's sync: uploads, deletions, the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;

use super::manifest_copy::write_copy;
use super::manifest_file::ManifestFile;
use super::queue::{self, Ended, Event, Fault};
use super::send::send;
use crate::adapters::engine::StopSignal;
use crate::adapters::store::Container;
use crate::data::Pace;
use crate::data::manifest::{Entry, Manifest};
use crate::data::sync::{LayerPlace, Problem, Reason, SyncPlan, Upload};

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// How many files were sent.
    pub uploaded: u64,
    /// What they have, in bytes.
    pub bytes: u64,
    /// How many were deleted from the store.
    pub deleted: u64,
    /// Whether the copy of the manifest lags behind, because it could not be written.
    pub lags: bool,
    /// What failed.
    pub problems: Vec<Problem>,
    /// The signal that ended it.
    pub stopped: Option<StopSignal>,
    /// What should be known, in a sentence each.
    pub warnings: Vec<String>,
}

/// What a plan is performed with.
pub struct Performing<'a> {
    /// The root of the repository.
    pub root: &'a Path,
    /// The layer.
    pub place: &'a LayerPlace,
    /// Its container.
    pub container: &'a Container,
    /// The manifest's file, which is held.
    pub file: &'a mut ManifestFile,
    /// The manifest.
    pub manifest: &'a mut Manifest,
    /// The most files at once.
    pub most: usize,
    /// Is told of each further number of bytes.
    pub sent: &'a (dyn Fn(u64) + Send + Sync),
}

/// Performs a plan. `noted` is what the manifest gets to know of files that are not sent.
pub async fn perform(
    with: Performing<'_>,
    plan: &SyncPlan,
    noted: BTreeMap<String, Entry>,
) -> anyhow::Result<Done> {
    let Performing { root, place, container, file, manifest, most, sent } = with;
    let mut done = Done::default();
    let base = manifest.copies.get(&place.layer).cloned();
    // What this run sends is younger, whatever the clocks of others say.
    let begun = Timestamp::now().as_second();
    let agreed = base.as_ref().and(manifest.last_sync).map(|agreed| agreed.min(begun - 1));
    let unknown = || manifest.below(&place.folder).next().is_none();
    if plan.is_empty() && noted.is_empty() && (base.is_some() || unknown()) {
        return Ok(done);
    }
    // From here on the copy lags behind, also if this run is killed.
    manifest.copies.remove(&place.layer);
    for upload in plan.upload.iter().filter(|upload| upload.reason == Reason::Forced) {
        manifest.remove(&upload.path);
    }
    if !plan.upload.is_empty() || base.is_none() {
        container.create_if_missing().await?;
    }
    for (path, entry) in noted {
        file.note(manifest, &path, Some(entry))?;
    }
    let mut pace = Pace::new(most);
    let work = async |upload: &Upload| {
        send(container, root, upload, Timestamp::now().as_second(), sent).await
    };
    let on = |event: Event<'_, Upload, Entry>| {
        match event {
            Event::Done(upload, entry) => {
                done.uploaded += 1;
                done.bytes += upload.size;
                file.note(manifest, &upload.path, Some(entry))?;
            }
            Event::Failed(upload, fault) => {
                let problem = Problem { path: upload.path.clone(), error: fault.to_string() };
                done.problems.push(problem);
            }
            Event::Tick => file.checkpoint(manifest, false)?,
        }
        Ok(())
    };
    let ended =
        queue::run(&plan.upload, &mut pace, |upload| upload.size, || container.busy(), work, on)
            .await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            // The disk may be full: what is not noted is sent again, and nothing is lost.
            let _ = file.checkpoint(manifest, true);
            return Err(error);
        }
    };
    file.checkpoint(manifest, true)?;
    match ended {
        Ended::All => {}
        Ended::Stopped(signal) => {
            done.stopped = Some(signal);
            return Ok(done);
        }
        Ended::Hopeless(fault) => return Err(hopeless(fault, &done, plan)),
    }
    let mut deleted = BTreeSet::new();
    if done.problems.is_empty() {
        for gone in &plan.delete {
            container.delete(&gone.blob_path).await?;
            file.note(manifest, &gone.path, None)?;
            deleted.insert(gone.path.clone());
        }
        done.deleted = deleted.len() as u64;
    }
    if done.problems.is_empty() && plan.problems.is_empty() {
        manifest.last_sync = Some(Timestamp::now().as_second());
    }
    if manifest.below(&place.folder).next().is_some() || base.is_some() {
        match write_copy(container, place, manifest, base.as_deref(), agreed, &deleted).await {
            Ok(true) => {}
            Ok(false) => {
                done.lags = true;
                done.warnings.push(format!(
                    "the copy of the manifest in {} was written by others each time; the next sync writes it",
                    container.place()
                ));
            }
            Err(error) => {
                done.lags = true;
                done.warnings.push(format!(
                    "the copy of the manifest could not be written, and the next sync writes it: {error}"
                ));
            }
        }
    }
    file.write(manifest)?;
    Ok(done)
}

fn hopeless(fault: Fault, done: &Done, plan: &SyncPlan) -> anyhow::Error {
    let count = plan.upload.len();
    let what = format!(
        "layer {} was not synced: {} of {count} files were sent, and the next sync goes on there",
        plan.layer, done.uploaded
    );
    let error: anyhow::Result<()> = match fault {
        Fault::Store(error) => Err(error).context(what),
        Fault::File(error) | Fault::Here(error) => Err(anyhow::anyhow!(error)).context(what),
    };
    match error {
        Err(error) => error,
        Ok(()) => anyhow::anyhow!("the transfer ended early"),
    }
}
