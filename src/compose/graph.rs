//! The graph of `depends_on`: no service waits for itself.

use std::collections::BTreeMap;

use super::service::Draft;
use super::wrong::Wrong;

/// Refuses cycles.
pub(super) fn check(drafts: &BTreeMap<String, Draft>) -> Result<(), Wrong> {
    // Services are taken away as soon as nothing is left that they wait for.
    let mut left: BTreeMap<&str, &Draft> =
        drafts.iter().map(|(name, draft)| (name.as_str(), draft)).collect();
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, draft)| draft.depends_on.keys().all(|on| !left.contains_key(on.as_str())))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    let Some((mut name, mut draft)) = left.iter().next().map(|(name, draft)| (*name, *draft))
    else {
        return Ok(());
    };
    // From any of them the way leads into a cycle; it is followed until a name comes again.
    let mut way = Vec::new();
    while !way.contains(&name) {
        way.push(name);
        let next = draft.depends_on.keys().find_map(|on| left.get_key_value(on.as_str()));
        let Some((next, after)) = next else { break };
        (name, draft) = (*next, *after);
    }
    let start = way.iter().position(|before| *before == name).unwrap_or_default();
    let mut cycle: Vec<&str> = way[start..].to_vec();
    cycle.push(name);
    let at = draft.node.get("depends_on").unwrap_or(&draft.node);
    Err(Wrong::at(&at.way, format!("services wait for each other: {}", cycle.join(" → "))))
}
