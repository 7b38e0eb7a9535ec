//! The time that tasks go by.

use super::*;
use crate::backups::names;

/// A team with a database, a file that is imported, and backups.
fn team() -> Team {
    let team = Team::new("", "");
    fs::write(
        team.path(".github/tidegate.yml"),
        "data: { database: sales.db, imports: { sales: { csv: sales.csv } } }\n\
         schedule: { tasks: { health: { off: true }, prune: { off: true } } }\n",
    )
    .unwrap();
    // Sold on the day before the one that the schedule takes for today.
    fs::write(
        team.path("sales.csv"),
        "date,user_id,product_name,quantity,unit_price,total_amount,region\n\
         2026-05-01,7,Chair,2,10.00,20.00,north\n",
    )
    .unwrap();
    team
}

fn backups(team: &Team) -> Vec<String> {
    names(&team.path("backups"), |name| name.ends_with(".db"))
}

#[test]
fn tasks_go_by_the_time_of_the_schedule_that_started_them() {
    let team = team();
    team.once(BEFORE).success();
    team.once("2026-05-02T03:00:07Z").success();
    assert_eq!(backups(&team), ["sales_20260502_030007.db"]);
    // A sale of tomorrow: two days ago nobody could have made it.
    let text = team.text("sales.csv").replace("2026-05-01", "2026-05-05");
    fs::write(team.path("sales.csv"), text).unwrap();
    let early = team.once("2026-05-03T02:00:07Z").code(14);
    assert!(early.stdout.contains("1 bad row; line 2: date"), "{early:?}");
}

#[test]
fn nobody_else_sets_the_time_of_a_task() {
    let team = team();
    team.run(&["--run", "sales"]).success();
    for exported in ["1 2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", ""] {
        Tidegate::new()
            .args(["data", "backup"])
            .env("TIDEGATE_SCHEDULE_TIME", exported)
            .current_dir(team.folder.path())
            .run()
            .success();
    }
    let backups = backups(&team);
    assert!(backups.len() == 3 && !backups[0].contains("_2020"), "{backups:?}");
}

#[test]
fn a_time_that_has_not_come_is_only_looked_at() {
    let team = team();
    team.run(&["--list", "--at", "2999-01-01T00:00:00Z"]).success();
    let refused = team.once("2999-01-01T00:00:00Z").code(2);
    assert!(refused.stderr.contains("that time has not come"), "{refused:?}");
    assert!(!team.path(".tidegate").exists());
}
