//! What the commands about data begin with: the folder, `data` of the configuration, the
//! environment, the store. They need no remote and no GitHub, and no repository either.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::clock;
use super::session::{SECRETS, environment};
use crate::actions::Run;
use crate::actions::commands::mask;
use crate::adapters::git::{Git, GitAuth, GitError};
use crate::adapters::notify;
use crate::adapters::store::{self, Container, Store};
use crate::cli::Global;
use crate::config::{CONFIG_PATH, Config, DataConfig, LayerConfig};
use crate::data::secret_parts;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::store_variables::SECRET_VARIABLES;
use crate::model::{CommitSha, StoreUrl};
use crate::output::Output;
use crate::secret::{Redactor, Secret};

mod env_file;

/// How variables are looked up: the environment, over a file where one was named.
pub(super) type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The folder with the data, its configuration, and how its store is reached.
pub(super) struct Workspace {
    /// The root of the work tree; the folder itself where there is no repository.
    pub(super) root: PathBuf,
    /// The whole configuration.
    pub(super) config: Config,
    /// `data` of the configuration.
    pub(super) data: DataConfig,
    /// The commit that is checked out, where there is one.
    pub(super) head: Option<CommitSha>,
    /// The run, in GitHub Actions.
    pub(super) run: Option<Run>,
    /// When the command began: by the machine's clock, or that of the schedule that started it.
    pub(super) now: Timestamp,
    lookup: Lookup,
}

impl Workspace {
    /// Reads the configuration around the folder of `-C`, and the variables of `env_file`, which the
    /// environment outranks.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the configuration has no `data`, or a file cannot be read.
    pub(super) fn open(global: &Global, env_file: Option<&Path>) -> anyhow::Result<Self> {
        Self::find(global, env_file)?.map_err(|path| {
            let error = if path.is_file() {
                format!("{} says nothing about data", path.display())
            } else {
                format!("there is no {}, which says where the data is kept", path.display())
            };
            Failed::new(Exit::Usage, error)
                .with_hint("add `data` with a store and its layers, see docs/reference/data.md")
                .into()
        })
    }

    /// The same for commands that can do without a configuration: the inner error is the path of
    /// the file that has no `data`, or is not there.
    pub(super) fn find(
        global: &Global,
        env_file: Option<&Path>,
    ) -> anyhow::Result<Result<Self, PathBuf>> {
        let (path, found) = Self::around(global, env_file)?;
        Ok(if found.config.data.is_some() { Ok(found) } else { Err(path) })
    }

    /// The same for commands that need a database only: where the configuration has no `data`, it is
    /// taken for empty.
    pub(super) fn for_database(global: &Global, env_file: Option<&Path>) -> anyhow::Result<Self> {
        Self::around(global, env_file).map(|(_, found)| found)
    }

    /// Returns the path of the configuration, which need not exist, with what is there.
    fn around(global: &Global, env_file: Option<&Path>) -> anyhow::Result<(PathBuf, Self)> {
        let folder = global.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let lookup = lookup(global, &folder, env_file)?;
        let (root, head) = match Git::discover(&folder, GitAuth::default(), Redactor::new()) {
            Ok(git) => (git.root().to_owned(), git.local_commit("HEAD")),
            Err(GitError::NoRepository(_)) => {
                let root = folder.canonicalize();
                let missing = || format!("cannot work in {}", folder.display());
                (
                    root.map_err(|error| {
                        Failed::new(Exit::Usage, format!("{}: {error}", missing()))
                    })?,
                    None,
                )
            }
            Err(error) => return Err(error.into()),
        };
        let run = Run::from_env(&|name| lookup(name))?;
        let path = match &global.config {
            Some(path) => folder.join(path),
            None => root.join(CONFIG_PATH),
        };
        let there = global.config.is_some() || path.is_file();
        let config = if there { Config::load(&path)? } else { Config::default() };
        let data = config.data.clone().unwrap_or_default();
        Ok((path, Self { root, config, data, head, run, now: clock::now(), lookup }))
    }

    /// Returns the database that imports, checks of health and backups work on, from the root: the one
    /// that is `named`, else `DATABASE_PATH`, `data.database`, or the layer with `file`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where nobody names one.
    pub(super) fn database_file(&self, named: Option<&str>) -> anyhow::Result<String> {
        named
            .map(str::to_owned)
            .or_else(|| self.variable("DATABASE_PATH"))
            .or_else(|| self.data.database.clone())
            .or_else(|| self.data.database().map(|(_, _, file)| file.to_owned()))
            .ok_or_else(|| {
                Failed::new(Exit::Usage, "nobody says which database it is")
                    .with_hint("name it with --database or DATABASE_PATH, or as `data.database` in the configuration")
                    .into()
            })
    }

    /// Returns how variables are looked up.
    pub(super) fn lookup(&self) -> Lookup {
        Arc::clone(&self.lookup)
    }

    /// Reads a variable; an empty one counts as none.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }

    /// Returns the address of the store of `data`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the configuration has none.
    pub(super) fn store_url(&self) -> anyhow::Result<&StoreUrl> {
        self.data.store.as_ref().ok_or_else(|| {
            Failed::new(
                Exit::Usage,
                "the configuration has no `data.store`, so nothing is synced or published",
            )
            .with_hint("add `data.store` and `data.layers`, see docs/reference/data.md")
            .into()
        })
    }

    /// Opens the store of `data`. Nothing is asked of it yet.
    pub(super) fn store(&self) -> anyhow::Result<Store> {
        let options = store::Options {
            endpoint: self.data.endpoint.clone(),
            region: self.data.region.clone(),
            ..store::Options::new(self.lookup())
        };
        Ok(Store::open(self.store_url()?, options)?)
    }

    /// Opens the container of a layer. Nothing is asked of it yet.
    pub(super) fn container(&self, name: &str, layer: &LayerConfig) -> anyhow::Result<Container> {
        Ok(self.store()?.container(layer.container(name))?)
    }

    /// Finds the layer that a person names.
    ///
    /// # Errors
    /// [`Exit::Usage`] with the names that there are.
    pub(super) fn layer(&self, name: &str) -> anyhow::Result<&LayerConfig> {
        self.data.layers.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.data.layers.keys().map(String::as_str).collect();
            let error = format!("there is no layer {name:?}; the layers are {}", known.join(", "));
            Failed::new(Exit::Usage, error).into()
        })
    }

    /// Returns what no log, answer or message may show: tidegate's own secrets, those of stores, and
    /// those that the configuration gives to containers and commands, and signed URLs.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::new();
        for secret in self.secrets() {
            redactor.add(&secret);
        }
        redactor
    }

    /// Tells the runner what to hide from its log, before anything else is printed.
    pub(super) fn mask_secrets(&self, output: &mut Output) -> anyhow::Result<()> {
        if self.run.is_none() {
            return Ok(());
        }
        let mut commands = Vec::new();
        for secret in self.secrets() {
            mask(&mut commands, secret.expose())?;
        }
        Ok(output.commands(&String::from_utf8_lossy(&commands))?)
    }

    fn secrets(&self) -> Vec<Secret> {
        let hidden = self.config.hidden_variables();
        let names = SECRETS.into_iter().chain(SECRET_VARIABLES);
        let names = names.chain(hidden.iter().map(String::as_str));
        let values = names.filter_map(|name| self.variable(name));
        let mut secrets: Vec<_> = values.flat_map(|value| forms(&value)).map(Secret::new).collect();
        // Of the addresses of channels, only a part is secret, and shown where the address is not.
        let channels = notify::variables(&self.config);
        let channels = [notify::SLACK, notify::SMTP].map(str::to_owned).into_iter().chain(channels);
        let values = channels.filter_map(|name| self.variable(&name));
        secrets.extend(values.flat_map(|value| notify::parts_of(&value)));
        secrets
    }
}

/// The forms in which a secret is used: line breaks of a key may be written as `\n`; of a connection
/// string, a shared access signature or a signed URL, the key and the signature by themselves.
pub(super) fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    // A file of variables may hold a key with white space around it, which is not sent with it.
    if value.trim() != value {
        forms.push(value.trim().to_owned());
    }
    if value.contains("\\n") {
        forms.push(value.replace("\\n", "\n"));
    }
    if value.contains("://") {
        forms.extend(secret_parts(value.trim()));
    }
    for part in value.split([';', '&', '?']) {
        for name in ["AccountKey=", "SharedAccessSignature=", "sig="] {
            if let Some(secret) = part.strip_prefix(name).filter(|secret| secret.len() >= 8) {
                forms.push(secret.to_owned());
                let plain = url::form_urlencoded::parse(format!("x={secret}").as_bytes())
                    .next()
                    .map(|(_, plain)| plain.into_owned());
                forms.extend(plain);
            }
        }
    }
    forms
}

/// Returns how variables are looked up: the environment, over `env_file`, below `folder`.
pub(super) fn lookup(
    global: &Global,
    folder: &Path,
    env_file: Option<&Path>,
) -> anyhow::Result<Lookup> {
    let own: fn(&str) -> Option<String> = if global.isolated { |_| None } else { environment };
    let file: BTreeMap<String, String> = match env_file {
        Some(path) => env_file::read(&folder.join(path)).or_exit(Exit::Usage)?,
        None => BTreeMap::new(),
    };
    Ok(Arc::new(move |name| {
        own(name).or_else(|| file.get(name).filter(|value| !value.is_empty()).cloned())
    }))
}

#[cfg(test)]
mod tests {
    use super::forms;

    #[test]
    fn a_connection_string_gives_its_key_away_in_no_form() {
        let connection =
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=abcd1234efgh==";
        assert!(forms(connection).contains(&"abcd1234efgh==".to_owned()));
        let url = "https://a.example/b/x.db?X-Amz-Signature=0123&X-Amz-Credential=AKIA%2F2026\n";
        for form in [url.trim(), "0123", "AKIA/2026"] {
            assert!(super::forms(url).contains(&form.to_owned()), "{form}");
        }
        let signature = "?sv=2024-11-04&se=2027&sig=ab%2Bcd1234%3D";
        let forms = forms(signature);
        for form in ["ab%2Bcd1234%3D", "ab+cd1234="] {
            assert!(forms.contains(&form.to_owned()), "{forms:?}");
        }
    }
}
