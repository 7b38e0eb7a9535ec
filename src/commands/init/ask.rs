//! What a person is asked on a terminal: how it is tested, and which images are released.

use std::io::{self, IsTerminal as _};

use crate::init::{InitError, Survey, Wishes, design};
use crate::output::Output;

/// Tells whether anybody can answer.
pub(super) fn can(output: &Output) -> bool {
    io::stdin().is_terminal() && !output.is_json()
}

/// Asks for what `init` is unsure of.
pub(super) fn before(
    survey: &Survey,
    wishes: &mut Wishes,
    output: &mut Output,
) -> anyhow::Result<()> {
    if let Err(InitError::NoTests) = design(survey, wishes)
        && wishes.test.is_none()
    {
        output.note("No test command was found.")?;
        let answer = output.ask("How is this repository tested?", "python -m pytest")?;
        wishes.test = Some(answer);
    }
    let Ok(first) = design(survey, wishes) else { return Ok(()) };
    if first.builds.len() > 1 && wishes.images.is_empty() {
        output.note("These images can be released together:")?;
        let mut without = std::collections::BTreeSet::new();
        for build in &first.builds {
            let question = format!("Release {} (from {})?", build.image, build.dockerfile);
            if output.ask(&question, "yes")?.to_ascii_lowercase().starts_with('n') {
                without.insert(build.label.clone());
            }
        }
        wishes.without = without;
    }
    Ok(())
}
