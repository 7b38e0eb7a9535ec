//! Looks at the check runs of a commit.

use crate::adapters::github::{CheckRun, GitHub, RunStatus};
use crate::evidence::checks::{CheckFound, RequiredCheck};
use crate::model::CommitSha;

/// Looks for the checks `names` on a commit; without names nothing is asked.
pub async fn observe(
    github: Option<&GitHub>,
    commit: &CommitSha,
    names: &[String],
) -> Vec<RequiredCheck> {
    if names.is_empty() {
        return Vec::new();
    }
    let runs = match github {
        None => Err("there is no token for GitHub (set TIDEGATE_TOKEN)".to_owned()),
        Some(github) => {
            github.check_runs(commit).await.map_err(|error| error.with_permission("checks: read"))
        }
    };
    let found = |name: &String| match &runs {
        Ok(runs) => judge(name, runs),
        Err(why) => CheckFound::Unknown { why: why.clone() },
    };
    names.iter().map(|name| RequiredCheck { name: name.clone(), found: found(name) }).collect()
}

/// Several Apps may write checks of one name: all of them have to pass.
fn judge(name: &str, runs: &[CheckRun]) -> CheckFound {
    let mut found = CheckFound::Missing;
    for run in runs.iter().filter(|run| run.name == name) {
        found = match (run.status, run.conclusion.as_deref(), found) {
            (_, _, worst @ CheckFound::NotPassed { .. }) => worst,
            (RunStatus::Unfinished, _, _) => CheckFound::Unfinished,
            (RunStatus::Completed, Some("success" | "neutral" | "skipped"), before) => match before
            {
                CheckFound::Unfinished => CheckFound::Unfinished,
                _ => CheckFound::Passed,
            },
            (RunStatus::Completed, conclusion, _) => CheckFound::NotPassed {
                conclusion: conclusion.unwrap_or("nothing").chars().take(40).collect(),
                url: run.html_url.clone(),
            },
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, result: &str) -> CheckRun {
        let unfinished = ["queued", "in_progress", "waiting"].contains(&result);
        CheckRun {
            name: name.to_owned(),
            status: if unfinished { RunStatus::Unfinished } else { RunStatus::Completed },
            conclusion: (!unfinished).then(|| result.to_owned()),
            html_url: None,
        }
    }

    fn judged(results: &[&str]) -> CheckFound {
        let mut runs = vec![run("other", "failure"), run("Scan", "failure")];
        runs.extend(results.iter().map(|result| run("scan", result)));
        judge("scan", &runs)
    }

    #[test]
    fn only_checks_of_this_very_name_count() {
        assert_eq!(judged(&[]), CheckFound::Missing);
        assert_eq!(judged(&["success"]), CheckFound::Passed);
    }

    #[test]
    fn neutral_and_skipped_pass_as_they_do_for_github() {
        assert_eq!(judged(&["neutral", "skipped"]), CheckFound::Passed);
    }

    #[test]
    fn of_several_the_worst_counts_in_any_order() {
        let failed = CheckFound::NotPassed { conclusion: "failure".to_owned(), url: None };
        assert_eq!(judged(&["success", "failure", "queued"]), failed);
        assert_eq!(judged(&["queued", "failure", "success"]), failed);
        assert_eq!(judged(&["success", "queued"]), CheckFound::Unfinished);
        assert_eq!(judged(&["queued", "success"]), CheckFound::Unfinished);
    }

    #[test]
    fn every_other_end_is_no_pass() {
        for end in ["cancelled", "timed_out", "action_required", "stale", "startup_failure"] {
            assert!(matches!(judged(&[end]), CheckFound::NotPassed { .. }), "{end}");
        }
    }
}
