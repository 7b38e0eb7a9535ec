//! What the probes found, by value.

use super::*;
use crate::config::{SmokeConfig, SmokeKind};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::probe::ProbeFailure;

fn config() -> Config {
    let smoke = |name: &str| -> SmokeConfig {
        let kind = serde_json::to_value(SmokeKind::Streamlit).unwrap();
        serde_json::from_value(serde_json::json!({ "kind": kind, "name": name })).unwrap()
    };
    Config { smoke: vec![smoke("page"), smoke("api")], ..Config::default() }
}

fn found(name: &str, found: ProbeFound) -> ProbeEvidence {
    ProbeEvidence {
        name: name.to_owned(),
        kind: "streamlit".to_owned(),
        target: "app:8501".to_owned(),
        found,
        attempts: 1,
        took_ms: 12,
    }
}

fn passed(name: &str) -> ProbeEvidence {
    found(name, ProbeFound::Passed { seen: "3 pages".to_owned() })
}

fn failed(name: &str) -> ProbeEvidence {
    found(name, ProbeFound::Failed(ProbeFailure::new("page \"Sales\": KeyError: 'price'")))
}

fn unknown(name: &str) -> ProbeEvidence {
    found(name, ProbeFound::Unknown { why: "no engine answers".to_owned() })
}

fn with(mut evidence: Evidence, results: Vec<ProbeEvidence>) -> Evidence {
    evidence.probes = Probes::Ran { results };
    evidence
}

#[test]
fn nothing_passes_whose_probes_have_not_been_run() {
    let evidence = passing();
    let decision = decide(&evidence, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, None));
    assert_eq!(decision.reasons, [Reason::ProbesNotRun]);
    assert!(wants_probes(&evidence, &config()));
    assert!(!wants_probes(&evidence, &Config::default()));
    let evidence = with(passing(), vec![passed("page"), passed("api")]);
    assert!(!wants_probes(&evidence, &config()));
    let decision = decide(&evidence, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Promote, Some(Outcome::Passed)));
    // Half of them prove nothing.
    let evidence = with(passing(), vec![passed("page")]);
    assert_eq!(decide(&evidence, &config()).reasons, [Reason::ProbesNotRun]);
    assert!(!wants_probes(&evidence, &config()), "they are not run for ever");
}

#[test]
fn an_empty_list_of_results_is_no_pass_where_only_a_stack_or_a_command_is_configured() {
    let before = serde_json::json!([{ "run": "alembic upgrade head" }]);
    let compose = serde_json::json!({ "file": "compose.yml", "services": {} });
    for config in [
        Config { before_promote: serde_json::from_value(before).unwrap(), ..Config::default() },
        Config { compose: serde_json::from_value(compose).unwrap(), ..Config::default() },
    ] {
        assert!(wants_probes(&passing(), &config));
        let decision = decide(&with(passing(), Vec::new()), &config);
        assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, None));
        assert_eq!(decision.reasons, [Reason::ProbesNotRun]);
        assert_eq!(
            unfit_probes(&Probes::Ran { results: Vec::new() }, &config),
            [Reason::ProbesNotRun]
        );
    }
}

#[test]
fn probes_are_not_run_for_a_candidate_with_which_something_else_is_wrong() {
    let mut missing = passing();
    missing.jobs = JobEvidence::new(&[job("tests", Conclusion::Cancelled)], None);
    let mut released = passing();
    released.state = super::released('b');
    let mut unfit = passing();
    unfit.release.as_mut().unwrap().images[0].exists = false;
    for evidence in [failing(), missing, released, unfit] {
        assert!(!wants_probes(&evidence, &config()));
    }
}

#[test]
fn a_failed_probe_is_a_failure_as_a_failed_test_is() {
    let broken = || with(failing_by_probe(), vec![failed("page"), unknown("api")]);
    let decision = decide(&broken(), &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Rollback, Some(Outcome::Failed)));
    assert_eq!(
        verdict_by(&broken(), &config()).1,
        "probe \"page\" failed: page \"Sales\": KeyError: 'price'"
    );
    let mut tried = config();
    tried.rollback.retries = 1;
    assert_eq!(decide(&broken(), &tried).verdict, Verdict::Retry);
    let mut scheduled = broken();
    scheduled.occasion = Occasion::Scheduled;
    let decision = decide(&scheduled, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, Some(Outcome::Failed)));
    let mut passed_before = broken();
    passed_before.failure.as_mut().unwrap().passed_before = Some("release 1".to_owned());
    assert_eq!(decide(&passed_before, &config()).verdict, Verdict::Hold);
}

fn failing_by_probe() -> Evidence {
    let mut evidence = failing();
    evidence.jobs = passing().jobs;
    evidence
}

#[test]
fn a_probe_that_found_nothing_out_holds_and_is_no_pass() {
    let evidence = with(passing(), vec![passed("page"), unknown("api")]);
    let decision = decide(&evidence, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, None));
    assert_eq!(
        verdict_by(&evidence, &config()).1,
        "probe \"api\" could not be run: no engine answers"
    );
}

#[test]
fn during_a_freeze_probes_say_what_later_gates_may_rely_on() {
    let frozen = |mut evidence: Evidence| {
        evidence.freezes.push(OpenWindow {
            entry: 1,
            reason: "weekend".to_owned(),
            until: "2026-03-02T08:00:00Z".parse().unwrap(),
        });
        evidence
    };
    assert!(wants_probes(&frozen(passing()), &config()));
    assert_eq!(decide(&frozen(passing()), &config()).outcome, None);
    let evidence = frozen(with(passing(), vec![passed("page"), passed("api")]));
    let decision = decide(&evidence, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, Some(Outcome::Passed)));
    let evidence = frozen(with(failing_by_probe(), vec![failed("page"), passed("api")]));
    assert_eq!(decide(&evidence, &config()).verdict, Verdict::Rollback);
}

#[test]
fn a_pull_request_is_told_that_no_probes_run() {
    let mut evidence = passing();
    evidence.occasion = Occasion::ReportOnly;
    assert!(!wants_probes(&evidence, &config()));
    let decision = decide(&evidence, &config());
    assert_eq!((decision.verdict, decision.binding), (Verdict::Promote, false));
    assert_eq!(
        decision.warnings,
        ["the probes are run for the protected branch only, and not here"]
    );
}

#[test]
fn a_person_may_waive_probes() {
    let waived = Probes::Waived { reason: "the engine is down".to_owned() };
    assert_eq!(unfit_probes(&waived, &config()), []);
    assert_eq!(unfit_probes(&Probes::NotRun, &config()), [Reason::ProbesNotRun]);
    assert_eq!(unfit_probes(&Probes::NotRun, &Config::default()), []);
    let ran = Probes::Ran { results: vec![failed("page"), unknown("api")] };
    assert_eq!(unfit_probes(&ran, &config()).len(), 2);
}
