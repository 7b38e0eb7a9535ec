//! Pull requests.

use serde_json::{Value, json};

use super::call::{Answered, Call, Kind, Reply, Who};
use super::history::compare;
use super::issues::{apply, check_texts, new_issue, one_of, position};
use super::render;
use super::world::{Issue, Pull, World};

/// `GET .../pulls`.
pub fn list(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "pull_requests", "read")?;
    let asked = call.query(&["head", "base", "state", "sort", "direction", "per_page", "page"])?;
    let state = asked.get("state").map_or("open", String::as_str);
    one_of(call, "state", state, &["open", "closed", "all"])?;
    let sort = asked.get("sort").map_or("created", String::as_str);
    one_of(call, "sort", sort, &["created", "updated", "popularity", "long-running"])?;
    let direction = asked.get("direction").map_or("desc", String::as_str);
    one_of(call, "direction", direction, &["asc", "desc"])?;
    if let Some(head) = asked.get("head").filter(|head| !head.contains(':')) {
        // GitHub silently lists everything then.
        let text = format!("GET {}: head={head} without its owner is no filter", call.path);
        return Err(Reply::error(422, &text).defect(text));
    }
    let mut found: Vec<(&Issue, &Pull)> = pulls(world)
        .filter(|(issue, _)| state == "all" || issue.state == state)
        .filter(|(_, pull)| asked.get("base").is_none_or(|base| *base == pull.base))
        .filter(|(_, pull)| {
            let head = format!("{}:{}", pull.head_owner, pull.head);
            asked.get("head").is_none_or(|wanted| *wanted == head)
        })
        .collect();
    if direction == "desc" {
        found.reverse();
    }
    let page = call.page(&asked, found)?;
    let pulls = page
        .items
        .iter()
        .map(|(issue, pull)| render::pull(world, &call.api, issue, pull, false))
        .collect();
    page.reply(Value::Array(pulls))
}

fn pulls(world: &World) -> impl Iterator<Item = (&Issue, &Pull)> {
    world.issues.iter().filter_map(|issue| Some((issue, issue.pull.as_ref()?)))
}

/// `POST .../pulls`.
pub fn create(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "pull_requests", "write")?;
    call.query(&[])?;
    let body = call.body(&[
        ("title", Kind::Text, true),
        ("head", Kind::Text, true),
        ("base", Kind::Text, true),
        ("body", Kind::TextOrNull, false),
        ("draft", Kind::Flag, false),
        ("maintainer_can_modify", Kind::Flag, false),
    ])?;
    if !world.actions_may_open_pulls
        && matches!(&call.who, Who::Token(token) if token.login == super::ACTIONS_BOT)
    {
        let text = "GitHub Actions is not permitted to create or approve pull requests.";
        return Err(Reply::error(403, text));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (owner, head) = text("head").split_once(':').unwrap_or((&world.owner, text("head")));
    let refused = |field: &str| {
        Reply::invalid(json!({"resource": "PullRequest", "field": field, "code": "invalid"}))
    };
    let head_sha = world.resolve(head).ok_or_else(|| refused("head"))?;
    let base_sha = world.resolve(text("base")).ok_or_else(|| refused("base"))?;
    let says = |message: String| {
        Reply::invalid(json!({"resource": "PullRequest", "code": "custom", "message": message}))
    };
    if pulls(world).any(|(issue, pull)| {
        issue.state == "open"
            && (pull.head_owner.as_str(), pull.head.as_str()) == (owner, head)
            && pull.base == text("base")
    }) {
        return Err(says(format!("A pull request already exists for {owner}:{head}.")));
    }
    if compare(world, &base_sha, &head_sha).is_some_and(|found| found.ahead.is_empty()) {
        return Err(says(format!("No commits between {} and {head}", text("base"))));
    }
    check_texts("PullRequest", &body)?;
    let flag = |name: &str| body.get(name).and_then(Value::as_bool);
    let pull = Pull {
        head_owner: owner.to_owned(),
        head: head.to_owned(),
        head_sha,
        base: text("base").to_owned(),
        base_sha,
        draft: flag("draft").unwrap_or(false),
        maintainer_can_modify: flag("maintainer_can_modify").unwrap_or(false),
        merged: false,
    };
    let mut issue = new_issue(world, call, &body)?;
    issue.pull = Some(pull.clone());
    let answer = render::pull(world, &call.api, &issue, &pull, true);
    world.issues.push(issue);
    let location = answer["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(201, answer).header("Location", &location))
}

/// `GET .../pulls/{n}`.
pub fn get(world: &mut World, call: &Call, number: &str) -> Answered {
    call.needs(world, "pull_requests", "read")?;
    call.query(&[])?;
    let issue = &world.issues[position(world, number)?];
    let pull = issue.pull.as_ref().ok_or_else(Reply::not_found)?;
    Reply::ok(render::pull(world, &call.api, issue, pull, true))
}

/// `PATCH .../pulls/{n}`.
pub fn update(world: &mut World, call: &Call, number: &str) -> Answered {
    call.needs(world, "pull_requests", "write")?;
    call.query(&[])?;
    let body = call.body(&[
        ("title", Kind::Text, false),
        ("body", Kind::TextOrNull, false),
        ("state", Kind::OneOf(&["open", "closed"]), false),
        ("base", Kind::Text, false),
        ("maintainer_can_modify", Kind::Flag, false),
    ])?;
    let at = position(world, number)?;
    if world.issues[at].pull.is_none() {
        return Err(Reply::not_found());
    }
    check_texts("PullRequest", &body)?;
    apply(&mut world.issues[at], &body);
    if let Some(base) = body.get("base").and_then(Value::as_str) {
        let sha = world.resolve(base).ok_or_else(|| {
            Reply::invalid(json!({"resource": "PullRequest", "field": "base", "code": "invalid"}))
        })?;
        if let Some(pull) = &mut world.issues[at].pull {
            (pull.base, pull.base_sha) = (base.to_owned(), sha);
        }
    }
    let issue = &world.issues[at];
    let pull = issue.pull.as_ref().ok_or_else(Reply::not_found)?;
    Reply::ok(render::pull(world, &call.api, issue, pull, true))
}
