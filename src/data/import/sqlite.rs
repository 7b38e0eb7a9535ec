//! The statements by which SQLite loads the checked rows of an import.

use super::load::Load;
use super::rule::alone;
use super::shape::{FOUND, KNOWN, ONLY_GOOD, ScriptProblem, Shape};
use super::state::{self, IMPORTS};
use super::target::Fitted;
use crate::config::ColumnType;
use crate::data::check::Dialect;
use crate::data::sql::identifier;

/// Returns the type of a column that the import makes.
pub fn made(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Email | ColumnType::Date | ColumnType::Timestamp => "TEXT",
        ColumnType::Integer | ColumnType::Boolean => "INTEGER",
        ColumnType::Number | ColumnType::Amount => "REAL",
    }
}

/// The statements of a load, in the order in which they run.
#[derive(Debug, Clone)]
pub struct Statements {
    /// Puts a row into the table itself: its values. `None` where something about the rows is still to
    /// be found out; only for a table that is missing, or has no rows.
    pub straight: Option<String>,
    /// Makes the temporary tables.
    pub prepare: String,
    /// Puts a row into the stage: its number, its values, and the hash of its key.
    pub stage: String,
    /// Keeps a value that the table does not hold: the number of its row, its place, its text.
    pub lost: &'static str,
    /// The places of the values that the table has to hold exactly.
    pub exact: Vec<usize>,
    /// The places of the key among the values.
    pub keys: Vec<usize>,
    /// Makes what staged rows are looked up by.
    pub index: String,
    /// Finds out which rows the table has. Not needed where the table is empty.
    pub matches: String,
    /// Asks for each rule alone, in their order, whether it can be carried out.
    pub rules: Vec<String>,
    /// Finds out what is wrong with rows.
    pub faults: String,
    /// Asks for that, in order.
    pub found: &'static str,
    /// Takes the bad rows out.
    pub only_good: &'static str,
    /// Asks for the rows that the table has, in order.
    pub known: &'static str,
    /// Asks how far the rows go.
    pub reached: String,
    /// Makes the table where it is missing, and that of all imports.
    pub make: String,
    /// Writes the rows.
    pub write: String,
    /// Remembers the import.
    pub remember: String,
    /// Forgets the temporary tables.
    pub forget: &'static str,
}

impl Statements {
    /// Makes them. The function `tidegate_hash` of any number of values has to be there.
    pub fn of(load: &Load<'_>, fitted: &Fitted) -> Result<Self, ScriptProblem> {
        let shape = Shape::new(load, fitted, Dialect::Sqlite);
        let columns: Vec<String> = shape
            .columns
            .iter()
            .map(|column| format!("{} {}", identifier(column.name), made(column.kind)))
            .collect();
        let columns = columns.join(", ");
        let marks = vec!["?"; shape.columns.len() + 2].join(", ");
        let is_straight = shape.goes_straight(load) && shape.numbered().is_none();
        let mut index =
            "CREATE INDEX tidegate_by_key ON tidegate_stage (tidegate_key);\n".to_owned();
        for (place, column) in shape.unique().enumerate() {
            index.push_str(&format!(
                "CREATE INDEX tidegate_by_{place} ON tidegate_stage ({});\n",
                identifier(column.name)
            ));
        }
        Ok(Self {
            straight: is_straight.then(|| {
                let marks = vec!["?"; shape.columns.len()].join(", ");
                format!("INSERT INTO {} ({}) VALUES ({marks})", shape.table, shape.names())
            }),
            prepare: format!(
                "CREATE TEMP TABLE tidegate_stage (tidegate_row INTEGER PRIMARY KEY, {columns}, tidegate_key INTEGER);\n\
                 CREATE TEMP TABLE tidegate_match (tidegate_row INTEGER PRIMARY KEY, changed INTEGER);\n\
                 CREATE TEMP TABLE tidegate_lost (tidegate_row INTEGER, place INTEGER, value TEXT);\n"
            ),
            stage: format!("INSERT INTO tidegate_stage VALUES ({marks})"),
            lost: "INSERT INTO tidegate_lost VALUES (?, ?, ?)",
            exact: shape.exact().map(|(place, _)| place).collect(),
            keys: load.import.key_places(),
            index: index.replace("CREATE INDEX ", "CREATE INDEX temp."),
            matches: shape.matches(),
            rules: load
                .import
                .sql_rules
                .iter()
                .map(|rule| alone(load.import, rule))
                .collect::<Result<_, _>>()?,
            faults: shape.faults()?,
            found: FOUND,
            only_good: ONLY_GOOD,
            known: KNOWN,
            reached: format!("SELECT {}", state::reached(load, Dialect::Sqlite)?),
            make: format!(
                "{}CREATE TABLE IF NOT EXISTS {IMPORTS} (name TEXT PRIMARY KEY, table_name TEXT, \
                 watermark TEXT, imported_at TEXT, rows INTEGER, source TEXT);\n",
                shape.make()
            ),
            write: shape.write(),
            remember: state::upsert(load, Dialect::Sqlite)?,
            forget: "DROP TABLE temp.tidegate_stage; DROP TABLE temp.tidegate_match; DROP TABLE temp.tidegate_lost; DROP TABLE temp.tidegate_fault;",
        })
    }
}
