//! One service, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::interpolate::{Interpolation, is_name};
use super::keys::{Fate, fate, isolation};
use super::tree::{Kind, Node};
use super::values::{Ports, bytes, duration, is_host_name, join, nano_cpus, ports, words};
use super::wrong::Wrong;
use super::{ComposeQuery, Variables, Warning, env_file, mounts};
use crate::secret::Secret;
use crate::stack::{Condition, Dependency, Healthcheck, Limits, Mount, Value};

/// The most bytes of all files with variables of a service.
const MOST_ENV_FILES: usize = 32;

/// A service as the file has it, before it is matched to the release set.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) node: Node,
    pub(super) image: Option<String>,
    /// The folder of `build`, from the root of the repository; `None`: it is not built.
    pub(super) build: Option<Option<String>>,
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

/// What the file wants to have of the machine.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    memory: Option<u64>,
    nano_cpus: Option<u64>,
    pids: Option<u32>,
    read_only: Option<bool>,
    cap_add: Vec<(String, Node)>,
    cap_drop: Vec<String>,
}

impl Wishes {
    /// Puts what the file wants over `given`, except where the configuration says otherwise.
    pub(super) fn over(&self, given: &Limits) -> Result<Limits, Wrong> {
        let default = Limits::default();
        let mut limits = given.clone();
        if given.memory == default.memory {
            limits.memory = self.memory.unwrap_or(given.memory);
        }
        if given.nano_cpus == default.nano_cpus {
            limits.nano_cpus = self.nano_cpus.unwrap_or(given.nano_cpus);
        }
        if given.pids == default.pids {
            limits.pids = self.pids.unwrap_or(given.pids);
        }
        limits.read_only |= self.read_only.unwrap_or(false);
        for dropped in &self.cap_drop {
            if dropped == "ALL" {
                limits.capabilities.clear();
            } else {
                limits.capabilities.remove(dropped);
            }
        }
        for (added, node) in &self.cap_add {
            if !given.capabilities.contains(added) {
                let added: String = added.chars().take(40).collect();
                let hint = "allow it with `containers.default.capabilities` of the configuration";
                return Err(node
                    .wrong(format!("the capability {added:?} is not allowed"))
                    .hint(hint));
            }
            limits.capabilities.insert(added.clone());
        }
        Ok(limits)
    }
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
    fn build(&self, node: &Node) -> Result<Option<String>, Wrong> {
        let context = match &node.kind {
            Kind::Map(_) => node.get("context").map_or(Ok("."), Node::text)?,
            _ => node.text()?,
        };
        Ok(join(self.folder, context))
    }

    /// Reads `env_file` and puts `environment` over it.
    fn environment(
        &mut self,
        service: &str,
        files: Option<&Node>,
        environment: Option<&Node>,
    ) -> Result<Variables, Wrong> {
        let mut variables = Variables::new();
        let files = match files {
            Some(node) if matches!(node.kind, Kind::Map(_)) => std::slice::from_ref(node),
            Some(node) => node.one_or_more()?,
            None => &[],
        };
        if let Some(more) = files.get(MOST_ENV_FILES) {
            return Err(more.wrong(format!("more than {MOST_ENV_FILES} files")));
        }
        for file in files {
            variables.extend(self.env_file(file)?);
        }
        let Some(node) = environment else { return Ok(variables) };
        let mut set = |node: &Node, name: &str, value: Option<Value>| {
            if name.is_empty() || name.len() > 256 || name.contains(['=', '\0']) {
                let name: String = name.chars().take(40).collect();
                return Err(node.wrong(format!("{name:?} is no name of a variable")));
            }
            match value {
                Some(value) => drop(variables.insert(name.to_owned(), value)),
                // As with `docker compose`: without a value it is taken over, or is not set.
                None => match self.interpolation.variable(name) {
                    Some(value) => drop(variables.insert(name.to_owned(), value.clone())),
                    None => {
                        variables.remove(name);
                        let text = format!("has no value for `{name}`: it is not set");
                        self.warnings.push(Warning::of(service, "environment", text));
                    }
                },
            }
            Ok(())
        };
        match &node.kind {
            Kind::List(entries) => {
                for entry in entries {
                    match &entry.kind {
                        // The name cannot be told from the secret any more.
                        Kind::Secret(secret) => match secret.expose().split_once('=') {
                            Some((name, value)) if is_name(name) => {
                                set(entry, name, Some(Value::Secret(Secret::new(value))))?;
                            }
                            _ => return Err(entry.wrong("expected NAME=value")),
                        },
                        _ => {
                            let text = entry.text()?;
                            let pair = text.split_once('=');
                            let (name, value) =
                                pair.map_or((text, None), |(name, value)| (name, Some(value)));
                            set(entry, name, value.map(|value| Value::Plain(value.to_owned())))?;
                        }
                    }
                }
            }
            _ => {
                for (name, value) in node.map()? {
                    let given = match &value.kind {
                        Kind::Null => None,
                        Kind::Secret(secret) => Some(Value::Secret(secret.clone())),
                        _ => Some(Value::Plain(value.text()?.to_owned())),
                    };
                    set(value, name, given)?;
                }
            }
        }
        Ok(variables)
    }

    /// Reads one entry of `env_file`: a path, or `path`, `required` and `format`.
    fn env_file(&self, node: &Node) -> Result<Variables, Wrong> {
        let (path, required, raw) = match &node.kind {
            Kind::Map(_) => {
                let path = node.get("path").ok_or_else(|| node.wrong("`path` is missing"))?;
                let required = node.get("required").map_or(Ok(true), Node::flag)?;
                let format = node.get("format").map(Node::text).transpose()?;
                if format.is_some_and(|format| format != "raw") {
                    return Err(node.wrong("expected the format `raw` or none"));
                }
                (path.text()?, required, format.is_some())
            }
            _ => (node.text()?, true, false),
        };
        let place = join(self.folder, path)
            .ok_or_else(|| node.wrong("the path leads out of the repository"))?;
        let text =
            self.query.files.text(&place).map_err(|why| {
                Wrong::other(place.clone(), None, format!("cannot be read: {why}"))
            })?;
        let Some(text) = text else {
            if required {
                let problem = format!("there is no file {place:?} in the repository");
                let hint = "commit it without secrets, or say `required: false`";
                return Err(node.wrong(problem).hint(hint));
            }
            return Ok(Variables::new());
        };
        env_file::read(&text, self.interpolation, raw)
            .map_err(|bad| Wrong::other(place, Some(bad.line), bad.problem))
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

    /// Reads what the service gets of the machine, and warns of what `deploy` cannot have here.
    fn wishes(&mut self, service: &str, node: &Node) -> Result<Wishes, Wrong> {
        let none = Node { way: node.way.clone(), kind: Kind::Null };
        let deploy = node.get("deploy").unwrap_or(&none);
        for (key, value) in deploy.map()? {
            let one = key == "replicas" && value.text().is_ok_and(|text| text == "1");
            if !matches!(key.as_str(), "resources" | "labels") && !one {
                let key: String = key.chars().take(40).collect();
                let text = "is ignored: each service is started once";
                self.warnings.push(Warning::of(service, &format!("deploy.{key}"), text));
            }
        }
        if let Some(scale) = node.get("scale").filter(|scale| scale.text().is_ok_and(|n| n != "1"))
        {
            scale.text()?;
            let text = "is ignored: each service is started once";
            self.warnings.push(Warning::of(service, "scale", text));
        }
        let limits = deploy.get("resources").and_then(|all| all.get("limits")).unwrap_or(&none);
        let first = |keys: [Option<&Node>; 2]| {
            keys.into_iter().flatten().find(|value| !matches!(value.kind, Kind::Null)).cloned()
        };
        let mut wishes = Wishes::default();
        if let Some(memory) = first([limits.get("memory"), node.get("mem_limit")]) {
            let size = bytes(memory.text()?).filter(|size| *size > 0);
            wishes.memory = Some(size.ok_or_else(|| memory.wrong("expected a size such as 512m"))?);
        }
        if let Some(cpus) = first([limits.get("cpus"), node.get("cpus")]) {
            let number = nano_cpus(cpus.text()?);
            wishes.nano_cpus = Some(number.ok_or_else(|| cpus.wrong("expected a number of CPUs"))?);
        }
        if let Some(pids) = first([limits.get("pids"), node.get("pids_limit")]) {
            // -1 is as many as there may be: the configuration says how many these are.
            wishes.pids = pids.text()?.parse().ok().filter(|number| *number > 0);
        }
        wishes.read_only = node.get("read_only").map(Node::flag).transpose()?;
        let names = |key: &str| -> Result<Vec<(String, Node)>, Wrong> {
            let entries = node.get(key).map_or(Ok(&[][..]), Node::list)?;
            let name = |entry: &Node| {
                let name = entry.text()?.to_ascii_uppercase();
                Ok((name.strip_prefix("CAP_").unwrap_or(&name).to_owned(), entry.clone()))
            };
            entries.iter().map(name).collect()
        };
        wishes.cap_add = names("cap_add")?;
        wishes.cap_drop = names("cap_drop")?.into_iter().map(|(name, _)| name).collect();
        Ok(wishes)
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
