//! GitHub's REST API, through octocrab on top of [`crate::http`].
//!
//! octocrab signs, authenticates and knows the pages of lists; the requests themselves go through
//! the one client of this program, with its one retry policy: octocrab's own would send a create
//! twice after a lost answer. Answers are read into small types of our own that hold what is used
//! and nothing else, so that a new field of GitHub's is no error.
//!
//! Where a token is sent is decided by the environment, never by the repository's configuration.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::Method;
use http_body_util::BodyExt as _;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::http::{self as client, Repeat};
use crate::secret::{Redactor, Secret};

mod answer;
mod app;
mod checks;
mod commits;
mod error;
mod etags;
mod issues;
mod pulls;
mod repository;
mod runs;
mod settings;
mod transport;
mod workflows;

pub use app::AppKey;
pub use checks::CheckRun;
pub use error::GitHubError;
pub use issues::{Issue, IssueUpdate, NewIssue};
pub use pulls::{Account, NewPull, Pull};
pub use repository::{RepositoryInfo, RepositoryPermissions};
pub use runs::{Job, Repository, Run, RunStatus};
pub use settings::{Branch, BranchRule, Protection, RequiredChecks, Ruleset, WorkflowPermissions};
pub use workflows::RetryInputs;

use answer::Answer;
use transport::Transport;

/// The version of the API whose answers are understood ("API versions" in GitHub's documents).
const API_VERSION: &str = "2022-11-28";

/// Lists have pages of at most so many ("Using pagination in the REST API").
const PER_PAGE: usize = 100;

/// More pages than this are not read of any list: 1,000 jobs or runs decide nothing that the first
/// ones do not.
const MOST_PAGES: usize = 10;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Login {
    /// A token: of the job, of a person, or of an installed App.
    Token(Secret),
    /// A GitHub App, which asks for a token of its installation.
    App(AppKey),
}

/// How GitHub is asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the API: `https://api.github.com`, or `https://<host>/api/v3`.
    pub api: Url,
    /// The repository, `owner/name`.
    pub repository: String,
    /// Who asks.
    pub login: Login,
    /// Time-outs and repeats.
    pub http: client::Options,
    /// The file that keeps answers for conditional requests from command to command.
    pub cache: Option<PathBuf>,
    /// What no message may show.
    pub redactor: Redactor,
}

/// A repository on GitHub.
pub struct GitHub {
    crab: Octocrab,
    transport: Arc<Transport>,
    repository: String,
    redactor: Redactor,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("repository", &self.repository).finish_non_exhaustive()
    }
}

/// What one request asks for, without the repository.
struct Call<'a, B: Serialize + ?Sized> {
    method: Method,
    /// The path and query after the address of the API.
    path: String,
    body: Option<&'a B>,
    repeat: Repeat,
}

/// No body.
const NOTHING: Option<&()> = None;

impl GitHub {
    /// Makes a client; nothing is sent yet. Needs a running tokio runtime.
    ///
    /// # Errors
    /// The App's key cannot be read.
    pub fn new(options: Options) -> Result<Self, GitHubError> {
        let transport =
            Arc::new(Transport::new(options.api, options.http, options.cache.as_deref()));
        let auth = match &options.login {
            Login::Token(token) => {
                AuthState::AccessToken { token: token.expose().to_owned().into() }
            }
            Login::App(key) => key.auth_state()?,
        };
        let built = OctocrabBuilder::new_empty()
            .with_service(transport::Service(Arc::clone(&transport)))
            .with_auth(auth)
            .build();
        let crab = match built {
            Ok(crab) => crab,
            Err(never) => match never {},
        };
        let (repository, redactor) = (options.repository, options.redactor);
        Ok(Self { crab, transport, repository, redactor })
    }

    /// The repository, `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The owner of the repository.
    pub fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// How many requests have been sent, with repeats.
    pub fn requests(&self) -> u64 {
        self.transport.requests()
    }

    /// Sends a request, and reads its answer whatever its status.
    async fn send<B: Serialize + ?Sized>(&self, call: Call<'_, B>) -> Result<Answer, GitHubError> {
        let endpoint = format!("{} {}", call.method, without_query(&call.path));
        let builder = http::Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header(http::header::ACCEPT, "application/vnd.github+json")
            .extension(call.repeat);
        let sent = async {
            let request = self.crab.build_request(builder, call.body)?;
            let response = self.crab.execute(request).await?;
            let (parts, body) = response.into_parts();
            Ok::<_, octocrab::Error>((parts, body.collect().await?.to_bytes()))
        };
        let (parts, body) =
            sent.await.map_err(|error| GitHubError::sending(&endpoint, &error, &self.redactor))?;
        Ok(Answer { endpoint, parts, body: body.to_vec() })
    }

    /// Sends a request that has to succeed, and reads what it answers.
    async fn call<T: DeserializeOwned, B: Serialize + ?Sized>(
        &self,
        call: Call<'_, B>,
    ) -> Result<T, GitHubError> {
        self.send(call).await?.success(&self.redactor)?.read()
    }

    /// Reads one thing; `None` where there is none (404).
    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<Option<T>, GitHubError> {
        let call = Call { method: Method::GET, path, body: NOTHING, repeat: Repeat::Always };
        let answer = self.send(call).await?;
        if answer.parts.status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        answer.success(&self.redactor)?.read().map(Some)
    }

    /// Reads a list page by page, until `enough` says so of what was read. `key` is the field that
    /// holds the items, where the answer is an object.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        key: Option<&str>,
        mut enough: impl FnMut(&[T]) -> bool,
    ) -> Result<Vec<T>, GitHubError> {
        let mut items = Vec::new();
        for page in 1..=MOST_PAGES {
            let (per_page, number) = (PER_PAGE.to_string(), page.to_string());
            let mut query = query.to_vec();
            query.push(("per_page", &per_page));
            if page > 1 {
                query.push(("page", &number));
            }
            let path = format!("{path}?{}", encoded(&query));
            let call = Call { method: Method::GET, path, body: NOTHING, repeat: Repeat::Always };
            let answer = self.send(call).await?.success(&self.redactor)?;
            let more = answer.has_next_page();
            items.append(&mut answer.items(key)?);
            if !more || enough(&items) {
                break;
            }
        }
        Ok(items)
    }

    /// Returns the path of something in the repository.
    fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }
}

/// Writes a query, `a=b&c=d`.
fn encoded(query: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
}

/// Writes one part of a path.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn without_query(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}
