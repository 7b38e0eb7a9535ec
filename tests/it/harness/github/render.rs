//! The things of the world in GitHub's words: every field that its description requires.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::world::{Check, Comment, Commit, Issue, Job, Pull, Run, World};

const SITE: &str = "https://github.com";

/// Names whose API address is a sub-path of the repository's.
const REPOSITORY_ADDRESSES: [&str; 36] = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
];

/// Names whose API address is a sub-path of an account's.
const ACCOUNT_ADDRESSES: [&str; 9] = [
    "events",
    "followers",
    "following",
    "gists",
    "organizations",
    "received_events",
    "repos",
    "starred",
    "subscriptions",
];

/// A time as GitHub writes it: without fractions of a second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn optional_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(time(at)))
}

/// A number that stands for a name, always the same.
fn number_of(name: &str) -> u64 {
    name.bytes().fold(7, |sum: u64, byte| (sum * 31 + u64::from(byte)) % 1_000_000_007)
}

/// An account.
pub fn user(api: &str, login: &str) -> Value {
    let id = number_of(login);
    let path = login.replace('[', "%5B").replace(']', "%5D");
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    let mut user = json!({
        "login": login, "id": id, "node_id": format!("U_{id}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "gravatar_id": "", "url": format!("{api}/users/{path}"),
        "html_url": format!("{SITE}/{path}"), "type": kind, "site_admin": false,
    });
    for name in ACCOUNT_ADDRESSES {
        user[format!("{name}_url")] = json!(format!("{api}/users/{path}/{name}"));
    }
    user
}

/// A repository as it stands inside of other documents.
pub fn minimal_repository(world: &World, api: &str, id: u64) -> Value {
    let slug = if id == world.id { world.slug() } else { format!("fork-{id}/{}", world.name) };
    let (owner, name) = slug.split_once('/').unwrap_or_default();
    let url = format!("{api}/repos/{slug}");
    let mut repository = json!({
        "id": id, "node_id": format!("R_{id}"), "name": name, "full_name": slug,
        "private": world.private, "owner": user(api, owner),
        "html_url": format!("{SITE}/{slug}"), "description": null, "fork": id != world.id,
        "url": url,
    });
    for name in REPOSITORY_ADDRESSES {
        repository[format!("{name}_url")] = json!(format!("{url}/{name}"));
    }
    repository
}

/// The repository by itself.
pub fn repository(world: &World, call: &Call, permissions: &Value) -> Value {
    let slug = world.slug();
    let mut repository = minimal_repository(world, &call.api, world.id);
    let open = world.issues.iter().filter(|issue| issue.state == "open").count();
    let more = json!({
        "clone_url": format!("{SITE}/{slug}.git"), "git_url": format!("git://github.com/{slug}.git"),
        "ssh_url": format!("git@github.com:{slug}.git"), "svn_url": format!("{SITE}/{slug}"),
        "mirror_url": null, "homepage": null, "language": null, "license": null,
        "default_branch": world.default_branch, "visibility": if world.private { "private" } else { "public" },
        "forks": 0, "forks_count": 0, "open_issues": open, "open_issues_count": open,
        "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "network_count": 0,
        "subscribers_count": 0, "size": 1, "archived": world.settings.archived, "disabled": false,
        "has_issues": world.has_issues, "has_projects": true, "has_wiki": false,
        "has_pages": false, "has_downloads": true, "has_discussions": false,
        "pushed_at": "2026-11-01T12:00:00Z", "created_at": "2026-01-01T12:00:00Z",
        "updated_at": "2026-11-01T12:00:00Z", "topics": [], "permissions": permissions,
        "allow_forking": true, "is_template": false, "web_commit_signoff_required": false,
    });
    merge(&mut repository, more);
    if let Some(message) = &world.settings.squash_message {
        let more = json!({"allow_squash_merge": true, "squash_merge_commit_message": message});
        merge(&mut repository, more);
    }
    repository
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// A run; `attempt` may be an earlier one.
pub fn run(world: &World, api: &str, run: &Run) -> Value {
    let slug = world.slug();
    let url = format!("{api}/repos/{slug}/actions/runs/{}", run.id);
    let workflow = world.workflows.iter().find(|known| known.file == run.workflow);
    let workflow = workflow.map_or(0, |known| known.id);
    let number =
        world.runs.iter().filter(|other| other.workflow == run.workflow && other.id <= run.id);
    let commit = world.commits.iter().find(|commit| commit.sha == run.head_sha);
    let title = commit.map_or("A commit", |commit| commit.message.lines().next().unwrap_or(""));
    let previous = (run.attempt > 1).then(|| format!("{url}/attempts/{}", run.attempt - 1));
    json!({
        "id": run.id, "name": run.name, "node_id": format!("WFR_{}", run.id),
        "check_suite_id": run.id + 1, "check_suite_node_id": format!("CS_{}", run.id),
        "head_branch": run.head_branch, "head_sha": run.head_sha,
        "path": format!(".github/workflows/{}", run.workflow),
        "run_number": number.count(), "run_attempt": run.attempt, "referenced_workflows": [],
        "event": run.event, "status": run.status, "conclusion": run.conclusion,
        "workflow_id": workflow, "url": url, "html_url": format!("{SITE}/{slug}/actions/runs/{}", run.id),
        "pull_requests": [], "created_at": time(run.created_at), "updated_at": time(run.updated_at),
        "run_started_at": time(run.created_at),
        "actor": user(api, &run.actor), "triggering_actor": user(api, &run.actor),
        "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"),
        "check_suite_url": format!("{api}/repos/{slug}/check-suites/{}", run.id + 1),
        "artifacts_url": format!("{url}/artifacts"), "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"), "previous_attempt_url": previous,
        "workflow_url": format!("{api}/repos/{slug}/actions/workflows/{workflow}"),
        "display_title": title,
        "head_commit": {
            "id": run.head_sha, "tree_id": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            "message": commit.map_or("A commit", |commit| commit.message.as_str()),
            "timestamp": time(run.created_at),
            "author": {"name": "Octo Cat", "email": "octocat@example.com"},
            "committer": {"name": "GitHub", "email": "noreply@github.com"},
        },
        "repository": minimal_repository(world, api, world.id),
        "head_repository": run.head_repository.map(|id| minimal_repository(world, api, id)),
    })
}

/// A job.
pub fn job(world: &World, api: &str, run: &Run, job: &Job) -> Value {
    let slug = world.slug();
    let url = format!("{api}/repos/{slug}");
    let started = time(job.started_at);
    let waits = job.status != "completed" && job.status != "in_progress";
    json!({
        "id": job.id, "run_id": run.id, "run_url": format!("{url}/actions/runs/{}", run.id),
        "run_attempt": job.attempt, "node_id": format!("CR_{}", job.id), "head_sha": run.head_sha,
        "head_branch": run.head_branch, "workflow_name": run.name, "name": job.name,
        "url": format!("{url}/actions/jobs/{}", job.id),
        "html_url": format!("{SITE}/{slug}/actions/runs/{}/job/{}", run.id, job.id),
        "check_run_url": format!("{url}/check-runs/{}", job.id),
        "status": job.status, "conclusion": job.conclusion, "created_at": started,
        "started_at": started, "completed_at": optional_time(job.completed_at),
        "steps": [], "labels": ["ubuntu-latest"],
        "runner_id": if waits { Value::Null } else { json!(4) },
        "runner_name": if waits { Value::Null } else { json!("GitHub Actions 4") },
        "runner_group_id": if waits { Value::Null } else { json!(0) },
        "runner_group_name": if waits { Value::Null } else { json!("GitHub Actions") },
    })
}

/// A check run.
pub fn check(world: &World, api: &str, check: &Check) -> Value {
    let slug = world.slug();
    let url = format!("{api}/repos/{slug}/check-runs/{}", check.id);
    let page = format!("{SITE}/{slug}/runs/{}", check.id);
    let id = number_of(&check.app);
    json!({
        "id": check.id, "node_id": format!("CR_{}", check.id), "name": check.name,
        "head_sha": check.head_sha, "external_id": "", "url": url, "html_url": page,
        "details_url": page, "status": check.status, "conclusion": check.conclusion,
        "started_at": time(check.started_at), "completed_at": optional_time(check.completed_at),
        "output": {
            "title": null, "summary": null, "text": null, "annotations_count": 0,
            "annotations_url": format!("{url}/annotations"),
        },
        "check_suite": {"id": check.id + 1}, "pull_requests": [],
        "app": {
            "id": id, "slug": check.app, "node_id": format!("A_{id}"), "name": check.app,
            "owner": user(api, "github"), "description": null, "external_url": SITE,
            "html_url": format!("{SITE}/apps/{}", check.app),
            "created_at": "2018-07-30T09:30:17Z", "updated_at": "2024-04-10T20:33:16Z",
            "permissions": {"checks": "write", "metadata": "read"}, "events": [],
        },
    })
}

/// A label; GitHub makes those that it does not know.
pub fn label(world: &World, api: &str, name: &str) -> Value {
    let id = number_of(name);
    let mut url: url::Url = format!("{api}/repos/{}/labels/", world.slug()).parse().expect("a URL");
    url.path_segments_mut().expect("a path").pop_if_empty().push(name);
    json!({
        "id": id, "node_id": format!("LA_{id}"), "url": url.as_str(), "name": name,
        "description": null, "color": "ededed", "default": false,
    })
}

/// An issue, or a pull request in the list of issues.
pub fn issue(world: &World, api: &str, issue: &Issue) -> Value {
    let slug = world.slug();
    let number = issue.number;
    let url = format!("{api}/repos/{slug}/issues/{number}");
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    let mut value = json!({
        "id": 3_000_000_000 + number, "node_id": format!("I_{number}"), "url": url,
        "repository_url": format!("{api}/repos/{slug}"),
        "labels_url": format!("{url}/labels{{/name}}"), "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"), "html_url": format!("{SITE}/{slug}/{kind}/{number}"),
        "number": number, "state": issue.state, "state_reason": issue.state_reason,
        "title": issue.title, "body": issue.body, "user": user(api, &issue.creator),
        "labels": issue.labels.iter().map(|name| label(world, api, name)).collect::<Vec<_>>(),
        "assignee": issue.assignees.first().map(|login| user(api, login)),
        "assignees": issue.assignees.iter().map(|login| user(api, login)).collect::<Vec<_>>(),
        "milestone": null, "locked": false, "active_lock_reason": null,
        "comments": issue.comments.len(), "closed_at": optional_time(issue.closed_at),
        "created_at": time(issue.created_at), "updated_at": time(issue.updated_at),
        "closed_by": null, "author_association": "CONTRIBUTOR",
    });
    if issue.pull.is_some() {
        let page = format!("{SITE}/{slug}/pull/{number}");
        value["pull_request"] = json!({
            "url": format!("{api}/repos/{slug}/pulls/{number}"), "html_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "merged_at": null,
        });
    }
    value
}

/// A pull request: with all of its fields, or as it stands in a list.
pub fn pull(world: &World, api: &str, issue: &Issue, pull: &Pull, whole: bool) -> Value {
    let slug = world.slug();
    let number = issue.number;
    let (repo, page) = (format!("{api}/repos/{slug}"), format!("{SITE}/{slug}/pull/{number}"));
    let url = format!("{repo}/pulls/{number}");
    let end = |owner: &str, branch: &str, sha: &str| {
        let mut whole = minimal_repository(world, api, world.id);
        merge(&mut whole, end_of_pull(world));
        json!({
            "label": format!("{owner}:{branch}"), "ref": branch, "sha": sha,
            "user": user(api, owner), "repo": whole,
        })
    };
    let links: serde_json::Map<String, Value> = [
        ("self", url.clone()),
        ("html", page.clone()),
        ("issue", format!("{repo}/issues/{number}")),
        ("comments", format!("{repo}/issues/{number}/comments")),
        ("review_comments", format!("{url}/comments")),
        ("review_comment", format!("{repo}/pulls/comments{{/number}}")),
        ("commits", format!("{url}/commits")),
        ("statuses", format!("{repo}/statuses/{}", pull.head_sha)),
    ]
    .into_iter()
    .map(|(name, href)| (name.to_owned(), json!({"href": href})))
    .collect();
    let mut value = json!({
        "id": 2_200_000_000 + number, "node_id": format!("PR_{number}"), "url": url,
        "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
        "issue_url": format!("{repo}/issues/{number}"), "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{repo}/pulls/comments{{/number}}"),
        "comments_url": format!("{repo}/issues/{number}/comments"),
        "statuses_url": format!("{repo}/statuses/{}", pull.head_sha),
        "number": number, "state": issue.state, "locked": false, "title": issue.title,
        "user": user(api, &issue.creator), "body": issue.body,
        "labels": issue.labels.iter().map(|name| label(world, api, name)).collect::<Vec<_>>(),
        "milestone": null, "active_lock_reason": null,
        "created_at": time(issue.created_at), "updated_at": time(issue.updated_at),
        "closed_at": optional_time(issue.closed_at),
        "merged_at": pull.merged.then(|| time(issue.updated_at)),
        "merge_commit_sha": null, "assignee": null, "assignees": [], "requested_reviewers": [],
        "requested_teams": [], "head": end(&pull.head_owner, &pull.head, &pull.head_sha),
        "base": end(&world.owner, &pull.base, &pull.base_sha), "_links": links,
        "author_association": "CONTRIBUTOR", "auto_merge": null, "draft": pull.draft,
    });
    if whole {
        merge(
            &mut value,
            json!({
                "merged": pull.merged, "mergeable": null, "rebaseable": null,
                "mergeable_state": "unknown", "merged_by": null, "comments": issue.comments.len(),
                "review_comments": 0, "maintainer_can_modify": pull.maintainer_can_modify,
                "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1,
            }),
        );
    } else {
        // In lists of pull requests the description knows no `null` here.
        for label in value["labels"].as_array_mut().into_iter().flatten() {
            label["description"] = json!("");
        }
    }
    value
}

/// What a repository at the end of a pull request has beyond a minimal one.
fn end_of_pull(world: &World) -> Value {
    let slug = world.slug();
    json!({
        "clone_url": format!("{SITE}/{slug}.git"), "git_url": format!("git://github.com/{slug}.git"),
        "ssh_url": format!("git@github.com:{slug}.git"), "svn_url": format!("{SITE}/{slug}"),
        "mirror_url": null, "homepage": null, "language": null, "license": null,
        "default_branch": world.default_branch, "forks": 0, "forks_count": 0, "open_issues": 0,
        "open_issues_count": 0, "stargazers_count": 0, "watchers": 0, "watchers_count": 0,
        "size": 1, "archived": false, "disabled": false, "has_issues": true,
        "has_projects": true, "has_wiki": false, "has_pages": false, "has_downloads": true,
        "has_discussions": false, "pushed_at": "2026-11-01T12:00:00Z",
        "created_at": "2026-01-01T12:00:00Z", "updated_at": "2026-11-01T12:00:00Z",
        "allow_forking": true, "is_template": false, "topics": [], "visibility": "public",
        "web_commit_signoff_required": false,
    })
}

/// A comment.
pub fn comment(world: &World, api: &str, number: u64, comment: &Comment) -> Value {
    let slug = world.slug();
    let id = comment.id;
    json!({
        "id": id, "node_id": format!("IC_{id}"),
        "url": format!("{api}/repos/{slug}/issues/comments/{id}"),
        "html_url": format!("{SITE}/{slug}/issues/{number}#issuecomment-{id}"),
        "issue_url": format!("{api}/repos/{slug}/issues/{number}"), "body": comment.body,
        "user": user(api, &comment.creator), "created_at": time(comment.created_at),
        "updated_at": time(comment.created_at), "author_association": "CONTRIBUTOR",
        "performed_via_github_app": null,
    })
}

/// A commit.
pub fn commit(world: &World, api: &str, commit: &Commit) -> Value {
    let slug = world.slug();
    let address = |sha: &str| format!("{api}/repos/{slug}/commits/{sha}");
    let page = |sha: &str| format!("{SITE}/{slug}/commit/{sha}");
    let signature = json!({
        "name": commit.name, "email": commit.email, "date": "2026-11-01T12:00:00Z",
    });
    let sha = &commit.sha;
    let parents = commit
        .parents
        .iter()
        .map(|sha| json!({"sha": sha, "url": address(sha), "html_url": page(sha)}));
    json!({
        "sha": sha, "node_id": format!("C_{sha}"), "url": address(sha), "html_url": page(sha),
        "comments_url": format!("{}/comments", address(sha)),
        "commit": {
            "url": format!("{api}/repos/{slug}/git/commits/{sha}"), "author": signature,
            "committer": signature, "message": commit.message, "comment_count": 0,
            "tree": {
                "sha": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
                "url": format!("{api}/repos/{slug}/git/trees/4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
            },
            "verification": {
                "verified": false, "reason": "unsigned", "signature": null, "payload": null,
                "verified_at": null,
            },
        },
        "author": commit.login.as_ref().map(|login| user(api, login)),
        "committer": commit.login.as_ref().map(|login| user(api, login)),
        "parents": parents.collect::<Vec<_>>(),
    })
}
