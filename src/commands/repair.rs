//! `repair`: completes the projections of the newest record.

use super::announce;
use super::by_hand::{self, Reach};
use super::gate::complete_newest;
use super::session::block_on;
use crate::cli::{Global, Repair};
use crate::exit::Exit;
use crate::output::{Output, clean, good, warn};

pub(super) fn run(global: &Global, args: &Repair, output: &mut Output) -> anyhow::Result<Exit> {
    let session = by_hand::open(global, &args.place, Reach::Remote, output)?;
    let progress = output.progress("looking at the remote");
    let say = |step: &str| progress.say(step);
    let completion = block_on(async {
        let clients = session.clients()?;
        complete_newest(&session, &clients, &say).await
    })?;
    drop(progress);
    announce::deliver_and_say(&session, None, output)?;
    output.show("tidegate/repair/1", &completion, |output, completion| {
        if completion.release == 0 {
            return output.line("nothing was ever released, so there is nothing to repair");
        }
        for step in &completion.changed {
            output.line(format!("{} {}", good("mended"), clean(step)))?;
        }
        for pending in &completion.pending {
            output.line(format!(
                "{} {}: {}",
                warn("pending"),
                clean(&pending.step),
                clean(&pending.reason)
            ))?;
        }
        if completion.changed.is_empty() && completion.pending.is_empty() {
            output.line(format!(
                "{}: everything shows release {}",
                good("nothing to mend"),
                completion.release
            ))?;
        }
        Ok(())
    })?;
    Ok(completion.pending.first().map_or(Exit::Done, |pending| pending.exit))
}
