//! The repository, `compare`, and the App's installation.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::call::{Answered, Call, Kind, Reply, Who};
use super::history;
use super::render;
use super::world::{Token, World};

/// How many commits `compare` lists at most on one page.
const MOST_COMMITS: usize = 250;

/// `GET /repos/{o}/{r}`.
pub fn get(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "metadata", "read")?;
    call.query(&[])?;
    let writes = matches!(&call.who, Who::Token(token)
        if token.permissions.get("contents").is_some_and(|level| level == "write"));
    let permissions = json!({
        "admin": false, "maintain": false, "push": writes, "triage": writes, "pull": true,
    });
    let mut repository = render::repository(world, call, &permissions);
    if matches!(call.who, Who::Nobody) {
        repository.as_object_mut().expect("an object").remove("permissions");
    }
    let reply = Reply::json(200, repository);
    Ok(match &world.settings.scopes {
        Some(scopes) => reply.header("X-OAuth-Scopes", scopes),
        None => reply,
    })
}

/// `GET .../compare/{base}...{head}`.
pub fn compare(world: &mut World, call: &Call, range: &str) -> Answered {
    call.needs(world, "contents", "read")?;
    let asked = call.query(&["page", "per_page"])?;
    let (base, head) = range.split_once("...").ok_or_else(Reply::not_found)?;
    let found = history::compare(world, base, head).ok_or_else(Reply::not_found)?;
    let status = match (found.ahead.len(), found.behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        (_, _) => "diverged",
    };
    let total = found.ahead.len();
    // Without paging GitHub answers with up to 250 commits; with it, like any other list.
    let mut page = call.page(&asked, found.ahead.iter().collect())?;
    if asked.is_empty() {
        page.items = found.ahead.iter().take(MOST_COMMITS).collect();
        page.link = None;
    }
    let slug = world.slug();
    let page_url = format!("https://github.com/{slug}/compare/{range}");
    let commits: Vec<Value> =
        page.items.iter().map(|commit| render::commit(world, &call.api, commit)).collect();
    let body = json!({
        "url": format!("{}/repos/{slug}/compare/{range}", call.api), "html_url": page_url,
        "permalink_url": page_url, "diff_url": format!("{page_url}.diff"),
        "patch_url": format!("{page_url}.patch"),
        "base_commit": render::commit(world, &call.api, &found.base),
        "merge_base_commit": render::commit(world, &call.api, &found.merge_base),
        "status": status, "ahead_by": total, "behind_by": found.behind, "total_commits": total,
        "commits": commits, "files": [],
    });
    page.reply(body)
}

/// `GET .../installation`: for the App itself.
pub fn installation(world: &mut World, call: &Call) -> Answered {
    as_app(call)?;
    call.query(&[])?;
    let app = world.app.as_ref().ok_or_else(Reply::not_found)?;
    let id = app.installation;
    Reply::ok(json!({
        "id": id, "app_id": app.id, "app_slug": app.slug, "target_id": world.id,
        "target_type": "Organization", "single_file_name": null, "repository_selection": "selected",
        "access_tokens_url": format!("{}/app/installations/{id}/access_tokens", call.api),
        "repositories_url": format!("{}/installation/repositories", call.api),
        "html_url": format!("https://github.com/organizations/{}/settings/installations/{id}", world.owner),
        "events": [], "account": render::user(&call.api, &world.owner),
        "permissions": app.permissions, "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-01-01T12:00:00Z", "suspended_by": null, "suspended_at": null,
        "has_multiple_single_files": false, "single_file_paths": [],
    }))
}

/// `POST /app/installations/{id}/access_tokens`.
pub fn access_token(world: &mut World, call: &Call, installation: &str) -> Answered {
    as_app(call)?;
    call.query(&[])?;
    let body = call.body(&[
        ("repositories", Kind::Texts, false),
        ("repository_ids", Kind::Numbers, false),
        ("permissions", Kind::Object, false),
    ])?;
    let (owner, name, id) = (world.owner.clone(), world.name.clone(), world.id);
    let app = world.app.as_mut().ok_or_else(Reply::not_found)?;
    if app.installation.to_string() != installation {
        return Err(Reply::not_found());
    }
    let names = body.get("repositories").and_then(Value::as_array);
    let ids = body.get("repository_ids").and_then(Value::as_array);
    if names.is_some_and(|list| list.iter().any(|other| other.as_str() != Some(name.as_str())))
        || ids.is_some_and(|list| list.iter().any(|other| other.as_u64() != Some(id)))
    {
        let text = format!(
            "There is at least one repository that does not exist or is not \
                            accessible to the parent installation of {owner}."
        );
        return Err(Reply::error(422, &text));
    }
    let mut permissions = app.permissions.clone();
    if let Some(asked) = body.get("permissions").and_then(Value::as_object) {
        let mut narrowed = BTreeMap::from([("metadata".to_owned(), "read".to_owned())]);
        for (name, level) in asked {
            let level = level.as_str().unwrap_or_default();
            let granted = permissions.get(name).map(String::as_str);
            if granted != Some("write") && granted != Some(level) {
                let text = "The permissions requested are not granted to this installation.";
                return Err(Reply::error(422, text));
            }
            narrowed.insert(name.clone(), level.to_owned());
        }
        permissions = narrowed;
    }
    app.tokens += 1;
    let token = format!("ghs_ofTheApp{:024}", app.tokens);
    let login = format!("{}[bot]", app.slug);
    world.tokens.insert(token.clone(), Token { login, permissions: permissions.clone() });
    let expires = (Timestamp::now() + 1.hour()).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Ok(Reply::json(
        201,
        json!({
            "token": token, "expires_at": expires, "permissions": permissions,
            "repository_selection": "selected",
        }),
    ))
}

fn as_app(call: &Call) -> Result<(), Reply> {
    match call.who {
        Who::App => Ok(()),
        Who::Nobody | Who::Token(_) => {
            Err(Reply::error(401, "A JSON web token could not be decoded"))
        }
    }
}
