//! `pull`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::retry::wait;

/// Fetch the published database, or a layer's files, where they have changed
///
/// An app calls it before it starts. The file that is there stays until the next one is whole.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Where the data is, in this order: --url-env, --url-file, the variable AZURE_ANALYTICS_URL, the file
azure_analytics_url.txt that `tidegate sync` writes, the store of the configuration with its
credentials. A URL is a secret, so it is never an option.

Examples:
  In the start script of an app, which starts with the data that it has where there is no network:
      tidegate pull --to data/analytics.duckdb --keep-old && streamlit run app.py
  By a URL from another variable:
      tidegate pull --url-env DATA_URL --to /srv/app/analytics.duckdb
  A layer's files, on a machine that holds no data:
      tidegate pull --layer bronze
  For an app that cannot run a program:
      tidegate pull --emit python > data_loader.py

Exit codes: 0 the newest version is here (with --keep-old: or the one from before), 8 the store did
not answer, 9 it refuses the URL: make a new one with `tidegate sync`, 15 files are missing.")]
pub struct Pull {
    /// Write the database to this file [default: that of the configuration, from its root]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Read the URL from this file
    #[arg(long, value_name = "FILE", conflicts_with = "url_env")]
    pub url_file: Option<PathBuf>,
    /// Read the URL from this variable of the environment
    #[arg(long, value_name = "NAME")]
    pub url_env: Option<String>,
    /// Fetch the files of this layer, not the database
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "url_file", "url_env", "keep_old"])]
    pub layer: Option<String>,
    /// Where it fails and the database is there: warn, and end with 0
    #[arg(long)]
    pub keep_old: bool,
    /// Give up after this time: 90s, 10m
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = wait)]
    pub timeout: Duration,
    /// Read variables that the environment lacks from this file, such as .env
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Print the source of a loader for apps instead
    #[arg(long, value_enum, value_name = "LANGUAGE", exclusive = true)]
    pub emit: Option<Loader>,
}

/// A language of a loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Loader {
    /// Python 3.9 and newer, with nothing but its standard library
    Python,
}
