//! The workflows beside the gate's: the retry, and the weekly examination.

use super::steps::scalar_of_words;
use crate::init::design::Design;
use crate::pin;

/// The example, which is the same in every repository.
const RETRY: &str = include_str!("../../../docs/examples/tidegate-retry.yml");

/// Writes the retry workflow.
pub(super) fn retry(design: &Design) -> String {
    let from = RETRY.find("name: Retry").unwrap_or_default();
    let mut text = "\
        # Tries failed jobs again before anything is rolled back: the gate starts it when required jobs\n\
        # failed and `rollback.retries` allows another try. It waits for the end of the gate's run, and\n\
        # runs the failed jobs again. The gate of that next attempt decides.\n\
        #\n\
        # Whoever may write to the repository can start it, with any inputs. It runs nothing again but a\n\
        # run that a gate has noted on the state branch.\n"
        .to_owned();
    for line in RETRY[from..].lines() {
        match line.split_once("uses: ") {
            Some((before, uses)) if uses.starts_with(pin::ACTION) => {
                text.push_str(before);
                text.push_str("uses: ");
                text.push_str(&design.action);
            }
            Some(_) | None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// Writes the weekly examination.
pub(super) fn doctor(design: &Design) -> String {
    let (packages, login) = if design.builds.is_empty() {
        ("", String::new())
    } else {
        ("      packages: write # likewise\n", super::gate::login_inputs(design))
    };
    let name = scalar_of_words("Look for what would go wrong");
    format!(
        "# Looks once a week for what would stop a release or a rollback, before one is needed. While there\n\
         # is an error or a warning, one issue says so; it is closed when all is well.\n\
         name: Doctor\n\
         \n\
         on:\n  \
           schedule:\n    \
             # At an odd minute: many workflows start at full hours, and are late then.\n    \
             - cron: \"{minute} 5 * * MON\"\n  \
           workflow_dispatch:\n\
         \n\
         # The job asks for what it needs, and gets nothing else.\n\
         permissions: {{}}\n\
         \n\
         concurrency:\n  \
           group: tidegate-doctor\n  \
           cancel-in-progress: false\n\
         \n\
         jobs:\n  \
           doctor:\n    \
             name: Doctor\n    \
             runs-on: ubuntu-latest\n    \
             timeout-minutes: 30\n    \
             permissions:\n      \
               contents: write # it only asks whether the gate may push\n\
         {packages}      \
               issues: write # the one issue\n    \
             steps:\n      \
               - uses: {checkout}\n        \
                 with:\n          \
                   fetch-depth: 0\n          \
                   persist-credentials: false\n      \
               - name: {name}\n        \
                 uses: {action}\n        \
                 with:\n          \
                   command: doctor\n          \
                   token: ${{{{ github.token }}}}\n          \
                   open-issue: true\n\
         {login}",
        minute = minute(design),
        checkout = pin::CHECKOUT,
        action = design.action,
    )
}

/// A minute that differs between repositories, is odd, and is none of those that everybody takes.
fn minute(design: &Design) -> usize {
    let name = design.repository.as_deref().unwrap_or_default();
    let sum: usize = name.bytes().map(usize::from).sum();
    [7, 11, 13, 17, 19, 23, 37, 41, 43, 47, 51, 53][sum % 12]
}
