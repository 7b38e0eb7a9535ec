//! Proves a publication: what is served is fetched as a reader does, compared and opened.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::adapters::data_source::{Answer, Source};
use crate::adapters::database::Database;
use crate::data::{Pointer, PublishedVersion};

/// What a reader would not get.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// What was fetched is not what was published.
    #[error("{place}/{path} is damaged: {problem}")]
    Damaged {
        /// The container.
        place: String,
        /// The file.
        path: String,
        /// What differs.
        problem: String,
    },
    /// The engine cannot use it.
    #[error("{place}/{path} was fetched whole, and cannot be used: {problem}")]
    Unusable {
        /// The container.
        place: String,
        /// The file.
        path: String,
        /// What the engine says.
        problem: String,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The version that is served.
    pub pointer_release: Option<u64>,
    /// Whether `latest.json` names the version that was to be proven; another publication may have
    /// come after it.
    pub is_served: bool,
}

/// Fetches `version` from `source` into the file `target`, and compares size and digest. The pointer
/// is read as a reader does.
///
/// # Errors
/// [`ProofError::Damaged`], besides those of the source.
pub async fn fetch(
    source: &Source,
    version: &PublishedVersion,
    target: &Path,
) -> anyhow::Result<Proven> {
    let served = match source.pointer(None).await? {
        Answer::New((bytes, _)) => Pointer::read(&bytes)?,
        Answer::Same => anyhow::bail!("{} answers that nothing has changed", source.place()),
    };
    let mut file = std::fs::File::create(target)
        .with_context(|| format!("cannot write {}", target.display()))?;
    let mut body = source.open(Some(&version.path), 0, None).await?.body;
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    let damaged = |problem: String| ProofError::Damaged {
        place: source.place().to_owned(),
        path: version.path.clone(),
        problem,
    };
    while let Some(piece) = body.next().await? {
        size += piece.len() as u64;
        if size > version.size {
            return Err(damaged(format!("it has more than {} bytes", version.size)).into());
        }
        hash.update(&piece);
        file.write_all(&piece).with_context(|| format!("cannot write {}", target.display()))?;
    }
    if size != version.size {
        return Err(damaged(format!("it has {size} bytes instead of {}", version.size)).into());
    }
    let found = format!("{:x}", hash.finalize());
    if found != version.sha256 {
        return Err(damaged(format!("its sha256 is {found}")).into());
    }
    Ok(Proven {
        pointer_release: served.release,
        is_served: served.version.version == version.version,
    })
}

/// Opens what was fetched, and counts its tables.
///
/// # Errors
/// [`ProofError::Unusable`]
pub async fn count_tables(
    database: &dyn Database,
    source: &Source,
    version: &PublishedVersion,
) -> Result<u64, ProofError> {
    let unusable = |problem: String| ProofError::Unusable {
        place: source.place().to_owned(),
        path: version.path.clone(),
        problem,
    };
    let sql = if version.storage_format.starts_with("sqlite") {
        "select count(*) from sqlite_master where type in ('table', 'view')"
    } else {
        "select count(*) from information_schema.tables"
    };
    let rows = database.query(sql, &[], 1).await.map_err(|error| unusable(error.to_string()))?;
    let count = rows.rows.first().and_then(|row| row.first());
    let number = count.and_then(|value| {
        value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    });
    number.ok_or_else(|| unusable("it does not tell how many tables it has".to_owned()))
}
