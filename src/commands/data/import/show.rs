//! What an import says when it has ended.

use serde::Serialize;

use crate::apply::data::import::Imported;
use crate::cli::DataImport;
use crate::data::import::{BadRow, Import, MaxBad};
use crate::observe::data::rows::Batch;
use crate::output::{Output, Table, bad, clean, dim, good, plain, warn};

/// The most faults that people are shown.
const SHOWN: usize = 20;

/// What the command knows besides.
pub(super) struct Seen<'a> {
    pub(super) import: &'a Import,
    pub(super) source: &'a Batch,
    pub(super) database: &'a str,
    pub(super) plan: bool,
    /// Whether rows are bad that stop it.
    pub(super) stopped: bool,
    /// What stops it.
    pub(super) bound: Bound,
    /// Whether the database of SQLite was put into WAL mode.
    pub(super) to_wal: bool,
}

/// Who says how many rows may be bad.
pub(super) enum Bound {
    /// Nobody: none may.
    None,
    /// The option of the command.
    Option(MaxBad),
    /// The import itself.
    Declared(MaxBad),
}

impl Bound {
    /// Finds it out. Without `--accept-good-rows`, what else is said of it does not count.
    pub(super) fn of(args: &DataImport, import: &Import) -> Self {
        match (args.accept_good_rows, args.max_bad, import.max_bad) {
            (true, Some(max), _) => Self::Option(max),
            (true, None, Some(max)) => Self::Declared(max),
            (true, None, None) | (false, ..) => Self::None,
        }
    }

    /// Says what else than mending helps where an import of so many rows is stopped.
    fn remedy(&self, rows: u64) -> String {
        let (what, max) = match self {
            Self::None => return "write the good ones with --accept-good-rows".to_owned(),
            Self::Option(max) => ("--max-bad", max),
            Self::Declared(max) => ("`max_bad` of the import", max),
        };
        let it = match max {
            MaxBad::Rows(_) => "it".to_owned(),
            MaxBad::Percent(_) => format!("{max} of {}", count(rows, "row", "rows")),
        };
        format!("raise {what}: {it} lets {} be bad", count(max.most(rows), "row", "rows"))
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    import: &'a str,
    table: &'a str,
    database: &'a str,
    source: &'a str,
    /// Nothing was to be written.
    plan: bool,
    /// Whether the rows were written.
    written: bool,
    /// Whether bad rows stop it.
    stopped: bool,
    rows: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    bad: u64,
    bad_rows: &'a [BadRow],
    rejects: Option<String>,
    random_passwords: u64,
    password_file: Option<String>,
    watermark: Option<&'a str>,
    warnings: Vec<String>,
}

/// Shows it.
pub(super) fn show(
    seen: &Seen<'_>,
    imported: &Imported,
    output: &mut Output,
) -> std::io::Result<()> {
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.display().to_string());
    let loaded = &imported.loaded;
    let shown = Shown {
        import: &seen.import.name,
        table: &seen.import.table,
        database: seen.database,
        source: seen.source.name(),
        plan: seen.plan,
        written: loaded.written,
        stopped: seen.stopped,
        rows: imported.rows,
        inserted: loaded.inserted,
        updated: loaded.updated,
        unchanged: loaded.unchanged,
        bad: imported.bad,
        bad_rows: &imported.bad_rows,
        rejects: path(&imported.rejects),
        random_passwords: imported.random_passwords,
        password_file: path(&imported.password_file),
        watermark: imported.loaded.watermark.as_deref(),
        warnings: warnings(seen, imported),
    };
    for warning in &shown.warnings {
        output.warning(warning)?;
    }
    output.show("tidegate/data-import/1", &shown, |output, shown| human(seen, shown, output))
}

fn warnings(seen: &Seen<'_>, imported: &Imported) -> Vec<String> {
    let mut warnings = Vec::new();
    if !imported.ignored.is_empty() {
        let (few, more) = imported.ignored.split_at(imported.ignored.len().min(SHOWN));
        let more = if more.is_empty() { "" } else { ", ..." };
        warnings.push(format!("columns that the import does not have: {}{more}", few.join(", ")));
    }
    if let Some(separator) = imported.separator.filter(|separator| *separator != ',') {
        let name = if separator == '\t' { "tabs".to_owned() } else { format!("`{separator}`") };
        warnings.push(format!("the cells of {} are separated by {name}", seen.source.name()));
    }
    if seen.import.is_weakly_hashed() {
        warnings.push(
            "passwords are kept as SHA-256 without salt, which is guessed quickly: move the app to argon2id"
                .to_owned(),
        );
    }
    if seen.to_wal {
        warnings.push(format!(
            "{} was put into WAL mode, so that readers go on beside imports: copy it with `tidegate data backup`, not with cp",
            seen.database
        ));
    }
    for file in &imported.kept_passwords {
        warnings.push(format!(
            "passwords of an import that was killed after it had written its users: {}",
            file.display()
        ));
    }
    if !seen.stopped && imported.bad > 0 && imported.loaded.written {
        let rows = count(imported.bad, "row is", "rows are");
        warnings.push(format!("{rows} bad and not imported"));
    }
    warnings
}

fn human(seen: &Seen<'_>, shown: &Shown<'_>, output: &mut Output) -> std::io::Result<()> {
    if !shown.bad_rows.is_empty() {
        let place = if matches!(shown.bad_rows[0].place, crate::data::import::RowPlace::Line(_)) {
            "LINE"
        } else {
            "ROW"
        };
        let mut table = Table::new(&[place, "COLUMN", "VALUE", "RULE"]);
        let faults = shown.bad_rows.iter().flat_map(|row| row.faults.iter().map(move |f| (row, f)));
        let all: usize = shown.bad_rows.iter().map(|row| row.faults.len()).sum();
        for (row, fault) in faults.take(SHOWN) {
            let value = fault.value.as_deref().unwrap_or_default();
            table.row([
                plain(row.place.to_string().trim_start_matches("line ")),
                plain(clean(&fault.column)),
                warn(clean(value)),
                plain(clean(&fault.rule)),
            ]);
        }
        output.table(&table)?;
        if all > SHOWN || shown.bad > shown.bad_rows.len() as u64 {
            let rows = count(shown.bad, "row is", "rows are");
            output.line(dim(format!("... {rows} bad; --json names up to 1,000")))?;
        }
        output.line("")?;
    }
    let from =
        format!("{} -> {} in {}", clean(shown.source), clean(shown.table), clean(shown.database));
    let rows = format!(
        "{} new, {} changed, {} there already",
        grouped(shown.inserted),
        grouped(shown.updated),
        grouped(shown.unchanged)
    );
    let bad_rows = count(shown.bad, "bad row", "bad rows");
    let all = count(shown.rows, "row", "rows");
    let line = match (seen.stopped, shown.plan, shown.bad) {
        (true, true, _) => {
            format!("{} {from}: {bad_rows} of {all}: nothing would be written", bad("✗"))
        }
        (true, false, _) => {
            format!("{} {from}: {bad_rows} of {all}: nothing was written", bad("✗"))
        }
        (false, true, 0) => format!("{} {from}: would be {rows}", good("✓")),
        (false, true, _) => format!("{} {from}: would be {rows}, {bad_rows} rejected", warn("!")),
        (false, false, 0) => format!("{} {from}: {rows}", good("✓")),
        (false, false, _) => format!("{} {from}: {rows}, {bad_rows} rejected", warn("!")),
    };
    output.line(line)?;
    if let Some(rejects) = &shown.rejects {
        output.line(format!("  mend and import the bad rows: {}", clean(rejects)))?;
    }
    if let Some(file) = &shown.password_file {
        let made = count(shown.random_passwords, "password was", "passwords were");
        output
            .line(format!("  {made} made up: {} (hand them out, then delete it)", clean(file)))?;
    }
    if seen.stopped && !shown.plan {
        let place = if seen.source.is_file() { "in the file" } else { "where the API has them" };
        output.note(format!("  mend them {place}, or {}", seen.bound.remedy(shown.rows)))?;
    }
    Ok(())
}

/// Says `1 row` and `1,000 rows`.
fn count(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { several })
}

/// Says a number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_have_commas() {
        let said: Vec<String> = [0, 999, 1000, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
    }
}
