//! The workflows, the action and the example pass zizmor, an auditor of workflows.

use std::path::Path;

use crate::harness::environment::{isolated_command, require_program};

#[test]
fn workflows_action_and_example_pass_zizmor() {
    let home = tempfile::TempDir::new().expect("a temporary folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = isolated_command(require_program("zizmor"), home.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config"])
        .args([".github", "action.yml", "docs/examples/release-gate.yml"])
        .args(["docs/examples/release-gate-data.yml", "docs/examples/tidegate-retry.yml"])
        .current_dir(root)
        .output()
        .expect("start zizmor");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
