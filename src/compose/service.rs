//! One service, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::interpolate::Interpolation;
use super::keys::{Fate, fate, isolation};
use super::limits::Wishes;
use super::tree::{Kind, Node};
use super::values::{Ports, duration, is_host_name, join, ports, words};
use super::wrong::Wrong;
use super::{ComposeQuery, Warning, mounts};
use crate::stack::{Condition, Dependency, Healthcheck, Mount, Value};

/// A service as the file has it, before it is matched to the release set.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) env: BTreeMap<String, Value>,
    pub(super) ports: BTreeSet<u16>,
    pub(super) user: Option<String>,
    pub(super) working_dir: Option<String>,
    pub(super) aliases: BTreeSet<String>,
    pub(super) mounts: Vec<Mount>,
    pub(super) healthcheck: Option<Healthcheck>,
    pub(super) depends_on: BTreeMap<String, Dependency>,
    pub(super) limits: Wishes,
    /// `links` with a second name: the service, and the name.
    pub(super) links: Vec<(String, String)>,
}

/// A service that is built.
#[derive(Debug)]
pub(super) struct Build {
    /// The folder, from the root of the repository, where it is one of it.
    pub(super) context: Option<String>,
}

/// What a service is read with.
pub(super) struct Reader<'a> {
    pub(super) query: &'a ComposeQuery<'a>,
    pub(super) interpolation: &'a Interpolation<'a>,
    /// The folder of the compose file, from the root of the repository.
    pub(super) folder: &'a str,
    /// The document, without variables put in.
    pub(super) document: &'a Node,
    pub(super) warnings: Vec<Warning>,
}

impl Reader<'_> {
    /// Reads a service whose variables were put in.
    pub(super) fn service(&mut self, name: &str, node: Node) -> Result<Draft, Wrong> {
        for (key, value) in node.map()? {
            match fate(key) {
                Some(Fate::Read | Fate::Silent) => {}
                Some(Fate::Ignored(text)) => self.warnings.push(Warning::of(name, key, text)),
                Some(Fate::Refused(why)) => {
                    return Err(Wrong::at(&value.way, format!("service `{name}`: `{key}` {why}")));
                }
                None => {
                    let key: String = key.chars().take(80).collect();
                    let problem = format!("service `{name}`: there is no key `{key}`");
                    return Err(Wrong::at(&value.way, problem));
                }
            }
        }
        isolated(name, &node)?;
        let get = |key: &str| node.get(key).filter(|value| !matches!(value.kind, Kind::Null));
        let text = |key: &str| get(key).map(|value| value.text().map(str::to_owned)).transpose();
        let command = |key: &str| get(key).map(command).transpose();
        let image = text("image")?;
        let build = get("build").map(|build| self.build(build)).transpose()?;
        if image.is_none() && build.is_none() {
            let problem = format!("service `{name}` has neither `image` nor `build`");
            return Err(Wrong::at(&node.way, problem));
        }
        let mut links = Vec::new();
        let mut depends_on = depends_on(get("depends_on"))?;
        for link in get("links").map_or(Ok(&[][..]), Node::list)? {
            let (service, alias) = link.text()?.split_once(':').unwrap_or((link.text()?, ""));
            let dependency = Dependency { condition: Condition::Started, required: true };
            depends_on.entry(service.to_owned()).or_insert(dependency);
            if !alias.is_empty() {
                links.push((service.to_owned(), host_name(link, alias)?));
            }
        }
        let draft = Draft {
            name: name.to_owned(),
            image,
            entrypoint: command("entrypoint")?,
            command: command("command")?,
            env: self.environment(name, get("env_file"), get("environment"))?,
            ports: self.ports(name, get("ports"))?,
            user: text("user")?,
            working_dir: text("working_dir")?,
            aliases: aliases(&node)?,
            mounts: mounts::read(self, name, &node, build.as_ref())?,
            healthcheck: get("healthcheck").map(healthcheck).transpose()?,
            depends_on,
            limits: self.wishes(name, &node)?,
            links,
            build,
            node,
        };
        expose(draft.node.get("expose"))?;
        Ok(draft)
    }

    /// Returns the folder that the image is built from, where it is one of the repository.
    fn build(&self, node: &Node) -> Result<Build, Wrong> {
        let context = match &node.kind {
            Kind::Map(_) => node.get("context").map_or(Ok("."), Node::text)?,
            _ => node.text()?,
        };
        Ok(Build { context: join(self.folder, context) })
    }

    /// Reads what a person reaches from outside.
    fn ports(&mut self, service: &str, node: Option<&Node>) -> Result<BTreeSet<u16>, Wrong> {
        let mut found = BTreeSet::new();
        for entry in node.map_or(Ok(&[][..]), Node::list)? {
            let text = match &entry.kind {
                Kind::Map(_) => {
                    let target =
                        entry.get("target").ok_or_else(|| entry.wrong("`target` is missing"))?;
                    let protocol = entry.get("protocol").map_or(Ok("tcp"), Node::text)?;
                    format!("{}/{protocol}", target.text()?)
                }
                _ => entry.text()?.to_owned(),
            };
            let expected = "a port such as \"8000\" or \"80:8000\", in quotes";
            match ports(&text).ok_or_else(|| entry.wrong(format!("expected {expected}")))? {
                Ports::Tcp(ports) => found.extend(ports),
                Ports::Other => {
                    let warning = Warning::of(service, "ports", "knows only TCP for probes");
                    self.warnings.push(warning);
                }
            }
        }
        Ok(found)
    }
}

/// Refuses what would take a container out of its isolation.
fn isolated(name: &str, node: &Node) -> Result<(), Wrong> {
    let keys = [
        "privileged",
        "network_mode",
        "pid",
        "ipc",
        "uts",
        "userns_mode",
        "cgroup",
        "security_opt",
    ];
    for (key, value) in keys.iter().filter_map(|key| node.get(key).map(|value| (key, value))) {
        for one in value.one_or_more()? {
            let refused = |why| Wrong::at(&value.way, format!("service `{name}`: `{key}` {why}"));
            isolation(key, one.text()?).map_err(refused)?;
        }
    }
    Ok(())
}

/// Reads a command: words as for a shell, or a list of them.
fn command(node: &Node) -> Result<Vec<String>, Wrong> {
    match &node.kind {
        Kind::List(words) => words.iter().map(|word| word.text().map(str::to_owned)).collect(),
        _ => words(node.text()?).ok_or_else(|| node.wrong("a quote is not closed")),
    }
}

fn depends_on(node: Option<&Node>) -> Result<BTreeMap<String, Dependency>, Wrong> {
    let mut found = BTreeMap::new();
    let Some(node) = node else { return Ok(found) };
    let started = Dependency { condition: Condition::Started, required: true };
    if let Kind::List(services) = &node.kind {
        for service in services {
            found.insert(service.text()?.to_owned(), started);
        }
        return Ok(found);
    }
    for (service, value) in node.map()? {
        let condition = match value.get("condition").map(Node::text).transpose()? {
            None | Some("service_started") => Condition::Started,
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::CompletedSuccessfully,
            Some(_) => {
                return Err(value.wrong(
                    "expected the condition `service_started`, `service_healthy` or \
                     `service_completed_successfully`",
                ));
            }
        };
        let required = value.get("required").map_or(Ok(true), Node::flag)?;
        found.insert(service.clone(), Dependency { condition, required });
    }
    Ok(found)
}

fn healthcheck(node: &Node) -> Result<Healthcheck, Wrong> {
    let time = |key: &str| {
        let read = |value: &Node| {
            duration(value.text()?)
                .ok_or_else(|| value.wrong("expected a time such as 30s or 1m30s"))
        };
        node.get(key).map(read).transpose()
    };
    let disabled = node.get("disable").map_or(Ok(false), Node::flag)?;
    let test = match node.get("test") {
        _ if disabled => Some(vec!["NONE".to_owned()]),
        None => None,
        Some(test) => match &test.kind {
            Kind::List(_) => {
                let words = command(test)?;
                match words.first().map(String::as_str) {
                    Some("NONE" | "CMD" | "CMD-SHELL") => Some(words),
                    _ => {
                        return Err(
                            test.wrong("expected a list that starts with CMD, CMD-SHELL or NONE")
                        );
                    }
                }
            }
            _ => Some(vec!["CMD-SHELL".to_owned(), test.text()?.to_owned()]),
        },
    };
    let retries = |value: &Node| {
        let number: Option<u32> = value.text()?.parse().ok();
        number
            .filter(|number| *number <= 1_000)
            .ok_or_else(|| value.wrong("expected a number up to 1000"))
    };
    Ok(Healthcheck {
        test,
        interval: time("interval")?,
        timeout: time("timeout")?,
        start_period: time("start_period")?,
        retries: node.get("retries").map(retries).transpose()?,
    })
}

fn host_name(node: &Node, text: &str) -> Result<String, Wrong> {
    if is_host_name(text) {
        Ok(text.to_owned())
    } else {
        Err(node.wrong("expected the name of a host"))
    }
}

/// Returns the names besides the service's own.
fn aliases(node: &Node) -> Result<BTreeSet<String>, Wrong> {
    let mut found = BTreeSet::new();
    for key in ["hostname", "container_name"] {
        if let Some(name) = node.get(key) {
            found.insert(host_name(name, name.text()?)?);
        }
    }
    if let Some(networks) = node.get("networks").filter(|all| matches!(all.kind, Kind::Map(_))) {
        for (_, network) in networks.map()? {
            for alias in network.get("aliases").map_or(Ok(&[][..]), Node::list)? {
                found.insert(host_name(alias, alias.text()?)?);
            }
        }
    }
    Ok(found)
}

/// Nothing has to be exposed on the network of a run; but what makes no sense is refused.
fn expose(node: Option<&Node>) -> Result<(), Wrong> {
    for entry in node.map_or(Ok(&[][..]), Node::list)? {
        ports(entry.text()?).ok_or_else(|| entry.wrong("expected a port"))?;
    }
    Ok(())
}
