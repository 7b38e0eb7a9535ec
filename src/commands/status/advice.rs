//! What to do about what was found: commands to type, most urgent first. Pure.

use super::agreement::{Finding, Part};
use super::look::Source;
use super::rollbacks::What;
use super::{Advice, Status};
use crate::config::Config;

/// Returns the advice.
pub(super) fn advice(status: &Status, config: &Config) -> Vec<Advice> {
    let mut list = Vec::new();
    let mut add = |why: String, command: String| {
        let advice = Advice { why, command };
        if !list.contains(&advice) {
            list.push(advice);
        }
    };
    let branch = &status.branch;
    if status.state_problem.is_some() {
        add(
            "see who changed the state branch, and revert that commit there".to_owned(),
            format!("git log -p refs/tidegate/{}", config.state_branch),
        );
    }
    if !status.pending.is_empty() {
        add(
            "complete what is pending; every later run tries it too".to_owned(),
            "tidegate repair".to_owned(),
        );
    }
    for check in status.checks.iter().filter(|check| check.finding == Finding::Differs) {
        match check.part {
            Part::Main => add(
                format!("see why {branch} has lost the released commit"),
                format!("git log --oneline --graph origin/{branch}"),
            ),
            Part::Record => add(
                "see who changed the record".to_owned(),
                format!("git log -p refs/tidegate/{} -- records", config.state_branch),
            ),
            // What is pending was said; the rest is an entry that nobody has released.
            Part::Ledger if !check.pending => add(
                "see which entries of the ledger count".to_owned(),
                "tidegate ledger show".to_owned(),
            ),
            Part::Data if !check.pending => add(
                "see who moved the data, and publish what belongs to the release".to_owned(),
                "tidegate data versions".to_owned(),
            ),
            Part::Ledger | Part::Stable | Part::Tag | Part::Data => {}
        }
    }
    let automatic = status.rollbacks.iter().filter(|own| own.what == What::Main && !own.by_hand);
    if automatic.count() >= config.rollback.max_depth as usize {
        add(
            format!(
                "{} rollbacks without a promotion: the next failure holds; promote what is good",
                config.rollback.max_depth
            ),
            "tidegate promote".to_owned(),
        );
    }
    for rollback in status.rollbacks.iter().filter(|own| own.what == What::Main) {
        let Some(failed) = &rollback.failed else { continue };
        if let (None, Some(number)) = (&rollback.commit, rollback.pull_request) {
            add(
                format!("{branch} is protected: merge the rollback, or close it"),
                format!("gh pr view {number}"),
            );
        } else if rollback.commit.is_none() {
            add(
                format!(
                    "{branch} does not have this rollback: the gate was stopped, or it was undone"
                ),
                format!("tidegate rollback --failed {}", failed.commit.short()),
            );
        } else if rollback.is_head {
            add(
                "bring the change back, on a branch to mend and test".to_owned(),
                format!("tidegate rollback --undo {}", failed.commit.short()),
            );
        }
    }
    if status.live.is_none() && status.state_problem.is_none() {
        match status.source {
            Source::LastFetch => add(
                "fetch the state branch, which says what was released".to_owned(),
                format!("git fetch {} {}", config.remote, config.state_branch),
            ),
            Source::Remote | Source::Local => add(
                "release the first commit, or let the gate do it".to_owned(),
                "tidegate promote".to_owned(),
            ),
        }
    }
    match status.holds.len() {
        0 => {}
        1 => add("let promotions go on".to_owned(), "tidegate resume".to_owned()),
        _ => add(
            "let promotions go on, whoever has held them".to_owned(),
            "tidegate resume --all".to_owned(),
        ),
    }
    if status.shallow {
        add("know the whole history".to_owned(), "git fetch --unshallow".to_owned());
    }
    list
}
