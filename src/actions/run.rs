//! Which run of which workflow this is, as the runner says it in the environment ("Variables
//! reference", default environment variables) and in the event file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::event::{Event, Origin, Permission, Refusal, permission};
use crate::model::{BranchName, CommitSha, InvalidValue, RunIdentity};

/// The largest event file, in bytes; GitHub sends at most 25 MB.
const MAX_PAYLOAD: u64 = 32 << 20;

/// Says what is wrong with the environment of the run.
#[derive(Debug, thiserror::Error)]
pub enum ActionsError {
    /// A variable that every runner sets is absent.
    #[error(
        "GITHUB_ACTIONS is set and {name} is not; run this in a step of a workflow, or unset GITHUB_ACTIONS"
    )]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// A variable has a value that no runner sets.
    #[error("{name}: {cause}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        cause: InvalidValue,
    },
    /// The event file cannot be read.
    #[error("GITHUB_EVENT_PATH: cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// The event file is too large.
    #[error("GITHUB_EVENT_PATH: {} has more than {MAX_PAYLOAD} bytes, more than GitHub sends", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The event file is not the JSON that GitHub sends.
    #[error("GITHUB_EVENT_PATH: {}, line {}, column {}: not the event that GitHub sends: {cause}", path.display(), cause.line(), cause.column())]
    Payload {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: serde_json::Error,
    },
}

/// One run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Run id and attempt.
    pub identity: RunIdentity,
    /// The event that started it.
    pub event: Event,
    /// The commit of the event; for pull requests a merge commit that is on no branch.
    pub sha: CommitSha,
    /// The full ref of the event (`refs/heads/main`).
    pub full_ref: String,
    /// The repository, `owner/name`.
    pub repository: Option<String>,
    /// Who started it; for a rerun, who started the first attempt.
    pub actor: Option<String>,
    /// The name of the workflow, or the path of its file.
    pub workflow: Option<String>,
    /// The path of the workflow's file, from `GITHUB_WORKFLOW_REF`.
    pub workflow_path: Option<String>,
    /// The id of the job.
    pub job: Option<String>,
    /// The address of GitHub, without a slash at its end.
    pub server_url: Option<String>,
    /// The work tree of the job.
    pub workspace: Option<PathBuf>,
    /// The file that outputs are appended to (`GITHUB_OUTPUT`).
    pub output_file: Option<PathBuf>,
    /// The file that the job summary is appended to (`GITHUB_STEP_SUMMARY`).
    pub summary_file: Option<PathBuf>,
    /// Where the head of a pull request comes from.
    pub origin: Origin,
    /// For a push: what the ref was before; `None` where it is new or the event does not say.
    pub before: Option<CommitSha>,
    /// For a push: whether it rewrote history; `None` where the event does not say.
    pub forced: Option<bool>,
    /// For a push: whether it deleted the ref. The run then belongs to the default branch, which
    /// nobody has pushed.
    pub deleted: bool,
}

impl Run {
    /// Reads the environment through `lookup` and the event file that it names. Returns `None`
    /// outside GitHub Actions. An empty variable counts as absent.
    pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, ActionsError> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let required = |name| get(name).ok_or(ActionsError::Missing { name });
        if get("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Ok(None);
        }
        let repository = get("GITHUB_REPOSITORY").map(repository_name).transpose()?;
        let payload = match get("GITHUB_EVENT_PATH") {
            Some(path) => read_payload(Path::new(&path))?,
            None => Payload::default(),
        };
        let run = Self {
            identity: RunIdentity {
                id: number("GITHUB_RUN_ID", &required("GITHUB_RUN_ID")?)?,
                attempt: number("GITHUB_RUN_ATTEMPT", &required("GITHUB_RUN_ATTEMPT")?)?,
            },
            event: Event::named(&required("GITHUB_EVENT_NAME")?),
            sha: required("GITHUB_SHA")?
                .parse()
                .map_err(|cause| ActionsError::Invalid { name: "GITHUB_SHA", cause })?,
            full_ref: required("GITHUB_REF")?,
            origin: payload.origin(repository.as_deref()),
            repository,
            actor: get("GITHUB_ACTOR"),
            workflow: get("GITHUB_WORKFLOW"),
            workflow_path: get("GITHUB_WORKFLOW_REF").as_deref().and_then(workflow_path),
            job: get("GITHUB_JOB"),
            server_url: get("GITHUB_SERVER_URL").map(|text| server_url(&text)).transpose()?,
            workspace: get("GITHUB_WORKSPACE").map(PathBuf::from),
            output_file: get("GITHUB_OUTPUT").map(PathBuf::from),
            summary_file: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            // A new ref has forty zeros before it.
            before: payload
                .before
                .and_then(|text| text.parse().ok())
                .filter(|sha: &CommitSha| sha.as_str().bytes().any(|digit| digit != b'0')),
            forced: payload.forced,
            deleted: payload.deleted.unwrap_or(false),
        };
        Ok(Some(run))
    }

    /// Says what a gate may do in this run.
    pub fn permission(&self, protected: &BranchName) -> Permission {
        if self.event == Event::Push && self.deleted {
            return Permission::Refused(Refusal::Deletion);
        }
        permission(&self.event, &self.full_ref, &self.origin, protected)
    }

    /// Returns the branch of the run; `None` for tags and pull requests.
    pub fn branch(&self) -> Option<BranchName> {
        self.full_ref.strip_prefix("refs/heads/")?.parse().ok()
    }

    /// Returns the page of the run, where the runner says enough to name it.
    pub fn url(&self) -> Option<String> {
        let (server, repository) = (self.server_url.as_ref()?, self.repository.as_ref()?);
        Some(format!("{server}/{repository}/actions/runs/{}", self.identity.id))
    }
}

/// `acme/app/.github/workflows/gate.yml@refs/heads/main`: the path between repository and ref.
fn workflow_path(text: &str) -> Option<String> {
    let path = text.splitn(3, '/').nth(2)?.split('@').next()?;
    let is_workflow = path.starts_with(".github/workflows/") && path.len() <= 250;
    is_workflow.then(|| path.to_owned())
}

fn number<N: std::str::FromStr>(name: &'static str, text: &str) -> Result<N, ActionsError> {
    text.parse().map_err(|_| ActionsError::Invalid {
        name,
        cause: InvalidValue::new(text, "a number that counts runs"),
    })
}

fn repository_name(text: String) -> Result<String, ActionsError> {
    let is_part = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            && part != "."
            && part != ".."
    };
    match text.split_once('/') {
        Some((owner, name)) if is_part(owner) && is_part(name) => Ok(text),
        _ => Err(ActionsError::Invalid {
            name: "GITHUB_REPOSITORY",
            cause: InvalidValue::new(&text, "a repository, such as acme/app"),
        }),
    }
}

/// Checks the address: it goes into links, and must neither carry credentials nor run a script.
fn server_url(text: &str) -> Result<String, ActionsError> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(text) {
        Ok(url) if is_plain(&url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        // The value is not quoted: it may hold a password.
        _ => Err(ActionsError::Invalid {
            name: "GITHUB_SERVER_URL",
            cause: InvalidValue::new("(not shown)", "an https address without credentials"),
        }),
    }
}

fn read_payload(path: &Path) -> Result<Payload, ActionsError> {
    let unreadable = |cause| ActionsError::Unreadable { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_PAYLOAD {
        return Err(ActionsError::TooLarge { path: path.to_owned() });
    }
    serde_json::from_slice(&bytes)
        .map_err(|cause| ActionsError::Payload { path: path.to_owned(), cause })
}

/// The parts of the event file that are used ("Webhook events and payloads").
#[derive(Default, Deserialize)]
struct Payload {
    before: Option<String>,
    forced: Option<bool>,
    deleted: Option<bool>,
    pull_request: Option<PullRequest>,
}

#[derive(Deserialize)]
struct PullRequest {
    head: Option<Head>,
}

#[derive(Deserialize)]
struct Head {
    repo: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct HeadRepository {
    full_name: Option<String>,
}

impl Payload {
    /// Compares the head's repository with the run's. GitHub's names ignore case.
    fn origin(&self, repository: Option<&str>) -> Origin {
        let Some(head) = self.pull_request.as_ref().and_then(|request| request.head.as_ref())
        else {
            return Origin::Unknown;
        };
        let Some(head) = &head.repo else { return Origin::Fork { repository: None } };
        match (&head.full_name, repository) {
            (Some(name), Some(own)) if name.eq_ignore_ascii_case(own) => Origin::SameRepository,
            (Some(name), Some(_)) => {
                Origin::Fork { repository: Some(name.chars().take(201).collect()) }
            }
            (None, _) | (_, None) => Origin::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
