//! Reads of a workflow file what says under which names GitHub shows its jobs ("Workflow syntax
//! for GitHub Actions"). The file comes from a commit, so it is hostile: bounded, and whatever is
//! odd about it only means that less is known.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::Value;

use crate::doctor::workflow::names_tidegate;

/// The largest file that is read, in bytes; GitHub takes at most 512 KiB.
const LARGEST: usize = 512 << 10;

/// More brackets than any workflow has: the YAML library takes time with the square of their depth.
const MOST_BRACKETS: usize = 10_000;

/// The jobs of a workflow file, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFile {
    jobs: BTreeMap<String, WorkflowJob>,
}

/// One job of a workflow file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the file has these keys or not")]
pub struct WorkflowJob {
    /// `name`, which may hold expressions.
    pub name: Option<String>,
    /// `needs`.
    pub needs: Vec<String>,
    /// Whether it calls a reusable workflow (`uses`).
    pub calls: bool,
    /// Whether it is split by `strategy.matrix`.
    pub matrix: bool,
    /// Whether its failure may count as success (`continue-on-error`).
    pub may_fail: bool,
    /// Whether tidegate runs in it.
    pub gate: bool,
}

#[derive(Deserialize)]
struct Text {
    jobs: BTreeMap<String, JobText>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct JobText {
    name: Value,
    needs: Value,
    uses: Value,
    strategy: Value,
    continue_on_error: Value,
    steps: Value,
}

impl WorkflowFile {
    /// Reads a file; `None` where it is no workflow that can be read.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let brackets = bytes.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
        if bytes.len() > LARGEST || brackets > MOST_BRACKETS {
            return None;
        }
        let text: Text = serde_yaml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        Some(Self { jobs: text.jobs.into_iter().map(|(id, job)| (id, job.read())).collect() })
    }

    /// Returns a job by its id.
    pub fn job(&self, id: &str) -> Option<&WorkflowJob> {
        self.jobs.get(id)
    }

    /// Returns all jobs by their ids.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &WorkflowJob)> {
        self.jobs.iter().map(|(id, job)| (id.as_str(), job))
    }

    /// Returns what the gate's job needs. The gate is the job `id` where that is known, else the
    /// only job that runs tidegate.
    pub fn gate_needs(&self, id: Option<&str>) -> Option<Vec<String>> {
        if let Some(job) = id.and_then(|id| self.jobs.get(id)) {
            return Some(job.needs.clone());
        }
        let mut gates = self.jobs.values().filter(|job| job.gate);
        let gate = gates.next()?;
        gates.next().is_none().then(|| gate.needs.clone())
    }
}

impl JobText {
    fn read(self) -> WorkflowJob {
        let steps = self.steps.as_sequence().map(Vec::as_slice).unwrap_or_default();
        let runs_gate = |step: &Value| {
            let said = |key: &str| step.get(key).and_then(Value::as_str).unwrap_or_default();
            // The action also does other things: retry, doctor.
            let command = step.get("with").and_then(|with| with.get("command"));
            let is_gate = matches!(command.and_then(Value::as_str), None | Some("" | "gate"));
            (is_gate && names_tidegate(said("uses"))) || said("run").contains("tidegate gate")
        };
        WorkflowJob {
            name: text(&self.name),
            needs: match &self.needs {
                Value::Sequence(list) => list.iter().filter_map(text).collect(),
                one => text(one).into_iter().collect(),
            },
            calls: !self.uses.is_null(),
            // An expression may make a matrix too.
            matrix: self.strategy.get("matrix").is_some() || self.strategy.is_string(),
            may_fail: !matches!(self.continue_on_error, Value::Null | Value::Bool(false)),
            gate: steps.iter().any(runs_gate) || self.uses.as_str().is_some_and(names_tidegate),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const FILE: &str = r"
on: { push: { branches: [main] } }
jobs:
  tests:
    name: Tests (${{ matrix.python }})
    strategy: { matrix: { python: ['3.11', '3.12'] } }
    continue-on-error: ${{ matrix.experimental }}
    steps: [{ run: pytest }]
  build: { uses: ./.github/workflows/build.yml }
  gate:
    needs: [tests, build]
    steps: [{ uses: actions/checkout@v4 }, { uses: acme/tidegate@abc }]
  tell: { needs: gate, steps: [{ run: echo }] }
";

    #[test]
    fn jobs_are_read_with_what_their_names_depend_on() {
        let file = WorkflowFile::parse(FILE.as_bytes()).unwrap();
        let tests = file.job("tests").unwrap();
        assert_eq!(tests.name.as_deref(), Some("Tests (${{ matrix.python }})"));
        assert!(tests.matrix && tests.may_fail && !tests.calls);
        let build = file.job("build").unwrap();
        assert!(build.calls && !build.matrix && !build.may_fail);
        assert_eq!(file.job("tell").unwrap().needs, ["gate"]);
    }

    #[test]
    fn the_gate_is_found_by_its_id_or_as_the_only_one() {
        let file = WorkflowFile::parse(FILE.as_bytes()).unwrap();
        assert_eq!(file.gate_needs(Some("tell")).unwrap(), ["gate"]);
        assert_eq!(file.gate_needs(Some("renamed")).unwrap(), ["tests", "build"]);
        assert_eq!(file.gate_needs(None).unwrap(), ["tests", "build"]);
        let other = FILE.replace("run: echo", "uses: acme/tidegate@abc, with: { command: doctor }");
        let other = WorkflowFile::parse(other.as_bytes()).unwrap();
        assert_eq!(other.gate_needs(None).unwrap(), ["tests", "build"]);
        let two = FILE.replace("run: echo", "run: tidegate gate");
        assert_eq!(WorkflowFile::parse(two.as_bytes()).unwrap().gate_needs(None), None);
    }

    #[test]
    fn whatever_is_no_workflow_is_none_and_costs_little() {
        let brackets = "[".repeat(20_000);
        let large = format!("jobs: {{}}\n#{}", "x".repeat(LARGEST));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
        }
        bomb.push_str("jobs: { tests: { steps: *a11 } }\n");
        for text in ["", "jobs", "jobs: [tests]", "jobs: {a: 1}", &brackets, &large, &bomb] {
            let start = &text[..text.len().min(20)];
            assert_eq!(WorkflowFile::parse(text.as_bytes()), None, "{start:?}");
        }
        assert_eq!(WorkflowFile::parse(b"jobs: {}\n#\xff"), None);
        let odd = "jobs: { a: { needs: {b: c}, name: [x], steps: 3, strategy: '${{ x }}' } }";
        let odd = WorkflowFile::parse(odd.as_bytes()).unwrap();
        let job = odd.job("a").unwrap();
        assert!(job.needs.is_empty() && job.name.is_none() && job.matrix);
    }
}
