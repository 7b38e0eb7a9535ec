//! Who is told of what: the facts for the plan, and the last phase of every command that changes
//! anything.

use std::collections::BTreeMap;

use super::session::{SECRETS, Session, block_on};
use crate::actions::commands::mask;
use crate::adapters::notify::{Channels, parts_of, variables};
use crate::adapters::state_branch::Observed;
use crate::apply::{Applied, PullState, Teller, Told};
use crate::evidence::Evidence;
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::output::{Output, clean};
use crate::plan::Facts;
use crate::policy::{Decision, Reason, Verdict};
use crate::state::notice::{AffectedCommit, FailedJob};
use crate::state::{Channel, NoticeEvent};

use super::gate::applier;

/// What this command has done, as far as notices wait for it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The state after its last write.
    observed: Observed,
    /// A rollback of main that was pushed: the commit that failed, and the new one.
    rolled_back: Option<(CommitSha, CommitSha)>,
    /// A rollback of main that waits: the commit that failed, and the page of the pull request.
    pull_request: Option<(CommitSha, String)>,
}

impl Done {
    /// Takes it from what was applied.
    pub(super) fn of(applied: &Applied) -> Self {
        let pushed = applied.rolled_back.as_ref();
        // What a person has merged or declined before restores nothing now.
        let proposed = applied.proposed.as_ref().filter(|pull| match pull.state {
            PullState::Opened | PullState::Open => true,
            PullState::Merged | PullState::Declined => false,
        });
        Self {
            observed: applied.observed.clone(),
            rolled_back: pushed.map(|done| (done.failed.clone(), done.commit.clone())),
            pull_request: proposed.map(|pull| (pull.failed.clone(), pull.url.clone())),
        }
    }

    /// Nothing but a look at the state.
    pub(super) fn nothing(observed: Observed) -> Self {
        Self { observed, ..Self::default() }
    }

    /// Takes over what was done after this.
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            observed: later.observed,
            rolled_back: later.rolled_back.or(self.rolled_back),
            pull_request: later.pull_request.or(self.pull_request),
        }
    }
}

/// More commits than this are only counted.
const NAMED: usize = 20;

impl Session {
    /// Returns what is known of any event.
    pub(super) fn facts(&self, event: NoticeEvent, commit: &CommitSha, github: bool) -> Facts {
        Facts {
            event,
            branch: self.config.branch.clone(),
            commit: commit.clone(),
            subject: self.subject(commit),
            restored: None,
            by_hand: false,
            reasons: Vec::new(),
            reason_kinds: Vec::new(),
            failed_jobs: Vec::new(),
            failed_tests: Vec::new(),
            affected: Vec::new(),
            affected_count: 0,
            run: self.identity(),
            run_url: self.run.as_ref().and_then(crate::actions::Run::url),
            now: self.now,
            by: self.actor(),
            github,
        }
    }

    fn subject(&self, commit: &CommitSha) -> String {
        self.git.commit(commit).map(|info| info.subject().to_owned()).unwrap_or_default()
    }

    /// Adds the commits that a rollback takes out, newest first. Those that touch only the ledger
    /// are nobody's work, and the ledger is kept.
    pub(super) fn with_range(&self, facts: Facts, range: &[CommitSha]) -> Facts {
        let mut affected = Vec::new();
        let mut affected_count = 0;
        for commit in range {
            let Ok(info) = self.git.commit(commit) else {
                affected_count += 1;
                continue;
            };
            if self.is_ledger_commit(commit, &info.parents) {
                continue;
            }
            affected_count += 1;
            if affected.len() < NAMED {
                let subject = info.subject().to_owned();
                let author = info.author;
                affected.push(AffectedCommit { commit: commit.clone(), subject, author });
            }
        }
        Facts { affected, affected_count, ..facts }
    }

    fn is_ledger_commit(&self, commit: &CommitSha, parents: &[CommitSha]) -> bool {
        match parents {
            [parent] => {
                self.git.touches_only(parent, commit, &self.config.ledger.path).unwrap_or_default()
            }
            _ => false,
        }
    }
}

/// Returns what there is to tell of a gate's decision; `None` where it is nobody's news.
pub(super) fn of_decision(
    session: &Session,
    evidence: &Evidence,
    decision: &Decision,
    github: bool,
    pages: &BTreeMap<String, String>,
) -> Option<Facts> {
    let event = match decision.verdict {
        Verdict::Promote => NoticeEvent::Promotion,
        Verdict::Rollback => NoticeEvent::RollbackOfMain,
        Verdict::Hold => NoticeEvent::Hold,
        Verdict::Retry | Verdict::Superseded => return None,
    };
    let run_url = session.run.as_ref().and_then(crate::actions::Run::url);
    let jobs = evidence.jobs.failures().into_iter();
    let facts = Facts {
        restored: decision.good.clone().filter(|_| event.is_rollback()),
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        reason_kinds: decision.reasons.iter().map(kind).collect(),
        failed_jobs: jobs
            .map(|job| FailedJob {
                name: job.name.clone(),
                url: pages.get(&job.name).cloned().or_else(|| run_url.clone()),
            })
            .collect(),
        failed_tests: failed_tests(evidence),
        ..session.facts(event, &decision.commit, github)
    };
    let range = evidence.failure.iter().filter(|_| event.is_rollback()).flat_map(|f| &f.range);
    let range: Vec<CommitSha> = range.cloned().collect();
    Some(session.with_range(facts, &range))
}

/// Returns the name of a reason, as JSON has it.
fn kind(reason: &Reason) -> String {
    let value = serde_json::to_value(reason).unwrap_or_default();
    value["reason"].as_str().unwrap_or_default().to_owned()
}

fn failed_tests(evidence: &Evidence) -> Vec<String> {
    let tests = evidence.reports.failed().flat_map(|report| &report.failures);
    tests
        .take(NAMED)
        .map(|test| {
            let class = if test.class.is_empty() { "" } else { "::" };
            let said = if test.message.is_empty() { "" } else { ": " };
            format!("{}{class}{}{said}{}", test.class, test.name, test.message)
        })
        .collect()
}

/// Tells what is to be told, by this run or an earlier one. Nothing in here fails a command: what
/// goes wrong is among the warnings.
pub(super) fn deliver(session: &Session, done: Done, output: &mut Output) -> anyhow::Result<Told> {
    mask_variables(session, output)?;
    let progress = output.progress("telling");
    let told = block_on(async {
        let clients = session.clients()?;
        let variable = |name: &str| session.variable(name);
        let repository = session.github_repository()?.map(|(_, repository)| repository);
        let channels = Channels::new(
            &session.config,
            &session.root,
            &variable,
            &SECRETS,
            repository.or_else(|| session.run.as_ref()?.repository.clone()),
            clients.github.as_ref(),
        );
        let teller = Teller {
            run: session.identity(),
            in_actions: session.run.is_some(),
            rolled_back: done.rolled_back,
            pull_request: done.pull_request,
        };
        let say = |step: &str| progress.say(step);
        Ok(applier(session, &clients, &say).notify(done.observed, &channels, &teller).await)
    });
    Ok(told.unwrap_or_else(|error: anyhow::Error| Told {
        delivered: Vec::new(),
        warnings: vec![format!("nobody was told, a later run tries again: {error:#}")],
    }))
}

/// Returns who was told as people read it, one line for each notice: `e-mail, Slack (release-3)`.
pub(super) fn in_words(delivered: &[String]) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for what in delivered {
        let (channel, notice) = what.split_once(": ").unwrap_or((what, ""));
        let words = Channel::words_of(channel);
        match lines.iter_mut().find(|(known, _)| *known == notice) {
            Some((_, channels)) => channels.push(words),
            None => lines.push((notice, vec![words])),
        }
    }
    lines
        .into_iter()
        .map(|(notice, channels)| format!("{} ({notice})", channels.join(", ")))
        .collect()
}

/// The same for commands that report to people: says who was told, and warns.
pub(super) fn deliver_and_say(
    session: &Session,
    done: Option<Done>,
    output: &mut Output,
) -> anyhow::Result<()> {
    let done = match done {
        Some(done) => done,
        None => Done::nothing(World::fetch(&session.git, &session.config)?.state),
    };
    let told = deliver(session, done, output)?;
    for what in in_words(&told.delivered) {
        output.note(format!("told {}", clean(&what)))?;
    }
    for warning in &told.warnings {
        output.warning(warning)?;
    }
    Ok(())
}

/// Tells the runner to hide addresses and secrets of the channels from its log.
fn mask_variables(session: &Session, output: &mut Output) -> anyhow::Result<()> {
    if session.run.is_none() {
        return Ok(());
    }
    let mut commands = Vec::new();
    for value in variables(&session.config).iter().filter_map(|name| session.variable(name)) {
        for secret in parts_of(&value) {
            mask(&mut commands, secret.expose())?;
        }
    }
    output.commands(&String::from_utf8_lossy(&commands))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Proposed;

    fn told_of(state: PullState) -> Option<(CommitSha, String)> {
        let sha = |digit: &str| -> CommitSha { digit.repeat(40).parse().unwrap() };
        let proposed = Proposed {
            number: 1,
            url: "https://github.com/acme/app/pull/1".to_owned(),
            state,
            branch: "tidegate-rollback-222222222222".parse().unwrap(),
            commit: None,
            good: sha("3"),
            good_subject: String::new(),
            failed: sha("2"),
            kept: Vec::new(),
            warnings: Vec::new(),
        };
        Done::of(&Applied { proposed: Some(proposed), ..Applied::default() }).pull_request
    }

    #[test]
    fn people_are_told_of_pull_requests_that_wait() {
        for state in [PullState::Opened, PullState::Open] {
            assert!(told_of(state).is_some_and(|(_, url)| url.ends_with("/pull/1")), "{state:?}");
        }
        for state in [PullState::Merged, PullState::Declined] {
            assert_eq!(told_of(state), None, "{state:?}");
        }
    }
}
