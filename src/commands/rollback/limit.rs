//! Refuses to go back past what a release has declared (`incompatible_with_rollback_before`).

use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::CommitSha;
use crate::observe::rollback_limit;
use crate::observe::world::World;

/// Refuses a target that a later release forbids, unless a person says why it may come back: what
/// came with the release may have been undone by hand.
///
/// # Errors
/// [`Exit::Held`] where it is forbidden, and those of git.
pub(in crate::commands) fn refuse(
    session: &Session,
    world: &World,
    target: &CommitSha,
    override_reason: Option<&str>,
) -> anyhow::Result<()> {
    let limits = rollback_limit::forbidding(&session.git, &world.state, target)?;
    let Some(limit) = limits.first().filter(|_| override_reason.is_none()) else { return Ok(()) };
    let (target, first) = (target.short(), limit.first.short());
    let error = format!("{target} may not come back: {limit}; nothing was changed");
    Err(Failed::new(Exit::Held, error)
        .with_hint(format!(
            "mend it with a new commit, or go back to {first} or later (`tidegate history` lists the releases); where what came with it was undone by hand, name the target with `--to` and say so with `--override \"why\"`, which is recorded"
        ))
        .into())
}
