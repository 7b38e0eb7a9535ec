//! Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), the part of it
//! that code scanning reads ("SARIF support for code scanning" in GitHub's documents).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::config::CONFIG_PATH;
use crate::doctor::{Diagnosis, Finding, Severity};
use crate::exit::{Exit, OrFailed as _};

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    tool: Tool<'a>,
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    short_description: Message<'a>,
    help: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    text: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    level: &'static str,
    message: Message<'a>,
    locations: [Location<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation<'a> {
    artifact_location: ArtifactLocation<'a>,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation<'a> {
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

/// Writes the findings to a file.
pub(super) fn write(path: &Path, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&log(diagnosis))?;
    std::fs::write(path, text + "\n")
        .with_context(|| format!("cannot write {}", path.display()))
        .or_exit(Exit::Usage)
}

fn log(diagnosis: &Diagnosis) -> Log<'_> {
    let mut rules: BTreeMap<&str, Rule<'_>> = BTreeMap::new();
    for finding in &diagnosis.findings {
        rules.entry(finding.id).or_insert_with(|| Rule {
            id: finding.id,
            short_description: message(finding.id.replace('-', " ")),
            help: message(finding.mend.as_str()),
        });
    }
    let driver = Driver {
        name: "tidegate doctor",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: rules.into_values().collect(),
    };
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver },
            results: diagnosis.findings.iter().map(outcome).collect(),
        }],
    }
}

fn message<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> Message<'a> {
    Message { text: text.into() }
}

fn outcome(finding: &Finding) -> Outcome<'_> {
    // Code scanning shows nothing without a file: what is nowhere else is the configuration's.
    let (uri, line) = match &finding.place {
        Some(place) => (place.file.as_str(), place.line),
        None => (CONFIG_PATH, None),
    };
    let text =
        format!("{}. It breaks: {}. Mend: {}", finding.problem, finding.breaks, finding.mend);
    Outcome {
        rule_id: finding.id,
        level: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        message: message(text),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri },
                region: Region { start_line: line.unwrap_or(1) },
            },
        }],
    }
}
