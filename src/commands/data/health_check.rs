//! `data health-check`: says whether the database is healthy, once or to whoever asks over HTTP.

use super::backup::Kept;
use crate::cli::{DataHealthCheck, Global};
use crate::commands::publish::{Database, expiry};
use crate::commands::session::block_on;
use crate::commands::workspace::Workspace;
use crate::data::Validity;
use crate::data::health::{Health, HealthStatus, UrlHealth};
use crate::exit::Exit;
use crate::model::StoreUrl;
use crate::observe::data::health::{HealthQuery, observe};
use crate::output::{Output, bad, clean, good, strong, warn};

mod readings;
mod serve;

use readings::ReadingsFile;

/// The schema of the result.
const SCHEMA: &str = "tidegate/health/1";

pub(super) fn run(
    global: &Global,
    args: &DataHealthCheck,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let workspace = Workspace::for_database(global, args.variables.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    let kept = Kept::of(workspace, args.database.as_deref())?;
    if let Some(address) = args.serve {
        return serve::run(&kept, address, args.allow_remote, output);
    }
    let progress = output.progress(format!("looking at {}", kept.shown));
    let mut readings = ReadingsFile::of(&kept);
    let health = block_on(async { Ok(look(&kept, readings.as_mut(), kept.workspace.now).await) })?;
    drop(progress);
    output.show(SCHEMA, &health, show)?;
    Ok(exit(health.status))
}

fn exit(status: HealthStatus) -> Exit {
    match status {
        HealthStatus::Healthy | HealthStatus::Warning => Exit::Done,
        HealthStatus::Error => Exit::DataFailed,
    }
}

/// Looks at everything, and judges it.
async fn look(
    kept: &Kept,
    mut readings: Option<&mut ReadingsFile>,
    now: jiff::Timestamp,
) -> Health {
    let workspace = &kept.workspace;
    let config = workspace.data.health.clone().unwrap_or_default();
    let lookup = workspace.lookup();
    let container = kept.open();
    let query = HealthQuery {
        config: &workspace.data,
        health: &config,
        root: &workspace.root,
        database: &kept.shown,
        backups: container.as_ref().map_err(|error| format!("{error:#}")),
        readings: readings.as_mut().map(|file| &mut file.readings),
        backups_expected: kept.expected,
        urls: urls(workspace),
        now,
        environment: &*lookup,
    };
    let observed = observe(query).await;
    if let Some(file) = readings {
        file.write();
    }
    Health::of(observed, &config, now)
}

/// Finds the signed URLs that were handed out here: the file, and variables of apps. They themselves
/// are never shown.
fn urls(workspace: &Workspace) -> Vec<UrlHealth> {
    let mut urls = Vec::new();
    for name in workspace.data.url_variables() {
        let Some(value) = workspace.variable(name) else { continue };
        let url = value.trim().parse().map(|url| Validity::of(&url).until);
        // The error of the parser may show a part of it.
        urls.push(UrlHealth::of(name, url.map_err(|_| "it holds no URL".to_owned())));
    }
    if let Ok(database) = Database::of(workspace)
        && let Some(signed) = &database.config.signed_url
    {
        let found = expiry(&database, signed);
        // Whoever reads by a variable needs no file, and a folder is read by its path.
        let is_missing = !workspace.root.join(&signed.write_to).exists();
        let needs_none = is_missing
            && (!urls.is_empty() || matches!(database.place.store, StoreUrl::Folder { .. }));
        if !needs_none {
            urls.insert(0, UrlHealth::of(&signed.write_to, found));
        }
    }
    urls
}

fn show(output: &mut Output, health: &Health) -> std::io::Result<()> {
    let status = match health.status {
        HealthStatus::Healthy => good(health.status),
        HealthStatus::Warning => warn(health.status),
        HealthStatus::Error => bad(health.status),
    };
    output.line(format!("{}: {status}", strong(&health.database)))?;
    for finding in &health.findings {
        let mark = match finding.status {
            HealthStatus::Healthy => good("✓"),
            HealthStatus::Warning => warn("!"),
            HealthStatus::Error => bad("✗"),
        };
        output.line(format!(
            "  {mark} {:<11}  {}",
            finding.part.to_string(),
            clean(&finding.detail)
        ))?;
    }
    Ok(())
}
