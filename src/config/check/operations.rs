//! `data.health` and `data.backup`: what they may say.

use super::data::address;
use super::misfit;
use crate::config::node::Misfit;
use crate::config::{BackupConfig, Config, HealthConfig};
use crate::data::check::duration;
use crate::data::health::bytes;

/// Checks how the database is looked after.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    let Some(data) = &config.data else { return Ok(()) };
    data.health.as_ref().map_or(Ok(()), health)?;
    data.backup.as_ref().map_or(Ok(()), backup)
}

fn health(health: &HealthConfig) -> Result<(), Misfit> {
    let wrong = |key: &str, problem: String| misfit(&["data", "health", key], problem);
    let found = health.tables.len();
    if found > 200 {
        return Err(wrong("tables", format!("expected at most 200, found {found}")));
    }
    for (key, text) in
        [("max_import_age", &health.max_import_age), ("max_backup_age", &health.max_backup_age)]
    {
        age(text.as_deref()).map_err(|problem| wrong(key, problem))?;
    }
    if let Some(text) = health.min_free.as_ref().filter(|text| bytes(text).is_none()) {
        return Err(wrong(
            "min_free",
            format!("expected a size such as 5GB or 512MiB, found {text:?}"),
        ));
    }
    for (name, table) in &health.tables {
        let wrong =
            |key: &str, problem: String| misfit(&["data", "health", "tables", name, key], problem);
        if name.trim().is_empty() || name.len() > 1000 {
            return Err(wrong("column", "expected the name of a table".to_owned()));
        }
        age(table.max_age.as_deref()).map_err(|problem| wrong("max_age", problem))?;
        match (&table.column, &table.max_age) {
            (None, Some(_)) => {
                let problem = "expected `column` beside it: the date or time of a row";
                return Err(wrong("max_age", problem.to_owned()));
            }
            (Some(column), _) if column.trim().is_empty() || column.len() > 1000 => {
                return Err(wrong("column", "expected the name of a column".to_owned()));
            }
            (Some(_) | None, _) => {}
        }
    }
    Ok(())
}

fn age(text: Option<&str>) -> Result<(), String> {
    match text {
        Some(text) if duration(text).is_none_or(|age| age.is_zero()) => {
            Err(format!("expected an age such as 36h or 2d, found {text:?}"))
        }
        Some(_) | None => Ok(()),
    }
}

fn backup(backup: &BackupConfig) -> Result<(), Misfit> {
    let wrong = |key: &str, problem: String| misfit(&["data", "backup", key], problem);
    if backup.keep_last == 0 {
        let problem = "expected 1 or more: the newest backup is never deleted";
        return Err(wrong("keep_last", problem.to_owned()));
    }
    let endpoint = backup.endpoint.as_deref();
    endpoint.map_or(Ok(()), address).map_err(|problem| wrong("endpoint", problem))
}
