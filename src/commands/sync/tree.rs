//! `sync` of a layer of files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::super::session::block_on;
use super::Workspace;
use crate::adapters::store::Container;
use crate::apply::data::manifest_file::{self, Found, ManifestFile};
use crate::apply::data::tree::{Done, Performing, perform};
use crate::cli;
use crate::config::LayerConfig;
use crate::data::manifest::{Entry, Manifest};
use crate::data::sync::{DeleteLimit, How, LayerPlace, Problem, SyncPlan, bytes, files};
use crate::exit::{Exit, Failed};
use crate::observe::data::compare::compare;
use crate::observe::data::layer::{self, Copy};
use crate::output::{Output, Progress, bad, clean, good, warn};

/// The most files at once, where the configuration does not say.
pub(in crate::commands) const MOST_AT_ONCE: u16 = 64;
/// So long another sync on this machine is waited for.
const WAIT: Duration = Duration::from_mins(10);
/// The most failed files that people are shown.
const SHOWN: usize = 20;

/// What the sync of one layer did.
#[derive(Debug, Default, Serialize)]
pub(super) struct LayerSynced {
    /// The layer.
    layer: String,
    /// Where it is kept.
    place: String,
    /// The files that were sent.
    pub(super) uploaded: u64,
    /// The files that were there already.
    pub(super) skipped: u64,
    /// The files that could not be read or sent.
    pub(super) errors: u64,
    /// What was sent, in bytes.
    pub(super) total_bytes: u64,
    /// The files that were deleted from the store.
    deleted: u64,
    /// The files of the store that are not here and stay.
    kept: u64,
    /// The files that could not be read or sent, with their errors.
    failed: Vec<Problem>,
    /// Links and other things that are no files.
    left_out: Vec<String>,
    /// Whether the copy of the manifest could not be written.
    #[serde(skip)]
    pub(super) lags: bool,
    /// The signal that ended it before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stopped: Option<&'static str>,
}

/// The manifest, as it is used by one command for all layers.
pub(in crate::commands) struct Held {
    /// Where it is written; `None` for those who only look.
    file: Option<ManifestFile>,
    pub(in crate::commands) manifest: Manifest,
    /// It was no manifest, and is made anew from what the store lists.
    damaged: bool,
}

impl Held {
    /// Takes hold of the manifest.
    pub(in crate::commands) fn hold(
        workspace: &Workspace,
        output: &mut Output,
    ) -> anyhow::Result<Self> {
        let progress = output.progress("looking at the manifest");
        let begun = Instant::now();
        let path = &workspace.data.manifest;
        let mut file = ManifestFile::hold(&workspace.root, path, |holder| {
            let who = holder.map(|id| format!(", process {id}")).unwrap_or_default();
            progress.say(&format!("waiting for another sync{who}"));
            begun.elapsed() < WAIT
        })?;
        let found = file.read(workspace.now.as_second())?;
        drop(progress);
        Ok(Self::of(found, Some(file), path, output)?)
    }

    /// Reads the manifest, and changes nothing.
    pub(super) fn look(workspace: &Workspace, output: &mut Output) -> anyhow::Result<Self> {
        let path = &workspace.data.manifest;
        let found = manifest_file::look(&workspace.root, path)?;
        Ok(Self::of(found, None, path, output)?)
    }

    fn of(
        found: Found,
        file: Option<ManifestFile>,
        path: &str,
        output: &mut Output,
    ) -> std::io::Result<Self> {
        let (manifest, damaged) = match found {
            Found::Manifest(manifest) => (manifest, false),
            Found::Missing => (Manifest::default(), false),
            Found::Damaged { problem, moved_to } => {
                let kept = match &file {
                    Some(_) => format!("it is kept as {}", moved_to.display()),
                    None => "a sync will set it aside".to_owned(),
                };
                output.warning(&format!(
                    "{path} is no manifest ({problem}); {kept}, and what was sent is read from the store"
                ))?;
                (Manifest::default(), true)
            }
        };
        Ok(Self { file, manifest, damaged })
    }

    /// Returns the file and the manifest of one that is held.
    pub(in crate::commands) fn parts(
        &mut self,
    ) -> anyhow::Result<(&mut ManifestFile, &mut Manifest)> {
        let file = self.file.as_mut().context("the manifest is not held")?;
        Ok((file, &mut self.manifest))
    }

    /// Gives the manifest back.
    pub(in crate::commands) fn release(self) -> anyhow::Result<()> {
        match self.file {
            Some(file) => Ok(file.release(&self.manifest)?),
            None => Ok(()),
        }
    }
}

/// A layer whose manifest is up to date.
pub(in crate::commands) struct Layer<'a> {
    pub(in crate::commands) config: &'a LayerConfig,
    pub(in crate::commands) place: LayerPlace,
    pub(in crate::commands) container: Container,
}

impl<'a> Layer<'a> {
    pub(in crate::commands) fn new(
        workspace: &Workspace,
        name: &str,
        config: &'a LayerConfig,
        path: &str,
    ) -> anyhow::Result<Self> {
        let container = workspace.container(name, config)?;
        Ok(Self { config, place: LayerPlace::new(name, path), container })
    }

    /// Brings the manifest up to what others have noted in the store, or makes it anew from a listing.
    /// Returns whether that changed it.
    pub(super) async fn catch_up(
        &self,
        root: &Path,
        held: &mut Held,
        list: bool,
        say: &dyn Fn(&str),
        warnings: &mut Vec<String>,
    ) -> anyhow::Result<bool> {
        let (place, container) = (&self.place, &self.container);
        let manifest = &mut held.manifest;
        let empty = manifest.below(&place.folder).next().is_none();
        let known = manifest.copies.get(&place.layer).cloned();
        let there = layer::copy_version(container, place).await?;
        let (mut rebuild, mut changed) = (held.damaged || list, false);
        let mut forget = false;
        match &there {
            Some(_) if there == known => {}
            Some(_) => match layer::copy(container, place).await? {
                Copy::There(theirs, version) => {
                    let agreed = known.is_some().then_some(manifest.last_sync).flatten();
                    manifest.merge(&theirs, &place.folder, agreed);
                    // Where both never said the same, nobody knows what others have deleted since: the
                    // store does.
                    forget = known.is_none() && !empty;
                    // Where this machine has nothing of its own to add, both say the same now.
                    if known.is_some() || empty {
                        manifest.copies.insert(place.layer.clone(), version);
                    }
                    changed = true;
                }
                Copy::Damaged(_) | Copy::Missing => {
                    warnings.push(format!(
                        "the copy of the manifest in {} is damaged, and is made anew",
                        container.place()
                    ));
                    rebuild |= empty;
                    manifest.copies.remove(&place.layer);
                }
            },
            None => {
                rebuild |= empty || known.is_some();
                if known.is_some() {
                    warnings.push(format!(
                        "{} has lost the copy of the manifest; what is missing there is sent again",
                        container.place()
                    ));
                }
                manifest.copies.remove(&place.layer);
            }
        }
        if rebuild || forget {
            say(&format!("listing {}", container.place()));
            let listing = layer::listing(container, place).await?;
            // Where nothing but what is lost is looked for, nothing is taken over.
            let here = |path: &str| rebuild && root.join(path).symlink_metadata().is_ok();
            manifest.rebuild(place, listing, here);
            changed = true;
        }
        Ok(changed)
    }
}

/// Makes the plan of a layer.
fn plan(
    workspace: &Workspace,
    layer: &Layer<'_>,
    args: &cli::Sync,
    held: &Held,
    progress: &Progress,
    warnings: &mut Vec<String>,
) -> anyhow::Result<(SyncPlan, BTreeMap<String, Entry>)> {
    let how = How { checksum: args.checksum, force: args.force };
    let (place, pattern) = (&layer.place, layer.config.pattern());
    let say = |step: &str| progress.say(step);
    let (compared, there) = compare(&workspace.root, place, pattern, &held.manifest, how, &say)?;
    let folder = place.folder.trim_end_matches('/');
    if !there && args.delete {
        let error = format!(
            "{folder} is not there, and --delete would delete all of its files from the store"
        );
        return Err(Failed::new(Exit::Usage, error).into());
    }
    if !there {
        warnings
            .push(format!("{folder} is not there, so layer {} has nothing to send", place.layer));
    }
    let limit = if args.delete { Some(limit(workspace)?) } else { None };
    let (mut plan, noted) = compared.plan(limit)?;
    plan.place = layer.container.place();
    if plan.taken_over > 0 {
        let (taken, verb) =
            (files(plan.taken_over), if plan.taken_over == 1 { "was" } else { "were" });
        warnings.push(format!(
            "{taken} of layer {0} {verb} taken over by size; where the content in the store may be another one, `tidegate sync --force --layer {0}` sends everything again",
            place.layer
        ));
    }
    Ok((plan, noted))
}

fn limit(workspace: &Workspace) -> anyhow::Result<DeleteLimit> {
    let text = workspace.data.transfer.max_delete.as_deref().unwrap_or(DeleteLimit::USUAL);
    Ok(DeleteLimit { most: text.parse()?, text: text.to_owned() })
}

/// Shows what would be done.
pub(super) fn show_plan(
    workspace: &Workspace,
    layer: &Layer<'_>,
    args: &cli::Sync,
    held: &mut Held,
    output: &mut Output,
) -> anyhow::Result<SyncPlan> {
    let progress = output.progress(format!("looking at {}", layer.container.place()));
    let say = |step: &str| progress.say(step);
    let mut warnings = Vec::new();
    block_on(layer.catch_up(&workspace.root, held, args.checksum, &say, &mut warnings))?;
    let (plan, _) = plan(workspace, layer, args, held, &progress, &mut warnings)?;
    drop(progress);
    warnings.iter().try_for_each(|warning| output.warning(warning))?;
    if !output.is_json() {
        plan.to_string().lines().try_for_each(|line| output.line(clean(line)))?;
    }
    Ok(plan)
}

/// Syncs a layer.
pub(super) fn run(
    workspace: &Workspace,
    layer: &Layer<'_>,
    args: &cli::Sync,
    held: &mut Held,
    output: &mut Output,
) -> anyhow::Result<LayerSynced> {
    let progress = output.progress(format!("looking at {}", layer.container.place()));
    let say = |step: &str| progress.say(step);
    let mut warnings = Vec::new();
    let most = workspace.data.transfer.max_concurrency.unwrap_or(MOST_AT_ONCE);
    let (plan, done) = block_on(async {
        let caught_up =
            layer.catch_up(&workspace.root, held, args.checksum, &say, &mut warnings).await?;
        let (plan, noted) = plan(workspace, layer, args, held, &progress, &mut warnings)?;
        let (file, manifest) = held.parts()?;
        if !plan.upload.is_empty() {
            progress.say(&format!("sending {}", files(plan.upload.len() as u64)));
            progress.total(plan.upload_bytes);
        }
        let sent = |bytes| progress.advance(bytes);
        let with = Performing {
            root: &workspace.root,
            place: &layer.place,
            container: &layer.container,
            file: &mut *file,
            manifest: &mut *manifest,
            most: usize::from(most),
            sent: &sent,
        };
        let done = perform(with, &plan, noted).await?;
        if caught_up && done.uploaded == 0 {
            file.write(manifest)?;
        }
        Ok((plan, done))
    })?;
    drop(progress);
    warnings.iter().chain(&done.warnings).try_for_each(|warning| output.warning(warning))?;
    let synced = LayerSynced::of(plan, done);
    if !output.is_json() {
        synced.show(output)?;
    }
    Ok(synced)
}

impl LayerSynced {
    fn of(plan: SyncPlan, done: Done) -> Self {
        let failed: Vec<Problem> = plan.problems.into_iter().chain(done.problems).collect();
        Self {
            layer: plan.layer,
            place: plan.place,
            uploaded: done.uploaded,
            skipped: plan.skipped,
            errors: failed.len() as u64,
            total_bytes: done.bytes,
            deleted: done.deleted,
            kept: plan.kept,
            failed,
            left_out: plan.left_out,
            lags: done.lags,
            stopped: done.stopped.map(crate::adapters::engine::StopSignal::name),
        }
    }

    fn show(&self, output: &mut Output) -> std::io::Result<()> {
        for problem in self.failed.iter().take(SHOWN) {
            output.line(format!(
                "{} {}: {}",
                bad("✗"),
                clean(&problem.path),
                clean(&problem.error)
            ))?;
        }
        if self.failed.len() > SHOWN {
            output.line(format!("  ... and {} more", self.failed.len() - SHOWN))?;
        }
        let mark = if self.errors == 0 && self.stopped.is_none() { good("✓") } else { warn("!") };
        let mut line = format!(
            "{mark} {} -> {}: {} sent ({}), {} there already",
            clean(&self.layer),
            clean(&self.place),
            files(self.uploaded),
            bytes(self.total_bytes),
            self.skipped
        );
        if self.errors > 0 {
            line.extend([", ", &self.errors.to_string(), " failed"]);
        }
        if self.deleted > 0 {
            line.extend([", ", &self.deleted.to_string(), " deleted"]);
        }
        output.line(line)?;
        if self.kept > 0 {
            output.note(format!(
                "  {} of the store are not here and stay; --delete deletes those that were sent from here",
                files(self.kept)
            ))?;
        }
        if let Some(first) = self.left_out.first() {
            output.note(format!(
                "  {} links and other things that are no files are left out, such as {}",
                self.left_out.len(),
                clean(first)
            ))?;
        }
        if let Some(signal) = self.stopped {
            output
                .line(format!("{} stopped by {signal}: the next sync goes on here", warn("!")))?;
        }
        Ok(())
    }
}
