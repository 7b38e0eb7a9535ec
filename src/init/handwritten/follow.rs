//! Jobs that came after a removed job come after the gate.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::Left;
use super::draft::{Draft, job_mut};
use super::fate::Fate;
use super::outline::{Lines, Outline, job_keys};
use crate::doctor::workflow::Workflow;

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A promotion.
    Promote,
    /// A rollback.
    Rollback,
}

impl Verdict {
    /// Tells what jobs that go stood for.
    pub fn of(workflow: &Workflow, gone: &[&str]) -> Self {
        let back = |id: &str| {
            Self::by_name(id) == Self::Rollback
                || workflow.jobs().find(|job| job.id == id).is_some_and(|job| {
                    job.get("if")
                        .and_then(Value::as_str)
                        .is_some_and(|text| text.contains("failure()"))
                })
        };
        if gone.iter().all(|id| back(id)) { Self::Rollback } else { Self::Promote }
    }

    fn by_name(id: &str) -> Self {
        let text = id.to_ascii_lowercase();
        let back = ["rollback", "roll-back", "roll_back", "revert"];
        if back.iter().any(|word| text.contains(word)) { Self::Rollback } else { Self::Promote }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }
}

/// Lets a job come after the gate; tells what a person has to look at.
pub(super) fn repoint(
    draft: &mut Draft,
    id: &str,
    verdict: Verdict,
    gate: &str,
    gone: &BTreeSet<&str>,
    fates: &BTreeMap<String, Fate>,
) -> Option<Option<Left>> {
    let job = draft.job(id)?;
    let old: Vec<String> = match job.get("needs") {
        Some(Value::Sequence(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        other => other.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    let trimmed = matches!(fates.get(id), Some(Fate::Trimmed { .. }));
    let condition = job.get("if").cloned();
    let mut needs: Vec<String> = old.into_iter().filter(|id| !gone.contains(id.as_str())).collect();
    needs.push(gate.to_owned());
    set_needs(draft, id, &needs)?;
    rename(draft, id, gate, gone);
    if condition.is_none() || trimmed {
        let line = match verdict {
            Verdict::Promote => format!("if: ${{{{ needs.{gate}.outputs.verdict == 'promote' }}}}"),
            // The gate's job ends with a failure then.
            Verdict::Rollback => format!(
                "if: ${{{{ !cancelled() && needs.{gate}.outputs.verdict == '{}' }}}}",
                verdict.word()
            ),
        };
        draft.set(id, "if", &line, "runs-on")?;
    }
    let text = job_text(draft, id)?;
    let names = gone.iter().any(|gone| {
        text.contains(&format!("needs.{gone}")) || text.contains(&format!("needs['{gone}']"))
    });
    let odd = condition.is_some() && !trimmed;
    if !names && !odd {
        return Some(None);
    }
    let (what, why) = if names {
        (format!("job {id} asks for outputs of a removed job"), "nothing sets them any more")
    } else {
        (
            format!("job {id} has a condition of its own, and now comes after the gate"),
            "the gate's job fails on a rollback and on a hold",
        )
    };
    Some(Some(Left {
        job: Some(id.to_owned()),
        lines: None,
        what,
        why: why.to_owned(),
        todo: format!(
            "look at its `if`; `needs.{gate}.outputs.verdict` is promote, rollback, retry, hold or superseded"
        ),
    }))
}

fn job_text(draft: &Draft, id: &str) -> Option<String> {
    let lines = Lines::of(draft.text());
    let outline = Outline::of(&lines)?;
    Some(lines.text(outline.job(id)?.lines.clone()))
}

fn set_needs(draft: &mut Draft, id: &str, needs: &[String]) -> Option<()> {
    let lines = Lines::of(draft.text());
    let outline = Outline::of(&lines)?;
    let keys = job_keys(&lines, outline.job(id)?)?;
    let own = keys.iter().find(|key| key.name == "needs");
    let comment = own
        .filter(|key| lines.without_blank_end(key.line..key.lines.end).len() == 1)
        .and_then(|key| lines.line(key.line).trim_end().split_once(" #"))
        .map_or(String::new(), |(_, comment)| format!(" #{comment}"));
    let line = match needs {
        [one] => format!("needs: {one}{comment}"),
        many => format!("needs: [{}]{comment}", many.join(", ")),
    };
    draft.set(id, "needs", &line, "runs-on")
}

/// Puts what the gate says in the place of a removed job's result, in expressions.
fn rename(draft: &mut Draft, id: &str, gate: &str, gone: &BTreeSet<&str>) -> Option<()> {
    let lines = Lines::of(draft.text());
    let outline = Outline::of(&lines)?;
    let range = outline.job(id)?.lines.clone();
    let old = lines.text(range.clone());
    let mut new = old.clone();
    for name in gone {
        let back = Verdict::by_name(name);
        let verdict = format!("needs.{gate}.outputs.verdict == '{}'", back.word());
        for result in [format!("needs.{name}.result"), format!("needs['{name}'].result")] {
            for success in ["'success'", "\"success\""] {
                for space in [" == ", "=="] {
                    new = new.replace(&format!("{result}{space}{success}"), &verdict);
                }
            }
            new = match back {
                Verdict::Promote => new.replace(&result, &format!("needs.{gate}.result")),
                Verdict::Rollback => new.replace(&result, &format!("needs.{gate}.outputs.verdict")),
            };
        }
    }
    if new == old {
        return Some(());
    }
    draft.edit(vec![(range, new.replace("\r\n", "\n"))], |expected, read| {
        // Only expressions of this job have changed.
        let job = read.get("jobs")?.get(id)?.clone();
        let old = expected.get("jobs")?.get(id)?;
        if old.get("needs") != job.get("needs") || old.get("uses") != job.get("uses") {
            return None;
        }
        *job_mut(expected, id)? = job.as_mapping()?.clone();
        Some(())
    })
}
