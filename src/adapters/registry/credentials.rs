//! Where credentials come from: the environment, the Docker configuration file, its helpers.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::RegistryError;
use crate::secret::Secret;

/// The registry for which `GITHUB_TOKEN` is meant. It is sent to no other.
const GHCR: &str = "ghcr.io";

/// The largest Docker configuration file that is read, in bytes.
const LARGEST_CONFIG: u64 = 1024 * 1024;

/// How long a credential helper may take.
const HELPER_PATIENCE: Duration = Duration::from_secs(30);

/// Credentials from the environment.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// `TIDEGATE_REGISTRY_USER` and `TIDEGATE_REGISTRY_PASSWORD`: for `host` only where it is
    /// given, else for every registry of the release set.
    pub registry: Option<(String, Secret)>,
    /// `TIDEGATE_REGISTRY_HOST`: the only host that receives `registry`.
    pub host: Option<String>,
    /// `GITHUB_ACTOR` and `GITHUB_TOKEN`: for ghcr.io only.
    pub github: Option<(String, Secret)>,
}

impl Credentials {
    /// Reads the environment through `lookup`. Empty variables count as unset, as they are in
    /// Actions when a secret does not exist.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let registry = get("TIDEGATE_REGISTRY_PASSWORD").map(|password| {
            let user = get("TIDEGATE_REGISTRY_USER").unwrap_or_default();
            (user, Secret::new(password))
        });
        let github = get("GITHUB_TOKEN").map(|token| {
            // GHCR takes any name with a token.
            let user = get("GITHUB_ACTOR").unwrap_or_else(|| "x-access-token".to_owned());
            (user, Secret::new(token))
        });
        Self { registry, host: get("TIDEGATE_REGISTRY_HOST"), github }
    }
}

/// Finds the Docker configuration file: `$DOCKER_CONFIG/config.json`, else
/// `$HOME/.docker/config.json`, as the Docker command line does.
pub fn docker_config_path(lookup: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
    get("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| get("HOME").map(|home| Path::new(&home).join(".docker")))
        .map(|folder| folder.join("config.json"))
}

/// What is sent to a registry or its token server.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nothing.
    Anonymous,
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
        /// Where they come from, for people.
        source: String,
    },
    /// A refresh token for an OAuth 2.0 token server (distribution documentation, "Oauth2 Token
    /// Authentication"), as `docker login` stores it for some registries.
    Identity {
        /// The token.
        token: Secret,
        /// Where it comes from, for people.
        source: String,
    },
}

impl Login {
    /// Names the credentials without showing them.
    pub fn describe(&self) -> String {
        match self {
            Self::Anonymous => "no credentials".to_owned(),
            Self::Password { user, source, .. } => {
                format!("the credentials of {user:?} from {source}")
            }
            Self::Identity { source, .. } => format!("the identity token from {source}"),
        }
    }
}

/// Finds the credentials for a host: the environment first, because a workflow says there what
/// this run may use; then the Docker configuration; then `GITHUB_TOKEN` for ghcr.io.
pub(super) async fn find(
    host: &str,
    env: &Credentials,
    docker_config: Option<&Path>,
) -> Result<Login, RegistryError> {
    if let Some((user, password)) = &env.registry
        && env.host.as_deref().is_none_or(|only| only == host)
    {
        return Ok(Login::Password {
            user: user.clone(),
            password: password.clone(),
            source: "TIDEGATE_REGISTRY_USER and TIDEGATE_REGISTRY_PASSWORD".to_owned(),
        });
    }
    if let Some(path) = docker_config
        && let Some(login) = from_docker(host, path).await?
    {
        return Ok(login);
    }
    if host == GHCR
        && let Some((user, token)) = &env.github
    {
        return Ok(Login::Password {
            user: user.clone(),
            password: token.clone(),
            source: "GITHUB_TOKEN".to_owned(),
        });
    }
    Ok(Login::Anonymous)
}

/// Runs on a thread of its own, not on the runtime's pool: a helper that hangs cannot be stopped
/// from here, and the runtime waits for its pool when it ends.
async fn from_docker(host: &str, path: &Path) -> Result<Option<Login>, RegistryError> {
    let failed = |reason: String| RegistryError::Credentials { host: host.to_owned(), reason };
    let text = match std::fs::File::open(path) {
        Ok(file) => {
            let mut text = Vec::new();
            file.take(LARGEST_CONFIG + 1)
                .read_to_end(&mut text)
                .map_err(|error| failed(format!("{}: {error}", path.display())))?;
            text
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("{}: {error}", path.display()))),
    };
    if text.len() as u64 > LARGEST_CONFIG {
        return Err(failed(format!("{} is larger than 1 MiB", path.display())));
    }
    let server = if host == "docker.io" { "https://index.docker.io/v1/" } else { host }.to_owned();
    let (send, receive) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("docker-credentials".to_owned())
        .spawn(move || {
            let found = docker_credential::get_credential_from_reader(text.as_slice(), &server);
            // Nobody listens any more after the time-out.
            let _ = send.send(found);
        })
        .map_err(|error| failed(error.to_string()))?;
    let found = tokio::time::timeout(HELPER_PATIENCE, receive)
        .await
        .map_err(|_| {
            failed(format!("the credential helper gave no answer in {HELPER_PATIENCE:?}"))
        })?
        .map_err(|_| failed("the credential helper could not be asked".to_owned()))?;
    let source = path.display().to_string();
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Login::Password { user, password: Secret::new(password), source }))
        }
        Ok(DockerCredential::IdentityToken(token)) => {
            Ok(Some(Login::Identity { token: Secret::new(token), source }))
        }
        Err(error) => match error {
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound => Ok(None),
            // What helpers print for a host that they do not know (docker-credential-helpers).
            CredentialRetrievalError::HelperFailure { stdout, .. }
                if stdout.contains("credentials not found") =>
            {
                Ok(None)
            }
            // Its output may hold anything, so only its name and status are shown.
            CredentialRetrievalError::HelperFailure { helper, .. } => {
                Err(failed(format!("{helper}, named in {source}, failed")))
            }
            CredentialRetrievalError::HelperCommunicationError => {
                Err(failed(format!("the credential helper named in {source} could not be started")))
            }
            CredentialRetrievalError::MalformedHelperResponse => Err(failed(format!(
                "the credential helper named in {source} gave an answer that is not understood"
            ))),
            CredentialRetrievalError::CredentialDecodingError
            | CredentialRetrievalError::CredentialMismatchError
            | CredentialRetrievalError::ConfigReadError => {
                Err(failed(format!("{source} is not a valid Docker configuration")))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Credentials {
        Credentials::from_env(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn find_now(
        host: &str,
        env: &Credentials,
        docker: Option<&Path>,
    ) -> Result<Login, RegistryError> {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(find(host, env, docker))
    }

    #[test]
    fn github_token_goes_to_ghcr_only() {
        let env =
            env(&[("GITHUB_TOKEN", "t"), ("GITHUB_ACTOR", "me"), ("TIDEGATE_REGISTRY_USER", "")]);
        assert_eq!(
            find_now("ghcr.io", &env, None).unwrap().describe(),
            r#"the credentials of "me" from GITHUB_TOKEN"#
        );
        for host in ["ghcr.io:443", "docker.io", "ghcr.io.evil.example", "127.0.0.1:5000"] {
            assert_eq!(find_now(host, &env, None).unwrap().describe(), "no credentials", "{host}");
        }
    }

    #[test]
    fn the_environment_can_be_bound_to_one_host() {
        let everywhere = [("TIDEGATE_REGISTRY_USER", "u"), ("TIDEGATE_REGISTRY_PASSWORD", "p")];
        let mut bound = everywhere.to_vec();
        bound.push(("TIDEGATE_REGISTRY_HOST", "a.example"));
        for (pairs, host, sent) in [
            (everywhere.as_slice(), "b.example", true),
            (&bound, "a.example", true),
            (&bound, "b.example", false),
        ] {
            let login = find_now(host, &env(pairs), None).unwrap();
            assert_eq!(matches!(login, Login::Password { .. }), sent, "{host}");
        }
    }

    #[test]
    fn the_docker_configuration_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert_eq!(
            find_now("r.example", &env(&[]), Some(&path)).unwrap().describe(),
            "no credentials"
        );
        // base64 of "robot:s3cret"
        std::fs::write(&path, r#"{"auths":{"r.example":{"auth":"cm9ib3Q6czNjcmV0"},"i.example":{"identitytoken":"t"}}}"#).unwrap();
        let shown = find_now("r.example", &env(&[]), Some(&path)).unwrap().describe();
        assert!(shown.contains("\"robot\"") && !shown.contains("s3cret"), "{shown}");
        let identity = find_now("i.example", &env(&[]), Some(&path)).unwrap();
        assert!(matches!(identity, Login::Identity { .. }));
        assert_eq!(
            find_now("o.example", &env(&[]), Some(&path)).unwrap().describe(),
            "no credentials"
        );

        for broken in ["not json", r#"{"auths":{"r.example":{"auth":"%%%"}}}"#] {
            std::fs::write(&path, broken).unwrap();
            let error = find_now("r.example", &env(&[]), Some(&path)).unwrap_err().to_string();
            assert!(error.contains("config.json") && error.contains("docker login"), "{error}");
        }
        std::fs::write(&path, r#"{"credHelpers":{"r.example":"tidegate-no-such-helper"}}"#)
            .unwrap();
        let error = find_now("r.example", &env(&[]), Some(&path)).unwrap_err().to_string();
        assert!(error.contains("could not be started"), "{error}");
    }
}
