//! Promise 2: never older over newer, except by an explicit rollback.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use super::release_world::{REPOSITORY, World};
use crate::harness::fault_proxy::{Request, Rule};

#[test]
fn a_second_release_keeps_the_first_reachable_and_moves_stable_forward() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    world.assert_live(2, &second, &new);
    world.assert_tag(REPOSITORY, &format!("good-{}", &first[..7]), &old);
    world.assert_tag(REPOSITORY, &format!("good-{}", &second[..7]), &new);
    let bare = world.bare();
    assert_eq!(bare.branch("stable").unwrap(), second, "a fast-forward");
    assert_eq!(bare.newest_record()["images"][0]["previous"], old.digest.as_str());
    let ledger = bare.ledger();
    let (one, two) = (ledger.find(&first).unwrap(), ledger.find(&second).unwrap());
    assert!(one < two, "the newer entry stands below the older:\n{ledger}");
}

#[test]
fn what_stable_showed_before_tidegate_came_stays_reachable() {
    let world = World::new();
    let foreign = world.registry.push(REPOSITORY, &["stable", "latest"], "before tidegate");
    let (commit, image) = world.released("Add the page", "print(1)\n");
    world.assert_live(1, &commit, &image);
    let keep = format!("good-{}", &foreign.digest.hex()[..7]);
    world.assert_tag(REPOSITORY, &keep, &foreign);
}

#[test]
fn a_rerun_of_the_same_run_changes_nothing() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    world.gate(&commit).run_id(7, 1).passed(&image).run().code(0);
    let before = world.fingerprint();
    world.gate(&commit).run_id(7, 2).passed(&image).run().code(0).says("superseded");
    world.gate(&commit).run_id(8, 1).passed(&image).run().code(0).says("superseded");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_rerun_of_an_old_run_completes_what_is_newest_and_moves_nothing_back() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    let complete = world.view();
    // Somebody moved a tag by hand.
    world.registry.push_manifest(REPOSITORY, "latest", &old.media_type, &old.bytes);
    world.gate(&first).attempt(2).passed(&old).run().code(0).says("superseded");
    world.assert_live(2, &second, &new);
    assert_eq!(world.view(), complete);
}

#[test]
fn an_older_commit_that_passes_late_is_superseded() {
    let world = World::new();
    let (older, old) = world.candidate("Add the page", "print(1)\n");
    let (newer, new) = world.released("Change the page", "print(2)\n");
    let before = world.fingerprint();
    world.gate(&older).passed(&old).run().code(0).says("superseded");
    assert_eq!(world.fingerprint(), before);
    world.assert_live(1, &newer, &new);
    assert!(!world.bare().ledger_names(&older));
}

#[test]
fn a_commit_of_another_branch_is_held() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    world.dev.git(&["fetch", "-q", "origin"]);
    world.dev.git(&["checkout", "-q", "-b", "feature", "origin/main"]);
    let commit = world.dev.commit("Try something", &[("app.py", "print('?')\n")]);
    world.dev.push("feature");
    world.dev.checkout("main");
    let image = world.build(&commit);
    let before = world.seen_by_users();
    world.gate(&commit).passed(&image).run().code(4);
    assert_eq!(world.seen_by_users(), before);
}

#[test]
fn a_commit_that_a_rollback_took_out_is_not_promoted_when_its_tests_turn_green() {
    let world = World::new();
    let (good, live) = world.released("Add the page", "print(1)\n");
    let (below, below_image) = world.candidate("Prepare", "print(2)\n");
    let (bad, bad_image) = world.candidate("Break the page", "print(\n");
    world.gate(&bad).failed().run().code(3);
    let before = world.seen_by_users();
    for (commit, image) in [(&below, &below_image), (&bad, &bad_image)] {
        world.gate(commit).attempt(2).passed(image).run().code(4);
    }
    assert_eq!(world.seen_by_users(), before);
    world.assert_live(1, &good, &live);
}

#[test]
fn a_release_that_was_rolled_back_is_not_released_again_by_a_rerun() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    world.by_hand(&["rollback", "--stable-only", "--yes", "--reason", "broken"]).run().code(0);
    world.assert_live(3, &first, &old);
    world.by_hand(&["resume"]).run().code(0);
    let before = world.fingerprint();
    world.gate(&second).attempt(2).passed(&new).run();
    assert_eq!(world.fingerprint(), before);
    world.assert_live(3, &first, &old);
}

/// Stops the older gate before its write number `pause` (from 1), lets the newer gate run to its
/// end, and lets the older one go on. Returns whether there was such a write.
fn paused_before(pause: usize) -> bool {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (older, old) = world.candidate("Change the page", "print(2)\n");
    let (newer, new) = world.candidate("Change it again", "print(3)\n");

    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (stopped, may_go_on) = (Arc::new(Mutex::new(stopped)), Arc::new(Mutex::new(may_go_on)));
    let count = Arc::new(Mutex::new(0));
    for proxy in [&world.registry_proxy, &world.git_proxy] {
        let (stopped, may_go_on, count) =
            (Arc::clone(&stopped), Arc::clone(&may_go_on), Arc::clone(&count));
        let is_it = move |request: &Request| {
            if !is_write(request) {
                return false;
            }
            let mut count = count.lock().unwrap();
            *count += 1;
            *count == pause
        };
        let hold = move |_: &Request| {
            stopped.lock().unwrap().send(()).expect("the test waits");
            // An error means that the test has failed and is gone.
            let _ = may_go_on.lock().unwrap().recv();
        };
        proxy.add(Rule::when(is_it).times(1).before(hold));
    }
    drop(stopped);
    let running = world.gate(&older).passed(&old).start();
    let ended = Arc::new(Mutex::new(None));
    let (done, older_done) = mpsc::channel();
    let waiting = {
        let ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            *ended.lock().unwrap() = Some(running.finish());
            let _ = done.send(());
        })
    };
    let hit = loop {
        if is_stopped.try_recv().is_ok() {
            break true;
        }
        if older_done.recv_timeout(std::time::Duration::from_millis(10)).is_ok() {
            break false;
        }
    };
    if hit {
        world.gate(&newer).passed(&new).run().code(0);
        go_on.send(()).expect("the older gate waits");
    }
    waiting.join().expect("the older gate");
    let finished = ended.lock().unwrap().take().expect("its end");
    if !hit {
        return false;
    }
    finished.code(0);
    let released = world.bare().newest_number();
    world.assert_live(released, &newer, &new);
    let bare = world.bare();
    assert!(bare.ledger_names(&newer), "paused before write {pause}: {}", bare.ledger());
    // The older one has an entry where it was released in between, and only there.
    let records = bare.index()["records"].to_string();
    assert_eq!(bare.ledger_names(&older), records.contains(&older), "paused before write {pause}");
    assert_eq!(bare.ledger().matches(newer.as_str()).count(), 1);
    true
}

fn is_write(request: &Request) -> bool {
    request.method == "PUT" || request.path.ends_with("/git-receive-pack")
}

#[test]
fn an_older_gate_paused_before_its_keep_tag_or_its_record_leaves_the_newer_release() {
    assert!(paused_before(1) && paused_before(2));
}

#[test]
fn an_older_gate_paused_before_its_tags_leaves_the_newer_release() {
    assert!(paused_before(3) && paused_before(4));
}

#[test]
fn an_older_gate_paused_before_its_branches_leaves_the_newer_release() {
    assert!(paused_before(5) && paused_before(6));
    assert!(!paused_before(7), "a promotion has six writes; test the new ones as well");
}

/// The put is applied after the newer gate has finished, its answer is lost, and reading back
/// fails too: the older gate cannot know what it did, and has to look.
#[test]
fn an_older_gate_that_does_not_know_what_its_put_did_leaves_the_newer_release() {
    use crate::harness::fault_proxy::{Answer, Fault};

    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (older, old) = world.candidate("Change the page", "print(2)\n");
    let (newer, new) = world.candidate("Change it again", "print(3)\n");
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let hold = move |_: &Request| {
        stopped.send(()).expect("the test waits");
        let _ = may_go_on.recv();
    };
    let put = Rule::on("PUT", "/manifests/latest").times(1).before(hold).fault(Fault::DropAnswer);
    world.registry_proxy.add(put);
    let running = world.gate(&older).passed(&old).start();
    is_stopped.recv().expect("the older gate comes to its last tag");
    world.gate(&newer).passed(&new).run().code(0);
    let failing = Answer::new(500, &[], "<html>oops</html>");
    let rule = Rule::on("HEAD", "/manifests/latest").times(3).fault(Fault::Answer(failing));
    world.registry_proxy.add(rule);
    go_on.send(()).expect("the older gate waits");
    running.finish();
    world.assert_live(world.bare().newest_number(), &newer, &new);
}

#[test]
fn a_commit_on_top_of_a_rollback_is_released_by_fast_forward() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    world.gate(&bad).failed().run().code(3);
    let (mended, image) = world.released("Mend the page", "print(2)\n");
    world.assert_live(2, &mended, &image);
    assert_eq!(world.bare().branch("stable").unwrap(), mended);
}

/// Two runs of one commit, both past their decision.
#[test]
fn two_gates_of_one_commit_release_it_once() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let hold = move |_: &Request| {
        stopped.send(()).expect("the test waits");
        let _ = may_go_on.recv();
    };
    world.git_proxy.add(Rule::on("POST", "/git-receive-pack").times(1).before(hold));
    let running = world.gate(&commit).passed(&image).start();
    is_stopped.recv().expect("the first gate comes to its record");
    world.gate(&commit).passed(&image).run().code(0).says("promoted");
    go_on.send(()).expect("the first gate waits");
    running.finish().code(0).says("superseded");
    world.assert_live(2, &commit, &image);
    assert_eq!(world.bare().ledger().matches(commit.as_str()).count(), 1);
}
