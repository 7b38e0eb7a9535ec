//! The data of a promotion by hand: made and checked here, named by its version, or left as it is.

use std::sync::Arc;

use super::Promoted;
use crate::adapters::state_branch::Observed;
use crate::apply::{self, Variables};
use crate::cli::Promote;
use crate::commands::data_release::{self, Wanted};
use crate::commands::session::Session;
use crate::commands::situation::{Made, Making, configured, new_data};
use crate::data::ReleasedData;
use crate::exit::{Exit, Failed};
use crate::model::{CommitSha, DataVersion};
use crate::observe;
use crate::observe::world::World;
use crate::output::{Output, clean};
use crate::plan::Promotion;
use crate::policy;

/// Adds the data to a promotion.
///
/// # Errors
/// [`Exit::Held`] where it is not fit to be published.
pub(super) async fn published(
    session: &Session,
    making: &mut Making<'_>,
    args: &Promote,
    mut promotion: Promotion,
    world: &World,
    output: &mut Output,
) -> anyhow::Result<Promotion> {
    if let Some(why) = &args.without_data {
        let why = clean(why.trim()).into_owned();
        if why.is_empty() {
            let error = "--without-data: expected a reason, found none; nothing was changed";
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("say why users keep the data that they have: it stands in the record")
                .into());
        }
        promotion.checks.push(format!("without new data: {why}"));
        return Ok(promotion);
    }
    let made = match &args.data_version {
        Some(version) => {
            configured(session)?;
            Made::Uploaded(version.clone())
        }
        None if session.config.publishes_data()
            && session.config.data.as_ref().is_some_and(|data| data.job.is_some()) =>
        {
            let error = "a job makes the data of this repository; nothing was changed";
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("name the version with --data-version, or say --without-data")
                .into());
        }
        None if session.config.publishes_data() => Made::Nobody,
        None => return Ok(promotion),
    };
    let found = making.run(session, &promotion.commit, &made).await;
    for warning in found.prepared().iter().flat_map(|prepared| &prepared.warnings) {
        output.warning(warning)?;
    }
    let overridden = args.override_reason.is_some();
    let state = &world.state.state;
    let unfit = policy::unfit_data(&found, &session.config, state, session.now, overridden);
    if unfit.is_empty() {
        promotion.checks.extend(found.in_words());
        promotion.data = new_data(&found);
        return Ok(promotion);
    }
    let why: Vec<String> = unfit.iter().map(ToString::to_string).collect();
    Err(Failed::new(Exit::Held, format!("not promoted: {}", why.join("; ")))
        .with_hint("mend the data, or name a version with `--data-version`; `--without-data <REASON>` lets users keep what they have")
        .into())
}

/// Releases a version for code that is live already. `None` where the person does not go on.
///
/// # Errors
/// [`Exit::Held`] where a hold, a freeze or a quarantine stops it, or nobody has uploaded the version.
pub(super) async fn alone(
    session: &Session,
    args: &Promote,
    version: &DataVersion,
    commit: &CommitSha,
    output: &mut Output,
) -> anyhow::Result<Option<(Promoted, Observed)>> {
    let (_, place) = configured(session)?;
    let variables: Variables = Arc::new(session.lookup());
    let container = apply::container(&place, &session.config, variables.clone())?;
    let Some(found) = observe::data::version(&container, version).await? else {
        let error = format!("not promoted: {version} is not in {place}");
        return Err(Failed::new(Exit::Held, error)
            .with_hint("`tidegate sync --candidate` checks and uploads it, and says its name")
            .into());
    };
    output.note(format!(
        "{} is live already; data {} is released alone",
        commit.short(),
        found.short()
    ))?;
    if !args.yes && !output.confirm("Go on?")? {
        return Ok(None);
    }
    let wanted = Wanted {
        data: ReleasedData { place, version: found },
        file: None,
        checks: vec!["promoted by hand".to_owned()],
        reason: Some("promoted by hand".to_owned()),
        made: session.now,
        made_before: false,
        back: false,
        override_reason: None,
        variables,
    };
    let progress = output.progress("releasing the data");
    let done = data_release::release(session, wanted, &|step| progress.say(step)).await?;
    let (commit, release, changed) = (commit.to_string(), done.release, done.changed);
    let promoted = Promoted { commit, release, changed, completion: done.completion };
    Ok(Some((promoted, done.observed)))
}
