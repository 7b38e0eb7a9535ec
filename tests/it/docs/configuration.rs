//! The reference of the configuration file, from the JSON schema of its types.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use tidegate::config::{CONFIG_PATH, Config};

use crate::harness::environment::{isolated_command, require_program};

use super::{NOTE, cell, reference};

const EXAMPLE: &str = "tidegate.example.yml";

/// Where editors find the schema of the newest commit.
const SCHEMA_URL: &str =
    "https://raw.githubusercontent.com/tidegate/tidegate/main/docs/reference/tidegate.schema.json";

/// What editors look for, before the URL.
const EDITOR_LINE: &str = "# yaml-language-server: $schema=";

pub fn schema() -> Value {
    let mut schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    schema["$id"] = SCHEMA_URL.into();
    schema["title"] = "Configuration of tidegate".into();
    schema
}

pub fn markdown() -> String {
    let schema = schema();
    let mut text = format!(
        "{NOTE}# Configuration\n\n\
         tidegate reads `{CONFIG_PATH}`. Without the file, and for every key that is left out, the \
         defaults below apply. Unknown keys, wrong types and values that make no sense are refused \
         with the line and the column; nothing has changed then.\n\n\
         Editors that know the YAML language server check the file while you type, against \
         [tidegate.schema.json](tidegate.schema.json). Let it begin with this line; a commit in \
         place of `main` is the schema of that version:\n\n\
         ```yaml\n{EDITOR_LINE}{SCHEMA_URL}\n```\n\n\
         ## Example\n\n```yaml\n{}```\n\n## Keys\n\n",
        std::fs::read_to_string(reference(EXAMPLE)).unwrap()
    );
    let mut sections = Vec::new();
    text += &table(&schema, &schema, "", &mut sections);
    let mut next = 0;
    while let Some((path, name)) = sections.get(next).cloned() {
        let definition = &schema["$defs"][name.as_str()];
        let _ = write!(text, "\n### {path}\n\n{}\n\n", description(definition));
        text += &table(&schema, definition, &path, &mut sections);
        next += 1;
    }
    text
}

/// Returns the table of the keys of `object`, and notes which types need a section of their own.
fn table(root: &Value, object: &Value, path: &str, sections: &mut Vec<(String, String)>) -> String {
    let mut text = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    let none = Map::new();
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, value) in object["properties"].as_object().unwrap_or(&none) {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let mut meaning = description(value);
        let kind = kind(root, value, &full, sections, &mut meaning);
        let default = match value.get("default") {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Some(Value::Object(keys)) if !keys.is_empty() => "see below".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            None | Some(Value::Null) => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let _ = writeln!(text, "| `{key}` | {kind} | {default} | {} |", cell(&meaning));
    }
    text
}

fn kind(
    root: &Value,
    value: &Value,
    path: &str,
    sections: &mut Vec<(String, String)>,
    meaning: &mut String,
) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|at| at.strip_prefix("#/$defs/")) {
        let definition = &root["$defs"][name];
        if let Some(words) = definition["oneOf"].as_array() {
            for word in words {
                let _ = write!(
                    meaning,
                    " `{}`: {}",
                    word["const"].as_str().unwrap(),
                    description(word)
                );
            }
            return "one of these words".to_owned();
        }
        if definition["type"] == "object" {
            sections.push((path.to_owned(), name.to_owned()));
            let link: String =
                path.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
            return format!("[keys](#{})", link.to_lowercase());
        }
        return "text".to_owned();
    }
    let some = |key: &str| value[key].as_array()?.iter().find(|option| option["type"] != "null");
    if let Some(options) = value["anyOf"].as_array() {
        let real = options.iter().filter(|option| option["type"] != "null");
        let kinds: Vec<String> =
            real.map(|option| kind(root, option, path, sections, meaning)).collect();
        return kinds.join(" or ");
    }
    let of = |value: &Value, path: String, sections: &mut _| {
        kind(root, value, &path, sections, &mut String::new())
    };
    let name =
        value["type"].as_str().or_else(|| some("type").and_then(Value::as_str)).unwrap_or("");
    match name {
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", of(&value["items"], format!("{path}[]"), sections)),
        // The schema of any value is `true`.
        "" if value == &Value::Bool(true) => "any value".to_owned(),
        "object" => {
            let values = &value["additionalProperties"];
            format!("{} by name", of(values, format!("{path}.<name>"), sections))
        }
        other => panic!("{path}: the type {other:?} has no word: {value}"),
    }
}

fn description(value: &Value) -> String {
    value["description"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_example_is_a_configuration_and_shows_every_key() {
    let bytes = std::fs::read(reference(EXAMPLE)).unwrap();
    let config = Config::parse(&bytes, EXAMPLE).unwrap();
    assert_eq!(config.metrics.len(), 1);
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().next(), Some(&*format!("{EDITOR_LINE}{SCHEMA_URL}")), "{EXAMPLE}");
    for key in schema()["properties"].as_object().unwrap().keys() {
        let shown = text.lines().any(|line| line.starts_with(&format!("{key}:")));
        assert!(shown, "{EXAMPLE} does not show the key {key}");
    }
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, object) in definitions.iter().chain([(&"Config".to_owned(), &schema)]) {
        for (key, value) in object["properties"].as_object().into_iter().flatten() {
            assert!(!description(value).is_empty(), "{name}.{key} has no description");
        }
    }
}

/// What a validator says about a configuration by the shipped schema, which it validates as well.
fn complaint(yaml: &str) -> Option<String> {
    let folder = tempfile::TempDir::new().unwrap();
    let value: Value = serde_yaml::from_str(yaml).unwrap();
    std::fs::write(folder.path().join("instance.json"), value.to_string()).unwrap();
    let output = isolated_command(require_program("jsonschema"), folder.path())
        .args(["--output", "pretty", "--instance", "instance.json"])
        .arg(reference("tidegate.schema.json"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_schema_is_one_and_judges_as_the_tool_does() {
    let example = std::fs::read_to_string(reference(EXAMPLE)).unwrap();
    let minimal = "version: 1\nimages: []\n";
    for good in [example.as_str(), minimal, "{}"] {
        assert_eq!(complaint(good), None, "{good}");
        assert!(Config::parse(good.as_bytes(), "good").is_ok(), "{good}");
    }
    for (wrong, place) in [
        ("version: 1\nimage: [a]\n", "image"),
        ("rollback: { retrys: 1 }\n", "rollback"),
        ("rollback: { retries: many }\n", "retries"),
        ("preflight: { conflict_markers: hodl }\n", "conflict_markers"),
        ("metrics: [{ name: f1 }]\n", "metrics"),
        ("version: one\n", "version"),
    ] {
        let said = complaint(wrong).unwrap_or_else(|| panic!("the schema takes {wrong}"));
        assert!(said.contains(place), "{wrong}: {said}");
        assert!(Config::parse(wrong.as_bytes(), "wrong").is_err(), "{wrong}");
    }
}
