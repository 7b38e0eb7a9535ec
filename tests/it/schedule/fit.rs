//! What will fail at night is said before.

use super::*;

#[test]
fn sources_and_channels_that_are_missing_are_said_by_the_list_and_at_the_start() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        Tidegate::new()
            .args(["schedule"])
            .args(arguments)
            .env("HOME", folder.path())
            .env("DATABASE_PATH", "s.db")
            .envs(environment.iter().copied())
            .current_dir(folder.path())
            .run()
            .success()
    };
    let wrong = [("SLACK_WEBHOOK", "not-a-url")];
    for arguments in [["--list", "--at", BEFORE], ["--once", "--at", BEFORE]] {
        let said = run(&arguments, &wrong).stderr;
        assert!(said.contains("task sales will fail") && said.contains("SALES_API_URL"), "{said}");
        assert!(said.contains("alerts by Slack") && said.contains("SLACK_WEBHOOK"), "{said}");
        assert!(!said.contains("not-a-url"), "{said}");
    }
    let listed = run(&["--list", "--json"], &wrong).json();
    assert_eq!(listed["warnings"].as_array().map(Vec::len), Some(2), "{listed}");
    fs::create_dir(folder.path().join(".github")).unwrap();
    let hook = "version: 1\nschedule:\n  after_alert: [ { webhook_env: HOOK_URL, secret_env: HOOK_KEY } ]\n";
    fs::write(folder.path().join(".github/tidegate.yml"), hook).unwrap();
    let listed = run(&["--list"], &[]).stderr;
    assert!(listed.contains("alerts by hook/0 will fail: HOOK_URL is not set"), "{listed}");
    let listed = run(&["--list"], &[("HOOK_URL", "https://hooks.acme.example/x")]).stderr;
    assert!(listed.contains("alerts by hook/0 will fail: HOOK_KEY is not set"), "{listed}");
    fs::remove_file(folder.path().join(".github/tidegate.yml")).unwrap();
    let right = [
        ("SLACK_WEBHOOK", "https://hooks.slack.example/T/B/X"),
        ("SALES_API_URL", "https://api.acme.example/sales"),
    ];
    let listed = run(&["--list", "--json"], &right).json();
    assert_eq!(listed["warnings"], serde_json::json!([]));
}
