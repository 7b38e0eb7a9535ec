//! The data of a promotion in a plan: one version, of the configured place, which is what the record
//! names; or none where the release keeps what users have, which is held against the state later.

use super::super::Step;
use crate::config::{Config, DataConfig};
use crate::data::ReleasedData;
use crate::state::Record;

/// Returns the data version that the steps upload or look for.
pub(super) fn published(steps: &[Step]) -> impl Iterator<Item = &ReleasedData> {
    steps.iter().filter_map(|step| match step {
        Step::UploadData { data } | Step::CheckData { data } => Some(data),
        Step::CheckImage { .. }
        | Step::KeepDigest { .. }
        | Step::RunLive(_)
        | Step::WriteState { .. }
        | Step::MoveData { .. }
        | Step::MoveTag { .. }
        | Step::MoveStable { .. }
        | Step::AppendLedger(_)
        | Step::RollBack(_)
        | Step::DispatchRetry { .. }
        | Step::Notify { .. } => None,
    })
}

/// Returns what is wrong with it.
pub(super) fn contradiction(
    before: &[Step],
    record: &Record,
    config: &Config,
) -> Result<(), String> {
    let mut steps = published(before);
    let (own, more) = (steps.next(), steps.next());
    let Some(own) = own else {
        // Made by a version that knew no data, it would release code without it.
        if config.publishes_data() {
            return Err("its record does not publish the data of the configuration".to_owned());
        }
        return Ok(());
    };
    if more.is_some() || record.data.as_ref() != Some(own) {
        return Err("its record does not name the data that its steps publish".to_owned());
    }
    let place = config.data.as_ref().and_then(DataConfig::place);
    if place.as_ref() != Some(&own.place) {
        return Err("its data does not go where the configuration puts it".to_owned());
    }
    if let Err(error) = own.version.check() {
        return Err(format!("its data version cannot be one: {error}"));
    }
    Ok(())
}
