//! What a gate tells: people on the terminal, GitHub Actions, and programs.

use std::io;

use serde::Serialize;

use super::announce;
use super::bake::Baked;
use super::session::Session;
use super::situation::Situation;
use crate::actions::Run;
use crate::actions::commands::{Annotation, Level, annotate};
use crate::actions::step_files::{append_outputs, append_summary};
use crate::apply::{Applied, Completion};
use crate::evidence::data::DataEvidence;
use crate::evidence::probes::ProbeEvidence;
use crate::exit::Exit;
use crate::output::{Output, bad, clean, dim, good, strong, warn};
use crate::policy::{Reason, Verdict};
use crate::state::Record;

mod completed;
mod data;
mod data_alone;
mod left;
mod probes;
mod proposed;
mod retry;
mod summary;

pub(super) use crate::notice::recovery;
pub(super) use completed::show_completion;
pub(super) use data_alone::DataAlone;
pub(super) use left::Left;
pub(super) use probes::details as details_of_probes;
pub(super) use proposed::{PullRequestText, show_waiting};
pub(super) use retry::RetryText;

/// What a gate found and did, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The verdict.
    pub(super) verdict: Verdict,
    /// `false` for pull requests: it was only a report.
    pub(super) binding: bool,
    /// The commit that it is about.
    pub(super) commit: String,
    /// Why.
    pub(super) reasons: Vec<ReasonText>,
    /// What the probes of the candidate found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) probes: Vec<ProbeEvidence>,
    /// What was found of the data.
    #[serde(skip_serializing_if = "is_not_run")]
    pub(super) data: DataEvidence,
    /// What decides nothing.
    pub(super) warnings: Vec<String>,
    /// The number of the release that is live.
    pub(super) release: u64,
    /// The record that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<Record>,
    /// The rollback that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rolled_back: Option<RolledBackText>,
    /// The retry that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<RetryText>,
    /// What failed in an earlier attempt of the run and passed in this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) flaky: Vec<String>,
    /// The pull request that the rollback waits in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pull_request: Option<PullRequestText>,
    /// What was completed, and what is pending.
    pub(super) completion: Completion,
    /// The failure of a commit above that was decided besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<Left>,
    /// What came of data that was named for a commit that is live already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_alone: Option<DataAlone>,
    /// Who was told of what: the channel and the notice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<String>,
    /// What came of watching the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bake: Option<Baked>,
}

fn is_not_run(data: &DataEvidence) -> bool {
    *data == DataEvidence::NotRun
}

/// A reason by name and in words.
#[derive(Debug, Serialize)]
pub(super) struct ReasonText {
    text: String,
    #[serde(flatten)]
    reason: Reason,
}

/// A rollback of main, in words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RolledBackText {
    /// The new commit.
    pub(super) commit: String,
    /// The commit whose tree came back.
    pub(super) to: String,
    /// The first line of its message.
    pub(super) to_subject: String,
    /// The commit that failed.
    pub(super) failed: String,
    /// Paths that were kept as they were.
    pub(super) kept: Vec<String>,
}

impl Report {
    /// Puts together what was found and what was done.
    pub(super) fn new(found: Situation, applied: Applied) -> Self {
        let retry = RetryText::of(&found, &applied);
        let mut decision = found.decision;
        decision.warnings.extend(retry.as_ref().and_then(RetryText::warning));
        let state = &found.world.state.state;
        let mut warnings = decision.warnings;
        warnings.extend(found.data.prepared().iter().flat_map(|own| own.warnings.clone()));
        warnings.extend(applied.proposed.iter().flat_map(|proposed| proposed.warnings.clone()));
        Self {
            verdict: decision.verdict,
            binding: decision.binding,
            commit: decision.commit.to_string(),
            reasons: decision
                .reasons
                .into_iter()
                .map(|reason| ReasonText { text: reason.to_string(), reason })
                .collect(),
            probes: found.probes.results().to_vec(),
            data: found.data,
            warnings,
            release: applied.record.as_ref().map_or(state.newest_number(), |record| record.number),
            rolled_back: applied.rolled_back.map(|done| RolledBackText {
                commit: done.commit.to_string(),
                to: done.good.to_string(),
                to_subject: done.good_subject,
                failed: done.failed.to_string(),
                kept: done.kept,
            }),
            pull_request: applied.proposed.map(PullRequestText::new),
            record: applied.record,
            retry,
            flaky: found.flaky,
            completion: applied.completion,
            left: None,
            data_alone: None,
            told: Vec::new(),
            bake: None,
        }
    }

    /// Returns the exit code of the verdict, or of what is pending after a release.
    pub(super) fn exit(&self) -> Exit {
        if !self.binding {
            return Exit::Done;
        }
        if let Some(baked) = self.bake.as_ref().filter(|baked| baked.exit() != Exit::Done) {
            return baked.exit();
        }
        if let Some(exit) = self.left.as_ref().and_then(Left::exit) {
            return exit;
        }
        if let Some(exit) = self.data_alone.as_ref().and_then(DataAlone::exit) {
            return exit;
        }
        match self.verdict {
            Verdict::Promote | Verdict::Superseded => {
                self.completion.pending.first().map_or(Exit::Done, |pending| pending.exit)
            }
            Verdict::Rollback => Exit::RolledBack,
            Verdict::Retry => Exit::Retry,
            Verdict::Hold => Exit::Held,
        }
    }

    /// Returns the record of a promotion that this gate has carried out.
    pub(super) fn promoted(&self) -> Option<Record> {
        self.record.clone().filter(|_| self.verdict == Verdict::Promote && self.binding)
    }

    fn short_commit(&self) -> &str {
        &self.commit[..7]
    }
}

/// Tells GitHub Actions: outputs, summary and annotations.
pub(super) fn tell(session: &Session, report: &Report, output: &mut Output) -> anyhow::Result<()> {
    match &session.run {
        Some(run) => tell_actions(run, session, report, output),
        None => Ok(()),
    }
}

/// Prints a report.
pub(super) fn print(session: &Session, report: &Report, output: &mut Output) -> io::Result<()> {
    output.show("tidegate/gate/1", report, |output, report| people(output, session, report))
}

fn people(output: &mut Output, session: &Session, report: &Report) -> io::Result<()> {
    let commit = report.short_commit();
    let branch = &session.config.branch;
    let would = if report.binding { "" } else { "would be: " };
    output.line(match report.verdict {
        Verdict::Promote if report.binding => {
            format!("{} {commit} is live as release {}", good("promoted"), report.release)
        }
        Verdict::Promote => format!("{}{} {commit}", dim(would), good("promote")),
        Verdict::Rollback => match (&report.rolled_back, &report.pull_request) {
            (_, Some(pull)) => proposed::headline(branch, pull),
            (Some(done), None) => format!(
                "{} {branch} shows the tree of {} again ({})",
                bad("rolled back"),
                &done.to[..7],
                clean(&done.to_subject)
            ),
            (None, None) => format!("{}{} {commit}", dim(would), bad("roll back")),
        },
        Verdict::Retry => format!(
            "{}{} {commit}: nothing was reverted, nothing was quarantined",
            dim(would),
            warn("retry")
        ),
        Verdict::Hold => format!(
            "{}{} {commit}: nothing was promoted, nothing was reverted",
            dim(would),
            warn("hold")
        ),
        Verdict::Superseded => match report.data_alone.as_ref().and_then(DataAlone::released) {
            Some((version, release)) => format!(
                "{} data {} is live as release {release}; the code of {commit} stays",
                good("released"),
                version.short()
            ),
            None => format!("{}{} {commit}: nothing is to be done", dim(would), dim("superseded")),
        },
    })?;
    for reason in &report.reasons {
        output.line(format!("  because {}", clean(&reason.text)))?;
    }
    probes::show(output, &report.probes)?;
    data::show(output, &report.data)?;
    if let Some(next) = report.retry.as_ref().and_then(RetryText::next) {
        output.line(format!("  {}", clean(&next)))?;
    }
    if !report.flaky.is_empty() {
        output.line(format!("  {} {}", warn("flaky:"), clean(&flaky(&report.flaky))))?;
    }
    show_completion(output, &report.completion)?;
    if !report.completion.pending.is_empty() {
        output.line(
            "The release stands; every later run tries these again, and so does `tidegate repair`.",
        )?;
    }
    for what in announce::in_words(&report.told) {
        output.line(format!("  {} {}", good("told"), clean(&what)))?;
    }
    for warning in &report.warnings {
        output.warning(warning)?;
    }
    if let Some(problem) = report.data_alone.as_ref().and_then(DataAlone::problem) {
        output.warning(&problem)?;
    }
    if let Some(pull) = &report.pull_request {
        proposed::show_proposed(output, branch, pull)?;
    }
    if let Some(done) = &report.rolled_back {
        if !done.kept.is_empty() {
            output.line(format!("  kept as they were: {}", clean(&done.kept.join(", "))))?;
        }
        output.line(format!("  commit {}", &done.commit[..7]))?;
        output.line("")?;
        output.line(strong("To get the work back:"))?;
        for line in recovery(&done.failed, branch) {
            output.line(format!("  {line}"))?;
        }
    }
    if let Some(left) = &report.left {
        if let Some(decided) = left.report() {
            output.line("")?;
            people(output, session, decided)?;
        }
        if let Some(problem) = left.problem() {
            output.warning(&problem)?;
        }
    }
    Ok(())
}

/// Names what passed only when it was tried again; many at once are counted.
fn flaky(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text = format!("{text}, and {} more", names.len() - SHOWN);
    }
    text
}

fn tell_actions(
    run: &Run,
    session: &Session,
    report: &Report,
    output: &mut Output,
) -> anyhow::Result<()> {
    if let Some(path) = &run.output_file {
        let outputs = summary::outputs(report);
        let outputs: Vec<(&str, &str)> =
            outputs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        append_outputs(path, &outputs)?;
    }
    if let Some(path) = &run.summary_file {
        append_summary(path, &summary::markdown(session, report))?;
    }
    if output.is_json() {
        return Ok(());
    }
    let mut text = Vec::new();
    for message in probes::errors(&report.probes) {
        let title = "Probe failed";
        let annotation =
            Annotation { level: Level::Error, title, file: None, line: None, message: &message };
        annotate(&mut text, &annotation)?;
    }
    for (title, message) in annotations(report) {
        let annotation =
            Annotation { level: Level::Warning, title, file: None, line: None, message: &message };
        annotate(&mut text, &annotation)?;
    }
    output.text(&String::from_utf8_lossy(&text))?;
    Ok(())
}

fn annotations(report: &Report) -> Vec<(&'static str, String)> {
    let reasons = || {
        let texts: Vec<&str> = report.reasons.iter().map(|reason| reason.text.as_str()).collect();
        texts.join("; ")
    };
    let mut list = Vec::new();
    match (report.verdict, &report.rolled_back) {
        (Verdict::Rollback, Some(done)) => list.push((
            "Rolled back",
            format!("{} was rolled back to {}: {}", &done.failed[..7], &done.to[..7], reasons()),
        )),
        (Verdict::Rollback, None) => list.push(match &report.pull_request {
            Some(pull) => ("Not yet rolled back", format!("{}: {}", pull.text(), reasons())),
            None => ("Would roll back", reasons()),
        }),
        (Verdict::Hold, _) => list.push(("Held", reasons())),
        (Verdict::Retry, _) => list.push(("Retry", reasons())),
        (Verdict::Promote | Verdict::Superseded, _) => {}
    }
    if !report.flaky.is_empty() {
        let names = flaky(&report.flaky);
        list.push(("Flaky", format!("passed only when it was tried again: {names}")));
    }
    for pending in &report.completion.pending {
        list.push(("Pending", format!("{}: {}", pending.step, pending.reason)));
    }
    list.extend(report.warnings.iter().map(|warning| ("tidegate", warning.clone())));
    let not_released = report.data_alone.as_ref().and_then(DataAlone::problem);
    list.extend(not_released.map(|problem| ("Data not released", problem)));
    if let Some(left) = &report.left {
        list.extend(left.report().map(annotations).unwrap_or_default());
        list.extend(left.problem().map(|problem| ("Undecided", problem)));
    }
    list
}
