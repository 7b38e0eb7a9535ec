//! `sync --layer status`.

use super::*;

#[test]
fn status_tells_what_is_pending_and_what_others_changed() {
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        machine.fill(9);
        let before = machine.run(&["sync", "--layer", "status", "--json"]).success().json();
        assert_eq!((&before["pending_files"], &before["last_sync"]), (&9.into(), &Value::Null));
        machine.sync(&[]);
        let requests = machine.run(&["sync", "--layer", "status", "--json"]).success().json();
        assert_eq!(requests["layers"][0]["drift"]["objects"], 9, "{}", kept.name());
        assert_eq!(requests["layers"][0]["drift"]["unknown"], 0, "{}", kept.name());

        machine.write("region=7/new.parquet", "new");
        kept.put("region=1/run_00001/f.parquet", "replaced");
        kept.put("stray.parquet", "stray");
        stores::run(kept.container().delete("region=2/run_00002/f.parquet")).unwrap();
        let run = machine.run(&["sync", "--layer", "status", "--json"]).success();
        let said = run.json();
        assert_eq!(said["schema"], "tidegate/sync-status/1");
        assert_eq!(
            (&said["local_files"], &said["synced_files"], &said["pending_files"]),
            (&10.into(), &9.into(), &1.into()),
            "{run:?}"
        );
        assert_eq!(said["last_sync"], machine.manifest()["last_sync"]);
        let layer = &said["layers"][0];
        assert_eq!(layer["pending_partitions"]["region=7"], 1);
        let drift = &layer["drift"];
        assert_eq!(drift["missing_paths"][0], "region=2/run_00002/f.parquet", "{}", kept.name());
        assert_eq!(drift["changed_paths"][0], "region=1/run_00001/f.parquet", "{}", kept.name());
        assert_eq!(drift["unknown_paths"][0], "stray.parquet", "{}", kept.name());
        assert_eq!(drift["partitions"]["region=1"], 1);
        let people = machine.run(&["sync", "--layer", "status"]).success();
        assert!(people.stdout.contains("1 missing, 1 changed by others, 1 unknown"), "{people:?}");
    }
}
