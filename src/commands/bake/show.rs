//! What a bake tells: people, GitHub Actions, and programs.

use std::fmt::Write as _;
use std::io;

use super::{Baked, End};
use crate::actions::commands::{Annotation, Level, annotate};
use crate::actions::markdown::{inline, verbatim};
use crate::actions::step_files::{append_outputs, append_summary};
use crate::commands::announce;
use crate::commands::report::show_completion;
use crate::commands::session::Session;
use crate::output::{Output, bad, clean, good, warn};

/// Shows it as the result of a command.
pub(super) fn show(session: &Session, baked: &Baked, output: &mut Output) -> anyhow::Result<()> {
    tell_actions(session, baked, output)?;
    output.show("tidegate/bake/1", baked, people)?;
    Ok(())
}

/// Shows it below the result of the command that has promoted.
pub(in crate::commands) fn show_beside(
    session: &Session,
    baked: &Baked,
    output: &mut Output,
) -> anyhow::Result<()> {
    tell_actions(session, baked, output)?;
    if !output.is_json() {
        people(output, baked)?;
    }
    Ok(())
}

/// Shows it to people.
fn people(output: &mut Output, baked: &Baked) -> io::Result<()> {
    let (release, commit) = (baked.release, baked.commit.short());
    output.line(match &baked.end {
        End::Healthy => {
            format!("{} release {release} ({commit}): {}", good("healthy"), looks(baked))
        }
        End::Inconclusive { why } => {
            format!("{} release {release} ({commit}): {}", warn("not known"), clean(why))
        }
        End::Superseded { by } => {
            format!(
                "release {release} ({commit}) is not watched any more: release {by} is the newest"
            )
        }
        End::Stopped { signal } => format!(
            "{} by {signal} after {}: release {release} ({commit}) stands; `tidegate bake` goes on",
            warn("stopped"),
            looks(baked)
        ),
        End::RolledBack { to_release, to, record, .. } => format!(
            "{} users get release {to_release} ({}) again, as release {record}",
            bad("rolled back"),
            to.short()
        ),
        End::NotRolledBack { .. } => {
            format!("{} release {release} ({commit}) fails, and stays live", bad("not rolled back"))
        }
    })?;
    match &baked.end {
        End::RolledBack { reasons, completion, .. } => {
            for reason in reasons {
                output.line(format!("  {}", clean(reason)))?;
            }
            output.line(format!(
                "  {commit} is quarantined; main did not change, and a commit that mends it can be promoted"
            ))?;
            show_completion(output, completion)?;
        }
        End::NotRolledBack { reasons, why, hints, .. } => {
            for reason in reasons {
                output.line(format!("  {}", clean(reason)))?;
            }
            output.line(format!("  users could not be taken back: {}", clean(why)))?;
            for hint in hints {
                output.line(format!("  {}", clean(hint)))?;
            }
        }
        End::Healthy | End::Inconclusive { .. } | End::Superseded { .. } | End::Stopped { .. } => {}
    }
    for what in announce::in_words(&baked.told) {
        output.line(format!("  {} {}", good("told"), clean(&what)))?;
    }
    for warning in &baked.warnings {
        output.warning(warning)?;
    }
    Ok(())
}

/// Counts the looks: `40 looks, 1 failed`.
fn looks(baked: &Baked) -> String {
    let watched = &baked.watched;
    let mut text = match watched.looks {
        1 => "1 look".to_owned(),
        looks => format!("{looks} looks"),
    };
    for (count, what) in [
        (watched.failed, "failed"),
        (watched.unknown, "could not be made"),
        (watched.older, "saw another release"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}

fn tell_actions(session: &Session, baked: &Baked, output: &mut Output) -> anyhow::Result<()> {
    let Some(run) = &session.run else { return Ok(()) };
    if let Some(path) = &run.output_file {
        let release = match &baked.end {
            End::RolledBack { record, .. } => *record,
            End::Superseded { by } => *by,
            End::Healthy
            | End::Inconclusive { .. }
            | End::Stopped { .. }
            | End::NotRolledBack { .. } => baked.release,
        };
        append_outputs(path, &[("bake", baked.end.word()), ("release", &release.to_string())])?;
    }
    if let Some(path) = &run.summary_file {
        append_summary(path, &markdown(baked))?;
    }
    if output.is_json() {
        return Ok(());
    }
    let mut text = Vec::new();
    for (level, title, message) in annotations(baked) {
        annotate(
            &mut text,
            &Annotation { level, title, file: None, line: None, message: &message },
        )?;
    }
    output.text(&String::from_utf8_lossy(&text))?;
    Ok(())
}

fn annotations(baked: &Baked) -> Vec<(Level, &'static str, String)> {
    let release = baked.release;
    let mut list = Vec::new();
    match &baked.end {
        End::Healthy | End::Superseded { .. } => {}
        End::Inconclusive { why } => {
            list.push((Level::Warning, "Bake", format!("release {release}: {why}")));
        }
        End::Stopped { signal } => {
            let text = format!(
                "stopped by {signal}; release {release} stands, and was not watched to the end"
            );
            list.push((Level::Warning, "Bake", text));
        }
        End::RolledBack { reasons, to_release, .. } => {
            let text = format!(
                "release {release} failed, and users get release {to_release} again: {}",
                reasons.join("; ")
            );
            list.push((Level::Warning, "Rolled back", text));
        }
        End::NotRolledBack { reasons, why, .. } => {
            let text = format!(
                "release {release} fails ({}), and users could not be taken back: {why}",
                reasons.join("; ")
            );
            list.push((Level::Error, "Not rolled back", text));
        }
    }
    list.extend(baked.warnings.iter().map(|text| (Level::Warning, "tidegate", text.clone())));
    list
}

/// Returns the part of the job summary.
fn markdown(baked: &Baked) -> String {
    let (release, commit) = (baked.release, baked.commit.short());
    let heading = match &baked.end {
        End::Healthy => format!("✅ Release {release} ({commit}) is healthy"),
        End::Inconclusive { .. } => format!("⚠️ Nothing is known of release {release} ({commit})"),
        End::Superseded { by } => format!("⏭️ Release {by} came after release {release}"),
        End::Stopped { .. } => {
            format!("⚠️ Release {release} ({commit}) was not watched to the end")
        }
        End::RolledBack { to_release, .. } => {
            format!("⚠️ Release {release} ({commit}) failed: users get release {to_release} again")
        }
        End::NotRolledBack { .. } => {
            format!("❌ Release {release} ({commit}) fails, and users could not be taken back")
        }
    };
    let mut text = format!("## {heading}\n\n{}\n", looks(baked));
    let mut lines: Vec<&str> = Vec::new();
    match &baked.end {
        End::Healthy | End::Superseded { .. } | End::Stopped { .. } => {}
        End::Inconclusive { why } => lines.push(why),
        End::RolledBack { reasons, .. } => lines.extend(reasons.iter().map(String::as_str)),
        End::NotRolledBack { reasons, why, hints, .. } => {
            lines.extend(reasons.iter().chain([why]).chain(hints).map(String::as_str));
        }
    }
    lines.extend(baked.warnings.iter().map(String::as_str));
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in lines {
        let _ = writeln!(text, "- {}", inline(line));
    }
    if let Some(detail) = detail(baked) {
        let _ = writeln!(text, "\n{}", verbatim(detail));
    }
    text
}

/// What the app showed when it failed.
fn detail(baked: &Baked) -> Option<&str> {
    match &baked.end {
        End::RolledBack { .. } | End::NotRolledBack { .. } => {
            baked.watched.last_failure.as_ref()?.detail.as_deref()
        }
        End::Healthy | End::Inconclusive { .. } | End::Superseded { .. } | End::Stopped { .. } => {
            None
        }
    }
}
