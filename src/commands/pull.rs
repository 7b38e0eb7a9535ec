//! `pull`: brings the published database to where an app reads it. It needs no repository and no
//! configuration: a signed URL and a path are enough.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::session::block_on;
use crate::actions::commands::mask;
use crate::adapters::data_source::SourceError;
use crate::apply::data::pull::{self, Cache, Going, Pull, PullError};
use crate::cli::{self, Global, Loader};
use crate::data::secret_parts;
use crate::exit::{Exit, Failure};
use crate::http::RetryPolicy;
use crate::model::{CommitSha, DataVersion};
use crate::output::{Output, ago, clean, dim, good, size, warn};

mod layer;
mod place;

use place::Place;

/// How a pull ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The file is another one now.
    Replaced,
    /// The newest was here.
    Unchanged,
    /// It failed, and `--keep-old` goes on with what is here.
    Kept,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    file: &'a Path,
    outcome: Outcome,
    version: Option<&'a DataVersion>,
    sha256: Option<&'a str>,
    size: Option<u64>,
    created: Option<Timestamp>,
    commit: Option<&'a CommitSha>,
    release: Option<u64>,
    received: u64,
    problem: Option<&'a Failure>,
}

pub(super) fn run(global: &Global, args: &cli::Pull, output: &mut Output) -> anyhow::Result<Exit> {
    match args.emit {
        Some(Loader::Python) => {
            output.text(include_str!("../data/loader.py"))?;
            return Ok(Exit::Done);
        }
        None => {}
    }
    if let Some(name) = &args.layer {
        return layer::run(global, args, name, output);
    }
    let place = place::find(global, args)?;
    mask_url(&place, output)?;
    match fetch(&place, args, output) {
        Ok(pulled) => {
            let outcome = if pulled.replaced { Outcome::Replaced } else { Outcome::Unchanged };
            let shown = shown(&place.target, outcome, &pulled.cache, pulled.received);
            output.show("tidegate/pull/1", &shown, show)?;
            Ok(Exit::Done)
        }
        Err(error) if args.keep_old && place.target.is_file() && !is_mistake(&error) => {
            if pull::is_damaged(&place.target) {
                let file = place.target.display();
                return Err(error.context(format!(
                    "{file} was damaged when this machine stopped, and cannot be fetched again"
                )));
            }
            kept(&place.target, &error, output)
        }
        Err(error) => Err(error),
    }
}

fn fetch(place: &Place, args: &cli::Pull, output: &mut Output) -> anyhow::Result<pull::Pulled> {
    let name = place.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bar = output.transfer(&name);
    let say = |going| match going {
        Going::Waiting => bar.say(&format!("{name}: another process is fetching it")),
        Going::AskingAgain => bar.say(&format!("{name}: a publication is under way")),
        Going::Fetching { done, size } => bar.at(done, size),
    };
    let job = Pull {
        source: &place.source,
        target: &place.target,
        timeout: args.timeout,
        retry: RetryPolicy::default(),
        say: &say,
    };
    block_on(async { Ok(pull::pull(&job).await?) })
}

/// Tells the runner what to hide, before anything else is printed.
fn mask_url(place: &Place, output: &mut Output) -> anyhow::Result<()> {
    let Some(url) = place.url.as_ref().filter(|_| place.in_actions) else {
        return Ok(());
    };
    let mut commands = Vec::new();
    for part in secret_parts(url.expose().trim()) {
        mask(&mut commands, &part)?;
    }
    Ok(output.commands(&String::from_utf8_lossy(&commands))?)
}

/// Whether a person has to mend how it is called: that is no trouble to start over.
fn is_mistake(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(PullError::Target { .. } | PullError::Source(SourceError::Url { .. }))
    )
}

fn kept(target: &Path, error: &anyhow::Error, output: &mut Output) -> anyhow::Result<Exit> {
    let failure = Failure::of(error);
    let causes = failure.causes.iter().map(|cause| format!(": {cause}"));
    let said = format!("{}{}", failure.error, causes.collect::<String>());
    output.warning(&format!("{said}; the app starts with the data from before"))?;
    for hint in &failure.hints {
        output.note(format_args!("  {}", clean(hint)))?;
    }
    let size = target.metadata().ok().map(|found| found.len());
    let shown = Shown {
        file: target,
        outcome: Outcome::Kept,
        version: None,
        sha256: None,
        size,
        created: None,
        commit: None,
        release: None,
        received: 0,
        problem: Some(&failure),
    };
    output.show("tidegate/pull/1", &shown, show)?;
    Ok(Exit::Done)
}

fn shown<'a>(file: &'a Path, outcome: Outcome, cache: &'a Cache, received: u64) -> Shown<'a> {
    Shown {
        file,
        outcome,
        version: cache.version.as_ref(),
        sha256: Some(&cache.sha256),
        size: Some(cache.size),
        created: cache.created,
        commit: cache.commit.as_ref(),
        release: cache.release,
        received,
        problem: None,
    }
}

fn show(output: &mut Output, shown: &Shown<'_>) -> std::io::Result<()> {
    let file = shown.file.display().to_string();
    let file = clean(&file);
    let mut parts = Vec::new();
    if let Some(version) = shown.sha256.and_then(|sha256| sha256.get(..12)) {
        parts.push(format!("version {version}"));
    }
    parts.extend(shown.size.map(size));
    parts.extend(shown.created.map(|then| format!("published {}", ago(then, Timestamp::now()))));
    parts.extend(shown.commit.map(|commit| format!("commit {}", commit.short())));
    parts.extend(shown.release.map(|release| format!("release {release}")));
    let parts = dim(parts.join(", "));
    match shown.outcome {
        Outcome::Replaced => output.line(format_args!("{} {file} is new: {parts}", good("✓"))),
        Outcome::Unchanged => {
            output.line(format_args!("{} {file} is up to date: {parts}", good("✓")))
        }
        Outcome::Kept => output.line(format_args!("{} {file} was kept: {parts}", warn("!"))),
    }
}
