//! What the store, the work tree and the engine show of the data.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::SignedDuration;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::adapters::database;
use crate::adapters::git::Git;
use crate::adapters::store::{Container, Options, Retry, Store, StoreError};
use crate::config::{DataConfig, SignedUrlConfig};
use crate::data::{PointerError, Validity};
use crate::doctor::{
    ContainerSeen, Content, DataSeen, FileSeen, GitCare, StoreAnswer, UrlSeen, can_log_in,
};
use crate::http::one_line;
use crate::model::StoreUrl;
use crate::model::store_variables::SECRET_VARIABLES;
use crate::observe::data::{UrlFile, served};
use crate::observe::globs;

/// How long one answer of the store, or of the engine, may take.
const ANSWER: Duration = Duration::from_secs(10);

/// How long all containers together may take.
const ALL: Duration = Duration::from_secs(30);

/// Files of other programs that may hold secrets of the data.
const SETTINGS: [&str; 2] = [".env", ".streamlit/secrets.toml"];

/// Larger files, in bytes, are no settings.
const LARGEST_SETTINGS: usize = 1 << 20;

/// What is looked at.
#[derive(Clone)]
pub struct DataQuery<'a> {
    /// `data` of the configuration.
    pub data: &'a DataConfig,
    /// The repository.
    pub git: &'a Git,
    /// The root of the work tree.
    pub root: &'a Path,
    /// How variables are looked up.
    pub environment: fn(&str) -> Option<String>,
    /// Ask no store.
    pub offline: bool,
}

/// Looks.
pub async fn look(query: &DataQuery<'_>) -> DataSeen {
    DataSeen {
        engine: engine(query).await,
        containers: containers(query).await,
        files: files(query),
        url: url(query),
    }
}

async fn engine(query: &DataQuery<'_>) -> Option<String> {
    let (_, _, file) = query.data.database()?;
    let asked = database::open(query.data, query.root, file, &query.environment);
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(one_line(&error.to_string())),
        Err(_) => Some("the duckdb command did not say its version in time".to_owned()),
    }
}

async fn containers(query: &DataQuery<'_>) -> Vec<ContainerSeen> {
    let Some(store) = &query.data.store else { return Vec::new() };
    let is_there = |name: &str| (query.environment)(name).is_some_and(|value| !value.is_empty());
    let not_asked = if query.offline {
        Some("not asked: --offline")
    } else if can_log_in(store, &is_there) {
        None
    } else {
        Some("there are no credentials for the store here")
    };
    let deadline = Instant::now() + ALL;
    let mut seen = Vec::new();
    let base = store.to_string();
    for (name, layer) in &query.data.layers {
        let place = format!("{}/{}", base.trim_end_matches('/'), layer.container(name));
        let answer = match not_asked {
            Some(why) => StoreAnswer::NotAsked(why.to_owned()),
            None => {
                let until = deadline.min(Instant::now() + ANSWER);
                let asked = ask(query, store, layer.container(name), layer.file.is_some());
                let late = |_| StoreAnswer::Unreachable(format!("{place} gave no answer in time"));
                timeout_at(until, asked).await.unwrap_or_else(late)
            }
        };
        seen.push(ContainerSeen { place, answer });
    }
    seen
}

async fn ask(
    query: &DataQuery<'_>,
    store: &StoreUrl,
    name: &str,
    has_pointer: bool,
) -> StoreAnswer {
    let environment = query.environment;
    let usual = Options::new(Arc::new(environment));
    let options = Options {
        endpoint: query.data.endpoint.clone(),
        region: query.data.region.clone(),
        retry: Retry { patience: ANSWER / 2, silence: ANSWER / 2, ..usual.retry },
        ..usual
    };
    let opened = Store::open(store, options).and_then(|store| store.container(name));
    let container = match opened {
        Ok(container) => container,
        Err(error) => return refused(&error),
    };
    if let StoreUrl::Folder { path } = store
        && !Path::new(path).join(name).is_dir()
    {
        return StoreAnswer::Missing;
    }
    // Reading one object does not tell a missing container from a missing object.
    let first = container.list("").next().await;
    if let Some(Err(error)) = first {
        return refused(&error);
    }
    if has_pointer { pointer(&container).await } else { StoreAnswer::Well }
}

async fn pointer(container: &Container) -> StoreAnswer {
    let Err(error) = served(container).await else { return StoreAnswer::Well };
    if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>()) {
        return refused(error);
    }
    let pointer = error.chain().find_map(|cause| cause.downcast_ref::<PointerError>());
    let mend = pointer.map_or("see what has written it", PointerError::hint).to_owned();
    StoreAnswer::PointerUnreadable { why: one_line(&format!("{error:#}")), mend }
}

fn refused(error: &StoreError) -> StoreAnswer {
    let said = one_line(&error.to_string());
    match error {
        StoreError::Missing { .. } => StoreAnswer::Missing,
        StoreError::Credentials { .. }
        | StoreError::Denied { .. }
        | StoreError::Clock { .. }
        | StoreError::Link { .. }
        | StoreError::Path { .. }
        | StoreError::File { .. }
        | StoreError::Unsupported { .. } => StoreAnswer::Denied(said),
        StoreError::Unreachable { .. } | StoreError::Busy { .. } | StoreError::Moved { .. } => {
            StoreAnswer::Unreachable(said)
        }
        // Whatever publishes reads it first, so nothing but another file helps.
        StoreError::Damaged { .. } | StoreError::TooLarge { .. } | StoreError::Changed { .. } => {
            StoreAnswer::PointerUnreadable { why: said, mend: PointerError::UNUSABLE.to_owned() }
        }
    }
}

/// Lists what git does not leave alone, though it should.
fn files(query: &DataQuery<'_>) -> Vec<FileSeen> {
    if query.git.workdir().is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut add = |path: &str, content, tracked: Option<String>, probe: &[String]| {
        let file = |git| FileSeen { path: path.to_owned(), content, git };
        let is_ignored = |probe: &String| query.git.is_ignored(Path::new(probe));
        match tracked {
            Some(tracked) => found.push(file(GitCare::Tracked(tracked))),
            None if !probe.is_empty() && !probe.iter().any(is_ignored) => {
                found.push(file(GitCare::Loose));
            }
            None => {}
        }
    };
    let itself = |path: &str| query.git.is_tracked(Path::new(path)).then(|| path.to_owned());
    let signed = query.data.database().and_then(|(_, layer, _)| layer.signed_url.as_ref());
    for path in signed.into_iter().flat_map(handed_out) {
        add(&path, Content::Secret, itself(&path), std::slice::from_ref(&path));
    }
    for path in SETTINGS {
        add(path, Content::Settings(secret_in(query, path)), itself(path), &[]);
    }
    if let Some((_, _, file)) = query.data.database() {
        add(file, Content::Data, itself(file), &[file.to_owned()]);
    }
    for (_, layer, folder) in query.data.trees() {
        // A pattern that makes no sense is the configuration's finding.
        let pattern = globs::glob("data.layers.pattern", 1, layer.pattern()).ok();
        let pattern = pattern.map(|pattern| pattern.compile_matcher());
        let is_data = |below: &str| pattern.as_ref().is_some_and(|pattern| pattern.is_match(below));
        // The folder itself, or the files of the usual kind.
        let probe = [format!("{folder}/"), format!("{folder}/part.parquet")];
        add(folder, Content::Data, query.git.tracked_below(folder, &is_data), &probe);
    }
    found
}

/// Names the first variable of a secret that has a value in what git tracks of a file with settings:
/// `NAME=value`, as a shell or TOML has it.
fn secret_in(query: &DataQuery<'_>, path: &str) -> Option<String> {
    let text = query.git.indexed(path, LARGEST_SETTINGS)?;
    let signed = query.data.layers.values().filter_map(|layer| layer.signed_url.as_ref());
    let names: Vec<&str> =
        signed.map(|signed| signed.secret.as_str()).chain(SECRET_VARIABLES).collect();
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let line = line.trim_start();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let (name, value) = (bare(name), bare(value));
        let is_secret = names.contains(&name) && !value.is_empty();
        is_secret.then(|| name.to_owned())
    })
}

fn bare(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}

/// The files that `sync` writes the signed URL to.
fn handed_out(config: &SignedUrlConfig) -> [String; 2] {
    let line = Path::new(&config.write_to).with_extension("toml");
    [config.write_to.clone(), line.to_string_lossy().into_owned()]
}

/// Reads when the signed URL of the file, else of the variable, runs out.
fn url(query: &DataQuery<'_>) -> Option<UrlSeen> {
    let (_, layer, _) = query.data.database()?;
    let config = layer.signed_url.as_ref()?;
    let path = query.root.join(&config.write_to);
    let file = UrlFile { path, name: config.write_to.clone(), ignored: true };
    let by_file = file.read().map(|url| (config.write_to.clone(), url.expose().to_owned()));
    let by_variable = || Some((config.secret.clone(), (query.environment)(&config.secret)?));
    let (place, text) = by_file.or_else(by_variable)?;
    let url: Url = text.trim().parse().ok()?;
    let validity = Validity::of(&url);
    let until = validity.until?;
    let configured = SignedDuration::from_hours(24 * i64::from(config.valid_days));
    let life = validity.from.map_or(configured, |from| until.duration_since(from));
    Some(UrlSeen { place, until, life })
}
