//! `pull --layer`: brings a layer's files to a machine that holds no data.
//!
//! What is fetched is noted in the manifest, so that the next `sync` sends nothing of it again.

use std::io;

use serde::Serialize;

use super::super::session::block_on;
use super::super::sync::{Held, Layer, MOST_AT_ONCE};
use super::super::workspace::Workspace;
use crate::adapters::engine::StopSignal;
use crate::apply::data::fetch::{fetch, sweep};
use crate::apply::data::queue::{self, Ended, Event, Fault};
use crate::cli::{self, Global};
use crate::data::Pace;
use crate::data::manifest::{Entry, Manifest};
use crate::data::sync::{Fetch, Problem, bytes, files};
use crate::exit::{Exit, Failed};
use crate::observe::data::absent::absent;
use crate::observe::data::layer::{self, Copy};
use crate::observe::data::scan;
use crate::output::{Output, bad, clean, good, warn};

/// The most failed files that people are shown.
const SHOWN: usize = 20;

/// What was fetched.
#[derive(Debug, Default, Serialize)]
struct LayerPulled {
    /// The layer.
    layer: String,
    /// Where it is kept.
    place: String,
    /// The files that were fetched.
    downloaded: u64,
    /// The files that were here already.
    skipped: u64,
    /// The files that are still missing.
    errors: u64,
    /// What was fetched, in bytes.
    total_bytes: u64,
    /// The files that are still missing, with their errors.
    failed: Vec<Problem>,
    /// The signal that ended it before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
}

pub(super) fn run(
    global: &Global,
    args: &cli::Pull,
    name: &str,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(global, args.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    let config = workspace.layer(name)?;
    let Some(path) = config.path.as_deref() else {
        let error =
            format!("layer {name} is a database: fetch it by `tidegate pull` without --layer");
        return Err(Failed::new(Exit::Usage, error).into());
    };
    let layer = Layer::new(&workspace, name, config, path)?;
    let mut held = Held::hold(&workspace, output)?;
    let pulled = pull(&workspace, &layer, &mut held, output)?;
    held.release()?;
    output.show("tidegate/pull-layer/1", &pulled, show)?;
    let whole = pulled.errors == 0 && pulled.stopped.is_none();
    Ok(if whole { Exit::Done } else { Exit::Incomplete })
}

fn pull(
    workspace: &Workspace,
    layer: &Layer<'_>,
    held: &mut Held,
    output: &mut Output,
) -> anyhow::Result<LayerPulled> {
    let (place, container) = (&layer.place, &layer.container);
    let progress = output.progress(format!("listing {}", container.place()));
    let relative = place.folder.trim_end_matches('/');
    if scan::folder(&workspace.root, place)?.is_none() {
        std::fs::create_dir_all(workspace.root.join(relative))?;
    }
    // Once it is there it cannot lead out of the repository unseen.
    let Some(folder) = scan::folder(&workspace.root, place)? else {
        return Err(Failed::new(Exit::BadInput, format!("cannot make {relative}")).into());
    };
    let most = workspace.data.transfer.max_concurrency.unwrap_or(MOST_AT_ONCE);
    let mut pulled = LayerPulled {
        layer: place.layer.clone(),
        place: container.place(),
        ..LayerPulled::default()
    };
    block_on(async {
        let listing = layer::listing(container, place).await?;
        let copy = match layer::copy(container, place).await? {
            Copy::There(manifest, _) => manifest,
            Copy::Damaged(_) | Copy::Missing => Manifest::default(),
        };
        let pattern = layer.config.pattern();
        let root = &workspace.root;
        let plan = absent(root, place, pattern, listing, &copy, &held.manifest)?;
        pulled.skipped = plan.skipped;
        pulled.failed = plan.problems;
        progress.say(&format!("fetching {}", files(plan.fetch.len() as u64)));
        progress.total(plan.bytes);
        let (file, manifest) = held.parts()?;
        let received = |bytes| progress.advance(bytes);
        let now = workspace.now.as_second();
        sweep(root, plan.fetch.iter().map(|one| one.path.as_str()));
        let work = async |one: &Fetch| {
            let below = one.path.strip_prefix(&place.folder).unwrap_or_default();
            fetch(container, &folder, below, one, now, &received).await
        };
        let on = |event: Event<'_, Fetch, Entry>| {
            match event {
                Event::Done(one, entry) => {
                    pulled.downloaded += 1;
                    pulled.total_bytes += one.object.size;
                    file.note(manifest, &one.path, Some(entry))?;
                }
                Event::Failed(one, fault) => {
                    let problem = Problem { path: one.path.clone(), error: fault.to_string() };
                    pulled.failed.push(problem);
                }
                Event::Tick => file.checkpoint(manifest, false)?,
            }
            Ok(())
        };
        let mut speed = Pace::new(usize::from(most));
        let ended = queue::run(
            &plan.fetch,
            &mut speed,
            |one| one.object.size,
            || container.busy(),
            work,
            on,
        )
        .await?;
        file.checkpoint(manifest, true)?;
        match ended {
            Ended::All => {}
            Ended::Stopped(signal) => pulled.stopped = Some(StopSignal::name(signal)),
            Ended::Hopeless(Fault::Store(error)) => return Err(error.into()),
            Ended::Hopeless(Fault::File(error) | Fault::Here(error)) => {
                return Err(Failed::new(Exit::Incomplete, error).into());
            }
        }
        if pulled.downloaded > 0 {
            file.write(manifest)?;
        }
        Ok(())
    })?;
    drop(progress);
    pulled.errors = pulled.failed.len() as u64;
    Ok(pulled)
}

fn show(output: &mut Output, pulled: &LayerPulled) -> io::Result<()> {
    for problem in pulled.failed.iter().take(SHOWN) {
        output.line(format!("{} {}: {}", bad("✗"), clean(&problem.path), clean(&problem.error)))?;
    }
    if pulled.failed.len() > SHOWN {
        output.line(format!("  ... and {} more", pulled.failed.len() - SHOWN))?;
    }
    let whole = pulled.errors == 0 && pulled.stopped.is_none();
    output.line(format!(
        "{} {} <- {}: {} fetched ({}), {} here already",
        if whole { good("✓") } else { warn("!") },
        clean(&pulled.layer),
        clean(&pulled.place),
        files(pulled.downloaded),
        bytes(pulled.total_bytes),
        pulled.skipped
    ))?;
    if let Some(signal) = pulled.stopped {
        output.line(format!("{} stopped by {signal}: the next pull goes on here", warn("!")))?;
    }
    Ok(())
}
