//! The outputs and the job summary of a gate.

use std::fmt::Write as _;

use super::{Report, recovery};
use crate::actions::markdown::{code, inline};
use crate::commands::session::Session;
use crate::policy::Verdict;

/// Returns the outputs of the step, by name. An output that has no value is empty.
pub(super) fn outputs(report: &Report) -> Vec<(&'static str, String)> {
    let images = report.record.iter().flat_map(|record| &record.images);
    let digests: serde_json::Map<String, serde_json::Value> =
        images.clone().map(|own| (own.image.to_string(), own.digest.to_string().into())).collect();
    let reasons: Vec<&str> = report.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let left = report.left.as_ref().and_then(super::Left::report);
    let rolled_back =
        report.rolled_back.as_ref().or(left.and_then(|left| left.rolled_back.as_ref()));
    let pull_request =
        report.pull_request.as_ref().or(left.and_then(|left| left.pull_request.as_ref()));
    let data = report.record.as_ref().and_then(|record| record.data.as_ref());
    let data = data.map(|data| &data.version.version);
    let alone = report.data_alone.as_ref().and_then(super::DataAlone::released);
    let data = data.or(alone.map(|(version, _)| version));
    vec![
        ("verdict", report.verdict.word().to_owned()),
        ("commit", report.commit.clone()),
        ("reason", one_line(&reasons.join("; "))),
        ("release", if report.release == 0 { String::new() } else { report.release.to_string() }),
        ("rolled_back_to", rolled_back.map(|done| done.to.clone()).unwrap_or_default()),
        ("rollback_commit", rolled_back.map(|done| done.commit.clone()).unwrap_or_default()),
        ("pull_request", pull_request.map(|pull| pull.number.to_string()).unwrap_or_default()),
        ("digest", images.clone().next().map(|own| own.digest.to_string()).unwrap_or_default()),
        (
            "digests",
            if digests.is_empty() {
                String::new()
            } else {
                serde_json::Value::from(digests).to_string()
            },
        ),
        ("data-version", data.map(ToString::to_string).unwrap_or_default()),
        ("pending", report.completion.pending.len().to_string()),
    ]
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn heading(report: &Report) -> String {
    let commit = report.short_commit();
    match (report.verdict, report.binding) {
        (Verdict::Promote, true) => format!("✅ Promoted {commit}: release {}", report.release),
        (Verdict::Rollback, true) if report.pull_request.is_some() => {
            format!("⚠️ Rollback of {commit} waits in a pull request")
        }
        (Verdict::Rollback, true) => format!("⚠️ Rolled back {commit}"),
        (Verdict::Hold, true) => format!("⏸️ Held {commit}"),
        (Verdict::Retry, true) => format!("🔁 Retry {commit}"),
        (Verdict::Superseded, true) => {
            match report.data_alone.as_ref().and_then(super::DataAlone::released) {
                Some((version, release)) => {
                    format!("✅ Released data {}: release {release}", version.short())
                }
                None => format!("⏭️ Superseded {commit}"),
            }
        }
        (verdict, false) => format!("ℹ️ Would be: {} {commit}", verdict.word()),
    }
}

/// Names the tests that failed in an earlier attempt.
fn flaky(text: &mut String, names: &[String]) {
    if names.is_empty() {
        return;
    }
    text.push_str("\n**Flaky** (failed in an earlier attempt, passed in this one)\n\n");
    for name in names.iter().take(20) {
        let _ = writeln!(text, "- {}", code(name));
    }
    if names.len() > 20 {
        let _ = writeln!(text, "- and {} more", names.len() - 20);
    }
}

/// Returns the job summary.
pub(super) fn markdown(session: &Session, report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "## {}\n", heading(report));
    for reason in &report.reasons {
        let _ = writeln!(text, "- {}", inline(&reason.text));
    }
    super::probes::markdown(&mut text, &report.probes);
    super::data::markdown(&mut text, &report.data);
    if let Some(next) = report.retry.as_ref().and_then(super::RetryText::next) {
        let _ = writeln!(text, "\n{}. Nothing was reverted or quarantined.", inline(&next));
    }
    flaky(&mut text, &report.flaky);
    if let Some(record) = &report.record
        && !record.images.is_empty()
    {
        text.push_str("\n| image | digest | before |\n| --- | --- | --- |\n");
        for own in &record.images {
            let before = own.previous.as_ref().map_or("none", |digest| digest.short());
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                code(&own.image.to_string()),
                code(own.digest.as_str()),
                code(before)
            );
        }
    }
    if !report.completion.changed.is_empty() {
        text.push_str("\n**Done**\n\n");
        for step in &report.completion.changed {
            let _ = writeln!(text, "- {}", inline(step));
        }
    }
    if !report.completion.pending.is_empty() {
        text.push_str("\n**Pending** (the release stands; every later run tries these again)\n\n");
        for pending in &report.completion.pending {
            let _ = writeln!(text, "- {}: {}", inline(&pending.step), inline(&pending.reason));
        }
    }
    if let Some(pull) = &report.pull_request {
        super::proposed::markdown(&mut text, &session.config.branch, pull);
    }
    if let Some(done) = &report.rolled_back {
        let branch = &session.config.branch;
        let _ = writeln!(
            text,
            "\n{} shows the tree of {} again: {}. What users see did not change.",
            code(branch.as_str()),
            code(&done.to[..7]),
            inline(&done.to_subject)
        );
        if !done.kept.is_empty() {
            let kept: Vec<String> = done.kept.iter().take(20).map(|path| code(path)).collect();
            let _ = writeln!(text, "\nKept as they were: {}", kept.join(", "));
        }
        let _ = writeln!(
            text,
            "\n### To get the work back\n\n```sh\n{}\n```",
            recovery(&done.failed, branch).join("\n").replace("Do not", "# Do not")
        );
    }
    if !report.warnings.is_empty() {
        text.push_str("\n**Warnings**\n\n");
        for warning in report.warnings.iter().take(20) {
            let _ = writeln!(text, "- {}", inline(warning));
        }
    }
    if let Some(left) = &report.left {
        text.push('\n');
        if let Some(decided) = left.report() {
            text.push_str(&markdown(session, decided));
        }
        if let Some(problem) = left.problem() {
            let _ = writeln!(text, "## ❌ {}", inline(&problem));
        }
    }
    text
}
