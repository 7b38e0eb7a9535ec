//! Finds out that a snapshot is the served version again, although its bytes differ.

use crate::adapters::store::Container;
use crate::data::{Pointer, Prepared};

/// Notes in `prepared` that the snapshot of the database `file` holds what is served, where it does
/// and what is served can be had. Then that version stays: nothing is uploaded, and no other is made.
///
/// # Errors
/// Those of the store.
pub async fn match_served(
    container: &Container,
    served: Option<&Pointer>,
    file: &str,
    prepared: &mut Prepared,
) -> anyhow::Result<()> {
    let (Some(served), Some(snapshot)) = (served, &prepared.snapshot) else { return Ok(()) };
    let version = &served.version;
    // With the same bytes it is that version anyway, and may be sent again where it is damaged.
    if version.sha256 == snapshot.sha256 || !version.holds(snapshot, file) {
        return Ok(());
    }
    let there = container.head(&version.path).await?;
    let whole = there.is_some_and(|object| object.size == version.size);
    if whole && super::version(container, &version.version).await?.is_some() {
        prepared.unchanged = Some(Box::new(version.clone()));
    }
    Ok(())
}
