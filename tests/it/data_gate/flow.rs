//! The whole flow with real steps and checks: made, checked, released, held back, released alone, and
//! gone back.

use serde_json::json;

use super::lake::Lake;
use super::together::BACK;

/// Makes the database from the feed, as a team's own command would.
const MAKE: &str = "\
import csv, os, sqlite3
os.makedirs('data', exist_ok=True)
if os.path.exists('data/analytics.db'):
    os.remove('data/analytics.db')
base = sqlite3.connect('data/analytics.db')
base.execute('create table prices (day text, price real)')
with open('feed.csv') as feed:
    base.executemany('insert into prices values (?, ?)', csv.reader(feed))
base.commit()
base.close()
";

const STEPS: &str = "\
before: [ { run: python3 make_data.py } ]
aggregates: [ { name: kpi, sql: \"drop table if exists kpi; create table kpi as select count(*) as days from prices\" } ]
checks:
  - { name: rows, sql: select count(*) from prices, min: 2 }
  - { name: kpi, sql: select days = (select count(*) from prices) from kpi }
";

fn feed(days: usize) -> String {
    (1..=days).map(|day| format!("2026-03-{day:02},{day}.5\n")).collect()
}

struct Team {
    lake: Lake,
}

impl Team {
    fn new() -> Self {
        let lake = Lake::with(STEPS);
        lake.world.commit("Make the data", &[("make_data.py", MAKE), (".gitignore", "data/\n")]);
        Self { lake }
    }

    fn candidate(
        &self,
        message: &str,
        days: usize,
    ) -> (String, crate::harness::oci_registry::Pushed) {
        let world = &self.lake.world;
        let commit = world
            .commit(message, &[("app.py", &format!("# {message}\n")), ("feed.csv", &feed(days))]);
        let image = world.build(&commit);
        (commit, image)
    }
}

#[test]
fn data_is_made_checked_released_held_back_released_alone_and_taken_back() {
    let team = Team::new();
    let (lake, world) = (&team.lake, &team.lake.world);
    let (first, one) = team.candidate("first", 3);
    let said = world.gate(&first).passed(&one).run().code(0);
    assert!(said.stdout.contains("rows"), "{}", said.stdout);
    world.assert_live(1, &first, &one);
    let (v1, release) = lake.served();
    assert_eq!(release, 1);
    let record = world.bare().newest_record();
    assert_eq!(record["data"]["figures"]["rows"], 3.0, "{record}");
    assert!(record["checks"].to_string().contains("2 data checks"), "{record}");

    // Bad data is held back, and reverts nothing.
    let (bad, image) = team.candidate("bad data", 1);
    let (users, store) = (world.seen_by_users(), lake.fingerprint());
    let main = world.bare().branch("main");
    world.gate(&bad).passed(&image).run().code(4).says("rows");
    assert_eq!((world.seen_by_users(), lake.fingerprint()), (users, store));
    assert_eq!(world.bare().branch("main"), main, "nothing is reverted");

    // Good data goes live with its code.
    let (second, two) = team.candidate("second", 5);
    world.gate(&second).passed(&two).run().code(0);
    world.assert_live(2, &second, &two);
    let (v2, _) = lake.served();
    assert_ne!(v1, v2);

    // A nightly sync releases data alone, unless somebody has stopped releases.
    let (stable, ledger) = (world.bare().branch("stable"), world.bare().ledger());
    world.commit("Feed", &[("feed.csv", &feed(6))]);
    world.by_hand(&["hold", "the feed is under repair"]).run().code(0);
    world.by_hand(&["sync", "--layer", "analytics"]).run().code(4).says("under repair");
    assert_eq!(lake.served(), (v2.clone(), 2));
    world.by_hand(&["resume"]).run().code(0);
    world.by_hand(&["sync", "--layer", "analytics"]).run().code(0);
    let (v3, release) = lake.served();
    assert!(v3 != v2 && release == 3);
    let bare = world.bare();
    let record = bare.newest_record();
    assert_eq!((&record["kind"], &record["of"]), (&"data".into(), &2.into()), "{record}");
    assert_eq!(record["commit"], second.as_str());
    assert_eq!((bare.branch("stable"), bare.ledger()), (stable, ledger), "the code did not move");
    world.by_hand(&["history"]).run().code(0).says("data");
    world.by_hand(&["repair"]).run().code(0).says("nothing to mend");

    // A bad release is taken back with its data.
    let (third, three) = team.candidate("third", 7);
    world.gate(&third).passed(&three).run().code(0);
    let (v4, _) = lake.served();
    world.by_hand(&BACK).run().code(0);
    world.assert_live(5, &second, &two);
    assert_eq!(lake.served(), (v3, 5), "the last data that was live with the code");
    let path = format!("quarantine/{third}.json");
    assert!(world.bare().show("refs/heads/tidegate", &path).contains(&v4));
}

#[test]
fn data_that_was_mended_is_released_by_the_same_job_started_again() {
    let lake = Lake::with("job: data");
    let first = lake.released("first");
    let mended = lake.upload_as("mended", "2126-01-01T00:00:00Z", "sqlite 3");
    let needs = |result: &str, version: &str| {
        json!({
            "tests": {"result": "success", "outputs": {}},
            "build-docker": {"result": "success", "outputs": {"digest": first.code.1.digest}},
            "data": {"result": result, "outputs": {"data-version": version}},
        })
    };
    let again = |attempt: u32, result: &str, version: &str| {
        lake.world.gate(&first.code.0).needs(&needs(result, version)).attempt(attempt)
    };
    // The job names what is live already, or gives none.
    again(2, "success", &first.data).run().code(0).says("nothing is to be done");
    again(3, "failure", "").run().code(0).says("job data ended with failure");
    assert_eq!(lake.served(), (first.data.clone(), 1));
    // A plan says what the gate does, and a hold stops it.
    let plan = again(4, "success", &mended).command("plan").run().code(0);
    plan.says("is live already, so `tidegate gate` releases data");
    lake.world.by_hand(&["hold", "the feed is under repair"]).run().code(0);
    again(4, "success", &mended).run().code(4).says("under repair");
    assert_eq!(lake.served(), (first.data.clone(), 1));
    lake.world.by_hand(&["resume"]).run().code(0);
    let stable = lake.world.bare().branch("stable");
    let released = again(5, "success", &mended).arguments(&["--json"]).run().code(0);
    let said: serde_json::Value = serde_json::from_str(&released.stdout).unwrap();
    assert_eq!((&said["verdict"], &said["release"]), (&"superseded".into(), &2.into()), "{said}");
    assert_eq!(said["data_alone"], json!({"version": mended, "release": 2}));
    assert_eq!(lake.served(), (mended.clone(), 2));
    let bare = lake.world.bare();
    let record = bare.newest_record();
    assert_eq!((&record["kind"], &record["of"]), (&"data".into(), &1.into()), "{record}");
    assert_eq!(bare.branch("stable"), stable, "the code did not move");
    // Once more, and the data of before, change nothing.
    again(6, "success", &mended).run().code(0).says("nothing is to be done");
    let older = again(7, "success", &first.data).run().code(0).says("was made before release 2");
    older.says("`tidegate sync --layer analytics`");
    assert_eq!(lake.served(), (mended, 2));
    // Not for code that is not live any more.
    let second = lake.world.candidate("second", "print(2)\n");
    let theirs = lake.upload_as("second", "2126-01-02T00:00:00Z", "sqlite 3");
    lake.gate(&second, &theirs).run().code(0);
    let other = lake.upload_as("other", "2126-01-03T00:00:00Z", "sqlite 3");
    again(8, "success", &other).run().code(0).says("is not what is live");
    assert_eq!(lake.served(), (theirs, 3));
}

#[test]
fn a_gate_that_makes_data_says_how_live_code_gets_new_data() {
    let team = Team::new();
    let (first, one) = team.candidate("first", 3);
    team.lake.world.gate(&first).passed(&one).run().code(0);
    let again = team.lake.world.gate(&first).passed(&one).attempt(2).run().code(0);
    again.says("`tidegate sync --layer analytics`");
}

#[test]
fn another_commit_in_the_work_tree_holds() {
    let team = Team::new();
    let (first, one) = team.candidate("first", 3);
    team.lake.world.commit("Later", &[("later.txt", "1\n")]);
    let needs = json!({
        "tests": {"result": "success", "outputs": {}},
        "build-docker": {"result": "success", "outputs": {"digest": one.digest}},
    });
    // The work tree shows main, and the gate is asked about the commit below.
    let gate =
        team.lake.world.by_hand(&["gate", "--commit", &first, "--needs", &needs.to_string()]);
    gate.run().code(4).says("is checked out");
    assert_eq!(team.lake.pointer(), None);
}

#[test]
fn a_gate_whose_store_cannot_be_written_releases_nothing() {
    let team = Team::new();
    let (first, one) = team.candidate("first", 3);
    std::fs::write(team.lake.path(), "no folder").unwrap();
    let users = team.lake.world.seen_by_users();
    let finished = team.lake.world.gate(&first).passed(&one).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    finished.says("analytics");
    assert_eq!(team.lake.world.bare().newest_number(), 0);
    assert_eq!(team.lake.world.seen_by_users(), users);
}

#[test]
fn data_that_is_made_anew_with_the_same_content_stays_the_same_version() {
    let team = Team::new();
    let (lake, world) = (&team.lake, &team.lake.world);
    let (first, one) = team.candidate("first", 3);
    world.gate(&first).passed(&one).run().code(0);
    let (version, _) = lake.served();
    let files = || -> Vec<String> {
        let names = std::fs::read_dir(lake.path().join("versions")).unwrap();
        names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect()
    };
    let before = files();

    // The same rows, written by other means: other bytes.
    let made = MAKE.replace("base.commit()", "base.execute('create table gone (a)')\nbase.execute('insert into gone values (zeroblob(50000))')\nbase.commit()\nbase.execute('drop table gone')\nbase.commit()");
    let second = world.commit("second", &[("app.py", "# second\n"), ("make_data.py", &made)]);
    let two = world.build(&second);
    world.gate(&second).passed(&two).run().code(0);
    world.assert_live(2, &second, &two);
    assert_eq!(lake.served(), (version.clone(), 2));
    assert_eq!(files(), before, "nothing was uploaded");
    let bare = world.bare();
    assert_eq!(bare.newest_record()["data"]["version"], version.as_str());

    // And a sync releases nothing.
    world.by_hand(&["sync", "--layer", "analytics"]).run().code(0).says("unchanged");
    assert_eq!(lake.served(), (version, 2));
    assert_eq!(world.bare().newest_record()["number"], 2);
}

#[test]
fn data_that_went_back_to_what_it_was_is_released_by_sync() {
    let team = Team::new();
    let (lake, world) = (&team.lake, &team.lake.world);
    let (first, one) = team.candidate("first", 3);
    world.gate(&first).passed(&one).run().code(0);
    let (good, _) = lake.served();
    let sync = || world.by_hand(&["sync", "--layer", "analytics"]).run().code(0);
    world.commit("Bad feed", &[("feed.csv", &feed(6))]);
    sync();
    assert_ne!(lake.served().0, good);
    world.commit("Mended feed", &[("feed.csv", &feed(3))]);
    sync();
    assert_eq!(lake.served(), (good, 3), "first published before what was live");
}

#[test]
fn a_container_that_has_gone_is_published_again_as_doctor_says() {
    for days in [3, 4] {
        let team = Team::new();
        let (lake, world) = (&team.lake, &team.lake.world);
        let (first, one) = team.candidate("first", 3);
        world.gate(&first).passed(&one).run().code(0);
        let (before, _) = lake.served();
        std::fs::remove_dir_all(lake.path()).unwrap();
        // The same data, or other data: of the old version nothing is left.
        world.commit("Feed", &[("feed.csv", &feed(days)), ("later.txt", "")]);
        let doctor = world.by_hand(&["doctor"]).run().code(10);
        doctor.says("container-missing").says("`tidegate sync --layer analytics`");
        world.by_hand(&["sync", "--layer", "analytics"]).run().code(0);
        let (version, release) = lake.served();
        assert_eq!((version == before, release), (days == 3, if days == 3 { 1 } else { 2 }));
        assert!(lake.file(&version).exists() && lake.path().join("analytics.db").exists());
        let (second, two) = team.candidate("second", 5);
        world.gate(&second).passed(&two).run().code(0);
        world.by_hand(&["repair"]).run().code(0).says("nothing to mend");
    }
}
