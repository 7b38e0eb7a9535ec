//! The consistent copy that is checked and published, in a storage version that the app can read.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::{Preparation, outcome, shown};
use crate::adapters::database;
use crate::data::check::Dialect;
use crate::data::reader::{self, EngineVersion, FILES, Pin};
use crate::data::{CheckResult, Outcome, Prepared, Snapshot, StepResult};

/// The largest file that is read for a version, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Takes the copy; `None` where something is in the way, which then stands in `prepared`.
pub(super) async fn take(
    preparation: &Preparation<'_>,
    file: &str,
    prepared: &mut Prepared,
) -> anyhow::Result<Option<Snapshot>> {
    let Preparation { config, root, environment, .. } = *preparation;
    let database = database::open(config, root, file, environment).await?;
    let mut storage = None;
    let mut reads = None;
    if database.dialect() == Dialect::DuckDb {
        let engine = database.engine().trim_start_matches("DuckDB ").parse::<EngineVersion>()?;
        reads = pin(config.reader_version.as_deref(), root)?;
        match &reads {
            Some(pin) => match reader::storage_version(pin.version, engine) {
                // Engines before it know no storage versions, and write what all later ones read.
                Some(version) if engine >= EngineVersion::new(1, 2, 0) => storage = Some(version),
                Some(_) => {}
                None => {
                    let why = format!(
                        "{} asks for DuckDB {}, and no file that a newer version writes opens in it: \
                         use {} or newer in the app",
                        pin.file,
                        pin.version,
                        reader::OLDEST
                    );
                    prepared.checks.push(unreadable(why));
                    return Ok(None);
                }
            },
            None if reader::default_is_new(engine) => prepared.warnings.push(format!(
                "the file is written by {} in its own format, which DuckDB 1.x cannot open, and nothing \
                 says which version the app has: set `data.reader_version`",
                database.engine()
            )),
            None => {}
        }
    }
    (preparation.say)(&format!("snapshot of {file} by {}", database.engine()));
    let name = Path::new(file).file_name().context("the database has no file name")?;
    let target = preparation.scratch.join(name);
    let storage_format = match database.snapshot(&target, storage.as_deref()).await {
        Ok(format) => format,
        Err(error) => {
            let outcome = match outcome(preparation, error)? {
                // That no copy can be made says nothing about the data.
                Outcome::Failed { why } | Outcome::Inconclusive { why } => {
                    Outcome::Inconclusive { why }
                }
                Outcome::Passed => Outcome::Passed,
            };
            prepared.steps.push(StepResult { name: format!("snapshot of {file}"), outcome });
            return Ok(None);
        }
    };
    if let Some(pin) = &reads
        && let Some(oldest) = storage_format.strip_prefix("duckdb ")
        && !reader::opens(pin.version, oldest.parse()?)
    {
        prepared.checks.push(unreadable(format!(
            "{} asks for DuckDB {}, and the file would need {oldest} or newer: use a newer duckdb \
             command here, or a newer version in the app",
            pin.file, pin.version
        )));
        return Ok(None);
    }
    let hashed = target.clone();
    let (sha256, size) = tokio::task::spawn_blocking(move || digest(&hashed))
        .await?
        .with_context(|| format!("cannot read {}", target.display()))?;
    let copy = target.to_str().context("the path of the snapshot is not UTF-8")?.to_owned();
    let content = content(preparation, &copy, &sha256, prepared).await?;
    Ok(Some(Snapshot { file: copy, sha256, size, storage_format, content }))
}

/// Computes what the copy holds. Where that fails, an unchanged database is at worst published again.
async fn content(
    preparation: &Preparation<'_>,
    copy: &str,
    sha256: &str,
    prepared: &mut Prepared,
) -> anyhow::Result<Option<String>> {
    let Preparation { config, root, environment, served, .. } = *preparation;
    if let Some(served) = served
        && served.version.sha256 == sha256
        && served.version.content.is_some()
    {
        return Ok(served.version.content.clone());
    }
    let database = database::open(config, root, copy, environment).await?;
    match database.content().await {
        Ok(content) => Ok(Some(content)),
        Err(error) => {
            let why = shown::long_line(&error.to_string(), preparation.redactor);
            prepared.warnings.push(format!(
                "the content cannot be compared with that of other versions, so that the next sync may publish it again unchanged: {why}"
            ));
            Ok(None)
        }
    }
}

fn unreadable(why: String) -> CheckResult {
    CheckResult {
        name: "reader version".to_owned(),
        required: true,
        value: None,
        outcome: Outcome::Failed { why },
    }
}

/// Finds the oldest version of DuckDB that has to read the file.
fn pin(configured: Option<&str>, root: &Path) -> anyhow::Result<Option<Pin>> {
    if let Some(version) = configured {
        let version = version.parse().context("data.reader_version")?;
        return Ok(Some(Pin { version, file: "data.reader_version".to_owned() }));
    }
    let texts: Vec<(&str, String)> =
        FILES.into_iter().filter_map(|name| Some((name, text(&root.join(name))?))).collect();
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Ok(reader::lowest(&texts))
}

/// Reads a file of the app, where it is one and not too large.
fn text(file: &Path) -> Option<String> {
    let found = file.symlink_metadata().ok()?;
    if !found.is_file() || found.len() > LARGEST {
        return None;
    }
    let bytes = std::fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn digest(file: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(file)?;
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        size += count as u64;
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, size))
}
