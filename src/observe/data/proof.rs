//! Proves a publication: what is served is fetched as a reader does, compared and opened.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::adapters::data_source::{Answer, Source, SourceError};
use crate::adapters::database::Database;
use crate::data::{Pointer, PublishedVersion};
use crate::http::RetryPolicy;

/// What a reader would not get.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// What was fetched is not what was published.
    #[error("{at} is damaged: {problem}")]
    Damaged {
        /// The file.
        at: String,
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
/// is read as a reader does. What may pass, such as a connection that was cut, is tried again.
///
/// # Errors
/// [`ProofError::Damaged`], besides those of the source.
pub async fn fetch(
    source: &Source,
    version: &PublishedVersion,
    target: &Path,
) -> anyhow::Result<Proven> {
    again(async || {
        let served = pointer(source).await?;
        compare(source, Some(&version.path), version, target).await?;
        Ok(Proven {
            pointer_release: served.release,
            is_served: served.version.version == version.version,
        })
    })
    .await
}

/// Fetches the one file that `copy` names, and compares it with `version`, which `source` serves.
/// `false` where another publication has come after that: then the copy is of that one.
///
/// # Errors
/// [`ProofError::Damaged`], besides those of the sources.
pub async fn fetch_copy(
    copy: &Source,
    source: &Source,
    version: &PublishedVersion,
    target: &Path,
) -> anyhow::Result<bool> {
    again(async || {
        let Err(error) = compare(copy, None, version, target).await else { return Ok(true) };
        let differs = matches!(error.downcast_ref(), Some(ProofError::Damaged { .. }));
        // The pointer moves before the copy.
        if differs && pointer(source).await?.version.version != version.version {
            return Ok(false);
        }
        Err(error)
    })
    .await
}

/// Tries again after what may pass.
async fn again<T>(attempt: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let retry = RetryPolicy::default();
    let mut number = 1;
    loop {
        match attempt().await {
            Err(error) if number < retry.attempts && is_transient(&error) => {
                tracing::debug!("{error:#}; trying the proof again");
                tokio::time::sleep(retry.backoff(number)).await;
                number += 1;
            }
            ended => return ended,
        }
    }
}

fn is_transient(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SourceError>().is_some_and(SourceError::is_transient)
}

async fn pointer(source: &Source) -> anyhow::Result<Pointer> {
    match source.pointer(None).await? {
        Answer::New((bytes, _)) => Ok(Pointer::read(&bytes)?),
        Answer::Same => anyhow::bail!("{} answers that nothing has changed", source.place()),
    }
}

/// Fetches a file of the container, or the one file, and compares it.
async fn compare(
    source: &Source,
    path: Option<&str>,
    version: &PublishedVersion,
    target: &Path,
) -> anyhow::Result<()> {
    let mut file = std::fs::File::create(target)
        .with_context(|| format!("cannot write {}", target.display()))?;
    let mut body = source.open(path, 0, None).await?.body;
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    let damaged = |problem: String| {
        let at = path.map(|path| format!("/{path}")).unwrap_or_default();
        ProofError::Damaged { at: format!("{}{at}", source.place()), problem }
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
    Ok(())
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
