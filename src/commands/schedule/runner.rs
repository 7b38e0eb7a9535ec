//! Runs what is due, and keeps what is known.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::child::{Cut, Ended, Program};
use super::folder::{Folder, Printed};
use super::journal::{Journal, Level, Line};
use super::shown::words;
use super::stop::Stop;
use crate::adapters::notify::Channels;
use crate::exit::Exit;
use crate::output::Output;
use crate::schedule::{Book, Due, Outcome, Schedule, Task};
use crate::secret::Redactor;

/// The longest sleep: the clock may be set, and the machine may sleep.
const NAP: SignedDuration = SignedDuration::from_secs(30);

/// How often it is asked whether a task of an earlier schedule has ended.
const LOOK: Duration = Duration::from_secs(1);

/// A task that begins later than this was missed, and is caught up.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// Where the time comes from.
pub(super) enum Clock {
    /// The machine.
    Real,
    /// `--at`.
    Fixed(Timestamp),
}

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Fixed(time) => *time,
        }
    }
}

/// A schedule that runs.
pub(super) struct Runner<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) book: Book,
    pub(super) folder: Folder,
    pub(super) journal: Journal,
    pub(super) channels: Channels<'a>,
    /// The names of the channels.
    pub(super) told_on: Vec<String>,
    pub(super) program: Program,
    pub(super) redactor: Redactor,
    pub(super) clock: Clock,
    pub(super) output: &'a mut Output,
    /// Whether the book could not be written, and has to be.
    pub(super) unsaved: bool,
}

impl Runner<'_> {
    /// Runs until it is stopped.
    pub(super) async fn serve(&mut self, stop: &mut Stop) -> anyhow::Result<Exit> {
        if !self.begin(stop).await {
            self.info("stopped", None, "stopped".to_owned());
            return Ok(Exit::Done);
        }
        loop {
            self.tell(stop).await;
            if stop.is_asked().await {
                break;
            }
            let now = self.clock.now();
            self.set_right(now);
            let due = self.book.due(self.schedule, now).into_iter().next();
            if let Some(Due { task, slot }) = due {
                if self.run(task, slot, stop).await {
                    break;
                }
                continue;
            }
            if self.unsaved {
                self.save();
            }
            let wake = [self.book.next(self.schedule, now), self.book.next_tell()];
            let wake = wake.into_iter().flatten().map(|time| time.duration_since(now));
            let nap = wake.min().unwrap_or(NAP).clamp(SignedDuration::from_millis(100), NAP);
            tokio::select! {
                () = sleep(nap.unsigned_abs()) => {}
                () = stop.asked() => break,
            }
        }
        self.tell(stop).await;
        self.info("stopped", None, "stopped".to_owned());
        Ok(Exit::Done)
    }

    /// Runs what is due.
    pub(super) async fn once(&mut self, stop: &mut Stop) -> anyhow::Result<Exit> {
        let mut ran = Vec::new();
        if self.begin(stop).await {
            for Due { task, slot } in self.book.due(self.schedule, self.clock.now()) {
                if stop.is_asked().await {
                    break;
                }
                let stopped = self.run(task, slot, stop).await;
                ran.push(task);
                if stopped {
                    break;
                }
            }
        }
        self.show(&ran, stop).await
    }

    /// Runs one task, whenever it is due.
    pub(super) async fn one(&mut self, task: &Task, stop: &mut Stop) -> anyhow::Result<Exit> {
        let mut ran = Vec::new();
        if self.begin(stop).await {
            self.run(task, self.clock.now(), stop).await;
            ran.push(task);
        }
        self.show(&ran, stop).await
    }

    /// Takes over what an earlier schedule left. Returns whether to go on.
    async fn begin(&mut self, stop: &mut Stop) -> bool {
        let zone = format!("{} tasks", self.schedule.tasks.len());
        self.info("started", None, format!("started: {zone}"));
        if self.told_on.is_empty() {
            let text = "nobody is told of failures: set SLACK_WEBHOOK, or ALERT_EMAIL and SMTP_URL";
            self.warn("no-channels", None, text.to_owned());
        }
        let left: Vec<(String, String)> = self
            .book
            .tasks
            .iter()
            .filter_map(|(name, entry)| {
                Some((name.clone(), entry.running.as_ref()?.output.clone()))
            })
            .collect();
        for (name, output) in left {
            if !self.settle(&name, &output, stop).await {
                return false;
            }
        }
        self.book.adopt(self.schedule, self.clock.now());
        self.save();
        true
    }

    /// Finds out what became of a run that an earlier schedule began. Returns whether to go on.
    async fn settle(&mut self, name: &str, output: &str, stop: &mut Stop) -> bool {
        let task = self.schedule.tasks.iter().find(|task| task.name == name);
        let deadline = Instant::now() + self.left(name, task);
        let mut waits = false;
        let document = loop {
            match self.folder.printed(output) {
                Printed::Ended(document) => break document,
                Printed::Running => {}
            }
            if Instant::now() >= deadline {
                let text = "begun by an earlier schedule, it still runs past its `timeout`";
                match task {
                    Some(task) => self.ended(task, Outcome::failed(text, None)),
                    None => {
                        self.warn("interrupted", Some(name), text.to_owned());
                        self.book.forget(name);
                        self.save();
                    }
                }
                // What it prints from now on is for nobody.
                self.folder.remove(output);
                return true;
            }
            if !waits {
                let text = "still runs, begun by an earlier schedule; waits for its end";
                self.warn("still-running", Some(name), text.to_owned());
                waits = true;
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.asked() => return false,
            }
        };
        match (task, document) {
            (Some(task), Some(document)) => {
                let outcome = Outcome::of(&task.what, None, Some(&document), "");
                self.ended(task, outcome);
            }
            (_, _) => {
                let text = "was interrupted with an earlier schedule; it is due again";
                self.warn("interrupted", Some(name), text.to_owned());
                self.book.forget(name);
                self.save();
            }
        }
        self.folder.remove(output);
        true
    }

    /// Takes note of a clock that was set back while this runs.
    fn set_right(&mut self, now: Timestamp) {
        let set = self.book.set_right(self.schedule, now).join(", ");
        if !set.is_empty() {
            let text = format!("the clock was set back; {set}: goes on from now");
            self.warn("clock-set-back", None, text);
        }
    }

    /// How long a run of an earlier schedule is waited for: until that would have ended it.
    fn left(&self, name: &str, task: Option<&Task>) -> Duration {
        let timeout = task.map(|task| task.timeout).unwrap_or_default();
        let most = timeout.saturating_add(self.schedule.grace);
        let running = self.book.tasks.get(name).and_then(|entry| entry.running.as_ref());
        let spent = running.map(|running| self.clock.now().duration_since(running.started));
        // A clock that was set back makes nobody wait longer.
        let spent = spent.and_then(|spent| Duration::try_from(spent).ok()).unwrap_or_default();
        most.saturating_sub(spent)
    }

    /// Runs a task to its end. Returns whether the schedule is to stop.
    async fn run(&mut self, task: &Task, slot: Timestamp, stop: &mut Stop) -> bool {
        let now = self.clock.now();
        // A new name for each run, so that what is found in it is of this run.
        let unique = format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), std::process::id());
        let output = format!("{}.{unique}.json", task.name);
        let file = match self.folder.output(&output) {
            Ok(file) => file,
            Err(error) => {
                self.book.begin(task, slot, now, output);
                self.ended(task, Outcome::failed(format!("{error:#}"), None));
                return false;
            }
        };
        self.book.begin(task, slot, now, output.clone());
        self.save();
        let late = now.duration_since(slot) > LATE;
        let due = slot.strftime("%FT%TZ");
        let text = if late { format!("begins, missed at {due}") } else { "begins".to_owned() };
        let fields = vec![("slot", slot.to_string().into()), ("caught_up", late.into())];
        let event = "task-started";
        self.log(&Line { level: Level::Info, event, task: Some(&task.name), text, fields });
        let (journal, output_of_log, clock) = (&mut self.journal, &mut *self.output, &self.clock);
        let mut told = |most: Duration| {
            let text =
                format!("asked to stop; waits up to {} s for this task", most.as_secs_f64().ceil());
            let (event, task) = ("stopping", Some(task.name.as_str()));
            let line = Line { level: Level::Info, event, task, text, fields: vec![] };
            journal.write(clock.now(), &line, output_of_log);
        };
        let ended = self.program.run(task, file, stop, self.schedule.grace, &mut told).await;
        let outcome = self.outcome(task, &output, &ended);
        self.ended(task, outcome);
        self.folder.remove(&output);
        ended.asked
    }

    fn outcome(&mut self, task: &Task, output: &str, ended: &Ended) -> Outcome {
        let said = self.redactor.redact(&ended.said).into_owned();
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            let (level, text) = (Level::Debug, line.to_owned());
            let event = "task-said";
            self.log(&Line { level, event, task: Some(&task.name), text, fields: vec![] });
        }
        match &ended.cut {
            Some(Cut::NotStarted(problem)) => Outcome::failed(problem, None),
            Some(Cut::TimedOut) => {
                let took = match task.timeout.as_secs() {
                    seconds @ ..120 => format!("{seconds} s"),
                    seconds => format!("{} min", seconds / 60),
                };
                Outcome::failed(format!("stopped after {took}, its `timeout`"), None)
            }
            Some(Cut::Stopped) => Outcome::Stopped,
            None => {
                let document = match self.folder.printed(output) {
                    Printed::Ended(document) => document,
                    Printed::Running => None,
                };
                // Ended by a signal of others: nobody but the exit code says that it went well.
                let exit = ended.exit.or(Some(-1));
                match Outcome::of(&task.what, exit, document.as_ref(), &said) {
                    Outcome::Failed { reason, .. } if ended.exit.is_none() => {
                        Outcome::failed(reason.replace("exit code -1", "ended by a signal"), None)
                    }
                    outcome => outcome,
                }
            }
        }
    }

    /// Notes how a run ended.
    fn ended(&mut self, task: &Task, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Failed { reason, exit } => {
                Outcome::Failed { reason: self.redactor.redact(&reason).into_owned(), exit }
            }
            outcome => outcome,
        };
        let now = self.clock.now();
        self.book.end(task, now, outcome, &self.told_on);
        self.save();
        let Some(last) = self.book.tasks.get(&task.name).and_then(|entry| entry.last.clone())
        else {
            return;
        };
        let level = match last.outcome {
            Outcome::Done | Outcome::Stopped => Level::Info,
            Outcome::NoData | Outcome::Inconclusive => Level::Warn,
            Outcome::Failed { .. } => Level::Error,
        };
        let seconds = last.ended.duration_since(last.started).as_secs_f64();
        let fields = vec![
            ("slot", last.slot.to_string().into()),
            ("outcome", last.outcome.word().into()),
            ("seconds", seconds.into()),
        ];
        let (event, text) = ("task-ended", words(&last));
        self.log(&Line { level, event, task: Some(&task.name), text, fields });
    }

    /// Writes what is known. Where that fails, this process goes on with what it knows, and tries
    /// again.
    pub(super) fn save(&mut self) {
        match self.folder.write(&self.book) {
            Ok(()) => self.unsaved = false,
            Err(error) => {
                let text = format!("what is known of the tasks cannot be written: {error:#}");
                if !self.unsaved {
                    let (level, event) = (Level::Error, "state-not-written");
                    self.log(&Line { level, event, task: None, text, fields: vec![] });
                }
                self.unsaved = true;
            }
        }
    }

    pub(super) fn log(&mut self, line: &Line<'_>) {
        self.journal.write(self.clock.now(), line, self.output);
    }

    fn info(&mut self, event: &'static str, task: Option<&str>, text: String) {
        self.log(&Line { level: Level::Info, event, task, text, fields: vec![] });
    }

    fn warn(&mut self, event: &'static str, task: Option<&str>, text: String) {
        self.log(&Line { level: Level::Warn, event, task, text, fields: vec![] });
    }
}
