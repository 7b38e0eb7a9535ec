//! `sync --layer status`: what is here, what was sent, and what others have changed in the store.

use serde::Serialize;

use super::super::session::block_on;
use super::tree::{Held, Layer};
use super::{Workspace, database};
use crate::data::manifest::time_shown;
use crate::data::sync::{Drift, How, Partitions, Problem, bytes, files, partition};
use crate::exit::Exit;
use crate::observe::data::compare::compare;
use crate::observe::data::layer;
use crate::output::{Output, bad, clean, good, warn};

/// The most partitions that people are shown.
const SHOWN: usize = 10;

/// How things stand. The first four keys are those of the field's tools.
#[derive(Debug, Default, Serialize)]
struct SyncStatus {
    /// How many files are here.
    local_files: u64,
    /// How many of them are in the store.
    synced_files: u64,
    /// How many of them are to be sent.
    pending_files: u64,
    /// When a sync last ended: `2026-02-07T19:53:58`, in UTC.
    last_sync: Option<String>,
    /// The layers of files.
    layers: Vec<LayerStatus>,
    /// The published database.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<database::DatabaseStatus>,
}

/// How one layer stands.
#[derive(Debug, Serialize)]
struct LayerStatus {
    layer: String,
    place: String,
    local_files: u64,
    local_bytes: u64,
    synced_files: u64,
    pending_files: u64,
    pending_bytes: u64,
    /// How many files that were sent are no longer here.
    gone_files: u64,
    /// How many of the pending files are in which partition.
    pending_partitions: Partitions,
    /// What others have changed in the store.
    drift: Drift,
    /// Files that cannot be synced.
    failed: Vec<Problem>,
}

pub(super) fn run(workspace: &Workspace, output: &mut Output) -> anyhow::Result<Exit> {
    let mut held = Held::look(workspace, output)?;
    let mut status = SyncStatus::default();
    for (name, config, path) in workspace.data.trees() {
        let layer = Layer::new(workspace, name, config, path)?;
        let found = look(workspace, &layer, &mut held, output)?;
        status.local_files += found.local_files;
        status.synced_files += found.synced_files;
        status.pending_files += found.pending_files;
        status.layers.push(found);
    }
    status.last_sync = held.manifest.last_sync.map(time_shown);
    status.database = database::status(workspace)?;
    output.show("tidegate/sync-status/1", &status, show)?;
    Ok(Exit::Done)
}

fn look(
    workspace: &Workspace,
    layer: &Layer<'_>,
    held: &mut Held,
    output: &mut Output,
) -> anyhow::Result<LayerStatus> {
    let place = layer.container.place();
    let progress = output.progress(format!("listing {place}"));
    let say = |step: &str| progress.say(step);
    let listing = block_on(async { Ok(layer::listing(&layer.container, &layer.place).await?) })?;
    let mut warnings = Vec::new();
    if held.manifest.below(&layer.place.folder).next().is_none() {
        block_on(layer.catch_up(&workspace.root, held, false, &say, &mut warnings))?;
    }
    let (pattern, manifest) = (layer.config.pattern(), &held.manifest);
    let drift = Drift::of(&layer.place, manifest, listing);
    let how = How::default();
    let (compared, _) = compare(&workspace.root, &layer.place, pattern, manifest, how, &say)?;
    let (plan, _) = compared.plan(None)?;
    drop(progress);
    warnings.iter().try_for_each(|warning| output.warning(warning))?;
    let mut pending_partitions = Partitions::new();
    for upload in &plan.upload {
        *pending_partitions.entry(partition(&upload.blob_path).to_owned()).or_default() += 1;
    }
    Ok(LayerStatus {
        layer: plan.layer,
        place,
        local_files: plan.local_files,
        local_bytes: plan.local_bytes,
        synced_files: plan.skipped,
        pending_files: plan.upload.len() as u64,
        pending_bytes: plan.upload_bytes,
        gone_files: plan.kept,
        pending_partitions,
        drift,
        failed: plan.problems,
    })
}

fn show(output: &mut Output, status: &SyncStatus) -> std::io::Result<()> {
    for layer in &status.layers {
        let mark =
            if layer.pending_files == 0 && layer.drift.is_none() { good("✓") } else { warn("!") };
        output.line(format!(
            "{mark} {} -> {}: {} here ({}), {} synced, {} to send ({})",
            clean(&layer.layer),
            clean(&layer.place),
            files(layer.local_files),
            bytes(layer.local_bytes),
            layer.synced_files,
            layer.pending_files,
            bytes(layer.pending_bytes)
        ))?;
        partitions(output, "to send in", &layer.pending_partitions)?;
        let drift = &layer.drift;
        if !drift.is_none() {
            output.line(format!(
                "  in the store: {} missing, {} changed by others, {} unknown",
                drift.missing, drift.changed, drift.unknown
            ))?;
            partitions(output, "changed in", &drift.partitions)?;
        }
        if drift.missing > 0 || drift.changed > 0 {
            output.line("  send them again with: tidegate sync --checksum")?;
        }
        for problem in layer.failed.iter().take(SHOWN) {
            output.line(format!(
                "  {} {}: {}",
                bad("✗"),
                clean(&problem.path),
                clean(&problem.error)
            ))?;
        }
    }
    if let Some(database) = &status.database {
        database::show_status(database, output)?;
    }
    // `2026-02-07T19:53:58`, as other times are shown.
    let shown = |time: &str| format!("{} UTC", time.get(..16).unwrap_or(time).replace('T', " "));
    let last = status.last_sync.as_deref().map_or("never".to_owned(), shown);
    output.line(format!("last sync: {last}"))
}

fn partitions(output: &mut Output, words: &str, partitions: &Partitions) -> std::io::Result<()> {
    for (partition, count) in partitions.iter().take(SHOWN) {
        output.line(format!("    {words} {}: {}", clean(partition), files(*count)))?;
    }
    if partitions.len() > SHOWN {
        output.line(format!("    ... and {} more partitions", partitions.len() - SHOWN))?;
    }
    Ok(())
}
