//! `data import`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Variables;
use crate::data::import::MaxBad;
use crate::data::import::api::MOST_DAYS;

/// Check the rows of a CSV file or an API, and bring them into the database
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  See what it would do, and write nothing:
      tidegate data import sales sales.csv --plan
  Write it, all rows or none:
      tidegate data import sales sales.csv
  Write the good rows, unless more than 1% is bad; the others go to sales.csv.rejects.csv:
      tidegate data import sales sales.csv --accept-good-rows --max-bad 1%
  Users, whose passwords are hashed:
      tidegate data import users users.csv
  Ask the API of SALES_API_URL with the key in SALES_API_KEY for the last 7 days:
      tidegate data import sales --days 7

sales and users are there without configuration; `data.imports` declares others.
Importing the same rows twice changes nothing.

Exit codes: 0 written, 14 rows are bad and nothing was written, 8 the database is in use or the
API cannot answer, 9 the API does not allow it, 10 the file or the answer cannot be read.")]
pub struct DataImport {
    /// The import: sales, users, or one of `data.imports`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The CSV file [default: `csv` of the import]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The CSV file, by name
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub csv: Option<PathBuf>,
    /// Ask this API [default: `api.url` of the import, else `SALES_API_URL`]
    #[arg(long, value_name = "URL", conflicts_with_all = ["file", "csv"])]
    pub api: Option<String>,
    /// Ask for today and so many days before [default: since the last import]
    #[arg(
        long,
        value_name = "N",
        conflicts_with_all = ["file", "csv"],
        allow_negative_numbers = true,
        value_parser = days
    )]
    pub days: Option<u32>,
    /// Show what would be written and what is bad, and write nothing
    #[arg(long)]
    pub plan: bool,
    /// Write the good rows where others are bad, and those to a file of rejects
    #[arg(long)]
    pub accept_good_rows: bool,
    /// With --accept-good-rows: write nothing where more are bad (1%, 20)
    #[arg(long, value_name = "SHARE", value_parser = max_bad, requires = "accept_good_rows")]
    pub max_bad: Option<MaxBad>,
    /// Write the bad rows to this file [default: FILE.rejects.csv]
    #[arg(long, value_name = "FILE", requires = "accept_good_rows")]
    pub rejects: Option<PathBuf>,
    /// Import into a copy of a DuckDB file, and swap it in while readers hold it
    #[arg(long)]
    pub swap: bool,
    /// Wait so long for a database that another process holds
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = wait)]
    pub wait: Duration,
    /// The database [default: `DATABASE_PATH`, else the configuration's]
    #[arg(long, value_name = "PATH")]
    pub database: Option<String>,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}

fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
    days.ok_or_else(|| format!("expected a number of days from 1 to {MOST_DAYS}"))
}

fn max_bad(text: &str) -> Result<MaxBad, String> {
    MaxBad::parse(text).ok_or_else(|| "expected a share or a number such as 1% or 20".to_owned())
}

pub(super) fn wait(text: &str) -> Result<Duration, String> {
    crate::config::wait(text)
        .filter(|wait| *wait <= Duration::from_hours(6))
        .ok_or_else(|| "expected a time of at most 6 hours such as 30s or 5m".to_owned())
}
