//! `data import`: brings the rows of a file or an API into a table of the database.

use std::path::{Path, PathBuf};

use super::super::session::block_on;
use super::super::workspace::Workspace;
use crate::adapters::database;
use crate::adapters::scratch::{self, Scratch};
use crate::apply::data::import::{
    ImportFailed, Importing, RejectsTo, Spared, Swap, import, is_stopped,
};
use crate::cli::{DataImport, Global};
use crate::data::import::{Import, ImportError, LoadMode, PRESETS};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::observe::data::rows::RowsError;
use crate::output::Output;

mod show;
mod source;

use show::Bound;
use source::Source;

pub(super) fn run(global: &Global, args: &DataImport, output: &mut Output) -> anyhow::Result<Exit> {
    let workspace = Workspace::for_database(global, args.variables.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    let declared = find(&workspace, &args.name)?;
    let file = workspace.database_file(args.database.as_deref())?;
    let folder = private(&workspace.root.join(&file))?;
    let source = Source::of(global, &workspace, args, &declared)?;
    let mode = if args.plan {
        LoadMode::Plan
    } else if args.accept_good_rows {
        LoadMode::Good(args.max_bad.or(declared.max_bad))
    } else {
        LoadMode::All
    };
    let rejects = match &args.rejects {
        Some(path) => {
            let spared = spared(&declared, &source, &workspace.root.join(&file));
            RejectsTo::Named(from(global, path), spared)
        }
        None => RejectsTo::Beside(named(source.beside(), "rejects.csv")),
    };
    let passwords = named(source.beside(), "passwords.csv");
    let lookup = workspace.lookup();
    let swap = args.swap.then(|| Swap {
        file: workspace.root.join(&file),
        shown: file.clone(),
        patience: args.wait,
    });
    let path = workspace.root.join(&file);
    let is_wal = || database::is_wal(&path).unwrap_or(false);
    let (was_there, was_wal) = (path.exists(), is_wal());
    let progress = output.progress(source.progress());
    let imported = block_on(async {
        let opened = database::open(&workspace.data, &workspace.root, &file, &*lookup);
        let mut database = opened.await?;
        database.set_patience(args.wait);
        let say = |text: &str| progress.say(text);
        let asking = source::Asking { workspace: &workspace, args, import: &declared, say: &say };
        let batch = source.batch(&asking, database.as_ref(), folder.path()).await?;
        let importing = Importing {
            import: &declared,
            batch: &batch,
            mode,
            database: database.as_ref(),
            target: &path,
            folder: folder.path(),
            rejects: &rejects,
            passwords: &passwords,
            now: workspace.now,
            swap: swap.as_ref(),
            say: &say,
        };
        let imported = import(&importing).await.map_err(failed)?;
        Ok::<_, anyhow::Error>((batch, imported))
    });
    drop(progress);
    let (batch, imported) = imported?;
    // What a plan would come to: with the bounds of the same command without --plan.
    let bound = Bound::of(args, &declared);
    let meant = if args.accept_good_rows {
        LoadMode::Good(args.max_bad.or(declared.max_bad))
    } else {
        LoadMode::All
    };
    let stopped = is_stopped(meant, imported.bad, imported.rows);
    let seen = show::Seen {
        import: &declared,
        source: &batch,
        database: &file,
        plan: args.plan,
        stopped,
        bound,
        to_wal: was_there && !was_wal && is_wal(),
    };
    show::show(&seen, &imported, output)?;
    Ok(if stopped { Exit::DataFailed } else { Exit::Done })
}

/// Finds the import that a person names.
fn find(workspace: &Workspace, name: &str) -> anyhow::Result<Import> {
    let entries = &workspace.data.imports;
    let found = Import::of(name, entries.get(name)).or_exit(Exit::Usage)?;
    found.ok_or_else(|| {
        let presets = PRESETS.into_iter().filter(|preset| !entries.contains_key(*preset));
        let known = entries.keys().map(String::as_str).chain(presets).map(str::to_owned);
        let error = ImportError::Unknown { name: name.to_owned(), known: known.collect() };
        let hint = "declare others as `data.imports`, see docs/reference/import.md";
        Failed::new(Exit::Usage, error.to_string()).with_hint(hint).into()
    })
}

/// Takes a path of the command line from the folder of `-C`.
fn from(global: &Global, path: &Path) -> PathBuf {
    global.directory.as_deref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// Returns `sales.csv.rejects.csv`.
fn named(beside: &Path, end: &str) -> PathBuf {
    let name = beside.file_name().unwrap_or_default().to_string_lossy();
    beside.with_file_name(format!("{name}.{end}"))
}

/// Returns the files that rejects never replace. What is there already and is no file of rejects, such as
/// the configuration, is spared anyway.
fn spared(import: &Import, source: &Source, database: &Path) -> Vec<Spared> {
    let spare = |path: PathBuf, said| Spared { path, begins: false, said };
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let logs = ["-wal", "-shm", "-journal", ".wal"].map(|end| {
        let mut log = database.clone().into_os_string();
        log.push(end);
        spare(log.into(), "it is a log of the database")
    });
    let mut spared = vec![spare(database, "it is the database")];
    spared.extend(logs);
    if let Source::File { path, .. } = source {
        spared.push(spare(path.clone(), "it is the file that is imported"));
    }
    if import.password.is_some() {
        // With a number, or unfinished.
        let said = "passwords of new users may get this name";
        spared.push(Spared { path: named(source.beside(), "passwords"), begins: true, said });
    }
    spared
}

/// Makes a folder that nobody else can look into, and that goes away with this run. What killed runs
/// have left is removed, there and beside the database.
fn private(database: &Path) -> anyhow::Result<Scratch> {
    scratch::remove_when_stopped();
    let temporary = std::env::temp_dir();
    scratch::sweep(&temporary, &[scratch::IMPORT, scratch::ENGINE]);
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    if let Some(beside) = database.parent() {
        scratch::sweep(beside, &[scratch::SWAP, scratch::NEW]);
    }
    let made = Scratch::make(&temporary, scratch::IMPORT).or_exit(Exit::Internal);
    made.map_err(|error| error.context("cannot make a temporary folder"))
}

/// Gives the errors of an import their exit codes.
fn failed(error: ImportFailed) -> anyhow::Error {
    match error {
        ImportFailed::Rows(error) => {
            let exit = match error {
                RowsError::Copy { .. } => Exit::Incomplete,
                RowsError::Unreadable { .. }
                | RowsError::Wrong { .. }
                | RowsError::Changed { .. } => Exit::BadInput,
            };
            let failed = Failed::new(exit, error.to_string());
            match error.hint() {
                Some(hint) => failed.with_hint(hint).into(),
                None => failed.into(),
            }
        }
        ImportFailed::Database(error) => error.into(),
        error @ ImportFailed::Target { .. } => Failed::new(Exit::Usage, error.to_string())
            .with_hint(
                "name another file with --rejects: only an older file of rejects is replaced",
            )
            .into(),
        error @ (ImportFailed::Write { .. } | ImportFailed::Rejects { .. }) => Failed::new(
            Exit::Incomplete,
            error.to_string(),
        )
        .with_hint(
            "mend that (is the disk full?) and run it again: rows that are there stay as they are",
        )
        .into(),
        error @ ImportFailed::Unclear { .. } => {
            let ImportFailed::Unclear { source, .. } = &error else { return error.into() };
            let text = format!("{source}; {error}");
            Failed::new(Exit::Incomplete, text)
                .with_hint("run it again, and see whether the users are there; hand their passwords out then")
                .into()
        }
        error @ ImportFailed::Hash(_) => Failed::new(Exit::Internal, error.to_string()).into(),
    }
}
