//! What every command begins with: the repository, the configuration, the run, the registries.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;

use super::situation::Places;
use super::workspace;
use crate::actions::Run;
use crate::actions::commands::mask;
use crate::adapters::git::{Git, GitAuth, Signer};
use crate::adapters::registry::{self, Credentials, Registries};
use crate::cli::{Global, Place};
use crate::config::{CONFIG_PATH, Config};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::http;
use crate::model::store_variables::SECRET_VARIABLES;
use crate::model::{CommitSha, ImageRef, RunIdentity};
use crate::output::Output;
use crate::secret::{Redactor, Secret};

/// The repository, the configuration, and the run.
pub(super) struct Session {
    /// The repository.
    pub(super) git: Git,
    /// The configuration, with the options that outrank it.
    pub(super) config: Config,
    /// The run, in GitHub Actions.
    pub(super) run: Option<Run>,
    /// The token of the GitHub App's installation, once it was asked for.
    pub(super) app_token: Option<Secret>,
    /// How many requests that took.
    pub(super) login_requests: u64,
    /// When the command began.
    pub(super) now: Timestamp,
    /// The work tree's root, or the folder of a bare repository.
    pub(super) root: PathBuf,
    explicit_config: Option<PathBuf>,
    place: Place,
    places: Option<Places>,
    environment: Environment,
}

/// The variables of the environment that hold secrets.
pub(super) const SECRETS: [&str; 5] = [
    "TIDEGATE_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "TIDEGATE_APP_PRIVATE_KEY",
    "TIDEGATE_REGISTRY_PASSWORD",
];

/// The forms in which a secret stands in the environment and is used: line breaks of a key may be
/// written as `\n`.
fn forms(value: String) -> Vec<String> {
    let broken = value.contains("\\n").then(|| value.replace("\\n", "\n"));
    [Some(value), broken].into_iter().flatten().collect()
}

/// How environment variables are looked up.
type Environment = fn(&str) -> Option<String>;

/// The environment. An empty value counts as none: inputs of an action arrive that way.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Session {
    /// Opens the repository around the folder, and reads the configuration of its work tree. What
    /// is wrong with a file that cannot be read is returned beside the defaults: a bad commit may
    /// have broken it, and its rollback must not fail for that. A file that a person has named has
    /// to be readable.
    pub(super) fn open_anyway(
        global: &Global,
        place: &Place,
    ) -> anyhow::Result<(Self, Option<anyhow::Error>)> {
        let mut session = Self::open_without_config(global, place)?;
        let explicit = session.explicit_config.is_some();
        let (config, problem) = match session.work_tree_config() {
            Ok(config) => (config, None),
            Err(error) if explicit => return Err(error),
            Err(error) => (session.settled(Config::default()), Some(error)),
        };
        session.use_config(config);
        Ok((session, problem))
    }

    fn use_config(&mut self, config: Config) {
        self.git.set_remote(&config.remote);
        self.config = config;
    }

    /// Works by another configuration than that of the work tree.
    pub(super) fn work_by(&mut self, config: Config) {
        let config = self.settled(config);
        self.use_config(config);
    }

    /// Tells whether a person has named a configuration file.
    pub(super) fn has_explicit_config(&self) -> bool {
        self.explicit_config.is_some()
    }

    /// Works in these places whatever a configuration says; `None`: in the configured ones.
    /// Returns whether others counted before.
    pub(super) fn work_in(&mut self, places: Option<Places>) -> bool {
        let changed = self.places != places;
        self.places = places;
        let config = self.work_tree_config().unwrap_or_else(|_| self.settled(Config::default()));
        self.use_config(config);
        changed
    }

    fn open_without_config(global: &Global, place: &Place) -> anyhow::Result<Self> {
        let environment: Environment = if global.isolated { |_| None } else { environment };
        let folder = global.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let mut redactor = Redactor::new();
        for name in SECRETS {
            for form in environment(name).map(forms).into_iter().flatten() {
                redactor.add_login("x-access-token", &Secret::new(form));
            }
        }
        let git = Git::discover(&folder, GitAuth::from_env(&environment), redactor)?;
        let run = Run::from_env(&environment)?;
        let root = git.root().to_owned();
        Ok(Self {
            git,
            config: Config::default(),
            run,
            app_token: None,
            login_requests: 0,
            now: Timestamp::now(),
            root,
            explicit_config: global.config.as_ref().map(|path| folder.join(path)),
            place: place.clone(),
            places: None,
            environment,
        })
    }

    fn work_tree_config(&self) -> anyhow::Result<Config> {
        if let Some(path) = &self.explicit_config {
            return Ok(self.settled(Config::load(path)?));
        }
        let path = self.root.join(CONFIG_PATH);
        if self.git.workdir().is_some() && path.is_file() {
            return Ok(self.settled(Config::load(&path)?));
        }
        match self.git.local_commit("HEAD") {
            Some(head) if self.git.workdir().is_none() => self.config_at(&head),
            Some(_) | None => Ok(self.settled(Config::default())),
        }
    }

    /// Reads the configuration of a commit. The file of `--config` outranks it.
    pub(super) fn config_at(&self, commit: &CommitSha) -> anyhow::Result<Config> {
        let tree = self.git.commit(commit)?.tree;
        if let Some(path) = &self.explicit_config {
            // A file of the repository is that of the commit, as the usual one is; any other file
            // is what it is.
            if let Some(own) = self.in_repository(path)
                && let Some(bytes) = self.git.file(&tree, &own)?
            {
                let place = format!("{own} at {}", commit.short());
                return Ok(self.settled(Config::parse(&bytes, &place)?));
            }
            return Ok(self.settled(Config::load(path)?));
        }
        let config = match self.git.file(&tree, CONFIG_PATH)? {
            Some(bytes) => Config::parse(&bytes, &format!("{CONFIG_PATH} at {}", commit.short()))?,
            None => Config::default(),
        };
        Ok(self.settled(config))
    }

    /// Returns the path of a file from the root of the repository, where it lies in it.
    fn in_repository(&self, path: &Path) -> Option<String> {
        let (file, root) = (path.canonicalize().ok()?, self.root.canonicalize().ok()?);
        file.strip_prefix(root).ok()?.to_str().map(str::to_owned)
    }

    /// Applies what outranks the file: `--branch`, `--ledger`, and the places of the good commit.
    pub(super) fn settled(&self, mut config: Config) -> Config {
        if let Some(places) = &self.places {
            places.put_into(&mut config);
        }
        if let Some(branch) = &self.place.branch {
            config.branch = branch.clone();
        }
        if let Some(ledger) = &self.place.ledger {
            config.ledger.path.clone_from(ledger);
        }
        if config.images.is_none() {
            config.images = self.image_of_repository().map(|image| vec![image]);
        }
        config
    }

    /// Returns `ghcr.io/<owner>/<repo>`, from the environment or the remote's URL.
    fn image_of_repository(&self) -> Option<ImageRef> {
        let repository = self.repository_name()?;
        format!("ghcr.io/{}", repository.to_ascii_lowercase()).parse().ok()
    }

    /// Returns `owner/name` on GitHub, from the environment or the remote's URL.
    pub(super) fn repository_name(&self) -> Option<String> {
        self.variable("GITHUB_REPOSITORY").or_else(|| self.repository_on_github())
    }

    /// Returns `owner/name` where the remote is on github.com.
    pub(super) fn repository_on_github(&self) -> Option<String> {
        let url = self.git.remote_url().ok()?;
        let path = url
            .strip_prefix("https://github.com/")
            .or_else(|| url.strip_prefix("git@github.com:"))
            .or_else(|| url.strip_prefix("ssh://git@github.com/"))?;
        Some(path.trim_end_matches('/').trim_end_matches(".git").to_owned())
    }

    /// Returns what no log, answer or message may show: tidegate's own secrets, and those that the
    /// configuration gives to containers and commands.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::new();
        for name in SECRETS.into_iter().chain(self.config.secret_variables()) {
            for form in self.variable(name).map(forms).into_iter().flatten() {
                redactor.add_login("x-access-token", &Secret::new(form));
            }
        }
        let hidden = self.config.hidden_variables();
        let names = SECRET_VARIABLES.into_iter().chain(hidden.iter().map(String::as_str));
        for value in names.filter_map(|name| self.variable(name)) {
            for form in workspace::forms(&value) {
                redactor.add(&Secret::new(form));
            }
        }
        redactor
    }

    /// Reads a variable of the environment; an empty one counts as none.
    /// Returns how variables of the environment are looked up.
    pub(super) fn lookup(&self) -> fn(&str) -> Option<String> {
        self.environment
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name)
    }

    /// Returns the release set, or asks for it where nobody can tell it.
    pub(super) fn release_set(&self) -> anyhow::Result<&[ImageRef]> {
        self.config.images.as_deref().ok_or_else(|| {
            Failed::new(Exit::Usage, "nobody says which image a release has: the remote is not a repository on GitHub")
                .with_hint("name it in .github/tidegate.yml, `images: [ghcr.io/<owner>/<repo>]`, or write `images: []` for releases without images")
                .into()
        })
    }

    /// Returns the release set as far as it is known.
    pub(super) fn images(&self) -> &[ImageRef] {
        self.config.images.as_deref().unwrap_or_default()
    }

    /// Makes the clients of the registries.
    pub(super) fn registries(&self) -> anyhow::Result<Registries> {
        self.registries_with(http::Options::default())
    }

    /// Makes the clients of the registries, with time-outs of the caller's.
    pub(super) fn registries_with(&self, http: http::Options) -> anyhow::Result<Registries> {
        let options = registry::Options {
            hosts: self.config.registries.clone(),
            root: self.root.clone(),
            docker_config: registry::docker_config_path(self.environment),
            env_credentials: self.registry_credentials(),
            http,
            ..registry::Options::default()
        };
        Ok(Registries::new(options)?)
    }

    /// Reads the registry's credentials, and binds a password to one registry: it must not be sent
    /// to another one. Where nobody says which of several it is for, none gets it; a rollback of
    /// main, which needs no registry, goes on all the same.
    fn registry_credentials(&self) -> Credentials {
        let mut credentials = Credentials::from_env(self.environment);
        if credentials.registry.is_none() || credentials.host.is_some() {
            return credentials;
        }
        let hosts: BTreeSet<&str> = self
            .images()
            .iter()
            .filter_map(|image| match image {
                ImageRef::Registry { host, .. } => Some(host.as_str()),
                ImageRef::Layout(_) => None,
            })
            .collect();
        if hosts.len() > 1 {
            let hosts: Vec<&str> = hosts.into_iter().collect();
            tracing::warn!(
                "nobody says which of {} TIDEGATE_REGISTRY_PASSWORD is for, so none gets it; name it in TIDEGATE_REGISTRY_HOST (input `registry-host` of the action), and log in to the others with `docker login`",
                hosts.join(", ")
            );
            credentials.registry = None;
        } else {
            credentials.host = hosts.first().map(|host| (*host).to_owned());
        }
        credentials
    }

    /// Returns who signs the commits that are made now.
    pub(super) fn signer(&self) -> Signer {
        let author = &self.config.author;
        Signer {
            name: author.name.clone(),
            email: author.email.clone(),
            time: self.now.as_second(),
        }
    }

    /// Returns the identity of the run; id 0 stands for a person.
    pub(super) fn identity(&self) -> RunIdentity {
        self.run.as_ref().map_or(RunIdentity { id: 0, attempt: 1 }, |run| run.identity.clone())
    }

    /// Returns who asks: the GitHub login, or the local user.
    pub(super) fn actor(&self) -> Option<String> {
        match &self.run {
            Some(run) => run.actor.clone(),
            None => (self.environment)("USER").or_else(|| (self.environment)("LOGNAME")),
        }
    }

    /// Finds the commit that a person or the environment names.
    pub(super) fn resolve(&self, revision: &str) -> anyhow::Result<CommitSha> {
        self.git
            .local_commit(revision)
            .with_context(|| format!("{revision:?} names no commit in this clone"))
            .or_exit(Exit::Usage)
            .or_hint("fetch it first, or name it by its full id")
    }
}

/// Tells the runner what to hide from its log, before anything else is printed. The redaction in
/// this process is the other net: masks do not know encoded forms.
pub(super) fn mask_secrets(session: &Session, output: &mut Output) -> anyhow::Result<()> {
    mask_variables(session, SECRETS.into_iter().chain(SECRET_VARIABLES), output)
}

/// The same for what the configuration of a commit gives to containers and commands.
pub(super) fn mask_candidate_secrets(
    session: &Session,
    commit: &str,
    output: &mut Output,
) -> anyhow::Result<()> {
    let own = session.resolve(commit).and_then(|commit| session.config_at(&commit));
    // What cannot be read is told when it is needed, and gives nothing to anybody.
    let Ok(config) = own else { return Ok(()) };
    let hidden = config.hidden_variables();
    mask_variables(session, hidden.iter().map(String::as_str), output)
}

fn mask_variables<'a>(
    session: &Session,
    names: impl IntoIterator<Item = &'a str>,
    output: &mut Output,
) -> anyhow::Result<()> {
    if session.run.is_none() {
        return Ok(());
    }
    let mut commands = Vec::new();
    for name in names {
        for form in session.variable(name).iter().flat_map(|value| workspace::forms(value)) {
            mask(&mut commands, &form)?;
        }
    }
    Ok(output.commands(&String::from_utf8_lossy(&commands))?)
}

/// Runs an async command on one thread: there is nothing to be won by more.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(future)
}
