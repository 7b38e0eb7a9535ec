//! `sync`: runs what makes the data, publishes the database, and sends folders of files.
//!
//! The database comes first: its steps may write files that are sent afterwards.

use serde::Serialize;
use serde_json::Value;

use self::tree::LayerSynced;
pub(super) use self::tree::{Held, Layer, MOST_AT_ONCE};
use super::workspace::Workspace;
use crate::cli::{self, Global};
use crate::data::sync::SyncPlan;
use crate::exit::Exit;
use crate::output::Output;

mod database;
mod status;
mod tree;

/// What `sync` did. The first four keys are those of the field's tools.
#[derive(Debug, Default, Serialize)]
struct Synced {
    /// The files that were sent.
    uploaded: u64,
    /// The files that were there already.
    skipped: u64,
    /// The files that could not be read or sent.
    errors: u64,
    /// What was sent, in bytes.
    total_bytes: u64,
    /// The layers of files.
    layers: Vec<LayerSynced>,
    /// What became of the database, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Value>,
}

/// What `sync --plan` would do.
#[derive(Debug, Default, Serialize)]
struct Planned {
    /// The layers of files.
    layers: Vec<SyncPlan>,
    /// What would become of the database, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Value>,
}

pub(super) fn run(global: &Global, args: &cli::Sync, output: &mut Output) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(global, args.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    if args.layer == "status" {
        return status::run(&workspace, output);
    }
    if args.layer != "all" {
        workspace.layer(&args.layer)?;
    }
    let wants = |name: &str| args.layer == "all" || args.layer == name;
    let made = !workspace.data.before.is_empty() || !workspace.data.aggregates.is_empty();
    let steps = args.layer == "all" && made;
    let (mut exit, mut database) = (Exit::Done, None);
    if workspace.data.database().is_some_and(|(name, ..)| wants(name)) || steps {
        let (ended, shown) = database::run(global, &workspace, args, output)?;
        (exit, database) = (ended, Some(shown));
    }
    let trees: Vec<_> = workspace
        .data
        .trees()
        .filter(|(name, ..)| wants(name) && !args.steps_only && !args.candidate)
        .map(|(name, config, path)| Layer::new(&workspace, name, config, path))
        .collect::<anyhow::Result<_>>()?;
    if args.plan {
        let mut planned = Planned { layers: Vec::new(), database };
        let mut held = Held::look(&workspace, output)?;
        for layer in &trees {
            planned.layers.push(tree::show_plan(&workspace, layer, args, &mut held, output)?);
        }
        output.show("tidegate/sync-plan/1", &planned, |_, _| Ok(()))?;
        if exit == Exit::Done && planned.layers.iter().any(|layer| !layer.problems.is_empty()) {
            exit = Exit::Incomplete;
        }
        return Ok(exit);
    }
    let mut synced = Synced { database, ..Synced::default() };
    if !trees.is_empty() {
        sync_trees(&workspace, &trees, args, &mut synced, output)?;
    }
    output.show("tidegate/sync/1", &synced, |_, _| Ok(()))?;
    let stopped = synced.layers.iter().any(|layer| layer.stopped.is_some() || layer.lags);
    if exit == Exit::Done && (synced.errors > 0 || stopped) {
        exit = Exit::Incomplete;
    }
    Ok(exit)
}

fn sync_trees(
    workspace: &Workspace,
    trees: &[Layer<'_>],
    args: &cli::Sync,
    synced: &mut Synced,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut held = Held::hold(workspace, output)?;
    for layer in trees {
        let one = tree::run(workspace, layer, args, &mut held, output)?;
        synced.uploaded += one.uploaded;
        synced.skipped += one.skipped;
        synced.errors += one.errors;
        synced.total_bytes += one.total_bytes;
        let stopped = one.stopped.is_some();
        synced.layers.push(one);
        if stopped {
            break;
        }
    }
    held.release()
}
