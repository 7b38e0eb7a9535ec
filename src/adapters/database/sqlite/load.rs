//! Rows of an import, brought into a SQLite file.
//!
//! The rows are staged in a temporary table, which locks nobody out; then one transaction compares
//! and writes. In WAL mode, readers go on all the time.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, TransactionBehavior};

use super::spool::{Spool, values};
use super::{Problem, Sqlite};
use super::{imports, mode};
use crate::adapters::database::create::Creation;
use crate::adapters::database::{DatabaseError, found};
use crate::config::{ColumnType, OnConflict};
use crate::data::check::Dialect;
use crate::data::import::sqlite::Statements;
use crate::data::import::{
    Fitted, Import, Load, LoadMode, Loaded, Misfit, ScriptProblem, TableColumn, check_rules,
};
use crate::data::sql;

/// How much of the database, and of the temporary tables, is kept in memory, in KiB.
const CACHE: i64 = 16 * 1024;

/// Loads the rows.
pub(super) async fn load(database: &Sqlite, load: &Load<'_>) -> Result<Loaded, DatabaseError> {
    check_rules(load.import).map_err(|problem| database.error(Problem::Misfit(problem)))?;
    let writes = load.most_found().is_some();
    let loaded = if database.file.exists() {
        let access = if writes { super::Access::Write } else { super::Access::Read };
        run(database, load, access).await?
    } else if writes {
        let creation = Creation::begin(&database.file, &database.shown)?;
        let new = Sqlite { file: creation.file(), ..database.clone() };
        let loaded = run(&new, load, super::Access::Create).await?;
        if loaded.written {
            creation.end()?;
        }
        loaded
    } else {
        run(database, load, super::Access::Memory).await?
    };
    Ok(Loaded { faults: found::first(&load.listed())?, ..loaded })
}

async fn run(
    database: &Sqlite,
    load: &Load<'_>,
    access: super::Access,
) -> Result<Loaded, DatabaseError> {
    let owned = Owned::of(load);
    let (file, patience) = (database.file.clone(), database.limits.patience);
    let before = move |connection: &Connection| mode::switch(connection, &file, patience);
    database.on(access, move |connection, _| owned.run(connection, access, before)).await
}

/// A [`Load`] that goes to another thread.
struct Owned {
    import: Import,
    spool: std::path::PathBuf,
    rejects: std::path::PathBuf,
    known: Option<std::path::PathBuf>,
    rows: u64,
    bad: u64,
    mode: LoadMode,
    watermark: Option<String>,
    source: String,
    now: jiff::Timestamp,
}

impl Owned {
    fn of(load: &Load<'_>) -> Self {
        Self {
            import: load.import.clone(),
            spool: load.spool.to_owned(),
            rejects: load.listed(),
            known: load.known.map(Path::to_owned),
            rows: load.rows,
            bad: load.bad,
            mode: load.mode,
            watermark: load.watermark.map(str::to_owned),
            source: load.source.to_owned(),
            now: load.now,
        }
    }

    fn load(&self) -> Load<'_> {
        Load {
            import: &self.import,
            spool: &self.spool,
            rows: self.rows,
            bad: self.bad,
            mode: self.mode,
            watermark: self.watermark.as_deref(),
            source: &self.source,
            now: self.now,
            rejects: Some(&self.rejects),
            known: self.known.as_deref(),
        }
    }

    /// `before` is called before the first statement that writes to a file that was there.
    fn run(
        &self,
        connection: &mut Connection,
        access: super::Access,
        before: impl FnOnce(&Connection),
    ) -> Result<Loaded, Problem> {
        let load = self.load();
        if access == super::Access::Create {
            // From the beginning, readers go on beside the imports that follow.
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        }
        connection.execute_batch(&format!(
            "PRAGMA cache_size = -{CACHE}; PRAGMA temp.cache_size = -{CACHE};"
        ))?;
        connection.create_scalar_function(
            "tidegate_hash",
            -1,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            |context| {
                let mut hash = DefaultHasher::new();
                for place in 0..context.len() {
                    add(&mut hash, context.get_raw(place));
                }
                Ok(hash.finish().cast_signed())
            },
        )?;
        // What does not fit is said before a large file is read.
        let statements = statements(connection, &load)?.1;
        if access == super::Access::Write {
            before(connection);
        }
        let staged = {
            let transaction = connection.transaction()?;
            transaction.execute_batch(&statements.prepare)?;
            let staged = stage(&transaction, &load, &statements)?;
            transaction.commit()?;
            staged
        };
        let writes = load.most_found();
        let behavior = match writes {
            Some(_) => TransactionBehavior::Immediate,
            None => TransactionBehavior::Deferred,
        };
        let transaction = connection.transaction_with_behavior(behavior)?;
        let (has_rows, statements) = self::statements(&transaction, &load)?;
        if has_rows {
            transaction.execute_batch(&statements.index)?;
            transaction.execute_batch(&statements.matches)?;
        }
        transaction.execute_batch(&statements.faults)?;
        write_found(&transaction, &self.rejects, statements.found)?;
        let count = |query: &str| {
            transaction.query_row(query, [], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
        };
        let bad = count("SELECT count(DISTINCT tidegate_row) FROM tidegate_fault")?;
        if bad > 0 {
            transaction.execute_batch(statements.only_good)?;
        }
        if let Some(known) = &self.known {
            write_known(&transaction, known, statements.known)?;
        }
        let watermark = transaction.query_row(&statements.reached, [], |row| row.get(0))?;
        let good = staged.saturating_sub(bad);
        let same = count("SELECT count(*) FROM tidegate_match WHERE changed = 0")?;
        let changed = count("SELECT count(*) FROM tidegate_match WHERE changed <> 0")?;
        let updates = load.import.on_conflict == OnConflict::Update;
        let written = writes.is_some_and(|most| bad <= most);
        if written {
            transaction.execute_batch(&statements.make)?;
            transaction.execute_batch(&statements.write)?;
            transaction.commit()?;
        } else {
            transaction.rollback()?;
        }
        Ok(Loaded {
            written,
            inserted: good.saturating_sub(changed + same),
            updated: if updates { changed } else { 0 },
            unchanged: same + if updates { 0 } else { changed },
            bad,
            faults: Vec::new(),
            watermark,
        })
    }
}

/// Looks at the table: whether it has rows, and the statements that fit it.
fn statements(connection: &Connection, load: &Load<'_>) -> Result<(bool, Statements), Problem> {
    imports::own(connection)?;
    let table = table(connection, load.import)?;
    let fitted = Fitted::of(load.import, Dialect::Sqlite, table.as_deref())?;
    let statements = Statements::of(load, &fitted)?;
    let has_rows = match table {
        None => false,
        Some(_) => {
            let name = sql::table(&load.import.table);
            connection
                .query_row(&format!("SELECT EXISTS (SELECT 1 FROM {name})"), [], |row| row.get(0))?
        }
    };
    Ok((has_rows, statements))
}

/// Reads the columns of the table, if it is there.
fn table(connection: &Connection, import: &Import) -> Result<Option<Vec<TableColumn>>, Problem> {
    let parts = sql::parts(&import.table);
    let (schema, name) = match parts.as_slice() {
        [name] => ("main", name),
        [schema, name] => (schema.as_str(), name),
        _ => return Err(Problem::Reason(format!("there is no table {}", import.table))),
    };
    let mut list = connection.prepare(
        "SELECT type, wr FROM pragma_table_list WHERE schema = ?1 AND lower(name) = lower(?2)",
    )?;
    let mut found = list.query([schema, name])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let (kind, without_rowid): (String, bool) = (row.get(0)?, row.get(1)?);
    if kind == "view" {
        return Err(Misfit::View { table: import.table.clone() }.into());
    }
    let mut columns = connection.prepare(
        "SELECT name, type, \"notnull\" = 0, dflt_value IS NOT NULL OR hidden <> 0, \
         pk <> 0 AND (SELECT count(*) FROM pragma_table_xinfo(?2, ?1) WHERE pk <> 0) = 1 \
         FROM pragma_table_xinfo(?2, ?1)",
    )?;
    let columns = columns.query_map([schema, name], |row| {
        let (kind, primary): (String, bool) = (row.get(1)?, row.get(4)?);
        // Another name for the number of the row, which SQLite gives out.
        let is_rowid = primary && !without_rowid && kind.eq_ignore_ascii_case("INTEGER");
        Ok(TableColumn {
            name: row.get(0)?,
            nullable: row.get(2)?,
            filled: row.get::<_, bool>(3)? || is_rowid,
            kind,
            primary,
            indexed: false,
        })
    })?;
    Ok(Some(columns.collect::<Result<_, _>>()?))
}

/// Puts the rows of the spool into the stage; returns how many.
fn stage(
    connection: &Connection,
    load: &Load<'_>,
    statements: &Statements,
) -> Result<u64, Problem> {
    let io = |error: std::io::Error| Problem::Io {
        path: load.spool.display().to_string(),
        source: error,
    };
    let wrong = |row: &str| {
        let short: String = row.chars().take(40).collect();
        Problem::Reason(format!("the checked rows cannot be read back, near {short:?}"))
    };
    let import = load.import;
    let kinds: Vec<ColumnType> = crate::data::import::kinds(import).collect();
    let key_place = kinds.len() + 2;
    let mut insert = connection.prepare(&statements.stage)?;
    let mut spool = Spool::open(load.spool).map_err(io)?;
    let mut is_key = vec![false; kinds.len()];
    for place in &statements.keys {
        if let Some(flag) = is_key.get_mut(*place) {
            *flag = true;
        }
    }
    let mut staged = 0;
    while let Some(record) = spool.next().map_err(io)? {
        let mut cells = values(record);
        let number = cells.next().flatten().and_then(|cell| cell.parse::<i64>().ok());
        insert.raw_bind_parameter(1, number.ok_or_else(|| wrong(record))?)?;
        let mut hash = DefaultHasher::new();
        for (place, (kind, is_key)) in kinds.iter().zip(&is_key).enumerate() {
            let cell = cells.next().ok_or_else(|| wrong(record))?;
            let value = match &cell {
                None => ValueRef::Null,
                Some(text) => typed(*kind, text).ok_or_else(|| wrong(record))?,
            };
            if *is_key {
                add(&mut hash, value);
            }
            let value = rusqlite::types::ToSqlOutput::Borrowed(value);
            insert.raw_bind_parameter(place + 2, value)?;
        }
        insert.raw_bind_parameter(key_place, hash.finish().cast_signed())?;
        insert.raw_execute()?;
        staged += 1;
    }
    Ok(staged)
}

/// Returns a value of the spool as SQLite takes it.
fn typed(kind: ColumnType, text: &str) -> Option<ValueRef<'_>> {
    Some(match kind {
        ColumnType::Text | ColumnType::Email | ColumnType::Date | ColumnType::Timestamp => {
            ValueRef::Text(text.as_bytes())
        }
        ColumnType::Integer => ValueRef::Integer(text.parse().ok()?),
        ColumnType::Number | ColumnType::Amount => ValueRef::Real(text.parse().ok()?),
        ColumnType::Boolean => ValueRef::Integer(i64::from(text == "true")),
    })
}

/// Hashes a value: those that SQLite takes for equal have one hash.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a whole number is hashed as the real number that equals it, if there is one"
)]
fn add(hash: &mut DefaultHasher, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.write_u8(0),
        ValueRef::Integer(number) if (number as f64) as i64 == number => {
            add(hash, ValueRef::Real(number as f64));
        }
        ValueRef::Integer(number) => hash.write_i64(number),
        // Zero has two signs.
        ValueRef::Real(number) => {
            hash.write_u64(if number == 0.0 { 0 } else { number.to_bits() });
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.write_usize(bytes.len());
            hash.write(bytes);
        }
    }
}

/// Writes what was found.
fn write_found(connection: &Connection, path: &Path, query: &str) -> Result<(), Problem> {
    let io = |source: std::io::Error| Problem::Io { path: path.display().to_string(), source };
    let mut writer = csv::Writer::from_writer(File::create(path).map_err(io)?);
    let failed = |error: csv::Error| io(std::io::Error::other(error));
    writer.write_record(["tidegate_row", "column", "value", "rule"]).map_err(failed)?;
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let row_number: i64 = row.get(0)?;
        let texts: [Option<String>; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        let [column, value, rule] = texts.map(Option::unwrap_or_default);
        writer.write_record([row_number.to_string(), column, value, rule]).map_err(failed)?;
    }
    writer.flush().map_err(io)
}

/// Writes which rows the table has.
fn write_known(connection: &Connection, path: &Path, query: &str) -> Result<(), Problem> {
    let io = |source: std::io::Error| Problem::Io { path: path.display().to_string(), source };
    let mut writer = BufWriter::new(File::create(path).map_err(io)?);
    writeln!(writer, "tidegate_row").map_err(io)?;
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        writeln!(writer, "{}", row.get::<_, i64>(0)?).map_err(io)?;
    }
    writer.flush().map_err(io)
}

impl From<ScriptProblem> for Problem {
    fn from(problem: ScriptProblem) -> Self {
        match problem {
            ScriptProblem::Misfit(problem) => Self::Misfit(problem),
            ScriptProblem::Sql(problem) => Self::Text(problem),
        }
    }
}

impl From<Misfit> for Problem {
    fn from(problem: Misfit) -> Self {
        Self::Misfit(problem)
    }
}
