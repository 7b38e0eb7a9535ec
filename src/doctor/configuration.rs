//! The configuration file can be read, and names the images.

use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let file = &checkup.file;
    if let Some(wrong) = &file.problem {
        let mend = wrong.hint.as_deref().unwrap_or("correct what the message names");
        let finding = Finding::new(
            Severity::Error,
            "configuration-broken",
            &wrong.problem,
            "every promotion ends before it begins; the checks below go by the defaults",
            mend,
        );
        answer.find(finding.at(&file.path, wrong.line));
    } else if !file.exists {
        answer.find(Finding::new(
            Severity::Note,
            "configuration-missing",
            format!("there is no {}", file.path),
            "nothing: the defaults hold (branch main, image ghcr.io/<owner>/<repository>)",
            "let `tidegate init` write one, where they do not fit",
        ));
    }
    // A broken file may well name them.
    if !checkup.images.known && file.problem.is_none() {
        let finding = Finding::new(
            Severity::Error,
            "images-unknown",
            "nobody says which images a release has, and the remote is not on github.com",
            "nothing can be promoted",
            "name them, `images: [ghcr.io/<owner>/<repository>]`, or write `images: []`",
        );
        answer.find(finding.at(&file.path, None));
    }
}
