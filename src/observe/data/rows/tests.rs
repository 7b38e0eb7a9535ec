use std::io::Write as _;

use proptest::prelude::*;

use super::{Answers, Batch, Record, Records, RowPlace, RowsError};
use crate::config::ImportConfig;
use crate::data::import::Import;

fn pairs() -> Import {
    let entry: ImportConfig =
        serde_yaml::from_str("columns: [ { name: a, type: text }, { name: b, type: text } ]")
            .unwrap();
    Import::of("pairs", Some(&entry)).unwrap().unwrap()
}

fn batch(bytes: &[u8]) -> Result<Batch, RowsError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Batch::of_file(file.path(), "x.csv")
}

/// Every row as `line a|b`, or `line !` and what is wrong with its shape.
fn rows(bytes: &[u8]) -> Result<Vec<String>, String> {
    let read = || {
        let batch = batch(bytes)?;
        let mut reader = batch.read(&pairs())?;
        let mut rows = Vec::new();
        while let Some(cells) = reader.next_row()? {
            let text = match cells.misshapen() {
                Some(fault) => format!("!{}", fault.rule),
                None => cells.wanted().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|"),
            };
            rows.push(format!("{} {text}", cells.number));
        }
        Ok(rows)
    };
    read().map_err(|error: RowsError| error.to_string())
}

fn read(text: &str) -> Vec<String> {
    rows(text.as_bytes()).unwrap()
}

fn problem(bytes: &[u8]) -> String {
    rows(bytes).unwrap_err()
}

#[test]
fn rows_are_numbered_by_the_line_at_which_they_begin() {
    assert_eq!(read("a,b\n1,2\n\n3,4"), ["2 1|2", "4 3|4"]);
    assert_eq!(read("a,b\r\n1,2\r\n\r\n\"3\r\n,\",4\r\n5,6\r\n"), ["2 1|2", "4 3\r\n,|4", "6 5|6"]);
    assert_eq!(read("\n\na,b\n1,2"), ["4 1|2"]);
}

#[test]
fn quotes_are_those_of_rfc_4180() {
    assert_eq!(read("a,b\n\"x \"\"y\"\"\",\"\"\n"), [r#"2 x "y"|"#]);
    assert_eq!(read("a,b\n5\" pipe,x\"\"y"), [r#"2 5" pipe|x""y"#]);
    assert_eq!(read("a,b\n\"ä\",\"ö\"\"ü\"\nß,\"é\""), ["2 ä|ö\"ü", "3 ß|é"]);
    let after = "2 !expected the end of the cell after its closing quote";
    assert_eq!(read("a,b\n\"x\"y,2\n3,4"), [after, "3 3|4"]);
}

#[test]
fn a_row_with_too_few_or_too_many_cells_is_named() {
    assert_eq!(
        read("a,b\n1\n1,2,3\n1,2,\n1,2,,\n\"1\"\n"),
        [
            "2 !expected 2 cells, found 1",
            "3 !expected 2 cells, found 3",
            "4 1|2",
            "5 1|2",
            "6 !expected 2 cells, found 1"
        ]
    );
}

#[test]
fn the_header_says_where_the_columns_are() {
    assert_eq!(read("\u{feff}B,x, a \n1,2,3"), ["2 3|1"]);
    assert_eq!(read("\u{feff}\"b\",\"a\"\n1,2"), ["2 2|1"]);
    for separator in [";", "\t", "|"] {
        let text = ["a,b,c", "1,\"2,x\",3"].join("\n").replace(',', separator);
        assert_eq!(read(&text), [format!("2 1|2{separator}x")]);
    }
    assert_eq!(problem(b"A1,b\n"), "x.csv: the column a is missing; there are A1, b");
    assert_eq!(problem(b"a,b,A\n"), "x.csv: the column a stands there twice");
    let hidden = problem(b"ana,hunter2\n");
    assert_eq!(hidden, "x.csv: expected a header in line 1 with the columns a, b");
}

#[test]
fn a_misspelt_column_is_found() {
    let sales = Import::of("sales", None).unwrap().unwrap();
    let batch = batch(b"date,user_id,product,quantity,unit_price,total_amout,region\n").unwrap();
    assert_eq!(
        batch.read(&sales).unwrap_err().to_string(),
        "x.csv: the columns product_name, total_amount are missing; there are date, user_id, product, \
         quantity, unit_price, total_amout, region: is total_amout meant to be total_amount?"
    );
}

#[test]
fn what_is_no_csv_file_is_named_with_its_line() {
    assert_eq!(problem(b""), "x.csv: it is empty: there is not even a header");
    assert_eq!(problem(b"\n\r\n"), "x.csv: it is empty: there is not even a header");
    assert_eq!(problem(b"a,b\n1,2\nM\xfcller,3\n"), "x.csv: line 3: byte 2 is no UTF-8");
    assert_eq!(problem(b"a,b\n\"x\n\xff\",3\n"), "x.csv: line 3: byte 1 is no UTF-8");
    assert_eq!(problem(b"\xff\xfea\0"), "x.csv: it is UTF-16, expected UTF-8");
    assert_eq!(
        problem(b"a,b\n1,2\n\"x,y\n3,4\n"),
        "x.csv: line 3: a quote of the row is not closed"
    );
    assert_eq!(
        problem(b"a,b\r1,2\r"),
        "x.csv: its lines end with CR alone; save it with LF or CRLF"
    );
    let long = [b"a,b\n1,".as_slice(), &vec![b'x'; 2 << 20]].concat();
    let said = "x.csv: line 2: the row has more than 1048576 bytes; is a quote not closed?";
    assert_eq!(problem(&long), said);
}

#[test]
fn a_folder_a_missing_file_and_a_changing_one_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &std::path::Path| Batch::of_file(path, "x.csv").unwrap_err().to_string();
    assert_eq!(said(folder.path()), "x.csv: it is a folder, not a CSV file");
    assert!(said(&folder.path().join("y")).starts_with("cannot read x.csv: "));

    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let batch = Batch::of_file(&path, "x.csv").unwrap();
    let mut reader = batch.read(&pairs()).unwrap();
    assert!(reader.next_row().unwrap().is_some());
    std::fs::write(&path, "a,b\n1,2\n3,4\n").unwrap();
    while let Ok(Some(_)) = reader.next_row() {}
    let error = reader.next_row().unwrap_err();
    assert_eq!(error.to_string(), "x.csv was changed while it was read");
}

#[test]
fn rows_of_an_api_are_placed_by_page_and_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let mut answers = Answers::create(folder.path(), &pairs()).unwrap();
    answers.page("/data");
    answers.row([Some("x\n\"y\""), None]).unwrap();
    answers.row([Some(""), Some("2")]).unwrap();
    answers.page("/data");
    answers.page("/data");
    answers.row([None, None]).unwrap();
    assert_eq!(answers.rows(), 3);
    let batch = answers.finish("https://api.acme.example/pairs", None).unwrap();
    for _ in 0..2 {
        let mut reader = batch.read(&pairs()).unwrap();
        let first = reader.next_row().unwrap().unwrap();
        assert_eq!(first.wanted().collect::<Vec<_>>(), [Some("x\n\"y\""), Some("")]);
        let mut numbers = vec![1];
        while let Some(cells) = reader.next_row().unwrap() {
            numbers.push(cells.number);
        }
        assert_eq!(numbers, [1, 2, 3]);
    }
    let places: Vec<String> = (1..=3).map(|number| batch.place(number).to_string()).collect();
    assert_eq!(places, ["page 1, /data/0", "page 1, /data/1", "page 3, /data/0"]);
    assert_eq!(super::tests::batch(b"a,b\n").unwrap().place(7), RowPlace::Line(7));
}

proptest! {
    /// Whatever the cells hold: what the `csv` crate writes is read again, cell for cell, and so are the
    /// lines of the rows.
    #[test]
    fn what_others_write_is_read_as_they_meant_it(
        rows in proptest::collection::vec(
            proptest::collection::vec("[a-c,\"\n\r; ä€😀]{0,6}", 2..5), 1..8),
        crlf in any::<bool>(),
        always in any::<bool>(),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        let (mut lines, mut line) = (Vec::new(), 1);
        for row in &rows {
            writer.write_record(row).unwrap();
            lines.push(line);
            line += 1 + row.iter().map(|cell| cell.matches('\n').count()).sum::<usize>();
        }
        let bytes = writer.into_inner().unwrap();
        let mut records = Records::new(&bytes[..], "x.csv");
        let mut record = Record::default();
        for (row, line) in rows.iter().zip(lines) {
            prop_assert!(records.next(&mut record).unwrap());
            let cells: Vec<&str> = (0..record.len()).filter_map(|place| record.cell(place)).collect();
            prop_assert_eq!(&cells, row);
            prop_assert_eq!(record.line(), line as u64);
            prop_assert_eq!(record.problem(), None);
        }
        prop_assert!(!records.next(&mut record).unwrap());
    }

    /// Whatever the bytes are: it ends, without a panic.
    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = [b"a,b\n".as_slice(), &bytes].concat();
        let _ = rows(&text);
        let few: Vec<u8> = bytes.iter().map(|byte| b"a,\"\n\r"[usize::from(*byte) % 5]).collect();
        let _ = rows(&[b"a,b\n".as_slice(), &few].concat());
    }
}
