//! What the event that started a run allows.
//!
//! | event | may |
//! | --- | --- |
//! | push to the protected branch | all verdicts |
//! | schedule, `workflow_dispatch` on the protected branch | promote or hold |
//! | `pull_request` from the repository itself, `merge_group` | report only |
//! | everything else | refused |
//!
//! It is decided from the event, the full ref and the origin alone. The name of a branch proves
//! nothing by itself: a fork may call its branch `main`.

use std::fmt;

use serde::Serialize;

use crate::model::BranchName;

/// The event that started a run ("Events that trigger workflows" in GitHub's documentation).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A push of a branch or a tag.
    Push,
    /// The configured time has come.
    Schedule,
    /// A person or a program asked for the run.
    WorkflowDispatch,
    /// A pull request, without rights on the repository.
    PullRequest,
    /// A merge queue tests a group of pull requests.
    MergeGroup,
    /// A pull request, with the rights of the repository that it wants to change.
    PullRequestTarget,
    /// The end of another workflow's run, with rights that that run may not have had.
    WorkflowRun,
    /// Any other event.
    Other(
        /// Its name; at most 60 characters.
        String,
    ),
}

impl Event {
    /// Reads `GITHUB_EVENT_NAME`.
    pub fn named(name: &str) -> Self {
        match name {
            "push" => Self::Push,
            "schedule" => Self::Schedule,
            "workflow_dispatch" => Self::WorkflowDispatch,
            "pull_request" => Self::PullRequest,
            "merge_group" => Self::MergeGroup,
            "pull_request_target" => Self::PullRequestTarget,
            "workflow_run" => Self::WorkflowRun,
            other => Self::Other(other.chars().take(60).collect()),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Push => "push",
            Self::Schedule => "schedule",
            Self::WorkflowDispatch => "workflow_dispatch",
            Self::PullRequest => "pull_request",
            Self::MergeGroup => "merge_group",
            Self::PullRequestTarget => "pull_request_target",
            Self::WorkflowRun => "workflow_run",
            Self::Other(name) => name,
        })
    }
}

/// Where the head of a pull request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// A branch of the repository itself.
    SameRepository,
    /// A branch of another repository.
    Fork {
        /// The other repository, `owner/name`; `None` where it was deleted.
        repository: Option<String>,
    },
    /// The event does not say.
    Unknown,
}

/// What a gate may do in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "may", content = "why", rename_all = "snake_case")]
pub enum Permission {
    /// Whatever the evidence says.
    AllVerdicts,
    /// Promote or hold: a run without a push of its own never reverts one.
    PromoteOrHold,
    /// Say what it would do.
    ReportOnly,
    /// Nothing at all.
    Refused(Refusal),
}

/// Says why a gate refuses to work in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// The pull request comes from a fork.
    #[error(
        "the pull request comes from a fork ({}), and forks are refused; run the gate on pushes to \
         {protected:?}",
        repository.as_deref().unwrap_or("deleted by now")
    )]
    Fork {
        /// The fork, `owner/name`; `None` where it was deleted.
        repository: Option<String>,
        /// The protected branch.
        protected: BranchName,
    },
    /// Nobody says where the pull request comes from.
    #[error(
        "the event file does not say which repository the pull request comes from, so that it may \
         be a fork; let the runner set GITHUB_EVENT_PATH and GITHUB_REPOSITORY"
    )]
    UnknownOrigin,
    /// The run belongs to another branch.
    #[error(
        "the run belongs to {full_ref:?}, not to the protected branch {protected:?}; run the gate there"
    )]
    OtherBranch {
        /// The ref of the run.
        full_ref: String,
        /// The protected branch.
        protected: BranchName,
    },
    /// The run belongs to a tag.
    #[error("the run belongs to the tag {full_ref:?}; run the gate on pushes to {protected:?}")]
    Tag {
        /// The ref of the run.
        full_ref: String,
        /// The protected branch.
        protected: BranchName,
    },
    /// The push deleted a branch or a tag; GitHub then runs the default branch.
    #[error(
        "the push deleted a branch or a tag, so there is nothing to release; run the gate on pushes that bring commits"
    )]
    Deletion,
    /// `pull_request_target`.
    #[error(
        "pull_request_target gives a stranger's code the rights of the repository; start the gate \
         by push"
    )]
    PullRequestTarget,
    /// `workflow_run`.
    #[error(
        "workflow_run gives what another run made more rights than that run had; put the gate into \
         the workflow whose jobs it needs, and start it by push"
    )]
    WorkflowRun,
    /// An event that nobody has thought about.
    #[error(
        "event {event:?} is not one that a gate works on; start it by push, schedule or workflow_dispatch"
    )]
    UnknownEvent {
        /// The name of the event.
        event: String,
    },
}

/// Decides what a gate may do, by the table at the top of this module. `full_ref` is the ref of
/// the run (`refs/heads/main`); `origin` counts for pull requests only.
pub fn permission(
    event: &Event,
    full_ref: &str,
    origin: &Origin,
    protected: &BranchName,
) -> Permission {
    let on_protected_branch = |allowed| match belongs_to(full_ref, protected) {
        None => allowed,
        Some(refusal) => Permission::Refused(refusal),
    };
    match event {
        Event::Push => on_protected_branch(Permission::AllVerdicts),
        Event::Schedule | Event::WorkflowDispatch => on_protected_branch(Permission::PromoteOrHold),
        Event::MergeGroup => Permission::ReportOnly,
        Event::PullRequest => match origin {
            Origin::SameRepository => Permission::ReportOnly,
            Origin::Fork { repository } => Permission::Refused(Refusal::Fork {
                repository: repository.clone(),
                protected: protected.clone(),
            }),
            Origin::Unknown => Permission::Refused(Refusal::UnknownOrigin),
        },
        Event::PullRequestTarget => Permission::Refused(Refusal::PullRequestTarget),
        Event::WorkflowRun => Permission::Refused(Refusal::WorkflowRun),
        Event::Other(name) => Permission::Refused(Refusal::UnknownEvent { event: name.clone() }),
    }
}

/// Returns why a run on `full_ref` is no run of the protected branch.
fn belongs_to(full_ref: &str, protected: &BranchName) -> Option<Refusal> {
    if full_ref == protected.full_ref() {
        return None;
    }
    let protected = protected.clone();
    let is_tag = full_ref.starts_with("refs/tags/");
    let full_ref = full_ref.chars().take(300).collect();
    Some(if is_tag {
        Refusal::Tag { full_ref, protected }
    } else {
        Refusal::OtherBranch { full_ref, protected }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(event: &str, full_ref: &str, origin: &Origin) -> Permission {
        permission(&Event::named(event), full_ref, origin, &"main".parse().unwrap())
    }

    #[test]
    fn the_table() {
        let same = Origin::SameRepository;
        assert_eq!(may("push", "refs/heads/main", &same), Permission::AllVerdicts);
        for event in ["schedule", "workflow_dispatch"] {
            assert_eq!(may(event, "refs/heads/main", &same), Permission::PromoteOrHold);
        }
        assert_eq!(may("pull_request", "refs/pull/1/merge", &same), Permission::ReportOnly);
        let queue = "refs/heads/gh-readonly-queue/main/pr-1-0";
        assert_eq!(may("merge_group", queue, &same), Permission::ReportOnly);
    }

    #[test]
    fn what_is_refused() {
        let same = Origin::SameRepository;
        for (event, full_ref) in [
            ("push", "refs/heads/feature"),
            ("push", "refs/heads/feature/main"),
            ("push", "refs/heads/Main"),
            ("push", "refs/heads/main "),
            ("push", "refs/tags/main"),
            ("push", "main"),
            ("push", ""),
            ("schedule", "refs/heads/develop"),
            ("workflow_dispatch", "refs/tags/v1"),
            ("pull_request_target", "refs/heads/main"),
            ("workflow_run", "refs/heads/main"),
            ("Push", "refs/heads/main"),
            ("release", "refs/heads/main"),
            ("repository_dispatch", "refs/heads/main"),
            ("workflow_call", "refs/heads/main"),
            ("issue_comment", "refs/heads/main"),
            ("", "refs/heads/main"),
        ] {
            let may = may(event, full_ref, &same);
            assert!(matches!(may, Permission::Refused(_)), "{event} {full_ref}: {may:?}");
        }
    }

    #[test]
    fn a_fork_is_refused_whatever_its_branch_is_called() {
        for repository in [Some("stranger/app".to_owned()), None] {
            let origin = Origin::Fork { repository };
            let may = may("pull_request", "refs/heads/main", &origin);
            assert!(matches!(may, Permission::Refused(Refusal::Fork { .. })), "{may:?}");
        }
        let may = may("pull_request", "refs/pull/1/merge", &Origin::Unknown);
        assert_eq!(may, Permission::Refused(Refusal::UnknownOrigin));
    }

    #[test]
    fn a_tag_push_says_so() {
        let Permission::Refused(refusal) = may("push", "refs/tags/main", &Origin::Unknown) else {
            panic!("a tag called main was let in");
        };
        assert!(refusal.to_string().contains("the tag \"refs/tags/main\""), "{refusal}");
    }
}
