//! What the types of the configuration cannot say.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use jiff::Timestamp;

use super::node::{Misfit, MisfitKind, Step};
use super::{Config, FreezeConfig, HookConfig, ReportConfig};
use crate::model::{BranchName, CommitSha, ImageRef, Tag};
use crate::observe::freeze::{FreezeError, open_windows};
use crate::observe::globs;

mod containers;
mod data;
mod imports;
mod metric;
mod operations;
pub(super) mod probes;

/// Stands for every commit in trial renderings of tag patterns.
const ANY_COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Returns the first thing that is wrong.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    if config.version != 1 {
        let problem = format!("expected 1, found {}: the only version there is", config.version);
        return Err(misfit(&["version"], problem));
    }
    branches(config)?;
    tags(config)?;
    ledger_path(&config.ledger.path).map_err(|problem| misfit(&["ledger", "path"], problem))?;
    distinct("images", config.images.iter().flatten())?;
    reports(&config.require.reports)?;
    check_names(&config.require.checks)?;
    path_patterns(&["preflight", "ignore"], &config.preflight.ignore)?;
    path_patterns(&["rollback", "keep"], &config.rollback.keep)?;
    if config.rollback.max_depth == 0 {
        let problem = "expected 1 or more, found 0; to forbid rollbacks, set `enabled: false`";
        return Err(misfit(&["rollback", "max_depth"], problem));
    }
    let workflow = &config.rollback.retry_workflow;
    workflow_file(workflow).map_err(|problem| misfit(&["rollback", "retry_workflow"], problem))?;
    distinct("metrics", config.metrics.iter().map(|metric| &metric.name))?;
    for (index, each) in config.metrics.iter().enumerate() {
        metric::check(each).map_err(|(key, problem)| in_list("metrics", index, key, problem))?;
    }
    freezes(&config.freeze)?;
    author(config)?;
    remote(&config.remote).map_err(|problem| misfit(&["remote"], problem))?;
    hooks(&["after_promote"], &config.after_promote)?;
    hooks(&["after_rollback"], &config.after_rollback)?;
    if let Some(schedule) = &config.schedule {
        hooks(&["schedule", "after_alert"], &schedule.after_alert)?;
    }
    config
        .notify
        .check()
        .map_err(|(keys, problem)| misfit(&["notify", keys[0], keys[1]], problem))?;
    probes::check(config)?;
    containers::check(config)?;
    data::check(config)?;
    operations::check(config)?;
    registries(config)
}

fn hooks(list: &[&str], hooks: &[HookConfig]) -> Result<(), Misfit> {
    if hooks.len() > 10 {
        return Err(misfit(list, format!("expected at most 10, found {}", hooks.len())));
    }
    for (index, hook) in hooks.iter().enumerate() {
        let wrong = |(key, problem): (&str, String)| {
            let mut misfit = misfit(list, problem);
            misfit.path.extend([Step::Index(index), Step::Key(key.to_owned())]);
            misfit
        };
        hook.check().map_err(wrong)?;
        let dir = hook.dir.as_deref().map_or(Ok(()), repository_path);
        dir.map_err(|problem| wrong(("dir", problem)))?;
    }
    Ok(())
}

fn misfit(path: &[&str], problem: impl Into<String>) -> Misfit {
    let path = path.iter().map(|key| Step::Key((*key).to_owned())).collect();
    Misfit { path, kind: MisfitKind::Other(problem.into()) }
}

fn in_list(list: &str, index: usize, key: &str, problem: String) -> Misfit {
    let mut misfit = misfit(&[list], problem);
    misfit.path.extend([Step::Index(index), Step::Key(key.to_owned())]);
    misfit
}

fn distinct<T: Eq + Hash + Display>(
    key: &str,
    values: impl Iterator<Item = T>,
) -> Result<(), Misfit> {
    let mut seen = HashSet::new();
    for (index, value) in values.enumerate() {
        let problem = format!("{value} is there twice");
        if !seen.insert(value) {
            let mut misfit = misfit(&[key], problem);
            misfit.path.push(Step::Index(index));
            return Err(misfit);
        }
    }
    Ok(())
}

fn check_names(names: &[String]) -> Result<(), Misfit> {
    for (index, name) in names.iter().enumerate() {
        let problem = if name.trim().is_empty() || name.chars().any(char::is_control) {
            format!("expected the name of a check as GitHub shows it, found {name:?}")
        } else if names[..index].contains(name) {
            format!("{name} is there twice")
        } else {
            continue;
        };
        let mut misfit = misfit(&["require", "checks"], problem);
        misfit.path.push(Step::Index(index));
        return Err(misfit);
    }
    Ok(())
}

/// The three branches differ in what they hold, so none may be another.
fn branches(config: &Config) -> Result<(), Misfit> {
    let differ = |key: &[&str], name: &BranchName, other: &str, taken: &BranchName| {
        let problem = format!("expected a branch other than `{other}`, found {name}");
        if name == taken { Err(misfit(key, problem)) } else { Ok(()) }
    };
    let Config { branch, stable_branch, state_branch, .. } = config;
    differ(&["stable_branch"], stable_branch, "branch", branch)?;
    differ(&["state_branch"], state_branch, "branch", branch)?;
    differ(&["state_branch"], state_branch, "stable_branch", stable_branch)?;
    if let Some(ledger) = &config.ledger.branch {
        differ(&["ledger", "branch"], ledger, "stable_branch", stable_branch)?;
        differ(&["ledger", "branch"], ledger, "state_branch", state_branch)?;
    }
    Ok(())
}

fn tags(config: &Config) -> Result<(), Misfit> {
    let Config { tags, branch, .. } = config;
    let sha: CommitSha = ANY_COMMIT.parse().map_err(|e| misfit(&["tags"], format!("{e}")))?;
    let wrong =
        |key| move |error: super::TagPatternError| misfit(&["tags", key], error.to_string());
    let candidate = tags.candidate_tag(branch, &sha).map_err(wrong("candidate"))?;
    tags.commit_tag(branch, &sha).map_err(wrong("commit"))?;
    tags.keep_tag(branch, &sha).map_err(wrong("keep"))?;
    for (key, pattern) in [("commit", &tags.commit), ("keep", &tags.keep)] {
        if !pattern.contains("{sha}") && !pattern.contains("{short_sha}") {
            let problem = format!(
                "expected {{sha}} or {{short_sha}} in it, found {pattern:?}: each commit needs \
                 a tag of its own"
            );
            return Err(misfit(&["tags", key], problem));
        }
    }
    let fixed = |key: &str, text: &str| {
        text.parse::<Tag>().map_err(|error| misfit(&["tags", key], error.to_string()))
    };
    let mut moving = vec![fixed("stable", &tags.stable)?];
    for tag in &tags.also {
        let tag = fixed("also", tag)?;
        if moving.contains(&tag) {
            return Err(misfit(&["tags", "also"], format!("{tag} is there twice")));
        }
        moving.push(tag);
    }
    if moving.contains(&candidate) {
        let problem = "expected a tag other than those that users get, or a build would release";
        return Err(misfit(&["tags", "candidate"], problem));
    }
    Ok(())
}

/// Only images of the release set are run as candidates: nothing else is about to be promoted.
fn release_set(config: &Config, image: &ImageRef) -> Result<(), String> {
    match &config.images {
        Some(images) if !images.contains(image) => {
            Err(format!("{image} is not in the release set; name it under `images`"))
        }
        Some(_) | None => Ok(()),
    }
}

/// A path of the repository as git keeps it: `/` between names, no way out, not git's own folder.
fn repository_path(path: &str) -> Result<(), String> {
    let expected = "expected a path from the root of the repository";
    if path.is_empty() || path.chars().any(char::is_control) {
        return Err(format!("{expected}, found {path:?}"));
    }
    let drive = path.as_bytes().get(1) == Some(&b':');
    if path.starts_with(['/', '\\', '~']) || drive {
        return Err(format!("{expected}, found the absolute path {path:?}"));
    }
    for name in path.split(['/', '\\']) {
        match name {
            ".." => return Err(format!("{expected}, and {path:?} may lead out of it")),
            name if name.eq_ignore_ascii_case(".git") => {
                return Err(format!("{expected}, and {path:?} is git's own folder"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn ledger_path(path: &str) -> Result<(), String> {
    repository_path(path)?;
    let plain = path.split('/').all(|name| !name.is_empty() && name != ".");
    if plain && !path.contains('\\') {
        return Ok(());
    }
    Err(format!("expected a path such as docs/LEDGER.md, found {path:?}"))
}

fn path_patterns(path: &[&str], patterns: &[String]) -> Result<(), Misfit> {
    for (index, pattern) in patterns.iter().enumerate() {
        let glob = || globs::glob("", index + 1, pattern).map_err(|error| error.cause);
        if let Err(problem) = repository_path(pattern).and_then(|()| glob()) {
            let mut misfit = misfit(path, problem);
            misfit.path.push(Step::Index(index));
            return Err(misfit);
        }
    }
    Ok(())
}

fn reports(reports: &[ReportConfig]) -> Result<(), Misfit> {
    for (index, report) in reports.iter().enumerate() {
        let wrong = |key: Option<&str>, problem| {
            let mut misfit = misfit(&["require", "reports"], problem);
            misfit.path.push(Step::Index(index));
            misfit.path.extend(key.map(|key| Step::Key(key.to_owned())));
            misfit
        };
        let glob = || globs::glob("", index + 1, &report.path).map_err(|error| error.cause);
        let has_keys = report.job.is_some();
        repository_path(&report.path)
            .and_then(|()| glob())
            .map_err(|problem| wrong(has_keys.then_some("path"), problem))?;
        let is_job = |job: &str| {
            (1..=100).contains(&job.len())
                && job.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        if let Some(job) = report.job.as_ref().filter(|job| !is_job(job)) {
            let problem = format!("expected the id of a job such as tests, found {job:?}");
            return Err(wrong(Some("job"), problem));
        }
    }
    Ok(())
}

/// A file directly in `.github/workflows/`: other paths are no workflows of GitHub's.
fn workflow_file(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"));
    let plain = |stem: &str| {
        (1..=100).contains(&stem.len())
            && !stem.starts_with(['.', '-'])
            && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if stem.is_some_and(plain) {
        return Ok(());
    }
    Err(format!(
        "expected the name of a file in .github/workflows such as tidegate-retry.yml, found {name:?}"
    ))
}

/// RFC 6901, section 3.
fn json_pointer(pointer: &str) -> Result<(), String> {
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if pointer.starts_with('/') && escapes {
        return Ok(());
    }
    Err(format!("expected a JSON pointer such as /test_metrics/macro_f1, found {pointer:?}"))
}

/// Checks the windows, at an instant that does not matter: whether one is open is not asked here.
fn freezes(freezes: &[FreezeConfig]) -> Result<(), Misfit> {
    for (index, freeze) in freezes.iter().enumerate() {
        let wrong = |key: &str, problem: &str| in_list("freeze", index, key, problem.to_owned());
        if freeze.reason.trim().is_empty() {
            return Err(wrong("reason", "expected what people are told, found nothing"));
        }
        if let Err(error) = open_windows(std::slice::from_ref(freeze), Timestamp::UNIX_EPOCH) {
            let key = match error {
                FreezeError::Cron { .. } | FreezeError::NeverOpens { .. } => "cron",
                FreezeError::Zone { .. } => "timezone",
                FreezeError::Duration { .. } | FreezeError::Time { .. } => "duration",
            };
            let problem = error.to_string();
            // The entry is named by the way to the value, counted as the way counts.
            return Err(wrong(key, problem.trim_start_matches("freeze entry 1: ")));
        }
    }
    Ok(())
}

fn author(config: &Config) -> Result<(), Misfit> {
    // What git refuses in a signature, or would drop from it.
    let bad = |text: &str| {
        text.trim().is_empty() || text.chars().any(|c| c.is_control() || "<>".contains(c))
    };
    for (key, text) in [("name", &config.author.name), ("email", &config.author.email)] {
        if bad(text) {
            let problem = format!("expected text without < and >, found {text:?}");
            return Err(misfit(&["author", key], problem));
        }
    }
    Ok(())
}

fn remote(remote: &str) -> Result<(), String> {
    if remote.is_empty() || remote.starts_with('-') || remote.chars().any(char::is_control) {
        return Err(format!("expected the name or the URL of a git remote, found {remote:?}"));
    }
    // `git@host:path` and `ssh://git@host` name a user; only a password is a secret.
    let authority = remote.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    let http = remote.starts_with("http");
    if user.is_some_and(|user| http || user.contains(':')) {
        return Err("expected a URL without credentials; they come from the environment".to_owned());
    }
    Ok(())
}

fn registries(config: &Config) -> Result<(), Misfit> {
    let is_host = |host: &str| {
        !host.is_empty()
            && !host.starts_with('-')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    };
    let expected = "expected a host such as ghcr.io or 127.0.0.1:5000, without scheme and path";
    for (host, registry) in &config.registries {
        if !is_host(host) {
            return Err(misfit(&["registries", host], format!("{expected}, found {host:?}")));
        }
        if let Some(token_host) = registry.token_host.as_ref().filter(|host| !is_host(host)) {
            let problem = format!("{expected}, found {token_host:?}");
            return Err(misfit(&["registries", host, "token_host"], problem));
        }
        let (timeout, patience) = (registry.timeout(), registry.patience());
        waits(
            &["registries", host],
            [
                ("timeout", &registry.timeout, timeout, 55),
                ("patience", &registry.patience, patience, 60),
            ],
        )?;
    }
    let github = &config.github;
    waits(
        &["github"],
        [
            ("timeout", &github.timeout, github.timeout(), 60),
            ("patience", &github.patience, github.patience(), 600),
        ],
    )
}

/// Checks waits, given with their keys and the longest that makes sense, in seconds.
fn waits(
    path: &[&str],
    waits: [(&str, &Option<String>, Option<Duration>, u64); 2],
) -> Result<(), Misfit> {
    for (key, text, value, most) in waits {
        let Some(text) = text else { continue };
        if value.is_none_or(|value| value > Duration::from_secs(most)) {
            let problem =
                format!("expected a wait of at most {most} s such as `30s`, found {text:?}");
            let path: Vec<&str> = path.iter().copied().chain([key]).collect();
            return Err(misfit(&path, problem));
        }
    }
    Ok(())
}
