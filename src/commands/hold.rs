//! `hold`: a person stops promotions. Rollbacks go on.

use serde::Serialize;

use super::by_hand::{self, Reach};
use crate::cli::{self, Global, Place};
use crate::exit::Exit;
use crate::output::{Output, at, clean, strong, warn};
use crate::state::{FORMAT, Hold, State, StateChange};

#[derive(Serialize)]
struct Done {
    /// The hold as it is on the state branch now.
    hold: Hold,
    /// The one of the same id that it replaced.
    replaced: Option<Hold>,
}

pub(super) fn run(global: &Global, args: &cli::Hold, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &Place::default(), Reach::Remote, output)?;
    let reason = by_hand::reason(&args.reason)?;
    let expires = by_hand::expires(&session, &args.end)?;
    by_hand::complete_first(&session, output)?;
    let done = by_hand::change_state(&session, |world| {
        let state = &world.state.state;
        let id = args.id.as_ref().map_or_else(|| free_id(state), ToString::to_string);
        let hold = Hold {
            version: FORMAT,
            id,
            reason: reason.clone(),
            by: session.actor(),
            created: session.now,
            expires,
        };
        let over = state.expired_holds(session.now).filter(|id| *id != hold.id);
        let change = StateChange {
            hold: Some(hold.clone()),
            resume: over.map(str::to_owned).collect(),
            ..StateChange::default()
        };
        let replaced = state.holds.get(&hold.id).cloned();
        Ok((Some(change), Done { hold, replaced }))
    })?;
    output.show("tidegate/hold/1", &done, people)?;
    Ok(Exit::Done)
}

/// Returns the first of `hold-1`, `hold-2`, ... that is no hold yet.
fn free_id(state: &State) -> String {
    let mut number = 1_u64;
    loop {
        let id = format!("hold-{number}");
        if !state.holds.contains_key(&id) {
            return id;
        }
        number += 1;
    }
}

fn people(output: &mut Output, done: &Done) -> std::io::Result<()> {
    let hold = &done.hold;
    let end = hold.expires.map_or_else(
        || "until somebody ends it".to_owned(),
        |expires| format!("until {}", at(expires)),
    );
    output.line(format!(
        "{} {end}: {} ({})",
        warn("promotions are on hold"),
        clean(&hold.reason),
        strong(clean(&hold.id))
    ))?;
    if let Some(replaced) = &done.replaced {
        let by = replaced.by.as_deref().unwrap_or("somebody");
        output.line(format!(
            "it replaces what {} had set: {}",
            clean(by),
            clean(&replaced.reason)
        ))?;
    }
    output.line(format!("rollbacks go on; `tidegate resume {}` ends it", clean(&hold.id)))
}
