//! `.github/tidegate.yml`: what differs from the defaults, and what people will want to change.

use std::fmt::Write as _;

use crate::config::Config;
use crate::init::design::Design;
use crate::init::quote::{comment, scalar};
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
        if let Some(check) = &build.healthcheck {
            let (label, check) = (comment(&build.label), comment(check));
            let _ = write!(
                text,
                "  # service {label} has a healthcheck: {check}\n  # tidegate will run it once probes exist\n"
            );
        }
        let _ = writeln!(text, "  - {}", scalar(&build.image.to_string()));
    }
}
