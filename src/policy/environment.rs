//! Rules that turn a failure into a hold: the code may not be the cause, or nothing can be done
//! about it automatically.

use super::Reason;
use crate::config::Config;
use crate::evidence::Evidence;
use crate::evidence::good::GoodCandidate;

pub(super) fn holds(
    evidence: &Evidence,
    config: &Config,
    good: Option<&GoodCandidate>,
) -> Vec<Reason> {
    let Some(failure) = &evidence.failure else {
        return vec![Reason::NotObserved { what: "the last good commit".to_owned() }];
    };
    let mut holds = Vec::new();
    if !config.rollback.enabled {
        holds.push(Reason::RollbackDisabled);
    }
    if !failure.unfinished.is_empty() {
        holds.push(Reason::UnfinishedRuns { commits: failure.unfinished.clone() });
    }
    if let Some(why) = &failure.unanswered {
        holds.push(Reason::GithubDidNotAnswer { why: why.clone() });
    }
    if let Some(witness) = &failure.passed_before {
        holds.push(Reason::PassedBefore { witness: witness.clone() });
    } else if let Some(commit) = &failure.same_tree_as {
        holds.push(Reason::SameTreeAsPassed { commit: commit.clone() });
    }
    if good.is_none() {
        holds.push(Reason::NoGoodCommit { looked_at: failure.good.candidates.len() });
    } else if failure.nothing_to_restore {
        holds.push(Reason::CauseInKeptPaths { paths: failure.kept.clone() });
    }
    // A rollback that was noted and never came, because the branch moved first, is none; neither
    // is the one that this gate is about to complete.
    let depth = evidence
        .state
        .rollbacks_since_promotion()
        .filter(|(commit, _)| **commit != failure.commit && !failure.never_came.contains(commit))
        .count();
    if depth >= config.rollback.max_depth as usize {
        holds.push(Reason::TooManyRollbacks { depth, max: config.rollback.max_depth });
    }
    holds
}
