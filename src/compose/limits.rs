//! What a service gets of the machine.

use super::Warning;
use super::service::Reader;
use super::tree::{Kind, Node};
use super::values::{bytes, nano_cpus};
use super::wrong::Wrong;
use crate::stack::Limits;

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

impl Reader<'_> {
    /// Reads what the service gets of the machine, and warns of what `deploy` cannot have here.
    pub(super) fn wishes(&mut self, service: &str, node: &Node) -> Result<Wishes, Wrong> {
        let absent = Node { way: node.way.clone(), kind: Kind::Null };
        let deploy = node.get("deploy").unwrap_or(&absent);
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
        let limits = deploy.get("resources").and_then(|all| all.get("limits")).unwrap_or(&absent);
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
