//! The data of a commit that is live already: where somebody names a version that readers do not have,
//! it is released alone. So a deploy job that is started again after its data was mended does what it
//! is expected to do.

use std::sync::Arc;

use crate::apply::{self, Variables};
use crate::commands::data_release::{self, Done, Wanted};
use crate::commands::report::DataAlone;
use crate::commands::session::Session;
use crate::commands::situation::configured;
use crate::config::DataConfig;
use crate::data::ReleasedData;
use crate::exit::{Exit, Failed};
use crate::model::DataVersion;
use crate::observe;
use crate::state::Record;

/// Releases the version for the live code. What the gate has decided about the commit stands
/// whatever comes of it.
pub(super) async fn release(
    session: &Session,
    live: &Record,
    version: &DataVersion,
    say: &dyn Fn(&str),
) -> (DataAlone, Option<Done>) {
    let database = session.config.data.as_ref().and_then(DataConfig::database);
    let layer = database.map_or("", |(layer, ..)| layer);
    match Box::pin(attempt(session, live, version, say)).await {
        Ok(Some(done)) => (DataAlone::of(version, &done, layer), Some(done)),
        Ok(None) => (DataAlone::older(version, live.number, layer), None),
        Err(error) => (DataAlone::failed(version, &error), None),
    }
}

/// `None` where it was made before what is live: a job that is started again may name data of long ago.
async fn attempt(
    session: &Session,
    live: &Record,
    version: &DataVersion,
    say: &dyn Fn(&str),
) -> anyhow::Result<Option<Done>> {
    let (_, place) = configured(session)?;
    let variables: Variables = Arc::new(session.lookup());
    let container = apply::container(&place, &session.config, variables.clone())?;
    let Some(found) = observe::data::version(&container, version).await? else {
        return Err(Failed::new(Exit::Held, format!("{version} is not in {place}"))
            .with_hint("`tidegate sync --candidate` checks and uploads it, and says its name")
            .into());
    };
    if found.created < live.created {
        return Ok(None);
    }
    let wanted = Wanted {
        made: found.created,
        made_before: true,
        data: ReleasedData { place, version: found },
        file: None,
        checks: vec!["checked before it was uploaded".to_owned()],
        reason: None,
        back: false,
        override_reason: None,
        variables,
    };
    data_release::release(session, wanted, say).await.map(Some)
}
