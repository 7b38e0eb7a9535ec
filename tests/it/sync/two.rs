//! Two syncs at once.

use std::thread;

use super::*;

#[test]
fn two_syncs_on_one_machine_do_not_interleave() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(120);
    let counts: Vec<(u64, u64, u64)> = thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| machine.sync(&[]))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let sent: u64 = counts.iter().map(|(sent, ..)| sent).sum();
    assert_eq!(sent, 120, "{counts:?}");
    let left = fs::read_dir(machine.folder.path().join("data/metadata")).unwrap().count();
    assert_eq!(left, 1, "only the manifest");
}

#[test]
fn a_lock_of_a_killed_sync_is_nobodys() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(1);
    fs::create_dir_all(machine.folder.path().join("data/metadata")).unwrap();
    fs::write(machine.folder.path().join(format!("{MANIFEST}.lock")), "1").unwrap();
    assert_eq!(machine.sync(&[]), (1, 0, 0));
}

#[test]
fn two_machines_at_once_lose_nothing_of_each_other() {
    for kept in Kept::each() {
        let machines: Vec<Machine> = (0..4).map(|_| Machine::new(&kept)).collect();
        for (n, machine) in machines.iter().enumerate() {
            for file in 0..30 {
                machine.write(&format!("machine={n}/{file}.parquet"), format!("{n} {file}"));
            }
        }
        thread::scope(|scope| {
            for machine in &machines {
                scope.spawn(|| assert_eq!(machine.sync(&[]), (30, 0, 0)));
            }
        });
        assert_eq!(kept.noted().len(), 120, "{}", kept.name());
        assert_eq!(kept.objects().len(), 120);
        // One that has all the files sends none of them.
        let all = Machine::new(&kept);
        all.run(&["pull", "--layer", "bronze"]).success();
        assert_eq!(all.sync(&[]), (0, 120, 0), "{}", kept.name());
    }
}

#[test]
fn what_another_machine_has_deleted_is_sent_again_from_here() {
    let kept = Kept::folder();
    let (one, two) = (Machine::with(&kept, "**/*.parquet", ALL), Machine::new(&kept));
    one.fill(4);
    two.fill(4);
    assert_eq!(one.sync(&[]), (4, 0, 0));
    assert_eq!(two.sync(&[]), (0, 4, 0));
    // A killed sync leaves a manifest that does not know which copy it was like.
    let mut manifest = two.manifest();
    manifest.as_object_mut().unwrap().remove("store_copies");
    two.write_manifest(&manifest.to_string());
    fs::remove_file(one.path("region=0/run_00000/f.parquet")).unwrap();
    assert_eq!(one.sync(&["--delete"]), (0, 3, 0));
    assert_eq!(kept.objects().len(), 3);
    assert_eq!(two.sync(&[]), (1, 3, 0), "the file is here, and not in the store");
    assert_eq!(kept.objects(), two.files());
}

/// Everything may be deleted at once.
const ALL: &str = "  transfer: { max_delete: \"100%\" }\n";
