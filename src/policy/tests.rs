//! Every row of the verdict table, by value.

use std::collections::BTreeSet;

use super::*;
use crate::evidence::freeze::OpenWindow;
use crate::evidence::good::{GoodCandidate, GoodSearch, Rejection, Witness};
use crate::evidence::jobs::{Conclusion, JobEvidence, JobResult};
use crate::evidence::markers::{Marker, MarkerEvidence};
use crate::evidence::reports::{FailedTest, Report, ReportEvidence};
use crate::evidence::rollback_limit::{DeclaredLimit, RollbackLimit};
use crate::evidence::{Above, Descent, FailureEvidence, ImageEvidence, ReleaseEvidence};
use crate::model::{Digest, RunIdentity, TreeSha};
use crate::state::{FORMAT, Hold, IndexEntry, Quarantine, Record, RecordKind, RollbackNote, State};

mod data;
mod probes;

const NOW: &str = "2026-03-01T12:00:00Z";

fn sha(digit: char) -> CommitSha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn tree(digit: char) -> TreeSha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn digest() -> Digest {
    Digest::of(b"image")
}

fn job(name: &str, conclusion: Conclusion) -> JobResult {
    JobResult { name: name.to_owned(), conclusion, outputs: std::collections::BTreeMap::new() }
}

/// Commit `b` passed, descends from release `a`, and is the head.
fn passing() -> Evidence {
    Evidence {
        now: NOW.parse().unwrap(),
        run: RunIdentity { id: 7, attempt: 1 },
        occasion: Occasion::Push,
        branch: "main".parse().unwrap(),
        tested: sha('b'),
        tree: tree('b'),
        head: sha('b'),
        effective_head: sha('b'),
        above: Vec::new(),
        jobs: JobEvidence::new(&[job("tests", Conclusion::Success)], None),
        reports: ReportEvidence::default(),
        checks: Vec::new(),
        stored_failure: None,
        metrics: Vec::new(),
        probes: Probes::NotRun,
        data: DataEvidence::NotRun,
        pending_data: None,
        freezes: Vec::new(),
        state: released('a'),
        release: Some(ReleaseEvidence {
            images: vec![ImageEvidence {
                image: "ghcr.io/acme/app".parse().unwrap(),
                digest: Some(digest()),
                exists: true,
                missing_children: Vec::new(),
                revisions: BTreeSet::from([sha('b').to_string()]),
                stable: None,
                problem: None,
            }],
            descent: Descent::Newer,
            on_branch: true,
            markers: MarkerEvidence::default(),
            declared_limit: DeclaredLimit::No,
        }),
        failure: None,
        warnings: Vec::new(),
    }
}

/// Commit `b` failed, and `a` is good.
fn failing() -> Evidence {
    let mut evidence = passing();
    evidence.jobs = JobEvidence::new(&[job("tests", Conclusion::Failure)], None);
    evidence.release = None;
    evidence.failure = Some(FailureEvidence {
        commit: sha('b'),
        good: GoodSearch {
            candidates: vec![GoodCandidate {
                commit: sha('a'),
                witness: Witness::Record { number: 1 },
                distance: Some(1),
                rejections: Vec::new(),
            }],
            warnings: Vec::new(),
        },
        passed_before: None,
        same_tree_as: None,
        head_shows_it: false,
        nothing_to_restore: false,
        kept: Vec::new(),
        unfinished: Vec::new(),
        unanswered: None,
        range: vec![sha('b')],
        never_came: BTreeSet::new(),
        limits: Vec::new(),
    });
    evidence
}

fn released(commit: char) -> State {
    let mut state = State::default();
    state.index.push(IndexEntry {
        number: 1,
        kind: RecordKind::Promotion,
        commit: sha(commit),
        created: NOW.parse().unwrap(),
    });
    state.records.insert(
        1,
        Record {
            version: FORMAT,
            number: 1,
            kind: RecordKind::Promotion,
            branch: "main".parse().unwrap(),
            commit: sha(commit),
            tree: tree(commit),
            images: Vec::new(),
            places: crate::plan::places(&Config::default()).unwrap(),
            data: None,
            metrics: std::collections::BTreeMap::new(),
            checks: Vec::new(),
            flaky: Vec::new(),
            probes_waived: None,
            incompatible_with_rollback_before: None,
            run: RunIdentity { id: 1, attempt: 1 },
            run_url: None,
            created: NOW.parse().unwrap(),
            by: None,
            reason: None,
            override_reason: None,
        },
    );
    state
}

fn quarantine(commit: char, range: &[char], after_record: u64) -> Quarantine {
    Quarantine {
        version: FORMAT,
        commit: sha(commit),
        digests: Vec::new(),
        reason: "tests failed".to_owned(),
        by: None,
        created: NOW.parse().unwrap(),
        expires: None,
        lifted: None,
        rollback: Some(RollbackNote {
            to: sha('a'),
            range: range.iter().copied().map(sha).collect(),
            after_record,
            by_hand: false,
            pull_request: None,
            told: None,
        }),
    }
}

fn verdict(evidence: &Evidence) -> (Verdict, String) {
    verdict_by(evidence, &Config::default())
}

fn verdict_by(evidence: &Evidence, config: &Config) -> (Verdict, String) {
    let decision = decide(evidence, config);
    let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
    (decision.verdict, reasons.join(" | "))
}

fn held_for(evidence: &Evidence, reason: &str) {
    let (verdict, reasons) = verdict(evidence);
    assert_eq!(verdict, Verdict::Hold, "{reasons}");
    assert!(reasons.contains(reason), "{reasons:?} does not say {reason:?}");
}

#[test]
fn a_failure_that_the_branch_still_shows_is_rolled_back_below_what_is_kept() {
    let mut evidence = failing();
    evidence.effective_head = sha('d');
    held_for(&evidence, "the branch shows ddddddd by now");
    evidence.failure.as_mut().unwrap().head_shows_it = true;
    assert_eq!(decide(&evidence, &Config::default()).verdict, Verdict::Rollback);
}

#[test]
fn everything_passed_is_promoted() {
    assert_eq!(verdict(&passing()), (Verdict::Promote, String::new()));
}

#[test]
fn a_conclusive_failure_of_the_effective_head_is_rolled_back() {
    assert_eq!(
        verdict(&failing()),
        (Verdict::Rollback, "required job \"tests\" failed".to_owned())
    );
    assert_eq!(decide(&failing(), &Config::default()).good, Some(sha('a')));
}

#[test]
fn failures_outweigh_missing_evidence() {
    let mut evidence = failing();
    let jobs = [job("tests", Conclusion::Failure), job("build", Conclusion::Skipped)];
    evidence.jobs = JobEvidence::new(&jobs, None);
    assert_eq!(verdict(&evidence).0, Verdict::Rollback);
}

#[test]
fn failed_tests_in_a_report_are_conclusive() {
    let mut evidence = failing();
    evidence.jobs = JobEvidence::new(&[job("tests", Conclusion::Success)], None);
    evidence.reports.reports.push(Report {
        path: "reports/junit.xml".to_owned(),
        tests: 3,
        failed: 1,
        failures: vec![FailedTest {
            class: "test_app".to_owned(),
            name: "test_rows".to_owned(),
            message: String::new(),
        }],
        ..Report::default()
    });
    let expected = "1 test failed in reports/junit.xml, first test_app::test_rows";
    assert_eq!(verdict(&evidence), (Verdict::Rollback, expected.to_owned()));
}

#[test]
fn missing_evidence_holds() {
    for conclusion in [Conclusion::Cancelled, Conclusion::Skipped] {
        let mut evidence = passing();
        evidence.jobs = JobEvidence::new(&[job("tests", conclusion)], None);
        held_for(&evidence, "required job \"tests\" was");
        assert_eq!(decide(&evidence, &Config::default()).outcome, None, "it is no pass");
    }
    let mut evidence = passing();
    evidence.jobs = JobEvidence::new(&[], None);
    held_for(&evidence, "no required job has reported a result");
    evidence.jobs = JobEvidence::new(
        &[job("tests", Conclusion::Success)],
        Some(&["tests".to_owned(), "code-quality".to_owned()]),
    );
    held_for(&evidence, "required job \"code-quality\" is not among the gate's needs");
}

#[test]
fn advisory_jobs_never_decide() {
    let mut evidence = passing();
    let jobs = [job("tests", Conclusion::Success), job("lint", Conclusion::Failure)];
    evidence.jobs = JobEvidence::new(&jobs, Some(&["tests".to_owned()]));
    assert_eq!(verdict(&evidence).0, Verdict::Promote);
}

#[test]
fn superseded_by_a_newer_run() {
    let above = |stored| Above { commit: sha('c'), own_run: true, stored, rollback_of: None };
    let mut evidence = failing();
    evidence.above = vec![above(None)];
    assert_eq!(verdict(&evidence).0, Verdict::Superseded);
    evidence.above = vec![above(Some(Outcome::Passed))];
    assert_eq!(verdict(&evidence).0, Verdict::Superseded);
    // That run has found a failure already: this gate carries it out, as that commit's.
    evidence.above = vec![above(Some(Outcome::Failed))];
    evidence.effective_head = sha('c');
    evidence.failure.as_mut().unwrap().commit = sha('c');
    assert_eq!(verdict(&evidence).0, Verdict::Rollback);
    // A promotion may still go on below a newer run.
    let mut evidence = passing();
    evidence.above = vec![above(None)];
    assert_eq!(verdict(&evidence).0, Verdict::Promote);
}

#[test]
fn superseded_where_a_rollback_has_happened_already() {
    let mut evidence = failing();
    evidence.state.quarantines.insert(sha('b'), quarantine('b', &['b'], 1));
    evidence.above =
        vec![Above { commit: sha('c'), own_run: false, stored: None, rollback_of: Some(sha('b')) }];
    evidence.effective_head = sha('c');
    let expected = "required job \"tests\" failed | ccccccc has rolled the commit back already";
    assert_eq!(verdict(&evidence), (Verdict::Superseded, expected.to_owned()));
}

#[test]
fn superseded_by_a_release() {
    let mut evidence = passing();
    evidence.state = released('b');
    assert_eq!(
        verdict(&evidence),
        (Verdict::Superseded, "the commit is release 1 already".to_owned())
    );
    let mut evidence = passing();
    evidence.release.as_mut().unwrap().descent = Descent::Older;
    assert_eq!(
        verdict(&evidence),
        (Verdict::Superseded, "aaaaaaa, which is newer, is released already".to_owned())
    );
}

#[test]
fn holds_and_freezes_and_quarantines_stop_promotions_only() {
    let hold = Hold {
        version: FORMAT,
        id: "h".to_owned(),
        reason: "moving house".to_owned(),
        by: None,
        created: NOW.parse().unwrap(),
        expires: None,
    };
    let window = OpenWindow {
        entry: 1,
        reason: "no weekend releases".to_owned(),
        until: "2026-03-02T06:00:00Z".parse().unwrap(),
    };
    for mut evidence in [passing(), failing()] {
        evidence.state.holds.insert("h".to_owned(), hold.clone());
        evidence.freezes = vec![window.clone()];
        let (verdict, reasons) = verdict(&evidence);
        if evidence.failure.is_some() {
            assert_eq!(verdict, Verdict::Rollback);
        } else {
            assert_eq!(verdict, Verdict::Hold);
            let expected = "promotions are on hold (h): moving house | frozen until 2026-03-02 06:00 UTC: no weekend releases";
            assert_eq!(reasons, expected);
            assert_eq!(decide(&evidence, &Config::default()).outcome, Some(Outcome::Passed));
        }
    }
    let mut evidence = passing();
    evidence.state.quarantines.insert(sha('b'), quarantine('b', &['b'], 1));
    held_for(&evidence, "the commit is quarantined: tests failed");
}

#[test]
fn an_expired_hold_or_quarantine_stops_nothing() {
    let past = Some("2026-02-01T00:00:00Z".parse().unwrap());
    let mut evidence = passing();
    let mut old = quarantine('b', &[], 1);
    (old.expires, old.rollback) = (past, None);
    evidence.state.quarantines.insert(sha('b'), old);
    assert_eq!(verdict(&evidence).0, Verdict::Promote);
}

#[test]
fn a_commit_inside_a_rolled_back_range_is_held() {
    let mut evidence = passing();
    evidence.state.quarantines.insert(sha('c'), quarantine('c', &['c', 'b'], 1));
    held_for(&evidence, "the commit was taken out by the rollback of ccccccc");
}

#[test]
fn another_line_of_history_is_held() {
    let mut evidence = passing();
    evidence.release.as_mut().unwrap().descent = Descent::Unrelated;
    held_for(&evidence, "does not descend from aaaaaaa");
    evidence.release.as_mut().unwrap().on_branch = false;
    held_for(&evidence, "not on the protected branch");
}

#[test]
fn images_that_are_not_fit_are_held() {
    type Spoil = fn(&mut ImageEvidence);
    let cases: [(Spoil, &str); 5] = [
        (|image| image.digest = None, "no digest was given"),
        (|image| image.exists = false, "the registry has no sha256:"),
        (|image| image.missing_children = vec![digest()], "lacks platform manifests"),
        (|image| image.revisions = BTreeSet::from([sha('c').to_string()]), "was tested"),
        (|image| image.problem = Some("the registry is down".to_owned()), "the registry is down"),
    ];
    for (spoil, reason) in cases {
        let mut evidence = passing();
        spoil(&mut evidence.release.as_mut().unwrap().images[0]);
        held_for(&evidence, reason);
        assert_eq!(decide(&evidence, &Config::default()).outcome, None, "{reason}");
    }
}

#[test]
fn new_conflict_markers_hold_and_old_ones_warn() {
    let marker = Marker { path: "app.py".to_owned(), line: 3 };
    let mut evidence = passing();
    evidence.release.as_mut().unwrap().markers.old = vec![marker.clone()];
    let decision = decide(&evidence, &Config::default());
    assert_eq!(decision.verdict, Verdict::Promote);
    assert_eq!(decision.warnings.len(), 1, "{:?}", decision.warnings);
    evidence.release.as_mut().unwrap().markers.new = vec![marker];
    held_for(&evidence, "conflict markers in 1 places: app.py:3");
}

#[test]
fn the_environment_is_suspected_before_the_code() {
    let with = |change: fn(&mut FailureEvidence)| {
        let mut evidence = failing();
        change(evidence.failure.as_mut().unwrap());
        evidence
    };
    held_for(
        &with(|f| f.passed_before = Some("release 1".to_owned())),
        "passed before (release 1)",
    );
    held_for(&with(|f| f.same_tree_as = Some(sha('a'))), "its tree equals that of aaaaaaa");
    held_for(
        &with(|f| {
            f.nothing_to_restore = true;
            f.kept = vec![".github/workflows/ci.yml".to_owned()];
        }),
        "only kept paths differ from the good tree (.github/workflows/ci.yml)",
    );
    held_for(&with(|f| f.unfinished = vec![sha('c')]), "runs of commits in between");
}

#[test]
fn a_failure_without_a_good_commit_is_held() {
    let mut evidence = failing();
    let search = &mut evidence.failure.as_mut().unwrap().good;
    search.candidates[0].rejections.push(Rejection::NotOnBranch);
    held_for(&evidence, "none of 1 commits that are recorded as good survives the checks");
    evidence.failure.as_mut().unwrap().good.candidates.clear();
    held_for(&evidence, "no commit was ever recorded as good");
}

#[test]
fn so_many_rollbacks_in_a_row_need_a_person() {
    let mut evidence = failing();
    for digit in ['1', '2', '3'] {
        evidence.state.quarantines.insert(sha(digit), quarantine(digit, &[digit], 1));
    }
    held_for(&evidence, "3 rollbacks in a row");
    // Those before the newest release do not count, nor does the one that is being repeated.
    evidence.state.quarantines.insert(sha('3'), quarantine('3', &['3'], 0));
    assert_eq!(verdict(&evidence).0, Verdict::Rollback);
    evidence.state.quarantines.insert(sha('b'), quarantine('b', &['b'], 1));
    assert_eq!(verdict(&evidence).0, Verdict::Rollback);
}

#[test]
fn retries_come_before_a_rollback() {
    let mut config = Config::default();
    config.rollback.retries = 1;
    let mut evidence = failing();
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Retry);
    evidence.run.attempt = 2;
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Rollback);
}

#[test]
fn superseded_and_holds_come_before_a_retry() {
    let mut config = Config::default();
    config.rollback.retries = 1;
    let mut evidence = failing();
    evidence.occasion = Occasion::Scheduled;
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Hold);
    evidence.occasion = Occasion::Push;
    config.rollback.enabled = false;
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Hold);
    config.rollback.enabled = true;
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Retry);
    evidence.above =
        vec![Above { commit: sha('c'), own_run: true, stored: None, rollback_of: None }];
    assert_eq!(verdict_by(&evidence, &config).0, Verdict::Superseded);
}

#[test]
fn a_disabled_rollback_holds() {
    let mut config = Config::default();
    config.rollback.enabled = false;
    assert_eq!(verdict_by(&failing(), &config).0, Verdict::Hold);
}

#[test]
fn a_failure_that_main_does_not_show_is_held() {
    let mut evidence = failing();
    evidence.effective_head = sha('c');
    held_for(&evidence, "the branch shows ccccccc by now");
}

#[test]
fn schedules_and_dispatches_promote_or_hold() {
    for mut evidence in [passing(), failing()] {
        evidence.occasion = Occasion::Scheduled;
        let expected = if evidence.failure.is_some() { Verdict::Hold } else { Verdict::Promote };
        assert_eq!(verdict(&evidence).0, expected);
    }
    let mut evidence = passing();
    evidence.occasion = Occasion::Scheduled;
    evidence.effective_head = sha('c');
    held_for(&evidence, "the branch shows ccccccc by now");
}

#[test]
fn pull_requests_are_only_reported() {
    for mut evidence in [passing(), failing()] {
        evidence.occasion = Occasion::ReportOnly;
        assert!(!decide(&evidence, &Config::default()).binding);
    }
}

#[test]
fn a_check_that_has_not_passed_holds_and_is_no_failure() {
    use crate::evidence::checks::{CheckFound, RequiredCheck};
    let unknown = CheckFound::Unknown { why: "no token".to_owned() };
    let failed = CheckFound::NotPassed { conclusion: "failure".to_owned(), url: None };
    for found in [CheckFound::Missing, CheckFound::Unfinished, failed, unknown] {
        let check = RequiredCheck { name: "scan".to_owned(), found };
        let mut evidence = passing();
        evidence.checks = vec![check.clone()];
        held_for(&evidence, "required check \"scan\"");
        assert_eq!(decide(&evidence, &Config::default()).outcome, None);
        let mut evidence = failing();
        evidence.checks = vec![check];
        assert_eq!(verdict(&evidence).0, Verdict::Rollback);
    }
    let mut evidence = passing();
    evidence.checks = vec![RequiredCheck { name: "scan".to_owned(), found: CheckFound::Passed }];
    assert_eq!(verdict(&evidence).0, Verdict::Promote);
    evidence.jobs = JobEvidence::new(&[], None);
    held_for(&evidence, "no required job has reported a result");
}

#[test]
fn a_github_that_does_not_answer_holds_a_rollback() {
    let mut evidence = failing();
    evidence.failure.as_mut().unwrap().unanswered = Some("503".to_owned());
    held_for(&evidence, "GitHub did not answer");
}

#[test]
fn a_stored_failure_is_conclusive_and_obeys_every_hold() {
    let mut evidence = failing();
    evidence.jobs = JobEvidence::default();
    evidence.stored_failure = Some(crate::evidence::StoredFailure {
        commit: sha('b'),
        run: RunIdentity { id: 42, attempt: 1 },
        reasons: vec!["required job \"tests\" failed".to_owned()],
    });
    let (found, reasons) = verdict(&evidence);
    assert_eq!(found, Verdict::Rollback);
    assert_eq!(reasons, "run 42 found that bbbbbbb failed: required job \"tests\" failed");
    evidence.failure.as_mut().unwrap().unfinished = vec![sha('c')];
    held_for(&evidence, "not finished");
    evidence.failure.as_mut().unwrap().unfinished.clear();
    evidence.effective_head = sha('d');
    held_for(&evidence, "no run has judged it");
}

#[test]
fn nothing_goes_back_past_what_a_release_has_declared() {
    let mut evidence = failing();
    let limit = |release| RollbackLimit { first: sha('9'), declared_by: sha('8'), release };
    evidence.failure.as_mut().unwrap().limits = vec![limit(Some(4))];
    held_for(
        &evidence,
        "release 4 (8888888) declares `incompatible_with_rollback_before: 9999999`",
    );
    evidence.failure.as_mut().unwrap().limits = vec![limit(None)];
    held_for(&evidence, "may come back: 8888888 declares");
}

#[test]
fn a_limit_that_no_rollback_can_be_held_against_holds_the_promotion() {
    let mut evidence = passing();
    let release = evidence.release.as_mut().unwrap();
    release.declared_limit = DeclaredLimit::Known { first: sha('a') };
    assert_eq!(verdict(&evidence).0, Verdict::Promote);
    let why = "this repository has no commit 9999999".to_owned();
    let release = evidence.release.as_mut().unwrap();
    release.declared_limit = DeclaredLimit::Unfit { first: sha('9'), why };
    held_for(&evidence, "no commit 9999999");
    // What nobody could hold a rollback against was not found to pass.
    assert_eq!(decide(&evidence, &Config::default()).outcome, None);
}
