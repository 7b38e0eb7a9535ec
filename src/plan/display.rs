//! How a plan reads.

use std::fmt;

use super::{Plan, Step};
use crate::state::Channel;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckImage { image, digest } => {
                write!(f, "check that {image}@{} is complete", digest.short())
            }
            Self::KeepDigest { image, digest, tag } => {
                write!(f, "keep {image}@{} reachable as {tag}", digest.short())
            }
            Self::UploadData { data } => {
                write!(f, "upload data {} to {}, unseen", data.version.short(), data.place)
            }
            Self::CheckData { data } => {
                write!(f, "check that data {} is in {}", data.version.short(), data.place)
            }
            Self::MoveData { data, release } => {
                let version = data.version.short();
                write!(f, "data {} -> {version} (release {release})", data.place)
            }
            Self::RunLive(step) => {
                let digest = step.digest.short();
                write!(f, "before_promote: {} in {}@{digest}, live", step.short(), step.image)
            }
            Self::WriteState { change } => {
                let subject = change.subject();
                if change.record.is_some() {
                    write!(f, "record: {subject} (the commit point)")
                } else {
                    write!(f, "state: {subject}")
                }
            }
            Self::MoveTag { image, tag, digest } => {
                write!(f, "tag {image}:{tag} -> {}", digest.short())
            }
            Self::MoveStable { branch, commit, release, .. } => {
                write!(f, "branch {branch} -> {} (release {release})", commit.short())
            }
            Self::AppendLedger(step) => write!(
                f,
                "ledger {}: add {} (release {})",
                step.path,
                step.record.commit.short(),
                step.record.number
            ),
            Self::RollBack(step) => write!(
                f,
                "branch {}: restore the tree of {} over {} (the commit point)",
                step.branch,
                step.good.short(),
                step.failed.short()
            ),
            Self::DispatchRetry { workflow, branch, run, attempt } => write!(
                f,
                "workflow {workflow} of {branch}: run the failed jobs of run {run} again after attempt {attempt}"
            ),
            Self::Notify { channels, .. } => {
                let words: Vec<String> =
                    channels.iter().map(|key| Channel::words_of(key)).collect();
                write!(f, "notify: {}", words.join(", "))
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.verdict.word(), self.commit.short())?;
        for reason in &self.reasons {
            writeln!(f, "  because {reason}")?;
        }
        if self.steps.is_empty() {
            return writeln!(f, "  nothing is to be done");
        }
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "  {number}. {step}")?;
        }
        Ok(())
    }
}
