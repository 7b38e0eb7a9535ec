//! Promise 10 for the schedule: keys of APIs, mail servers and webhooks are shown nowhere.

use crate::harness::receiver::Receiver;

use super::*;

const SALES_KEY: &str = "apikeysecret777";
const SHOP_KEY: &str = "shop-key-of-ours-4711";
const WEBHOOK_PATH: &str = "services/T0000/B0000/known-to-nobody-4711";
const MAIL_PASSWORD: &str = "p-ss-w0rd-of-mail";
const HOOK_KEY: &str = "key-of-the-hook-0815";

/// The last thing that a command says is all that a failure tells.
const LEAK: &str =
    "echo \"$SALES_API_KEY $SHOP_KEY $SLACK_WEBHOOK $SMTP_URL $HOOK_KEY\" >&2; exit 1\n";

const SHOP: &str = "  imports:
    shop:
      api: { key_env: SHOP_KEY }
      columns: [{ name: id, type: integer }]
";

fn team(slack: &Receiver) -> Team {
    let hooks = "  after_alert:\n    - { webhook_env: HOOK_URL, secret_env: HOOK_KEY }\n";
    let team = Team::new(LEAK, hooks)
        .env("SALES_API_KEY", SALES_KEY)
        .env("SHOP_KEY", SHOP_KEY)
        .env("SLACK_WEBHOOK", &format!("http://{}/{WEBHOOK_PATH}", slack.host()))
        .env("SMTP_URL", &format!("smtp://alerts:{MAIL_PASSWORD}@127.0.0.1:1"))
        .env("HOOK_URL", &format!("http://{}/hook/of-nobody-else", slack.host()))
        .env("HOOK_KEY", HOOK_KEY)
        .env("LOG_LEVEL", "debug")
        .env("LOG_FILE", "logs/q.log");
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("schedule:\n", &format!("{SHOP}schedule:\n"))).unwrap();
    team
}

/// Everything below a folder, as text.
fn below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&below(&path));
        } else {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        }
    }
    text
}

#[test]
fn what_a_task_says_of_keys_is_neither_printed_nor_kept_nor_told() {
    let slack = Receiver::start();
    let team = team(&slack);
    let run = team.run(&["--run", "kpi"]).code(14);
    let told: String =
        slack.received().iter().map(crate::harness::receiver::Received::text).collect();
    assert!(told.contains("Task kpi failed"), "{told}");
    let places = [
        ("printed", format!("{}{}", run.stdout, run.stderr)),
        ("logged", below(&team.path("logs"))),
        ("kept", below(&team.path(".tidegate"))),
        ("told", told),
    ];
    for (place, text) in &places {
        assert!(text.contains("***"), "nothing of the failure was {place}: {text}");
        for secret in [SALES_KEY, SHOP_KEY, WEBHOOK_PATH, MAIL_PASSWORD, HOOK_KEY] {
            assert!(!text.contains(secret), "{secret} was {place}: {text}");
        }
    }
}

#[test]
fn the_runner_is_told_to_hide_the_keys_of_imports_and_of_channels() {
    let slack = Receiver::start();
    let run = team(&slack)
        .tidegate(&["--list"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_REPOSITORY", "acme/sales")
        .env("GITHUB_RUN_ID", "1")
        .env("GITHUB_RUN_ATTEMPT", "1")
        .env("GITHUB_EVENT_NAME", "schedule")
        .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
        .env("GITHUB_REF", "refs/heads/main")
        .run();
    let masks: Vec<&str> =
        run.stdout.lines().filter(|line| line.starts_with("::add-mask::")).collect();
    for secret in [SALES_KEY, SHOP_KEY, WEBHOOK_PATH, MAIL_PASSWORD, HOOK_KEY] {
        assert!(masks.contains(&format!("::add-mask::{secret}").as_str()), "{secret}: {run:?}");
    }
}
