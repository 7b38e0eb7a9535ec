//! `resume`: ends holds, so that promotions go on.
//!
//! Without ids it ends the only hold. Where there are several, a person has to say which: somebody
//! else may have set the other one for a reason of their own. Holds that are over are cleared away.

use serde::Serialize;

use super::by_hand::{self, Reach};
use crate::cli::{Global, Place, Resume};
use crate::exit::{Exit, Failed};
use crate::output::{Output, clean, good, warn};
use crate::state::{Hold, State, StateChange};

#[derive(Serialize)]
struct Resumed {
    /// The holds that were ended.
    ended: Vec<Hold>,
    /// Those that were over by themselves, and are cleared away.
    expired: Vec<Hold>,
    /// Those that are still in force.
    left: Vec<Hold>,
}

pub(super) fn run(global: &Global, args: &Resume, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &Place::default(), Reach::Remote, output)?;
    let reason = args.reason.as_deref().map(by_hand::reason).transpose()?;
    by_hand::complete_first(&session, output)?;
    let resumed = by_hand::change_state(&session, |world| {
        let state = &world.state.state;
        let resumed = choose(state, args, session.now)?;
        let gone = resumed.ended.iter().chain(&resumed.expired);
        let change = StateChange {
            resume: gone.map(|hold| hold.id.clone()).collect(),
            reason: reason.clone(),
            by: session.actor(),
            ..StateChange::default()
        };
        Ok(((!change.resume.is_empty()).then_some(change), resumed))
    })?;
    output.show("tidegate/resume/1", &resumed, people)?;
    Ok(Exit::Done)
}

/// Chooses the holds that end.
fn choose(state: &State, args: &Resume, now: jiff::Timestamp) -> anyhow::Result<Resumed> {
    let (in_force, expired): (Vec<Hold>, Vec<Hold>) =
        state.holds.values().cloned().partition(|hold| hold.is_in_force(now));
    let named = |hold: &Hold| args.ids.iter().any(|id| id.as_str() == hold.id);
    let unknown = args.ids.iter().find(|id| !state.holds.contains_key(id.as_str()));
    if let Some(unknown) = unknown {
        let error = format!("there is no hold {unknown}; {}", listed(&in_force));
        return Err(Failed::new(Exit::Usage, error).into());
    }
    if args.ids.is_empty() && !args.all && in_force.len() > 1 {
        let error = format!("nothing was changed: {}", listed(&in_force));
        return Err(Failed::new(Exit::Usage, error)
            .with_hint("name those that end (`tidegate resume <id>`), or end them with --all")
            .into());
    }
    let (ended, left) = in_force.into_iter().partition(|hold| args.ids.is_empty() || named(hold));
    Ok(Resumed { ended, expired, left })
}

fn listed(holds: &[Hold]) -> String {
    let told: Vec<String> = holds
        .iter()
        .map(|hold| {
            let by = hold.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
            format!("{}{by} ({})", hold.id, hold.reason)
        })
        .collect();
    match told.len() {
        0 => "nothing is on hold".to_owned(),
        1 => format!("one hold is in force: {}", told.join("; ")),
        count => format!("{count} holds are in force: {}", told.join("; ")),
    }
}

fn people(output: &mut Output, resumed: &Resumed) -> std::io::Result<()> {
    for hold in &resumed.expired {
        let (id, reason) = (clean(&hold.id), clean(&hold.reason));
        output.line(format!("{} {id}: {reason}", good("was over already")))?;
    }
    for hold in &resumed.ended {
        let (id, reason) = (clean(&hold.id), clean(&hold.reason));
        output.line(format!("{} {id}: {reason}", good("ended")))?;
    }
    for hold in &resumed.left {
        let (id, reason) = (clean(&hold.id), clean(&hold.reason));
        output.line(format!("{} {id}: {reason}", warn("still on hold")))?;
    }
    match (resumed.left.is_empty(), resumed.ended.is_empty() && resumed.expired.is_empty()) {
        (false, _) => output.line("promotions stay on hold until these end, too"),
        (true, true) => output.line("nothing is on hold"),
        (true, false) => output.line("promotions go on with the next run of the gate"),
    }
}
