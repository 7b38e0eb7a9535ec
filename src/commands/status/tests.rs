//! How people see it, with a fixed clock.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::output::Settings;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn shown(status: &Status) -> String {
    let out = Memory::default();
    let mut output = Output::new(out.clone(), std::io::sink(), Settings::PLAIN);
    render::people(&mut output, status).unwrap();
    String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn commit(digit: char, subject: &str) -> Named {
    Named {
        commit: digit.to_string().repeat(40).parse().unwrap(),
        subject: Some(subject.to_owned()),
    }
}

fn digest(digit: char) -> Digest {
    format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap()
}

fn record() -> Record {
    Record {
        version: 1,
        number: 12,
        kind: RecordKind::Promotion,
        branch: "main".parse().unwrap(),
        commit: commit('6', "").commit,
        tree: "7".repeat(40).parse().unwrap(),
        images: vec![crate::state::ReleasedImage {
            image: "ghcr.io/acme/app".parse().unwrap(),
            digest: digest('a'),
            previous: None,
        }],
        places: crate::plan::places(&crate::config::Config::default()).unwrap(),
        data: None,
        metrics: std::collections::BTreeMap::new(),
        checks: Vec::new(),
        flaky: Vec::new(),
        probes_waived: None,
        incompatible_with_rollback_before: None,
        run: RunIdentity { id: 4711, attempt: 2 },
        run_url: None,
        created: time("2026-03-01T09:00:00Z"),
        by: Some("octocat".to_owned()),
        reason: None,
        override_reason: None,
    }
}

/// Release 12 is live and everything shows it.
fn status(main: &agreement::MainSeen, stable_tag: &agreement::TagSeen) -> Status {
    let record = record();
    let good = commit('6', "Fix the loader");
    let image: ImageRef = "ghcr.io/acme/app".parse().unwrap();
    let at = agreement::TagSeen::At(digest('a'));
    let tag = |name: &str, seen: &agreement::TagSeen| images::LiveTag {
        tag: name.parse().unwrap(),
        digest: None,
        seen: seen.clone(),
    };
    let live_image = LiveImage {
        image: image.clone(),
        tags: vec![tag("stable", stable_tag), tag("latest", &at)],
        built: Some(time("2026-03-01T08:30:00Z")),
    };
    let stable = agreement::StableSeen::At {
        commit: good.commit.clone(),
        subject: "Fix the loader".to_owned(),
        shows: true,
        same_tree: true,
    };
    let mut checks = vec![
        agreement::record(&record, Some(&record.tree)),
        agreement::main("main", &record, main),
        agreement::stable("stable", &record, &stable),
    ];
    for tag in &live_image.tags {
        checks.push(agreement::tag(&image, &tag.tag, &digest('a'), &tag.seen));
    }
    let ledger = agreement::LedgerSeen::Read { has_release: true, last_passed: None };
    checks.push(agreement::ledger("docs/ML_EXPERIMENT_RESULTS.md", &record, &ledger));
    let last_good = Good {
        commit: good.commit.clone(),
        subject: good.subject.clone(),
        witness: Witness::Record { number: 12 },
        distance: Some(1),
    };
    Status {
        now: time("2026-03-01T12:00:00Z"),
        source: Source::Remote,
        shallow: false,
        branch: "main".parse().unwrap(),
        head: Some(good.clone()),
        live: Some(Live {
            release: 12,
            kind: RecordKind::Promotion,
            commit: good.commit.clone(),
            subject: good.subject,
            created: record.created,
            by: record.by.clone(),
            reason: None,
            incompatible_with_rollback_before: None,
            run: record.run.clone(),
            run_url: None,
            data: None,
            images: pinned(&record),
        }),
        state_problem: None,
        pin: pin(Some(&record), Some(&last_good)),
        last_good: Some(last_good),
        last_good_unknown: None,
        agreement: agreement::agreement(Some(&record), &checks),
        served: None,
        checks,
        pending: Vec::new(),
        rollbacks: Vec::new(),
        holds: Vec::new(),
        quarantines: Vec::new(),
        quarantined_digests: Vec::new(),
        freezes: Vec::new(),
        images: vec![live_image],
        next: Vec::new(),
        warnings: Vec::new(),
    }
}

fn with_advice(mut status: Status) -> Status {
    status.next = advice::advice(&status, &crate::config::Config::default());
    status
}

fn rolled_back() -> Rollback {
    Rollback {
        what: rollbacks::What::Main,
        pull_request: None,
        failed: Some(commit('d', "Break the \u{1b}[2Jloader")),
        to: commit('6', "Fix the loader"),
        to_release: None,
        reason: "required job \"tests\" failed".to_owned(),
        by: None,
        by_hand: false,
        created: time("2026-03-01T11:50:00Z"),
        commit: Some(commit('e', "").commit),
        is_head: true,
        live_was_taken_out: false,
        lifted: None,
    }
}

fn hold(id: &str, expires: Option<&str>) -> stops::Held {
    let hold = crate::state::Hold {
        version: 1,
        id: id.to_owned(),
        reason: "login is broken".to_owned(),
        by: Some("octocat".to_owned()),
        created: time("2026-03-01T11:55:00Z"),
        expires: expires.map(time),
    };
    stops::Held { hold, expires_soon: expires.is_some() }
}

#[test]
fn stops_say_who_when_why_and_until_when() {
    let main = agreement::MainSeen::Released { ledger_commits: true };
    let mut status = status(&main, &agreement::TagSeen::At(digest('a')));
    status.holds.push(hold("hold-1", None));
    status.holds.push(hold("fair", Some("2026-03-01T15:00:00Z")));
    let (created, expires) = (time("2026-02-26T12:00:00Z"), Some(time("2026-03-09T08:00:00Z")));
    status.quarantines.push(stops::Forbidden {
        commit: commit('d', "").commit,
        subject: Some("Leak \u{1b}[2Jmemory".to_owned()),
        reason: "leaks".to_owned(),
        by: None,
        created,
        expires,
        expires_soon: false,
        digests: Vec::new(),
    });
    status.quarantined_digests.push(stops::ForbiddenDigest {
        digest: digest('b'),
        reason: "contains a key".to_owned(),
        by: Some("ada".to_owned()),
        created,
        expires: None,
        expires_soon: false,
    });
    let text = shown(&with_advice(status));
    let part = |from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap();
        format!("{from}{}", rest.split_once(to).unwrap().0)
    };
    insta::assert_snapshot!(part("promotions are on hold", "\n\n"), @r"
    promotions are on hold until `tidegate resume`: login is broken
      hold-1, by octocat, 5 min ago
    promotions are on hold until 2026-03-01 15:00 UTC (in 3 h): login is broken
      fair, by octocat, 5 min ago
    quarantined ddddddd Leak \u{1b}[2Jmemory, until 2026-03-09 08:00 UTC: leaks
      3 days ago
    quarantined sha256:bbbbbbbbbbbb, until it is lifted: contains a key
      by ada, 3 days ago
    ");
    let advice = "tidegate resume --all  let promotions go on, whoever has held them";
    assert!(text.contains(advice), "{text}");
}

#[test]
fn a_release_that_everything_shows() {
    let main = agreement::MainSeen::Released { ledger_commits: true };
    let status = with_advice(status(&main, &agreement::TagSeen::At(digest('a'))));
    insta::assert_snapshot!(shown(&status), @r#"
    release 12 is live: 6666666 Fix the loader (3 h ago)
    everything agrees: record, main, stable, 2 image tags, ledger

    released     2026-03-01 09:00 UTC by octocat, run 4711 attempt 2
    last good    6666666 Fix the loader (release 12, 1 commit below main)
    main         at 6666666, ledger entries above it
    stable       at 6666666
    ledger       has the entry of release 12
    image        ghcr.io/acme/app stable, latest: aaaaaaaaaaaa built 3 h ago
    pin by hand  6666666666666666666666666666666666666666
                 ghcr.io/acme/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    "#);
}

#[test]
fn right_after_a_rollback_people_see_that_users_are_unaffected_and_what_to_do() {
    let head = commit('e', "").commit;
    let main = agreement::MainSeen::SameTree { head, kept: Vec::new() };
    let mut status = status(&main, &agreement::TagSeen::At(digest('a')));
    status.rollbacks.push(rolled_back());
    insta::assert_snapshot!(shown(&with_advice(status)), @r#"
    release 12 is live: 6666666 Fix the loader (3 h ago)
    everything agrees: record, main, stable, 2 image tags, ledger
    main was rolled back from ddddddd Break the \u{1b}[2Jloader to 6666666 Fix the loader (10 min ago)
      because required job "tests" failed
      main shows the tree of 6666666 Fix the loader again
      users are unaffected: they get release 12

    released     2026-03-01 09:00 UTC by octocat, run 4711 attempt 2
    last good    6666666 Fix the loader (release 12, 1 commit below main)
    main         same tree as 6666666, in commit eeeeeee
    stable       at 6666666
    ledger       has the entry of release 12
    image        ghcr.io/acme/app stable, latest: aaaaaaaaaaaa built 3 h ago
    pin by hand  6666666666666666666666666666666666666666
                 ghcr.io/acme/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

      tidegate rollback --undo ddddddd  bring the change back, on a branch to mend and test
    "#);
}

#[test]
fn what_does_not_agree_is_named_with_what_mends_it() {
    let main = agreement::MainSeen::Ahead { by: 1 };
    let mut status = status(&main, &agreement::TagSeen::At(digest('b')));
    status.pending.push("tag ghcr.io/acme/app:stable -> aaaaaaaaaaaa".to_owned());
    status.holds.push(hold("x", None));
    status.rollbacks.push(rolled_back());
    insta::assert_snapshot!(shown(&with_advice(status)), @r#"
    release 12 is live: 6666666 Fix the loader (3 h ago)
    not everything agrees with release 12:
      tag ghcr.io/acme/app:stable: at bbbbbbbbbbbb, the release has aaaaaaaaaaaa
      pending tag ghcr.io/acme/app:stable -> aaaaaaaaaaaa
    main was rolled back from ddddddd Break the \u{1b}[2Jloader to 6666666 Fix the loader (10 min ago)
      because required job "tests" failed
      main shows the tree of 6666666 Fix the loader again
    promotions are on hold until `tidegate resume`: login is broken
      x, by octocat, 5 min ago

    released     2026-03-01 09:00 UTC by octocat, run 4711 attempt 2
    last good    6666666 Fix the loader (release 12, 1 commit below main)
    main         1 commit ahead of 6666666, not released
    stable       at 6666666
    ledger       has the entry of release 12
    image        ghcr.io/acme/app stable: bbbbbbbbbbbb; latest: aaaaaaaaaaaa built 3 h ago
    pin by hand  6666666666666666666666666666666666666666
                 ghcr.io/acme/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

      tidegate repair                   complete what is pending; every later run tries it too
      tidegate rollback --undo ddddddd  bring the change back, on a branch to mend and test
      tidegate resume                   let promotions go on
    "#);
}

#[test]
fn what_could_not_be_asked_is_not_called_agreement() {
    let main = agreement::MainSeen::Released { ledger_commits: false };
    let why = agreement::TagSeen::Unknown("not asked: offline".to_owned());
    let mut status = status(&main, &why);
    status.source = Source::LastFetch;
    assert_eq!(status.agreement, Agreement::Partly);
    insta::assert_snapshot!(shown(&status), @r#"
    release 12 is live: 6666666 Fix the loader (3 h ago)
    what could be asked agrees: record, main, stable, 1 image tag, ledger; not known: 1 image tag

    released     2026-03-01 09:00 UTC by octocat, run 4711 attempt 2
    last good    6666666 Fix the loader (release 12, 1 commit below main)
    main         at 6666666
    stable       at 6666666
    ledger       has the entry of release 12
    image        ghcr.io/acme/app stable: not asked: offline; latest: aaaaaaaaaaaa built 3 h ago
    pin by hand  6666666666666666666666666666666666666666
                 ghcr.io/acme/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    as of        the last fetch; the remote was not asked
    "#);
}
