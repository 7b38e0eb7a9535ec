//! What the data came to, by value.

use jiff::SignedDuration;

use super::*;
use crate::data::{
    CheckResult, Outcome as Found, Prepared, PublishedVersion, ReleasedData, StepResult,
};
use crate::state::QuarantinedDigest;

fn config() -> Config {
    let data = serde_json::json!({
        "store": "file:///srv/lake", "layers": { "analytics": { "file": "data/analytics.db" } },
    });
    Config { data: Some(serde_json::from_value(data).unwrap()), ..Config::default() }
}

fn candidate() -> ReleasedData {
    let hex = "c".repeat(64);
    let version: PublishedVersion = serde_json::from_value(serde_json::json!({
        "version": format!("sha256:{hex}"), "sha256": hex, "size": 9,
        "created": NOW, "storage_format": "sqlite 3", "path": format!("versions/{hex}.db"),
    }))
    .unwrap();
    let place = config().data.unwrap().place().unwrap();
    ReleasedData { place, version }
}

fn check(name: &str, required: bool, outcome: Found) -> CheckResult {
    CheckResult { name: name.to_owned(), required, value: Some(1.0), outcome }
}

fn with(checks: Vec<CheckResult>) -> Evidence {
    let prepared = Box::new(Prepared { checks, ..Prepared::default() });
    let candidate = Some(Box::new(candidate()));
    Evidence { data: DataEvidence::Prepared { prepared, candidate }, ..passing() }
}

/// A release of data alone, of another version than the candidate's, at `created`.
fn released_alone(created: &str) -> State {
    let mut state = released('a');
    let mut record = state.records[&1].clone();
    let mut data = candidate();
    data.version.version = format!("sha256:{}", "d".repeat(64)).parse().unwrap();
    record.number = 2;
    record.kind = RecordKind::Data { of: 1 };
    record.created = created.parse().unwrap();
    record.data = Some(data);
    let (kind, commit, created) = (record.kind.clone(), record.commit.clone(), record.created);
    state.index.push(IndexEntry { number: 2, kind, commit, created });
    state.records.insert(2, record);
    state
}

#[test]
fn nothing_is_released_over_data_that_readers_do_not_have() {
    let pending_data = Some("the store does not answer".to_owned());
    let evidence = Evidence { pending_data: pending_data.clone(), ..passing() };
    let decision = decide(&evidence, &Config::default());
    let why = "the store does not answer".to_owned();
    assert_eq!(decision.reasons, [Reason::DataPending { release: 1, why }]);
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, Some(Outcome::Passed)));
    let pending = Evidence { pending_data, ..failing() };
    let (pending, without) =
        (decide(&pending, &Config::default()), decide(&failing(), &Config::default()));
    assert_eq!(pending, without, "no failure waits for it");
}

#[test]
fn older_data_does_not_come_over_data_that_was_released_alone() {
    let before: Timestamp = NOW.parse().unwrap();
    let (earlier, later) =
        (before - SignedDuration::from_secs(1), before + SignedDuration::from_secs(1));
    let evidence = |created: Timestamp| Evidence {
        state: released_alone(&created.to_string()),
        ..with(vec![check("rows", true, Found::Passed)])
    };
    assert_eq!(decide(&evidence(earlier), &config()).verdict, Verdict::Promote);
    let decision = decide(&evidence(later), &config());
    assert_eq!(decision.reasons, [Reason::NewerDataReleased { release: 2 }]);
    let mut same = evidence(later);
    if let Some(record) = same.state.records.get_mut(&2) {
        record.data = Some(candidate());
    }
    assert_eq!(decide(&same, &config()).verdict, Verdict::Promote);
}

#[test]
fn a_version_that_was_named_and_left_out_is_told() {
    let mut decision = decide(&passing(), &Config::default());
    let state = released_alone(NOW);
    let named = candidate().version.version;
    assert_eq!(left_out_data(&decision, &state, &named), None, "it is released");
    decision.verdict = Verdict::Superseded;
    let said = left_out_data(&decision, &state, &named).unwrap();
    assert!(said.contains(named.as_str()) && said.contains("release 2"), "{said}");
    assert!(!is_data_of_live_code(&decision, &state, &named), "of another commit");
    assert_eq!(no_new_data(&decision, &config(), &state, None), None);
    let live = &state.records[&2].data.as_ref().unwrap().version.version;
    assert_eq!(left_out_data(&decision, &state, live), None);
}

#[test]
fn new_data_of_live_code_is_released_or_it_is_said_how() {
    let state = released_alone(NOW);
    let mut decision = decide(&passing(), &Config::default());
    decision.verdict = Verdict::Superseded;
    decision.commit = state.records[&2].commit.clone();
    decision.reasons = vec![Reason::AlreadyReleased { release: 1 }];
    let named = candidate().version.version;
    assert!(is_data_of_live_code(&decision, &state, &named));
    assert_eq!(left_out_data(&decision, &state, &named), None);
    let live = &state.records[&2].data.as_ref().unwrap().version.version;
    assert!(!is_data_of_live_code(&decision, &state, live), "readers have it");
    let said = no_new_data(&decision, &config(), &state, None).unwrap();
    assert!(said.contains("`tidegate sync --layer analytics`"), "{said}");
    let said = no_new_data(&decision, &config(), &state, Some("job data failed")).unwrap();
    assert_eq!(said, "no new data was released: job data failed");
    assert_eq!(no_new_data(&decision, &Config::default(), &state, None), None, "no data at all");
    let failed = decide(&failing(), &Config::default());
    let reasons = [decision.reasons.clone(), failed.reasons].concat();
    let failed = Decision { reasons, ..decision.clone() };
    assert!(!is_data_of_live_code(&failed, &state, &named), "its tests failed this time");
    decision.binding = false;
    assert!(!is_data_of_live_code(&decision, &state, &named), "a pull request");
}

fn failed() -> Found {
    Found::Failed { why: "1, expected at least 2".to_owned() }
}

#[test]
fn data_is_made_last_of_all() {
    let evidence = passing();
    let decision = decide(&evidence, &config());
    assert_eq!(
        (decision.verdict, &decision.reasons[..]),
        (Verdict::Hold, &[Reason::DataNotReady][..])
    );
    assert_eq!(decision.outcome, Some(Outcome::Passed), "the code passed");
    assert!(wants_data(&evidence, &config(), false));
    assert!(!wants_data(&evidence, &Config::default(), false));
    // With a version that somebody names, also where it is published separately.
    let mut separately = config();
    if let Some(data) = &mut separately.data {
        data.publish = crate::config::DataPublish::Separately;
    }
    assert!(!wants_data(&evidence, &separately, false));
    assert!(wants_data(&evidence, &separately, true));
    // Nobody would get it.
    let open = OpenWindow { entry: 1, reason: "weekend".to_owned(), until: NOW.parse().unwrap() };
    let frozen = Evidence { freezes: vec![open], ..passing() };
    assert!(!wants_data(&frozen, &config(), false));
    assert!(!wants_data(&failing(), &config(), true));
    let report = Evidence { occasion: Occasion::ReportOnly, ..passing() };
    assert!(!wants_data(&report, &config(), true));
}

#[test]
fn what_did_not_pass_holds_and_never_reverts() {
    let passed = check("fresh", true, Found::Passed);
    let decision = decide(&with(vec![passed.clone()]), &config());
    assert_eq!(decision.verdict, Verdict::Promote);
    let bad = with(vec![passed.clone(), check("rows", true, failed())]);
    let decision = decide(&bad, &config());
    assert_eq!((decision.verdict, decision.outcome), (Verdict::Hold, Some(Outcome::Passed)));
    let why = "1, expected at least 2".to_owned();
    assert_eq!(decision.reasons, [Reason::DataFailed { what: "rows".to_owned(), why }]);
    assert!(!has_failure(&bad));
    // What is not required is reported only.
    let advisory = with(vec![passed, check("rows", false, failed())]);
    assert_eq!(decide(&advisory, &config()).verdict, Verdict::Promote);
    let unknown = Found::Inconclusive { why: "no such table".to_owned() };
    let decision = decide(&with(vec![check("rows", true, unknown)]), &config());
    assert!(matches!(&decision.reasons[..], [Reason::DataUnknown { .. }]), "{decision:?}");
}

#[test]
fn a_step_that_failed_a_job_that_failed_and_no_snapshot_hold() {
    let step = StepResult { name: "dbt run".to_owned(), outcome: failed() };
    let prepared = Box::new(Prepared { steps: vec![step], ..Prepared::default() });
    let stopped =
        Evidence { data: DataEvidence::Prepared { prepared, candidate: None }, ..passing() };
    assert!(matches!(&decide(&stopped, &config()).reasons[..], [Reason::DataFailed { .. }]));
    let nothing = DataEvidence::Prepared { prepared: Box::default(), candidate: None };
    let nothing = Evidence { data: nothing, ..passing() };
    assert_eq!(decide(&nothing, &config()).reasons, [Reason::DataNotReady]);
    let job = DataEvidence::Failed { why: "job data ended with failure".to_owned() };
    let job = Evidence { data: job, ..passing() };
    assert!(matches!(&decide(&job, &config()).reasons[..], [Reason::DataFailed { .. }]));
    let unknown = DataEvidence::Unknown { why: "the store does not answer".to_owned() };
    let unknown = Evidence { data: unknown, ..passing() };
    assert!(matches!(&decide(&unknown, &config()).reasons[..], [Reason::DataUnknown { .. }]));
}

#[test]
fn a_quarantined_version_is_not_published() {
    let mut evidence = with(vec![check("rows", true, Found::Passed)]);
    let digest = candidate().version.digest().unwrap();
    let quarantine = Quarantine {
        version: FORMAT,
        commit: sha('f'),
        digests: vec![digest.clone()],
        reason: "sums were wrong".to_owned(),
        by: None,
        created: NOW.parse().unwrap(),
        expires: None,
        lifted: None,
        rollback: None,
    };
    evidence.state.quarantines.insert(sha('f'), quarantine);
    let reasons = decide(&evidence, &config()).reasons;
    let why = "sums were wrong".to_owned();
    assert_eq!(reasons, [Reason::DigestQuarantined { digest, why }]);
    let unfit = |overridden| {
        unfit_data(&evidence.data, &config(), &evidence.state, evidence.now, overridden)
    };
    assert_eq!((unfit(false).len(), unfit(true).len()), (1, 0));
}

#[test]
fn content_of_a_quarantined_version_is_not_published_with_other_bytes() {
    let mut state = released_alone("2026-01-01T00:00:00Z");
    let bad = {
        let live = state.records.get_mut(&2).unwrap().data.as_mut().unwrap();
        live.version.content = Some("v1/duckdb-1.5.6/1".to_owned());
        live.version.digest().unwrap()
    };
    let quarantined = QuarantinedDigest {
        version: FORMAT,
        digest: bad.clone(),
        reason: "sums were wrong".to_owned(),
        by: None,
        created: NOW.parse().unwrap(),
        expires: None,
        lifted: None,
    };
    state.quarantined_digests.insert(bad.clone(), quarantined);
    // The release before is live again.
    let mut good = state.records[&2].clone();
    good.number = 3;
    let mut entry = state.index.last().unwrap().clone();
    entry.number = 3;
    if let Some(data) = &mut good.data {
        data.version.version = format!("sha256:{}", "e".repeat(64)).parse().unwrap();
    }
    state.index.push(entry);
    state.records.insert(3, good);
    let decided = |version: char, content: Option<&str>| {
        let mut candidate = candidate();
        candidate.version.version =
            format!("sha256:{}", version.to_string().repeat(64)).parse().unwrap();
        candidate.version.content = content.map(str::to_owned);
        let data = DataEvidence::Uploaded { candidate: Box::new(candidate) };
        decide(&Evidence { state: state.clone(), data, ..passing() }, &config()).reasons
    };
    let why = "sums were wrong".to_owned();
    let reason = Reason::DigestQuarantined { digest: bad, why };
    assert_eq!(decided('c', Some("v1/duckdb-1.5.6/1")), [reason]);
    let digests = |reasons: &[Reason]| {
        reasons.iter().filter(|reason| matches!(reason, Reason::DigestQuarantined { .. })).count()
    };
    assert_eq!(digests(&decided('c', Some("v1/duckdb-1.5.6/2"))), 0, "other content");
    assert_eq!(digests(&decided('c', None)), 0, "nobody knows");
    assert_eq!(digests(&decided('e', Some("v1/duckdb-1.5.6/1"))), 0, "what readers have stays");
}
