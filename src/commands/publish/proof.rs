//! The proof of a publication: what is served is fetched as a reader does it, compared and opened.

use serde::Serialize;

use super::signed::Covers;
use super::{Database, Signed};
use crate::adapters::data_source::Source;
use crate::data::PublishedVersion;
use crate::exit::{Exit, OrFailed as _};
use crate::http;
use crate::observe::data::proof;
use crate::output::size;

/// What the proof has shown.
#[derive(Debug, Clone, Serialize)]
pub(in crate::commands) struct Proof {
    /// What it was fetched through.
    pub(in crate::commands) through: Through,
    /// The bytes that were fetched and compared.
    pub(in crate::commands) size: u64,
    /// The tables that it has.
    pub(in crate::commands) tables: u64,
    /// Whether `latest.json` names it; another publication may have come after it.
    pub(in crate::commands) is_served: bool,
}

/// How the version was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Through {
    /// As apps do; where it covers the copy alone, that was fetched by it, too.
    SignedUrl,
    /// With the credentials of this run: there is no signed URL.
    Store,
}

impl Proof {
    /// Says it in words.
    pub(in crate::commands) fn said(&self) -> String {
        let through = match self.through {
            Through::SignedUrl => "through the signed URL",
            Through::Store => "from the store",
        };
        format!(
            "{} fetched {through}, same sha256, {} {}",
            size(self.size),
            self.tables,
            if self.tables == 1 { "table" } else { "tables" }
        )
    }
}

/// Fetches what is served, compares it and opens it.
///
/// # Errors
/// [`Exit::ProbeFailed`] with what to do.
pub(in crate::commands) async fn prove(
    database: &Database<'_>,
    signed: Option<&Signed>,
    version: &PublishedVersion,
) -> anyhow::Result<Proof> {
    let by_url = |signed: &Signed| {
        let client = http::Client::new(http::Options::default());
        Source::at_url(&signed.url, client)
    };
    let (source, copy) = match signed.map(|signed| (signed, signed.covers)) {
        Some((signed, Covers::Container)) => (by_url(signed)?, None),
        // What readers get is the copy, and the credentials of this run read the rest.
        Some((signed, Covers::File)) => {
            (Source::in_store(database.container()?), Some(by_url(signed)?))
        }
        None => (Source::in_store(database.container()?), None),
    };
    let through = if signed.is_some() { Through::SignedUrl } else { Through::Store };
    let scratch = tempfile::tempdir()?;
    let file = scratch.path().join(format!("proof.{}", database.extension()));
    let found = proof::fetch(&source, version, &file).await?;
    let mut is_served = found.is_served;
    if let Some(copy) = copy.filter(|_| is_served) {
        let file = scratch.path().join("copy");
        is_served = proof::fetch_copy(&copy, &source, version, &file).await?;
    }
    let engine = database.engine(&file).await?;
    let tables =
        proof::count_tables(&*engine, &source, version).await.or_exit(Exit::ProbeFailed)?;
    Ok(Proof { through, size: version.size, tables, is_served })
}
