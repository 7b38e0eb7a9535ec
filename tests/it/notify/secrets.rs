//! Promise 10 for the channels: addresses, passwords, keys and tokens are shown nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SLACK, SLACK_PATH, rollback, slack_url, world};
use crate::harness::github::{GitHub, TOKEN};
use crate::harness::mail_server::MailServer;
use crate::harness::receiver::Receiver;
use crate::promises::release_world::{Finished, World};

const EVERYBODY: &str = "notify: { mention: true, slack: { webhook_env: SLACK_WEBHOOK }, email: { to: [a@acme.example], smtp_env: SMTP_URL } }
github: { timeout: 5s, patience: 1s }
after_rollback: [{ webhook_env: DEPLOY_URL, secret_env: DEPLOY_SECRET }, { run: 'env; exit 1' }]
";

const DEPLOY_PATH: &str = "/deploy/of-nobody-else-4711";
const DEPLOY_SECRET: &str = "key-of-ours-0815-4711";
const PASSWORD: &str = "p@ss-w0rd-of-mail";

/// Runs the gate of a rollback as loud as it gets, with these servers.
fn loud(world: &World, bad: &str, api: &str, web: &str, smtp: &str) -> Finished {
    rollback(world, bad)
        .env("GITHUB_TOKEN", TOKEN)
        .env("GITHUB_API_URL", api)
        .env(SLACK, &slack_url(web))
        .env("DEPLOY_URL", &format!("http://{web}{DEPLOY_PATH}"))
        .env("DEPLOY_SECRET", DEPLOY_SECRET)
        .env("SMTP_URL", smtp)
        .env("RUST_LOG", "trace")
        .arguments(&["-vvv"])
        .run()
        .code(3)
}

/// Looks for secrets in what was printed, but in commands that hide them, and in what was pushed.
#[track_caller]
fn is_nowhere(world: &World, run: &Finished) {
    let lines = run.stdout.lines().chain(run.stderr.lines());
    let printed: Vec<&str> = lines.filter(|line| !line.starts_with("::add-mask::")).collect();
    let places = [("printed", printed.join("\n")), ("pushed", world.view())];
    let login = STANDARD.encode(format!("\0alerts\0{PASSWORD}"));
    let (slack, deploy) = (SLACK_PATH, DEPLOY_PATH);
    for secret in [slack, deploy, DEPLOY_SECRET, PASSWORD, "p%40ss-w0rd", &login, TOKEN] {
        for (place, text) in &places {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} was {place}");
        }
    }
}

#[test]
fn no_channel_shows_its_secrets() {
    let (world, github) = (world(EVERYBODY), GitHub::start());
    let (web, mail) = (Receiver::start(), MailServer::start());
    github.knows(&world.git.path("app"));
    world.released("Good", "print('good')\n");
    let bad = world.commit("Bad", &[("app.py", "print('bad')\n")]);
    let run = loud(&world, &bad, &github.url(), &web.host(), &mail.url());
    assert_eq!((web.received().len(), mail.mails().len(), github.issues().len()), (2, 1, 1));
    let run = run.says("not told: after_rollback[1]");
    is_nowhere(&world, &run);
}

#[test]
fn no_channel_that_cannot_be_reached_shows_its_secrets() {
    let world = world(EVERYBODY);
    world.released("Good", "print('good')\n");
    let bad = world.commit("Bad", &[("app.py", "print('bad')\n")]);
    // Nobody listens on port 1.
    let smtp = "smtp://alerts:p%40ss-w0rd-of-mail@127.0.0.1:1";
    let run = loud(&world, &bad, "http://127.0.0.1:1", "127.0.0.1:1", smtp);
    let run = run.says("not told: Slack").says("not told: e-mail").says("not told: GitHub issue");
    is_nowhere(&world, &run);
}
