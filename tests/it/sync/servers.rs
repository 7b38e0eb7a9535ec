//! What has to hold on a store of each kind.

use super::*;

#[test]
fn only_what_is_new_or_changed_is_sent() {
    for kept in Kept::each() {
        let name = kept.name();
        let machine = Machine::new(&kept);
        machine.fill(70);
        machine.write("region=0/notes.txt", "no data");
        assert_eq!(machine.sync(&[]), (70, 0, 0), "{name}");
        assert_eq!(machine.sync(&[]), (0, 70, 0), "{name}");
        let mut expected = machine.files();
        expected.remove("region=0/notes.txt");
        assert_eq!(kept.objects(), expected, "{name}");

        machine.write("region=0/run_00000/f.parquet", "another content");
        machine.write("region=9/new.parquet", "new");
        set_time(&machine.path("region=1/run_00001/f.parquet"), 1_000_000_000);
        assert_eq!(machine.sync(&[]), (2, 69, 0), "{name}");
        assert_eq!(kept.objects()["region=0/run_00000/f.parquet"], b"another content", "{name}");

        let manifest = machine.manifest();
        let entry = &manifest["synced_files"]["data/bronze/region=9/new.parquet"];
        assert_eq!(entry["blob_path"], "region=9/new.parquet", "{name}");
        assert_eq!(entry["size"], 3, "{name}");
        assert_eq!(
            entry["sha256"], "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437",
            "{name}"
        );
        assert_eq!(manifest["last_sync"].as_str().unwrap().len(), "2026-02-07T19:53:58".len());
        assert_eq!(kept.copy()["synced_files"], manifest["synced_files"], "{name}");
    }
}

#[test]
fn a_fresh_runner_uploads_nothing_twice() {
    for kept in Kept::each() {
        let name = kept.name();
        let first = Machine::new(&kept);
        first.fill(20);
        first.sync(&[]);
        let second = Machine::new(&kept);
        second.fill(21);
        assert_eq!(second.sync(&[]), (1, 20, 0), "{name}");
        // The first learns of it by the copy, and has one file less.
        assert_eq!(first.sync(&[]), (0, 20, 0), "{name}");
        assert_eq!(keys(&first.manifest()), kept.noted(), "{name}");
        assert_eq!(kept.noted().len(), 21, "{name}");
    }
}

#[test]
fn odd_names_keep_their_spelling() {
    let names = [
        "a b/c d.parquet",
        "e\u{301}/nfd.parquet",
        "\u{e9}/nfc.parquet",
        "100%.parquet",
        "50%2525/x.parquet",
        "#hash/q?uery.parquet",
        "a+b&c=d.parquet",
        "..dots/x..parquet",
        "東京/🦀.parquet",
        "empty.parquet",
        "'\"$(x)`.parquet",
        "-rf.parquet",
    ];
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        for name in names {
            machine.write(name, if name == "empty.parquet" { "" } else { name });
        }
        assert_eq!(machine.sync(&[]), (names.len() as u64, 0, 0), "{}", kept.name());
        assert_eq!(kept.objects(), machine.files(), "{}", kept.name());
        let other = Machine::new(&kept);
        other.run(&["pull", "--layer", "bronze"]).success();
        assert_eq!(other.files(), machine.files(), "{}", kept.name());
        assert_eq!(other.sync(&[]), (0, names.len() as u64, 0), "{}", kept.name());
    }
}

#[test]
fn what_is_gone_is_deleted_within_the_limit() {
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        machine.fill(20);
        kept.put("by-hand.parquet", "not ours");
        machine.sync(&[]);
        for n in 0..3 {
            fs::remove_file(machine.path(&format!("region={n}/run_{n:05}/f.parquet"))).unwrap();
        }
        assert_eq!(machine.sync(&[]), (0, 17, 0), "nothing is deleted unasked");
        let refused = machine.run(&["sync", "--layer", "bronze", "--delete"]).code(2);
        assert!(
            refused.stderr.contains("would delete 3 files of the 20")
                && refused.stderr.contains("max_delete"),
            "{refused:?}"
        );
        assert_eq!(kept.objects().len(), 21);
        machine.write("region=0/run_00000/f.parquet", "content 0");
        assert_eq!(machine.sync(&["--delete"]), (0, 18, 0));
        let left = kept.objects();
        assert_eq!(left.len(), 19, "{}", kept.name());
        assert_eq!(left["by-hand.parquet"], b"not ours");
        assert_eq!(kept.noted().len(), 18);
    }
}

#[test]
fn a_large_file_goes_up_in_parts() {
    let large: Vec<u8> =
        (0..20_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        machine.write("large.parquet", &large);
        assert_eq!(machine.sync(&[]), (1, 0, 0), "{}", kept.name());
        assert!(kept.objects()["large.parquet"] == large, "{}", kept.name());
        let other = Machine::new(&kept);
        other.run(&["pull", "--layer", "bronze"]).success();
        assert!(other.files() == machine.files(), "{}", kept.name());
    }
}

#[test]
fn a_container_that_is_deleted_is_filled_again() {
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        machine.fill(5);
        machine.sync(&[]);
        stores::run(async {
            let container = kept.container();
            let mut all = container.list("");
            while let Some(object) = all.next().await {
                container.delete(&object.unwrap().path).await.unwrap();
            }
        });
        assert_eq!(machine.sync(&[]), (5, 0, 0), "{}", kept.name());
        assert_eq!(kept.objects(), machine.files(), "{}", kept.name());
    }
}

#[test]
fn what_others_have_put_into_the_store_is_not_deleted() {
    for kept in Kept::each() {
        let machine = Machine::new(&kept);
        machine.fill(3);
        kept.put("of/others.parquet", "theirs");
        assert_eq!(machine.sync(&[]), (3, 0, 0));
        for _ in 0..2 {
            assert_eq!(machine.sync(&["--checksum", "--delete"]), (0, 3, 0));
            let objects = kept.objects();
            assert_eq!(objects["of/others.parquet"], b"theirs", "{}", kept.name());
        }
        // A machine that begins with what the first has noted leaves it as well.
        let other = Machine::new(&kept);
        other.fill(3);
        other.sync(&["--delete"]);
        assert_eq!(kept.objects().len(), 4, "{}", kept.name());
    }
}
