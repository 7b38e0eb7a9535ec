//! Rows of an import, brought into a SQLite file.
//!
//! The rows are staged in a temporary table, which locks nobody out; then one transaction compares
//! and writes. Where the table has no rows, and nothing is left to find out about those of the import,
//! one transaction takes them straight into it. In WAL mode, readers go on all the time.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::constraints::constraints;
use super::listed::{write_found, write_known};
use super::{Problem, Sqlite, fill, forms, imports, mode};
use crate::adapters::database::create::{self, Creation};
use crate::adapters::database::ending::check_new;
use crate::adapters::database::{DatabaseError, found};
use crate::config::OnConflict;
use crate::data::check::Dialect;
use crate::data::import::sqlite::Statements;
use crate::data::import::{
    Fitted, Import, Load, LoadMode, Loaded, Misfit, ScriptProblem, TableColumn, check_rules,
    written, wrong_rule,
};
use crate::data::sql;

/// How much of the database, and of the temporary tables, is kept in memory, in KiB.
const CACHE: i64 = 16 * 1024;

/// Loads the rows.
pub(super) async fn load(database: &Sqlite, load: &Load<'_>) -> Result<Loaded, DatabaseError> {
    check_rules(load.import).map_err(|problem| database.error(Problem::Misfit(problem)))?;
    for _ in 0..create::TRIES {
        if let Some(loaded) = once(database, load).await? {
            return Ok(Loaded { faults: found::first(&load.listed())?, ..loaded });
        }
    }
    Err(create::unsettled(&database.shown))
}

/// Loads them, unless somebody else makes the file meanwhile.
async fn once(database: &Sqlite, load: &Load<'_>) -> Result<Option<Loaded>, DatabaseError> {
    let writes = load.most_found().is_some();
    if database.file.exists() {
        let access = if writes { super::Access::Write } else { super::Access::Read };
        return run(database, load, access).await.map(Some);
    }
    check_new(&database.shown)?;
    if !writes {
        return run(database, load, super::Access::Memory).await.map(Some);
    }
    let creation = Creation::begin(&database.file, &database.shown)?;
    let new = Sqlite { file: creation.file(), ..database.clone() };
    let loaded = run(&new, load, super::Access::Create).await?;
    let is_there = !loaded.written || creation.end()?;
    Ok(is_there.then_some(loaded))
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
    is_distinct: bool,
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
            is_distinct: load.is_distinct,
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
            is_distinct: self.is_distinct,
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
        let loaded = self.bring(connection, |connection| {
            if access == super::Access::Write {
                before(connection);
            }
        })?;
        if access == super::Access::Create && loaded.written {
            // Readers go on beside the imports that follow. Not from the beginning: whatever is written
            // then is written twice.
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        }
        Ok(loaded)
    }

    fn bring(
        &self,
        connection: &mut Connection,
        before: impl FnOnce(&Connection),
    ) -> Result<Loaded, Problem> {
        let load = self.load();
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
                    fill::add(&mut hash, context.get_raw(place));
                }
                Ok(hash.finish().cast_signed())
            },
        )?;
        // What does not fit is said before a large file is read.
        let (has_rows, statements) = self::statements(connection, &load)?;
        before(connection);
        if !has_rows
            && statements.straight.is_some()
            && let Some(loaded) = self.straight(connection)?
        {
            return Ok(loaded);
        }
        let staged = {
            let transaction = connection.transaction()?;
            transaction.execute_batch(&statements.prepare)?;
            let staged = fill::stage(&transaction, &load, &statements)?;
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
        transaction
            .execute_batch(&statements.faults)
            .map_err(|error| rule_of(&transaction, &load, &statements, error))?;
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
            transaction.execute_batch(&statements.write).map_err(|error| refused(&load, error))?;
            transaction.execute_batch(&statements.remember)?;
            transaction.commit().map_err(|error| refused(&load, error))?;
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

    /// Takes the rows into a table without any, without a stage. `None` where another process has filled
    /// it since, or has to find a row bad.
    fn straight(&self, connection: &mut Connection) -> Result<Option<Loaded>, Problem> {
        let load = self.load();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (has_rows, statements) = statements(&transaction, &load)?;
        let Some(insert) = statements.straight.as_deref().filter(|_| !has_rows) else {
            return Ok(None);
        };
        transaction.execute_batch(&statements.make)?;
        let Some(inserted) = fill::straight(&transaction, &load, insert, &statements.exact)
            .map_err(|problem| {
                if let Problem::Sqlite(error) = problem { refused(&load, error) } else { problem }
            })?
        else {
            return Ok(None);
        };
        transaction.execute_batch(&statements.remember)?;
        write_found(&transaction, &self.rejects, "SELECT 0, '', '', '', 0 WHERE 0")?;
        if let Some(known) = &self.known {
            write_known(&transaction, known, "SELECT 0 WHERE 0")?;
        }
        transaction.commit()?;
        Ok(Some(Loaded { written: true, inserted, ..Loaded::default() }))
    }
}

/// Looks at the table: whether it has rows, and the statements that fit it.
fn statements(connection: &Connection, load: &Load<'_>) -> Result<(bool, Statements), Problem> {
    imports::own(connection)?;
    let table = table(connection, load.import)?;
    let mut fitted = Fitted::of(load.import, Dialect::Sqlite, table.as_deref())?;
    if table.is_some() {
        let name = sql::parts(&load.import.table).pop().unwrap_or_default();
        fitted = fitted.under(constraints(connection, &name)?);
    }
    let statements = Statements::of(load, &fitted)?;
    let has_rows = match table {
        None => false,
        Some(_) => {
            let name = sql::table(&load.import.table);
            connection
                .query_row(&format!("SELECT EXISTS (SELECT 1 FROM {name})"), [], |row| row.get(0))?
        }
    };
    if has_rows && let Some(misfit) = forms::other_form(connection, load.import, &fitted)? {
        return Err(misfit.into());
    }
    Ok((has_rows, statements))
}

/// Finds the rule that cannot be carried out, and says so without the statements around it.
fn rule_of(
    connection: &Connection,
    load: &Load<'_>,
    statements: &Statements,
    error: rusqlite::Error,
) -> Problem {
    if matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::OperationInterrupted | ErrorCode::DiskFull | ErrorCode::DatabaseBusy)
    ) {
        return error.into();
    }
    for (rule, query) in load.import.sql_rules.iter().zip(&statements.rules) {
        let words = match connection.query_row(query, [], |_| Ok(())) {
            Ok(()) => continue,
            Err(rusqlite::Error::SqlInputError { msg, .. }) => msg,
            Err(error) => error.to_string(),
        };
        return wrong_rule(load.import, rule, &words).into();
    }
    error.into()
}

/// What became of writing: where a constraint did not let it, that is no error of the database.
fn refused(load: &Load<'_>, error: rusqlite::Error) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => {
            Problem::Constraint { table: load.import.table.clone(), reason: error.to_string() }
        }
        Some(_) | None => error.into(),
    }
}

/// Reads the columns of the table, if it is there.
fn table(connection: &Connection, import: &Import) -> Result<Option<Vec<TableColumn>>, Problem> {
    let parts = sql::parts(&import.table);
    let (schema, name) = match parts.as_slice() {
        [name] => ("main", name),
        [schema, name] if schema.eq_ignore_ascii_case("main") => ("main", name),
        [_, name] => {
            let (table, name) = (import.table.clone(), name.clone());
            return Err(Misfit::Schema { table, name }.into());
        }
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
         pk <> 0 AND (SELECT count(*) FROM pragma_table_xinfo(?2, ?1) WHERE pk <> 0) = 1, hidden IN (2, 3) \
         FROM pragma_table_xinfo(?2, ?1)",
    )?;
    let mut computed = Vec::new();
    let columns = columns.query_map([schema, name], |row| {
        if row.get(5)? {
            computed.push(row.get::<_, String>(0)?);
        }
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
    let columns = columns.collect::<Result<_, _>>()?;
    let is_computed = |name: &str| computed.iter().any(|column| column.eq_ignore_ascii_case(name));
    match written(import).find(|(name, _)| is_computed(name)) {
        Some((column, _)) => Err(Misfit::Computed {
            table: import.table.clone(),
            column: column.to_owned(),
            import: import.name.clone(),
        }
        .into()),
        None => Ok(Some(columns)),
    }
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
