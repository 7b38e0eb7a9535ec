//! What the probes found, as people see it: a table, and what a failed one has to say.

use std::fmt::Write as _;
use std::io;

use crate::actions::markdown::{code, inline, verbatim};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::output::{Output, Styled, Table, bad, clean, clean_lines, good, plain, warn};

/// More failed probes than this are named without their details.
const DETAILED: usize = 5;

/// Shows a table, and below it the details of what failed.
pub(super) fn show(output: &mut Output, probes: &[ProbeEvidence]) -> io::Result<()> {
    if probes.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["probe", "asked", "time", "found"]).right(2);
    for probe in probes {
        table.row([
            plain(clean(&probe.name)),
            plain(clean(&probe.target)),
            plain(seconds(probe.took_ms)),
            found(probe),
        ]);
    }
    output.line("")?;
    output.table(&table)?;
    for said in details(probes) {
        output.line("")?;
        output.line(said)?;
    }
    Ok(())
}

/// Returns what the failed probes have to say, under the names of the probes.
pub(in crate::commands) fn details(probes: &[ProbeEvidence]) -> impl Iterator<Item = String> {
    failed(probes).map(|(probe, detail)| {
        let mut text = format!("{} {}", bad("failed:"), clean(&probe.name));
        for line in clean_lines(detail).lines() {
            let _ = write!(text, "\n  {line}");
        }
        text
    })
}

fn found(probe: &ProbeEvidence) -> Styled {
    match &probe.found {
        ProbeFound::Passed { .. } => good(clean(&said(probe))),
        ProbeFound::Failed(_) => bad(clean(&said(probe))),
        ProbeFound::Unknown { .. } => warn(clean(&said(probe))),
    }
}

/// Returns the verdict of a probe in a few words.
fn said(probe: &ProbeEvidence) -> String {
    match &probe.found {
        ProbeFound::Passed { seen } => format!("passed: {seen}"),
        ProbeFound::Failed(failure) => format!("failed: {}", failure.what),
        ProbeFound::Unknown { why } => format!("not run: {why}"),
    }
}

fn failed(probes: &[ProbeEvidence]) -> impl Iterator<Item = (&ProbeEvidence, &str)> {
    let failed = probes.iter().filter_map(|probe| match &probe.found {
        ProbeFound::Failed(failure) => Some((probe, failure.detail.as_deref()?)),
        ProbeFound::Passed { .. } | ProbeFound::Unknown { .. } => None,
    });
    failed.take(DETAILED)
}

/// Adds the table and the details to a job summary.
pub(super) fn markdown(text: &mut String, probes: &[ProbeEvidence]) {
    if probes.is_empty() {
        return;
    }
    text.push_str("\n**Probes**\n\n|  | probe | asked | time | found |\n");
    text.push_str("| --- | --- | --- | ---: | --- |\n");
    for probe in probes {
        let (mark, words) = match &probe.found {
            ProbeFound::Passed { seen } => ("✅", seen),
            ProbeFound::Failed(failure) => ("❌", &failure.what),
            ProbeFound::Unknown { why } => ("❔", why),
        };
        let _ = writeln!(
            text,
            "| {mark} | {} | {} | {} | {} |",
            inline(&probe.name),
            code(&probe.target),
            seconds(probe.took_ms),
            inline(words)
        );
    }
    for (probe, detail) in failed(probes) {
        let _ = writeln!(text, "\n{} said:\n\n{}", inline(&probe.name), verbatim(detail));
    }
}

/// Returns annotations for what failed: the heading and the line.
pub(super) fn errors(probes: &[ProbeEvidence]) -> impl Iterator<Item = String> {
    probes.iter().filter_map(|probe| match &probe.found {
        ProbeFound::Failed(failure) => Some(format!("{}: {}", probe.name, failure.what)),
        ProbeFound::Passed { .. } | ProbeFound::Unknown { .. } => None,
    })
}

fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::ProbeFailure;

    fn probe(name: &str, found: ProbeFound) -> ProbeEvidence {
        ProbeEvidence {
            name: name.to_owned(),
            kind: "streamlit".to_owned(),
            target: "app:8501".to_owned(),
            found,
            attempts: 1,
            took_ms: 2_449,
        }
    }

    #[test]
    fn a_summary_shows_what_the_app_said_and_nothing_of_it_is_rendered() {
        let traceback =
            "Traceback:\n  File \"app.py\", line 3\n```\n<img src=x>\nKeyError: 'price'";
        let failure =
            ProbeFailure::new("page \"Sales\": KeyError: 'price' | <b>").with_detail(traceback);
        let probes = [
            probe("api", ProbeFound::Passed { seen: "200 in 12 ms".to_owned() }),
            probe("page", ProbeFound::Failed(failure)),
            probe("health", ProbeFound::Unknown { why: "no engine answers".to_owned() }),
        ];
        let mut text = String::new();
        markdown(&mut text, &probes);
        insta::assert_snapshot!(text, @r#"
        **Probes**

        |  | probe | asked | time | found |
        | --- | --- | --- | ---: | --- |
        | ✅ | api | <code>app:8501</code> | 2.4 s | 200 in 12 ms |
        | ❌ | page | <code>app:8501</code> | 2.4 s | page "Sales": KeyError: 'price' \| &lt;b&gt; |
        | ❔ | health | <code>app:8501</code> | 2.4 s | no engine answers |

        page said:

        <pre>Traceback:
          File "app.py", line 3
        ```
        &lt;img src=x&gt;
        KeyError: 'price'</pre>
        "#);
        assert_eq!(errors(&probes).count(), 1);
    }
}
