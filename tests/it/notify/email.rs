//! E-mail.

use super::{broken, rollback, state, world};
use crate::harness::mail_server::{MailServer, Manner};
use crate::harness::maildir_server::MaildirServer;

const MAIL: &str = "notify: { email: { to: [team@acme.example, ops@acme.example], from: gate@acme.example, smtp_env: SMTP_URL } }\n";

#[test]
fn people_get_one_e_mail_of_a_rollback() {
    let server = MailServer::start();
    let (world, good, bad) = broken(MAIL);
    rollback(&world, &bad).env("SMTP_URL", &server.url()).run().code(3).says("told");
    world.by_hand(&["repair"]).env("SMTP_URL", &server.url()).run().code(0);
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert!(mail.from.contains("<gate@acme.example>"), "{mail:?}");
    assert_eq!(mail.to.len(), 2);
    assert_eq!(server.logins(), ["alerts p@ss-w0rd-of-mail"]);
    let subject = mail.header("Subject").unwrap();
    assert!(subject.contains("[acme/app] Rolled back main"), "{subject}");
    assert!(mail.header("Message-ID").unwrap().starts_with("<tidegate.rollback-"), "{mail:?}");
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    for part in [&bad[..7], &good[..7], "tidegate rollback --undo"] {
        assert!(mail.body().contains(part), "no {part} in {}", mail.body());
    }
}

#[test]
fn a_mail_server_of_the_world_takes_it() {
    let server = MaildirServer::start();
    let (world, good, bad) = broken(MAIL);
    rollback(&world, &bad).env("SMTP_URL", &server.url()).run().code(3).says("told");
    world.by_hand(&["repair"]).env("SMTP_URL", &server.url()).run().code(0);
    let mails = server.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    let recipients = "X-RcptTo: team@acme.example, ops@acme.example";
    for part in ["Subject: [acme/app] Rolled back main", recipients, &bad[..7], &good[..7]] {
        assert!(mails[0].contains(part), "no {part:?} in {}", mails[0]);
    }
}

#[test]
fn what_was_refused_is_sent_again_and_what_may_have_come_is_not() {
    for (manner, expected, again) in [
        (Manner::RefusesRecipients, "pending", 1),
        (Manner::DropsEarly, "pending", 1),
        (Manner::RefusesMessages, "pending", 1),
        (Manner::DropsAnswers, "unknown", 1),
    ] {
        let server = MailServer::start();
        server.be(manner);
        let (world, _, bad) = broken(MAIL);
        rollback(&world, &bad).env("SMTP_URL", &server.url()).run().code(3).says("told");
        assert_eq!(state(&world.bare(), "rollback-", "email"), expected, "{manner:?}");
        server.be(Manner::Takes);
        world.by_hand(&["repair"]).env("SMTP_URL", &server.url()).run().code(0);
        assert_eq!(server.mails().len(), again, "{manner:?}");
    }
}

#[test]
fn no_header_can_be_injected() {
    let server = MailServer::start();
    let world = world(MAIL);
    world.released("Good", "print('good')\n");
    let subject = "x\r\nBcc: evil@evil.example\r\n\r\n.\r\nMAIL FROM:<a@b>\r\n@everyone <b>";
    let bad = world.commit(subject, &[("app.py", "print('bad')\n")]);
    let report = "<testsuite><testcase classname=\"a\" name=\"b&#13;&#10;Bcc: evil@evil.example\"><failure message=\"c&#10;.&#10;QUIT\"/></testcase></testsuite>";
    let gate = rollback(&world, &bad).file("reports/junit.xml", report);
    gate.env("SMTP_URL", &server.url()).run().code(3);
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].header("Bcc").is_none(), "{}", mails[0].headers());
    assert_eq!(mails[0].to.len(), 2);
}

#[test]
fn a_password_is_never_shown_and_never_sent_in_the_clear() {
    let (world, _, bad) = broken(MAIL);
    let server = "smtp://alerts:very-secret-pw@mail.invalid:2525";
    let run = rollback(&world, &bad).env("SMTP_URL", server).run().code(3).says("not told");
    for text in [&run.stdout, &run.stderr] {
        let shown: String = text.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
        assert!(!shown.contains("very-secret-pw"), "{text}");
    }
    let run = rollback(&world, &bad).env("SMTP_URL", "smtp://u:p@mail.invalid?tls=none").run();
    assert!(!run.stderr.contains("tls=none"), "{}", run.stderr);
}
