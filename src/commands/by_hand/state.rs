//! A person writes to the state branch: by compare-and-swap, and again where others were faster.

use jiff::Timestamp;

use crate::adapters::state_branch::{self, Written};
use crate::cli::End;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::observe::world::World;
use crate::state::StateChange;

/// A branch that others move all the time is tried so often.
const TRIES: usize = 5;

/// A reason is for people, and stands in every verdict that it holds.
const MAX_REASON: usize = 500;

/// Writes what `make` finds to be changed in the state as it is, and returns what `make` says about
/// it. It is asked again where somebody else wrote first. Without a change nothing is written.
///
/// # Errors
/// Those of `make`, and of the state branch.
pub(in crate::commands) fn change_state<T>(
    session: &Session,
    mut make: impl FnMut(&World) -> anyhow::Result<(Option<StateChange>, T)>,
) -> anyhow::Result<T> {
    for _ in 0..TRIES {
        let world = World::fetch(&session.git, &session.config)?;
        let (change, said) = make(&world)?;
        let Some(change) = change else { return Ok(said) };
        let branch = &session.config.state_branch;
        let signer = session.signer();
        match state_branch::write(&session.git, branch, &world.state, &change, &signer)? {
            Written::Done(_) => return Ok(said),
            Written::Lost => {}
        }
    }
    let error = format!("the state branch was moved by others {TRIES} times in a row");
    Err(Failed::new(Exit::LostRace, error).with_hint("nothing was changed; run it again").into())
}

/// Checks a reason: it has to say something, and is kept on one line.
pub(in crate::commands) fn reason(text: &str) -> anyhow::Result<String> {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_empty() {
        return Err(Failed::new(Exit::Usage, "the reason is empty; say why in a few words").into());
    }
    let length = line.chars().count();
    if length > MAX_REASON {
        let error = format!("the reason has {length} characters, at most {MAX_REASON} are kept");
        return Err(Failed::new(Exit::Usage, error).into());
    }
    Ok(line)
}

/// Says when a stop ends; `None` where it does not end by itself.
pub(in crate::commands) fn expires(
    session: &Session,
    end: &End,
) -> anyhow::Result<Option<Timestamp>> {
    let expires = match (end.lasting, end.until) {
        (Some(lasting), _) => Some(session.now.checked_add(lasting)?),
        (None, until) => until,
    };
    match expires {
        Some(expires) if expires <= session.now => {
            let error = format!("--until {expires} is over already");
            Err(Failed::new(Exit::Usage, error).into())
        }
        Some(_) | None => Ok(expires),
    }
}
