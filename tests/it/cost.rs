//! What a command costs in requests to GitHub's API, with everything configured that asks it: at
//! most 12 for a promotion, 20 for a rollback and 5 for `status`.

use serde_json::Value;

use crate::harness::github::world::Run;
use crate::harness::github::{APP_ID, GitHub, Key};
use crate::harness::mail_server::MailServer;
use crate::harness::project::{CONFIG, GREEN, LEDGER, Project, RED, entry, ledger_of};
use crate::harness::receiver::Receiver;
use crate::harness::tidegate::{Run as Ended, Tidegate};

const PROMOTION: usize = 12;
const ROLLBACK: usize = 20;
const STATUS: usize = 5;

/// Everybody is told of everything.
const EVERYTHING: &str = "version: 1
images: []
require:
  jobs: [tests]
  checks: [scan, licences]
  reports: [{ path: reports/junit.xml, job: tests }]
rollback: { retries: 1 }
after_promote: [{ run: 'true' }, { webhook_env: DEPLOY_URL, secret_env: DEPLOY_SECRET }]
after_rollback: [{ run: 'true' }, { webhook_env: DEPLOY_URL, secret_env: DEPLOY_SECRET }]
notify:
  github_issue: true
  mention: true
  slack: { webhook_env: SLACK_WEBHOOK, on: [rollback, hold, promotion, data] }
  email: { to: [team@acme.example], smtp_env: SMTP_URL, on: [rollback, hold, promotion, data] }
";

/// By which a person's `status` finds the runs of the gate.
const WORKFLOW: (&str, &str) = (
    ".github/workflows/release-gate.yml",
    "on: push
jobs:
  tests: { runs-on: x, steps: [{ run: pytest }] }
  gate: { needs: tests, runs-on: x, steps: [{ uses: acme/tidegate@v1 }] }
",
);

/// How many channels a promotion tells at first, and a rollback, which has the issue besides.
const CHANNELS: usize = 4;

/// A project that has released nothing, so that the ledger decides, with all its servers.
struct Team {
    project: Project,
    github: GitHub,
    web: Receiver,
    mail: MailServer,
    good: String,
}

impl Team {
    fn new() -> Self {
        let (project, github) = (Project::on_http(), GitHub::start());
        github.knows(project.bare());
        github.dispatchable("tidegate-retry.yml", &["run_id", "attempt"]);
        let good = project.push("Configure", &[(CONFIG, EVERYTHING), WORKFLOW]);
        project.push("Record [skip ci]", &[(LEDGER, &ledger_of(&[&good]))]);
        github.add(Run::push(&good).job("tests", "success").completed("success"));
        let (web, mail) = (Receiver::start(), MailServer::start());
        Self { project, github, web, mail, good }
    }

    /// A commit whose run has come to its gate, with the report of its tests.
    fn pushes(&self, content: &str, tests: &str) -> (String, u64) {
        let commit = self.project.push(content, &[("app.py", content)]);
        for name in ["scan", "licences"] {
            self.github.check(&commit, name, "success");
        }
        let run = Run::push(&commit).job("tests", tests).job("gate", "in_progress");
        let id = self.github.add(run);
        self.writes(tests);
        (commit, id)
    }

    fn writes(&self, tests: &str) {
        let failure = if tests == "success" { "" } else { "<failure message=\"no\"/>" };
        let report = format!(
            "<testsuite><testcase classname=\"app\" name=\"page\">{failure}</testcase></testsuite>"
        );
        self.project.dev.write("reports/junit.xml", report);
    }

    /// Praises so many commits whose tests failed, one below the other.
    fn forges(&self, count: usize) {
        let mut text = self.project.show("main", LEDGER);
        for number in 0..count {
            let content = format!("broken {number}\n");
            let commit = self.project.push("Praised", &[("app.py", &content)]);
            self.github.add(Run::push(&commit).job("tests", "failure").completed("failure"));
            text += &entry(&commit);
        }
        self.project.push("Praise", &[(LEDGER, &text)]);
    }

    /// The tests fail again in the second attempt of a run.
    fn fails_again(&self, run: u64) {
        self.github.edit(run, |run| *run = run.clone().attempt(2).job("tests", "failure"));
        self.writes("failure");
    }

    /// Runs the gate of a run; returns how many requests it sent, too.
    fn gate(&self, run: u64, needs: &str, code: i32) -> (Ended, usize) {
        self.gate_with(&[], run, needs, code)
    }

    fn gate_with(
        &self,
        envs: &[(&str, String)],
        run: u64,
        needs: &str,
        code: i32,
    ) -> (Ended, usize) {
        let host = self.web.host();
        self.github.forget();
        let gate = self
            .project
            .gate(needs)
            .envs(self.github.envs_of(run))
            .env("SLACK_WEBHOOK", format!("http://{host}/services/T0000/B0000/secret"))
            .env("DEPLOY_URL", format!("http://{host}/deploy"))
            .env("DEPLOY_SECRET", "key-of-ours")
            .env("SMTP_URL", self.mail.url())
            .envs(envs.iter().cloned())
            .run()
            .code(code);
        (gate, self.github.seen().len())
    }

    /// `status` of a person; returns how many requests it sent.
    fn status(&self, envs: &[(&str, String)]) -> usize {
        self.github.forget();
        Tidegate::new()
            .args(["status", "--json"])
            .env("TIDEGATE_GITHUB_API_URL", self.github.url())
            .env("GITHUB_REPOSITORY", "acme/app")
            .envs(envs.iter().cloned())
            .current_dir(self.project.dev.path())
            .run()
            .success();
        self.github.seen().len()
    }

    /// Logs in as an App whose installation has to be looked for.
    fn app(&self) -> [(&'static str, String); 2] {
        self.github.install_app(&Key::shared().public);
        [
            ("TIDEGATE_APP_ID", APP_ID.to_string()),
            ("TIDEGATE_APP_PRIVATE_KEY", Key::shared().private.clone()),
        ]
    }

    #[track_caller]
    fn assert_cost(&self, sent: usize, most: usize) {
        assert!(sent <= most, "{sent} requests: {:#?}", self.github.lines());
    }
}

/// How many channels a gate has told.
fn told(run: &Ended) -> usize {
    run.json()["told"].as_array().map_or(0, Vec::len)
}

/// Two failed attempts of one run; returns the second one.
fn rolled_back(team: &Team) -> (Ended, usize) {
    let (_, run) = team.pushes("bad\n", "failure");
    team.gate(run, RED, 5);
    team.fails_again(run);
    team.gate(run, RED, 3)
}

#[test]
fn a_promotion_sends_at_most_twelve_requests() {
    let team = Team::new();
    let (_, run) = team.pushes("fine\n", "success");
    let (ended, sent) = team.gate(run, GREEN, 0);
    assert_eq!(told(&ended), CHANNELS, "{}", ended.stdout);
    assert!(sent > 0, "the checks were looked at");
    team.assert_cost(sent, PROMOTION);
}

#[test]
fn a_rollback_and_the_promotion_that_closes_its_issue_stay_within_their_limits() {
    let team = Team::new();
    let (ended, sent) = rolled_back(&team);
    assert_eq!(ended.json()["rolled_back"]["to"], team.good.as_str(), "{}", ended.stdout);
    assert_eq!(told(&ended), CHANNELS + 1, "{}", ended.stdout);
    assert_eq!(team.github.issues().len(), 1);
    assert!(team.github.count("GET", "/compare/") > 0, "authors were looked for");
    team.assert_cost(sent, ROLLBACK);

    team.project.pull();
    let (_, run) = team.pushes("mended\n", "success");
    let (ended, sent) = team.gate(run, GREEN, 0);
    assert_eq!(told(&ended), CHANNELS + 1, "{}", ended.stdout);
    assert_eq!(team.github.issues()[0].state, "closed");
    team.assert_cost(sent, PROMOTION);
}

/// A rollback past so many forged entries, whose branch is protected, after a retry.
#[track_caller]
fn rolled_back_past(team: &Team, forged: usize, envs: &[(&str, String)]) -> usize {
    team.forges(forged);
    let (_, run) = team.pushes("bad\n", "failure");
    team.gate_with(envs, run, RED, 5);
    team.fails_again(run);
    team.project.server().protect("app", &["refs/heads/main"]);
    let (ended, sent) = team.gate_with(envs, run, RED, 3);
    let json = ended.json();
    assert_eq!(json["pull_request"]["state"], "opened", "{json}");
    assert_eq!(json["pull_request"]["to"], team.good.as_str(), "{json}");
    assert_eq!(told(&ended), CHANNELS + 1, "{json}");
    let warnings = json["warnings"].as_array().cloned().unwrap_or_default();
    let refuted = warnings.iter().filter_map(Value::as_str).filter(|text| text.contains("refutes"));
    assert_eq!(refuted.count(), forged, "{json}");
    assert_eq!((team.github.pulls().len(), team.github.issues().len()), (1, 1));
    sent
}

#[test]
fn a_rollback_past_forged_entries_of_a_protected_branch_sends_at_most_twenty_requests() {
    for forged in [1, 4] {
        let team = Team::new();
        let sent = rolled_back_past(&team, forged, &[]);
        team.assert_cost(sent, ROLLBACK);
    }
}

#[test]
fn status_sends_at_most_five_requests() {
    let team = Team::new();
    team.forges(4);
    let token = [("TIDEGATE_TOKEN", team.github.token().to_owned())];
    for _ in 0..2 {
        let sent = team.status(&token);
        assert!(sent > 0, "the ledger decides, and GitHub was not asked about it");
        team.assert_cost(sent, STATUS);
    }
}

#[test]
fn logging_in_as_an_app_is_part_of_the_cost() {
    let team = Team::new();
    let app = team.app();
    let sent = rolled_back_past(&team, 4, &app);
    assert_eq!(team.github.count("POST", "/access_tokens"), 1);
    team.assert_cost(sent, ROLLBACK);
    let sent = team.status(&app);
    assert_eq!(team.github.count("POST", "/access_tokens"), 1);
    team.assert_cost(sent, STATUS);
}
