//! `data`: the published versions of the database, and the policies of layers.

use super::workspace::Workspace;
use crate::cli::{self, DataCommand, Global, Variables};
use crate::exit::Exit;
use crate::output::Output;

mod backup;
mod health_check;
mod import;
mod known;
mod lifecycle;
mod prune;
mod restore;
mod versions;

pub(super) fn run(global: &Global, args: &cli::Data, output: &mut Output) -> anyhow::Result<Exit> {
    match &args.command {
        DataCommand::Import(args) => import::run(global, args, output),
        DataCommand::Versions(args) => versions::run(global, args, output),
        DataCommand::Restore(args) => restore::run(global, args, output),
        DataCommand::Prune(args) => prune::run(global, args, output),
        DataCommand::Lifecycle(args) => lifecycle::run(global, args, output),
        DataCommand::Backup(args) => backup::run(global, args, output),
        DataCommand::HealthCheck(args) => health_check::run(global, args, output),
    }
}

fn open(global: &Global, variables: &Variables, output: &mut Output) -> anyhow::Result<Workspace> {
    let workspace = Workspace::open(global, variables.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    Ok(workspace)
}
