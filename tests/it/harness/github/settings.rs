//! What the settings of the repository say: rulesets, classic protection, the token of Actions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::call::{Answered, Call, Reply};
use super::render;
use super::world::{Commit, World};

/// A ruleset of the repository, active.
#[derive(Debug, Clone)]
pub struct Ruleset {
    pub id: u64,
    pub name: String,
    /// The branches that it is for.
    pub branches: BTreeSet<String>,
    /// The types of its rules.
    pub rules: Vec<String>,
    /// `always`, `pull_requests_only`, `never` or `exempt`; `None` where it is not shown.
    pub bypass: Option<String>,
}

/// The settings, as a new repository has them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub archived: bool,
    /// Shown only where it is set, as to administrators.
    pub squash_message: Option<String>,
    /// What a classic personal token has; other tokens have none.
    pub scopes: Option<String>,
    /// `write`, as old repositories have it.
    pub writes_by_default: bool,
    pub rulesets: Vec<Ruleset>,
    /// Classic protection: the required checks of a branch.
    pub classic: BTreeMap<String, Vec<String>>,
}

/// `GET .../rules/branches/{branch}`.
pub fn branch_rules(world: &mut World, call: &Call, branch: &str) -> Answered {
    call.needs(world, "metadata", "read")?;
    let asked = call.query(&["per_page", "page"])?;
    let rules: Vec<Value> = world
        .settings
        .rulesets
        .iter()
        .filter(|ruleset| ruleset.branches.contains(branch))
        .flat_map(|ruleset| ruleset.rules.iter().map(move |rule| (ruleset, rule)))
        .map(|(ruleset, rule)| {
            json!({
                "type": rule, "ruleset_source_type": "Repository",
                "ruleset_source": world.slug(), "ruleset_id": ruleset.id,
            })
        })
        .collect();
    let page = call.page(&asked, rules)?;
    let body = Value::Array(page.items.clone());
    page.reply(body)
}

/// `GET .../rulesets/{id}`.
pub fn ruleset(world: &mut World, call: &Call, id: &str) -> Answered {
    call.needs(world, "metadata", "read")?;
    call.query(&["includes_parents"])?;
    let found = world.settings.rulesets.iter().find(|ruleset| ruleset.id.to_string() == id);
    let ruleset = found.ok_or_else(Reply::not_found)?;
    let slug = world.slug();
    let mut body = json!({
        "id": ruleset.id, "name": ruleset.name, "target": "branch", "source_type": "Repository",
        "source": slug, "enforcement": "active", "node_id": format!("RRS_{}", ruleset.id),
        "_links": {"self": {"href": format!("{}/repos/{slug}/rulesets/{}", call.api, ruleset.id)}},
        "rules": ruleset.rules.iter().map(|rule| json!({"type": rule})).collect::<Vec<_>>(),
        "created_at": "2026-01-01T12:00:00Z", "updated_at": "2026-01-01T12:00:00Z",
    });
    if let Some(bypass) = &ruleset.bypass {
        body["current_user_can_bypass"] = json!(bypass);
    }
    Reply::ok(body)
}

/// `GET .../branches/{branch}`.
pub fn branch(world: &mut World, call: &Call, name: &str) -> Answered {
    call.needs(world, "contents", "read")?;
    call.query(&[])?;
    let sha = world.resolve(name).ok_or_else(|| Reply::error(404, "Branch not found"))?;
    let checks = world.settings.classic.get(name);
    let commit = Commit {
        sha,
        parents: Vec::new(),
        message: "A commit".to_owned(),
        name: "Somebody".to_owned(),
        email: "somebody@example.com".to_owned(),
        login: None,
    };
    let address = format!("{}/repos/{}/branches/{name}", call.api, world.slug());
    let contexts = checks.cloned().unwrap_or_default();
    let level = if contexts.is_empty() { "off" } else { "everyone" };
    Reply::ok(json!({
        "name": name, "commit": render::commit(world, &call.api, &commit),
        "_links": {"self": address, "html": format!("https://github.com/{}/tree/{name}", world.slug())},
        "protected": checks.is_some(), "protection_url": format!("{address}/protection"),
        "protection": {
            "enabled": checks.is_some(),
            "required_status_checks": {
                "enforcement_level": level, "contexts": contexts, "checks": [],
            },
        },
    }))
}

/// `GET .../actions/permissions/workflow`: for administrators.
pub fn workflow_permissions(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "administration", "read")?;
    call.query(&[])?;
    Reply::ok(json!({
        "default_workflow_permissions":
            if world.settings.writes_by_default { "write" } else { "read" },
        "can_approve_pull_request_reviews": world.actions_may_open_pulls,
    }))
}
