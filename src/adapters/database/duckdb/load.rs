//! Rows of an import, brought into a DuckDB file by one script.

use std::path::Path;

use serde_json::{Map, Value};

use super::process::Said;
use super::spool::Lines;
use super::{Access, DuckDb, answer};
use crate::adapters::database::create::{self, Creation};
use crate::adapters::database::{Database as _, DatabaseError, found, state};
use crate::config::OnConflict;
use crate::data::check::Dialect;
use crate::data::import::duckdb::{
    CHANGED, FILLED, On, STOPPED, columns, rule_script, script, straight,
};
use crate::data::import::state::IMPORTS;
use crate::data::import::{
    Constraint, Fitted, ImportState, Load, Loaded, Look, Misfit, ScriptProblem, TableColumn,
    check_rules, told, wrong_rule,
};

/// What DuckDB says where it cannot take a row out that it wants to put in again
/// (<https://duckdb.org/docs/stable/sql/indexes>, "Limitations of ART Indexes").
const REFERRED: &str = "still referenced by a foreign key";

/// How the message begins where a value of the last step, which writes, does not go into the table.
const REFUSED: [&str; 3] = ["Constraint Error:", "Conversion Error:", "Out of Range Error:"];

/// How the message begins where a rule is what is wrong.
const WRONG: [&str; 6] = [
    "Binder Error:",
    "Catalog Error:",
    "Conversion Error:",
    "Invalid Input Error:",
    "Out of Range Error:",
    "Parser Error:",
];

/// The most columns of a table that are looked at.
const MOST_COLUMNS: usize = 10_000;

/// Loads the rows.
pub(super) async fn load(database: &DuckDb, load: &Load<'_>) -> Result<Loaded, DatabaseError> {
    check_rules(load.import).map_err(|problem| misfit(database, problem))?;
    for _ in 0..create::TRIES {
        if let Some(loaded) = once(database, load).await? {
            return Ok(loaded);
        }
    }
    Err(create::unsettled(&database.shown))
}

/// Loads them, unless somebody else makes the file, or changes the table, meanwhile.
async fn once(database: &DuckDb, load: &Load<'_>) -> Result<Option<Loaded>, DatabaseError> {
    if database.file.exists() {
        let access = if load.most_found().is_some() { Access::Write } else { Access::Look };
        let table = table(database, load).await?;
        return run(database, load, access, table).await;
    }
    if load.most_found().is_none() {
        return run(database, load, Access::Attach, None).await;
    }
    let creation = Creation::begin(&database.file, &database.shown)?;
    let new = DuckDb { file: creation.file(), ..database.clone() };
    let loaded = run(&new, load, Access::Create, None).await?;
    let Some(loaded) = loaded else { return Ok(None) };
    let is_there = !loaded.written || creation.end()?;
    Ok(is_there.then_some(loaded))
}

/// A table that is there.
struct Table {
    columns: Vec<TableColumn>,
    constraints: Vec<Constraint>,
    /// What tells that they changed.
    mark: String,
    /// Whether it seemed to have no rows.
    is_empty: bool,
}

async fn table(database: &DuckDb, load: &Load<'_>) -> Result<Option<Table>, DatabaseError> {
    let query = columns(&load.import.table).map_err(|problem| database.wrong(problem))?;
    let found = database.query(&query, &[], MOST_COLUMNS).await?;
    let unreadable = || DatabaseError::Sql {
        file: database.shown.clone(),
        reason: format!("{} does not tell the columns of {}", database.engine, load.import.table),
    };
    let (mut columns, mut seen) = (Vec::new(), None);
    for row in found.rows {
        let [
            Value::String(name),
            Value::String(kind),
            Value::Bool(nullable),
            Value::Bool(filled),
            Value::Bool(primary),
            Value::Bool(indexed),
            Value::Bool(is_view),
            Value::String(constraints),
            Value::String(said),
            Value::Bool(is_empty),
        ] = <[Value; 10]>::try_from(row).map_err(|_| unreadable())?
        else {
            return Err(unreadable());
        };
        if is_view {
            return Err(misfit(database, Misfit::View { table: load.import.table.clone() }));
        }
        seen = Some((constraints, said, is_empty));
        columns.push(TableColumn { name, kind, nullable, filled, primary, indexed });
    }
    let Some((constraints, mark, is_empty)) = seen else { return Ok(None) };
    let constraints = told(&load.import.table, &constraints).ok_or_else(unreadable)?;
    Ok(Some(Table { columns, constraints, mark, is_empty }))
}

/// Returns `None` where the table is no longer as it was found.
async fn run(
    database: &DuckDb,
    load: &Load<'_>,
    access: Access,
    table: Option<Table>,
) -> Result<Option<Loaded>, DatabaseError> {
    let columns = table.as_ref().map(|table| table.columns.as_slice());
    let fitted = Fitted::of(load.import, Dialect::DuckDb, columns)
        .map_err(|problem| misfit(database, problem))?;
    let constraints = table.as_ref().map(|table| table.constraints.clone());
    let fitted = fitted.under(constraints.unwrap_or_default());
    if table.as_ref().is_some_and(|table| !table.is_empty) {
        look(database, load, &fitted).await?;
    }
    let listed = load.listed();
    let (spool, found) = (path(database, load.spool)?, path(database, &listed)?);
    let known = load.known.map(|known| path(database, known)).transpose()?;
    let lines = Lines::of(load)?;
    let answered = |query: &str| answer::select(query, 1);
    let on = On {
        mark: table.as_ref().map(|table| table.mark.as_str()),
        spool: &spool,
        is_flat: lines.is_flat,
        longest: lines.longest,
        found: &found,
        known: known.as_deref(),
        answer: &answered,
    };
    let wrong = |problem| unfit(database, problem);
    let mut said = None;
    if table.as_ref().is_none_or(|table| table.is_empty)
        && let Some(script) = straight(load, &fitted, on).map_err(wrong)?
    {
        let first = database.waited(access, &script).await?;
        // Another process has filled it since: nothing is written, and its rows are compared.
        let is_filled = first.failed.is_some() && first.messages.contains(FILLED);
        said = (!is_filled).then_some(first);
    }
    let said = match said {
        Some(said) => said,
        None => database.waited(access, &script(load, &fitted, on).map_err(wrong)?).await?,
    };
    let stopped = match &said.failed {
        None => false,
        Some(_) if said.messages.contains(STOPPED) => true,
        Some(_) if said.messages.contains(CHANGED) => return Ok(None),
        Some(_) if said.messages.contains(REFERRED) => {
            return Err(referred(database, load, &fitted));
        }
        Some(how) => {
            let access = if table.is_some() { Access::Look } else { Access::Attach };
            let rule = wrong_of(database, load, &fitted, access, on).await?;
            // Its words of a table of somebody else that has the name of ours say nothing to people.
            if rule.is_none() && said.messages.contains(IMPORTS) {
                imports(database).await?;
            }
            return Err(rule.unwrap_or_else(|| refused(database, load, &fitted, &said, how)));
        }
    };
    let counts = answer::read(&said.output).and_then(|rows| rows.into_iter().next());
    let counts = counts.as_ref().and_then(Counts::read).ok_or_else(|| DatabaseError::Ended {
        file: database.shown.clone(),
        reason: format!("{} does not tell how many rows it loaded", database.engine),
    })?;
    let updates = load.import.on_conflict == OnConflict::Update;
    Ok(Some(Loaded {
        written: load.most_found().is_some() && !stopped,
        inserted: counts.good.saturating_sub(counts.changed + counts.same),
        updated: if updates { counts.changed } else { 0 },
        unchanged: counts.same + if updates { 0 } else { counts.changed },
        bad: counts.bad,
        watermark: counts.reached,
        faults: found::first(&listed)?,
    }))
}

/// Makes sure that the table holds values in the form in which they are written.
async fn look(database: &DuckDb, load: &Load<'_>, fitted: &Fitted) -> Result<(), DatabaseError> {
    for look in Look::all(load.import, fitted, Dialect::DuckDb) {
        let found = database.query(&look.query, &[], 1).await?;
        let Some(row) = found.rows.into_iter().next() else { continue };
        let text = |place: usize| row.get(place).and_then(Value::as_str).unwrap_or_default();
        let problem = look.found(text(0), text(1));
        return Err(misfit(database, problem));
    }
    Ok(())
}

/// Finds the rule that cannot be carried out, if it is one that made the script fail.
async fn wrong_of(
    database: &DuckDb,
    load: &Load<'_>,
    fitted: &Fitted,
    access: Access,
    on: On<'_>,
) -> Result<Option<DatabaseError>, DatabaseError> {
    for rule in &load.import.sql_rules {
        let script = rule_script(load, fitted, rule, on);
        let script = script.map_err(|problem| unfit(database, problem))?;
        let said = database.waited(access, &script).await?;
        let words = said.messages.trim().lines().next().unwrap_or_default();
        if said.failed.is_some() && WRONG.iter().any(|begin| words.starts_with(begin)) {
            return Ok(Some(misfit(database, wrong_rule(load.import, rule, words))));
        }
    }
    Ok(None)
}

fn unfit(database: &DuckDb, problem: ScriptProblem) -> DatabaseError {
    match problem {
        ScriptProblem::Misfit(problem) => misfit(database, problem),
        ScriptProblem::Sql(problem) => database.wrong(problem),
    }
}

/// Says why the script failed.
fn refused(
    database: &DuckDb,
    load: &Load<'_>,
    fitted: &Fitted,
    said: &Said,
    how: &str,
) -> DatabaseError {
    let import = load.import;
    let first = said.messages.trim().lines().next().unwrap_or_default();
    if first.contains("Cannot insert into a generated column") {
        // It does not say into which: one of those that fill themselves.
        let filled = fitted.columns.iter().flatten().filter(|column| column.filled);
        let names: Vec<&str> = filled.map(|column| column.name.as_str()).collect();
        return misfit(
            database,
            Misfit::Computed {
                table: import.table.clone(),
                column: names.join(" or "),
                import: import.name.clone(),
            },
        );
    }
    if let Some((_, place)) = first.split_once("CSV Error on Line: ") {
        // What stands there is not for messages: the rows may have hashes of passwords.
        let line: String = place.chars().take_while(char::is_ascii_digit).collect();
        return DatabaseError::Sql {
            file: database.shown.clone(),
            reason: format!("the checked rows cannot be read back, near line {line} of them"),
        };
    }
    if !said.killed && REFUSED.iter().any(|begin| first.starts_with(begin)) {
        return DatabaseError::Constraint {
            file: database.shown.clone(),
            table: import.table.clone(),
            reason: first.to_owned(),
        };
    }
    database.refused(said, how)
}

/// Says which columns DuckDB does not change in rows that a foreign key refers to.
fn referred(database: &DuckDb, load: &Load<'_>, fitted: &Fitted) -> DatabaseError {
    let keys = load.import.key_places();
    let written = fitted.columns.iter().flatten().zip(&load.import.columns).enumerate();
    let names: Vec<&str> = written
        .filter(|(place, (column, _))| column.indexed && !keys.contains(place))
        .map(|(_, (column, _))| column.name.as_str())
        .collect();
    DatabaseError::Sql {
        file: database.shown.clone(),
        reason: format!(
            "a foreign key refers to rows of {} whose indexed columns would change ({}), which {} does \
             not carry out, so nothing was written: drop the foreign key or the index, or let the \
             import have `on_conflict: keep`",
            load.import.table,
            names.join(", "),
            database.engine
        ),
    }
}

/// What the script answers.
struct Counts {
    bad: u64,
    good: u64,
    changed: u64,
    same: u64,
    reached: Option<String>,
}

impl Counts {
    fn read(row: &Map<String, Value>) -> Option<Self> {
        let number = |key: &str| row.get(key).and_then(Value::as_u64);
        Some(Self {
            bad: number("bad")?,
            good: number("good")?,
            changed: number("changed")?,
            same: number("same")?,
            reached: row.get("reached").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

fn misfit(database: &DuckDb, problem: Misfit) -> DatabaseError {
    DatabaseError::Table { file: database.shown.clone(), problem }
}

/// The script takes a path as a text, and the command works in another folder.
fn path(database: &DuckDb, path: &Path) -> Result<String, DatabaseError> {
    let shown = || path.display().to_string();
    let absolute =
        std::path::absolute(path).map_err(|source| DatabaseError::Io { path: shown(), source })?;
    absolute.into_os_string().into_string().map_err(|_| DatabaseError::Open {
        file: database.shown.clone(),
        reason: format!("the path {} is not UTF-8", shown()),
    })
}

/// Tells how the imports ended last.
pub(super) async fn imports(database: &DuckDb) -> Result<Vec<ImportState>, DatabaseError> {
    if !database.file.exists() {
        return Ok(Vec::new());
    }
    let words =
        state::Words { no_table: "tidegate_imports does not exist", no_column: "Binder Error" };
    state::imports(database, &database.shown, words).await
}
