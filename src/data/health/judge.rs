//! The verdict on each part of what was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    BackupRead, HealthFinding, HealthPart, HealthStatus, LastBackup, Observed, Opened, TableHealth,
    freshness, space,
};
use crate::config::{HealthConfig, TableHealthConfig};
use crate::data::Outcome;
use crate::data::check::{self, duration};

/// How old the last backup may be where the configuration does not say so.
const BACKUP_AGE: Duration = Duration::from_hours(26);

/// From how long before its end on a signed URL is warned of.
const URL_ENDS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was found so far.
pub(super) struct Findings(pub(super) Vec<HealthFinding>);

impl Findings {
    fn add(&mut self, part: HealthPart, status: HealthStatus, detail: impl Into<String>) {
        self.0.push(HealthFinding { part, status, detail: detail.into() });
    }
}

pub(super) fn database(observed: &Observed, findings: &mut Findings) {
    let part = HealthPart::Database;
    match (&observed.opened, &observed.damage) {
        (Opened::No(why), _) => findings.add(part, HealthStatus::Error, why.clone()),
        (Opened::InUse(holder), _) => findings.add(
            part,
            HealthStatus::Warning,
            format!("in use by {holder}, so that its tables cannot be read now"),
        ),
        (Opened::Yes, Some(damage)) => {
            findings.add(part, HealthStatus::Error, format!("it is damaged: {damage}"));
        }
        (Opened::Yes, None) => {
            let count = observed.tables.len();
            let word = if count == 1 { "table" } else { "tables" };
            let engine = observed.engine.as_deref().unwrap_or("the engine");
            let detail = format!("{engine} opens it and finds no damage; {count} {word}");
            findings.add(part, HealthStatus::Healthy, detail);
        }
    }
}

/// Finds a table by the name that people give it: with or without `main`, in any case of letters.
fn named<'a>(
    tables: &'a mut BTreeMap<String, TableHealth>,
    name: &str,
) -> Option<&'a mut TableHealth> {
    let parts = crate::data::sql::parts(name);
    let wanted = parts.join(".").to_lowercase();
    let wanted = wanted.strip_prefix("main.").map_or(wanted.clone(), str::to_owned);
    tables.values_mut().find(|table| table.name.to_lowercase() == wanted)
}

pub(super) fn tables(
    observed: &Observed,
    config: &HealthConfig,
    tables: &mut BTreeMap<String, TableHealth>,
    findings: &mut Findings,
    now: Timestamp,
) {
    let expected: BTreeMap<String, TableHealthConfig> = if config.tables.is_empty() {
        let imports = observed.imports.as_deref().unwrap_or_default().iter();
        imports.map(|import| (import.table.clone(), TableHealthConfig::default())).collect()
    } else {
        config.tables.clone()
    };
    for (name, wanted) in &expected {
        let Some(table) = named(tables, name) else {
            findings.add(HealthPart::Table, HealthStatus::Error, format!("there is no {name}"));
            continue;
        };
        let (rows, least) = (table.rows, wanted.min_rows.unwrap_or_default());
        let (status, detail) = if rows < least {
            (HealthStatus::Error, format!("{name} has {rows} rows, at least {least} are expected"))
        } else {
            (HealthStatus::Healthy, format!("{name} has {rows} rows"))
        };
        findings.add(HealthPart::Table, status, detail);
        let Some(question) = freshness(name, wanted) else { continue };
        let part = HealthPart::Freshness;
        let rows = match observed.newest.get(name) {
            Some(Ok(rows)) => rows,
            Some(Err(why)) => {
                findings.add(part, HealthStatus::Error, format!("{name}: {why}"));
                continue;
            }
            None => {
                findings.add(part, HealthStatus::Warning, format!("{name} was not asked"));
                continue;
            }
        };
        let judged = check::judge(&question, observed.dialect, rows, None, now).result;
        let newest = rows.first().and_then(|row| row.first()?.as_str()).map(str::to_owned);
        table.newest.clone_from(&newest);
        table.age_hours = judged.value.map(|hours| (hours * 10.0).round() / 10.0);
        match judged.outcome {
            Outcome::Passed => {
                let age = table.age_hours.map(|hours| format!(", {hours} h old"));
                let detail =
                    format!("{name}: {}{}", newest.unwrap_or_default(), age.unwrap_or_default());
                findings.add(part, HealthStatus::Healthy, detail);
            }
            Outcome::Failed { why } | Outcome::Inconclusive { why } => {
                let bound = wanted.max_age.is_some();
                let status = if bound { HealthStatus::Error } else { HealthStatus::Warning };
                findings.add(part, status, format!("{name}: {why}"));
            }
        }
    }
}

pub(super) fn imports(
    observed: &Observed,
    config: &HealthConfig,
    findings: &mut Findings,
    now: Timestamp,
) {
    let part = HealthPart::Import;
    let imports = match &observed.imports {
        Ok(imports) => imports,
        Err(why) => return findings.add(part, HealthStatus::Warning, why.clone()),
    };
    let bound = config.max_import_age.as_deref().and_then(duration);
    if imports.is_empty() && bound.is_some() {
        findings.add(part, HealthStatus::Error, "nothing was ever imported");
    }
    // Each by itself: one that still runs must not hide another that does not.
    for import in imports {
        let age = now.duration_since(import.imported_at);
        let detail = format!("{}, {} ago, {} rows read", import.name, hours(age), import.rows);
        if let Some(bound) = bound.filter(|bound| is_over(age, *bound)) {
            let detail = format!("{detail}; at most {} are allowed", hours(bound));
            findings.add(part, HealthStatus::Error, detail);
        } else {
            findings.add(part, HealthStatus::Healthy, detail);
        }
    }
}

pub(super) fn disk(observed: &Observed, config: &HealthConfig, findings: &mut Findings) {
    let Some(free) = observed.free else { return };
    let part = HealthPart::Disk;
    let set = config.min_free.as_deref().and_then(space::bytes);
    let (least, missed) = match set {
        Some(least) => (least, HealthStatus::Error),
        None => (observed.size.unwrap_or_default().saturating_mul(2), HealthStatus::Warning),
    };
    let shown = space::shown;
    if free < least {
        let detail = format!("{} free, at least {} are needed", shown(free), shown(least));
        return findings.add(part, missed, detail);
    }
    findings.add(part, HealthStatus::Healthy, format!("{} free", shown(free)));
}

pub(super) fn backups(
    observed: &Observed,
    config: &HealthConfig,
    findings: &mut Findings,
    now: Timestamp,
) -> Option<LastBackup> {
    let part = HealthPart::Backup;
    let set = config.max_backup_age.as_deref().and_then(duration);
    let missed = if set.is_some() { HealthStatus::Error } else { HealthStatus::Warning };
    // Who has made a backup without saying where wants the next ones, too.
    let has_some = observed.backups.as_ref().is_ok_and(|backups| !backups.is_empty());
    let expected = set.is_some() || observed.backups_expected || has_some;
    let backups = match &observed.backups {
        Ok(backups) => backups,
        Err(why) if expected => {
            findings.add(part, missed, format!("the backups cannot be read now: {why}"));
            return None;
        }
        Err(_) => return None,
    };
    // The last one that can be restored counts, whatever came after it; what came before it is history.
    let newer = backups.iter().take_while(|one| !one.is_whole());
    for damaged in newer.filter(|one| !one.is_unfinished() && !one.is_foreign()) {
        if let Some(why) = damaged.why_not_whole() {
            findings.add(part, HealthStatus::Warning, format!("{}: {why}", damaged.name));
        }
    }
    let whole = backups.iter().find(|backup| backup.is_whole());
    let Some((backup, known)) =
        whole.and_then(|backup| Some((backup, backup.description.as_ref()?)))
    else {
        if expected {
            findings.add(part, missed, "there is none that was verified");
        }
        return None;
    };
    let created = known.created;
    let age = now.duration_since(created);
    let read = observed.backup_read?;
    let verified = match read.found {
        BackupRead::Whole if read.at == now => {
            "read now: unchanged since it was verified by opening it".to_owned()
        }
        BackupRead::Whole => format!(
            "read {} ago: unchanged since it was verified by opening it",
            hours(now.duration_since(read.at))
        ),
        BackupRead::TooLarge => "verified by opening it when it was made, and too large to be read now: `tidegate data backup --verify-all` does that".to_owned(),
    };
    let detail = format!("{}, {} ago, {verified}", backup.name, hours(age));
    let bound = expected.then(|| set.unwrap_or(BACKUP_AGE));
    match bound.filter(|bound| is_over(age, *bound)) {
        Some(bound) => {
            let detail = format!("{detail}; at most {} are allowed", hours(bound));
            findings.add(part, missed, detail);
        }
        None => findings.add(part, HealthStatus::Healthy, detail),
    }
    let (name, size, rows) = (backup.name.clone(), known.size, known.rows());
    Some(LastBackup { name, created, size, rows, read: read.found, read_at: read.at })
}

pub(super) fn urls(observed: &Observed, findings: &mut Findings, now: Timestamp) {
    let part = HealthPart::SignedUrl;
    for url in &observed.urls {
        let Some(expires) = url.expires else {
            let detail = match &url.problem {
                Some(problem) => format!("{}: {problem}", url.name),
                None => format!("{} does not say when it ends", url.name),
            };
            findings.add(part, HealthStatus::Warning, detail);
            continue;
        };
        let left = expires.duration_since(now);
        let (status, detail) = if !left.is_positive() {
            (HealthStatus::Error, format!("{} ran out on {expires}: run `tidegate sync`", url.name))
        } else if left < URL_ENDS {
            (HealthStatus::Warning, format!("{} runs out on {expires}", url.name))
        } else {
            (HealthStatus::Healthy, format!("{} is valid until {expires}", url.name))
        };
        findings.add(part, status, detail);
    }
}

fn is_over(age: SignedDuration, bound: Duration) -> bool {
    SignedDuration::try_from(bound).is_ok_and(|bound| age > bound)
}

/// Says a time in hours or minutes.
fn hours(age: impl TryInto<SignedDuration>) -> String {
    let age = age.try_into().unwrap_or(SignedDuration::MAX);
    match age.as_hours() {
        ..1 => format!("{} min", age.as_mins()),
        1..48 => format!("{} h", age.as_hours()),
        hours => format!("{} d {} h", hours / 24, hours % 24),
    }
}
