//! A gate that is killed before or after any of its steps ends, after the next run, in the world
//! of a gate that was not killed; and at no moment do users see code that is newer than its image.

use std::process::Child;
use std::sync::{Arc, Mutex};

use super::release_world::{Gate, REPOSITORY, Saved, World};
use crate::harness::fault_proxy::{Fault, Request, Rule};
use crate::harness::oci_registry::Pushed;

/// Where the knife falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The server does not see the write.
    Before,
    /// The server has applied the write, and its answer reaches nobody.
    After,
}

/// A release, a candidate above it, and what a gate makes of it when it is left alone.
struct Scene {
    world: World,
    saved: Saved,
    first: (String, Pushed),
    second: (String, Pushed),
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let first = world.released("Add the page", "print(1)\n");
        let second = world.candidate("Change the page", "print(2)\n");
        let saved = world.save();
        Self { world, saved, first, second }
    }

    fn promotion(&self) -> Gate<'_> {
        self.world.gate(&self.second.0).run_id(7, 1).passed(&self.second.1)
    }

    fn rollback(&self) -> Gate<'_> {
        self.world.gate(&self.second.0).run_id(7, 1).failed()
    }

    /// Kills the run at its write number `step`, counted from 1 over git and registry. Returns
    /// `false` where it ended before.
    fn kill(&self, gate: Gate<'_>, step: usize, moment: Moment) -> bool {
        let world = &self.world;
        let child: Arc<Mutex<Option<Arc<Mutex<Child>>>>> = Arc::default();
        let count = Arc::new(Mutex::new(0));
        for proxy in [&world.registry_proxy, &world.git_proxy] {
            let (child, count) = (Arc::clone(&child), Arc::clone(&count));
            let is_it = move |request: &Request| {
                if !is_write(request) {
                    return false;
                }
                let mut count = count.lock().unwrap();
                *count += 1;
                *count == step
            };
            let kill = move |_: &Request| {
                let child = child.lock().unwrap();
                let mut child = child.as_ref().expect("the run has started").lock().unwrap();
                child.kill().expect("kill it");
                child.wait().expect("wait until it is gone");
            };
            let rule = Rule::when(is_it).times(1);
            proxy.add(match moment {
                Moment::Before => rule.before(kill).fault(Fault::Close),
                Moment::After => rule.after(kill).fault(Fault::DropAnswer),
            });
        }
        let running = {
            // Held until the child is known: the knife waits for it.
            let mut slot = child.lock().unwrap();
            let running = gate.start();
            *slot = Some(running.killer());
            running
        };
        let finished = running.finish();
        world.registry_proxy.forget();
        world.git_proxy.forget();
        finished.status.is_none()
    }

    /// What holds at every moment: each projection shows the first or the second release, code is
    /// not newer than its image, and the ledger does not lead.
    #[track_caller]
    fn assert_consistent(&self, at: &str) {
        let (world, bare) = (&self.world, self.world.bare());
        let released = bare.newest_number();
        let known = [self.first.1.digest.to_string(), self.second.1.digest.to_string()];
        let tag = |name: &str| {
            let digest = world.tag(REPOSITORY, name).expect(name);
            known.iter().position(|one| *one == digest).expect("a release") + 1
        };
        let stable = bare.tree("stable");
        let branch = [&self.first.0, &self.second.0]
            .iter()
            .position(|commit| bare.tree(commit) == stable)
            .expect("a release")
            + 1;
        let shown = [tag("stable"), tag("latest"), branch];
        assert!(shown.iter().all(|n| *n as u64 <= released), "{at}: {shown:?} of {released}");
        assert!(branch <= tag("stable") && branch <= tag("latest"), "{at}: {shown:?}");
        assert!(released == 2 || !bare.ledger_names(&self.second.0), "{at}: the ledger leads");
    }
}

fn is_write(request: &Request) -> bool {
    request.method == "PUT" || request.path.ends_with("/git-receive-pack")
}

/// Kills promotions at every write, and lets `next` be the run that follows.
fn promotion_killed(moment: Moment, next: impl Fn(&Scene)) {
    let scene = Scene::new();
    scene.promotion().run().code(0);
    next(&scene);
    let expected = scene.world.view();
    let mut steps = 0;
    loop {
        scene.world.restore(&scene.saved);
        let step = steps + 1;
        if !scene.kill(scene.promotion(), step, moment) {
            break;
        }
        let at = format!("{moment:?} write {step}");
        scene.assert_consistent(&at);
        next(&scene);
        assert_view(&scene.world.view(), &expected, &at);
        steps = step;
    }
    assert!(steps >= 6, "a promotion has a keep tag, a record, two tags, a branch and a ledger");
}

#[track_caller]
fn assert_view(found: &str, expected: &str, at: &str) {
    let differing: Vec<String> = found
        .lines()
        .filter(|line| !expected.lines().any(|other| other == *line))
        .map(|line| format!("+ {line}"))
        .chain(
            expected
                .lines()
                .filter(|line| !found.lines().any(|other| other == *line))
                .map(|line| format!("- {line}")),
        )
        .collect();
    assert!(differing.is_empty(), "killed {at}:\n{}", differing.join("\n"));
}

fn rerun(scene: &Scene) {
    scene.promotion().attempt(2).run().code(0);
}

fn repair_then_rerun(scene: &Scene) {
    scene.world.by_hand(&["repair"]).run().code(0);
    scene.assert_consistent("after repair");
    rerun(scene);
}

/// The run of a newer commit comes before anybody looks at the one that was killed.
fn newer(scene: &Scene) {
    let (commit, image) = scene.world.candidate("Change it again", "print(3)\n");
    scene.world.gate(&commit).run_id(8, 1).passed(&image).run().code(0);
    let bare = scene.world.bare();
    scene.world.assert_live(bare.newest_number(), &commit, &image);
}

#[test]
fn a_promotion_killed_before_each_write_is_completed_by_its_rerun() {
    promotion_killed(Moment::Before, rerun);
}

#[test]
fn a_promotion_killed_after_each_write_is_completed_by_its_rerun() {
    promotion_killed(Moment::After, rerun);
}

// The world after write n is that before write n + 1, so the other runs that may come next are
// tried on one of the two.

#[test]
fn a_promotion_killed_after_each_write_is_completed_by_repair() {
    promotion_killed(Moment::After, repair_then_rerun);
}

/// What was killed before its record is not released any more; what was killed after it is
/// completed before the newer commit is released.
#[test]
fn a_promotion_killed_after_each_write_does_not_hinder_the_next_commit() {
    let scene = Scene::new();
    for step in 1.. {
        scene.world.restore(&scene.saved);
        if !scene.kill(scene.promotion(), step, Moment::After) {
            assert!(step > 6);
            return;
        }
        let recorded = scene.world.bare().newest_number() == 2;
        newer(&scene);
        let bare = scene.world.bare();
        assert_eq!(bare.newest_number(), if recorded { 3 } else { 2 }, "write {step}");
        assert_eq!(bare.ledger_names(&scene.second.0), recorded, "write {step}");
        if recorded {
            let keep = format!("good-{}", &scene.second.0[..7]);
            scene.world.assert_tag(REPOSITORY, &keep, &scene.second.1);
        }
    }
}

#[test]
fn a_first_promotion_killed_at_any_write_is_completed_by_its_rerun() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let saved = world.save();
    let gate = || world.gate(&commit).run_id(7, 1).passed(&image);
    gate().run().code(0);
    let expected = world.view();
    let scene = Scene {
        first: (commit.clone(), image.clone()),
        second: (commit.clone(), image.clone()),
        world,
        saved,
    };
    for step in 1.. {
        scene.world.restore(&scene.saved);
        if !scene.kill(scene.promotion(), step, Moment::After) {
            assert!(step > 6);
            break;
        }
        rerun(&scene);
        assert_view(&scene.world.view(), &expected, &format!("after write {step}"));
    }
}

/// The quarantine, then the push of main.
#[test]
fn a_rollback_of_main_killed_at_any_write_is_completed_by_its_rerun() {
    let scene = Scene::new();
    scene.rollback().run().code(3);
    let expected = scene.world.view();
    let good = scene.world.bare().tree(&scene.first.0);
    for moment in [Moment::Before, Moment::After] {
        for step in 1..=2 {
            scene.world.restore(&scene.saved);
            let at = format!("{moment:?} write {step}");
            assert!(scene.kill(scene.rollback(), step, moment), "{at}");
            scene.assert_consistent(&at);
            let pushed = moment == Moment::After && step == 2;
            // Where the rollback was pushed, nothing is left to do.
            scene.rollback().attempt(2).run().code(if pushed { 0 } else { 3 });
            assert_view(&scene.world.view(), &expected, &at);
            let bare = scene.world.bare();
            let changed = bare.git(&["diff", "--name-only", &good, "refs/heads/main"]);
            assert_eq!(changed, super::release_world::LEDGER, "{at}");
        }
        scene.world.restore(&scene.saved);
        assert!(!scene.kill(scene.rollback(), 3, moment), "a rollback has two writes");
    }
}

#[test]
fn a_rollback_of_stable_killed_at_any_write_is_completed_by_repair() {
    let scene = Scene::new();
    rerun(&scene);
    let saved = scene.world.save();
    let back = || {
        scene.world.by_hand(&["rollback", "--stable-only", "--yes", "--reason", "login is broken"])
    };
    back().run().code(0);
    let expected = scene.world.view();
    scene.world.restore(&saved);
    assert!(scene.kill(back(), 1, Moment::Before));
    scene.world.assert_live(2, &scene.second.0, &scene.second.1);
    for step in 1.. {
        scene.world.restore(&saved);
        if !scene.kill(back(), step, Moment::After) {
            assert!(step > 4, "a record, two tags and a branch");
            break;
        }
        scene.world.by_hand(&["repair"]).run().code(0);
        assert_view(&scene.world.view(), &expected, &format!("after write {step}"));
    }
}
