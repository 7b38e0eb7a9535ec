//! `demo`: the whole story in a throw-away folder. A good commit is promoted, a bad one is rolled
//! back, by the code that `gate` runs; only the people and the CI around it are played.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::gate;
use super::report::{self, Report};
use super::session::block_on;
use crate::cli::{self, Cli, Command, Global, Inputs, Needs, Place};
use crate::exit::{Exit, Failed};
use crate::output::Output;
use crate::policy::Verdict;

mod capture;
mod next;
mod story;
mod tar;
mod world;

use next::NextStep;
use world::{Pushed, World};

/// What a demo did and left behind, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Played {
    /// The folder.
    path: PathBuf,
    /// What the gate said of the good commit.
    promotion: Report,
    /// What the gate said of the bad commit.
    rollback: Report,
    /// How to go on by hand.
    next: Vec<NextStep>,
}

pub(super) fn run(global: &Global, args: &cli::Demo, output: &mut Output) -> anyhow::Result<Exit> {
    let folder = Folder::make(args.dir.as_deref())?;
    let played = play(global, folder.path(), output)?;
    folder.keep();
    output.show("tidegate/demo/1", &played, story::goodbye)?;
    Ok(Exit::Done)
}

fn play(global: &Global, folder: &Path, output: &mut Output) -> anyhow::Result<Played> {
    let world = World::make(folder, Timestamp::now())?;
    story::begin(output, folder)?;

    let good = world.push_good()?;
    block_on(world.build_image(&good))?;
    story::good_commit(output, &good)?;
    let promotion = act(global, &world, "needs-passed.json", Verdict::Promote, output)?;
    story::after_promotion(output)?;

    let bad = world.push_bad()?;
    story::bad_commit(output, &bad)?;
    let rollback = act(global, &world, "needs-failed.json", Verdict::Rollback, output)?;
    story::after_rollback(output)?;

    let next = world.prepare_next()?;
    block_on(world.build_image(&next))?;
    status(global, &world, output)?;
    Ok(Played { path: folder.to_owned(), promotion, rollback, next: next::steps(folder) })
}

/// Runs the gate in the clone, shows what it says, and holds the verdict against the story.
fn act(
    global: &Global,
    world: &World,
    needs: &str,
    expected: Verdict,
    output: &mut Output,
) -> anyhow::Result<Report> {
    let args = cli::Gate {
        inputs: Inputs {
            needs: Some(Needs::File(world.folder().join(needs))),
            digest: None,
            data_version: None,
            digests: None,
            commit: "HEAD".to_owned(),
            event: "push".to_owned(),
            place: Place::default(),
        },
        no_bake: true,
    };
    let mut shown = capture::Capture::new(output);
    let (session, report) = gate::perform(&inside(global, world), &args, shown.output())?;
    report::print(&session, &report, shown.output())?;
    shown.print(&format!("tidegate gate --needs @../{needs}"), output)?;
    if report.verdict != expected {
        let error = format!(
            "the gate of the demo said {}, and {} was to be expected",
            report.verdict.word(),
            expected.word()
        );
        return Err(Failed::new(Exit::Internal, error)
            .with_hint("this is a defect of tidegate: report it with the output above")
            .into());
    }
    Ok(report)
}

fn status(global: &Global, world: &World, output: &mut Output) -> anyhow::Result<()> {
    if output.is_json() {
        return Ok(());
    }
    story::status(output)?;
    let command = Command::Status(cli::Status { offline: false, place: Place::default() });
    let cli = Cli { global: inside(global, world), command };
    let mut shown = capture::Capture::new(output);
    super::run(&cli, shown.output()).context("cannot show the status")?;
    shown.print("tidegate status", output)?;
    Ok(())
}

/// The options of a command inside the demo: nothing of the user's counts.
fn inside(global: &Global, world: &World) -> Global {
    Global {
        directory: Some(world.clone_folder()),
        config: None,
        json: false,
        isolated: true,
        ..global.clone()
    }
}

/// Where the demo happens. A temporary folder goes away when the demo fails.
enum Folder {
    Temporary(PathBuf, tempfile::TempDir),
    Given(PathBuf),
}

impl Folder {
    fn make(given: Option<&Path>) -> anyhow::Result<Self> {
        let place = |path: &Path| format!("cannot use the folder {}", path.display());
        let Some(path) = given else {
            let folder = tempfile::Builder::new()
                .prefix("tidegate-demo-")
                .tempdir()
                .context("cannot make a temporary folder; name one with --dir")?;
            let path =
                std::fs::canonicalize(folder.path()).with_context(|| place(folder.path()))?;
            return Ok(Self::Temporary(path, folder));
        };
        std::fs::create_dir_all(path).with_context(|| place(path))?;
        if std::fs::read_dir(path).with_context(|| place(path))?.next().is_some() {
            let error = format!("the folder {} is not empty", path.display());
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("name a new folder with --dir, or leave the option out")
                .into());
        }
        Ok(Self::Given(std::fs::canonicalize(path).with_context(|| place(path))?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(path, _) | Self::Given(path) => path,
        }
    }

    fn keep(self) {
        match self {
            Self::Temporary(_, folder) => drop(folder.keep()),
            Self::Given(_) => {}
        }
    }
}
