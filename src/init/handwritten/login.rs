//! Which login of the old jobs the gate takes over: that of the registry of its images. A password
//! goes to no other registry, and GitHub's own token to none but GitHub's.

use std::collections::BTreeSet;

use super::Left;
use super::digest::Pushed;
use super::gate::is_local;
use super::variables::Variables;
use crate::doctor::workflow::{Job, Workflow};

/// GitHub's registry, which takes the token of the run.
const GHCR: &str = "ghcr.io";

/// The names of one registry.
const DOCKER_HUB: [&str; 4] =
    ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// A login to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The registry; an expression where it is one.
    pub host: String,
    /// Its user.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl Login {
    fn own() -> Self {
        let (user, password) = ("${{ github.actor }}".to_owned(), "${{ github.token }}".to_owned());
        Self { host: GHCR.to_owned(), user, password }
    }
}

/// What the gate logs in with, whether it needs the name of the registry with it, and what is left
/// to a person.
pub(super) fn choose(
    workflow: &Workflow,
    gone: &[&str],
    pushed: &[Pushed],
) -> (Option<Login>, bool, Option<Left>) {
    let (first, second): (Vec<_>, Vec<_>) = workflow.jobs().partition(|job| gone.contains(&job.id));
    let logins: Vec<Login> =
        first.into_iter().chain(second).flat_map(|job| of_job(workflow, job)).collect();
    let hosts: BTreeSet<String> =
        pushed.iter().filter_map(|own| host_of_image(own.image.as_deref()?)).collect();
    if pushed.is_empty() {
        return (None, false, None);
    }
    let known: BTreeSet<&str> = logins.iter().map(|login| login.host.as_str()).collect();
    if hosts.is_empty() && known.len() == 1 {
        return (logins.into_iter().next(), false, None);
    }
    let of_host = |host: &String| {
        let given = logins.iter().find(|login| login.host == *host).cloned();
        given.or_else(|| (host == GHCR).then(Login::own))
    };
    let login = hosts.iter().find_map(of_host);
    let without: Vec<&str> = hosts
        .iter()
        .map(String::as_str)
        .filter(|host| login.as_ref().is_none_or(|login| login.host != *host))
        .collect();
    if login.is_some() && without.is_empty() {
        return (login, false, None);
    }
    let names = if without.is_empty() { "the registry".to_owned() } else { without.join(", ") };
    let left = Left {
        job: None,
        lines: None,
        what: format!("the gate has no login for {names}"),
        why: "no job logs in there in a way that another job could".to_owned(),
        todo: "log in by a step before the gate's, or give it `registry-user` and `registry-password` (docs/how-to/private-registry.md)".to_owned(),
    };
    let names_host = login.is_some();
    (login, names_host, Some(left))
}

fn of_job(workflow: &Workflow, job: Job<'_>) -> Vec<Login> {
    let mut variables = Variables::default();
    variables.add_env(workflow.get("env"));
    variables.add_env(job.get("env"));
    let mut found = Vec::new();
    for step in job.steps() {
        let action = step.uses().and_then(|uses| uses.split('@').next()).unwrap_or_default();
        if !["docker/login-action", "redhat-actions/podman-login"].contains(&action) {
            continue;
        }
        let (Some(user), Some(password)) = (step.input("username"), step.input("password")) else {
            continue;
        };
        if is_local(&user) || is_local(&password) {
            continue;
        }
        let registry = step.input("registry").unwrap_or_default();
        let host = normal(&variables.expand(&registry));
        found.push(Login { host, user, password });
    }
    found
}

/// Writes the names of Docker Hub as one; without a name it is meant.
fn normal(registry: &str) -> String {
    let text = registry.trim().trim_start_matches("https://");
    // An expression may hold a `/`.
    let host = if text.contains('$') { text } else { text.split('/').next().unwrap_or(text) };
    if host.is_empty() || DOCKER_HUB.contains(&host) {
        return "docker.io".to_owned();
    }
    host.to_ascii_lowercase()
}

/// Returns the registry of an image; `None` where nobody can tell.
fn host_of_image(image: &str) -> Option<String> {
    let (host, rest) = match image.split_once("}}/") {
        // `${{ vars.REGISTRY }}/team/app`
        Some((expression, rest)) if expression.starts_with("${{") => {
            (format!("{expression}}}}}"), rest)
        }
        Some(_) | None => {
            let (host, rest) = image.split_once('/')?;
            (host.to_owned(), rest)
        }
    };
    if rest.is_empty() {
        return None;
    }
    if host.contains('$') {
        return Some(normal(&host));
    }
    let is_host = host.contains(['.', ':']) || host == "localhost";
    Some(if is_host { normal(&host) } else { "docker.io".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_the_registry_of_their_name() {
        for (image, host) in [
            ("ghcr.io/${{ github.repository }}", Some("ghcr.io")),
            ("acme/app", Some("docker.io")),
            ("localhost:5000/app", Some("localhost:5000")),
            ("index.docker.io/acme/app", Some("docker.io")),
            ("${{ vars.R }}/app", Some("${{ vars.r }}")),
            ("${{ steps.meta.outputs.tags }}", None),
            ("$IMAGE", None),
        ] {
            assert_eq!(host_of_image(image).as_deref(), host, "{image}");
        }
        assert_eq!(normal("https://index.docker.io/v1/"), "docker.io");
        assert_eq!(normal("${{ vars.R }}"), "${{ vars.r }}");
    }
}
