//! Deletes what a plan says, and looks first at what is served by now.

use crate::adapters::store::Container;
use crate::data::{PrunePlan, Removal};
use crate::observe;

/// Deletes versions and backups, each description before its file. A version that has come to be
/// served since the plan was made stays. Returns those that were deleted.
///
/// # Errors
/// Those of the store: what was deleted before stays deleted, and running it again goes on.
pub async fn prune<'a>(
    container: &Container,
    plan: &'a PrunePlan,
    said: &dyn Fn(&str),
) -> anyhow::Result<Vec<&'a Removal>> {
    let mut removed = Vec::new();
    for removal in &plan.remove {
        if removal.version.is_some() {
            // Read before each: a publication may run beside this, and this is one small request.
            let served = observe::data::served(container).await?;
            let served = served.map(|(pointer, _)| pointer.version.version);
            if removal.version == served {
                continue;
            }
        }
        said(&removal.path);
        for path in &removal.paths {
            container.delete(path).await?;
        }
        removed.push(removal);
    }
    Ok(removed)
}
