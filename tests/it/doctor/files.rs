//! Faults in the files of the work tree: the configuration and the workflows.

use crate::harness::project::Project;

use super::{
    CONFIG, CONFIG_TEXT, GATE, GATE_TEXT, RETRY, RETRY_TEXT, doctor, finding, ids, right, unchecked,
};

/// A fault: the file, the old text, the new text; the finding's name, and the text of its line.
pub(super) type Fault = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// The line that lets the gate run on red.
const IF: &str = "    if: ${{ !cancelled() }}\n    runs-on";

pub(super) const ERRORS: [Fault; 25] = [
    (CONFIG, "rollback:", "rollbak:", "configuration-broken", "rollbak:"),
    (CONFIG, "images: []\n", "", "images-unknown", ""),
    (GATE, IF, "    runs-on", "gate-if-missing", "  gate:"),
    (
        GATE,
        IF,
        "    if: ${{ github.ref == 'refs/heads/main' }}\n    runs-on",
        "gate-if-skips-failures",
        "    if: ${{ github.ref",
    ),
    (
        GATE,
        IF,
        "    if: ${{ always() && needs.tests.result == 'success' }}\n    runs-on",
        "gate-if-asks-for-success",
        "    if: ${{ always()",
    ),
    (
        GATE,
        IF,
        "    if: ${{ !failure() && !cancelled() }}\n    runs-on",
        "gate-if-skips-failures",
        "    if: ${{ !failure()",
    ),
    (GATE, IF, "    if: cancelled()\n    runs-on", "gate-if-skips-failures", "    if: cancelled()"),
    (
        GATE,
        IF,
        "    if: ${{ always() && !contains(needs.*.result, 'failure') }}\n    runs-on",
        "gate-if-asks-for-success",
        "    if: ${{ always()",
    ),
    (
        GATE,
        IF,
        "    if: ${{ !cancelled() && needs.tests.result != 'failure' }}\n    runs-on",
        "gate-if-asks-for-success",
        "    if: ${{ !cancelled()",
    ),
    (
        GATE,
        IF,
        "    if: !cancelled()\n    runs-on",
        "gate-if-no-expression",
        "    if: !cancelled()",
    ),
    (GATE, "    needs: [tests, code-quality, build-docker]\n", "", "gate-needs-nothing", "  gate:"),
    (
        GATE,
        "code-quality, build-docker]",
        "code-quality, biuld]",
        "needed-job-unknown",
        "    needs: [tests, code-quality, biuld]",
    ),
    (
        GATE,
        "    name: Tests\n",
        "    name: Tests\n    continue-on-error: true\n",
        "required-job-may-fail",
        "    continue-on-error: true",
    ),
    (GATE, "          needs: ${{ toJSON(needs) }}\n", "", "needs-input", "        with:"),
    (GATE, "${{ toJSON(needs) }}", "${{ needs.tests.result }}", "needs-input", "        with:"),
    (GATE, "          token: ${{ github.token }}\n", "", "token-input", "        with:"),
    (
        GATE,
        "      cancel-in-progress: false",
        "      cancel-in-progress: true",
        "concurrency-cancels",
        "    concurrency:",
    ),
    (GATE, "on:\n", "on:\n  pull_request_target:\n", "dangerous-trigger", "  pull_request_target:"),
    (
        GATE,
        "    branches: [main]",
        "    branches: [develop, 'release/**']",
        "push-trigger",
        "  push:",
    ),
    (GATE, "  push:\n    branches: [main]\n", "  workflow_dispatch:\n", "push-trigger", "on:"),
    (
        GATE,
        "      contents: write # the ledger",
        "      contents: read # the ledger",
        "permission-missing",
        "    permissions:",
    ),
    (
        GATE,
        "      actions: write # runs",
        "      actions: read # runs",
        "permission-missing",
        "    permissions:",
    ),
    (GATE, "jobs:\n", "jobs: [\n", "workflow-unreadable", ""),
    (RETRY, "  workflow_dispatch:", "  push:", "retry-workflow-unfit", "on:"),
    (
        RETRY,
        "      actions: write",
        "      actions: read",
        "retry-workflow-unfit",
        "    permissions:",
    ),
];

pub(super) const WARNINGS: [Fault; 9] = [
    (GATE, "          fetch-depth: 0\n", "", "fetch-depth", "        with:"),
    (
        GATE,
        "          fetch-depth: 0\n          persist-credentials: false\n",
        "          fetch-depth: 0\n",
        "persist-credentials",
        "        with:",
    ),
    (
        GATE,
        "    concurrency:\n      group: release-gate-${{ github.ref }}\n      cancel-in-progress: false\n      queue: max\n",
        "",
        "concurrency-missing",
        "  gate:",
    ),
    (
        GATE,
        "release-gate-${{ github.ref }}",
        "gate-${{ github.run_id }}",
        "concurrency-per-run",
        "    concurrency:",
    ),
    (GATE, "\npermissions: {}\n", "\n", "permissions-default", "jobs:"),
    (GATE, "      issues: write", "      issues: read", "permission-missing", "    permissions:"),
    (
        GATE,
        "      pull-requests: write",
        "      pull-requests: read",
        "permission-missing",
        "    permissions:",
    ),
    (
        GATE,
        "actions/download-artifact@634f93cb2916e3fdff6788551b99b062d0335ce0",
        "actions/download-artifact@main",
        "action-unpinned",
        "        uses: actions/download-artifact@main",
    ),
    (
        RETRY,
        "tidegate/tidegate@",
        "tidegate/tidegate@v",
        "action-unpinned",
        "        uses: tidegate/tidegate@v",
    ),
];

/// Writes the files of the right repository with this one fault.
pub(super) fn write(project: &Project, fault: &Fault) {
    let (file, old, new, id, _) = fault;
    for (path, text) in [(CONFIG, CONFIG_TEXT), (GATE, GATE_TEXT), (RETRY, RETRY_TEXT)] {
        let planted = if path == *file {
            // The gate is the last job, and its keys the last of their kind.
            let at = text.rfind(old).unwrap_or_else(|| panic!("no {old:?} in {file}"));
            let at = if *id == "required-job-may-fail" { text.find(old).unwrap() } else { at };
            format!("{}{new}{}", &text[..at], &text[at + old.len()..])
        } else {
            text.to_owned()
        };
        project.dev.write(path, planted);
    }
}

/// Plants each fault alone, and asks for its finding.
fn plant(faults: &[Fault], severity: &str, code: i32) {
    let project = right();
    for fault in faults {
        let (file, _, _, id, line) = fault;
        write(&project, fault);
        let run = doctor(&project).run().code(code);
        let found = finding(&run, id);
        assert_eq!(found["severity"], *severity, "{found:#}");
        assert_eq!(found["place"]["file"], *file, "{found:#}");
        if !line.is_empty() {
            let text = std::fs::read_to_string(project.dev.path().join(file)).unwrap();
            let number = found["place"]["line"].as_u64().unwrap_or_else(|| panic!("{found:#}"));
            let shown = text.lines().nth(usize::try_from(number).unwrap() - 1).unwrap();
            assert!(shown.starts_with(line), "line {number} is {shown:?}: {found:#}");
        }
        // The cure is for this fault, and no other is seen.
        let known = ["configuration-broken", "workflow-unreadable", "gate-needs-nothing"];
        if !known.contains(id) {
            let others: Vec<_> = ids(&run).into_iter().filter(|own| own != id).collect();
            assert!(others.is_empty(), "{id} brings {others:?}");
        }
    }
}

#[test]
fn what_stops_a_release_or_a_rollback_is_an_error() {
    plant(&ERRORS, "error", 10);
}

#[test]
fn what_is_only_weaker_is_a_warning() {
    plant(&WARNINGS, "warning", 0);
}

#[test]
fn a_required_job_that_the_gate_does_not_need_is_named_where_needs_stands() {
    let project = right();
    project.dev.write(CONFIG, CONFIG_TEXT.replace("code-quality]", "e2e]"));
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["required-job-not-needed"]);
    let found = finding(&run, "required-job-not-needed");
    assert_eq!(found["place"]["file"], GATE);
    let needs = GATE_TEXT.lines().position(|line| line.contains("needs: [tests, code-quality, bu"));
    assert_eq!(found["place"]["line"], needs.unwrap() + 1);
    assert!(found["problem"].as_str().unwrap().contains("e2e"), "{found:#}");
}

#[test]
fn a_repository_without_workflows_is_told_what_writes_them() {
    let project = right();
    project.dev.remove(GATE);
    project.dev.remove(RETRY);
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["retry-workflow-missing", "gate-missing"]);
    let retry = finding(&run, "retry-workflow-missing");
    assert_eq!(retry["place"]["file"], RETRY);
    assert!(retry["mend"].as_str().unwrap().contains("tidegate init"));
    // A path of tidegate's own repository says nothing to somebody in another one.
    assert_eq!(finding(&run, "gate-missing")["mend"], "let `tidegate init` write one");
}

#[test]
fn permissions_follow_the_configuration() {
    let project = right();
    let without = |name: &str| {
        let lines = GATE_TEXT.lines().filter(|line| !line.contains(name));
        lines.collect::<Vec<_>>().join("\n")
    };
    // Images in GHCR need packages: write; without any, nobody asks for it.
    let gate = GATE_TEXT.replacen(
        "      packages: write # the tags `stable`",
        "      # the tags `stable`",
        1,
    );
    project.dev.write(GATE, &gate);
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
    project.dev.write(CONFIG, CONFIG_TEXT.replace("[]", "[ghcr.io/acme/app]"));
    let run = doctor(&project).args(["--offline"]).run().code(10);
    let found = finding(&run, "permission-missing");
    assert!(found["mend"].as_str().unwrap().contains("`packages: write`"), "{found:#}");
    // Without notices nobody needs issues: write.
    project.dev.write(CONFIG, format!("{CONFIG_TEXT}notify: {{ github_issue: false }}\n"));
    project.dev.write(GATE, without("issues: write"));
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
}

#[test]
fn other_forms_of_a_right_workflow_have_no_finding() {
    let project = right();
    let forms = [
        ("    if: ${{ !cancelled() }}\n    runs-on", "    if: \"!cancelled()\"\n    runs-on"),
        ("    if: ${{ !cancelled() }}\n    runs-on", "    if: always()\n    runs-on"),
        ("    if: ${{ !cancelled() }}\n    runs-on", "    if: success() || failure()\n    runs-on"),
        (
            "    if: ${{ !cancelled() }}\n    runs-on",
            "    if: always() && (needs.tests.result == 'success' || needs.tests.result == 'failure')\n    runs-on",
        ),
        ("    branches: [main]", "    branches: ['**']"),
        ("    branches: [main]", "    branches-ignore: [docs]"),
        ("on:\n  push:\n    branches: [main]", "on: push"),
        ("on:\n  push:\n    branches: [main]", "on: [push, workflow_dispatch]"),
        ("toJSON(needs)", "tojson( needs )"),
    ];
    for (old, new) in forms {
        assert!(GATE_TEXT.contains(old), "{old}");
        project.dev.write(GATE, GATE_TEXT.replace(old, new));
        let run = doctor(&project).run();
        assert_eq!(ids(&run), Vec::<String>::new(), "{new}: {}", run.stdout);
    }
}

#[test]
fn a_hostile_workflow_costs_little_and_is_shown_cleanly() {
    let project = right();
    let bomb = format!("# tidegate gate\njobs: {}", "[".repeat(20_000));
    project.dev.write(".github/workflows/bomb.yml", bomb);
    let gate = GATE_TEXT.replace("tests, code-quality, build-docker]", "\"te\\u001b[31msts\"]");
    project.dev.write(GATE, gate);
    let run = crate::harness::tidegate::Tidegate::new()
        .args(["doctor"])
        .current_dir(project.dev.path())
        .run()
        .code(10);
    assert!(run.stdout.contains("bomb.yml"), "{}", run.stdout);
    assert!(run.stdout.contains("needed-job-unknown"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
}

#[test]
fn why_github_was_not_asked_is_said_as_it_is() {
    let project = right();
    let why = |run| unchecked(&run).join("\n");
    let run = doctor(&project).run().code(0);
    let elsewhere = why(run);
    assert!(elsewhere.contains("the remote is not on GitHub"), "{elsewhere}");
    let named =
        [("GITHUB_REPOSITORY", "acme/prices"), ("TIDEGATE_GITHUB_API_URL", "http://127.0.0.1:9")];
    let without_token = why(doctor(&project).envs(named).run().code(0));
    assert!(without_token.contains("there is no token: set GH_TOKEN"), "{without_token}");
}
