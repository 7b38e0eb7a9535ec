//! Pipelines in every way to write them: whatever the style, what stays says what it said.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const HEADS: [&str; 5] = [
    "name: CI\non:\n  push:\n    branches: [main]\npermissions:\n  contents: read\n",
    "name: CI\non: [push, pull_request]\n\nenv:\n  IMAGE: ghcr.io/acme/app\n",
    "'on':\n  push: { branches: [main] }\n  workflow_dispatch:\nconcurrency:\n  group: x # one\n  cancel-in-progress: true # quick\n",
    "on: push\ndefaults: &shared { run: { shell: bash } }\n# The rights.\npermissions: { contents: write }\n",
    "---\n# A file.\non:\n- push\n",
];

/// Jobs that stay; the second holds texts that look like YAML.
const WORK: [&str; 7] = [
    "tests:\n  runs-on: ubuntu-latest # cheap\n  steps:\n    - uses: actions/checkout@v4\n    - run: pytest # all\n",
    "lint:\n  runs-on: ubuntu-latest\n  needs: [tests]\n  env: { A: 'x: y', B: \"# no comment\" }\n  steps:\n  - name: 'Lint: all'\n    run: |\n      # no comment\n      promote:\n        needs: tests\n\n      ruff check .\n  - run: >-\n      mypy\n      .\n",
    "build:\n  needs:\n    - tests # first\n    - lint\n  runs-on: [self-hosted, linux]\n  steps:\n    - id: push\n      uses: docker/build-push-action@v6\n      with:\n        push: true\n        tags: ghcr.io/acme/app:${{ github.sha }}\n",
    "call:\n  needs: tests\n  uses: ./.github/workflows/other.yml\n  with: { a: 1 }\n",
    "matrix:\n  strategy:\n    matrix: { python: ['3.11', \"3.12\"] }\n  runs-on: ubuntu-latest\n  steps: [ { run: make } ]\n",
    "anchors:\n  runs-on: &machine ubuntu-latest\n  env: &both\n    A: 1\n  steps:\n    - run: make\n      env: *both\n",
    "mixed:\n  needs: build\n  runs-on: ubuntu-latest\n  steps:\n    - run: make image\n    - name: Promote\n      run: |\n        docker tag ghcr.io/acme/app:x ghcr.io/acme/app:stable\n        docker push ghcr.io/acme/app:stable\n\n    # Behind.\n",
];

/// Jobs that go, and jobs that came after them.
const RELEASE: [&str; 6] = [
    "promote:\n  needs: [tests, build]\n  if: github.ref == 'refs/heads/main' && success()\n  runs-on: ubuntu-latest\n  outputs:\n    tag: ${{ steps.t.outputs.tag }}\n  steps:\n    - uses: actions/checkout@v4\n    - run: |\n        docker pull a:x\n        docker tag a:x a:stable\n\n        docker push a:stable\n",
    "rollback:\n  needs: [tests, lint]\n  if: ${{ failure() }}\n  runs-on: ubuntu-latest\n  steps:\n    - uses: actions/checkout@v4\n    - run: git revert HEAD --no-edit && git push origin main\n",
    "# Loud.\nrelease:\n  needs: tests\n  runs-on: ubuntu-latest\n  steps:\n    - run: crane copy a:x a:latest\n",
    "notify:\n  needs: [promote, rollback]\n  if: >-\n    always() && needs.promote.result == 'success'\n  runs-on: ubuntu-latest\n  steps:\n    - run: echo \"${{ needs.rollback.result }}\"\n",
    "report:\n  needs: promote\n  if: github.event_name == 'schedule'\n  runs-on: ubuntu-latest\n  steps:\n    - run: make report\n",
    "gate:\n  needs: tests\n  runs-on: ubuntu-latest\n  steps:\n    - run: make sure\n",
];

/// How a text is written.
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
#[derive(Debug, Clone)]
struct Style {
    depth: usize,
    crlf: bool,
    mark: bool,
    unfinished: bool,
    comments: u8,
    blanks: bool,
    quoted: bool,
    tail: bool,
}

fn styles() -> impl Strategy<Value = Style> {
    (1_usize..6, any::<[bool; 6]>(), 0_u8..4).prop_map(|(depth, flags, comments)| {
        let [crlf, mark, unfinished, blanks, quoted, tail] = flags;
        Style { depth, crlf, mark, unfinished, comments, blanks, quoted, tail }
    })
}

/// Drops jobs that wait for one that is not there, which GitHub refuses.
fn without_gaps(jobs: &mut Vec<&str>) {
    loop {
        let all: Vec<Value> = jobs.iter().map(|job| read(job)).collect();
        let known = |id: &String| all.iter().any(|job| job.get(id.as_str()).is_some());
        let waits = |job: &Value| -> Vec<String> {
            let values = job.as_mapping().into_iter().flatten();
            values.flat_map(|(_, value)| needs(value)).collect()
        };
        let mut whole = all.iter().map(|job| waits(job).iter().all(known));
        let count = jobs.len();
        jobs.retain(|_| whole.next().unwrap_or_default());
        if jobs.len() == count {
            return;
        }
    }
}

#[expect(clippy::format_push_string, reason = "a text of a test")]
fn pipeline(head: usize, jobs: &[&str], style: &Style) -> String {
    let mut text = HEADS[head].to_owned() + "jobs:\n";
    let margin = " ".repeat(style.depth);
    for (number, job) in jobs.iter().enumerate() {
        match style.comments {
            1 => text += &format!("{margin}# Job {number}.\n"),
            2 => text += &format!("# Job {number}, at the margin.\n"),
            3 => text += &format!("{margin}    # Deep {number}.\n\n"),
            _ => {}
        }
        for line in job.lines() {
            let key = line.strip_suffix(':').filter(|key| style.quoted && !key.starts_with(' '));
            match (line, key) {
                ("", _) => text.push('\n'),
                (_, Some(key)) => text += &format!("{margin}\"{key}\": # {number}\n"),
                (line, None) => text += &format!("{margin}{line}\n"),
            }
        }
        if style.blanks {
            text.push_str("   \n\n");
        }
    }
    if style.tail {
        text.push_str("env:\n  LAST: '1'\n# The end.\n");
    }
    if style.unfinished {
        text.truncate(text.trim_end().len());
    }
    let text = if style.crlf { text.replace('\n', "\r\n") } else { text };
    if style.mark { format!("\u{feff}{text}") } else { text }
}

/// What must be true of a rewriting in any style.
fn kept(text: &str, found: &HandWritten, new: &str) -> Result<(), TestCaseError> {
    let (old, rewritten) = (read(text), read(new));
    for (key, value) in old.as_mapping().into_iter().flatten() {
        let key = key.as_str().unwrap_or_default();
        if !["jobs", "concurrency", "permissions"].contains(&key) {
            prop_assert_eq!(rewritten.get(key), Some(value), "{} of\n{}", key, new);
        }
    }
    let ids = |value: &Value| -> BTreeSet<String> {
        let jobs = value["jobs"].as_mapping().into_iter().flatten();
        jobs.filter_map(|(id, _)| id.as_str().map(str::to_owned)).collect()
    };
    let (before, now) = (ids(&old), ids(&rewritten));
    let gates: Vec<&String> = now.difference(&before).collect();
    prop_assert!(gates.len() <= 1, "{:?}\n{}", gates, new);
    for id in &before {
        if found.removed.contains(id) {
            continue;
        }
        let (own, was) = (&rewritten["jobs"][id.as_str()], &old["jobs"][id.as_str()]);
        for (key, value) in was.as_mapping().into_iter().flatten() {
            let key = key.as_str().unwrap_or_default();
            if !["needs", "if", "steps"].contains(&key) {
                prop_assert_eq!(own.get(key), Some(value), "{} of {} in\n{}", key, id, new);
            }
        }
        // No step is changed but by an id or what is renamed, and none is moved.
        let scripts = |job: &Value| -> Vec<Value> {
            let steps = job.get("steps").and_then(Value::as_sequence).into_iter().flatten();
            steps.filter_map(|step| step.get("uses").or(step.get("run")).cloned()).collect()
        };
        let renamed = format!("{was:?}").contains("needs.");
        let (steps_before, steps) = (scripts(was), scripts(own));
        let mut rest = steps_before.iter();
        prop_assert!(
            renamed || steps.iter().all(|step| rest.any(|old| old == step)),
            "steps of {} in\n{}",
            id,
            new
        );
        for need in needs(own) {
            prop_assert!(now.contains(&need), "{} needs {}\n{}", id, need, new);
        }
    }
    // Comments of what stays, wherever they stand.
    for line in text.lines().map(str::trim).filter(|line| line.starts_with("# Job ")) {
        let number = line.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number: usize =
            number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(99);
        let stays = read(text)["jobs"].as_mapping().and_then(|jobs| {
            let (id, _) = jobs.iter().nth(number)?;
            Some(!found.removed.iter().any(|removed| Some(removed.as_str()) == id.as_str()))
        });
        prop_assert!(stays != Some(true) || new.contains(line), "{} is gone:\n{}", line, new);
    }
    let bare = new.matches('\n').count() - new.matches("\r\n").count();
    prop_assert!(!text.contains("\r\n") || bare == 0, "mixed line ends:\n{:?}", new);
    prop_assert_eq!(new.starts_with('\u{feff}'), text.starts_with('\u{feff}'));
    if let Some(again) = look(new) {
        prop_assert!(again.removed.is_empty(), "again {:?}:\n{}", again.removed, new);
    }
    Ok(())
}

fn needs(job: &Value) -> Vec<String> {
    match job.get("needs") {
        Some(Value::Sequence(list)) => {
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        other => other.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
    }
}

/// Each costs a tenth of a second; `PROPTEST_CASES` looks further.
fn cases() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    wanted.unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn what_stays_says_what_it_said_in_every_style(
        head in 0..HEADS.len(),
        work in proptest::sample::subsequence(WORK[1..].to_vec(), 0..WORK.len()),
        release in proptest::sample::subsequence(RELEASE.to_vec(), 1..=RELEASE.len()),
        turn in 0_usize..20,
        style in styles(),
    ) {
        let mut jobs = [&WORK[..1], &work, &release].concat();
        without_gaps(&mut jobs);
        let turn = turn % jobs.len();
        jobs.rotate_left(turn);
        let text = pipeline(head, &jobs, &style);
        if let Ok(workflow) = Workflow::parse(PATH, text.as_bytes())
            && let Some(found) = find(&workflow, &text, &Config::default(), ACTION)
            && let Some(new) = &found.rewritten
        {
            kept(&text, &found, new).map_err(|error| TestCaseError::fail(format!("{error}\nfrom\n{text}")))?;
        }
    }
}
