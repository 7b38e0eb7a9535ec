//! Reports that an earlier attempt of their job has written hold.

use super::{AGAIN_GREEN, AGAIN_RED, REPORT, Team, warnings};
use crate::harness::github::world::Run;
use crate::harness::project::RED;

/// Later than every report that a test writes.
const LATER: &str = "2099-01-01T00:00:00Z";

/// Both attempts of a run, in which jobs that ran again began later than the reports were written.
fn second_attempt(team: &Team, run: u64, again: &[&str]) {
    team.github.edit(run, |run| {
        let begun = run.clone().attempt(2);
        let mut begun = again.iter().fold(begun, |run, job| run.job(job, "success"));
        for job in begun.jobs.iter_mut().filter(|job| job.attempt == 2) {
            job.started_at = LATER.parse().unwrap();
        }
        *run = begun;
    });
}

#[test]
fn a_report_of_an_earlier_attempt_holds() {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    second_attempt(&team, run, &["tests"]);
    for (failed, needs) in [(&[][..], AGAIN_GREEN), (&["test_slow"][..], AGAIN_GREEN)] {
        team.writes(failed);
        let gate = team.project.holds(team.gate(run, needs), "evidence_missing");
        assert!(gate.stdout.contains("it comes from an earlier attempt"), "{}", gate.stdout);
    }
    assert_eq!(team.github.count("GET", "/jobs"), 2, "one listing for each gate");
    // The job itself is conclusive.
    team.gate(run, AGAIN_RED).run().code(3);
}

#[test]
fn a_job_that_was_green_keeps_its_report() {
    let configuration = format!("require: {{ reports: [{{ path: {REPORT}, job: lint }}] }}\n");
    let team = Team::with(&configuration);
    let (_, run) = team.pushes_red();
    team.github.edit(run, |run| *run = run.clone().job("lint", "success"));
    team.writes(&[]);
    team.gate(run, RED).run().code(5);
    second_attempt(&team, run, &["tests"]);
    team.gate(run, AGAIN_GREEN).run().code(0);
}

#[test]
fn without_a_job_the_earliest_of_the_required_jobs_counts() {
    let team = Team::with(&format!("require: {{ reports: [{REPORT}] }}\n"));
    let both = r#"{"tests":{"result":"success"},"lint":{"result":"success"}}"#;
    let (_, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.writes(&[]);
    // The linter was green at first, and may have written the report.
    team.github.edit(run, |run| *run = run.clone().job("lint", "success"));
    second_attempt(&team, run, &["tests"]);
    team.gate(run, both).run().code(0);

    team.project.pull();
    let commit = team.project.push("Worse", &[("app.py", "print('worse')\n")]);
    let tests = Run::push(&commit).job("tests", "failure").job("gate", "in_progress");
    let run = team.github.add(tests);
    team.writes(&["test_slow"]);
    team.gate(run, RED).run().code(5);
    second_attempt(&team, run, &["tests", "lint"]);
    team.writes(&[]);
    team.project.holds(team.gate(run, both), "evidence_missing");
}

#[test]
fn what_cannot_be_checked_is_said() {
    let team = Team::new();
    let commit = team.project.push("Again", &[("app.py", "print('again')\n")]);
    let run = team.github.add(Run::push(&commit).attempt(2).job("other", "success"));
    team.writes(&[]);
    let what = "whether reports/junit.xml comes from an earlier attempt could not be checked";
    let plan = |token: &str| {
        let run = crate::harness::tidegate::Tidegate::new()
            .args(["plan", "--json", "--needs", AGAIN_GREEN])
            .envs(team.github.envs_of(run))
            .env("GITHUB_TOKEN", token)
            .current_dir(team.folder())
            .run()
            .code(0);
        assert_eq!(run.json()["plan"]["verdict"], "promote", "{}", run.stdout);
        warnings(&run.json())
    };
    let unknown_job = plan(team.github.token());
    assert!(unknown_job.contains(what) && unknown_job.contains("no job tests"), "{unknown_job}");
    let no_token = plan("");
    assert!(no_token.contains("could not be checked: there is no token"), "{no_token}");
    team.github.permit("actions", "none");
    let refused = plan(team.github.token());
    assert!(refused.contains("could not be checked: GET"), "{refused}");
}
