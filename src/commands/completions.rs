//! `completions`: prints the completions for a shell.

use clap::CommandFactory as _;

use crate::cli::{Cli, Completions};
use crate::exit::Exit;
use crate::output::Output;

/// Writes the script for the shell; it is a script also with `--json`.
pub fn run(args: &Completions, output: &mut Output) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tidegate", &mut script);
    output.text(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
