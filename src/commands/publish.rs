//! What the commands have in common that publish a database or go back to a version of it: where it
//! is published, which releases refer to it, how a version comes to be served, and the proof.

use std::path::Path;

use super::workspace::Workspace;
use crate::adapters::database::Database as Engine;
use crate::adapters::store::Container;
use crate::config::LayerConfig;
use crate::data::DataPlace;
use crate::exit::{Exit, Failed};

mod proof;
mod records;
mod serve;
mod signed;

pub(super) use proof::{Proof, prove};
pub(super) use records::{Records, records};
pub(super) use serve::{Publication, serve};
pub(super) use signed::{Renewal, Signed, sign};

/// The database that is published.
pub(super) struct Database<'a> {
    /// The workspace.
    pub(super) workspace: &'a Workspace,
    /// The name of its layer.
    pub(super) layer: &'a str,
    /// Its layer.
    pub(super) config: &'a LayerConfig,
    /// Where it is served.
    pub(super) place: DataPlace,
}

impl<'a> Database<'a> {
    /// Finds the database of the configuration.
    ///
    /// # Errors
    /// [`Exit::Usage`] where no layer has a `file`.
    pub(super) fn of(workspace: &'a Workspace) -> anyhow::Result<Self> {
        let database = workspace.data.database().zip(workspace.data.place());
        let Some(((layer, config, _), place)) = database else {
            let error = "no layer of `data.layers` is a database: none has `file`";
            return Err(Failed::new(Exit::Usage, error).into());
        };
        Ok(Self { workspace, layer, config, place })
    }

    /// Opens its container. Nothing is asked of it yet. Each runtime needs one of its own.
    pub(super) fn container(&self) -> anyhow::Result<Container> {
        self.workspace.container(self.layer, self.config)
    }

    /// Opens a file of the database's kind, to read it.
    pub(super) fn engine(&self, _file: &Path) -> anyhow::Result<Box<dyn Engine>> {
        anyhow::bail!("no engine reads databases yet")
    }

    /// Returns the extension of its versions: that of the file.
    pub(super) fn extension(&self) -> &str {
        let extension = Path::new(&self.place.file).extension().and_then(|e| e.to_str());
        extension.unwrap_or("db")
    }
}
