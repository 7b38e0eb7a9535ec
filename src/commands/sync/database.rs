//! `sync` of the database: steps, checks, publication.

use serde_json::Value;

use super::Workspace;
use crate::cli;
use crate::exit::{Exit, Failed};
use crate::output::Output;

/// Makes the data, checks it and publishes it, as the options ask. Shows people what happened, unless
/// the result is printed as JSON: then it is the second value, for the key `database`.
pub(super) fn run(
    _workspace: &Workspace,
    _args: &cli::Sync,
    _output: &mut Output,
) -> anyhow::Result<(Exit, Value)> {
    let error = "the database cannot be published yet";
    Err(Failed::new(Exit::Internal, error).with_hint("name a folder of files with --layer").into())
}

/// Says how the published database stands, for `sync --layer status`: its version, when it was
/// published, when the signed URL runs out.
#[expect(clippy::unnecessary_wraps, reason = "the store is asked for it")]
pub(super) fn status(_workspace: &Workspace) -> anyhow::Result<Option<Value>> {
    Ok(None)
}
