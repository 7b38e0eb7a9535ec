//! The data of a release: uploaded unseen before its record, looked for before a rollback, and shown
//! to readers after the record.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Applier, Variables, data};
use crate::adapters::store::{Container, Options, Store};
use crate::config::Config;
use crate::data::{DataPlace, ReleasedData};
use crate::exit::{Exit, Failed};
use crate::observe;
use crate::state::Record;

impl Applier<'_> {
    /// Uploads a version that this run has checked. Where another run has made it, it has to be in
    /// the store already.
    pub(super) async fn upload_data(&self, own: &ReleasedData) -> anyhow::Result<()> {
        let container = self.container(&own.place)?;
        if let Some(file) = self.snapshots.get(&own.version.sha256) {
            data::upload_version(&container, file, &own.version, &|_| {}).await?;
            return Ok(());
        }
        if observe::data::version(&container, &own.version.version).await?.is_some() {
            return data::check_version(&container, &own.version).await;
        }
        let error = format!(
            "data {} is not in {}, and its file is not on this machine; nothing was changed",
            own.version.short(),
            own.place
        );
        Err(Failed::new(Exit::BadInput, error)
            .with_hint("upload it where it is made (`tidegate sync --candidate`), and make the plan with `--data-version`")
            .into())
    }

    /// Checks that a version can be had.
    pub(super) async fn check_data(&self, own: &ReleasedData) -> anyhow::Result<()> {
        data::check_version(&self.container(&own.place)?, &own.version).await
    }

    /// Shows a version to readers. Returns whether anything was written.
    pub(super) async fn move_data(
        &self,
        own: &ReleasedData,
        record: &Record,
    ) -> anyhow::Result<bool> {
        let container = self.container(&own.place)?;
        if let Some((pointer, _)) = observe::data::served(&container).await?
            && let Some(release) = pointer.release.filter(|release| *release > record.number)
            && pointer.version.version != own.version.version
        {
            let error = format!(
                "{} serves data {} of release {release}, and the newest record is {}",
                own.place,
                pointer.version.short(),
                record.number
            );
            return Err(Failed::new(Exit::BadInput, error)
                .with_hint("records were lost: restore the state branch, or delete latest.json and run `tidegate repair`")
                .into());
        }
        // The way back makes no copy for people: the version was published before.
        let backup = (!record.kind.is_rollback()).then_some(record.created);
        let now = Timestamp::from_second(self.signer.time).unwrap_or(record.created);
        let (file, release) = (own.place.file.as_str(), Some(record.number));
        data::move_pointer(&container, file, &own.version, release, backup, now).await
    }

    fn container(&self, place: &DataPlace) -> anyhow::Result<Container> {
        container(place, self.config, Arc::clone(&self.stores))
    }
}

/// Opens the container of a record, with the credentials of the environment. They go to the usual
/// address of the store, or to one that the configuration names: whoever can write the state branch
/// alone must not choose who gets them.
///
/// # Errors
/// [`Exit::BadInput`] for another address; those of the store where there are no credentials.
pub fn container(
    place: &DataPlace,
    config: &Config,
    environment: Variables,
) -> anyhow::Result<Container> {
    let own = config.data.as_ref().and_then(|data| data.endpoint.as_ref());
    if let Some(endpoint) = &place.endpoint
        && own != Some(endpoint)
    {
        let error = format!(
            "the record puts the data at {endpoint}, which the configuration does not name"
        );
        return Err(Failed::new(Exit::BadInput, error)
            .with_hint("name it in `data.endpoint` of .github/tidegate.yml")
            .into());
    }
    let (endpoint, region) = (place.endpoint.clone(), place.region.clone());
    let options = Options { endpoint, region, ..Options::new(environment) };
    let store = Store::open(&place.store, options)?;
    Ok(store.container(&place.container)?)
}
