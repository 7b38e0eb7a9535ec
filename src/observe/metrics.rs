//! Reads figures from JSON files.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path};

use serde_json::Value;

use crate::config::MetricConfig;
use crate::evidence::metrics::MetricProblem;

/// The largest file of figures, in bytes.
pub const MAX_FILE: u64 = 16 << 20;

/// Reads the value of one metric below `root`, the work tree.
pub fn read(root: &Path, config: &MetricConfig) -> Result<f64, MetricProblem> {
    let bytes = read_file(root, config)?;
    value(&bytes, config)
}

/// Reads the value of one metric from the content of its file.
pub fn value(bytes: &[u8], config: &MetricConfig) -> Result<f64, MetricProblem> {
    let (metric, file, pointer) =
        (config.name.clone(), config.file.clone(), config.pointer.clone());
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(MetricProblem::BadPointer { metric, pointer });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Value = serde_json::from_slice(bytes).map_err(|error| {
        let cause = error.to_string();
        let cause = cause.rsplit_once(" at line ").map_or(cause.as_str(), |(cause, _)| cause);
        MetricProblem::NotJson {
            metric: metric.clone(),
            file: file.clone(),
            line: error.line(),
            column: error.column(),
            cause: cause.to_owned(),
        }
    })?;
    let Some(found) = document.pointer(&pointer) else {
        return Err(MetricProblem::NotFound { metric, file, pointer });
    };
    let kind = match found {
        Value::Number(number) => match number.as_f64().filter(|number| number.is_finite()) {
            Some(number) => return Ok(number),
            None => "a number beyond all bounds",
        },
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(MetricProblem::NotANumber { metric, file, pointer, found: kind.to_owned() })
}

/// Reads the file of a metric, if it lies in the work tree after all links are followed.
fn read_file(root: &Path, config: &MetricConfig) -> Result<Vec<u8>, MetricProblem> {
    let (metric, file) = (config.name.clone(), config.file.clone());
    let outside =
        || MetricProblem::OutsideTree { metric: config.name.clone(), file: config.file.clone() };
    let unreadable = |error: std::io::Error| {
        let (metric, file) = (config.name.clone(), config.file.clone());
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                MetricProblem::FileMissing { metric, file }
            }
            _ => MetricProblem::FileUnreadable { metric, file, cause: error.to_string() },
        }
    };
    let relative = Path::new(&config.file);
    let stays_inside =
        relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if config.file.is_empty() || config.file.contains('\0') || !stays_inside {
        return Err(outside());
    }
    let root = root.canonicalize().map_err(unreadable)?;
    let path = root.join(relative).canonicalize().map_err(unreadable)?;
    if !path.starts_with(&root) {
        return Err(outside());
    }
    // A pipe would make the open below wait for ever.
    if !path.metadata().map_err(unreadable)?.is_file() {
        let cause = "not a plain file".to_owned();
        return Err(MetricProblem::FileUnreadable { metric, file, cause });
    }
    let mut bytes = Vec::new();
    let opened = File::open(&path).map_err(unreadable)?;
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(MetricProblem::TooLarge { metric, file, limit: MAX_FILE });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Direction;

    fn config(file: &str, pointer: &str) -> MetricConfig {
        MetricConfig {
            name: "macro_f1".into(),
            file: file.into(),
            pointer: pointer.into(),
            higher_is: Direction::Better,
            min: None,
            max: None,
            max_drop: None,
            noise: None,
        }
    }

    fn read_value(text: &str, pointer: &str) -> Result<f64, MetricProblem> {
        value(text.as_bytes(), &config("summary.json", pointer))
    }

    #[test]
    fn values_are_found_by_pointer() {
        let text = "\u{feff}{\"test_metrics\": {\"macro_f1\": 0.91, \"a/b\": [1, 2]}}";
        assert_eq!(read_value(text, "/test_metrics/macro_f1"), Ok(0.91));
        assert_eq!(read_value(text, "/test_metrics/a~1b/1"), Ok(2.0));
        assert_eq!(read_value("7", ""), Ok(7.0));
    }

    #[test]
    fn what_is_not_a_finite_number_is_missing() {
        for (text, kind) in [
            ("{\"x\": \"0.9\"}", "a string"),
            ("{\"x\": null}", "null"),
            ("{\"x\": true}", "a boolean"),
            ("{\"x\": []}", "a list"),
            ("{\"x\": {}}", "an object"),
        ] {
            let problem = read_value(text, "/x").unwrap_err();
            assert!(matches!(&problem, MetricProblem::NotANumber { found, .. } if found == kind));
        }
        assert!(matches!(read_value("{}", "/x"), Err(MetricProblem::NotFound { .. })));
        assert!(matches!(read_value("{}", "x"), Err(MetricProblem::BadPointer { .. })));
    }

    #[test]
    fn bad_json_is_named_by_its_place() {
        for (text, line) in
            [("{\n\"x\": NaN}", 2), ("{\"x\": 1e999}", 1), ("", 1), ("{\"x\": 1", 1)]
        {
            let problem = read_value(text, "/x").unwrap_err();
            assert!(
                matches!(&problem, MetricProblem::NotJson { line: at, .. } if *at == line.max(1))
                    || text.is_empty(),
                "{problem:?}"
            );
        }
        assert!(matches!(
            read_value(&"[".repeat(1_000_000), "/x"),
            Err(MetricProblem::NotJson { .. })
        ));
    }

    #[test]
    fn files_outside_the_tree_are_not_read() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let tree = folder.path().join("tree");
        std::fs::create_dir(&tree)?;
        std::fs::write(folder.path().join("secret.json"), "{\"x\": 1}")?;
        std::fs::write(tree.join("ok.json"), "{\"x\": 1}")?;
        std::os::unix::fs::symlink("../secret.json", tree.join("link.json"))?;
        std::os::unix::fs::symlink("ok.json", tree.join("inside.json"))?;
        assert_eq!(read(&tree, &config("ok.json", "/x")), Ok(1.0));
        assert_eq!(read(&tree, &config("inside.json", "/x")), Ok(1.0));
        for file in ["../secret.json", "/etc/hostname", "link.json", ""] {
            let problem = read(&tree, &config(file, "/x")).unwrap_err();
            assert!(matches!(problem, MetricProblem::OutsideTree { .. }), "{file}: {problem}");
        }
        let missing = read(&tree, &config("none.json", "/x")).unwrap_err();
        assert!(matches!(missing, MetricProblem::FileMissing { .. }), "{missing}");
        let below_a_file = read(&tree, &config("ok.json/x", "/x")).unwrap_err();
        assert!(matches!(below_a_file, MetricProblem::FileMissing { .. }), "{below_a_file}");
        std::fs::create_dir(tree.join("folder.json"))?;
        let folder = read(&tree, &config("folder.json", "/x")).unwrap_err();
        assert!(matches!(folder, MetricProblem::FileUnreadable { .. }), "{folder}");
        Ok(())
    }

    #[test]
    fn a_huge_file_is_not_read() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        File::create(folder.path().join("huge.json"))?.set_len(MAX_FILE + 1)?;
        let problem = read(folder.path(), &config("huge.json", "/x")).unwrap_err();
        assert!(matches!(problem, MetricProblem::TooLarge { .. }), "{problem}");
        Ok(())
    }
}
