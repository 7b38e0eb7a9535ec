//! `promote` by hand, with data.

use super::lake::Lake;

#[test]
fn a_person_names_the_data_or_says_why_users_keep_theirs() {
    let lake = Lake::new();
    let first = lake.released("first");
    let (second, image) = lake.world.candidate("second", "print(2)\n");
    let two = lake.upload("second");
    let missing = format!("sha256:{}", "b".repeat(64));
    let promote = |more: &[&str]| {
        let digest = image.digest.to_string();
        let args = [&["promote", second.as_str(), "--yes", "--digest", &digest], more].concat();
        lake.world.by_hand(&args)
    };
    promote(&["--data-version", &missing]).run().code(4).says("is not in");
    lake.assert_live(1, &first);
    promote(&["--without-data", "the feed is late"]).run().code(0);
    lake.world.assert_live(2, &second, &image);
    assert_eq!(lake.served().0, first.data);
    let record = lake.world.bare().newest_record();
    assert!(record["checks"].to_string().contains("the feed is late"), "{record}");
    let third = lake.world.candidate("third", "print(3)\n");
    let digest = third.1.digest.to_string();
    let args = ["promote", &third.0, "--yes", "--digest", &digest, "--data-version", &two];
    lake.world.by_hand(&args).run().code(0);
    assert_eq!(lake.served(), (two, 3));
}

#[test]
fn a_plan_makes_no_data_and_a_person_names_what_a_job_makes() {
    let lake = Lake::with("job: data");
    let first = lake.released("first");
    let (second, image) = lake.world.candidate("second", "print(2)\n");
    let digest = image.digest.to_string();
    let refused = lake.world.by_hand(&["promote", &second, "--yes", "--digest", &digest]).run();
    refused.code(2).says("--without-data");
    lake.assert_live(1, &first);

    let lake = Lake::with("before: [ { run: touch made } ]");
    let (second, image) = lake.world.candidate("second", "print(2)\n");
    let plan = lake.world.gate(&second).passed(&image).command("plan").run().code(0);
    assert!(plan.stdout.contains("a plan makes no data"), "{}", plan.stdout);
    assert!(!plan.clone.path().join("made").exists());
}
