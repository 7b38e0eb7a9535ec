//! `data health-check`.

use std::net::SocketAddr;

use clap::Args;

use super::Variables;

/// Reads an address and a port; `localhost` is this machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let found = local.as_deref().unwrap_or(text).parse();
    found.map_err(|_| "expected an address and a port, such as 127.0.0.1:8090".to_owned())
}

/// Say whether the database is healthy: tables, disk, imports, backups, signed URLs
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Ends with 0 where it is healthy or there are warnings, and with 14 where there are errors.
What is expected stands in data.health of the configuration.

Examples:
  Look once:
      tidegate data health-check
  Answer GET /health for a monitor on this machine, with 200 or 503:
      tidegate data health-check --serve 127.0.0.1:8090")]
pub struct DataHealthCheck {
    /// Answer GET /health at this address and port until a signal ends it
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub serve: Option<SocketAddr>,
    /// Serve where other machines reach it: the answer names tables and files
    #[arg(long, requires = "serve")]
    pub allow_remote: bool,
    /// The database [default: that of the environment, else of the configuration]
    #[arg(long, value_name = "PATH")]
    pub database: Option<String>,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}
