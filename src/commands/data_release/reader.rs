//! Data alone is read by the code that is live, which may be older than the work tree that made it.

use crate::commands::session::Session;
use crate::data::PublishedVersion;
use crate::data::reader::{self, EngineVersion, FILES, Pin};
use crate::exit::{Exit, Failed};
use crate::state::Record;

/// The largest file of the app that is read for a version, in bytes.
const LARGEST: usize = 16 << 20;

/// Refuses a version whose storage format the live code's database engine cannot open. Where nothing
/// says which engine that is, or the live commit is not in this clone, nobody knows better.
///
/// # Errors
/// [`Exit::DataFailed`]
pub(super) fn refuse_unreadable(
    session: &Session,
    live: &Record,
    version: &PublishedVersion,
) -> anyhow::Result<()> {
    let Some(oldest) = version.storage_format.strip_prefix("duckdb ") else { return Ok(()) };
    let Ok(oldest) = oldest.parse::<EngineVersion>() else { return Ok(()) };
    let Some(pin) = pin(session, live) else { return Ok(()) };
    if reader::opens(pin.version, oldest) {
        return Ok(());
    }
    let error = format!(
        "the data was not released: {} of the live commit {} asks for DuckDB {}, and data {} needs {oldest} or newer",
        pin.file,
        live.commit.short(),
        pin.version,
        version.short()
    );
    Err(Failed::new(Exit::DataFailed, error)
        .with_hint("release the code with the newer version first, or make the data for the older one (`data.reader_version`)")
        .into())
}

/// Finds the oldest version of DuckDB that the live code reads with.
fn pin(session: &Session, live: &Record) -> Option<Pin> {
    if !session.git.has_commit(&live.commit) {
        return None;
    }
    let config = session.config_at(&live.commit).ok();
    let configured = config.and_then(|config| config.data?.reader_version);
    if let Some(version) = configured.and_then(|version| version.parse().ok()) {
        return Some(Pin { version, file: "data.reader_version".to_owned() });
    }
    let mut texts = Vec::new();
    for name in FILES {
        let Ok(Some(bytes)) = session.git.file(&live.tree, name) else { continue };
        if bytes.len() <= LARGEST {
            texts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    let texts: Vec<(&str, &str)> =
        texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    reader::lowest(&texts)
}
