//! Makes and checks the data of a candidate, or finds what another job has made: once for the commit,
//! however often the world is observed again because something moved meanwhile.

use std::sync::Arc;

use jiff::Timestamp;

use crate::adapters::store::Container;
use crate::apply::{self, Snapshots};
use crate::commands::session::Session;
use crate::commands::status::look::said;
use crate::config::{Config, DataConfig};
use crate::data::{DataPlace, Prepared, PublishedVersion, ReleasedData};
use crate::evidence::data::DataEvidence;
use crate::evidence::jobs::{Conclusion, JobResult};
use crate::exit::{Exit, Failed};
use crate::model::{CommitSha, DataVersion};
use crate::observe;
use crate::observe::data::Preparation;
use crate::policy::{self, Decision};
use crate::state::State;

/// The data of one command. Its snapshot is kept as long as this is.
pub(in crate::commands) struct Making<'a> {
    say: &'a (dyn Fn(&str) + Send + Sync),
    line: &'a (dyn Fn(&str) + Send + Sync),
    /// Whether data is made: a plan changes nothing, and steps change the team's own database.
    makes: bool,
    done: Option<(CommitSha, DataEvidence)>,
    files: Checked,
}

/// The files that were checked, for whoever uploads them. They are there as long as this is.
#[derive(Default)]
pub(in crate::commands) struct Checked {
    /// Where they are.
    pub(in crate::commands) snapshots: Snapshots,
    scratch: Option<tempfile::TempDir>,
}

/// Who has made the data, where another job has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum Made {
    /// Nobody yet.
    Nobody,
    /// It is in the store.
    Uploaded(DataVersion),
    /// The job that `data.job` names gave no version, and why.
    No {
        /// In words.
        why: String,
        /// Whether it conclusively failed.
        failed: bool,
    },
}

impl Made {
    /// Returns the version that another job has made, where the configuration has a place for it.
    pub(super) fn named(&self, config: &Config) -> Option<&DataVersion> {
        match self {
            Self::Uploaded(version) => config.data.is_some().then_some(version),
            Self::Nobody | Self::No { .. } => None,
        }
    }
}

/// Returns the version that is released alone, since its commit is live already; warns of data that
/// is not released although somebody may expect it.
pub(super) fn alone(
    session: &Session,
    decision: &mut Decision,
    state: &State,
    made: &Made,
) -> Option<DataVersion> {
    let config = &session.config;
    let why = match made {
        Made::Uploaded(version) => {
            let named = made.named(config)?;
            if policy::is_data_of_live_code(decision, state, named) {
                return Some(version.clone());
            }
            policy::left_out_data(decision, state, named)
        }
        Made::No { why, .. } => policy::no_new_data(decision, config, state, Some(why)),
        Made::Nobody => policy::no_new_data(decision, config, state, None),
    };
    decision.warnings.extend(why);
    None
}

impl<'a> Making<'a> {
    /// Nothing was made yet; `say` tells people what goes on, and `line` what the steps say.
    pub(in crate::commands) fn new(
        say: &'a (dyn Fn(&str) + Send + Sync),
        line: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Self {
        Self { say, line, makes: true, done: None, files: Checked::default() }
    }

    /// Looks at data that was made already, and makes none.
    pub(in crate::commands) fn looking(say: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        Self { makes: false, ..Self::new(say, &|_| {}) }
    }

    /// Where the files are that were checked.
    pub(in crate::commands) fn snapshots(&self) -> &Snapshots {
        &self.files.snapshots
    }

    /// Returns the files that were checked, when nothing more is to be made.
    pub(in crate::commands) fn finish(self) -> Checked {
        self.files
    }

    /// Makes and checks the data by the session's configuration, which is the candidate's. What goes
    /// wrong is evidence: nobody knows then whether the data is fit.
    pub(in crate::commands) async fn run(
        &mut self,
        session: &Session,
        commit: &CommitSha,
        made: &Made,
    ) -> DataEvidence {
        if let Some((done, found)) = &self.done
            && done == commit
        {
            return found.clone();
        }
        let found = match self.find(session, commit, made).await {
            Ok(found) => found,
            Err(error) => DataEvidence::Unknown { why: said(error) },
        };
        self.done = Some((commit.clone(), found.clone()));
        found
    }

    async fn find(
        &mut self,
        session: &Session,
        commit: &CommitSha,
        made: &Made,
    ) -> anyhow::Result<DataEvidence> {
        let (data, place) = configured(session)?;
        let environment = Arc::new(session.lookup());
        let open = || apply::container(&place, &session.config, environment.clone());
        match made {
            Made::No { why, failed: true } => Ok(DataEvidence::Failed { why: why.clone() }),
            Made::No { why, failed: false } => Ok(DataEvidence::Unknown { why: why.clone() }),
            Made::Uploaded(version) => uploaded(&open()?, place.clone(), version).await,
            Made::Nobody if !self.makes => Ok(DataEvidence::Unknown {
                why: "a plan makes no data; name it with `--data-version`".to_owned(),
            }),
            Made::Nobody => {
                if let Some(why) = other_tree(session, commit) {
                    return Ok(DataEvidence::Unknown { why });
                }
                let container = open()?;
                let prepared = self.prepare(session, data, &container).await?;
                let candidate = candidate(session, data, &place, commit, &prepared);
                if let (Some(own), Some(snapshot)) = (&candidate, &prepared.snapshot)
                    && prepared.unchanged.is_none()
                {
                    let file = snapshot.file.clone().into();
                    self.files.snapshots.insert(own.version.sha256.clone(), file);
                }
                Ok(DataEvidence::Prepared {
                    prepared: Box::new(prepared),
                    candidate: candidate.map(Box::new),
                })
            }
        }
    }

    async fn prepare(
        &mut self,
        session: &Session,
        data: &DataConfig,
        container: &Container,
    ) -> anyhow::Result<Prepared> {
        let served = observe::data::served(container).await?;
        let scratch = tempfile::tempdir()?;
        let lookup = session.lookup();
        let redactor = session.redactor();
        let served = served.as_ref().map(|(pointer, _)| pointer);
        let mut prepared = observe::data::prepare(&Preparation {
            database: None,
            config: data,
            root: &session.root,
            scratch: scratch.path(),
            environment: &lookup,
            redactor: &redactor,
            served,
            steps: true,
            publish: true,
            now: Timestamp::now(),
            say: self.say,
            line: self.line,
        })
        .await?;
        if let Some((_, _, file)) = data.database() {
            observe::data::match_served(container, served, file, &mut prepared).await?;
        }
        self.files.scratch = Some(scratch);
        Ok(prepared)
    }
}

/// Returns the configuration of the database, and where it is served.
///
/// # Errors
/// [`Exit::Usage`] where there is none.
pub(in crate::commands) fn configured(
    session: &Session,
) -> anyhow::Result<(&DataConfig, DataPlace)> {
    let data = session.config.data.as_ref();
    let place = data.and_then(|data| Some((data, data.place()?)));
    place.ok_or_else(|| {
        Failed::new(Exit::Usage, "the configuration has no published database")
            .with_hint(
                "give a layer of `data.layers` the key `file`, or leave the data version out",
            )
            .into()
    })
}

/// Says why the work tree does not show the tested commit, where it does not: its data would not
/// be that of the commit.
fn other_tree(session: &Session, commit: &CommitSha) -> Option<String> {
    let git = &session.git;
    let head = git.workdir().and_then(|_| git.local_commit("HEAD"));
    let shows = head.as_ref().is_some_and(|head| {
        head == commit
            || git.effective_head(head, &session.config.ledger.path).is_ok_and(|own| own == *commit)
    });
    (!shows).then(|| {
        let found = head.map_or_else(|| "no work tree".to_owned(), |head| head.short().to_owned());
        format!(
            "the data of {} is made in its work tree, and {found} is checked out; check the commit out first, or let a job make it with `tidegate sync --candidate`",
            commit.short()
        )
    })
}

/// Finds a version that another job has checked and uploaded.
async fn uploaded(
    container: &Container,
    place: DataPlace,
    version: &DataVersion,
) -> anyhow::Result<DataEvidence> {
    let Some(found) = observe::data::version(container, version).await? else {
        let why = format!(
            "{version} is not in {place}; `tidegate sync --candidate` checks and uploads it, and says its name"
        );
        return Ok(DataEvidence::Unknown { why });
    };
    apply::data::check_version(container, &found).await?;
    Ok(DataEvidence::Uploaded { candidate: Box::new(ReleasedData { place, version: found }) })
}

/// Returns what would be published.
fn candidate(
    session: &Session,
    data: &DataConfig,
    place: &DataPlace,
    commit: &CommitSha,
    prepared: &Prepared,
) -> Option<ReleasedData> {
    let (_, _, file) = data.database()?;
    let version = PublishedVersion::of(prepared, file, Some(commit.clone()), session.now)?;
    Some(ReleasedData { place: place.clone(), version })
}

/// Takes the job that `data.job` names out of the results: whether the code is good does not depend
/// on it.
pub(super) fn take_data_job(config: &Config, results: &mut Vec<JobResult>) -> Option<JobResult> {
    let name = config.data.as_ref()?.job.as_ref()?;
    let required = config.require.jobs.iter().flatten().any(|job| job == name);
    let at = results.iter().position(|job| job.name == *name)?;
    Some(if required { results[at].clone() } else { results.remove(at) })
}

/// Says who has made the data: the option, the job of the configuration, or any job that passed and
/// names a version.
///
/// # Errors
/// [`Exit::BadInput`] where an output is no version, or two jobs name two.
pub(super) fn made(
    session: &Session,
    given: Option<&DataVersion>,
    job: Option<&JobResult>,
    results: &[JobResult],
) -> anyhow::Result<Made> {
    if let Some(version) = given {
        return Ok(Made::Uploaded(version.clone()));
    }
    let named = session.config.data.as_ref().and_then(|data| data.job.as_ref());
    let jobs = match (named, job) {
        (Some(_), Some(job)) if job.conclusion == Conclusion::Success => std::slice::from_ref(job),
        (Some(name), Some(job)) => {
            let failed = job.conclusion == Conclusion::Failure;
            let why = format!("job {name} ended with {}; its log says more", job.conclusion);
            return Ok(Made::No { why, failed });
        }
        (Some(name), None) => {
            let why = format!("job {name} of `data.job` is not among the gate's `needs`");
            return Ok(Made::No { why, failed: false });
        }
        (None, _) => results,
    };
    match (observe::jobs::data_version(jobs)?, named) {
        (Some(version), _) => Ok(Made::Uploaded(version)),
        (None, Some(name)) => {
            let why = format!(
                "job {name} has no output `data-version`; hand on that of `tidegate sync --candidate`"
            );
            Ok(Made::No { why, failed: false })
        }
        (None, None) => Ok(Made::Nobody),
    }
}
