//! From a request to its answer: who asks, the limits, the route.

use jiff::Timestamp;

use super::call::{Answered, Call, Reply, Who};
use super::world::{Limit, World};
use super::{actions, issues, pulls, repository, settings};

/// Versions of the REST API that GitHub answers to.
const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// Who an `Authorization` header stands for, or why it stands for nobody.
pub fn who(world: &World, header: Option<&str>) -> Result<Who, Reply> {
    let Some(header) = header else { return Ok(Who::Nobody) };
    let (scheme, value) = header.split_once(' ').unwrap_or(("", header));
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    let value = value.trim();
    if let Some(token) = world.tokens.get(value).filter(|_| known) {
        return Ok(Who::Token(token.clone()));
    }
    if let Some(app) = &world.app
        && value.split('.').count() == 3
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return match app.check(value, Timestamp::now()) {
            Ok(()) => Ok(Who::App),
            Err(message) => Err(Reply::error(401, &message)),
        };
    }
    Err(Reply::error(401, "Bad credentials"))
}

/// The answer of a limit that is in force.
pub fn limited(world: &mut World) -> Option<Reply> {
    let (limit, left) = world.limit.as_mut()?;
    let limit = limit.clone();
    *left -= 1;
    if *left == 0 {
        world.limit = None;
    }
    Some(match limit {
        Limit::Primary { reset_after } => {
            let reset = Timestamp::now().as_second() + reset_after;
            Reply::error(403, "API rate limit exceeded for installation ID 4711.")
                .header("x-ratelimit-limit", "1000")
                .header("x-ratelimit-remaining", "0")
                .header("x-ratelimit-used", "1000")
                .header("x-ratelimit-reset", &reset.to_string())
                .header("x-ratelimit-resource", "core")
        }
        Limit::Secondary { retry_after } => {
            let text = "You have exceeded a secondary rate limit. Please wait a few minutes before \
                        you try again.";
            let reply = Reply::error(403, text);
            match retry_after {
                Some(seconds) => reply.header("retry-after", &seconds.to_string()),
                None => reply,
            }
        }
    })
}

/// Headers without which, or with which, GitHub does not answer.
pub fn check_headers(find: impl Fn(&str) -> Option<String>) -> Result<(), Reply> {
    if find("user-agent").is_none_or(|agent| agent.is_empty()) {
        let text = "Request forbidden by administrative rules. Please make sure your request has a \
                    User-Agent header";
        return Err(Reply::error(403, text).defect("a request without User-Agent".to_owned()));
    }
    if let Some(version) = find("x-github-api-version")
        && !VERSIONS.contains(&version.as_str())
    {
        let text = format!("{version} is not a supported API version");
        return Err(Reply::error(400, &text).defect(text));
    }
    Ok(())
}

/// Does what the request asks for.
pub fn answer(world: &mut World, call: &Call) -> Answered {
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    let method = call.method.as_str();
    if let ["app", "installations", id, "access_tokens"] = parts.as_slice() {
        return match method {
            "POST" => repository::access_token(world, call, id),
            _ => unknown(call),
        };
    }
    let ["repos", owner, name, rest @ ..] = parts.as_slice() else { return unknown(call) };
    let ours = owner.eq_ignore_ascii_case(&world.owner) && name.eq_ignore_ascii_case(&world.name);
    if !ours {
        return Err(Reply::not_found());
    }
    match (method, rest) {
        ("GET", []) => repository::get(world, call),
        ("GET", ["installation"]) => repository::installation(world, call),
        ("GET", ["rules", "branches", branch @ ..]) if !branch.is_empty() => {
            settings::branch_rules(world, call, &branch.join("/"))
        }
        ("GET", ["rulesets", id]) => settings::ruleset(world, call, id),
        ("GET", ["branches", name @ ..]) if !name.is_empty() => {
            settings::branch(world, call, &name.join("/"))
        }
        ("GET", ["actions", "permissions", "workflow"]) => {
            settings::workflow_permissions(world, call)
        }
        ("GET", ["compare", range @ ..]) if !range.is_empty() => {
            repository::compare(world, call, &range.join("/"))
        }
        ("GET", ["actions", "runs"]) => actions::list_runs(world, call, None),
        ("GET", ["actions", "workflows", file, "runs"]) => {
            actions::list_runs(world, call, Some(file))
        }
        ("GET", ["actions", "runs", id]) => actions::get_run(world, call, id),
        ("GET", ["actions", "runs", id, "jobs"]) => actions::list_jobs(world, call, id),
        ("GET", ["actions", "runs", id, "attempts", n, "jobs"]) => {
            actions::list_attempt(world, call, id, n)
        }
        ("POST", ["actions", "workflows", file, "dispatches"]) => {
            actions::dispatch(world, call, file)
        }
        ("POST", ["actions", "runs", id, "rerun-failed-jobs"]) => {
            actions::rerun_failed(world, call, id)
        }
        ("GET", ["commits", revision @ .., "check-runs"]) if !revision.is_empty() => {
            actions::list_checks(world, call, &revision.join("/"))
        }
        ("GET", ["pulls"]) => pulls::list(world, call),
        ("POST", ["pulls"]) => pulls::create(world, call),
        ("GET", ["pulls", n]) => pulls::get(world, call, n),
        ("PATCH", ["pulls", n]) => pulls::update(world, call, n),
        ("GET", ["issues"]) => issues::list(world, call),
        ("POST", ["issues"]) => issues::create(world, call),
        ("GET", ["issues", n]) => issues::get(world, call, n),
        ("PATCH", ["issues", n]) => issues::update(world, call, n),
        ("POST", ["issues", n, "labels"]) => issues::add_labels(world, call, n),
        ("GET", ["issues", n, "comments"]) => issues::list_comments(world, call, n),
        ("POST", ["issues", n, "comments"]) => issues::comment(world, call, n),
        (_, _) => unknown(call),
    }
}

fn unknown(call: &Call) -> Answered {
    let text = format!("the fake has no {} {}", call.method, call.path);
    Err(Reply::not_found().defect(text))
}
