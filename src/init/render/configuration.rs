//! `.github/tidegate.yml`: what differs from the defaults, and what people will want to change.

use std::fmt::Write as _;

use crate::config::Config;
use crate::init::design::Design;
use crate::init::probes::Proposal;
use crate::init::quote::scalar;
use crate::pin;

pub(super) fn render(design: &Design) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=https://raw.githubusercontent.com/{}/{}/docs/reference/tidegate.schema.json\n\
         #\n\
         # What the release gate of this repository goes by. Keys that are not here have their defaults:\n\
         # https://github.com/{}/blob/{}/docs/reference/configuration.md\n\
         version: 1\n",
        pin::ACTION,
        pin::COMMIT,
        pin::ACTION,
        pin::COMMIT,
    );
    place(design, &mut text);
    images(design, &mut text);
    probes(design, &mut text);
    if let Some(report) = &design.report {
        let _ = write!(
            text,
            "\n# The gate reads the test reports too: it names the tests that failed, and those that are flaky.\n\
             require:\n  reports:\n    - path: {}\n      job: {}\n",
            scalar(report.path),
            report.job
        );
    }
    text.push_str(
        "\n# A red job is often only a flaky one: it is tried once more before anything is rolled back.\n\
         rollback:\n  retries: 1\n",
    );
    text
}

fn place(design: &Design, text: &mut String) {
    let default = Config::default();
    if design.branch != default.branch {
        let branch = scalar(design.branch.as_str());
        let _ = write!(text, "\n# The protected branch.\nbranch: {branch}\n");
    }
    if design.ledger_path() != default.ledger.path {
        let path = scalar(&design.ledger_path());
        let _ =
            write!(text, "\n# The ledger: an entry for each release.\nledger:\n  path: {path}\n");
    }
}

fn images(design: &Design, text: &mut String) {
    if design.builds.is_empty() {
        text.push_str(
            "\n# No image is built: a release is a commit on the branch `stable`.\nimages: []\n",
        );
        return;
    }
    let many = design.builds.len() > 1;
    let what = if many { "promoted together or not at all" } else { "what is promoted" };
    let _ = write!(text, "\n# The release set: {what}.\nimages:\n");
    for build in &design.builds {
        let _ = writeln!(text, "  - {}", scalar(&build.image.to_string()));
    }
}

/// Proposes probes. Nobody can see in files whether a container starts without its database, and a
/// probe that fails for that takes good work back: so a person switches them on.
fn probes(design: &Design, text: &mut String) {
    if design.builds.iter().all(|build| build.probe.is_none()) {
        return;
    }
    let _ = write!(
        text,
        "\n# Lets the gate run each image and look before it is promoted; take the `# ` of each line away.\n\
         # What fails is rolled back as after a failed test: give the container what it needs first, see\n\
         # https://github.com/{}/blob/{}/docs/how-to/probes.md\n# smoke:\n",
        pin::ACTION,
        pin::COMMIT,
    );
    for build in &design.builds {
        let image = scalar(&build.image.to_string());
        let keys = match &build.probe {
            None => continue,
            Some(Proposal::Streamlit { port }) => {
                format!("kind: streamlit, image: {image}, port: {port}")
            }
            Some(Proposal::ContainerHealth) => format!("kind: container_health, image: {image}"),
            Some(Proposal::Http { port, path }) => {
                format!("kind: http, image: {image}, port: {port}, path: {}", scalar(path))
            }
            Some(Proposal::Tcp { port }) => format!("kind: tcp, image: {image}, port: {port}"),
        };
        let _ = writeln!(text, "#   - {{ {keys} }}");
    }
}
