//! Runs the probes of a candidate: once for the commit and its digests, however often the world is
//! observed again because something moved meanwhile.

use std::collections::BTreeMap;

use crate::adapters::engine;
use crate::adapters::registry::Registries;
use crate::commands::session::{SECRETS, Session};
use crate::evidence::probes::{ProbeFound, Probes};
use crate::model::{CommitSha, Digest, ImageRef};
use crate::observe::compose;
use crate::observe::probes::{self, Context};
use crate::stack::Stack;

/// The probes of one command.
pub(in crate::commands) struct Probing<'a> {
    say: &'a dyn Fn(&str),
    done: Option<Done>,
}

/// What was probed, and what was found.
struct Done {
    commit: CommitSha,
    images: Images,
    found: Found,
}

/// The release set by digest.
pub(in crate::commands) type Images = BTreeMap<ImageRef, Digest>;

/// What the probes found, and what should be known besides.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Found {
    /// What they found.
    pub(in crate::commands) probes: Probes,
    /// What decides nothing: keys of the compose file that are ignored.
    pub(in crate::commands) warnings: Vec<String>,
}

impl<'a> Probing<'a> {
    /// Nothing was probed yet; `say` tells people what goes on.
    pub(in crate::commands) fn new(say: &'a dyn Fn(&str)) -> Self {
        Self { say, done: None }
    }

    /// Runs the probes of the session's configuration, which is the candidate's.
    ///
    /// # Errors
    /// The process was told to end.
    pub(in crate::commands) async fn run(
        &mut self,
        session: &Session,
        registries: &Registries,
        commit: &CommitSha,
        images: Images,
    ) -> anyhow::Result<Found> {
        if let Some(done) = &self.done
            && done.commit == *commit
            && done.images == images
        {
            return Ok(done.found.clone());
        }
        let found = self.probe(session, registries, commit, &images).await?;
        for result in found.probes.results() {
            tracing::info!(
                probe = result.name,
                found = word(&result.found),
                attempts = result.attempts,
                took_ms = result.took_ms,
                "probed"
            );
        }
        self.done = Some(Done { commit: commit.clone(), images, found: found.clone() });
        Ok(found)
    }

    async fn probe(
        &self,
        session: &Session,
        registries: &Registries,
        commit: &CommitSha,
        images: &Images,
    ) -> anyhow::Result<Found> {
        let containers = &session.config.containers;
        let redactor = session.redactor();
        let context = Context {
            root: &session.root,
            redactor: &redactor,
            hidden: &SECRETS,
            registries: Some(registries),
            platform: containers.platform.as_deref(),
            deadline: None,
            on_step: self.say,
        };
        let wanted = session.config.probes();
        let mut warnings = Vec::new();
        let results = match stack(session, commit, images, &mut warnings) {
            Ok(stack) => {
                let lookup = |name: &str| session.variable(name);
                let mut options = engine::Options::from_env(containers.engine.clone(), lookup);
                options.pull_timeout = Some(containers.pull_timeout());
                options.redactor = redactor.clone();
                (self.say)(&format!("probing {}", names(images)));
                let result = probes::run(&stack, &wanted, &options, &context).await?;
                warnings.extend(result.warnings);
                result.probes
            }
            Err(why) => {
                let unknown = |probe| probes::unknown(probe, why.clone(), &redactor);
                wanted.iter().map(unknown).collect()
            }
        };
        Ok(Found { probes: Probes::Ran { results }, warnings })
    }
}

/// Puts together what is started: from the compose file, or from the configuration alone.
fn stack(
    session: &Session,
    commit: &CommitSha,
    images: &Images,
    warnings: &mut Vec<String>,
) -> Result<Stack, String> {
    let config = &session.config;
    let lookup = |name: &str| session.variable(name);
    let explained = |error: crate::config::StackError| format!("{error}; {}", error.hint());
    let Some(compose) = &config.compose else {
        return config.stack(images, &lookup).map_err(explained);
    };
    if !same_file(session, commit, &compose.file) {
        return Err(format!(
            "{} of {} is not what is checked out; check the commit out first",
            compose.file,
            commit.short()
        ));
    }
    let candidates = config.candidates(images, &lookup).map_err(explained)?;
    let default = &config.containers.default;
    let environment = default.environment(&lookup).map_err(explained)?;
    let (mut stack, said) =
        compose::read(&session.root, compose, &environment, &candidates, &default.limits())
            .map_err(|error| error.to_string())?;
    warnings.extend(said.iter().map(|warning| format!("{}: {warning}", compose.file)));
    for (name, ports) in config.probed_ports() {
        let Some(service) = stack.services.get_mut(&name) else {
            return Err(format!("{} has no service {name:?} that is started", compose.file));
        };
        service.ports.extend(ports);
    }
    stack.before = config.before();
    for name in config.services_named() {
        if !stack.services.contains_key(&name) {
            return Err(format!("{} has no service {name:?} that is started", compose.file));
        }
    }
    Ok(stack)
}

/// Tells whether the file of a commit is that of the work tree's commit.
fn same_file(session: &Session, commit: &CommitSha, path: &str) -> bool {
    let git = &session.git;
    let file = |commit: &CommitSha| git.file(&git.commit(commit).ok()?.tree, path).ok()?;
    git.local_commit("HEAD").is_some_and(|head| head == *commit || file(&head) == file(commit))
}

fn names(images: &Images) -> String {
    let names: Vec<String> = images.keys().map(ToString::to_string).collect();
    names.join(", ")
}

fn word(found: &ProbeFound) -> &'static str {
    match found {
        ProbeFound::Passed { .. } => "passed",
        ProbeFound::Failed(_) => "failed",
        ProbeFound::Unknown { .. } => "unknown",
    }
}
