//! Aligned tables and lists of names and values.

use super::text::{Styled, dim, strong};

/// Two spaces stand between columns.
const GAP: usize = 2;

/// A column is never cut to less than this.
const NARROWEST: usize = 12;

/// Rows under a header, each column as wide as its widest cell.
#[derive(Debug, Clone, Default)]
pub struct Table {
    header: Vec<Styled>,
    rows: Vec<Vec<Styled>>,
    right: Vec<usize>,
    empty: Option<Styled>,
}

impl Table {
    /// Makes a table with these column names.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(strong).collect(), ..Self::default() }
    }

    /// Aligns the column at `index` to the right, as numbers are read.
    #[must_use]
    pub fn right(mut self, index: usize) -> Self {
        self.right.push(index);
        self
    }

    /// Sets what is shown instead of a table without rows.
    #[must_use]
    pub fn when_empty(mut self, text: &str) -> Self {
        self.empty = Some(dim(text));
        self
    }

    /// Adds a row. Cells that are missing are empty, cells without a column get one.
    pub fn row<C: Into<Styled>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines, with styles. The last column is cut where a line would be longer than
    /// `limit`.
    pub fn render(&self, limit: Option<usize>) -> String {
        if let (true, Some(empty)) = (self.rows.is_empty(), &self.empty) {
            return format!("{empty}\n");
        }
        let rows = || std::iter::once(&self.header).chain(&self.rows);
        let columns = rows().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns)
            .map(|column| rows().filter_map(|row| row.get(column)).map(Styled::width).max())
            .map(Option::unwrap_or_default)
            .collect();
        if let (Some(limit), Some((last, others))) = (limit, widths.split_last_mut()) {
            let before: usize = others.iter().map(|width| width + GAP).sum();
            *last = (*last).min(limit.saturating_sub(before).max(NARROWEST));
        }
        let mut text = String::new();
        for row in rows() {
            let mut line = String::new();
            for (column, width) in widths.iter().enumerate() {
                let Some(cell) = row.get(column).map(|cell| cell.cut(*width)) else { break };
                let padding = " ".repeat(width.saturating_sub(cell.width()));
                let gap = if column == 0 { "" } else { "  " };
                if self.right.contains(&column) {
                    line.extend([gap, &padding, &cell.to_string()]);
                } else {
                    line.extend([gap, &cell.to_string(), &padding]);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names and values, one pair to a line, the values aligned.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    pairs: Vec<(Styled, Vec<Styled>)>,
}

impl Fields {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name with its value.
    pub fn add(&mut self, name: &str, value: impl Into<Styled>) {
        self.parts(name, [value.into()]);
    }

    /// Adds a name with a value that is made of parts, shown with a space between them.
    pub fn parts(&mut self, name: &str, parts: impl IntoIterator<Item = Styled>) {
        self.pairs.push((dim(name), parts.into_iter().collect()));
    }

    /// Returns the lines, with styles.
    pub fn render(&self) -> String {
        let widest = self.pairs.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, parts) in &self.pairs {
            let padding = " ".repeat(widest - name.width());
            let value: Vec<String> = parts.iter().map(ToString::to_string).collect();
            let line = format!("{name}{padding}  {}", value.join(" "));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{good, plain};
    use super::*;

    fn plain_text(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_aligned_by_width() {
        let mut table = Table::new(&["release", "commit", "branch"]).right(0);
        table.row([plain(9), good("611b29b"), plain("東京")]);
        table.row([plain(10), good("dad549a"), plain("main")]);
        insta::assert_snapshot!(plain_text(&table.render(None)), @r"
        release  commit   branch
              9  611b29b  東京
             10  dad549a  main
        ");
    }

    #[test]
    fn the_last_column_is_cut_to_the_terminal() {
        let mut table = Table::new(&["commit", "reason"]);
        table.row(["611b29b", "the integration tests failed on Windows"]);
        insta::assert_snapshot!(plain_text(&table.render(Some(30))), @r"
        commit   reason
        611b29b  the integration test…
        ");
    }

    #[test]
    fn a_table_without_rows_says_so() {
        let table = Table::new(&["commit"]).when_empty("no release yet");
        assert_eq!(plain_text(&table.render(None)), "no release yet\n");
    }

    #[test]
    fn values_are_aligned() {
        let mut fields = Fields::new();
        fields.add("live", "release 9");
        fields.parts("last good", [good("611b29b"), plain("3 h ago")]);
        insta::assert_snapshot!(plain_text(&fields.render()), @r"
        live       release 9
        last good  611b29b 3 h ago
        ");
    }
}
