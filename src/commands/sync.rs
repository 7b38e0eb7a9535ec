//! `sync`: runs what makes the data, publishes the database, and sends folders of files.
//!
//! The database comes first: its steps may write files that are sent afterwards.

use serde::Serialize;
use serde_json::Value;

use super::workspace::Workspace;
use crate::cli::{self, Global};
use crate::exit::{Exit, Failed};
use crate::output::Output;

mod database;

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
    /// What became of the database, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<Value>,
}

pub(super) fn run(global: &Global, args: &cli::Sync, output: &mut Output) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(global, args.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    let wants = |name: &str| args.layer == "all" || args.layer == name;
    if !matches!(args.layer.as_str(), "all" | "status") {
        workspace.layer(&args.layer)?;
    }
    let mut exit = Exit::Done;
    let mut synced = Synced::default();
    let steps = args.layer == "all" && !workspace.data.before.is_empty();
    if workspace.data.database().is_some_and(|(name, ..)| wants(name)) || steps {
        let (ended, shown) = database::run(global, &workspace, args, output)?;
        exit = ended;
        synced.database = Some(shown);
    }
    if !args.steps_only && workspace.data.trees().any(|(name, ..)| wants(name)) {
        return Err(Failed::new(Exit::Internal, "folders of files cannot be synced yet").into());
    }
    output.show("tidegate/sync/1", &synced, |_, _| Ok(()))?;
    Ok(exit)
}
