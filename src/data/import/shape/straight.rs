//! Rows that need no stage.

use super::{Both, Shape, list};
use crate::data::import::load::Load;
use crate::data::sql::identifier;

impl Shape<'_> {
    /// Tells whether the rows can go into the table as they are, where that is missing or has no rows:
    /// the check of each row was all that there is to find out. How far a watermark goes is asked of the
    /// stage.
    pub(in crate::data::import) fn goes_straight(&self, load: &Load<'_>) -> bool {
        let as_it_is = |column: &Both<'_>| {
            let fits = column.table_nullable || !column.nullable;
            fits && !column.is_hash && !column.is_cast(self.dialect)
        };
        load.is_distinct
            && load.known.is_none()
            && load.watermark.is_none()
            && load.most_found().is_some()
            && self.import.sql_rules.is_empty()
            && self.unique().next().is_none()
            && self.fitted.constraints.iter().all(|constraint| self.is_covered(constraint))
            && self.columns.iter().all(as_it_is)
    }

    /// The names of what is written, as SQL.
    pub(in crate::data::import) fn names(&self) -> String {
        list(self.columns.iter().map(|column| identifier(column.name)))
    }

    /// The column that the import numbers.
    pub(in crate::data::import) fn numbered(&self) -> Option<String> {
        self.fitted.numbered.as_deref().map(identifier)
    }
}
