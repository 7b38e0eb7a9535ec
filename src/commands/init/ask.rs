//! What a person is asked on a terminal: how it is tested, what its image is called, and which
//! images are released.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;

use super::report::Report;
use crate::exit::{Exit, OrFailed as _};
use crate::init::{Change, Design, InitError, Survey, Wishes};
use crate::output::{Output, clean};

/// Tells whether anybody can answer.
pub(super) fn can(output: &Output) -> bool {
    io::stdin().is_terminal() && !output.is_json()
}

/// Decides what shall be gated, and asks for what is not known.
///
/// # Errors
/// Something is not known, and nobody can be asked.
pub(super) fn design(
    survey: &Survey,
    mut wishes: Wishes,
    asks: bool,
    output: &mut Output,
) -> anyhow::Result<Design> {
    if !asks {
        return Ok(crate::init::design(survey, &wishes)?);
    }
    let first = loop {
        match crate::init::design(survey, &wishes) {
            Ok(design) => break design,
            Err(InitError::NoTests) if wishes.test.is_none() => {
                output.note("No test command was found.")?;
                let answer = output.ask("How is this repository tested?", "python -m pytest")?;
                wishes.test = Some(answer);
            }
            Err(InitError::NoImageName { dockerfile }) if wishes.images.is_empty() => {
                let question = format!("What is the image of {} called?", clean(&dockerfile));
                let answer = output.ask(&question, "ghcr.io/owner/repository")?;
                wishes.images = vec![answer.parse().context("no image").or_exit(Exit::Usage)?];
            }
            Err(error) => return Err(error.into()),
        }
    };
    if first.builds.len() < 2 || !wishes.images.is_empty() {
        return Ok(first);
    }
    output.note("These images would be released together.")?;
    for build in &first.builds {
        let question = format!("Release {}, from {}?", build.image, build.dockerfile);
        if output.ask(&question, "yes")?.to_ascii_lowercase().starts_with('n') {
            wishes.without.insert(build.label.clone());
        }
    }
    Ok(crate::init::design(survey, &wishes)?)
}

/// Asks whether a hand-written workflow is replaced: without `--force` only a person can say so.
pub(super) fn about_rewriting(report: &mut Report, output: &mut Output) -> anyhow::Result<()> {
    let Some(handwritten) = &report.handwritten else { return Ok(()) };
    for file in report.files.iter_mut().filter(|file| file.path == handwritten.path) {
        if !file.wanted && file.change == Change::Differs {
            let question = format!("Replace the hand-written release in {}?", clean(&file.path));
            file.wanted = output.confirm(&question)?;
        }
    }
    Ok(())
}
