//! Lists what is quarantined.

use jiff::Timestamp;
use serde::Serialize;

use super::short;
use crate::commands::session::Session;
use crate::commands::status::look;
use crate::exit::Exit;
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::output::{Output, Table, ago, at, dim, plain};
use crate::state::{Quarantine, QuarantinedDigest};

#[derive(Serialize)]
struct Quarantines {
    /// When it was asked.
    now: Timestamp,
    /// The commits, newest first.
    commits: Vec<OfCommit>,
    /// The digests that are quarantined by themselves, newest first.
    digests: Vec<QuarantinedDigest>,
}

#[derive(Serialize)]
struct OfCommit {
    /// The first line of its message, where this clone has it.
    subject: Option<String>,
    #[serde(flatten)]
    quarantine: Quarantine,
}

pub(super) fn run(session: &Session, output: &mut Output) -> anyhow::Result<Exit> {
    let progress = output.progress("looking at the remote");
    let world = World::fetch(&session.git, &session.config)?;
    drop(progress);
    let (state, now) = (&world.state.state, session.now);
    let mut commits: Vec<OfCommit> = state
        .quarantines
        .values()
        .filter(|own| own.is_in_force(now))
        .map(|own| OfCommit {
            subject: look::subject(&session.git, &own.commit),
            quarantine: own.clone(),
        })
        .collect();
    commits.sort_by_key(|own| std::cmp::Reverse(own.quarantine.created));
    let mut digests: Vec<QuarantinedDigest> =
        state.quarantined_digests.values().filter(|own| own.is_in_force(now)).cloned().collect();
    digests.sort_by_key(|own| std::cmp::Reverse(own.created));
    let list = Quarantines { now, commits, digests };
    output.show("tidegate/quarantines/1", &list, |output, list| output.table(&table(list)))?;
    Ok(Exit::Done)
}

fn table(list: &Quarantines) -> Table {
    let mut table =
        Table::new(&["what", "until", "since", "by", "why"]).when_empty("nothing is quarantined");
    let mut row = |what: String, expires, created, by: &Option<String>, reason: &str| {
        table.row([
            plain(what).cut(50),
            plain(until(expires)),
            dim(ago(created, list.now)),
            plain(by.as_deref().unwrap_or_default()).cut(20),
            plain(reason),
        ]);
    };
    for OfCommit { subject, quarantine: own } in &list.commits {
        let what = titled(&own.commit, subject.as_deref());
        row(what, own.expires, own.created, &own.by, &own.reason);
    }
    for own in &list.digests {
        row(short(&own.digest), own.expires, own.created, &own.by, &own.reason);
    }
    table
}

fn titled(commit: &CommitSha, subject: Option<&str>) -> String {
    format!("{} {}", commit.short(), subject.unwrap_or_default())
}

fn until(expires: Option<Timestamp>) -> String {
    expires.map_or_else(|| "it is lifted".to_owned(), at)
}

/// Says in a sentence when a quarantine ends.
pub(super) fn end(expires: Option<Timestamp>) -> String {
    expires.map_or_else(|| "until it is lifted".to_owned(), |end| format!("until {}", at(end)))
}
