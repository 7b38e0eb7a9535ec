//! Jobs that came after a removed job come after the gate.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use super::Left;
use super::draft::{Draft, job_mut};
use super::gate::quoted;
use super::outline::{Lines, Outline, job_keys};
use crate::doctor::workflow::{Job, Workflow};

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

/// Lets a job come after the gate; adds what a person has to look at.
pub(super) fn repoint(
    draft: &mut Draft,
    id: &str,
    verdict: Verdict,
    gate: &str,
    gone: &BTreeSet<&str>,
    left: &mut Vec<Left>,
) -> Option<()> {
    let job = draft.job(id)?;
    let mut needs: Vec<String> = match job.get("needs") {
        Some(Value::Sequence(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        other => other.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    };
    let condition = job.get("if").cloned();
    needs.retain(|id| !gone.contains(id.as_str()) && id != gate);
    needs.push(gate.to_owned());
    set_needs(draft, id, &needs)?;
    let renamed = rename(draft, id, gate, gone);
    // A condition that said when to release or to take back says nothing any more, but where and on
    // what the job runs stays.
    let condition = condition.as_ref();
    let asked = match condition {
        None => Some(Vec::new()),
        Some(condition) => condition.as_str().and_then(only_when),
    };
    let ours = asked.is_some();
    // One that runs when something failed goes on doing so: the gate fails on a rollback.
    let red = condition.and_then(Value::as_str).is_some_and(is_red);
    let stays = ours && verdict == Verdict::Promote && red;
    if let Some(mut parts) = asked.filter(|_| !stays) {
        parts.insert(0, format!("needs.{gate}.outputs.verdict == '{}'", verdict.word()));
        if verdict == Verdict::Rollback {
            // The gate's job ends with a failure then.
            parts.insert(0, "!cancelled()".to_owned());
        }
        let line = format!("if: {}", quoted(&format!("${{{{ {} }}}}", parts.join(" && "))));
        draft.set(id, "if", &line, "runs-on")?;
    }
    let text = job_text(draft, id)?;
    let names = |gone: &&str| {
        [format!("needs.{gone}."), format!("needs['{gone}']")]
            .iter()
            .any(|name| text.contains(name))
    };
    let (what, why) = if renamed.is_none() || gone.iter().any(names) {
        (format!("job {id} asks for what a removed job told"), "nobody tells it any more")
    } else if !ours {
        (
            format!("job {id} has an `if` of its own, and now comes after the gate"),
            "the gate's job fails on a rollback and on a hold, and succeeds also when a newer commit decides",
        )
    } else {
        return Some(());
    };
    left.push(Left {
        job: Some(id.to_owned()),
        lines: None,
        what,
        why: why.to_owned(),
        todo: format!(
            "use `needs.{gate}.outputs.verdict`: promote, rollback, retry, hold or superseded"
        ),
    });
    Some(())
}

/// Returns what a condition says beyond success or failure, where that is a branch and an event
/// and nothing else.
fn only_when(condition: &str) -> Option<Vec<String>> {
    let text = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
    let parts = text.split("&&").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let parts = parts.filter(|part| !["success()", "failure()"].contains(&part.as_str()));
    let plain = |part: String| {
        let names = ["github.ref ==", "github.ref_name ==", "github.event_name =="];
        (names.iter().any(|name| part.starts_with(name)) && !part.contains('|')).then_some(part)
    };
    parts.map(plain).collect()
}

/// Lists the removed jobs that took a release back when a job failed that came after it.
pub(super) fn undone(
    workflow: &Workflow,
    gone: &[&str],
    after: &BTreeMap<String, Verdict>,
) -> Vec<Left> {
    let jobs = workflow.jobs().filter(|job| gone.contains(&job.id) && is_for_red(*job));
    let late = jobs.filter_map(|job| {
        let after = job.needs().into_iter().find(|id| after.get(*id) == Some(&Verdict::Promote))?;
        Some(Left {
            job: Some(after.to_owned()),
            lines: None,
            what: format!("job {} took a release back when job {after} failed", job.id),
            why: "the gate decides before users get anything, and hears of no job that comes after it".to_owned(),
            todo: format!("let {after} test the candidate, before the gate, and put it into the gate's `needs`"),
        })
    });
    late.collect()
}

/// Tells whether a job runs only when something failed.
pub(super) fn is_for_red(job: Job<'_>) -> bool {
    job.get("if").and_then(Value::as_str).is_some_and(is_red)
}

/// Tells whether a condition holds only when something failed: each of its alternatives asks for it.
fn is_red(condition: &str) -> bool {
    let text = packed(condition).replace("!failure()", "").replace("!contains(needs.*", "");
    let signs = ["failure()", ".result=='failure'", "contains(needs.*.result,'failure')"];
    text.split("||").all(|part| signs.iter().any(|sign| part.contains(sign)))
}

/// Tells whether a condition asks for nothing but results, a branch and an event.
pub(super) fn asks_for_results(condition: &str) -> bool {
    let mut text = packed(condition);
    for function in ["success()", "failure()", "always()", "cancelled()"] {
        text = text.replace(function, "ok");
    }
    let text = text.replace(['(', ')', '!'], "").replace("&&", "||");
    let known =
        ["github.ref=", "github.ref_name=", "github.event_name=", "containsneeds.*.result,"];
    text.split("||").all(|part| {
        part == "ok"
            || known.iter().any(|known| part.starts_with(known))
            || (part.starts_with("needs.") && part.contains(".result"))
    })
}

/// Case and space do not matter in expressions.
fn packed(condition: &str) -> String {
    let text = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
    text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
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
