//! Who is told of incidents: a receiver in the place of Slack, a mail server, hooks.

use crate::harness::mail_server::{MailServer, Manner};
use crate::harness::receiver::Receiver;

use super::*;

const SECRET_PATH: &str = "/services/T0000/B0000/known-to-nobody-4711";

/// Plays one day after the other: at 02:00 of each the task runs.
fn days(team: &Team, days: std::ops::Range<u32>) -> Vec<Option<i32>> {
    days.map(|day| team.once(&format!("2026-05-{day:02}T02:00:10Z")).status).collect()
}

#[test]
fn an_incident_is_told_once_when_it_begins_and_once_when_it_ends() {
    let (slack, mail) = (Receiver::start(), MailServer::start());
    let team = Team::new("echo '<!channel> the disk is full' >&2; exit 1\n", "")
        .env("SLACK_WEBHOOK", &format!("http://{}{SECRET_PATH}", slack.host()))
        .env("ALERT_EMAIL", "ops@acme.example, boss@acme.example")
        .env("SMTP_URL", &mail.url());
    team.once(BEFORE).success();
    assert_eq!(days(&team, 2..5), [Some(14); 3]);
    assert_eq!(slack.received().len(), 1);
    assert_eq!(mail.mails().len(), 1);
    team.script("exit 0\n");
    assert_eq!(days(&team, 5..7), [Some(0); 2]);
    let told = slack.received();
    assert_eq!(told.len(), 2);
    let first = told[0].json();
    assert!(first["text"].as_str().unwrap().ends_with("Task kpi failed"), "{first}");
    assert!(!told[0].text().contains("<!channel>"), "{}", told[0].text());
    assert!(told[1].text().contains("Task kpi works again"), "{}", told[1].text());
    assert!(told[1].text().contains("3 runs did not work"), "{}", told[1].text());
    let mails = mail.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].to[0].contains("ops@acme.example") && mails[0].to[1].contains("boss@"));
    assert!(mails[0].header("Subject").unwrap().ends_with("Task kpi failed"), "{:?}", mails[0]);
    assert!(
        mails[0].body().contains("tidegate sync --steps-only was due at 2026-05-02 02:00 (UTC).")
    );
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    // A new incident is told again.
    team.script("exit 1\n");
    days(&team, 7..9);
    assert_eq!((slack.received().len(), mail.mails().len()), (3, 3));
}

#[test]
fn what_was_certainly_not_told_is_told_later_and_nothing_else_twice() {
    let mail = MailServer::start();
    let team = Team::new("exit 1\n", "")
        .env("ALERT_EMAIL", "ops@acme.example")
        .env("SMTP_URL", &mail.url());
    team.once(BEFORE).success();
    mail.be(Manner::RefusesRecipients);
    let refused = team.once("2026-05-02T02:00:10Z").code(14);
    assert!(refused.stderr.contains("not told by email, tried again later"), "{refused:?}");
    assert_eq!(mail.mails().len(), 0);
    mail.be(Manner::DropsAnswers);
    let lost = team.once("2026-05-02T02:05:10Z").success();
    assert!(lost.stderr.contains("may have been told by email"), "{lost:?}");
    mail.be(Manner::Takes);
    team.once("2026-05-02T02:15:10Z").success();
    team.once("2026-05-02T03:15:10Z").success();
    assert_eq!(mail.messages(), 1, "it may have come through the first time");
}

#[test]
fn hooks_are_told_in_order_and_signed() {
    let receiver = Receiver::start();
    let hooks = "  after_alert:\n    - { run: \"echo $TIDEGATE_EVENT $TIDEGATE_ALERT_TASK $TIDEGATE_DUE $HOOK_KEY $TIDEGATE_TASK >> told.txt\" }\n    \
         - { webhook_env: HOOK_URL, secret_env: HOOK_KEY }\n";
    let team = Team::new("exit 1\n", hooks)
        .env("HOOK_URL", &format!("http://{}/alerts", receiver.host()))
        .env("HOOK_KEY", "key-of-the-hook");
    team.once(BEFORE).success();
    days(&team, 2..4);
    team.script("exit 0\n");
    days(&team, 4..6);
    assert_eq!(
        team.text("told.txt"),
        "failed kpi 2026-05-02T02:00:00Z\nrecovered kpi 2026-05-04T02:00:00Z\n",
        "a command does not get the key"
    );
    let told = receiver.received();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].header("tidegate-event"), Some("failed"));
    assert_eq!(told[0].header("tidegate-delivery"), Some("kpi-20260502T020000Z-failed"));
    assert!(told[0].header("tidegate-signature-256").unwrap().starts_with("sha256="));
    let body = told[0].json();
    assert_eq!(body["schema"], "tidegate/alert/1");
    assert_eq!((&body["task"], &body["failures"]), (&"kpi".into(), &1.into()));
}

#[test]
fn addresses_that_cannot_be_told_are_said_at_once() {
    let team = Team::new("", "").env("ALERT_EMAIL", "ops@acme.example");
    let said = team.once(BEFORE).success();
    assert!(said.stderr.contains("ALERT_EMAIL needs SMTP_URL"), "{said:?}");
    assert!(said.stderr.contains("nobody is told of failures"), "{said:?}");
    let team = Team::new("", "").env("ALERT_EMAIL", "ops").env("SMTP_URL", "smtp://127.0.0.1:1");
    let said = team.once(BEFORE).success();
    let expected = "expected an e-mail address in ALERT_EMAIL, found \"ops\"";
    assert!(said.stderr.contains(expected), "{said:?}");
    assert!(team.run(&["--list"]).success().stderr.contains(expected));
    let nobody = Team::new("", "").once(BEFORE).success();
    assert!(nobody.stderr.contains("nobody is told of failures"), "{nobody:?}");
}

#[test]
fn an_import_of_an_empty_file_and_one_with_bad_rows_are_told() {
    const HEADER: &str = "date,user_id,product_name,quantity,unit_price,total_amount,region\n";
    let slack = Receiver::start();
    let team =
        Team::new("", "").env("SLACK_WEBHOOK", &format!("http://{}{SECRET_PATH}", slack.host()));
    fs::write(
        team.path(".github/tidegate.yml"),
        "data: { database: sales.db, imports: { sales: { csv: sales.csv } } }\n",
    )
    .unwrap();
    let imports = |rows: &str| {
        fs::write(team.path("sales.csv"), format!("{HEADER}{rows}")).unwrap();
        team.run(&["--run", "sales"])
    };
    let none = imports("").code(10);
    assert!(
        none.stdout.contains("sales: failed: sales.csv: it has a header and no rows"),
        "{none:?}"
    );
    imports("2026-05-01,7,Chair,2,10.00,20.00,north\n").success();
    let bad = imports("2026-05-01,7,Chair,-2,10.00,20.00,north\n").code(14);
    assert!(bad.stdout.contains("sales: failed: 1 bad row; line 2: quantity"), "{bad:?}");
    let told: Vec<String> =
        slack.received().iter().map(crate::harness::receiver::Received::text).collect();
    assert_eq!(told.len(), 3);
    for (message, expected) in told.iter().zip(["sales failed", "works again", "sales failed"]) {
        assert!(message.contains(expected), "{message}");
    }
}
