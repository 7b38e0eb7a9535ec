//! What came of it, as `--json` prints it.

use serde::Serialize;

use super::good;
use crate::adapters::git::{GitError, diff};
use crate::commands::session::Session;
use crate::doctor::Finding;
use crate::init::handwritten::{HandWritten, Left, Replacement};
use crate::init::{Change, Design, Existing, FileChange, Job, Survey};

/// The name and version of the form.
pub(super) const SCHEMA: &str = "tidegate/init/1";

/// What was found, what would be written, and what was.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether anything was written.
    pub(super) written: bool,
    /// `owner/name` on GitHub.
    pub(super) repository: Option<String>,
    /// The protected branch.
    pub(super) branch: String,
    /// The release set.
    pub(super) images: Vec<ImageReport>,
    /// The jobs that the gate needs, besides the one that builds.
    pub(super) jobs: Vec<JobReport>,
    /// A ledger that was there.
    pub(super) ledger: Option<LedgerReport>,
    /// A Streamlit app.
    pub(super) streamlit: Option<StreamlitReport>,
    /// A workflow that releases by hand-written steps.
    pub(super) handwritten: Option<HandWrittenReport>,
    /// What was left out, and why.
    pub(super) remarks: Vec<String>,
    /// The files.
    pub(super) files: Vec<FileReport>,
    /// What `doctor` says about the result; empty where nothing was written.
    pub(super) findings: Vec<Finding>,
}

/// An image.
#[derive(Debug, Serialize)]
pub(super) struct ImageReport {
    pub(super) image: String,
    pub(super) context: String,
    pub(super) dockerfile: String,
    pub(super) target: Option<String>,
}

/// A job.
#[derive(Debug, Serialize)]
pub(super) struct JobReport {
    pub(super) id: String,
    /// What it runs after what it installs.
    pub(super) commands: Vec<String>,
    /// The same as people would type it, with the folder.
    #[serde(skip)]
    pub(super) shown: Vec<String>,
}

/// A ledger.
#[derive(Debug, Serialize)]
pub(super) struct LedgerReport {
    pub(super) path: String,
    pub(super) entries: usize,
    /// The commit that a failure would go back to.
    pub(super) last_good: Option<String>,
}

/// A Streamlit app.
#[derive(Debug, Serialize)]
pub(super) struct StreamlitReport {
    pub(super) file: Option<String>,
}

/// A workflow that releases by hand-written steps.
#[derive(Debug, Serialize)]
pub(super) struct HandWrittenReport {
    pub(super) path: String,
    /// Whether it can be rewritten.
    pub(super) rewritable: bool,
    pub(super) replacements: Vec<ReplacementReport>,
    /// What is left to a person.
    pub(super) left: Vec<LeftReport>,
}

/// Lines that go, and what replaces them.
#[derive(Debug, Serialize)]
pub(super) struct ReplacementReport {
    pub(super) job: Option<String>,
    pub(super) first_line: usize,
    pub(super) last_line: usize,
    pub(super) text: String,
    pub(super) does: &'static str,
    pub(super) breaks: &'static str,
    pub(super) instead: &'static str,
}

/// Something that a person has to do.
#[derive(Debug, Serialize)]
pub(super) struct LeftReport {
    pub(super) job: Option<String>,
    pub(super) first_line: Option<usize>,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) todo: String,
}

impl HandWrittenReport {
    fn new(found: &HandWritten) -> Self {
        let replacement = |own: &Replacement| ReplacementReport {
            job: own.job.clone(),
            first_line: *own.lines.start(),
            last_line: *own.lines.end(),
            text: own.text.clone(),
            does: own.does,
            breaks: own.breaks,
            instead: own.instead,
        };
        let left = |own: &Left| LeftReport {
            job: own.job.clone(),
            first_line: own.lines.as_ref().map(|lines| *lines.start()),
            what: own.what.clone(),
            why: own.why.clone(),
            todo: own.todo.clone(),
        };
        Self {
            path: found.path.clone(),
            rewritable: found.rewritten.is_some(),
            replacements: found.replacements.iter().map(replacement).collect(),
            left: found.left.iter().map(left).collect(),
        }
    }
}

/// A file.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    pub(super) path: String,
    pub(super) change: Change,
    pub(super) written: bool,
    pub(super) diff: String,
    /// Whether it is to be written.
    #[serde(skip)]
    pub(super) wanted: bool,
    #[serde(skip)]
    pub(super) text: String,
    /// What the file said when it was looked at.
    #[serde(skip)]
    pub(super) old: Option<String>,
}

impl Report {
    /// Puts together what is known before anything is written.
    pub(super) fn new(
        session: &Session,
        survey: &Survey,
        design: &Design,
        changes: Vec<FileChange>,
        force: bool,
    ) -> anyhow::Result<Self> {
        let ledger = match &design.ledger {
            Some(own) => Some(LedgerReport {
                path: own.path.clone(),
                entries: own.entries,
                last_good: good::find(session, survey, design, &own.path)?,
            }),
            None => None,
        };
        let handwritten = match &design.existing {
            Some(Existing::HandWritten(found)) => Some(HandWrittenReport::new(found)),
            Some(Existing::Gate { .. }) | None => None,
        };
        let files = changes.into_iter().map(|own| FileReport::new(own, force));
        let images = design.builds.iter().map(|own| ImageReport {
            image: own.image.to_string(),
            context: own.context.clone(),
            dockerfile: own.dockerfile.clone(),
            target: own.target.clone(),
        });
        let streamlit = design.streamlit.as_ref();
        Ok(Self {
            written: false,
            repository: design.repository.clone(),
            branch: design.branch.to_string(),
            images: images.collect(),
            jobs: jobs(design),
            ledger,
            streamlit: streamlit.map(|own| StreamlitReport { file: own.file.clone() }),
            handwritten,
            remarks: design.remarks.clone(),
            files: files.collect::<Result<_, _>>()?,
            findings: Vec::new(),
        })
    }

    /// Tells whether anything is to be written.
    pub(super) fn has_work(&self) -> bool {
        self.files.iter().any(|file| file.wanted)
    }
}

impl FileReport {
    fn new(own: FileChange, force: bool) -> Result<Self, GitError> {
        let wanted = super::wants(&own, force);
        let (path, text) = (own.file.path, own.file.text);
        let diff = diff::unified(&path, own.old.as_deref().unwrap_or_default(), &text)?;
        let diff = match &own.old {
            Some(_) => diff,
            None => diff.replacen(&format!("--- a/{path}\n"), "--- /dev/null\n", 1),
        };
        Ok(Self { path, change: own.change, written: false, diff, wanted, text, old: own.old })
    }
}

/// What the gate needs; of the jobs of a workflow that was there only their names are known.
fn jobs(design: &Design) -> Vec<JobReport> {
    let named = |id: &String| JobReport { id: id.clone(), commands: Vec::new(), shown: Vec::new() };
    match &design.existing {
        Some(existing) => existing.needs().iter().map(named).collect(),
        None => design.jobs.iter().map(job).collect(),
    }
}

fn job(job: &Job) -> JobReport {
    let own = || job.steps.iter().filter(|step| !step.name.starts_with("Install"));
    let commands = own().flat_map(|step| step.run.clone()).collect();
    let shown =
        own().flat_map(|step| step.run.iter().map(|run| typed(run, &step.folder))).collect();
    JobReport { id: job.id.to_owned(), commands, shown }
}

/// A command without the place of its report, which is of use in the workflow only.
fn typed(run: &str, folder: &str) -> String {
    let command = run.split(" --junitxml=").next().unwrap_or(run);
    if folder.is_empty() { command.to_owned() } else { format!("{command}, in {folder}") }
}
