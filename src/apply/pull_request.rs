//! The rollback of a protected branch: a pull request with the same tree.
//!
//! 1. Look for the pull request of an earlier run: the branch is named after the failed commit. One
//!    that a person has closed is not opened again.
//! 2. Push the commit to that branch, unless it is there; never by force.
//! 3. Open the pull request. An answer that was lost, or another gate that was faster, is followed
//!    by looking again: nothing is opened twice.
//! 4. Label it, and note its number on the state branch. Neither is needed to go on.

use super::roll_back::{Restored, message};
use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::Pushed;
use crate::adapters::github::{GitHub, GitHubError, NewPull, Pull};
use crate::adapters::state_branch::{self, Observed};
use crate::config::PullRequests;
use crate::exit::OrFailed as _;
use crate::model::{BranchName, CommitSha};
use crate::plan::RollbackStep;
use crate::state::StateChange;

mod text;

/// The label of the pull requests.
const LABEL: &str = "tidegate-rollback";

/// Who opens pull requests with `GITHUB_TOKEN`.
const ACTIONS_BOT: &str = "github-actions[bot]";

/// How far the pull request of a rollback is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PullState {
    /// It was opened just now.
    Opened,
    /// It waits since an earlier run.
    Open,
    /// It was merged; the branch has come back to what failed since.
    Merged,
    /// A person has closed it without merging it.
    Declined,
}

/// A rollback of main that waits in a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The number of the pull request.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// How far it is.
    pub state: PullState,
    /// The branch that has the commit.
    pub branch: BranchName,
    /// The commit; `None` where nothing was pushed, since a person has decided already.
    pub commit: Option<CommitSha>,
    /// The commit whose tree is to come back.
    pub good: CommitSha,
    /// The subject of that commit.
    pub good_subject: String,
    /// The commit that failed.
    pub failed: CommitSha,
    /// Paths that differ from the good tree.
    pub kept: Vec<String>,
    /// What did not work, and does not matter for the rollback.
    pub warnings: Vec<String>,
}

impl Applier<'_> {
    /// Sees to it that there is one pull request. Returns `None` where the branch has moved.
    pub(super) async fn propose(
        &self,
        step: &RollbackStep,
        head: &CommitSha,
        reason: String,
    ) -> anyhow::Result<Option<Proposed>> {
        let github = match (self.config.rollback.pull_request, self.github) {
            (PullRequests::Auto, Some(github)) => github,
            (PullRequests::Auto, None) => {
                return Err(ApplyError::Protected {
                    branch: step.branch.to_string(),
                    reason,
                    instead: "without a token for GitHub no pull request can be opened",
                    mend: "give a token with `pull-requests: write` in TIDEGATE_TOKEN, or use a GitHub App that may push here (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md)",
                }
                .into());
            }
            (PullRequests::Never, _) => {
                return Err(ApplyError::Protected {
                    branch: step.branch.to_string(),
                    reason,
                    instead: "`rollback.pull_request` is `never`",
                    mend: "use a GitHub App that may push here (https://github.com/tidegate/tidegate/blob/main/docs/how-to/permissions-and-apps.md), or let `rollback.pull_request` be `auto`",
                }
                .into());
            }
        };
        let branch = proposal_branch(&step.failed, &self.config.state_branch)?;
        let known = newest(github.pulls_of(&branch, &step.branch).await?);
        let refs = self.git.fetch(&[&step.branch])?;
        if refs.branch(&step.branch) != Some(head) {
            return Ok(None);
        }
        let restored = self.restored_tree(step, head)?;
        let mut proposed = Proposed {
            number: 0,
            url: String::new(),
            state: PullState::Opened,
            branch,
            commit: None,
            good: step.good.clone(),
            good_subject: self.commit_subject(&step.good),
            failed: step.failed.clone(),
            kept: restored.kept.clone(),
            warnings: Vec::new(),
        };
        let pull = if let Some(pull) = known {
            proposed.state = state_of(&pull);
            // Whoever closed it has decided: nothing is pushed any more.
            if proposed.state == PullState::Open {
                proposed.commit =
                    Some(self.push_proposal(step, head, &restored, &proposed.branch)?);
            }
            pull
        } else {
            proposed.commit = Some(self.push_proposal(step, head, &restored, &proposed.branch)?);
            self.open(github, step, &mut proposed).await?
        };
        proposed.number = pull.number;
        proposed.url.clone_from(&pull.html_url);
        if pull.state == "open" {
            if let Err(error) = github.add_labels(pull.number, &[LABEL]).await {
                proposed.warnings.push(format!("the pull request has no label: {error}"));
            }
            if pull.user.is_some_and(|user| user.login == ACTIONS_BOT) {
                proposed.warnings.push(format!(
                    "pull request #{} was opened with GITHUB_TOKEN, for which GitHub starts no checks: close and reopen it, or use a GitHub App",
                    pull.number
                ));
            }
        }
        Ok(Some(proposed))
    }

    /// Pushes the commit to the branch of the pull request, on top of what is there.
    fn push_proposal(
        &self,
        step: &RollbackStep,
        head: &CommitSha,
        restored: &Restored,
        branch: &BranchName,
    ) -> anyhow::Result<CommitSha> {
        let (git, tree) = (self.git, &restored.tree);
        let message = message(step, &restored.kept, false);
        for _ in 0..TRIES {
            let refs = git.fetch(&[branch])?;
            let at = refs.branch(branch);
            let parents = match at {
                None => vec![head],
                Some(at) if !git.is_ancestor(head, at)? => vec![at, head],
                Some(at) if git.commit(at)?.tree == *tree => return Ok(at.clone()),
                Some(at) => vec![at],
            };
            let commit = git.write_commit(tree, &parents, &message, self.signer())?;
            match git.push(branch, at, &commit)? {
                Pushed::Done => return Ok(commit),
                Pushed::Moved { .. } => {}
                Pushed::Refused { reason } => {
                    return Err(ApplyError::Refused { branch: branch.to_string(), reason }.into());
                }
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {branch}") }.into())
    }

    /// Opens the pull request, or finds it where that has happened all the same.
    async fn open(
        &self,
        github: &GitHub,
        step: &RollbackStep,
        proposed: &mut Proposed,
    ) -> anyhow::Result<Pull> {
        let new = NewPull {
            title: text::title(step),
            head: proposed.branch.clone(),
            base: step.branch.clone(),
            body: text::body(self.git, step, proposed),
        };
        let error = match github.create_pull(&new).await {
            Ok(pull) => return Ok(pull),
            Err(error) => error,
        };
        let refused = matches!(error, GitHubError::Refused { .. });
        if (refused || error.may_have_been_applied())
            && let Some(pull) = newest(github.pulls_of(&proposed.branch, &step.branch).await?)
        {
            // Ours, or that of a gate that was faster: nobody can tell, and it does not matter.
            if pull.state != "open" {
                proposed.state = state_of(&pull);
            }
            return Ok(pull);
        }
        let branch = &proposed.branch;
        let (hint, error) = (
            format!(
                "open it by hand from branch {branch}; GITHUB_TOKEN needs `pull-requests: write`, and the setting \"Allow GitHub Actions to create and approve pull requests\""
            ),
            anyhow::Error::new(error).context(format!(
                "{} is protected, and the pull request of its rollback (branch {branch}) could not be opened",
                step.branch
            )),
        );
        Err(error).or_hint(hint)
    }

    /// Notes the number of the pull request beside the quarantine, so that `status` can tell it
    /// without asking GitHub. The rollback does not depend on it.
    pub(super) fn note_pull(&self, observed: &mut Observed, proposed: &mut Proposed) {
        if let Err(error) = self.try_to_note(observed, proposed) {
            proposed.warnings.push(format!("the pull request could not be noted: {error:#}"));
        }
    }

    fn try_to_note(&self, observed: &mut Observed, proposed: &Proposed) -> anyhow::Result<()> {
        let branch = &self.config.state_branch;
        for _ in 0..TRIES {
            // A quarantine that a person has lifted stays lifted.
            let Some(mut quarantine) = observed.state.quarantines.get(&proposed.failed).cloned()
            else {
                return Ok(());
            };
            match &mut quarantine.rollback {
                Some(note) if note.pull_request != Some(proposed.number) => {
                    note.pull_request = Some(proposed.number);
                }
                Some(_) | None => return Ok(()),
            }
            let change = StateChange { quarantine: Some(quarantine), ..StateChange::default() };
            if let Some(written) = self.write_state(observed, &change)? {
                *observed = written;
                return Ok(());
            }
            let refs = self.git.fetch(&[branch])?;
            *observed = state_branch::read(self.git, refs.branch(branch))?;
        }
        Err(ApplyError::LostRace { what: format!("branch {branch}") }.into())
    }
}

/// The branch of the pull request: the same one for the same failed commit. Another release set, told
/// by its state branch, has its own: it restores other files.
fn proposal_branch(failed: &CommitSha, state: &BranchName) -> anyhow::Result<BranchName> {
    Ok(format!("{state}-rollback-{}", &failed.as_str()[..12]).parse()?)
}

/// The open one, else the newest one.
fn newest(pulls: Vec<Pull>) -> Option<Pull> {
    let mut pulls = pulls;
    let at = pulls.iter().position(|pull| pull.state == "open").unwrap_or(0);
    (at < pulls.len()).then(|| pulls.swap_remove(at))
}

fn state_of(pull: &Pull) -> PullState {
    match (pull.state.as_str(), &pull.merged_at) {
        ("open", _) => PullState::Open,
        (_, Some(_)) => PullState::Merged,
        (_, None) => PullState::Declined,
    }
}
