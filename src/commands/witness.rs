//! GitHub as a witness: how every command asks it about runs (promise 6).

use super::session::{Session, block_on};
use crate::adapters::github::GitHub;
use crate::evidence::good::GoodSearch;
use crate::evidence::runs::Corroboration;
use crate::model::CommitSha;
use crate::observe::runs::workflow_file::WorkflowFile;
use crate::observe::runs::{Required, Runs, Workflow, workflow_file};
use crate::policy::last_good;
use crate::state::State;

impl Session {
    /// Makes what asks about runs; nothing is asked yet.
    pub(super) fn runs<'a>(&self, github: Option<&'a GitHub>, state: &State) -> Runs<'a> {
        let own = self.run.as_ref().map(|run| run.identity.id);
        let named = self.run.as_ref().and_then(|run| run.workflow_path.clone());
        let workflow = match (named, own) {
            (Some(path), _) => Workflow::Path(path),
            (None, Some(own)) => Workflow::OfRun(own),
            // A person: the workflow is the one that has made the newest promotion, else the only one
            // here that runs tidegate. Data alone may come from a workflow of its own.
            (None, None) => {
                let promotions =
                    state.records.values().rev().filter(|record| record.kind.is_promotion());
                match promotions.map(|record| record.run.id).find(|id| *id != 0) {
                    Some(id) => Workflow::OfRun(id),
                    None => self.only_gate().map_or(Workflow::Unknown, Workflow::Path),
                }
            }
        };
        Runs::new(github, self.config.branch.clone(), workflow, own)
    }

    /// Returns the path of the only workflow of HEAD that runs tidegate.
    fn only_gate(&self) -> Option<String> {
        const FOLDER: &str = ".github/workflows";
        let head = self.git.commit(&self.git.local_commit("HEAD")?).ok()?;
        let files = self.git.folder(&head.tree, FOLDER).ok()?;
        let mut gates = files.into_iter().filter(|(_, bytes)| {
            let file = WorkflowFile::parse(bytes);
            file.is_some_and(|file| file.jobs().any(|(_, job)| job.gate))
        });
        let (name, _) = gates.next()?;
        gates.next().is_none().then(|| format!("{FOLDER}/{name}"))
    }

    /// Says which jobs had to pass for a commit: those that its own configuration names, else those
    /// that the gate needs, in this run or in the commit's workflow file.
    pub(super) fn required(&self, needs: &[String], commit: &CommitSha, path: &str) -> Required {
        let file = workflow_file(&self.git, commit, path);
        let config = self.config_at(commit).unwrap_or_else(|_| self.config.clone());
        let configured = config.require.jobs;
        // Whether the code is good does not depend on the job that makes the data.
        let data_job = config.data.and_then(|data| data.job);
        let without_data = |mut jobs: Vec<String>| {
            jobs.retain(|job| data_job.as_ref() != Some(job));
            jobs
        };
        let here = self.run.as_ref().and_then(|run| run.job.as_deref());
        let jobs = configured.or_else(|| {
            let needs = (self.run.is_some() && !needs.is_empty()).then(|| needs.to_vec());
            let needs = needs.or_else(|| file.as_ref().and_then(|file| file.gate_needs(here)));
            needs.map(without_data)
        });
        Required { jobs, file }
    }

    /// Asks GitHub about what only the ledger calls good, where there is a token for it; what it
    /// finds goes into `search`. For a person, who does not wait for a server that is down; `requests`
    /// limits how many are sent.
    pub(super) fn corroborate(
        &self,
        state: &State,
        search: &mut GoodSearch,
        requests: Option<u64>,
    ) -> anyhow::Result<Option<Corroboration>> {
        let hint = last_good::choose(search).is_some_and(|good| !good.witness.is_authority());
        if !hint {
            return Ok(None);
        }
        block_on(async {
            let Some(github) = self.impatient_github()? else { return Ok(None) };
            let mut runs = self.runs(Some(&github), state);
            if let Some(requests) = requests {
                runs = runs.at_most(requests);
            }
            let required = |commit: &CommitSha, path: &str| self.required(&[], commit, path);
            Ok(Some(runs.corroborate(search, &required).await))
        })
    }

    /// The same for commands that only show something: what GitHub did not say is a warning. Returns
    /// whether it did not answer.
    pub(super) fn corroborate_shown(
        &self,
        state: &State,
        search: &mut GoodSearch,
        requests: Option<u64>,
    ) -> bool {
        let said = match self.corroborate(state, search, requests) {
            Ok(said) => said.unwrap_or_default(),
            Err(error) => Corroboration {
                unanswered: Some(super::status::look::said(error)),
                ..Corroboration::default()
            },
        };
        let unfinished = said.unfinished.iter();
        search.warnings.extend(
            unfinished.map(|commit| {
                format!("the run of {} is running again: wait for it", commit.short())
            }),
        );
        let silent = said.unanswered.is_some();
        search.warnings.extend(
            said.unanswered
                .map(|why| format!("GitHub did not answer, so this is not known: {why}")),
        );
        silent
    }
}
