//! `sync` of the database: steps, checks, publication, signed URL, proof.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::Workspace;
use crate::actions::step_files::append_outputs;
use crate::adapters::data_source::SourceError;
use crate::apply::data::{replace_version, upload_version};
use crate::cli::{self, Global};
use crate::commands::data_release;
use crate::commands::publish::{Database, Proof, Publication, Renewal, Signed, prove, serve, sign};
use crate::commands::session::{Session, block_on};
use crate::data::{
    CheckResult, Outcome, Pointer, Prepared, PublishedVersion, Snapshot, StepResult, backup_path,
};
use crate::exit::Exit;
use crate::model::{DataVersion, InvalidValue};
use crate::observe::data::{self, Preparation};
use crate::output::Output;

mod show;
mod status;

pub(super) use status::{DatabaseStatus, show as show_status, status};

/// What became of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    /// A new version is served.
    Published,
    /// The version that is served is this one already.
    Unchanged,
    /// It was uploaded, and nobody sees it yet.
    Candidate,
    /// Another publication came first, with newer data.
    Superseded,
    /// It would be published.
    Planned,
    /// Steps were run, and nothing else was asked for.
    StepsDone,
    /// A step or a check did not pass.
    Failed,
}

/// The key `database` of the result.
#[derive(Debug, Serialize)]
struct Shown {
    outcome: Ended,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    steps: Vec<StepResult>,
    checks: Vec<CheckResult>,
    /// What was made, and what would be or is published.
    version: Option<DataVersion>,
    size: Option<u64>,
    storage_format: Option<String>,
    /// What was served before.
    served_before: Option<DataVersion>,
    /// Whether the file was sent; what is there already is not sent again.
    uploaded: bool,
    release: Option<u64>,
    backup: Option<String>,
    signed_url: Option<Signed>,
    proof: Option<Proof>,
    warnings: Vec<String>,
}

impl Shown {
    fn of(database: Option<&Database<'_>>, prepared: &Prepared, served: Option<&Pointer>) -> Self {
        let snapshot = prepared.snapshot.as_ref();
        Self {
            outcome: Ended::StepsDone,
            layer: database.map(|database| database.layer.to_owned()),
            container: database.map(|database| database.place.container_url()),
            steps: prepared.steps.clone(),
            checks: prepared.checks.clone(),
            version: snapshot.and_then(|s| version_name(prepared, s).ok()),
            size: match &prepared.unchanged {
                Some(served) => Some(served.size),
                None => snapshot.map(|snapshot| snapshot.size),
            },
            storage_format: snapshot.map(|snapshot| snapshot.storage_format.clone()),
            served_before: served.map(|pointer| pointer.version.version.clone()),
            uploaded: false,
            release: served.and_then(|pointer| pointer.release),
            backup: None,
            signed_url: None,
            proof: None,
            warnings: prepared.warnings.clone(),
        }
    }
}

/// Makes the data, checks it and publishes it, as the options ask. Shows people what happened, unless
/// the result is printed as JSON: then it is the second value, for the key `database`.
pub(super) fn run(
    global: &Global,
    workspace: &Workspace,
    args: &cli::Sync,
    output: &mut Output,
) -> anyhow::Result<(Exit, Value)> {
    let database = workspace.data.database().map(|_| Database::of(workspace)).transpose()?;
    let shows = !(args.plan || args.candidate || args.steps_only);
    if database.is_some() && shows {
        // Before the steps, which may change the team's own database.
        data_release::refuse_event(workspace)?;
    }
    let scratch = tempfile::tempdir()?;
    let publish = database.is_some() && !args.steps_only;
    let served = match database.as_ref().filter(|_| publish) {
        Some(database) => block_on(async { data::served(&database.container()?).await })?,
        None => None,
    };
    let served = served.map(|(pointer, _)| pointer);
    let filled = match &database {
        None if !workspace.data.aggregates.is_empty() => Some(workspace.database_file(None)?),
        None | Some(_) => None,
    };
    let mut prepared = {
        let progress = output.progress("making the data");
        let say = |text: &str| progress.say(text);
        let line = |text: &str| progress.line(text);
        let (lookup, redactor) = (workspace.lookup(), workspace.redactor());
        block_on(data::prepare(&Preparation {
            config: &workspace.data,
            root: &workspace.root,
            scratch: scratch.path(),
            environment: &*lookup,
            redactor: &redactor,
            served: served.as_ref(),
            // The steps change the team's own database: that is not what a plan does.
            steps: !args.skip_steps && !args.plan,
            database: filled.as_deref(),
            publish,
            now: workspace.now,
            say: &say,
            line: &line,
        }))?
    };
    if let Some(database) = database.as_ref().filter(|_| !args.force) {
        let file = &database.place.file;
        block_on(async {
            let container = database.container()?;
            data::match_served(&container, served.as_ref(), file, &mut prepared).await
        })?;
    }
    let mut shown = Shown::of(database.as_ref(), &prepared, served.as_ref());
    if !output.is_json() {
        show::preparation(&prepared, output)?;
    }
    let exit = if prepared.in_the_way().next().is_some() {
        shown.outcome = Ended::Failed;
        Exit::DataFailed
    } else {
        if let (Some(database), Some(snapshot)) = (&database, &prepared.snapshot) {
            let sync = Sync { global, database, args, served, prepared: &prepared, snapshot };
            sync.publish(&mut shown, output)?;
        }
        Exit::Done
    };
    if !output.is_json() {
        show::result(&shown, output)?;
    }
    Ok((exit, serde_json::to_value(&shown)?))
}

fn version_name(prepared: &Prepared, snapshot: &Snapshot) -> Result<DataVersion, InvalidValue> {
    match &prepared.unchanged {
        Some(served) => Ok(served.version.clone()),
        None => format!("sha256:{}", snapshot.sha256).parse(),
    }
}

/// A snapshot that passed, on its way.
struct Sync<'a> {
    global: &'a Global,
    database: &'a Database<'a>,
    args: &'a cli::Sync,
    served: Option<Pointer>,
    prepared: &'a Prepared,
    snapshot: &'a Snapshot,
}

impl Sync<'_> {
    fn publish(&self, shown: &mut Shown, output: &mut Output) -> anyhow::Result<()> {
        let own = self.described()?;
        let unchanged =
            self.served.as_ref().is_some_and(|served| served.version.version == own.version);
        if self.args.plan {
            shown.outcome = if unchanged { Ended::Unchanged } else { Ended::Planned };
            return Ok(());
        }
        // Asked before anything is sent: where it cannot be read, nothing has changed.
        let session = if self.args.candidate {
            None
        } else {
            data_release::open(self.global, &cli::Place::default(), output)?
        };
        let version = self.upload(&own, shown, output)?;
        if self.args.candidate {
            shown.outcome = Ended::Candidate;
            return self.hand_on(&version);
        }
        if self.is_superseded(&own, session.as_ref())? {
            shown.outcome = Ended::Superseded;
            return Ok(());
        }
        let publication = Publication {
            version: &version,
            checks: passed(self.prepared),
            reason: None,
            made: own.created,
            back: false,
            override_reason: None,
        };
        // Where there are releases, the newest one says what is live, and is completed first.
        if unchanged && session.is_none() {
            // A run that was killed after the pointer has left the copy as it was.
            let release = self.served.as_ref().and_then(|served| served.release);
            self.complete(&version, release)?;
            shown.outcome = Ended::Unchanged;
        } else {
            let served = serve(self.database, session.as_ref(), publication, output)?;
            shown.release = served.release;
            if served.superseded {
                shown.outcome = Ended::Superseded;
                return Ok(());
            }
            shown.outcome = if served.changed { Ended::Published } else { Ended::Unchanged };
            let file = &self.database.place.file;
            shown.backup = served.backup.map(|time| backup_path(file, time));
        }
        self.hand_out(&version, shown, output)
    }

    /// Describes the snapshot, or the served version where that holds the same.
    fn described(&self) -> anyhow::Result<PublishedVersion> {
        let workspace = self.database.workspace;
        let (file, commit) = (&self.database.place.file, workspace.head.clone());
        PublishedVersion::of(self.prepared, file, commit, workspace.now)
            .context("the snapshot has no digest")
    }

    /// Uploads the snapshot unless it is there, and returns what is known of the version: it may have
    /// been published before.
    fn upload(
        &self,
        own: &PublishedVersion,
        shown: &mut Shown,
        output: &Output,
    ) -> anyhow::Result<PublishedVersion> {
        let file = std::path::Path::new(&self.snapshot.file);
        let progress = output.progress("uploading");
        let done = AtomicU64::new(0);
        let sent = |bytes: u64| {
            let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            progress.say(&format!("uploading: {} of {} bytes", done.min(own.size), own.size));
        };
        block_on(async {
            let container = self.database.container()?;
            shown.uploaded = if self.prepared.unchanged.is_some() {
                false
            } else if self.args.force {
                replace_version(&container, file, own, &sent).await?;
                true
            } else {
                upload_version(&container, file, own, &sent).await?
            };
            let known = data::version(&container, &own.version).await?;
            Ok(known.unwrap_or_else(|| own.clone()))
        })
    }

    /// Tells whether another run has published newer data since this one has begun. Releases say that
    /// for themselves.
    fn is_superseded(
        &self,
        own: &PublishedVersion,
        session: Option<&Session>,
    ) -> anyhow::Result<bool> {
        if session.is_some() {
            return Ok(false);
        }
        let now = block_on(async { data::served(&self.database.container()?).await })?;
        let moved = |pointer: &Pointer| {
            self.served.as_ref().is_none_or(|served| served.moved != pointer.moved)
        };
        Ok(now.is_some_and(|(pointer, _)| {
            moved(&pointer)
                && pointer.version.version != own.version
                && pointer.version.created > own.created
        }))
    }

    fn complete(&self, version: &PublishedVersion, release: Option<u64>) -> anyhow::Result<()> {
        let (file, now) = (&self.database.place.file, self.database.workspace.now);
        block_on(async {
            let container = self.database.container()?;
            crate::apply::data::move_pointer(&container, file, version, release, None, now).await?;
            Ok(())
        })
    }

    /// Tells the workflow which version it is.
    fn hand_on(&self, version: &PublishedVersion) -> anyhow::Result<()> {
        let run = self.database.workspace.run.as_ref();
        if let Some(file) = run.and_then(|run| run.output_file.as_deref()) {
            append_outputs(file, &[("data-version", version.version.as_str())])?;
        }
        Ok(())
    }

    /// Makes the signed URL, and proves the publication by it. A URL that was kept and is refused is
    /// replaced: its key was changed, or its policy withdrawn.
    fn hand_out(
        &self,
        version: &PublishedVersion,
        shown: &mut Shown,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let mut renewal = Renewal::WhenNeeded;
        loop {
            let mut notes = Vec::new();
            let signed = block_on(sign(self.database, renewal, output, &mut notes))?;
            shown.warnings.append(&mut notes);
            shown.signed_url.clone_from(&signed);
            let proven = {
                let _progress = output.progress("proving the publication");
                block_on(prove(self.database, signed.as_ref(), version))
            };
            let kept = signed.is_some_and(|signed| !signed.renewed);
            match proven {
                Ok(proof) => {
                    if !proof.is_served {
                        shown.outcome = Ended::Superseded;
                    }
                    shown.proof = Some(proof);
                    return Ok(());
                }
                Err(error) if kept && is_refused(&error) => {
                    shown.warnings.push(
                        "the store refused the signed URL that was there, so a new one was written: paste it into the app's secrets".to_owned(),
                    );
                    renewal = Renewal::Now;
                }
                Err(error) => {
                    let what =
                        format!("version {} is served, and its proof failed", version.short());
                    return Err(error.context(what));
                }
            }
        }
    }
}

fn is_refused(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<SourceError>();
    refused.is_some_and(|error| matches!(error, SourceError::Denied { .. }))
}

/// Lists what passed, in the words of the record.
fn passed(prepared: &Prepared) -> Vec<String> {
    let passed = prepared.checks.iter().filter(|check| check.outcome == Outcome::Passed);
    passed.map(|check| check.name.clone()).collect()
}
