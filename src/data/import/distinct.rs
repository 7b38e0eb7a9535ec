//! Whether the rows of a batch repeat each other, found out while they are checked.

use std::hash::{DefaultHasher, Hasher as _};

use rust_decimal::Decimal;

use super::row::Row;
use super::spec::Import;
use crate::config::ColumnType;

/// The most rows whose keys are kept: 8 bytes each, 32 MB in all.
const MOST: usize = 4_000_000;

/// The longest time that every engine keeps as it is: microseconds, `2026-02-07 19:53:58.123456`.
const MICROSECONDS: usize = 26;

/// The largest whole number below which a real number has all of them (IEEE 754, binary64).
const EXACT: i128 = 1 << 53;

/// The powers of ten that a real number has exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The keys of a batch, as hashes. Keys that a database may take for equal have one hash, so that
/// different hashes prove that no two rows have the same key.
#[derive(Debug)]
pub struct Keys {
    /// For each column its type, where it belongs to the key.
    kinds: Vec<Option<ColumnType>>,
    /// `None`: it is not known any more.
    hashes: Option<Vec<u64>>,
}

impl Keys {
    /// Begins with none.
    pub fn of(import: &Import) -> Self {
        let places = import.key_places();
        let columns = import.columns.iter().enumerate();
        let kinds = columns.map(|(place, column)| places.contains(&place).then_some(column.kind));
        Self { kinds: kinds.collect(), hashes: Some(Vec::new()) }
    }

    /// Adds that of a checked row.
    pub fn add(&mut self, row: &Row) {
        let Some(hashes) = self.hashes.as_mut().filter(|hashes| hashes.len() < MOST) else {
            self.hashes = None;
            return;
        };
        match hash(&self.kinds, row) {
            Some(hash) => hashes.push(hash),
            None => self.hashes = None,
        }
    }

    /// Tells whether no two rows have the same key, for sure.
    pub fn are_distinct(self) -> bool {
        self.hashes.is_some_and(|mut hashes| {
            hashes.sort_unstable();
            hashes.array_windows().all(|[one, next]| one != next)
        })
    }
}

/// Returns `None` where equal keys could have different hashes.
fn hash(kinds: &[Option<ColumnType>], row: &Row) -> Option<u64> {
    let mut hash = DefaultHasher::new();
    for (kind, (value, number)) in kinds.iter().zip(row.cells()) {
        let Some(kind) = kind else { continue };
        let Some(text) = value else {
            hash.write_u8(0);
            continue;
        };
        match kind {
            ColumnType::Integer | ColumnType::Number | ColumnType::Amount => {
                hash.write_u64(real(number?, text)?);
            }
            ColumnType::Timestamp if text.len() > MICROSECONDS => return None,
            ColumnType::Text
            | ColumnType::Email
            | ColumnType::Boolean
            | ColumnType::Date
            | ColumnType::Timestamp => {
                hash.write(text.as_bytes());
                hash.write_u8(0xff);
            }
        }
    }
    Some(hash.finish())
}

/// Returns the bits of the real number next to a number, whatever the column of a table keeps of it:
/// 2.5 and 2.50 have the same ones.
fn real(number: Decimal, text: &str) -> Option<u64> {
    let (mantissa, scale) = (number.mantissa(), number.scale() as usize);
    let exact = i64::try_from(mantissa).ok().filter(|_| mantissa.abs() < EXACT);
    let real = match (exact, TENS.get(scale)) {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 nothing is lost")]
        (Some(mantissa), Some(ten)) => mantissa as f64 / ten,
        (None | Some(_), _) => text.parse().ok()?,
    };
    // Zero has two signs.
    Some(if real == 0.0 { 0 } else { real.to_bits() })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::config::ImportConfig;

    fn import(yaml: &str) -> Import {
        let entry: ImportConfig = serde_yaml::from_str(yaml).unwrap();
        Import::of("things", Some(&entry)).unwrap().unwrap()
    }

    /// Tells whether these rows, of cells between `|`, are distinct.
    fn distinct(import: &Import, rows: &[&str]) -> bool {
        let now: Timestamp = "2026-02-07T12:00:00Z".parse().unwrap();
        let (mut keys, mut row) = (Keys::of(import), Row::default());
        for line in rows {
            import.check(line.split('|').map(Some), now, &mut row).unwrap();
            keys.add(&row);
        }
        keys.are_distinct()
    }

    #[test]
    fn what_a_database_takes_for_equal_is_not_distinct() {
        for (kind, equal) in [
            ("number", ["2.5", "2.50"]),
            ("number", ["0", "-0.0"]),
            ("number", ["1", "1.000000000000000000"]),
            ("number", ["1e-7", "0.0000001"]),
            ("number", ["9007199254740993", "9007199254740993.0"]),
            // One real number, of which DOUBLE and REAL are made.
            ("number", ["9007199254740993", "9007199254740992"]),
            ("number", ["0.1", "0.10000000000000000555"]),
            ("amount", ["7", " 7.00"]),
            ("amount", ["9999999999999999.99", "9999999999999999.990"]),
            ("integer", ["3", "3.0"]),
            ("integer", ["-3", " -3"]),
            ("boolean", ["TRUE", "1"]),
            ("date", ["2026-02-07", " 2026-02-07 "]),
            ("timestamp", ["2026-02-07T19:53:58Z", "2026-02-07T20:53:58.000+01:00"]),
            ("email", ["Ana@acme.example", "ana@ACME.example"]),
            ("text", ["Tea", "Tea"]),
            ("text", ["", " "]),
        ] {
            let import = import(&format!(
                "columns: [{{ name: it, type: {kind}, nullable: true }}, {{ name: n, type: integer }}]"
            ));
            let [one, other] = equal.map(|value| format!("{value}|1"));
            assert!(!distinct(&import, &[&one, "|7", &other]), "{kind}: {equal:?}");
            assert!(distinct(&import, &[&one, "|7"]), "{kind}: {equal:?}");
        }
    }

    #[test]
    fn of_times_that_an_engine_may_round_it_is_not_known() {
        let import = import("columns: [{ name: at, type: timestamp }]");
        // One microsecond, of which TIMESTAMP is made.
        let rows = ["2026-02-07T19:53:58.1234565Z", "2026-02-07T19:53:58.1234568Z"];
        assert!(!distinct(&import, &rows));
        let rows = ["2026-02-07T19:53:58.123456Z", "2026-02-07T19:53:58.123457Z"];
        assert!(distinct(&import, &rows));
    }

    #[test]
    fn different_keys_are_distinct() {
        let all = import(
            "columns: [{ name: a, type: text, nullable: true }, { name: b, type: text, nullable: true }, \
             { name: c, type: amount, nullable: true }]",
        );
        let rows =
            ["x|yz|1", "xy|z|1", "xyz||1", "|xyz|1", "x|yz|", "x|yz|-1", "x|yz|1.01", "x|YZ|1"];
        assert!(distinct(&all, &rows));
        assert!(!distinct(&all, &[&rows[..], &rows[..1]].concat()));
        let keyed = import(
            "key: [a]\ncolumns: [{ name: a, type: text }, { name: b, type: text, nullable: true }]",
        );
        assert!(distinct(&keyed, &["x|1", "y|1"]));
        assert!(!distinct(&keyed, &["x|1", "x|2"]));
        assert!(distinct(&keyed, &[]));
    }

    #[test]
    fn of_too_many_rows_it_is_not_known() {
        let import = import("columns: [{ name: n, type: integer }]");
        let (mut keys, mut row) = (Keys::of(&import), Row::default());
        import.check([Some("1")].into_iter(), Timestamp::UNIX_EPOCH, &mut row).unwrap();
        keys.hashes = Some((0..MOST as u64 - 1).collect());
        keys.add(&row);
        assert!(keys.hashes.is_some());
        keys.add(&row);
        assert!(!keys.are_distinct());
    }
}
