//! From the text of a compose file to a [`Stack`], without any I/O
//! ("Compose file reference" of the Compose Specification, <https://docs.docker.com/reference/compose-file/>).
//!
//! 1. The YAML becomes a tree: bounded, with anchors and merge keys (`<<`), every value with its line.
//! 2. Variables are put in (`${NAME:-default}`).
//! 3. Profiles choose the services; what a chosen service depends on is chosen with it.
//! 4. Each service is read key by key. What is not known, or would change what runs or reach out of
//!    the containers, is refused or ignored with a [`Warning`] that names the service and the key.
//! 5. The services that are built are matched to the release set.
//! 6. The graph of `depends_on` is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::config::ComposeConfig;
use crate::model::ImageRef;
use crate::stack::{Limits, Mount, Service, ServiceImage, Stack, Value};

mod choice;
mod env_file;
mod environment;
mod graph;
mod interpolate;
mod keys;
mod limits;
mod mounts;
mod release_set;
mod service;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod wrong;

use interpolate::Interpolation;
use service::{Draft, Reader};
use tree::Node;
use wrong::Wrong;

/// The largest compose file, and the largest file with variables, in bytes.
pub const MAX_COMPOSE_BYTES: u64 = 1 << 20;

/// The values that `$NAME` and `${NAME}` stand for, and that an `environment` without a value takes.
pub type Variables = BTreeMap<String, Value>;

/// What a compose file is read for.
#[derive(Clone, Copy)]
pub struct ComposeQuery<'a> {
    /// The file, its profiles, and which service runs which image.
    pub config: &'a ComposeConfig,
    /// The release set: for each image the container that the configuration alone would make of it
    /// ([`crate::config::ContainersConfig`]), with its digest. A compose service of the image takes
    /// over its environment, command, user and limits where they are set; the name and the ports are
    /// the compose file's.
    pub candidates: &'a BTreeMap<ImageRef, Service>,
    /// What every container that is not a candidate gets of the machine.
    pub limits: &'a Limits,
    /// The files that the compose file names.
    pub files: &'a dyn Files,
}

/// The files of the repository that a compose file may name. Paths are from the root of the
/// repository, with `/`, without `.` and `..`.
pub trait Files {
    /// Returns the text of a file of at most [`MAX_COMPOSE_BYTES`], `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read, for people, without the path.
    fn text(&self, path: &str) -> Result<Option<String>, String>;

    /// Returns where a file or folder lies on this machine, checked not to lead out of the
    /// repository, and `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be mounted, for people, without the path.
    fn place(&self, path: &str) -> Result<Option<PathBuf>, String>;
}

/// What is ignored, or means something else than it does with `docker compose`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The service, where it is about one.
    pub service: Option<String>,
    /// The key: `restart`, `deploy.replicas`.
    pub key: String,
    /// What becomes of it.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.service {
            Some(service) => write!(f, "service `{service}`: `{}` {}", self.key, self.text),
            None => write!(f, "`{}` {}", self.key, self.text),
        }
    }
}

/// Says what is wrong with a compose file, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ComposeError {
    /// The file, from the root of the repository.
    pub file: String,
    /// The line, counted from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong, and what was expected.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Reads a compose file.
///
/// # Errors
/// [`ComposeError`] with the line.
pub fn read(
    text: &str,
    variables: &Variables,
    query: &ComposeQuery<'_>,
) -> Result<(Stack, Vec<Warning>), ComposeError> {
    document(text, variables, query).map_err(|wrong| wrong.explain(&query.config.file, text))
}

/// Reads a file with variables, as `compose.env_file` names it. `path` is for errors; `before` are
/// the values that its own may refer to.
///
/// # Errors
/// [`ComposeError`] with the line.
pub fn read_variables(
    text: &str,
    path: &str,
    before: &Variables,
) -> Result<Variables, ComposeError> {
    env_file::read(text, &Interpolation::new(before), false).map_err(|bad| ComposeError {
        file: path.to_owned(),
        line: Some(bad.line),
        problem: bad.problem,
        hint: None,
    })
}

fn document(
    text: &str,
    variables: &Variables,
    query: &ComposeQuery<'_>,
) -> Result<(Stack, Vec<Warning>), Wrong> {
    if text.len() as u64 > MAX_COMPOSE_BYTES {
        return Err(Wrong::file(format!("larger than {MAX_COMPOSE_BYTES} bytes")));
    }
    let document = Node::read(text)?;
    top_level(&document)?;
    let interpolation = Interpolation::new(variables);
    let chosen = choice::services(&document, &query.config.profiles, &interpolation)?;
    let folder = query.config.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut reader = Reader {
        query,
        interpolation: &interpolation,
        folder,
        document: &document,
        warnings: Vec::new(),
    };
    let mut drafts = BTreeMap::new();
    for (name, node) in chosen {
        drafts.insert(name.clone(), reader.service(&name, node)?);
    }
    let mut warnings = reader.warnings;
    leave_out(&mut drafts, &mut warnings);
    graph::check(&drafts)?;
    let images = release_set::assign(&drafts, query, &mut warnings)?;
    for name in interpolation.missing() {
        let text = "has no value: it is empty, as with `docker compose`";
        warnings.push(Warning::general(&format!("${{{name}}}"), text));
    }
    if document.get("networks").and_then(|all| all.map().ok()).is_some_and(|all| all.len() > 1) {
        let text = "are one: all services of a run share one network";
        warnings.push(Warning::general("networks", text));
    }
    let mut stack = Stack::default();
    let links: Vec<(String, String)> =
        drafts.values().flat_map(|draft| draft.links.iter().cloned()).collect();
    for (name, draft) in drafts {
        let service = finish(draft, images.get(&name), query)?;
        stack.services.insert(name, service);
    }
    for (service, alias) in links {
        if let Some(service) = stack.services.get_mut(&service) {
            service.aliases.insert(alias);
        }
    }
    warnings.sort();
    warnings.dedup();
    Ok((stack, warnings))
}

fn top_level(document: &Node) -> Result<(), Wrong> {
    for (key, value) in document.map()? {
        match key.as_str() {
            "configs" | "name" | "networks" | "secrets" | "services" | "version" | "volumes" => {}
            key if key.starts_with("x-") => {}
            "include" => {
                let problem = "`include` is not supported: name one file with all services";
                return Err(Wrong::at(&value.way, problem.to_owned()));
            }
            key => {
                let key: String = key.chars().take(80).collect();
                let problem = format!("there is no key `{key}` at the top of a compose file");
                return Err(Wrong::at(&value.way, problem));
            }
        }
    }
    Ok(())
}

/// Forgets what is not required and not started.
fn leave_out(drafts: &mut BTreeMap<String, Draft>, warnings: &mut Vec<Warning>) {
    let names: BTreeSet<String> = drafts.keys().cloned().collect();
    for draft in drafts.values_mut() {
        for missing in draft.depends_on.keys().filter(|on| !names.contains(*on)) {
            let text = format!("on `{missing}` is left out: no profile starts it");
            warnings.push(Warning::of(&draft.name, "depends_on", text));
        }
        draft.depends_on.retain(|on, _| names.contains(on));
    }
}

/// Makes the service: for a candidate, what the configuration says counts over the file.
fn finish(
    draft: Draft,
    image: Option<&ImageRef>,
    query: &ComposeQuery<'_>,
) -> Result<Service, Wrong> {
    let candidate = image.and_then(|image| query.candidates.get(image));
    let given = match (candidate, draft.image) {
        (Some(candidate), _) => candidate.image.clone(),
        (None, Some(name)) => ServiceImage::Given(name),
        (None, None) => {
            let problem = format!("service `{}` has no `image`", draft.name);
            return Err(Wrong::at(&draft.node.way, problem));
        }
    };
    let limits =
        draft.limits.over(candidate.map_or(query.limits, |candidate| &candidate.limits))?;
    let mut env = draft.env;
    let (mut command, mut entrypoint, mut user) = (draft.command, draft.entrypoint, draft.user);
    let mut mounts = draft.mounts;
    if let Some(candidate) = candidate {
        env.extend(candidate.env.clone());
        command = candidate.command.clone().or(command);
        entrypoint = candidate.entrypoint.clone().or(entrypoint);
        user = candidate.user.clone().or(user);
        let new = |mount: &&Mount| !mounts.iter().any(|other| other.at == mount.at);
        let more: Vec<Mount> = candidate.mounts.iter().filter(new).cloned().collect();
        mounts.extend(more);
    }
    Ok(Service {
        name: draft.name,
        image: given,
        entrypoint,
        command,
        env,
        ports: draft.ports,
        user,
        working_dir: draft.working_dir,
        aliases: draft.aliases,
        mounts,
        healthcheck: draft.healthcheck,
        depends_on: draft.depends_on,
        limits,
    })
}
