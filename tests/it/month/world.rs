//! A team with a database on a disk of its own, an API that feeds it, people who are told, and a timer of the system that
//! starts the schedule whenever something is due. The time is the test's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

use super::shop::{LINES, Shop};
use crate::backups::Kind;
use crate::harness::duckdb;
use crate::harness::mail_server::MailServer;
use crate::harness::receiver::Receiver;
use crate::harness::tidegate::{Run, Tidegate};

const ZONE: &str = "Europe/Berlin";

/// How long after the time of a task the system's timer starts the schedule.
const LATE: SignedDuration = SignedDuration::from_secs(7);

pub struct World {
    pub kind: Kind,
    pub folder: TempDir,
    pub shop: Shop,
    pub mail: MailServer,
    pub hooks: Receiver,
    pub environment: Vec<(String, String)>,
    /// When something is due again, as the last run said.
    next: Timestamp,
    /// What ran: the task, its time, how it ended.
    pub ran: Vec<(String, Timestamp, String)>,
    /// The rows of the database when each backup was made.
    pub backups: BTreeMap<String, Vec<String>>,
}

impl World {
    /// With `more` in `data` of the configuration. The schedule was started at `start`, when nothing was due.
    pub fn new(kind: Kind, more: &str, start: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".github")).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let config = format!(
            "data:\n  store: file://{store}\n  layers: {{ sales: {{ file: data/{file} }} }}\n  imports:\n    sales: {{ api: {{ watermark: date, timezone: {ZONE}, timeout: 1s }} }}\n  \
             health:\n    min_free: 2MB\n    max_backup_age: 26h\n    tables: {{ sales: {{ min_rows: 1, column: date, max_age: 80h }} }}\n  \
             aggregates:\n    - name: revenue\n      sql: |\n        DROP TABLE IF EXISTS revenue;\n        CREATE TABLE revenue AS SELECT date, sum(total_amount) AS total FROM sales GROUP BY date;\n\
             {more}\
             schedule:\n  timezone: {ZONE}\n  tasks:\n    sales: {{ cron: \"30 2 * * *\" }}\n    health: {{ cron: \"0 6 * * *\" }}\n    \
             kpi: {{ run: aggregates, cron: \"0 7 16 * *\" }}\n  after_alert: [{{ webhook_env: ALERT_HOOK_URL }}]\n",
            file = kind.file(),
            store = folder.path().join("store").display(),
        );
        fs::write(folder.path().join(".github/tidegate.yml"), config).unwrap();
        let mut world = Self {
            kind,
            folder,
            shop: Shop::open(),
            mail: MailServer::start(),
            hooks: Receiver::start(),
            environment: Vec::new(),
            next: Timestamp::UNIX_EPOCH,
            ran: Vec::new(),
            backups: BTreeMap::new(),
        };
        let run = world.tick(at(start));
        assert_eq!(run["tasks"].as_array().unwrap().len(), 0, "{run}");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("data").join(self.kind.file())
    }

    fn variables(&self) -> Vec<(String, String)> {
        let own = [
            ("SALES_API_URL", self.shop.url()),
            ("ALERT_HOOK_URL", format!("http://{}/alerts", self.hooks.host())),
            ("ALERT_EMAIL", "ops@acme.example".to_owned()),
            ("SMTP_URL", self.mail.url()),
            ("LOG_FILE", "logs/schedule.log".to_owned()),
            ("PATH", duckdb::path().into_string().unwrap()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        own.into_iter().chain(self.environment.clone()).collect()
    }

    /// `tidegate`, as the team has it.
    pub fn tidegate(&self, arguments: &[&str]) -> Tidegate {
        Tidegate::new().args(arguments).envs(self.variables()).current_dir(self.folder.path())
    }

    /// The schedule at a time.
    pub fn schedule(&self, time: Timestamp) -> Tidegate {
        self.shop.set_today(time.to_zoned(TimeZone::get(ZONE).unwrap()).date());
        let time = time.to_string();
        self.tidegate(&["schedule", "--once", "--json", "--at", &time])
    }

    /// Lets the schedule run what is due at a time.
    pub fn tick(&mut self, time: Timestamp) -> Value {
        let run = self.schedule(time).run();
        self.took(time, &run)
    }

    /// Notes what a schedule has done.
    pub fn took(&mut self, time: Timestamp, run: &Run) -> Value {
        let said = run.json();
        assert_eq!(said["schema"], "tidegate/schedule-run/1", "{run:?}");
        for task in said["tasks"].as_array().unwrap() {
            let text = |key: &str| task[key].as_str().unwrap().to_owned();
            self.ran.push((text("task"), text("slot").parse().unwrap(), text("outcome")));
        }
        self.next = said["next"].as_str().unwrap().parse().unwrap();
        self.look(time);
        said
    }

    /// Runs whatever is due, one time after the other, up to a time; nothing later than that begins.
    pub fn play(&mut self, until: &str) {
        let until = at(until);
        while self.next + LATE <= until {
            self.tick(self.next + LATE);
        }
    }

    /// When the next task is due and the timer starts the schedule.
    pub fn due(&self) -> Timestamp {
        self.next + LATE
    }

    /// Notes the backups that are new. The disk keeps the time of the test: files are as old as they would be.
    fn look(&mut self, time: Timestamp) {
        let folder = self.path("data/backups");
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if self.backups.contains_key(&name) || !entry.file_type().unwrap().is_file() {
                continue;
            }
            let file = fs::File::options().write(true).open(entry.path()).unwrap();
            file.set_modified(time.into()).unwrap();
            let rows = if is_backup(&name) { self.rows() } else { Vec::new() };
            self.backups.insert(name, rows);
        }
    }

    /// The rows of the database, as those of the shop are written.
    pub fn rows(&self) -> Vec<String> {
        rows(self.kind, &self.database())
    }

    /// What was told by webhooks: `failed sales 2026-03-04T01:30:00Z`.
    pub fn told(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let line = |body: Value| [&body["event"], &body["task"], &body["due"]].map(text).join(" ");
        self.hooks.received().iter().map(|hook| line(hook.json())).collect()
    }

    /// What was told by e-mail.
    pub fn mailed(&self) -> Vec<String> {
        self.mail.mails().iter().map(|mail| mail.header("Subject").unwrap()).collect()
    }

    /// The runs that ended in another way than well.
    pub fn not_done(&self) -> Vec<String> {
        let is_bad = |(_, _, outcome): &&(String, Timestamp, String)| outcome != "done";
        let line = |(task, slot, outcome): &(String, Timestamp, String)| {
            format!("{task} {slot} {outcome}")
        };
        self.ran.iter().filter(is_bad).map(line).collect()
    }

    /// The times at which a task was done.
    pub fn done(&self, task: &str) -> Vec<Timestamp> {
        let own = |(name, slot, outcome): &(String, Timestamp, String)| {
            (name == task && outcome == "done").then_some(*slot)
        };
        self.ran.iter().filter_map(own).collect()
    }

    /// The process that the schedule has started for its task.
    pub fn task_of(&self, schedule: u32) -> u32 {
        let children = children(schedule);
        *children.first().unwrap_or_else(|| panic!("process {schedule} has no child"))
    }

    /// The process that holds the schedule's folder.
    pub fn holder(&self) -> u32 {
        let text = fs::read_to_string(self.path(".tidegate/schedule/lock.json")).unwrap();
        let holder: Value = serde_json::from_str(&text).unwrap();
        holder["pid"].as_u64().unwrap().try_into().unwrap()
    }
}

/// Whether a file of the folder of backups is one, and no description or lock.
pub fn is_backup(name: &str) -> bool {
    name.starts_with("sales_") && !name.ends_with(".json")
}

/// The rows of a database.
pub fn rows(kind: Kind, file: &Path) -> Vec<String> {
    let mut rows: Vec<String> = match kind {
        Kind::DuckDb => {
            let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
            let said = duckdb::run(newest, file, LINES);
            let rows: Vec<Value> = serde_json::from_str(&said).unwrap_or_default();
            rows.iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect()
        }
        Kind::Sqlite => {
            let connection = rusqlite::Connection::open(file).unwrap();
            let mut statement = connection.prepare(LINES).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        }
    };
    rows.sort();
    rows
}

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

pub fn kill(process: u32) {
    assert!(signal(process, Signal::KILL), "process {process} has ended by itself");
}

/// Kills a process and those that it has started, as a power cut does. It may have ended by itself.
pub fn kill_with_children(process: u32) {
    // Nothing is started while its children are looked for.
    signal(process, Signal::STOP);
    let all: Vec<u32> = children(process).into_iter().chain([process]).collect();
    for process in &all {
        signal(*process, Signal::KILL);
    }
    until("processes end", || !all.iter().any(|process| is_alive(*process)));
}

fn signal(process: u32, signal: Signal) -> bool {
    let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, signal).is_ok()
}

fn children(process: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // `pid (name) state parent`: the name may have spaces.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent == Some(process.to_string().as_str()) {
            children.push(entry.file_name().to_str().unwrap().parse().unwrap());
        }
    }
    children
}

/// Whether a process runs; one that has ended and whose end nobody has asked for does not.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// A small disk on a folder, until it is dropped. A mount needs root; the workflow's runner has it by sudo.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(folder: &Path, megabytes: u32) -> Self {
        let size = format!("size={megabytes}m,mode=777");
        let done = as_root("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder).output();
        let done = done.expect("mount");
        assert!(done.status.success(), "a disk that can be full is mounted as root: {done:?}");
        Self(folder.to_owned())
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            // Large pieces first, then what is left in ever smaller ones.
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
    }

    pub fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root("umount").arg("-l").arg(&self.0).output();
    }
}

fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// Waits for something that another process does.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what}: not within 2 minutes");
        std::thread::sleep(Duration::from_millis(10));
    }
}
