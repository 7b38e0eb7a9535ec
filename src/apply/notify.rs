//! Tells people and programs: the last phase of every command that changes anything.
//!
//! 1. Read the notices that are not settled. Nothing is written where none is.
//! 2. Claim every channel that can be used here, in one commit on the state branch. Who loses the
//!    race reads again and finds the others' claims: no two runs tell the same.
//! 3. Tell, one channel after the other.
//! 4. Write how it went, in one commit. Where that fails, the claims stay; so they do where the
//!    run is killed in between.
//! 5. A claim that a dead run has left: the issue is told again, since it is found again by its
//!    marker. Of all others nobody knows whether they were told, and they never are again.
//!
//! Nothing here fails a command. What goes wrong is a warning, and a later run repeats it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Applier, TRIES};
use crate::adapters::notify::{Channels, Sent};
use crate::adapters::state_branch::{self, Observed, Written};
use crate::model::{CommitSha, RunIdentity};
use crate::observe::rollbacks;
use crate::state::{Channel, Delivery, Notice, NoticeEvent, State, StateChange};

mod results;
mod seen;

use results::{around, superseded, with_results};
use seen::{Next, Seen};

/// What a claim allows besides the channels' own time-outs: for git, and for clocks that differ.
const ALLOWANCE: SignedDuration = SignedDuration::from_secs(180);

/// So many files that cannot be read are named.
const MOST_UNREADABLE: usize = 5;

/// So far back the commit of a rollback is looked for.
const MAX_COMMITS: usize = 500;

/// Who tells.
#[derive(Debug, Clone)]
pub struct Teller {
    /// The run; id 0 stands for a person.
    pub run: RunIdentity,
    /// Whether this is a run in GitHub Actions, where every channel is expected to be usable.
    pub in_actions: bool,
    /// The rollback of main that this run has pushed: the failed commit, and the new one.
    pub rolled_back: Option<(CommitSha, CommitSha)>,
    /// The pull request that restores the tree instead, with the failed commit.
    pub pull_request: Option<(CommitSha, String)>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Who was told of what: `slack: release-3`.
    pub delivered: Vec<String>,
    /// What went wrong, or is still to be done.
    pub warnings: Vec<String>,
}

/// A channel of a notice, claimed by this process.
struct Claim {
    id: String,
    channel: Channel,
    tries: u32,
}

/// What is about to be written.
#[derive(Default)]
struct Round {
    notices: BTreeMap<String, Notice>,
    claims: Vec<Claim>,
    warnings: Vec<String>,
}

impl Applier<'_> {
    /// Tells what is to be told, by this run or an earlier one.
    pub async fn notify(
        &self,
        observed: Observed,
        channels: &Channels<'_>,
        teller: &Teller,
    ) -> Told {
        let mut told = Told::default();
        for path in observed.state.unreadable.iter().take(MOST_UNREADABLE) {
            told.warnings.push(format!("{path} on the state branch cannot be read"));
        }
        if !observed.state.notices.values().any(Notice::has_open_delivery) {
            return told;
        }
        let nonce = nonce();
        let (mut observed, round) = match self.claim(observed, channels, teller, &nonce) {
            Ok(claimed) => claimed,
            Err(error) => {
                told.warnings
                    .push(format!("nobody was told, a later run tries again: {}", chain(&error)));
                return told;
            }
        };
        told.warnings.extend(round.warnings);
        if round.claims.is_empty() {
            return told;
        }
        let mut results = Vec::new();
        for claim in round.claims {
            let Some(notice) = observed.state.notices.get(&claim.id).cloned() else { continue };
            let what = format!("{} ({})", claim.channel.words(), claim.id);
            (self.on_step)(&format!("notify: {what}"));
            let around = around(&observed.state, &notice);
            let sent = channels.send(claim.channel, &notice, &around).await;
            match &sent {
                Sent::Done { issue } => {
                    told.delivered.push(format!("{}: {}", claim.channel, claim.id));
                    // What follows in this run is to find the issue.
                    if let (Some(issue), Some(own)) =
                        (issue, observed.state.notices.get_mut(&claim.id))
                    {
                        own.issue = Some(issue.clone());
                    }
                }
                Sent::Failed(problem) => told
                    .warnings
                    .push(format!("not told: {what}: {problem}; a later run tries again")),
                Sent::Unknown(problem) => told
                    .warnings
                    .push(format!("maybe told, and not tried again: {what}: {problem}")),
            }
            results.push((claim, sent));
        }
        if let Err(error) = self.write_results(&observed, &results, &nonce) {
            told.warnings.push(format!(
                "who was told could not be noted on the state branch: {}",
                chain(&error)
            ));
        }
        told
    }

    /// Claims what can be told here, in one commit.
    fn claim(
        &self,
        mut observed: Observed,
        channels: &Channels<'_>,
        teller: &Teller,
        nonce: &str,
    ) -> anyhow::Result<(Observed, Round)> {
        for _ in 0..TRIES {
            let round = self.round(&observed.state, channels, teller, nonce)?;
            if round.notices.is_empty() {
                return Ok((observed, round));
            }
            let notices = round.notices.values().cloned().collect();
            let change = StateChange { notices, ..StateChange::default() };
            match self.write_state(&observed, &change)? {
                Some(written) => return Ok((written, round)),
                None => observed = self.read_again()?,
            }
        }
        Err(super::ApplyError::LostRace { what: "the state branch".to_owned() }.into())
    }

    fn read_again(&self) -> anyhow::Result<Observed> {
        let branch = &self.config.state_branch;
        let refs = self.git.fetch(&[branch])?;
        Ok(state_branch::read(self.git, refs.branch(branch))?)
    }

    /// Decides about every open delivery.
    fn round(
        &self,
        state: &State,
        channels: &Channels<'_>,
        teller: &Teller,
        nonce: &str,
    ) -> anyhow::Result<Round> {
        let now = Timestamp::now();
        let mut round = Round::default();
        let mut open: Vec<&Notice> =
            state.notices.values().filter(|notice| notice.has_open_delivery()).collect();
        open.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.id.cmp(&b.id)));
        let issue = Channel::GithubIssue.to_string();
        let by_another = |delivery: &Delivery| matches!(delivery, Delivery::Claimed { until, .. } if *until > now);
        // Two runs that look for the one issue at the same time would both open one.
        let issue_is_claimed = state
            .notices
            .values()
            .filter_map(|notice| notice.deliveries.get(&issue))
            .any(by_another);
        for notice in open {
            let mut own = notice.clone();
            let has_happened = self.has_happened(&mut own, teller)?;
            let superseded = superseded(state, notice);
            for (key, delivery) in &mut own.deliveries {
                let Ok(channel) = key.parse::<Channel>() else { continue };
                if channel == Channel::GithubIssue && issue_is_claimed && !by_another(delivery) {
                    round.warnings.push(format!(
                        "not told yet: {} ({}): another run is telling on this channel",
                        channel.words(),
                        notice.id
                    ));
                    continue;
                }
                let seen =
                    Seen { now, notice, channel, has_happened, superseded, teller, channels };
                let (next, warning) = seen.decide(delivery);
                round.warnings.extend(warning);
                match next {
                    Next::Leave => {}
                    Next::Set(next) => *delivery = next,
                    Next::Claim { tries } => {
                        round.claims.push(Claim { id: notice.id.clone(), channel, tries });
                        // Its end is set below, when everything that comes before it is known.
                        *delivery = Delivery::Claimed {
                            run: teller.run.clone(),
                            nonce: nonce.to_owned(),
                            until: now,
                            tries,
                        };
                    }
                }
            }
            if own != *notice {
                round.notices.insert(own.id.clone(), own);
            }
        }
        let patience: SignedDuration = round
            .claims
            .iter()
            .filter_map(|claim| SignedDuration::try_from(channels.patience(claim.channel)).ok())
            .fold(ALLOWANCE, SignedDuration::saturating_add);
        let end = now.saturating_add(patience).unwrap_or(Timestamp::MAX);
        for notice in round.notices.values_mut() {
            for delivery in notice.deliveries.values_mut() {
                if let Delivery::Claimed { nonce: own, until, .. } = delivery
                    && own == nonce
                {
                    *until = end;
                }
            }
        }
        Ok(round)
    }

    /// Tells whether what a notice tells of has come about. A rollback of main is noted before its
    /// commit is pushed, and the push may have been refused.
    fn has_happened(&self, notice: &mut Notice, teller: &Teller) -> anyhow::Result<bool> {
        let noted = notice.rollback_commit.is_some() || notice.pull_request.is_some();
        if notice.event != NoticeEvent::RollbackOfMain || noted {
            return Ok(true);
        }
        if let Some((failed, commit)) = &teller.rolled_back
            && *failed == notice.commit
        {
            notice.rollback_commit = Some(commit.clone());
            return Ok(true);
        }
        if let Some((failed, url)) = &teller.pull_request
            && *failed == notice.commit
        {
            notice.pull_request = Some(url.clone());
            return Ok(true);
        }
        let refs = self.git.fetch(&[&notice.branch])?;
        let Some(head) = refs.branch(&notice.branch) else { return Ok(false) };
        for commit in self.git.first_parents(None, head, MAX_COMMITS)? {
            let info = self.git.commit(&commit)?;
            if info.time < notice.created.as_second() {
                break;
            }
            let told = rollbacks::told(self.git, &info)?;
            if told.is_some_and(|told| told.failed == notice.commit && told.agrees != Some(false)) {
                notice.rollback_commit = Some(commit);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes how it went, on top of whatever the state branch has by now.
    fn write_results(
        &self,
        claimed: &Observed,
        results: &[(Claim, Sent)],
        nonce: &str,
    ) -> anyhow::Result<()> {
        let mut observed = claimed.clone();
        for _ in 0..TRIES {
            let notices = with_results(&observed.state, results, nonce);
            if notices.is_empty() {
                return Ok(());
            }
            let change = StateChange { notices, ..StateChange::default() };
            match state_branch::write(
                self.git,
                &self.config.state_branch,
                &observed,
                &change,
                self.signer(),
            )? {
                Written::Done(_) => return Ok(()),
                Written::Lost => observed = self.read_again()?,
            }
        }
        Err(super::ApplyError::LostRace { what: "the state branch".to_owned() }.into())
    }
}

/// Tells two programs of one run apart. Without randomness the time does.
fn nonce() -> String {
    match getrandom::u64() {
        Ok(number) => format!("{number:016x}"),
        Err(_) => Timestamp::now().as_nanosecond().to_string(),
    }
}

fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
