//! The log: JSON lines in a new file each day, and words for people on stderr.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

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
    file: Option<Daily>,
}

/// A file for each day.
struct Daily {
    folder: PathBuf,
    stem: String,
    extension: Option<String>,
    /// The file that is open, and its day.
    file: File,
    day: Date,
    /// Whether old files are still to be deleted on that day.
    prune: bool,
}

impl Journal {
    /// Opens the log that `LOG_LEVEL` and `LOG_FILE` ask for; a relative path is one from `root`. The first
    /// file is that of the day of `now`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the level is unknown, or the file cannot be made.
    pub(super) fn open(
        variable: &dyn Fn(&str) -> Option<String>,
        root: &Path,
        now: Timestamp,
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
        let file = variable("LOG_FILE").map(|path| Daily::open(root, &path, now)).transpose()?;
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
            if let Err(error) = file.write(now, &text) {
                let _ = output.warning(&format!("the log cannot be written: {error}"));
            }
        }
        let task = line.task.map(|task| format!("{task}: ")).unwrap_or_default();
        let text = format!("{} {task}{}", now.strftime("%FT%TZ"), line.text);
        // Nobody may listen any more.
        let _ = match line.level {
            Level::Error => output.problem(&text),
            Level::Warn => output.warning(&text),
            Level::Info | Level::Debug => output.note(clean(&text)),
        };
    }
}

impl Daily {
    /// Opens `logs/schedule.log` as `logs/schedule.2026-11-22.log`.
    fn open(root: &Path, name: &str, now: Timestamp) -> anyhow::Result<Self> {
        let wrong = |problem: String| {
            let error = format!("LOG_FILE: cannot write {name}: {problem}");
            Failed::new(Exit::Usage, error)
                .with_hint("name a file, such as logs/schedule.log: each day has one of its own")
        };
        let path = root.join(name);
        if let Some(problem) = no_file(name, &path) {
            return Err(wrong(problem.to_owned()).into());
        }
        let part =
            |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
        let stem = part(path.file_stem()).ok_or_else(|| wrong("it names no file".to_owned()))?;
        let extension = part(path.extension());
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let day = now.to_zoned(TimeZone::UTC).date();
        let file = std::fs::create_dir_all(&folder)
            .and_then(|()| appended(&folder.join(named(&stem, day, extension.as_deref()))))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { folder, stem, extension, file, day, prune: true })
    }

    fn write(&mut self, now: Timestamp, text: &str) -> std::io::Result<()> {
        let day = now.to_zoned(TimeZone::UTC).date();
        if day != self.day {
            let name = named(&self.stem, day, self.extension.as_deref());
            self.file = appended(&self.folder.join(name))?;
            (self.day, self.prune) = (day, true);
        }
        self.file.write_all(text.as_bytes())?;
        if std::mem::take(&mut self.prune) { self.prune() } else { Ok(()) }
    }

    /// Deletes the files of old days.
    fn prune(&self) -> std::io::Result<()> {
        let mut days = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let day = entry.file_name().to_str().and_then(|name| self.day_of(name));
            if let Some(day) = day
                && entry.file_type()?.is_file()
            {
                days.push((day, entry.path()));
            }
        }
        days.sort_unstable();
        let over = days.len().saturating_sub(DAYS);
        days.iter().take(over).try_for_each(|(_, path)| std::fs::remove_file(path))
    }

    /// The day of a file of this log: `STEM.YYYY-MM-DD.EXTENSION`, and nothing else.
    fn day_of(&self, name: &str) -> Option<Date> {
        let day = name.strip_prefix(&self.stem)?.strip_prefix('.')?;
        let day = match &self.extension {
            Some(extension) => day.strip_suffix(extension.as_str())?.strip_suffix('.')?,
            None => day,
        };
        let date: Date = day.parse().ok()?;
        // The parser takes other forms too.
        (date.to_string() == day).then_some(date)
    }
}

/// The name of a day's file.
fn named(stem: &str, day: Date, extension: Option<&str>) -> String {
    let end = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    format!("{stem}.{day}{end}")
}

/// Says why a path is that of no plain file. `name` is as it was written: a path without its last `/` or `/.`
/// is another one.
fn no_file(name: &str, path: &Path) -> Option<&'static str> {
    let last = name.rsplit(std::path::is_separator).next().unwrap_or_default();
    if matches!(last.trim(), "" | "." | "..") {
        return Some("it names a folder");
    }
    // What is there belongs to others: the files of the days have other names.
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => return Some("it is a folder"),
        Ok(there) if !there.is_file() => return Some("it is a device or a pipe"),
        Ok(_) | Err(_) => {}
    }
    // `/dev/stdout` may lead to a file.
    let folder = path.parent()?;
    let system = folder == Path::new("/dev") || folder.starts_with("/dev/fd");
    (system || folder.starts_with("/proc")).then_some("it is a name of the system")
}

/// Opens a file for more lines. A link in its place would lead elsewhere.
fn appended(path: &Path) -> std::io::Result<File> {
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        let problem = format!("{} is no plain file", path.display());
        return Err(std::io::Error::other(problem));
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn only_old_days_of_this_log_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let others = ["app-server.log", "app.log", "app.old.log", "app.2026-01-01.log.gz"];
        for name in others {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for day in 1..=31 {
            std::fs::write(folder.path().join(format!("app.2020-01-{day:02}.log")), "").unwrap();
        }
        let day: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let mut log = Daily::open(folder.path(), "app.log", day).unwrap();
        log.write(day, "{}\n").unwrap();
        // The file of today, and 29 of the 31.
        let is = |name: &str| folder.path().join(name).exists();
        assert!(others.into_iter().all(is));
        assert!(!is("app.2020-01-01.log") && !is("app.2020-01-02.log"));
        assert!((3..=31).all(|day| is(&format!("app.2020-01-{day:02}.log"))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), others.len() + DAYS);
        // The next day has a file of its own, and one more old one goes.
        log.write("2026-11-23T00:00:00Z".parse().unwrap(), "{}\n").unwrap();
        assert!(is("app.2026-11-22.log") && is("app.2026-11-23.log"));
        assert!(!is("app.2020-01-03.log") && is("app.2020-01-04.log"));
    }
}
