//! The data of a release: uploaded unseen before its record, looked for before a rollback, and shown
//! to readers after the record.

use std::sync::Arc;

use super::Applier;
use crate::adapters::store::{Container, Options, Store};
use crate::data::{DataPlace, ReleasedData};
use crate::exit::{Exit, Failed};
use crate::state::Record;

impl Applier<'_> {
    /// Uploads a version that this run has checked. What is in the store already is looked at only.
    #[expect(clippy::unused_async, reason = "stores are asked over the network")]
    pub(super) async fn upload_data(&self, data: &ReleasedData) -> anyhow::Result<()> {
        let _container = self.container(&data.place)?;
        let Some(_file) = self.snapshots.get(&data.version.sha256) else {
            let error = format!(
                "data {} is not in {}, and its file is not on this machine; nothing was changed",
                data.version.short(),
                data.place
            );
            return Err(Failed::new(Exit::BadInput, error)
                .with_hint("upload it where it is made, with `tidegate sync --candidate`, and name it: `tidegate plan --data-version <VERSION> --out plan.json`")
                .into());
        };
        anyhow::bail!("data cannot be uploaded yet")
    }

    /// Checks that a version can be had.
    #[expect(clippy::unused_async, reason = "stores are asked over the network")]
    pub(super) async fn check_data(&self, data: &ReleasedData) -> anyhow::Result<()> {
        let _container = self.container(&data.place)?;
        anyhow::bail!("data cannot be looked for yet")
    }

    /// Shows a version to readers. Returns whether anything was written.
    #[expect(clippy::unused_async, reason = "stores are asked over the network")]
    pub(super) async fn move_data(
        &self,
        data: &ReleasedData,
        _release: u64,
        _record: &Record,
    ) -> anyhow::Result<bool> {
        let _container = self.container(&data.place)?;
        anyhow::bail!("data cannot be moved yet")
    }

    /// Opens the container, with the credentials of the environment. They go to the usual address of
    /// the store, or to one that the configuration names: whoever can write the state branch alone
    /// must not choose who gets them.
    fn container(&self, place: &DataPlace) -> anyhow::Result<Container> {
        let own = self.config.data.as_ref().and_then(|data| data.endpoint.as_ref());
        if let Some(endpoint) = &place.endpoint
            && own != Some(endpoint)
        {
            let error = format!(
                "the record puts the data at {endpoint}, which the configuration does not name"
            );
            return Err(Failed::new(Exit::BadInput, error)
                .with_hint("name it in `data.endpoint` of .github/tidegate.yml, or in AZURE_STORAGE_ENDPOINT or AWS_ENDPOINT_URL")
                .into());
        }
        let options = Options {
            endpoint: place.endpoint.clone(),
            region: place.region.clone(),
            environment: Arc::new(self.environment),
        };
        Ok(Store::open(&place.store, options)?.container(&place.container)?)
    }
}
