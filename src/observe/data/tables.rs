//! Counts and reads the tables of a database, and looks for damage.

use std::collections::BTreeMap;

use crate::adapters::database::{Database, DatabaseError};
use crate::data::tables::{self, AT_ONCE, MOST};

/// Returns the rows of each table, by its name. Of DuckDB every value is read.
///
/// # Errors
/// Those of the database: a damaged table cannot be read.
pub async fn count(database: &dyn Database) -> Result<BTreeMap<String, u64>, DatabaseError> {
    let dialect = database.dialect();
    let rows = database.query(tables::list(dialect), &[], MOST).await?;
    let names = tables::listed(&rows.rows);
    let mut counts = BTreeMap::new();
    for some in names.chunks(AT_ONCE) {
        let rows = database.query(&tables::count(dialect, some), &[], AT_ONCE).await?;
        let counted = tables::counted(some, &rows.rows).ok_or_else(|| DatabaseError::Sql {
            file: database.engine().to_owned(),
            reason: "gave no answer that can be read when tables were counted".to_owned(),
        })?;
        counts.extend(counted);
    }
    Ok(counts)
}

/// Asks the engine for damage. `None`: it finds none, or finds it by reading the tables ([`count`]).
///
/// # Errors
/// Those of the database.
pub async fn damage(database: &dyn Database) -> Result<Option<String>, DatabaseError> {
    let Some(sql) = tables::integrity(database.dialect()) else { return Ok(None) };
    Ok(tables::damage(&database.query(sql, &[], 10).await?.rows))
}
