//! The tasks: the usual ones, changed and joined by those of the configuration.

use std::time::Duration;

use jiff::Timestamp;

use super::cron::{Cron, CronError};
use crate::config::{self, ScheduleConfig, TaskConfig, TaskKind};

/// The usual tasks: name, cron, and what they run.
const USUAL: [(&str, &str, Usual); 4] = [
    ("sales", "0 2 * * *", Usual::Import),
    ("health", "0 * * * *", Usual::Kind(TaskKind::HealthCheck)),
    ("backup", "0 3 * * *", Usual::Kind(TaskKind::Backup)),
    ("prune", "0 4 * * SUN", Usual::Kind(TaskKind::Prune)),
];

enum Usual {
    /// The import of the same name.
    Import,
    Kind(TaskKind),
}

/// The most tasks.
const MOST: usize = 50;

/// The longest time that a task may take, and the usual one.
const LONGEST: Duration = Duration::from_hours(6);
const USUAL_TIMEOUT: Duration = Duration::from_hours(1);

/// How long a running task may go on after the schedule was told to stop.
const USUAL_GRACE: Duration = Duration::from_mins(1);
const LONGEST_GRACE: Duration = Duration::from_hours(1);

/// The length of a name, which stands in names of files.
const LONGEST_NAME: usize = 40;

/// What is wrong with the schedule of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// A key of it.
    #[error("schedule.{key}: {problem}")]
    Key {
        /// Below `schedule`.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A task is named that is not there.
    #[error("there is no task {name:?}; the tasks are {known}")]
    NoTask {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The plan cannot be written for GitHub.
    #[error("{0}")]
    NotForGitHub(String),
}

/// What runs when.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The tasks, in the order in which they run where several are due at one time.
    pub tasks: Vec<Task>,
    /// How long a running task may go on after the schedule was told to stop.
    pub grace: Duration,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name: letters, digits, `-` and `_`.
    pub name: String,
    /// What it runs.
    pub what: What,
    /// The five fields, with one blank between.
    pub fields: String,
    /// The IANA name of their zone, in its usual spelling.
    pub timezone: String,
    /// Both, read.
    pub cron: Cron,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An import.
    Import {
        /// Its name.
        import: String,
        /// The days that are asked for.
        days: Option<u32>,
    },
    /// Something else.
    Kind(TaskKind),
}

impl What {
    /// Returns the arguments of the program.
    pub fn arguments(&self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Import { import, days } => {
                let mut arguments: Vec<String> = ["data", "import", import].map(Into::into).into();
                if let Some(days) = days {
                    arguments.extend(["--days".to_owned(), days.to_string()]);
                }
                return arguments;
            }
            Self::Kind(TaskKind::HealthCheck) => &["data", "health-check"],
            Self::Kind(TaskKind::Backup) => &["data", "backup"],
            Self::Kind(TaskKind::Prune) => &["data", "backup", "--prune", "--yes"],
            Self::Kind(TaskKind::Aggregates) => &["sync", "--steps-only"],
            Self::Kind(TaskKind::Sync) => &["sync"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

impl Schedule {
    /// Puts the tasks together. `now` only serves to find fields that name no day that exists.
    pub fn of(config: &ScheduleConfig, now: Timestamp) -> Result<Self, ScheduleError> {
        let wrong = |key: &str, problem: String| ScheduleError::Key { key: key.into(), problem };
        if config.tasks.len() > MOST {
            let found = config.tasks.len();
            return Err(wrong("tasks", format!("expected at most {MOST} tasks, found {found}")));
        }
        let none = TaskConfig::default();
        let mut tasks: Vec<Task> = Vec::new();
        for (name, cron, usual) in USUAL {
            let own = config.tasks.get(name).unwrap_or(&none);
            let what = match usual {
                Usual::Import => What::Import { import: name.to_owned(), days: None },
                Usual::Kind(kind) => What::Kind(kind),
            };
            tasks.extend(task(config, name, own, Some((cron, what)))?);
        }
        for (name, own) in &config.tasks {
            if !USUAL.iter().any(|(usual, ..)| usual == name) {
                tasks.extend(task(config, name, own, None)?);
            }
        }
        if let Some(task) = tasks.iter().find(|task| task.next(now).is_none()) {
            let problem = format!("{:?} names no time in the next four years", task.fields);
            return Err(wrong(&format!("tasks.{}.cron", task.name), problem));
        }
        let grace = match &config.grace {
            None => USUAL_GRACE,
            Some(text) => time(text, LONGEST_GRACE).ok_or_else(|| {
                wrong("grace", format!("expected a time of at most 1h, found {text:?}"))
            })?,
        };
        Ok(Self { tasks, grace })
    }

    /// Finds a task by its name.
    pub fn task(&self, name: &str) -> Result<&Task, ScheduleError> {
        self.tasks.iter().find(|task| task.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
            ScheduleError::NoTask { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

impl Task {
    /// Returns its next time after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // The clock was looked at before; an instant at the end of time has no next one.
        self.cron.next(after, self.cron.doubled()).ok().flatten()
    }

    /// Returns its last time after `after` and not after `now`.
    pub fn last(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.cron.last(after, now, self.cron.doubled()).ok().flatten()
    }
}

/// Reads one entry; `None` where it is off.
fn task(
    config: &ScheduleConfig,
    name: &str,
    own: &TaskConfig,
    usual: Option<(&str, What)>,
) -> Result<Option<Task>, ScheduleError> {
    let wrong = |key: &str, problem: &str| ScheduleError::Key {
        key: if key.is_empty() { format!("tasks.{name}") } else { format!("tasks.{name}.{key}") },
        problem: problem.to_owned(),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let first = name.bytes().next().unwrap_or_default();
    if name.len() > LONGEST_NAME || !name.bytes().all(plain) || !first.is_ascii_alphabetic() {
        return Err(ScheduleError::Key {
            key: "tasks".to_owned(),
            problem: format!(
                "{:?}: expected a name of at most {LONGEST_NAME} letters, digits, - and _, with a letter first",
                name.chars().take(80).collect::<String>()
            ),
        });
    }
    let chosen = [own.import.is_some(), own.run.is_some(), own.off];
    if chosen.into_iter().filter(|chosen| *chosen).count() > 1 {
        return Err(wrong("", "expected one of `import`, `run` and `off`, found more"));
    }
    if own.off {
        return Ok(None);
    }
    let (usual_cron, usual_what) = usual.unzip();
    let what = match (&own.import, own.run, usual_what) {
        (Some(import), ..) => {
            // It becomes an argument.
            let sane = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !import.starts_with(char::is_alphanumeric) || !import.chars().all(sane) {
                return Err(wrong("import", "expected the name of an import"));
            }
            What::Import { import: import.clone(), days: own.days }
        }
        (None, Some(kind), _) => What::Kind(kind),
        (None, None, Some(What::Import { import, .. })) => What::Import { import, days: own.days },
        (None, None, Some(what @ What::Kind(_))) => what,
        (None, None, None) => {
            return Err(wrong("", "expected `import` or `run`, found neither"));
        }
    };
    if own.days.is_some() && matches!(what, What::Kind(_)) {
        return Err(wrong("days", "only an import is asked for days"));
    }
    if own.days == Some(0) {
        return Err(wrong("days", "expected at least 1"));
    }
    let fields = own.cron.as_deref().or(usual_cron);
    let fields =
        fields.ok_or_else(|| wrong("cron", "expected five fields, such as \"0 2 * * *\""))?;
    let timezone = own.timezone.as_deref().or(config.timezone.as_deref()).unwrap_or("UTC");
    let cron = Cron::new(fields, timezone).map_err(|error| match error {
        CronError::Fields(problem) => {
            let shown: String = fields.chars().take(80).collect();
            let problem =
                format!("{shown:?}: {problem}; expected five fields, such as \"0 2 * * *\"");
            wrong("cron", &problem)
        }
        CronError::Zone => {
            let shown: String = timezone.chars().take(80).collect();
            wrong("timezone", &format!("{shown:?}: {error}"))
        }
        CronError::Time(_) => wrong("cron", &error.to_string()),
    })?;
    let timeout = match &own.timeout {
        None => USUAL_TIMEOUT,
        Some(text) => time(text, LONGEST).ok_or_else(|| {
            wrong("timeout", &format!("expected a time of at most 6h, found {text:?}"))
        })?,
    };
    Ok(Some(Task {
        name: name.to_owned(),
        what,
        fields: fields.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        timezone: cron.zone().iana_name().unwrap_or(timezone).to_owned(),
        cron,
        timeout,
    }))
}

fn time(text: &str, most: Duration) -> Option<Duration> {
    config::wait(text).filter(|time| *time <= most)
}
