//! March 2026 and a few days of April, in Berlin: the clocks go forward on the 29th.

use std::process::{Child, Command};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::shop::Manner;
use super::world::{Disk, World, is_backup, kill, kill_with_children, rows, until};
use crate::backups::{Kind, names};
use crate::harness::mail_server;

/// All that anybody is told.
const TOLD: [&str; 18] = [
    // The API is down for two nights.
    "failed sales 2026-03-04T01:30:00Z",
    "recovered sales 2026-03-06T01:30:00Z",
    // A row is wrong, and mended on the next day.
    "failed sales 2026-03-08T01:30:00Z",
    "recovered sales 2026-03-09T01:30:00Z",
    // The import is killed.
    "failed sales 2026-03-11T01:30:00Z",
    "recovered sales 2026-03-12T01:30:00Z",
    // The disk is full.
    "failed sales 2026-03-21T01:30:00Z",
    "failed backup 2026-03-21T02:00:00Z",
    "failed health 2026-03-21T05:00:00Z",
    "recovered sales 2026-03-22T01:30:00Z",
    "recovered backup 2026-03-22T02:00:00Z",
    "recovered health 2026-03-22T05:00:00Z",
    // The API has nothing.
    "no-data sales 2026-03-24T01:30:00Z",
    "recovered sales 2026-03-25T01:30:00Z",
    // The API has nothing new: on the fourth day the newest row is too old.
    "failed health 2026-04-02T04:00:00Z",
    "recovered health 2026-04-04T04:00:00Z",
    // The mail server is away.
    "failed sales 2026-04-05T00:30:00Z",
    "recovered sales 2026-04-06T00:30:00Z",
];

#[test]
fn a_month_on_sqlite_ends_with_the_right_rows_the_right_backups_and_one_alert_for_each_incident() {
    month(Kind::Sqlite, 16);
}

#[test]
fn a_month_on_duckdb_ends_with_the_right_rows_the_right_backups_and_one_alert_for_each_incident() {
    month(Kind::DuckDb, 256);
}

fn month(kind: Kind, megabytes: u32) {
    let mut world = World::new(kind, "", "2026-03-01T12:00:00Z");
    let disk = Disk::mount(&world.path("data"), megabytes);
    world.play("2026-03-03T23:00:00Z");
    world.shop.be(Manner::Down);
    world.play("2026-03-05T23:00:00Z");
    world.shop.be(Manner::Serves);
    world.play("2026-03-07T23:00:00Z");

    world.shop.be(Manner::Broken);
    let before = world.rows();
    world.play("2026-03-08T23:00:00Z");
    assert_eq!(world.rows(), before, "one bad row, and none is written");
    world.shop.be(Manner::Serves);
    world.play("2026-03-10T23:00:00Z");

    the_import_is_killed(&mut world);
    world.play("2026-03-12T23:00:00Z");
    the_power_fails(&mut world);
    world.play("2026-03-13T23:00:00Z");
    the_power_fails_at_any_moment(&mut world);
    world.play("2026-03-14T23:00:00Z");
    two_schedules_at_once(&mut world);

    // Off for the 17th and the 18th: what was missed runs once.
    world.play("2026-03-16T23:00:00Z");
    let missed = world.tick("2026-03-19T08:00:07Z".parse().unwrap());
    let missed: Vec<&str> = missed["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ran| ran["slot"].as_str().unwrap())
        .collect();
    assert_eq!(missed, ["2026-03-19T01:30:00Z", "2026-03-19T02:00:00Z", "2026-03-19T05:00:00Z"]);

    world.play("2026-03-20T23:00:00Z");
    disk.fill();
    world.play("2026-03-21T23:00:00Z");
    disk.free();
    world.play("2026-03-23T23:00:00Z");
    world.shop.be(Manner::Empty);
    world.play("2026-03-24T23:00:00Z");
    world.shop.be(Manner::Serves);
    world.play("2026-03-30T23:00:00Z");
    world.shop.be(Manner::Stuck("2026-03-29".parse().unwrap()));
    world.play("2026-04-03T22:00:00Z");
    world.shop.be(Manner::Serves);
    world.play("2026-04-04T22:00:00Z");

    world.mail.be(mail_server::Manner::DropsEarly);
    world.shop.be(Manner::Broken);
    world.tick(world.due());
    world.mail.be(mail_server::Manner::Takes);
    world.shop.be(Manner::Serves);
    world.play("2026-04-06T12:00:00Z");
    the_end(&world);
}

fn the_end(world: &World) {
    // Each alert once, in order, by both ways.
    assert_eq!(world.told(), TOLD);
    let subject = |told: &&str| {
        let (event, task) = told.split_once(' ').unwrap();
        let task = task.split_once(' ').unwrap().0;
        let ends = match event {
            "failed" => "failed",
            "no-data" => "brought no data",
            _ => "works again",
        };
        format!("Task {task} {ends}")
    };
    let mailed: Vec<String> = world
        .mailed()
        .iter()
        .map(|subject| {
            subject.split_once("] ").map_or(subject.as_str(), |(_, rest)| rest).to_owned()
        })
        .collect();
    assert_eq!(mailed, TOLD.iter().map(subject).collect::<Vec<String>>());

    // The rows that the API ever served as good, each once.
    let rows_now = world.rows();
    assert_eq!(rows_now, world.shop.good());
    assert_eq!(rows_now.len(), 3 * 45, "20 February to 5 April");

    // Each task ran once at each of its times.
    let mut done = world.done("backup");
    assert!(done.is_sorted_by(|a, b| a < b), "{done:?}");
    done = world.done("sales");
    assert!(done.is_sorted_by(|a, b| a < b), "{done:?}");
    // 02:30 does not exist: at the change.
    assert!(done.contains(&"2026-03-29T01:00:00Z".parse().unwrap()), "{done:?}");
    assert_eq!(world.done("prune").len(), 5);
    assert_eq!(world.done("kpi").len(), 1);

    // The backups of 30 days, each with the rows of its day.
    let folder = world.path("data/backups");
    let kept = names(&folder, is_backup);
    let file = world.kind.file();
    let (stem, extension) = file.split_once('.').unwrap();
    let name = |stamp: &str| format!("{stem}_{stamp}.{extension}");
    let day = |day: u32| match day {
        // Catching up.
        19 => name("20260319_080007"),
        // Summer time.
        29.. => name(&format!("202603{day:02}_010007")),
        _ => name(&format!("202603{day:02}_020007")),
    };
    let march = (7..=31).filter(|day| ![17, 18, 21].contains(day)).map(day);
    let april = (1..=6).map(|day| name(&format!("202604{day:02}_010007")));
    assert_eq!(kept, march.chain(april).collect::<Vec<String>>());
    let all = names(&folder, |name| !name.starts_with('.'));
    assert_eq!(all.len(), 2 * kept.len(), "nothing besides them and their descriptions: {all:?}");
    for name in &kept {
        assert_eq!(rows(world.kind, &folder.join(name)), world.backups[name], "{name}");
    }
    world.tidegate(&["data", "backup", "--verify-all"]).run().success();
    world.tidegate(&["data", "health-check"]).run();

    // Nothing is left behind.
    let left = names(&world.path(".tidegate/schedule"), |_| true);
    assert_eq!(left, ["lock.json", "state.json"]);
    // Who only reads an SQLite database with a write-ahead log leaves that.
    let own = |name: &str| {
        name.starts_with(".tidegate-") || name.ends_with("-wal") || name.ends_with("-shm")
    };
    let left = names(&world.path("data"), |name| !own(name));
    assert_eq!(left, ["backups", file]);
    let left = names(&world.path("data"), |name| name.contains("scratch"));
    assert_eq!(left, [""; 0]);
    let logs = names(&world.path("logs"), |_| true);
    assert_eq!((logs.len(), logs[29].as_str()), (30, "schedule.2026-04-06.log"));
}

/// The import is killed while the API answers, as by a system without memory; the schedule is not. The mail server refuses
/// that night, and is told the next time.
fn the_import_is_killed(world: &mut World) {
    let time = world.due();
    world.mail.be(mail_server::Manner::RefusesRecipients);
    world.shop.hold();
    let run = std::thread::scope(|scope| {
        let running = scope.spawn(|| world.schedule(time).run());
        world.shop.wait_for_request();
        kill(world.task_of(world.holder()));
        world.shop.release();
        running.join().unwrap()
    });
    let run = world.took(time, &run);
    assert_eq!(run["tasks"][0]["reason"], "ended by a signal", "{run}");
    assert_eq!(run["alerts_waiting"], 1);
    world.mail.be(mail_server::Manner::Takes);
}

/// The schedule and its task are gone at once while the API answers. Five minutes later the machine is back.
fn the_power_fails(world: &mut World) {
    let time = world.due();
    assert!(cut(world, time, Moment::After(0)), "the import was due");
    let again = world.tick(time + SignedDuration::from_mins(5));
    assert_eq!(again["tasks"][0]["slot"], (time - SignedDuration::from_secs(7)).to_string());
    assert_eq!(again["tasks"][0]["outcome"], "done");
}

/// When an import is killed, counted from the answer of the API.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so many milliseconds, with the programs that it has started.
    After(u64),
    /// At its write number so many, of any file.
    AtWrite(u32),
}

/// Kills the schedule while the API answers, lets the import go on, and kills that. Returns whether the API was asked at
/// all.
fn cut(world: &World, time: Timestamp, moment: Moment) -> bool {
    world.shop.hold();
    let (mut schedule, _home) = world.schedule(time).start();
    until("the API is asked", || world.shop.is_asked() || schedule.try_wait().unwrap().is_some());
    if !world.shop.is_asked() {
        world.shop.release();
        return false;
    }
    let import = world.task_of(schedule.id());
    kill(schedule.id());
    schedule.wait().unwrap();
    match moment {
        Moment::After(milliseconds) => {
            world.shop.release();
            std::thread::sleep(Duration::from_millis(milliseconds));
        }
        Moment::AtWrite(number) => {
            let killer = killed_at_write(import, number);
            world.shop.release();
            killer.wait_with_output().unwrap();
        }
    }
    kill_with_children(import);
    true
}

/// `strace`, which kills a process at one of its writes and ends with it.
fn killed_at_write(process: u32, number: u32) -> Child {
    let calls = "write,pwrite64,fsync,fdatasync,ftruncate,unlink";
    let killer = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")])
        .args(["-e", &format!("inject={calls}:signal=KILL:when={number}")])
        .args(["-p", &process.to_string()])
        .spawn()
        .expect("strace: run `./dev setup`");
    until("strace is there", || {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        status
            .lines()
            .any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    });
    killer
}

/// The same, again and again in one night, a little later each time, up to where the rows are written.
fn the_power_fails_at_any_moment(world: &mut World) {
    let time = world.due();
    let before = world.rows();
    let moments: Vec<Moment> = match world.kind {
        // Its writes are those of the `duckdb` command.
        Kind::DuckDb => [0, 30, 60, 100, 160, 240].map(Moment::After).to_vec(),
        Kind::Sqlite => [1, 2, 3, 4, 6, 9, 12, 16, 20, 25, 30].map(Moment::AtWrite).to_vec(),
    };
    let mut cuts = 0;
    for moment in moments {
        // Until one lived long enough to end.
        if !cut(world, time, moment) {
            break;
        }
        let now = world.rows();
        assert!(now == before || now == world.shop.good(), "{moment:?}: a part was written");
        cuts += 1;
    }
    assert!(cuts >= 3, "{cuts}");
    world.tick(time);
    assert_eq!(world.rows(), world.shop.good());
}

/// Two schedules are started at the same moment.
fn two_schedules_at_once(world: &mut World) {
    let time = world.due();
    world.shop.hold();
    let run = std::thread::scope(|scope| {
        let first = scope.spawn(|| world.schedule(time).run());
        world.shop.wait_for_request();
        let second = world.schedule(time).run().code(12);
        assert!(second.stderr.contains("another schedule runs for this folder"), "{second:?}");
        world.shop.release();
        first.join().unwrap()
    });
    let run = world.took(time, &run.success());
    assert_eq!(run["tasks"].as_array().unwrap().len(), 1, "{run}");
}
