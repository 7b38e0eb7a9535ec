//! The data of a promotion by hand: made and checked here, named by its version, or left as it is.

use crate::cli::Promote;
use crate::commands::session::Session;
use crate::commands::situation::{Made, Making, configured, new_data};
use crate::exit::{Exit, Failed};
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
