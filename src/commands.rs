//! One file for each command: its flow on one screen, and how its result is shown.

use std::process::ExitCode;

use crate::adapters::name_service;
use crate::cli::{self, Cli, Command};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Settings, show_failure};

mod announce;
mod app_login;
mod apply;
mod bake;
mod by_hand;
mod clients;
mod clock;
mod completions;
mod data;
mod data_release;
mod demo;
mod doctor;
mod gate;
mod history;
mod hold;
mod init;
mod last_good;
mod ledger;
mod log;
mod man;
mod plan;
mod promote;
mod publish;
mod pull;
mod quarantine;
mod repair;
mod report;
mod resume;
mod retry;
mod rollback;
mod schedule;
mod session;
mod situation;
mod smoke;
mod status;
mod sync;
mod witness;
mod workspace;

/// Runs the program: arguments, log, command, errors, exit code.
pub fn main() -> ExitCode {
    name_service::limit();
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come here too, and are no errors. There is nowhere to complain
            // when even the message cannot be written.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let settings = Settings::of_process(&cli.global);
    log::start(cli.global.verbose, settings.color_errors);
    let mut output = Output::standard(settings);
    match run(&cli, &mut output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let failure = Failure::of(&error);
            tracing::debug!(exit = %failure.exit, "{error:?}");
            let _ = show_failure(&mut output, &failure);
            failure.exit.into()
        }
    }
}

/// Performs one command.
///
/// # Errors
/// Those of the command; [`Failure::of`] says what they mean for the caller.
pub fn run(cli: &Cli, output: &mut Output) -> anyhow::Result<Exit> {
    match &cli.command {
        Command::Init(args) => init::run(&cli.global, args, output),
        Command::Gate(args) => gate::run(&cli.global, args, output),
        Command::Plan(args) => plan::run(&cli.global, args, output),
        Command::Apply(args) => apply::run(&cli.global, args, output),
        Command::Promote(args) => promote::run(&cli.global, args, output),
        Command::Retry(args) => retry::run(&cli.global, args, output),
        Command::Smoke(args) => smoke::run(&cli.global, args, output),
        Command::Sync(args) => sync::run(&cli.global, args, output),
        Command::Pull(args) => pull::run(&cli.global, args, output),
        Command::Data(args) => data::run(&cli.global, args, output),
        Command::Schedule(args) => schedule::run(&cli.global, args, output),
        Command::Rollback(args) => rollback::run(&cli.global, args, output),
        Command::Bake(args) => bake::run(&cli.global, args, output),
        Command::Repair(args) => repair::run(&cli.global, args, output),
        Command::Hold(args) => hold::run(&cli.global, args, output),
        Command::Resume(args) => resume::run(&cli.global, args, output),
        Command::Quarantine(args) => quarantine::run(&cli.global, args, output),
        Command::LastGood(args) => last_good::run(&cli.global, args, output),
        Command::Ledger(args) => ledger::run(&cli.global, args, output),
        Command::Status(args) => status::run(&cli.global, args, output),
        Command::Doctor(args) => doctor::run(&cli.global, args, output),
        Command::History(args) => history::run(&cli.global, args, output),
        Command::Demo(args) => demo::run(&cli.global, args, output),
        Command::Completions(args) => completions::run(args, output),
        Command::Man(args) => man::run(args, output),
    }
}
