//! What shall be gated.

use std::collections::BTreeSet;

use super::error::InitError;
use super::existing::Existing;
use super::ledger::LedgerFound;
use super::probes::Proposal;
use super::quote::has_expression;
use super::survey::Survey;
use super::{dbt, existing, images, languages, ledger, linters};
use crate::config::Config;
use crate::model::{BranchName, ImageRef};
use crate::pin;

/// What a person has said.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The protected branch.
    pub branch: Option<BranchName>,
    /// The names of the images.
    pub images: Vec<ImageRef>,
    /// The labels of images that are not released.
    pub without: BTreeSet<String>,
    /// How the repository is tested.
    pub test: Option<String>,
    /// The action that generated workflows use, `owner/name@ref`.
    pub action: Option<String>,
}

/// An image of the release set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// A word for people: the service or the folder.
    pub label: String,
    /// What it is called.
    pub image: ImageRef,
    /// The folder that is built.
    pub context: String,
    /// The Dockerfile, from the root; or the workflow that builds it already.
    pub dockerfile: String,
    /// The stage.
    pub target: Option<String>,
    /// What could be asked of it before it is promoted.
    pub probe: Option<Proposal>,
}

/// A language that a job needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setup {
    /// Python, of a version or of the version that a file says.
    Python(Version),
    /// Node.js, likewise.
    Node(Version),
}

/// Which version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// This one.
    Fixed(String),
    /// What the file at this path says.
    Of(String),
}

/// A step that runs something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The folder it runs in; the root is empty.
    pub folder: String,
    /// The lines of the script.
    pub run: Vec<String>,
    /// The environment: names, and values as they are.
    pub env: Vec<(String, String)>,
}

/// A job that has to succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id, which the gate's `needs` has.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What is set up first.
    pub setups: Vec<Setup>,
    /// What runs, in this order.
    pub steps: Vec<Step>,
}

/// Test reports that the gate reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The pattern of their paths.
    pub path: &'static str,
    /// The job that writes them.
    pub job: &'static str,
}

/// A Streamlit app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streamlit {
    /// Its main file, where one is known.
    pub file: Option<String>,
}

/// What shall be gated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    /// `owner/name` on GitHub.
    pub repository: Option<String>,
    /// The protected branch.
    pub branch: BranchName,
    /// The ledger that is there already.
    pub ledger: Option<LedgerFound>,
    /// The images.
    pub builds: Vec<Build>,
    /// The jobs before the images: tests, linters, dbt.
    pub jobs: Vec<Job>,
    /// The test reports.
    pub report: Option<Report>,
    /// A Streamlit app.
    pub streamlit: Option<Streamlit>,
    /// The workflow that releases already; no other is written then.
    pub existing: Option<Existing>,
    /// What stands behind `uses:` for this project's action, with its comment.
    pub action: String,
    /// What was left out, and why.
    pub remarks: Vec<String>,
}

impl Design {
    /// Returns the path of the ledger.
    pub fn ledger_path(&self) -> String {
        self.ledger.as_ref().map_or_else(|| Config::default().ledger.path, |own| own.path.clone())
    }

    /// Returns how it is tested: the last command of the job `tests`.
    pub fn test_command(&self) -> Option<&str> {
        let tests = self.jobs.iter().find(|job| job.id == "tests")?;
        tests.steps.last()?.run.last().map(String::as_str)
    }
}

/// Decides what shall be gated.
///
/// # Errors
/// Nobody knows how the repository is tested or what its images are called, or what a person has
/// said does not fit.
pub fn design(survey: &Survey, wishes: &Wishes) -> Result<Design, InitError> {
    check(wishes)?;
    let mut remarks = Vec::new();
    if survey.cut_off {
        remarks.push("there are more files than were looked at".to_owned());
    }
    let branch = branch(survey, wishes)?;
    let ledger = ledger::find(survey);
    let action = action(wishes);
    let config = config(survey, &branch, ledger.as_ref());
    let existing = existing::find(survey, &config, &action, &mut remarks);
    let named = existing.as_ref().and_then(|own| existing::images(own, survey, wishes));
    let builds = match named {
        Some(builds) => builds,
        None => images::builds(survey, wishes, &mut remarks)?,
    };
    if let Some(Existing::HandWritten(found)) = &existing
        && let (true, Some(image)) = (builds.is_empty(), found.images.first())
    {
        let path = &found.path;
        remarks.push(format!(
            "{path} pushes {image}, whose name is not known here: say it with --image, or no image is promoted"
        ));
    }
    let (jobs, report) = match existing {
        Some(_) => (Vec::new(), None),
        None => jobs(survey, wishes, &mut remarks)?,
    };
    Ok(Design {
        repository: survey.repository.clone(),
        branch,
        ledger,
        builds,
        jobs,
        report,
        streamlit: languages::streamlit(survey),
        existing,
        action,
        remarks,
    })
}

/// The configuration that a workflow is judged by.
fn config(survey: &Survey, branch: &BranchName, ledger: Option<&LedgerFound>) -> Config {
    let mut config = survey.config.clone().unwrap_or_default();
    config.branch = branch.clone();
    if let Some(ledger) = ledger {
        config.ledger.path.clone_from(&ledger.path);
    }
    config
}

fn jobs(
    survey: &Survey,
    wishes: &Wishes,
    remarks: &mut Vec<String>,
) -> Result<(Vec<Job>, Option<Report>), InitError> {
    let tested = languages::tests(survey, wishes.test.as_deref(), remarks);
    let quality = linters::job(survey, remarks);
    let dbt = dbt::job(survey, remarks);
    let (tests, report) = match tested {
        Some((job, report)) => (Some(job), report),
        None => (None, None),
    };
    if tests.is_none() && dbt.is_none() {
        return Err(InitError::NoTests);
    }
    Ok((tests.into_iter().chain(quality).chain(dbt).collect(), report))
}

fn check(wishes: &Wishes) -> Result<(), InitError> {
    let unfit = |what, given: &str, why| InitError::Unfit {
        what,
        given: given.chars().take(80).collect(),
        why,
    };
    let why = "has an expression; GitHub would put its value into the script";
    if let Some(test) = wishes.test.as_deref().filter(|test| has_expression(test)) {
        return Err(unfit("the test command", test, why));
    }
    let odd = |c: char| c.is_control() && c != '\n';
    if let Some(test) = &wishes.test
        && (test.trim().is_empty() || test.contains(odd))
    {
        return Err(unfit("the test command", test, "is empty, or has control characters"));
    }
    let twice =
        wishes.images.iter().enumerate().find(|(at, own)| wishes.images[..*at].contains(own));
    if let Some((_, image)) = twice {
        return Err(unfit("the image", &image.to_string(), "is there twice"));
    }
    let Some(action) = &wishes.action else { return Ok(()) };
    let part = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let fits = action.split_once('@').is_some_and(|(name, at)| {
        let names: Vec<&str> = name.split('/').collect();
        names.len() == 2 && names.into_iter().all(part) && at.split('/').all(part)
    });
    if fits { Ok(()) } else { Err(unfit("the action", action, "is not OWNER/NAME@REF")) }
}

fn branch(survey: &Survey, wishes: &Wishes) -> Result<BranchName, InitError> {
    let configured = || survey.config.as_ref().map(|config| config.branch.clone());
    let seen = || survey.branch.as_deref().and_then(|name| name.parse().ok());
    let branch = wishes.branch.clone().or_else(configured).or_else(seen);
    let branch = branch.unwrap_or_else(|| Config::default().branch);
    if has_expression(branch.as_str()) {
        return Err(InitError::Unfit {
            what: "the branch",
            given: branch.to_string(),
            why: "has the form of an expression",
        });
    }
    Ok(branch)
}

fn action(wishes: &Wishes) -> String {
    match &wishes.action {
        Some(action) => action.clone(),
        None => format!("{}@{} # {}", pin::ACTION, pin::COMMIT, pin::VERSION),
    }
}
