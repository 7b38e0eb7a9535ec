//! The log: JSON lines in a new file each day, and words for people on stderr.

use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use crate::exit::{Exit, Failed};
use crate::output::{Output, clean};

/// The days that are kept.
const DAYS: usize = 30;

/// The schema of a line.
const SCHEMA: &str = "tidegate/schedule-event/1";

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One line.
pub(super) struct Line<'a> {
    pub(super) level: Level,
    /// Its name for programs.
    pub(super) event: &'static str,
    /// The task that it is about.
    pub(super) task: Option<&'a str>,
    /// What happened, for people.
    pub(super) text: String,
    /// More for programs.
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// The log.
pub(super) struct Journal {
    level: Level,
    file: Option<RollingFileAppender>,
}

impl Journal {
    /// Opens the log that `LOG_LEVEL` and `LOG_FILE` ask for; a relative path is one from `root`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the level is unknown, or the file cannot be made.
    pub(super) fn open(
        variable: &dyn Fn(&str) -> Option<String>,
        root: &Path,
    ) -> anyhow::Result<Self> {
        let level = match variable("LOG_LEVEL") {
            None => Level::Info,
            Some(word) => match word.trim().to_ascii_lowercase().as_str() {
                "error" | "critical" => Level::Error,
                "warn" | "warning" => Level::Warn,
                "info" => Level::Info,
                "debug" | "trace" => Level::Debug,
                _ => {
                    let error =
                        format!("LOG_LEVEL: expected error, warn, info or debug, found {word:?}");
                    return Err(Failed::new(Exit::Usage, error).into());
                }
            },
        };
        let file = variable("LOG_FILE").map(|path| daily(&root.join(path))).transpose()?;
        Ok(Self { level, file })
    }

    /// Writes a line. A log that cannot be written stops nothing.
    pub(super) fn write(&mut self, now: Timestamp, line: &Line<'_>, output: &mut Output) {
        if line.level > self.level {
            return;
        }
        if let Some(file) = &mut self.file {
            let mut object = Map::new();
            object.insert("schema".into(), SCHEMA.into());
            object.insert("time".into(), now.to_string().into());
            object.insert("level".into(), line.level.word().into());
            object.insert("event".into(), line.event.into());
            if let Some(task) = line.task {
                object.insert("task".into(), task.into());
            }
            object.insert("message".into(), line.text.clone().into());
            for (name, value) in &line.fields {
                object.insert((*name).into(), value.clone());
            }
            let text = format!("{}\n", Value::Object(object));
            if let Err(error) = file.write_all(text.as_bytes()) {
                let _ = output.warning(&format!("the log cannot be written: {error}"));
            }
        }
        let task = line.task.map(|task| format!("{task}: ")).unwrap_or_default();
        let text = format!("{} {task}{}", now.strftime("%FT%TZ"), line.text);
        // Nobody may listen any more.
        let _ = match line.level {
            Level::Error | Level::Warn => output.warning(&text),
            Level::Info | Level::Debug => output.note(clean(&text)),
        };
    }
}

/// Opens `logs/schedule.log` as `logs/schedule.2026-11-22.log`.
fn daily(path: &Path) -> anyhow::Result<RollingFileAppender> {
    let wrong = |problem: String| {
        Failed::new(Exit::Usage, format!("LOG_FILE: cannot write {}: {problem}", path.display()))
    };
    let part =
        |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let stem = part(path.file_stem()).ok_or_else(|| wrong("it names no file".to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(stem)
        .max_log_files(DAYS);
    if let Some(extension) = part(path.extension()) {
        builder = builder.filename_suffix(extension);
    }
    Ok(builder.build(folder).map_err(|error| wrong(error.to_string()))?)
}
