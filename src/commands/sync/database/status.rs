//! How the published database stands, for `sync --layer status`.

use jiff::Timestamp;
use serde::Serialize;

use crate::commands::publish::{Database, expiry};
use crate::commands::session::block_on;
use crate::commands::workspace::Workspace;
use crate::model::DataVersion;
use crate::observe::data;
use crate::output::{Output, ago, at, bad, clean, good, size, strong, warn};

/// How it stands.
#[derive(Debug, Serialize)]
pub(in crate::commands::sync) struct DatabaseStatus {
    layer: String,
    container: String,
    /// The version that is served; none where nothing was published yet.
    version: Option<DataVersion>,
    size: Option<u64>,
    /// When it was first published.
    created: Option<Timestamp>,
    /// Since when it is served.
    moved: Option<Timestamp>,
    release: Option<u64>,
    /// When the signed URL runs out that was handed out on this machine.
    signed_url_expires: Option<Timestamp>,
    #[serde(skip)]
    now: Timestamp,
}

/// Looks at the published database; `None` where the configuration has none.
pub(in crate::commands::sync) fn status(
    workspace: &Workspace,
) -> anyhow::Result<Option<DatabaseStatus>> {
    if workspace.data.database().is_none() {
        return Ok(None);
    }
    let database = Database::of(workspace)?;
    let served = block_on(async { data::served(&database.container()?).await })?;
    let served = served.map(|(pointer, _)| pointer);
    let version = served.as_ref().map(|pointer| &pointer.version);
    let signed = database.config.signed_url.as_ref();
    Ok(Some(DatabaseStatus {
        layer: database.layer.to_owned(),
        container: database.place.container_url(),
        version: version.map(|version| version.version.clone()),
        size: version.map(|version| version.size),
        created: version.map(|version| version.created),
        moved: served.as_ref().map(|pointer| pointer.moved),
        release: served.as_ref().and_then(|pointer| pointer.release),
        signed_url_expires: signed.and_then(|signed| expiry(&database, signed).ok()?),
        now: workspace.now,
    }))
}

/// Shows it to people.
pub(in crate::commands::sync) fn show(
    status: &DatabaseStatus,
    output: &mut Output,
) -> std::io::Result<()> {
    let (layer, container) = (clean(&status.layer), clean(&status.container));
    let Some(version) = &status.version else {
        return output
            .line(format!("{} {layer} -> {container}: nothing was published yet", warn("!")));
    };
    let short: String = version.as_str().chars().skip(7).take(12).collect();
    let mut text = format!("{} {layer} -> {container}: {} is served", good("✓"), strong(short));
    if let (Some(bytes), Some(created)) = (status.size, status.created) {
        text = format!("{text}, {}, published {}", size(bytes), ago(created, status.now));
    }
    if let Some(release) = status.release {
        text = format!("{text}, release {release}");
    }
    output.line(text)?;
    match status.signed_url_expires {
        Some(expires) if expires <= status.now => output.line(format!(
            "  {}: the next sync makes a new one",
            bad(format!("the signed URL ran out on {}", at(expires)))
        )),
        Some(expires) => output.line(format!("  the signed URL is valid until {}", at(expires))),
        None => Ok(()),
    }
}
