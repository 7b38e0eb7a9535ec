//! Issues, comments, labels.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::call::{Answered, Call, Kind, Reply, Who};
use super::render;
use super::world::{Comment, Issue, World};

/// The longest text that GitHub takes, in characters.
const LONGEST_BODY: usize = 65_536;

/// The longest title, in characters.
const LONGEST_TITLE: usize = 256;

const STATES: Kind = Kind::OneOf(&["open", "closed"]);

const REASONS: Kind = Kind::OneOf(&["completed", "not_planned", "duplicate", "reopened"]);

/// `GET .../issues`: with the pull requests, as GitHub does.
pub fn list(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "issues", "read")?;
    let asked =
        call.query(&["labels", "state", "creator", "sort", "direction", "per_page", "page"])?;
    let state = asked.get("state").map_or("open", String::as_str);
    one_of(call, "state", state, &["open", "closed", "all"])?;
    let sort = asked.get("sort").map_or("created", String::as_str);
    one_of(call, "sort", sort, &["created", "updated", "comments"])?;
    let direction = asked.get("direction").map_or("desc", String::as_str);
    one_of(call, "direction", direction, &["asc", "desc"])?;
    let labels: Vec<&str> =
        asked.get("labels").map_or_else(Vec::new, |all| all.split(',').collect());
    let mut found: Vec<&Issue> = world
        .issues
        .iter()
        .filter(|issue| state == "all" || issue.state == state)
        .filter(|issue| {
            labels.iter().all(|label| issue.labels.iter().any(|l| l.eq_ignore_ascii_case(label)))
        })
        .filter(|issue| asked.get("creator").is_none_or(|login| issue.creator == *login))
        .collect();
    found.sort_by_key(|issue| match sort {
        "updated" => (issue.updated_at.as_nanosecond(), issue.number),
        "comments" => (issue.comments.len() as i128, issue.number),
        _ => (issue.created_at.as_nanosecond(), issue.number),
    });
    if direction == "desc" {
        found.reverse();
    }
    let page = call.page(&asked, found)?;
    let issues = page.items.iter().map(|issue| render::issue(world, &call.api, issue)).collect();
    page.reply(Value::Array(issues))
}

/// 422 for a value that a parameter does not have.
pub fn one_of(call: &Call, name: &str, value: &str, known: &[&str]) -> Result<(), Reply> {
    if known.contains(&value) {
        return Ok(());
    }
    let text = format!("{} {}: {name}={value}", call.method, call.path);
    Err(Reply::error(422, &text).defect(text))
}

/// `POST .../issues`.
pub fn create(world: &mut World, call: &Call) -> Answered {
    call.needs(world, "issues", "write")?;
    call.query(&[])?;
    let body = call.body(&[
        ("title", Kind::Text, true),
        ("body", Kind::TextOrNull, false),
        ("labels", Kind::Texts, false),
        ("assignees", Kind::Texts, false),
    ])?;
    if !world.has_issues {
        return Err(Reply::error(410, "Issues are disabled for this repo"));
    }
    let issue = new_issue(world, call, &body)?;
    let answer = render::issue(world, &call.api, &issue);
    world.issues.push(issue);
    let location = answer["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(201, answer).header("Location", &location))
}

/// An issue of these fields, not added yet.
pub fn new_issue(world: &World, call: &Call, body: &Map<String, Value>) -> Result<Issue, Reply> {
    check_texts("Issue", body)?;
    let texts = |name: &str| -> Vec<String> {
        let list = body.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let now = Timestamp::now();
    Ok(Issue {
        number: world.next_number(),
        title: text("title").unwrap_or_default(),
        body: text("body"),
        state: "open".to_owned(),
        state_reason: None,
        labels: texts("labels"),
        assignees: texts("assignees"),
        creator: call.login(),
        comments: Vec::new(),
        created_at: now,
        updated_at: now,
        closed_at: None,
        pull: None,
    })
}

/// GitHub's limits of titles and bodies.
pub fn check_texts(resource: &str, body: &Map<String, Value>) -> Result<(), Reply> {
    let length =
        |name: &str| body.get(name).and_then(Value::as_str).map(|text| text.chars().count());
    let too_long = |field: &str, most: usize| {
        Reply::invalid(json!({
            "resource": resource, "field": field, "code": "custom",
            "message": format!("{field} is too long (maximum is {most} characters)"),
        }))
    };
    match (length("title"), length("body")) {
        (Some(0), _) => Err(Reply::invalid(
            json!({"resource": resource, "field": "title", "code": "missing_field"}),
        )),
        (Some(title), _) if title > LONGEST_TITLE => Err(too_long("title", LONGEST_TITLE)),
        (_, Some(body)) if body > LONGEST_BODY => Err(too_long("body", LONGEST_BODY)),
        (_, _) => Ok(()),
    }
}

/// `GET .../issues/{n}`.
pub fn get(world: &mut World, call: &Call, number: &str) -> Answered {
    call.needs(world, "issues", "read")?;
    call.query(&[])?;
    let issue = &world.issues[position(world, number)?];
    Reply::ok(render::issue(world, &call.api, issue))
}

/// `PATCH .../issues/{n}`.
pub fn update(world: &mut World, call: &Call, number: &str) -> Answered {
    call.needs(world, "issues", "write")?;
    call.query(&[])?;
    let body = call.body(&[
        ("title", Kind::Text, false),
        ("body", Kind::TextOrNull, false),
        ("state", STATES, false),
        ("state_reason", REASONS, false),
        ("labels", Kind::Texts, false),
        ("assignees", Kind::Texts, false),
    ])?;
    let at = position(world, number)?;
    check_texts("Issue", &body)?;
    apply(&mut world.issues[at], &body);
    Reply::ok(render::issue(world, &call.api, &world.issues[at]))
}

/// Changes what issues and pull requests have in common.
pub fn apply(issue: &mut Issue, body: &Map<String, Value>) {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts = |name: &str| {
        let list = body.get(name)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    issue.updated_at = Timestamp::now();
    if let Some(title) = text("title") {
        issue.title = title;
    }
    if body.contains_key("body") {
        issue.body = text("body");
    }
    if let Some(labels) = texts("labels") {
        issue.labels = labels;
    }
    if let Some(assignees) = texts("assignees") {
        issue.assignees = assignees;
    }
    if let Some(state) = text("state") {
        if state == "closed" {
            issue.closed_at.get_or_insert(issue.updated_at);
            issue.state_reason = Some(text("state_reason").unwrap_or_else(|| "completed".into()));
        } else {
            issue.closed_at = None;
            issue.state_reason = Some("reopened".to_owned());
        }
        issue.state = state;
    }
}

/// Where an issue is in the world.
pub fn position(world: &World, number: &str) -> Result<usize, Reply> {
    let at = world.issues.iter().position(|issue| issue.number.to_string() == number);
    at.ok_or_else(Reply::not_found)
}

/// Labels and comments of a pull request may also be written by who may write pull requests.
fn may_write(world: &World, call: &Call, at: usize) -> Result<(), Reply> {
    let as_issue = call.needs(world, "issues", "write");
    if as_issue.is_err() && world.issues[at].pull.is_some() && matches!(call.who, Who::Token(_)) {
        return call.needs(world, "pull_requests", "write");
    }
    as_issue
}

/// `POST .../issues/{n}/labels`.
pub fn add_labels(world: &mut World, call: &Call, number: &str) -> Answered {
    call.query(&[])?;
    let body = call.body(&[("labels", Kind::Texts, true)])?;
    let at = position(world, number)?;
    may_write(world, call, at)?;
    for name in body["labels"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let labels = &mut world.issues[at].labels;
        if !labels.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            labels.push(name.to_owned());
        }
    }
    world.issues[at].updated_at = Timestamp::now();
    let labels = world.issues[at].labels.iter();
    Reply::ok(labels.map(|name| render::label(world, &call.api, name)).collect())
}

/// `GET .../issues/{n}/comments`.
pub fn list_comments(world: &mut World, call: &Call, number: &str) -> Answered {
    call.needs(world, "issues", "read")?;
    let asked = call.query(&["per_page", "page"])?;
    let issue = &world.issues[position(world, number)?];
    let page = call.page(&asked, issue.comments.iter().collect())?;
    let comments = page
        .items
        .iter()
        .map(|comment| render::comment(world, &call.api, issue.number, comment))
        .collect();
    page.reply(Value::Array(comments))
}

/// `POST .../issues/{n}/comments`.
pub fn comment(world: &mut World, call: &Call, number: &str) -> Answered {
    call.query(&[])?;
    let body = call.body(&[("body", Kind::Text, true)])?;
    let at = position(world, number)?;
    may_write(world, call, at)?;
    check_texts("IssueComment", &body)?;
    let comment = Comment {
        id: world.next_id(),
        body: body["body"].as_str().unwrap_or_default().to_owned(),
        creator: call.login(),
        created_at: Timestamp::now(),
    };
    let answer = render::comment(world, &call.api, world.issues[at].number, &comment);
    world.issues[at].updated_at = comment.created_at;
    world.issues[at].comments.push(comment);
    let location = answer["url"].as_str().unwrap_or_default().to_owned();
    Ok(Reply::json(201, answer).header("Location", &location))
}
