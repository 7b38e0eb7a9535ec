//! What people see of a publication.

use std::io;

use super::{Ended, Shown};
use crate::data::{Outcome, Prepared};
use crate::output::{Output, Styled, Table, at, bad, clean, dim, good, plain, size, strong, warn};

/// Shows the steps and the checks, and what should be known.
pub(super) fn preparation(prepared: &Prepared, output: &mut Output) -> io::Result<()> {
    let mut table = Table::new(&["", "STEP OR CHECK", "VALUE", "WHY"]).right(2);
    for step in &prepared.steps {
        let (mark, why) = outcome(&step.outcome, true);
        table.row([mark, plain(&step.name), plain(""), why]);
    }
    for check in &prepared.checks {
        let (mark, why) = outcome(&check.outcome, check.required);
        table.row([mark, plain(&check.name), plain(check.shown_value()), why]);
    }
    if !table.is_empty() {
        output.table(&table)?;
    }
    Ok(())
}

fn outcome(outcome: &Outcome, required: bool) -> (Styled, Styled) {
    match outcome {
        Outcome::Passed => (good("passed"), plain("")),
        Outcome::Failed { why } if required => (bad("failed"), plain(why)),
        Outcome::Failed { why } => (warn("failed"), plain(format!("{why} (reported only)"))),
        Outcome::Inconclusive { why } if required => (warn("unclear"), plain(why)),
        Outcome::Inconclusive { why } => (dim("unclear"), plain(format!("{why} (reported only)"))),
    }
}

/// Shows what became of it.
pub(super) fn result(shown: &Shown, output: &mut Output) -> io::Result<()> {
    let layer = shown.layer.as_deref().unwrap_or("the data");
    let version = shown.version.as_ref().map(|version| short(version.as_str())).unwrap_or_default();
    let container = shown.container.as_deref().unwrap_or_default();
    let amount = shown.size.map(size).unwrap_or_default();
    let format = shown.storage_format.as_deref().unwrap_or_default();
    match shown.outcome {
        Ended::StepsDone => output.line(good("the steps are done"))?,
        Ended::Failed => output.line(format!(
            "{}: a step or a check did not pass, and users keep what they have",
            bad("nothing was published")
        ))?,
        Ended::Unchanged => output
            .line(format!("{layer} is unchanged: {} is served by {container}", strong(version)))?,
        Ended::Planned => output.line(format!(
            "{layer} would be published: {} ({amount}, {}) to {container}",
            strong(version),
            clean(format)
        ))?,
        Ended::Candidate => output.line(format!(
            "uploaded {layer} unseen; release it with `tidegate gate --data-version {}`",
            shown.version.as_ref().map(ToString::to_string).unwrap_or_default()
        ))?,
        Ended::Superseded => output.line(format!(
            "{}: newer data was published while this ran, and {container} serves that",
            warn("superseded")
        ))?,
        Ended::Published => output.line(format!(
            "{} {layer} {} ({amount}, {}) to {container}{}",
            good("published"),
            strong(version),
            clean(format),
            shown.release.map(|number| format!(", release {number}")).unwrap_or_default()
        ))?,
    }
    details(shown, output)?;
    for warning in &shown.warnings {
        output.warning(warning)?;
    }
    Ok(())
}

fn details(shown: &Shown, output: &mut Output) -> io::Result<()> {
    if let Some(backup) = &shown.backup {
        output.line(format!("  backup      {backup}"))?;
    }
    if let Some(signed) = &shown.signed_url {
        let until = signed.expires.map(|until| format!(", valid until {}", at(until)));
        let until = until.unwrap_or_default();
        let what = match (signed.renewed, signed.earlier) {
            (true, true) => "new: paste it into the app's secrets",
            (true, false) => "new: for an app that has none yet",
            (false, _) => "kept",
        };
        output.line(format!("  signed URL  {} ({what}{until})", clean(&signed.file)))?;
        if let Some(file) = &signed.secrets_file {
            output.line(format!("  secret      {}", clean(file)))?;
        }
    }
    if let Some(proof) = &shown.proof {
        output.line(format!("  proof       {}", proof.said()))?;
    }
    let notes = shown.signed_url.iter().flat_map(|signed| &signed.notes);
    for note in notes {
        output.warning(note)?;
    }
    Ok(())
}

fn short(version: &str) -> String {
    version.strip_prefix("sha256:").unwrap_or(version).chars().take(12).collect()
}
