//! `data`: which keys belong together, and what they may say.

use std::time::Duration;

use url::Url;

use super::{in_list, misfit, repository_path};
use crate::config::node::{Misfit, Step};
use crate::config::{Config, DataCheckConfig, DataCheckKind, DataConfig, LayerConfig, wait};
use crate::data::Change;
use crate::data::check::duration;
use crate::observe::globs;

/// A key, and what is wrong with its value.
type Wrong = (&'static str, String);

const HOURS_6: Duration = Duration::from_hours(6);

/// Checks the data of a release.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    let Some(data) = &config.data else { return Ok(()) };
    let wrong = |(key, problem): Wrong| misfit(&["data", key], problem);
    store(data).map_err(wrong)?;
    layers(data)?;
    ways(data)?;
    let path = repository_path(&data.manifest);
    path.map_err(|problem| wrong(("manifest", problem)))?;
    steps(data)?;
    checks(data)?;
    super::imports::check(data)?;
    if let Some(text) = data.reader_version.as_ref().filter(|text| !is_version(text)) {
        let problem = format!("expected a version of DuckDB such as 1.2.0, found {text:?}");
        return Err(wrong(("reader_version", problem)));
    }
    let duckdb = |(key, problem): Wrong| misfit(&["data", "duckdb", key], problem);
    time("timeout", data.duckdb.timeout.as_deref()).map_err(duckdb)?;
    if let Some(limit) = data.duckdb.memory_limit.as_ref().filter(|text| !is_memory(text)) {
        let problem = format!("expected a size such as 512MB or 2GB, found {limit:?}");
        return Err(duckdb(("memory_limit", problem)));
    }
    let transfer = |(key, problem): Wrong| misfit(&["data", "transfer", key], problem);
    if let Some(most) = data.transfer.max_concurrency.filter(|most| !(1..=256).contains(most)) {
        return Err(transfer(("max_concurrency", format!("expected 1 to 256, found {most}"))));
    }
    change("max_delete", data.transfer.max_delete.as_deref()).map_err(transfer)
}

fn store(data: &DataConfig) -> Result<(), Wrong> {
    data.endpoint.as_deref().map_or(Ok(()), address).map_err(|problem| ("endpoint", problem))
}

/// Checks the address of a store.
pub(super) fn address(text: &str) -> Result<(), String> {
    let problem = || format!("expected a URL such as https://minio.acme.example, found {text:?}");
    let url = Url::parse(text).map_err(|_| problem())?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    let fits = url.scheme() == "https" || (url.scheme() == "http" && here);
    if plain && fits {
        return Ok(());
    }
    Err(format!("{}; without credentials, and http:// on this machine only", problem()))
}

fn layers(data: &DataConfig) -> Result<(), Misfit> {
    let count = data.layers.len();
    match (&data.store, count) {
        (Some(_), 1..=50) | (None, 0) => {}
        (Some(_), _) => {
            let problem = format!("expected 1 to 50 layers, found {count}");
            return Err(misfit(&["data", "layers"], problem));
        }
        (None, _) => {
            let problem = "expected `data.store` beside it: where are they kept?";
            return Err(misfit(&["data", "layers"], problem.to_owned()));
        }
    }
    let mut database = None;
    for (name, layer) in &data.layers {
        let wrong = |(key, problem): Wrong| misfit(&["data", "layers", name, key], problem);
        let whole = |problem: String| misfit(&["data", "layers", name], problem);
        if matches!(name.as_str(), "all" | "status") || !is_container(name) {
            return Err(whole(
                "expected a name of 3 to 63 lower-case letters, digits and -, other than `all` and `status`".to_owned(),
            ));
        }
        self::layer(layer).map_err(wrong)?;
        match (&layer.path, &layer.file) {
            (Some(_), None) => only_with(
                "path",
                &[("backups", layer.backups.is_some()), ("signed_url", layer.signed_url.is_some())],
                "file",
            )
            .map_err(wrong)?,
            (None, Some(_)) => {
                only_with(
                    "file",
                    &[
                        ("pattern", layer.pattern.is_some()),
                        ("lifecycle", layer.lifecycle.is_some()),
                    ],
                    "path",
                )
                .map_err(wrong)?;
                if let Some(other) = database.replace(name) {
                    let problem = format!("`{other}` is a database already, and one is published");
                    return Err(wrong(("file", problem)));
                }
            }
            (None, None) | (Some(_), Some(_)) => {
                let problem = "expected either `path` (a folder of files) or `file` (a database)";
                return Err(whole(problem.to_owned()));
            }
        }
    }
    for (index, (name, layer)) in data.layers.iter().enumerate() {
        let container = layer.container(name);
        let taken =
            data.layers.iter().take(index).find(|(own, other)| other.container(own) == container);
        if let Some((other, _)) = taken {
            let problem = format!("expected a container of its own, and `{other}` has {container}");
            return Err(misfit(&["data", "layers", name, "container"], problem));
        }
    }
    Ok(())
}

fn only_with(own: &str, there: &[(&'static str, bool)], other: &str) -> Result<(), Wrong> {
    match there.iter().find(|(_, there)| *there) {
        Some((key, _)) => Err((key, format!("it goes with `{other}`, not with `{own}`"))),
        None => Ok(()),
    }
}

fn layer(layer: &LayerConfig) -> Result<(), Wrong> {
    for (key, path) in [("path", &layer.path), ("file", &layer.file)] {
        if let Some(path) = path {
            repository_path(path).map_err(|problem| (key, problem))?;
        }
    }
    if let Some(file) = &layer.file {
        let known = [".duckdb", ".ddb", ".db", ".sqlite", ".sqlite3"];
        if !known.iter().any(|end| file.ends_with(end)) {
            let problem = "expected a file that ends with .duckdb, .ddb, .db, .sqlite or .sqlite3";
            return Err(("file", format!("{problem}, found {file:?}")));
        }
    }
    if let Some(pattern) = &layer.pattern {
        let glob = || globs::glob("", 1, pattern).map_err(|error| error.cause);
        repository_path(pattern)
            .and_then(|()| glob().map(|_| ()))
            .map_err(|problem| ("pattern", problem))?;
    }
    if let Some(container) = layer.container.as_ref().filter(|name| !is_container(name)) {
        let problem =
            format!("expected 3 to 63 lower-case letters, digits and -, found {container:?}");
        return Err(("container", problem));
    }
    if let Some(backups) = &layer.backups
        && backups.keep_last == 0
    {
        return Err(("backups", "expected `keep_last` of 1 or more".to_owned()));
    }
    if let Some(signed) = &layer.signed_url {
        if !(1..=3650).contains(&signed.valid_days) {
            let problem =
                format!("expected `valid_days` of 1 to 3650, found {}", signed.valid_days);
            return Err(("signed_url", problem));
        }
        repository_path(&signed.write_to).map_err(|problem| ("signed_url", problem))?;
        let key = &signed.secret;
        let fits = (1..=100).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !fits {
            return Err((
                "signed_url",
                format!("expected a key such as AZURE_ANALYTICS_URL as `secret`, found {key:?}"),
            ));
        }
    }
    if let Some(lifecycle) = &layer.lifecycle
        && lifecycle.archive_days <= lifecycle.cool_days
    {
        return Err(("lifecycle", "expected `archive_days` after `cool_days`".to_owned()));
    }
    Ok(())
}

/// No layer's files lie in another's folder: each would send what the other has.
fn ways(data: &DataConfig) -> Result<(), Misfit> {
    let clean = |path: &str| format!("{}/", path.trim_end_matches('/'));
    let trees: Vec<(&str, String)> =
        data.trees().map(|(name, _, path)| (name, clean(path))).collect();
    for (index, (name, path)) in trees.iter().enumerate() {
        for (other, taken) in &trees[..index] {
            if path.starts_with(taken) || taken.starts_with(path) {
                let problem = format!("expected a folder of its own, and `{other}` has {taken}");
                return Err(misfit(&["data", "layers", name, "path"], problem));
            }
        }
    }
    Ok(())
}

/// Azure's rule, which every store's folders meet:
/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#container-names>
fn is_container(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

fn in_data(list: &str, index: usize, key: &str, problem: String) -> Misfit {
    let mut misfit = in_list(list, index, key, problem);
    misfit.path.insert(0, Step::Key("data".to_owned()));
    misfit
}

fn too_many(list: &str, most: usize, found: usize) -> Result<(), Misfit> {
    if found <= most {
        return Ok(());
    }
    Err(misfit(&["data", list], format!("expected at most {most}, found {found}")))
}

fn steps(data: &DataConfig) -> Result<(), Misfit> {
    too_many("before", 20, data.before.len())?;
    for (index, step) in data.before.iter().enumerate() {
        let wrong = |(key, problem): Wrong| in_data("before", index, key, problem);
        text("run", &step.run).map_err(wrong)?;
        if let Some(dir) = &step.dir {
            repository_path(dir).map_err(|problem| wrong(("dir", problem)))?;
        }
        time("timeout", step.timeout.as_deref()).map_err(wrong)?;
        let bad = |name: &&String| {
            name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if let Some(name) = step.env.keys().find(bad) {
            return Err(wrong(("env", format!("expected names of variables, found {name:?}"))));
        }
    }
    too_many("aggregates", 100, data.aggregates.len())?;
    for (index, aggregate) in data.aggregates.iter().enumerate() {
        let wrong = |(key, problem): Wrong| in_data("aggregates", index, key, problem);
        name(&aggregate.name).map_err(wrong)?;
        text("sql", &aggregate.sql).map_err(wrong)?;
    }
    Ok(())
}

fn checks(data: &DataConfig) -> Result<(), Misfit> {
    too_many("checks", 200, data.checks.len())?;
    for (index, check) in data.checks.iter().enumerate() {
        let wrong = |(key, problem): Wrong| in_data("checks", index, key, problem);
        name(&check.name).map_err(wrong)?;
        if data.checks[..index].iter().any(|other| other.name == check.name) {
            return Err(wrong(("name", format!("{:?} is there twice", check.name))));
        }
        self::asked(check).map_err(wrong)?;
    }
    if !data.checks.is_empty() && data.database().is_none() {
        return Err(misfit(
            &["data", "checks"],
            "expected a layer with a `file` besides: they are SQL",
        ));
    }
    if !data.aggregates.is_empty() && data.database().is_none() && data.database.is_none() {
        let problem = "expected a `database` or a layer with a `file` besides: they are SQL";
        return Err(misfit(&["data", "aggregates"], problem));
    }
    Ok(())
}

fn asked(check: &DataCheckConfig) -> Result<(), Wrong> {
    let absent = |key, there: bool, with: &str| match there {
        true => Err((key, format!("it does not go with {with}"))),
        false => Ok(()),
    };
    match (&check.sql, check.kind) {
        (Some(sql), None) => {
            text("sql", sql)?;
            absent("table", check.table.is_some(), "`sql`")?;
            absent("column", check.column.is_some(), "`sql`")?;
            absent("max_age", check.max_age.is_some(), "`sql`")?;
        }
        (None, Some(kind)) => of_kind(check, kind)?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(("sql", "expected either `sql` or `kind`".to_owned()));
        }
    }
    for (key, bound) in [("min", check.min), ("max", check.max)] {
        if bound.is_some_and(|bound| !bound.is_finite()) {
            return Err((key, "expected a number".to_owned()));
        }
    }
    change("max_drop", check.max_drop.as_deref())?;
    change("max_rise", check.max_rise.as_deref())
}

fn of_kind(check: &DataCheckConfig, kind: DataCheckKind) -> Result<(), Wrong> {
    let column = match kind {
        DataCheckKind::Rows | DataCheckKind::Schema => false,
        DataCheckKind::Nulls | DataCheckKind::Distinct | DataCheckKind::Freshness => true,
    };
    let table = check.table.as_deref().ok_or(("table", "expected a table".to_owned()))?;
    text("table", table)?;
    match (column, &check.column) {
        (true, Some(name)) => text("column", name)?,
        (false, None) => {}
        (true, None) => return Err(("column", "expected a column".to_owned())),
        (false, Some(_)) => {
            return Err(("column", "this kind asks for the whole table".to_owned()));
        }
    }
    let bounds = check.min.is_some()
        || check.max.is_some()
        || check.max_drop.is_some()
        || check.max_rise.is_some();
    match kind {
        DataCheckKind::Freshness => match (&check.max_age, bounds) {
            (Some(age), false) if duration(age).is_some_and(|age| !age.is_zero()) => Ok(()),
            (_, true) => Err(("max_age", "expected `max_age` and no other bound".to_owned())),
            (_, false) => Err(("max_age", "expected an age such as 36h or 2d".to_owned())),
        },
        DataCheckKind::Schema if bounds || check.max_age.is_some() => {
            Err(("kind", "a schema has no bounds".to_owned()))
        }
        DataCheckKind::Schema => Ok(()),
        DataCheckKind::Rows | DataCheckKind::Nulls | DataCheckKind::Distinct => {
            match (bounds, &check.max_age) {
                (true, None) => Ok(()),
                (false, _) => Err((
                    "min",
                    "expected a bound: `min`, `max`, `max_drop` or `max_rise`".to_owned(),
                )),
                (true, Some(_)) => Err(("max_age", "it goes with `freshness`".to_owned())),
            }
        }
    }
}

fn name(name: &str) -> Result<(), Wrong> {
    let fits = !name.trim().is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(("name", format!("expected a name, found {name:?}"))) }
}

fn text(key: &'static str, text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() || text.len() > 20_000 || text.contains('\0') {
        return Err((key, "expected text of 1 to 20,000 bytes".to_owned()));
    }
    Ok(())
}

fn time(key: &'static str, text: Option<&str>) -> Result<(), Wrong> {
    match text {
        Some(text) if wait(text).is_none_or(|time| time > HOURS_6) => {
            Err((key, format!("expected a time of at most 6 hours such as `20m`, found {text:?}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn change(key: &'static str, text: Option<&str>) -> Result<(), Wrong> {
    match text {
        Some(text) if text.parse::<Change>().is_err() => {
            Err((key, format!("expected a share such as 10% or a number, found {text:?}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.trim_start_matches('v').split('.').collect();
    (2..=3).contains(&parts.len())
        && parts
            .iter()
            .all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

fn is_memory(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(
            unit.to_ascii_uppercase().as_str(),
            "KB" | "MB" | "GB" | "TB" | "KIB" | "MIB" | "GIB" | "TIB"
        )
}
