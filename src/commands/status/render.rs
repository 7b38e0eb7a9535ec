//! How people see it: the first line says what is live, the second whether everything agrees.

use std::io;

use jiff::Timestamp;

use super::agreement::{Agreement, Check, Finding, Part};
use super::look::Source;
use super::rollbacks::{Rollback, What};
use super::{Good, Live, Named, Status, served, stops};
use crate::output::{Fields, Output, Styled, ago, at, bad, clean, dim, good, plain, strong, warn};
use crate::state::RecordKind;

/// So many of each list are shown; `--json` has all.
pub(super) const SHOWN: usize = 5;

pub(super) fn people(output: &mut Output, status: &Status) -> io::Result<()> {
    headline(output, status)?;
    agreement(output, status)?;
    served::show(output, status)?;
    for rollback in status.rollbacks.iter().take(SHOWN) {
        show_rollback(output, status, rollback)?;
    }
    more(output, status.rollbacks.len(), "rollbacks")?;
    stops::show(output, status)?;
    output.line("")?;
    output.fields(&details(status))?;
    if !status.next.is_empty() {
        output.line("")?;
        let widest = status.next.iter().map(|next| next.command.len()).max().unwrap_or(0);
        for next in &status.next {
            let padding = " ".repeat(widest - next.command.len());
            output.line(format!("  {}{padding}  {}", strong(&next.command), dim(&next.why)))?;
        }
    }
    Ok(())
}

fn headline(output: &mut Output, status: &Status) -> io::Result<()> {
    let Some(live) = &status.live else {
        return match (&status.state_problem, status.source) {
            (Some(problem), _) => output.line(format!(
                "{} the state branch cannot be read: {}",
                bad("what is live cannot be told:"),
                clean(problem)
            )),
            (None, Source::LastFetch) => output.line(format!(
                "{} the last fetch left no state branch here",
                warn("no release is known:")
            )),
            (None, Source::Remote | Source::Local) => output.line(warn("nothing is released yet")),
        };
    };
    let back = match live.kind {
        RecordKind::Promotion => String::new(),
        RecordKind::Data { .. } => "data alone, ".to_owned(),
        RecordKind::Rollback { restores } => format!("back to release {restores}, "),
    };
    output.line(format!(
        "{} is live: {back}{} {} {}",
        strong(format!("release {}", live.release)),
        strong(live.commit.short()),
        clean(live.subject.as_deref().unwrap_or_default()),
        when(live.created, status.now)
    ))
}

fn agreement(output: &mut Output, status: &Status) -> io::Result<()> {
    let of = |finding| status.checks.iter().filter(move |check| check.finding == finding);
    let agreeing: Vec<&Check> =
        status.checks.iter().filter(|check| check.finding != Finding::Unknown).collect();
    match status.agreement {
        Agreement::Yes => {
            output.line(format!("{}: {}", good("everything agrees"), parts(&agreeing)))
        }
        Agreement::Partly => {
            let unknown: Vec<&Check> = of(Finding::Unknown).collect();
            output.line(format!(
                "{}: {}; {} {}",
                good("what could be asked agrees"),
                parts(&agreeing),
                warn("not known:"),
                parts(&unknown)
            ))
        }
        Agreement::No => {
            let release = status.live.as_ref().map_or(0, |live| live.release);
            output.line(format!("{} with release {release}:", bad("not everything agrees")))?;
            for check in of(Finding::Differs) {
                output.line(format!("  {}: {}", strong(name(check)), clean(&check.detail)))?;
            }
            for step in &status.pending {
                output.line(format!("  {} {}", warn("pending"), clean(step)))?;
            }
            Ok(())
        }
        Agreement::NoRecord => match &status.last_good {
            Some(found) => output.line(format!(
                "the last good commit is {} {}, by {}",
                strong(found.commit.short()),
                clean(found.subject.as_deref().unwrap_or_default()),
                found.witness
            )),
            None => Ok(()),
        },
    }
}

/// Names what a check is about.
fn name(check: &Check) -> String {
    match check.part {
        Part::Record => check.name.clone(),
        Part::Main | Part::Stable => format!("branch {}", check.name),
        Part::Tag => format!("tag {}", check.name),
        Part::Data => format!("data {}", check.name),
        Part::Ledger => format!("ledger {}", check.name),
    }
}

/// Names what checks are about in few words: tags are counted.
fn parts(checks: &[&Check]) -> String {
    let mut names = Vec::new();
    let tags = checks.iter().filter(|check| check.part == Part::Tag).count();
    for check in checks {
        match check.part {
            Part::Record => names.push("record".to_owned()),
            Part::Main | Part::Stable => names.push(clean(&check.name).into_owned()),
            Part::Tag if names.iter().any(|name| name.contains(" image tag")) => {}
            Part::Tag => {
                names.push(format!("{tags} image tag{}", if tags == 1 { "" } else { "s" }));
            }
            Part::Data => names.push("data".to_owned()),
            Part::Ledger => names.push("ledger".to_owned()),
        }
    }
    names.join(", ")
}

fn show_rollback(output: &mut Output, status: &Status, rollback: &Rollback) -> io::Result<()> {
    let branch = &status.branch;
    let what = match (rollback.what, &rollback.failed) {
        (What::Main, Some(failed)) if rollback.commit.is_some() => {
            format!(
                "{} from {} to {}",
                warn(format!("{branch} was rolled back")),
                short(failed),
                short(&rollback.to)
            )
        }
        (What::Main, Some(failed)) if rollback.pull_request.is_some() => format!(
            "{} from {} to {}, and waits as pull request #{}",
            bad(format!("{branch} is to be rolled back")),
            short(failed),
            short(&rollback.to),
            rollback.pull_request.unwrap_or_default()
        ),
        (What::Main, Some(failed)) => format!(
            "{} from {} to {}, and the commit is not on {branch}",
            bad(format!("a rollback of {branch} was begun")),
            short(failed),
            short(&rollback.to)
        ),
        (What::Stable, Some(failed)) => format!(
            "{} from {} to {}",
            warn("users were taken back"),
            short(failed),
            short(&rollback.to)
        ),
        (_, None) => format!("{} to {}", warn("users were taken back"), short(&rollback.to)),
    };
    output.line(format!("{what} {}", when(rollback.created, status.now)))?;
    let by = match (&rollback.by, rollback.by_hand) {
        (Some(by), true) => format!(" (by hand: {})", clean(by)),
        (None, true) => " (by hand)".to_owned(),
        (_, false) => String::new(),
    };
    if !rollback.reason.is_empty() || !by.is_empty() {
        output.line(format!("  because {}{by}", clean(&rollback.reason)))?;
    }
    if let Some(lifted) = &rollback.lifted {
        let by = lifted.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
        let why = lifted.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
        output.line(format!(
            "  {}{}{} {}",
            good("it may come back, lifted"),
            clean(&by),
            clean(&why),
            when(lifted.at, status.now)
        ))?;
    }
    match rollback.what {
        What::Main => {
            if rollback.is_head {
                output
                    .line(format!("  {branch} shows the tree of {} again", short(&rollback.to)))?;
            } else if rollback.commit.is_some() {
                output
                    .line(format!("  {branch} has moved on since, and nothing was promoted yet"))?;
            }
            users(output, status, rollback)
        }
        What::Stable => Ok(()),
    }
}

/// Says what users have of a rollback of the protected branch, where that is known.
fn users(output: &mut Output, status: &Status, rollback: &Rollback) -> io::Result<()> {
    let seen_by_users = |check: &&Check| matches!(check.part, Part::Stable | Part::Tag);
    let wrong = status.checks.iter().filter(seen_by_users).any(|c| c.finding == Finding::Differs);
    match &status.live {
        Some(live) if rollback.live_was_taken_out => output.line(format!(
            "  {}: release {} was made from what was taken out; \
             `tidegate rollback --stable-only` takes them back",
            bad("users still get it"),
            live.release
        )),
        // What they see instead stands above.
        Some(_) if wrong => Ok(()),
        // They went back with the branch, or by themselves.
        Some(live) if status.rollbacks.iter().any(|own| own.what == What::Stable) => {
            output.line(format!("  users get release {}", live.release))
        }
        Some(live) => output.line(format!(
            "  {}: they get release {}",
            good("users are unaffected"),
            live.release
        )),
        None => Ok(()),
    }
}

pub(super) fn more(output: &mut Output, count: usize, what: &str) -> io::Result<()> {
    if count <= SHOWN {
        return Ok(());
    }
    output.line(dim(format!("and {} more {what}; see --json", count - SHOWN)))
}

fn details(status: &Status) -> Fields {
    let mut fields = Fields::new();
    if let Some(live) = &status.live {
        fields.add("released", released(live));
        if let Some(first) = &live.incompatible_with_rollback_before {
            let text = format!("to {} or later only, as this release declares", first.short());
            fields.add("goes back", plain(text));
        }
    }
    match (&status.last_good, &status.last_good_unknown) {
        (Some(found), _) => fields.parts("last good", last_good(status, found)),
        (None, Some(why)) => fields.add("last good", warn(format!("not known: {why}"))),
        (None, None) => fields.add("last good", warn("none: no commit counts as good")),
    }
    match status.checks.iter().find(|check| check.part == Part::Main) {
        Some(check) => fields.add(&check.name, plain(&check.detail)),
        None => match &status.head {
            Some(head) => fields.parts(status.branch.as_str(), [plain(short_plain(head))]),
            None => fields.add(status.branch.as_str(), warn("there is no such branch")),
        },
    }
    for check in &status.checks {
        match check.part {
            Part::Stable => fields.add(&check.name, plain(&check.detail)),
            Part::Data => fields.add("data", plain(&check.detail)),
            Part::Ledger => fields.add("ledger", plain(&check.detail)),
            Part::Record | Part::Main | Part::Tag => {}
        }
    }
    served::detail(&mut fields, status);
    images(&mut fields, status);
    if let Some(pin) = &status.pin {
        fields.add("pin by hand", plain(&pin.commit));
        for own in &pin.images {
            fields.add("", plain(format!("{}@{}", own.image, own.digest)));
        }
    }
    match status.source {
        Source::Remote => {}
        Source::LastFetch => fields.add("as of", warn("the last fetch; the remote was not asked")),
        Source::Local => fields.add("as of", plain("this repository, which has no remote")),
    }
    fields
}

fn released(live: &Live) -> Styled {
    let run = match (&live.run_url, live.run.id) {
        (Some(url), _) => format!(", {url}"),
        (None, 0) => ", by hand".to_owned(),
        (None, id) => format!(", run {id} attempt {}", live.run.attempt),
    };
    let by = live.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
    plain(format!("{}{by}{run}", at(live.created)))
}

fn last_good(status: &Status, found: &Good) -> Vec<Styled> {
    let name = Named { commit: found.commit.clone(), subject: found.subject.clone() };
    let above = match found.distance {
        None | Some(0) => String::new(),
        Some(count) => {
            format!(", {count} commit{} below {}", if count == 1 { "" } else { "s" }, status.branch)
        }
    };
    vec![plain(short_plain(&name)), dim(format!("({}{above})", found.witness))]
}

fn images(fields: &mut Fields, status: &Status) {
    for live in &status.images {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for tag in &live.tags {
            let at = match &tag.seen {
                super::agreement::TagSeen::At(digest) => digest.short().to_owned(),
                super::agreement::TagSeen::Missing => "no such tag".to_owned(),
                super::agreement::TagSeen::Unknown(why) => why.clone(),
            };
            match groups.iter_mut().find(|(known, _)| *known == at) {
                Some((_, tags)) => tags.push(tag.tag.to_string()),
                None => groups.push((at, vec![tag.tag.to_string()])),
            }
        }
        let told: Vec<String> =
            groups.iter().map(|(at, tags)| format!("{}: {at}", tags.join(", "))).collect();
        let built = live.built.map(|built| dim(format!("built {}", ago(built, status.now))));
        let parts = [plain(format!("{} {}", live.image, told.join("; ")))].into_iter();
        fields.parts("image", parts.chain(built));
    }
}

fn short(named: &Named) -> String {
    format!("{} {}", strong(named.commit.short()), clean(named.subject.as_deref().unwrap_or("")))
        .trim_end()
        .to_owned()
}

fn short_plain(named: &Named) -> String {
    format!("{} {}", named.commit.short(), named.subject.as_deref().unwrap_or_default())
}

fn when(then: Timestamp, now: Timestamp) -> Styled {
    dim(format!("({})", ago(then, now)))
}
