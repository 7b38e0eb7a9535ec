//! The page about JSON describes every result that a command prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::reference;

/// Collects what stands between quotes and looks like `tidegate/status/1`.
fn schemas(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            schemas(&path, found);
        } else {
            let source = fs::read_to_string(&path).unwrap();
            let quoted = source.split('"').filter(|text| {
                let parts: Vec<&str> = text.split('/').collect();
                matches!(parts[..], ["tidegate", _, version] if version.parse::<u32>().is_ok())
            });
            found.extend(quoted.map(str::to_owned));
        }
    }
}

#[test]
fn the_page_about_json_describes_every_schema_and_no_other() {
    let mut printed = BTreeSet::new();
    schemas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut printed);
    assert!(printed.contains("tidegate/status/1"), "{printed:?}");
    let page = fs::read_to_string(reference("json.md")).unwrap();
    let headings = page.lines().filter_map(|line| line.strip_prefix("## `tidegate/"));
    let described: BTreeSet<String> =
        headings.map(|name| format!("tidegate/{}", name.trim_end_matches('`'))).collect();
    assert_eq!(described, printed, "docs/reference/json.md, src");
}
