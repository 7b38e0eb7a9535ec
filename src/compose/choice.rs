//! Which services are started: those without a profile, those of the profiles that were asked for,
//! and what they depend on.

use std::collections::BTreeMap;

use super::interpolate::Interpolation;
use super::tree::{Kind, Node};
use super::values::is_host_name;
use super::wrong::Wrong;

/// The most services that are started.
const MOST_SERVICES: usize = 50;

/// Returns the chosen services, with their variables put in.
pub(super) fn services(
    document: &Node,
    profiles: &[String],
    interpolation: &Interpolation<'_>,
) -> Result<BTreeMap<String, Node>, Wrong> {
    let all = document.get("services").map_or(Ok(&[][..]), Node::map)?;
    if all.is_empty() {
        return Err(Wrong::file("there are no `services`".to_owned()));
    }
    let raw: BTreeMap<&str, &Node> = all.iter().map(|(name, node)| (name.as_str(), node)).collect();
    let mut known = std::collections::BTreeSet::new();
    let mut waiting: Vec<(String, &Node)> = Vec::new();
    for (name, node) in all {
        if !is_host_name(name) {
            let name: String = name.chars().take(80).collect();
            return Err(Wrong::at(&node.way, format!("{name:?} is no name of a service")));
        }
        let mut chosen = true;
        for (index, profile) in
            node.get("profiles").map_or(Ok(&[][..]), Node::list)?.iter().enumerate()
        {
            let profile = profile.text()?;
            known.insert(profile.to_owned());
            let asked = profiles.iter().any(|asked| asked == profile || asked == "*");
            chosen = asked || (index > 0 && chosen);
        }
        if chosen {
            waiting.push((name.clone(), node));
        }
    }
    if let Some(unknown) = profiles.iter().find(|asked| *asked != "*" && !known.contains(*asked)) {
        let unknown: String = unknown.chars().take(80).collect();
        let hint = "take it out of `compose.profiles`, or name a profile of the file";
        return Err(Wrong::file(format!("no service has the profile `{unknown}`")).hint(hint));
    }
    let mut chosen = BTreeMap::new();
    while let Some((name, node)) = waiting.pop() {
        if chosen.contains_key(&name) {
            continue;
        }
        if chosen.len() >= MOST_SERVICES {
            return Err(Wrong::file(format!(
                "more than {MOST_SERVICES} services are to be started"
            )));
        }
        let filled = interpolation.fill(node)?;
        for (other, required, at) in needed(&filled)? {
            match raw.get(other.as_str()) {
                Some(node) if required => waiting.push((other, node)),
                None if required => {
                    let other: String = other.chars().take(80).collect();
                    let problem =
                        format!("service `{name}` depends on `{other}`, which is not there");
                    return Err(Wrong::at(&at.way, problem));
                }
                // It is started where a profile asks for it, and not missed where none does.
                Some(_) | None => {}
            }
        }
        chosen.insert(name, filled);
    }
    Ok(chosen)
}

/// Returns what a service depends on, whether it has to be there, and where that stands.
fn needed(node: &Node) -> Result<Vec<(String, bool, &Node)>, Wrong> {
    let mut found = Vec::new();
    if let Some(depends_on) = node.get("depends_on") {
        if let Kind::List(services) = &depends_on.kind {
            for service in services {
                found.push((service.text()?.to_owned(), true, service));
            }
        } else {
            for (service, value) in depends_on.map()? {
                let required = value.get("required").map_or(Ok(true), Node::flag)?;
                found.push((service.clone(), required, value));
            }
        }
    }
    for link in node.get("links").map_or(Ok(&[][..]), Node::list)? {
        let text = link.text()?;
        let service = text.split_once(':').map_or(text, |(service, _)| service);
        found.push((service.to_owned(), true, link));
    }
    Ok(found)
}
