//! One row: every cell read, and what holds between them.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::fault::Fault;
use super::spec::Import;

/// The values of a row as the database takes them. It is used again for the next row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    text: String,
    ends: Vec<Option<usize>>,
    numbers: Vec<Option<Decimal>>,
}

impl Row {
    /// Returns the values in the order of the columns; `None` is NULL.
    pub fn values(&self) -> impl Iterator<Item = Option<&str>> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            end.map(|end| {
                let value = self.text.get(from..end).unwrap_or_default();
                from = end;
                value
            })
        })
    }

    /// Returns them with the number that each of them is, where it is one.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Option<&str>, Option<Decimal>)> {
        self.values().zip(self.numbers.iter().copied())
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.numbers.clear();
    }
}

impl Import {
    /// Reads the cells of a row, in the order of [`Import::sources`]; `None` and an empty text are no
    /// value. A password is left to whoever hashes it. Fills `row`, or returns every fault.
    pub fn check<'a>(
        &self,
        cells: impl Iterator<Item = Option<&'a str>>,
        now: Timestamp,
        row: &mut Row,
    ) -> Result<(), Vec<Fault>> {
        row.clear();
        let mut faults = Vec::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            let Some(text) = cell.filter(|text| !text.trim_ascii().is_empty()) else {
                if !column.nullable {
                    faults.push(Fault::new(&column.from, None, "expected a value"));
                }
                row.ends.push(None);
                row.numbers.push(None);
                continue;
            };
            let begun = row.text.len();
            match column.read(text, now, &mut row.text) {
                Ok(number) => row.numbers.push(number),
                Err(problem) => {
                    row.text.truncate(begun);
                    row.numbers.push(None);
                    faults.push(Fault::new(&column.from, Some(text), problem));
                }
            }
            row.ends.push(Some(row.text.len()));
        }
        for product in &self.products {
            self.multiplied(product, row, &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn multiplied(&self, product: &super::Product, row: &Row, faults: &mut Vec<Fault>) {
        let number = |place: &usize| row.numbers.get(*place).copied().flatten();
        // Where one is missing or wrong, that has been said.
        let Some(equals) = number(&product.equals) else { return };
        if product.of.iter().any(|place| number(place).is_none()) {
            return;
        }
        let mut factors = product.of.iter().filter_map(number);
        let whole = factors.try_fold(Decimal::ONE, Decimal::checked_mul);
        let apart = whole.and_then(|whole| whole.checked_sub(equals));
        if apart.is_none_or(|apart| apart.abs() > product.within) {
            let names: Vec<&str> =
                product.of.iter().map(|place| self.columns[*place].from.as_str()).collect();
            let expected =
                whole.map_or_else(String::new, |whole| format!(" = {}", whole.normalize()));
            faults.push(Fault::new(
                &self.columns[product.equals].from,
                Some(&equals.to_string()),
                format!(
                    "expected {}{expected}, to within {}",
                    names.join(" × "),
                    product.within.normalize()
                ),
            ));
        }
    }
}
