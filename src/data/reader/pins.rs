//! What the app's own files say about the version of DuckDB that it is installed with.
//!
//! The files are read for the lines about `duckdb` only, not as a whole: a file that is wrong
//! elsewhere still says which DuckDB the app has.

use serde_json::Value;

use super::EngineVersion;

/// The files that are looked at, in the root of the repository. A lock file outranks the file that it
/// was made from.
pub const FILES: [&str; 8] = [
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pyproject.toml",
    "Pipfile.lock",
    "Pipfile",
    "environment.yml",
];

/// The lowest version that may read, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The version.
    pub version: EngineVersion,
    /// The file.
    pub file: String,
}

/// Returns the lowest version of DuckDB that these files (name, text) let in; `None` where none of
/// them says anything about it.
pub fn lowest(files: &[(&str, &str)]) -> Option<Pin> {
    let pinned = |name: &str| {
        let (_, text) = files.iter().find(|(file, _)| *file == name)?;
        let version = in_file(name, text)?;
        Some(Pin { version, file: name.to_owned() })
    };
    let first = |names: &[&str]| names.iter().find_map(|name| pinned(name));
    [
        first(&["requirements.txt"]),
        first(&["uv.lock", "poetry.lock", "pdm.lock", "pyproject.toml"]),
        first(&["Pipfile.lock", "Pipfile"]),
        first(&["environment.yml"]),
    ]
    .into_iter()
    .flatten()
    .min_by_key(|pin| pin.version)
}

fn in_file(name: &str, text: &str) -> Option<EngineVersion> {
    match name {
        "uv.lock" | "poetry.lock" | "pdm.lock" => locked(text),
        "Pipfile.lock" => pipfile_lock(text),
        "requirements.txt" => requirements(text),
        "environment.yml" => text
            .lines()
            .filter_map(|line| {
                requirement(line.trim().strip_prefix('-')?.trim().trim_matches(['"', '\'']))
            })
            .min(),
        _ => project(text),
    }
}

/// `requirements.txt`: a requirement on each line (PEP 508), comments after `#`.
fn requirements(text: &str) -> Option<EngineVersion> {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default());
    lines.filter_map(|line| requirement(line.trim())).min()
}

/// Lock files in TOML: `name = "duckdb"` and then its version.
fn locked(text: &str) -> Option<EngineVersion> {
    let mut ours = false;
    let mut lowest = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            ours = false;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches(['"', '\'']);
        match key.trim() {
            "name" => ours = value == "duckdb",
            "version" if ours => {
                let version: Option<EngineVersion> = value.parse().ok();
                lowest = [lowest, version].into_iter().flatten().min();
            }
            _ => {}
        }
    }
    lowest
}

fn pipfile_lock(text: &str) -> Option<EngineVersion> {
    let lock: Value = serde_json::from_str(text).ok()?;
    let version = |group: &str| lock.get(group)?.get("duckdb")?.get("version")?.as_str();
    ["default", "develop"].into_iter().filter_map(version).filter_map(range).min()
}

/// `pyproject.toml` and `Pipfile`: requirements in lists (PEP 621, PEP 735), or `duckdb = ".."`.
fn project(text: &str) -> Option<EngineVersion> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let keyed = ["duckdb", "\"duckdb\"", "'duckdb'"].into_iter().find_map(|key| {
            line.strip_prefix(key)?.trim_start().strip_prefix('=').map(str::trim_start)
        });
        match keyed {
            Some(value) if value.starts_with('{') => {
                found.extend(
                    value.split_once("version").and_then(|(_, rest)| quoted(rest)).and_then(range),
                );
            }
            Some(value) => found.extend(quoted(value).and_then(range)),
            None => {
                let mut rest = line;
                while let Some(text) = quoted(rest) {
                    found.extend(requirement(text));
                    let end = rest.find(text).map_or(rest.len(), |at| at + text.len() + 1);
                    rest = rest.get(end..).unwrap_or_default();
                }
            }
        }
    }
    found.into_iter().min()
}

/// Returns the first text between quotes.
fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['"', '\''])?;
    let quote = text.get(start..)?.chars().next()?;
    let rest = text.get(start + 1..)?;
    rest.get(..rest.find(quote)?)
}

/// Reads a requirement of duckdb; `None` where it is of another package, or says no version.
fn requirement(text: &str) -> Option<EngineVersion> {
    let name = text.get(..6).filter(|name| name.eq_ignore_ascii_case("duckdb"));
    let rest = match name {
        Some(_) => text.get(6..)?.trim_start(),
        // Conda's name of the same package.
        None => text.strip_prefix("python-duckdb")?.trim_start(),
    };
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1.trim_start(),
        None => rest,
    };
    let rest = rest.strip_prefix('(').map_or(rest, |inner| inner.trim_end_matches(')'));
    if !rest.starts_with(['=', '<', '>', '~', '^', '!']) {
        return None;
    }
    let range_of = rest.split([';', '#']).next()?;
    range(range_of.split(" --hash").next()?)
}

/// Returns the lowest version that a range lets in: `==1.2.2`, `>=1.1,<2`, `~=1.2`, `^1.1`, `1.2.*`.
/// With an upper bound only, the line of versions below it.
fn range(text: &str) -> Option<EngineVersion> {
    let mut lower: Option<EngineVersion> = None;
    let mut upper: Option<EngineVersion> = None;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let operator = part.len() - part.trim_start_matches(['=', '<', '>', '~', '^', '!']).len();
        let (operator, version) = part.split_at(operator);
        let Ok(version) = version.trim().parse::<EngineVersion>() else { continue };
        match operator {
            "" | "=" | "==" | "===" | ">=" | ">" | "~=" | "~" | "^" => {
                // Of several lower bounds, the highest holds.
                lower = Some(lower.map_or(version, |other| other.max(version)));
            }
            "<" => upper = Some(below(version)),
            "<=" => upper = Some(version),
            _ => {}
        }
    }
    lower.or(upper)
}

/// The line of versions below an upper bound.
fn below(version: EngineVersion) -> EngineVersion {
    match (version.minor, version.patch) {
        (minor, patch) if patch > 0 => EngineVersion::new(version.major, minor, 0),
        (0, _) => EngineVersion::new(version.major.saturating_sub(1), 0, 0),
        (minor, _) => EngineVersion::new(version.major, minor - 1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(files: &[(&str, &str)]) -> Option<String> {
        lowest(files).map(|pin| format!("{} {}", pin.version, pin.file))
    }

    #[test]
    fn requirements_are_read() {
        for (text, version) in [
            ("duckdb==1.2.2", Some("1.2.2")),
            ("streamlit\nduckdb >= 1.1, < 2  # not 2\n", Some("1.1.0")),
            ("duckdb~=1.3.1", Some("1.3.1")),
            ("DuckDB[all]==1.4.4; python_version >= '3.9'", Some("1.4.4")),
            ("duckdb==1.2.* --hash=sha256:abc", Some("1.2.0")),
            ("duckdb<1.3", Some("1.2.0")),
            ("duckdb<2", Some("1.0.0")),
            ("duckdb<1.2.2", Some("1.2.0")),
            ("duckdb<=1.2.2", Some("1.2.2")),
            ("duckdb>=1.0,>=1.2,!=1.2.1", Some("1.2.0")),
            ("duckdb", None),
            ("duckdb-engine==0.13\ndbt-duckdb==1.9\n# duckdb==1.0", None),
            ("duckdb==garbage", None),
            ("duckdb @ https://files.example/duckdb.whl", None),
        ] {
            let found = pin(&[("requirements.txt", text)]);
            let expected = version.map(|version| format!("{version} requirements.txt"));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn projects_and_lock_files_are_read() {
        for (name, text, version) in [
            (
                "pyproject.toml",
                "[project]\ndependencies = [\"streamlit\", \"duckdb>=1.1,<2\"]",
                Some("1.1.0"),
            ),
            ("pyproject.toml", "[tool.poetry.dependencies]\nduckdb = \"^1.2.1\"", Some("1.2.1")),
            ("pyproject.toml", "duckdb = { version = \"~1.3\", extras = [] }", Some("1.3.0")),
            ("pyproject.toml", "dependencies = [\n  'duckdb==1.4.4',\n]", Some("1.4.4")),
            ("pyproject.toml", "[[tool.mypy.overrides]]\nmodule = \"duckdb.*\"", None),
            ("pyproject.toml", "duckdb = \"*\"", None),
            ("Pipfile", "[packages]\nduckdb = \"==1.2.2\"", Some("1.2.2")),
            (
                "uv.lock",
                "[[package]]\nname = \"duckdb\"\nversion = \"1.5.6\"\n\n[[package]]\nname = \"x\"\nversion = \"0.1\"",
                Some("1.5.6"),
            ),
            ("poetry.lock", "[[package]]\nname = \"duckdb-engine\"\nversion = \"0.1\"", None),
            ("Pipfile.lock", r#"{"default": {"duckdb": {"version": "==1.3.2"}}}"#, Some("1.3.2")),
            ("Pipfile.lock", "{", None),
            ("environment.yml", "dependencies:\n  - python-duckdb=1.2.2\n", Some("1.2.2")),
            ("environment.yml", "  - pip:\n    - 'duckdb>=1.3'\n", Some("1.3.0")),
        ] {
            let found = pin(&[(name, text)]);
            let expected = version.map(|version| format!("{version} {name}"));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_lock_outranks_its_source_and_the_lowest_wins() {
        let lock = "[[package]]\nname = \"duckdb\"\nversion = \"1.5.6\"\n";
        let project = "dependencies = [\"duckdb>=1.0\"]";
        assert_eq!(
            pin(&[("uv.lock", lock), ("pyproject.toml", project)]).as_deref(),
            Some("1.5.6 uv.lock")
        );
        let all =
            [("uv.lock", lock), ("pyproject.toml", project), ("requirements.txt", "duckdb==1.2.2")];
        assert_eq!(pin(&all).as_deref(), Some("1.2.2 requirements.txt"));
        assert_eq!(pin(&[]), None);
    }
}
