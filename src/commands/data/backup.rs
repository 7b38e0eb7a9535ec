//! `data backup`: backs the database up, brings a backup back, verifies and cleans up.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::adapters::store::{self, Container, Store};
use crate::apply::data::backup::{self, Backups};
use crate::cli::{DataBackup, Global};
use crate::commands::session::block_on;
use crate::commands::workspace::{Lookup, Workspace};
use crate::config::BackupConfig;
use crate::data::Backup;
use crate::exit::{Exit, Failed};
use crate::model::StoreUrl;
use crate::output::{Output, good, size, strong};

mod list;
mod prune;
mod restore;
mod verify;

/// The container of backups where nobody names one.
const CONTAINER: &str = "backups";

#[derive(Serialize)]
struct BackedUp {
    database: String,
    /// Where the backups are.
    place: String,
    /// The backup; `None` where only a plan was asked for.
    backup: Option<Backup>,
    /// What runs that were killed had left, and was removed.
    removed: Vec<String>,
}

/// A database, and where its backups are.
pub(super) struct Kept {
    pub(super) workspace: Workspace,
    /// The database, from the root.
    pub(super) shown: String,
    /// The same as a whole path, without links.
    pub(super) file: PathBuf,
    pub(super) place: StoreUrl,
    pub(super) container: String,
    pub(super) config: BackupConfig,
    /// Whether somebody has said where backups are kept.
    pub(super) expected: bool,
    /// How long a database is waited for that another process holds; `None` for what is usual.
    pub(super) wait: Option<Duration>,
    lookup: Lookup,
}

pub(super) fn run(global: &Global, args: &DataBackup, output: &mut Output) -> anyhow::Result<Exit> {
    let workspace = Workspace::for_database(global, args.variables.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    let mut kept = Kept::of(workspace, args.database.as_deref())?;
    kept.wait = Some(args.wait);
    if args.list {
        return list::run(&kept, output);
    }
    if args.verify_all {
        return verify::run(&kept, output);
    }
    if args.prune {
        return prune::run(&kept, args, output);
    }
    if let Some(choice) = &args.restore {
        return restore::run(&kept, choice, args, output);
    }
    make(&kept, args, output)
}

fn make(kept: &Kept, args: &DataBackup, output: &mut Output) -> anyhow::Result<Exit> {
    kept.expect_file()?;
    let mut made = BackedUp {
        database: kept.shown.clone(),
        place: kept.shown_place(),
        backup: None,
        removed: Vec::new(),
    };
    if args.plan {
        output.show("tidegate/backup/1", &made, |output, made| {
            output.line(format!("{} would be backed up to {}", made.database, made.place))
        })?;
        return Ok(Exit::Done);
    }
    let progress = output.progress(format!("backing {} up", kept.shown));
    let say = |text: &str| progress.say(text);
    (made.backup, made.removed) = block_on(async {
        let container = kept.open()?;
        let backups = kept.backups(&container, &say);
        let lock = backup::lock(&backups).await?;
        let removed = backup::sweep(&backups, &lock).await?;
        anyhow::Ok((Some(backup::back_up(&backups, &lock).await?), removed))
    })?;
    drop(progress);
    output.show("tidegate/backup/1", &made, |output, made| {
        for removed in &made.removed {
            output.note(format!("removed {removed}, which a run that ended had not finished"))?;
        }
        let Some(backup) = &made.backup else { return Ok(()) };
        let described = backup.description.as_ref();
        output.line(format!(
            "{} {} ({}, {} rows in {}) to {}, read back and opened",
            good("backed up"),
            strong(&backup.name),
            size(backup.size.unwrap_or_default()),
            described.map_or(0, crate::data::BackupDescription::rows),
            tables(described.map_or(0, |described| described.tables.len())),
            made.place
        ))
    })?;
    Ok(Exit::Done)
}

/// Says how many tables.
fn tables(count: usize) -> String {
    format!("{count} {}", if count == 1 { "table" } else { "tables" })
}

impl Kept {
    /// Finds the database and where its backups are.
    ///
    /// # Errors
    /// [`Exit::Usage`] where nobody says which database it is, or `AWS_S3_BACKUP_BUCKET` is no bucket.
    pub(super) fn of(workspace: Workspace, named: Option<&str>) -> anyhow::Result<Self> {
        let shown = workspace.database_file(named)?;
        let whole = workspace.root.join(&shown);
        // A link leads to the database, and stays.
        let file = whole.canonicalize().unwrap_or(whole);
        let configured = workspace.data.backup.clone();
        let bucket = workspace.variable("AWS_S3_BACKUP_BUCKET");
        let expected = configured.is_some() || bucket.is_some();
        let config = configured.unwrap_or_default();
        let (place, container) = match (&config.to, bucket) {
            (Some(store), _) => split(store),
            (None, Some(bucket)) => {
                let bucket = bucket.trim_start_matches("s3://").trim_end_matches('/');
                let store: StoreUrl = format!("s3://{bucket}/").parse().map_err(|_| {
                    let found: String = bucket.chars().take(100).collect();
                    let problem = format!(
                        "AWS_S3_BACKUP_BUCKET: expected the name of a bucket such as acme-backups, found {found:?}"
                    );
                    Failed::new(Exit::Usage, problem)
                        .with_hint("small letters, digits, - and ., 3 to 63 of them; a folder may follow: acme-backups/sales")
                })?;
                split(&store)
            }
            (None, None) => {
                let folder = file.parent().unwrap_or(&workspace.root);
                let path = folder.to_str().ok_or_else(|| {
                    Failed::new(Exit::Usage, format!("{} is not UTF-8", folder.display()))
                })?;
                (StoreUrl::Folder { path: path.to_owned() }, CONTAINER.to_owned())
            }
        };
        let lookup = workspace.lookup();
        Ok(Self { workspace, shown, file, place, container, config, expected, wait: None, lookup })
    }

    /// Opens the container. Nothing is asked of it yet. Each runtime needs one of its own.
    pub(super) fn open(&self) -> anyhow::Result<Container> {
        let options = store::Options {
            endpoint: self.config.endpoint.clone(),
            region: self.config.region.clone(),
            ..store::Options::new(self.workspace.lookup())
        };
        Ok(Store::open(&self.place, options)?.container(&self.container)?.read_like(&self.file))
    }

    /// Returns where the backups are, for messages.
    pub(super) fn shown_place(&self) -> String {
        let store = self.place.to_string();
        format!("{}/{}", store.trim_end_matches('/'), self.container)
    }

    /// Returns what steps work with.
    pub(super) fn backups<'a>(
        &'a self,
        container: &'a Container,
        say: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Backups<'a> {
        Backups {
            config: &self.workspace.data,
            root: &self.workspace.root,
            file: &self.file,
            shown: &self.shown,
            container,
            environment: &*self.lookup,
            now: self.workspace.now,
            wait: self.wait,
            say,
        }
    }

    /// Lists the backups, newest first.
    pub(super) fn list(&self, output: &Output) -> anyhow::Result<Vec<Backup>> {
        let _progress = output.progress("reading the backups");
        let found = block_on(async {
            let container = self.open()?;
            let name = self.backups(&container, &|_| {}).name()?.to_owned();
            crate::observe::data::kept::kept(&container, &name).await
        })?;
        Ok(found.backups)
    }

    fn expect_file(&self) -> anyhow::Result<()> {
        if self.file.is_file() {
            return Ok(());
        }
        let error = format!("there is no database {}", self.shown);
        Err(Failed::new(Exit::BadInput, error)
            .with_hint("name it with --database, or bring one back: `tidegate data backup --restore latest`")
            .into())
    }
}

/// The last folder of a store is the container; a store without folders gets one.
fn split(store: &StoreUrl) -> (StoreUrl, String) {
    let last = |path: &str| {
        let path = path.trim_end_matches('/');
        let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
        (parent.to_owned(), last.to_owned())
    };
    let prefix = |parent: String| if parent.is_empty() { parent } else { format!("{parent}/") };
    match store {
        StoreUrl::S3 { bucket, prefix: path } if !path.is_empty() => {
            let (parent, container) = last(path);
            (StoreUrl::S3 { bucket: bucket.clone(), prefix: prefix(parent) }, container)
        }
        StoreUrl::Gcs { bucket, prefix: path } if !path.is_empty() => {
            let (parent, container) = last(path);
            (StoreUrl::Gcs { bucket: bucket.clone(), prefix: prefix(parent) }, container)
        }
        StoreUrl::Folder { path } => {
            let (parent, container) = last(path);
            let path = if parent.is_empty() { "/".to_owned() } else { parent };
            (StoreUrl::Folder { path }, container)
        }
        StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => {
            (store.clone(), CONTAINER.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::split;

    #[test]
    fn backups_lie_where_the_configuration_says() {
        for (store, parent, container) in [
            ("s3://acme/", "s3://acme/", "backups"),
            ("s3://acme/backups/", "s3://acme/", "backups"),
            ("s3://acme/sales/nightly", "s3://acme/sales/", "nightly"),
            ("gs://acme/nightly/", "gs://acme/", "nightly"),
            ("azure://acme/", "azure://acme/", "backups"),
            ("file:///srv/nightly", "file:///srv", "nightly"),
            ("file:///nightly", "file:///", "nightly"),
        ] {
            let (found, name) = split(&store.parse().unwrap());
            assert_eq!((found.to_string().as_str(), name.as_str()), (parent, container), "{store}");
        }
    }
}
