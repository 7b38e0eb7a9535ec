//! Whether a backup can be restored: it is read back, compared and opened in a scratch folder.

use super::{BackupLock, Backups, Scratch};
use crate::data::{Backup, BackupDescription};
use crate::observe::data::kept::{BackupDamaged, Expected, prove};

/// Says why a backup cannot be restored; `None` where it can be. The lock keeps others from taking the
/// scratch folder for one of a run that has ended.
///
/// # Errors
/// Those of the store and of this machine: then nobody knows.
pub async fn verify(
    backups: &Backups<'_>,
    _lock: &BackupLock,
    backup: &Backup,
    described: &BackupDescription,
) -> anyhow::Result<Option<String>> {
    let scratch = Scratch::make(backups.folder(), backups.name()?)?;
    let target = scratch.path().join(backups.name()?);
    let expected = Expected {
        sha256: &described.sha256,
        size: described.size,
        tables: Some(&described.tables),
    };
    let engine = (backups.config, backups.root, backups.environment);
    let container = backups.container;
    match prove(container, &backup.name, expected, &target, engine, &|_| {}).await {
        Ok(_) => Ok(None),
        Err(error) => match error.downcast::<BackupDamaged>() {
            Ok(damaged) => Ok(Some(damaged.problem)),
            Err(error) => Err(error),
        },
    }
}
