//! What is in force, what a lift forgives, and what stays told.

use super::*;
use crate::state::{Outcome, RollbackNote, StateChange, StateFiles, StoredVerdict};

fn time(hour: u32) -> Timestamp {
    format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap()
}

fn sha(digit: char) -> CommitSha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

fn lifted(hour: u32) -> Lifted {
    Lifted { by: Some("ada".to_owned()), at: time(hour), reason: None }
}

/// A quarantine that a rollback over `range` wrote.
fn rolled_back(commit: char, range: &[char], hour: u32) -> Quarantine {
    Quarantine {
        version: FORMAT,
        commit: sha(commit),
        digests: Vec::new(),
        reason: "tests failed".to_owned(),
        by: None,
        created: time(hour),
        expires: None,
        lifted: None,
        rollback: Some(RollbackNote {
            to: sha('a'),
            range: range.iter().copied().map(sha).collect(),
            after_record: 1,
            by_hand: false,
            told: None,
            pull_request: None,
        }),
    }
}

fn by_hand(commit: char, digests: &[char], hour: u32) -> Quarantine {
    Quarantine {
        digests: digests.iter().copied().map(digest).collect(),
        reason: "by hand".to_owned(),
        rollback: None,
        ..rolled_back(commit, &[], hour)
    }
}

fn state(quarantines: impl IntoIterator<Item = Quarantine>) -> State {
    let quarantines = quarantines.into_iter().map(|own| (own.commit.clone(), own)).collect();
    State { quarantines, ..State::default() }
}

fn lift(state: &mut State, commit: char, hour: u32) {
    let own = state.lift_of_commit(&sha(commit), lifted(hour)).expect("it is forbidden");
    state.quarantines.insert(own.commit.clone(), own);
}

#[test]
fn a_lift_lets_its_commit_back_and_leaves_the_rest_of_the_rollback_out() {
    let mut state = state([rolled_back('c', &['c', 'b'], 1)]);
    lift(&mut state, 'c', 2);
    assert!(state.quarantine(&sha('c'), time(2)).is_none());
    assert!(state.kept_out_by(&sha('c')).is_none() && !state.is_rolled_back(&sha('c')));
    assert!(state.kept_out_by(&sha('b')).is_some() && state.is_rolled_back(&sha('b')));
    assert!(state.lift_of_commit(&sha('c'), lifted(3)).is_none(), "nothing is left to lift");
}

#[test]
fn a_commit_below_the_failed_one_can_be_lifted_by_itself() {
    let mut state = state([rolled_back('c', &['c', 'b'], 1)]);
    lift(&mut state, 'b', 2);
    assert!(!state.is_rolled_back(&sha('b')));
    assert!(state.is_rolled_back(&sha('c')) && state.quarantine(&sha('c'), time(3)).is_some());
    assert_eq!(state.quarantines[&sha('b')].reason, "taken out by the rollback of ccccccc");
}

#[test]
fn a_later_rollback_takes_a_lifted_commit_out_again() {
    let mut state = state([rolled_back('b', &['b'], 1)]);
    lift(&mut state, 'b', 2);
    state.quarantines.insert(sha('d'), rolled_back('d', &['d', 'b'], 3));
    assert!(state.is_rolled_back(&sha('b')));
    lift(&mut state, 'b', 4);
    assert!(!state.is_rolled_back(&sha('b')) && state.is_rolled_back(&sha('d')));
}

#[test]
fn a_lifted_rollback_still_counts_until_a_promotion() {
    let mut state = state([rolled_back('c', &['c'], 1)]);
    lift(&mut state, 'c', 2);
    assert_eq!(state.rollbacks_since_promotion().count(), 1);
    assert_eq!(state.rollbacks_over(&sha('c')).count(), 1);
}

#[test]
fn a_quarantine_by_hand_keeps_how_the_rollback_was_told() {
    let state = state([rolled_back('c', &['c'], 1)]);
    let united = state.united(by_hand('c', &[], 5));
    assert_eq!((united.reason.as_str(), united.created), ("by hand", time(5)));
    let told = united.told_rollback().expect("the rollback");
    assert_eq!((told.reason.as_str(), told.created), ("tests failed", time(1)));
    // And once more.
    let again = State { quarantines: [(sha('c'), united)].into(), ..State::default() };
    let told = again.united(by_hand('c', &[], 6)).told_rollback().expect("the rollback");
    assert_eq!(told.created, time(1));
}

#[test]
fn what_was_lifted_is_not_forbidden_again_by_the_way() {
    let mut state = state([by_hand('c', &['1'], 1)]);
    assert_eq!(state.united(by_hand('c', &['2'], 2)).digests, [digest('2'), digest('1')]);
    lift(&mut state, 'c', 3);
    assert_eq!(state.united(by_hand('c', &['2'], 4)).digests, [digest('2')]);
}

#[test]
fn a_digest_is_forbidden_by_itself_or_with_a_commit_until_it_is_lifted() {
    let mut state = state([by_hand('c', &['1'], 1)]);
    assert_eq!(state.quarantine_of_digest(&digest('1'), time(2)), Some("by hand"));
    assert_eq!(state.quarantine_of_digest(&digest('2'), time(2)), None);
    let own = state.lift_of_digest(&digest('1'), lifted(3)).expect("it is forbidden");
    state.quarantined_digests.insert(own.digest.clone(), own);
    assert_eq!(state.quarantine_of_digest(&digest('1'), time(4)), None);
    assert!(state.quarantine(&sha('c'), time(4)).is_some(), "the commit stays forbidden");
    assert!(state.lift_of_digest(&digest('1'), lifted(4)).is_none());
    // A later quarantine of the commit forbids its digests again.
    state.quarantines.insert(sha('c'), by_hand('c', &['1'], 5));
    assert_eq!(state.quarantine_of_digest(&digest('1'), time(6)), Some("by hand"));
}

#[test]
fn what_expires_is_over_then() {
    let expires = Some(time(3));
    let mut state = state([Quarantine { expires, ..by_hand('c', &['1'], 1) }]);
    let hold = Hold {
        version: FORMAT,
        id: "x".to_owned(),
        reason: "x".to_owned(),
        by: None,
        created: time(1),
        expires,
    };
    state.holds.insert(hold.id.clone(), hold);
    assert!(state.quarantine(&sha('c'), time(2)).is_some());
    assert!(state.quarantine(&sha('c'), time(3)).is_none());
    assert!(state.quarantine_of_digest(&digest('1'), time(3)).is_none());
    assert_eq!((state.holds_at(time(2)).count(), state.holds_at(time(3)).count()), (1, 0));
    assert_eq!(state.expired_holds(time(3)).collect::<Vec<_>>(), ["x"]);
}

/// Files of the first version have neither `lifted` nor `told`.
#[test]
fn files_of_earlier_versions_are_read() {
    let text = format!(
        r#"{{"version": 1, "commit": "{}", "digests": ["{}"], "reason": "x",
            "created": "2026-01-01T01:00:00Z",
            "rollback": {{"to": "{}", "range": ["{0}"], "after_record": 2}}}}"#,
        sha('c'),
        digest('1'),
        sha('a'),
    );
    let mut files = StateFiles::default();
    files.entry("quarantine", &format!("{}.json", sha('c')), text.as_bytes()).unwrap();
    let state = files.finish().unwrap();
    assert!(state.quarantine(&sha('c'), time(9)).is_some() && state.is_rolled_back(&sha('c')));
}

#[test]
fn a_digest_alone_is_written_and_read_and_its_file_has_its_name() {
    let own = QuarantinedDigest {
        version: FORMAT,
        digest: digest('1'),
        reason: "contains a key".to_owned(),
        by: None,
        created: time(1),
        expires: None,
        lifted: None,
    };
    let change = StateChange { quarantined_digests: vec![own.clone()], ..StateChange::default() };
    assert_eq!(change.subject(), "Quarantine digest 111111111111");
    let files = change.files(&State::default()).unwrap();
    let (path, bytes) = files.iter().find(|(path, _)| path.starts_with("quar")).unwrap();
    let (folder, name) = path.split_once('/').unwrap();
    assert_eq!((folder, name.len()), ("quarantined-digests", 64 + ".json".len()));
    let bytes = bytes.as_ref().unwrap();
    let mut read = StateFiles::default();
    read.entry(folder, name, bytes).unwrap();
    assert_eq!(read.finish().unwrap().quarantined_digests[&digest('1')], own);
    let misnamed = StateFiles::default().entry(folder, "x.json", bytes).unwrap_err();
    assert!(misnamed.to_string().contains("quarantined-digests/x.json is not named after"));
}

#[test]
fn nightly_data_does_not_push_promotions_out() {
    let entry = |number: u64| {
        let kind = if number <= 30 { r#""promotion""# } else { r#""data", "of": 30"# };
        let commit = sha('a');
        format!(
            r#"{{"number": {number}, "kind": {kind}, "commit": "{commit}", "created": "{}"}}"#,
            time(1)
        )
    };
    let entries: Vec<String> = (1..=130).map(entry).collect();
    let index = format!(r#"{{"version": 1, "newest": 130, "records": [{}]}}"#, entries.join(", "));
    let numbers = StateFiles::default().index(index.as_bytes()).unwrap();
    assert_eq!(numbers, (11..=30).chain(111..=130).collect::<Vec<u64>>());
}

#[test]
fn a_rollback_forbids_no_digest_that_users_get_from_another_commit() {
    let text = |number: u64, commit: char, image: char| {
        format!(
            r#"{{"version": 1, "number": {number}, "kind": "promotion", "branch": "main",
                "commit": "{}", "tree": "{}", "images": [{{"image": "ghcr.io/a/b", "digest": "{}"}}],
                "places": {{"tags": [], "stable_branch": "stable", "ledger_branch": "main",
                "ledger_path": "l.md"}}, "run": {{"id": 1, "attempt": 1}},
                "created": "2026-01-01T01:00:00Z"}}"#,
            sha(commit),
            sha('f'),
            digest(image),
        )
    };
    let mut state = State::default();
    for (number, commit, image) in [(1, 'b', '1'), (2, 'b', '2'), (3, 'c', '2')] {
        let record: Record = serde_json::from_str(&text(number, commit, image)).unwrap();
        state.records.insert(number, record);
    }
    assert_eq!(state.released_digests(&sha('b')), [digest('1')]);
    assert_eq!(state.released_digests(&sha('c')), [digest('2')]);
    assert!(state.released_digests(&sha('d')).is_empty(), "it was never released");
    // What a gate found of a commit releases nothing.
    let verdict = StoredVerdict {
        version: FORMAT,
        commit: sha('d'),
        outcome: Outcome::Passed,
        reasons: Vec::new(),
        run: crate::model::RunIdentity { id: 1, attempt: 1 },
        created: time(1),
    };
    state.verdicts.insert(sha('d'), verdict);
    assert!(state.released_digests(&sha('d')).is_empty());
}
