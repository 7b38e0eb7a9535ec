//! The command tree, and nothing else.
//!
//! Secrets are never options: they would stand in the process list and in shell histories.

use std::path::PathBuf;

use clap::{ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser};
use clap::{Subcommand, ValueEnum};

mod backup;
mod bake;
mod data;
mod data_import;
mod doctor;
mod gate;
mod health;
mod init;
mod ledger;
mod pull;
mod read;
mod release;
mod retry;
mod schedule;
mod smoke;
mod stop;
mod sync;
mod value;

pub use backup::DataBackup;
pub use bake::Bake;
pub use data::{
    Data, DataCommand, DataLifecycle, DataPrune, DataRestore, DataVersions, PolicyKind, Variables,
};
pub use data_import::DataImport;
pub use doctor::Doctor;
pub use gate::{Apply, Gate, Inputs, Plan};
pub use health::DataHealthCheck;
pub use init::Init;
pub use ledger::{Ledger, LedgerAppend, LedgerCommand, LedgerShow};
pub use pull::{Loader, Pull};
pub use read::{Completions, Demo, History, LastGood, Man, Status};
pub use release::{Promote, Repair, Rollback};
pub use retry::Retry;
pub use schedule::{Emit, Schedule};
pub use smoke::{ProbeKind, Smoke, SmokedImage};
pub use stop::{End, Hold, Quarantine, Resume};
pub use sync::Sync;
pub use value::{Assumption, Digests, JobResult, Needs};

/// Decide whether a commit may be released, and carry the decision out
///
/// Tests passed: the image becomes stable, branch stable moves, the ledger gets an entry.
///
/// Tests failed: the protected branch gets back the tree of the last good commit.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tidegate",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    propagate_version = false,
    disable_help_subcommand = true,
    styles = STYLES,
    after_help = "Try it without touching anything of yours: tidegate demo",
)]
pub struct Cli {
    #[command(flatten)]
    /// The options that every command has.
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const STYLES: clap::builder::Styles = {
    use clap::builder::styling::{AnsiColor, Styles};
    Styles::styled()
        .header(AnsiColor::BrightWhite.on_default().bold())
        .usage(AnsiColor::BrightWhite.on_default().bold())
        .literal(AnsiColor::Cyan.on_default())
        .placeholder(AnsiColor::Green.on_default())
};

/// The options that every command has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work on the repository that holds this folder
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Read this file, not .github/tidegate.yml
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TIDEGATE_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more on stderr (-vv: requests, -vvv: everything)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Colour the output: auto, always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    pub color: ColorWhen,
    /// Ignore the environment of the process. No option: `demo` sets it, so that what it shows is
    /// the same inside a workflow run.
    #[arg(skip)]
    pub isolated: bool,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Also in files and pipes
    Always,
    /// Nowhere
    Never,
}

/// A command.
#[derive(Debug, Clone, Subcommand)]
#[expect(missing_docs, reason = "their structs say what they do, and help shows that")]
pub enum Command {
    Init(Init),
    Gate(Gate),
    Plan(Plan),
    Apply(Apply),
    Promote(Promote),
    Rollback(Rollback),
    Bake(Bake),
    Repair(Repair),
    Hold(Hold),
    Resume(Resume),
    Quarantine(Quarantine),
    Retry(Retry),
    Smoke(Box<Smoke>),
    Sync(Sync),
    Pull(Pull),
    Data(Data),
    Schedule(Schedule),
    LastGood(LastGood),
    Ledger(Ledger),
    Status(Status),
    Doctor(Doctor),
    History(History),
    Demo(Demo),
    Completions(Completions),
    Man(Man),
}

/// Where the decision is made; overrules the configuration file.
#[derive(Debug, Clone, Default, Args)]
pub struct Place {
    /// Take this as the protected branch
    #[arg(long, value_name = "NAME", env = "TIDEGATE_BRANCH", hide_env_values = true)]
    pub branch: Option<crate::model::BranchName>,
    /// Take the file at this path as the ledger
    #[arg(long, value_name = "PATH", env = "TIDEGATE_LEDGER", hide_env_values = true)]
    pub ledger: Option<String>,
}

/// Reads the arguments and the environment of the process.
pub fn parse() -> Result<Cli, clap::Error> {
    parse_from(std::env::args_os())
}

/// Reads `arguments`, the first of which is the name of the program, and the environment.
pub fn parse_from<I, A>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = A>,
    A: Into<std::ffi::OsString> + Clone,
{
    let mut command = without_empty_environment(Cli::command());
    let matches: ArgMatches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Forgets the environment variables that are set to the empty string: an input of an action that
/// its user left out arrives that way, and must not count as given.
///
/// An option with an empty value is left as it is: that is a mistake, and an error.
fn without_empty_environment(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| {
            let empty = arg
                .get_env()
                .is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
            if empty { arg.env(None) } else { arg }
        })
        .mut_subcommands(without_empty_environment)
}
