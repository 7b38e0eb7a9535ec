//! Workflows that call the reusable workflow instead of having the gate's steps themselves.

use super::{GATE, GATE_TEXT, RETRY, doctor, ids, right};

const PIN: &str = "179e295e7c1f043766594af3dd64c327cb46b2ac";

/// The gate's job as a call.
fn caller(with: &str) -> String {
    let at = GATE_TEXT.find("\n  gate:\n").expect("the gate's job");
    format!(
        "{}
  gate:
    needs: [tests, code-quality, build-docker]
    if: ${{{{ !cancelled() }}}}
    permissions:
      contents: write
      packages: write
      issues: write
      pull-requests: write
      actions: write
    uses: tidegate/tidegate/.github/workflows/gate.yml@{PIN}
{with}",
        &GATE_TEXT[..at]
    )
}

const NEEDS: &str = "    with:\n      needs: ${{ toJSON(needs) }}\n";

#[test]
fn a_call_with_all_results_has_no_finding() {
    let project = right();
    project.dev.write(GATE, caller(NEEDS));
    // The retry may go through it too.
    let retry = format!(
        "name: Retry\non:\n  workflow_dispatch:\n    inputs:\n      run_id: {{ required: true }}\n      attempt: {{ required: true }}\npermissions: {{}}\njobs:\n  retry:\n    permissions:\n      actions: write\n      contents: read\n    uses: tidegate/tidegate/.github/workflows/gate.yml@{PIN}\n    with:\n      command: retry\n      run-id: ${{{{ inputs.run_id }}}}\n      attempt: ${{{{ inputs.attempt }}}}\n"
    );
    project.dev.write(RETRY, retry);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
}

#[test]
fn what_is_wrong_with_a_call_is_found_and_mended() {
    let project = right();
    let faults = [
        (NEEDS, "", "needs-input"),
        ("      needs: ${{ toJSON(needs) }}\n", "      branch: main\n", "needs-input"),
        ("    if: ${{ !cancelled() }}\n    permissions", "    permissions", "gate-if-missing"),
        ("      issues: write\n      pull", "      pull", "permission-missing"),
        (PIN, "main", "action-unpinned"),
    ];
    for (old, new, id) in faults {
        let whole = caller(NEEDS);
        assert!(whole.contains(old), "{old}");
        // The call is the last job.
        let at = whole.rfind(old).unwrap();
        project.dev.write(GATE, format!("{}{new}{}", &whole[..at], &whole[at + old.len()..]));
        let run = doctor(&project).args(["--offline"]).run();
        assert_eq!(ids(&run), [id], "{}", run.stdout);
        let run = doctor(&project).args(["--offline", "--fix", "--yes"]).run().code(0);
        // Nobody can say offline which commit a branch stands for.
        let left = if id == "action-unpinned" { vec![id] } else { Vec::new() };
        assert_eq!(ids(&run), left, "{}", run.stdout);
    }
}

#[test]
fn a_reusable_workflow_of_ones_own_needs_no_needs() {
    let project = right();
    let steps = &GATE_TEXT[GATE_TEXT.rfind("    steps:").unwrap()..];
    let own = format!(
        "name: Our gate\non:\n  workflow_call:\n    inputs:\n      needs: {{ type: string, required: true }}\npermissions: {{}}\njobs:\n  gate:\n    runs-on: ubuntu-latest\n    concurrency: {{ group: \"gate-${{{{ github.ref }}}}\", cancel-in-progress: false }}\n    permissions:\n      contents: write\n      issues: write\n      pull-requests: write\n      actions: write\n{}",
        steps.replace("${{ toJSON(needs) }}", "${{ inputs.needs }}")
    );
    project.dev.write(".github/workflows/our-gate.yml", own);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    assert!(run.json()["well"].as_array().unwrap().iter().any(|own| own == "checkout and inputs"));
}
