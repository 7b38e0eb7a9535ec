//! October 2026 in Berlin, with backups in stores: in the night of the 25th it is 02:30 twice.

use jiff::Timestamp;

use super::world::{World, at, rows};
use crate::backups::Kind;
use crate::harness::azurite::Azurite;
use crate::harness::s3_server::{self, S3Server};

#[test]
fn the_night_in_which_half_past_two_comes_twice_runs_each_task_once_with_backups_on_s3() {
    let server = S3Server::start();
    let mut environment = server.environment();
    environment.push(("AWS_S3_BACKUP_BUCKET".to_owned(), s3_server::BUCKET.to_owned()));
    october(Kind::Sqlite, "", environment);
}

#[test]
fn the_night_in_which_half_past_two_comes_twice_runs_each_task_once_with_backups_on_azure() {
    let server = Azurite::start();
    let config = format!("  backup: {{ to: \"{}\" }}\n", server.store_url());
    october(Kind::DuckDb, &config, server.environment());
}

fn october(kind: Kind, config: &str, environment: Vec<(String, String)>) {
    let mut world = World::new(kind, config, "2026-10-23T12:00:00Z");
    world.environment = environment;
    // What each backup should hold.
    let mut held: Vec<Vec<String>> = Vec::new();
    let end = at("2026-10-27T12:00:00Z");
    while world.due() <= end {
        let second: Timestamp = at("2026-10-25T01:30:07Z");
        if world.done("backup").len() == 1 && world.due() > second {
            // 02:30 for the second time.
            let none = world.tick(second);
            assert_eq!(none["tasks"].as_array().unwrap().len(), 0, "{none}");
        }
        let ran = world.tick(world.due());
        if ran["tasks"].as_array().unwrap().iter().any(|ran| ran["task"] == "backup") {
            held.push(world.rows());
        }
    }
    let times = |times: [&str; 4]| times.map(at).to_vec();
    assert_eq!(
        world.done("sales"),
        times([
            "2026-10-24T00:30:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z",
            "2026-10-27T01:30:00Z"
        ])
    );
    assert_eq!(
        world.done("backup"),
        times([
            "2026-10-24T01:00:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-26T02:00:00Z",
            "2026-10-27T02:00:00Z"
        ])
    );
    assert_eq!((world.done("health").len(), world.done("prune").len()), (4, 1));
    assert_eq!((world.not_done(), world.told()), (vec![], vec![]));
    assert_eq!(world.rows(), world.shop.good());

    // The store has them by the time of the schedule, and each can be had.
    let list = world.tidegate(&["data", "backup", "--list", "--json"]).run().success().json();
    let (stem, extension) = kind.file().split_once('.').unwrap();
    let stamps = ["20261027_020007", "20261026_020007", "20261025_020007", "20261024_010007"];
    let expected = stamps.map(|stamp| format!("{stem}_{stamp}.{extension}"));
    let listed = list["backups"].as_array().unwrap();
    assert_eq!(
        listed.iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(),
        expected
    );
    std::fs::create_dir(world.path("drill")).unwrap();
    let drill = format!("drill/{}", kind.file());
    for (name, held) in expected.iter().rev().zip(held) {
        let restore = ["data", "backup", "--restore", name, "--database", &drill, "-y"];
        world.tidegate(&restore).run().success();
        assert_eq!(rows(kind, &world.path(&drill)), held, "{name}");
    }
}
