//! Where the rows of an import come from: a file, or an API.

use std::path::{Path, PathBuf};

use super::super::super::workspace::Workspace;
use super::{failed, from};
use crate::adapters::database::Database;
use crate::cli::{DataImport, Global};
use crate::data::import::Import;
use crate::data::import::api::url_variable;
use crate::exit::{Exit, Failed};
use crate::observe::data::api;
use crate::observe::data::rows::Batch;

/// Where the rows come from.
pub(super) enum Source {
    /// A file, which is open.
    File {
        /// Its rows.
        batch: Batch,
        /// Its path.
        path: PathBuf,
    },
    /// An API, which has not been asked yet.
    Api {
        /// The path that a file of these rows would have: names of other files are made from it.
        beside: PathBuf,
    },
}

/// What an API is asked with.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) args: &'a DataImport,
    pub(super) import: &'a Import,
    /// Is told what happens, for people who wait.
    pub(super) say: &'a (dyn Fn(&str) + Send + Sync),
}

impl Source {
    /// Finds it: what the command names, else what the import declares, else the variables.
    pub(super) fn of(
        global: &Global,
        workspace: &Workspace,
        args: &DataImport,
        import: &Import,
    ) -> anyhow::Result<Self> {
        let given = args.file.as_deref().or(args.csv.as_deref());
        let asks = args.api.is_some() || args.days.is_some();
        let (path, name) = match (given, &import.csv) {
            (Some(path), _) => (from(global, path), path.display().to_string()),
            (None, Some(csv)) if !asks => (workspace.root.join(csv), csv.clone()),
            (None, _) => {
                let variable = url_variable(&import.name, &import.api);
                let known = import.api.url.is_some() || workspace.variable(&variable).is_some();
                if asks || known {
                    return Ok(Self::Api { beside: from(global, Path::new(&import.name)) });
                }
                let error = format!("nobody says which file or API to import as {}", import.name);
                return Err(Failed::new(Exit::Usage, error)
                    .with_hint(format!(
                        "name it: tidegate data import {} FILE, or --api URL; or as `csv` or `api.url` of \
                         the import, or in {variable}",
                        import.name
                    ))
                    .into());
            }
        };
        let batch = Batch::of_file(&path, &name).map_err(|error| failed(error.into()))?;
        Ok(Self::File { batch, path })
    }

    /// Returns the path from which the names of other files are made.
    pub(super) fn beside(&self) -> &Path {
        match self {
            Self::File { path, .. } => path,
            Self::Api { beside } => beside,
        }
    }

    /// Says what is done first.
    pub(super) fn progress(&self) -> String {
        match self {
            Self::File { batch, .. } => format!("reading {}", batch.name()),
            Self::Api { .. } => "asking the API".to_owned(),
        }
    }

    /// Returns the rows; those of an API are asked for, and kept in `folder`.
    pub(super) async fn batch(
        self,
        asking: &Asking<'_>,
        database: &dyn Database,
        folder: &Path,
    ) -> anyhow::Result<Batch> {
        let Asking { workspace, args, import, say } = *asking;
        if let Self::File { batch, .. } = self {
            return Ok(batch);
        }
        let states = database.imports().await?;
        let state = states.iter().find(|state| state.name == import.name);
        let lookup = workspace.lookup();
        let asked = api::Asking {
            import,
            url: args.api.as_deref(),
            days: args.days,
            watermark: state.and_then(|state| state.watermark.as_deref()),
            environment: &*lookup,
            folder,
            now: workspace.now,
            say,
        };
        Ok(api::ask(&asked).await?)
    }
}
