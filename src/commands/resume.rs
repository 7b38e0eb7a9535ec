//! `resume`: ends the holds, so that promotions go on.

use serde::Serialize;

use super::by_hand::{self, Reach};
use crate::adapters::state_branch::{self, Written};
use crate::cli::{Global, Place, Resume};
use crate::exit::{Exit, Failed};
use crate::observe::world::World;
use crate::output::{Output, clean, good};
use crate::state::StateChange;

const TRIES: usize = 5;

#[derive(Serialize)]
struct Resumed {
    ended: Vec<Ended>,
}

#[derive(Serialize)]
struct Ended {
    id: String,
    reason: String,
}

pub(super) fn run(global: &Global, args: &Resume, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &Place::default(), Reach::Remote, output)?;
    by_hand::complete_first(&session, output)?;
    for _ in 0..TRIES {
        let world = World::fetch(&session.git, &session.config)?;
        let holds = &world.state.state.holds;
        let ended: Vec<Ended> = holds
            .values()
            .map(|hold| Ended { id: hold.id.clone(), reason: hold.reason.clone() })
            .collect();
        if !ended.is_empty() {
            let change = StateChange {
                resume: holds.keys().cloned().collect(),
                reason: args.reason.clone(),
                ..StateChange::default()
            };
            let branch = &session.config.state_branch;
            match state_branch::write(
                &session.git,
                branch,
                &world.state,
                &change,
                &session.signer(),
            )? {
                Written::Done(_) => {}
                Written::Lost => continue,
            }
        }
        output.show("tidegate/resume/1", &Resumed { ended }, |output, resumed| {
            if resumed.ended.is_empty() {
                return output.line("nothing is on hold");
            }
            for hold in &resumed.ended {
                output.line(format!(
                    "{} {}: {}",
                    good("ended"),
                    clean(&hold.id),
                    clean(&hold.reason)
                ))?;
            }
            output.line("promotions go on with the next run of the gate")
        })?;
        return Ok(Exit::Done);
    }
    Err(Failed::new(Exit::LostRace, "the state branch was moved by others each time").into())
}
