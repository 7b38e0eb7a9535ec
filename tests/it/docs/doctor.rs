//! The page about `doctor` describes every finding.

use std::collections::BTreeSet;
use std::path::Path;

fn is_id(text: &str) -> bool {
    text.contains('-') && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

#[test]
fn the_page_about_doctor_describes_every_finding_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut made = BTreeSet::new();
    for file in std::fs::read_dir(root.join("src/doctor")).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for begin in ["Finding::new(", "wrong("] {
            for rest in source.split(begin).skip(1) {
                let id = rest.split('"').nth(1).filter(|text| is_id(text));
                made.extend(id.map(str::to_owned));
            }
        }
    }
    assert!(made.contains("gate-if-missing") && made.len() > 40, "{made:?}");
    let page = std::fs::read_to_string(root.join("docs/how-to/doctor.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let described: BTreeSet<String> = rows
        .filter_map(|row| row.split('`').next())
        .filter(|id| is_id(id))
        .map(str::to_owned)
        .collect();
    assert_eq!(described, made, "docs/how-to/doctor.md, src/doctor");
}
