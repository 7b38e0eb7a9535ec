//! What the demo tells around the real output. With `--json` it tells nothing.

use std::io;
use std::path::Path;

use super::{Played, Pushed};
use crate::output::{Output, clean, dim, strong};

pub(super) fn begin(output: &mut Output, folder: &Path) -> io::Result<()> {
    let folder = clean(&folder.display().to_string()).into_owned();
    tell(
        output,
        &[
            format!("Everything happens in {}.", strong(folder)),
            "There are a git remote, a clone of it, and an image registry in a folder.".to_owned(),
            "Nothing of yours is touched, and nothing goes over the network.".to_owned(),
        ],
    )
}

pub(super) fn good_commit(output: &mut Output, good: &Pushed) -> io::Result<()> {
    heading(output, "1. A good commit")?;
    tell(
        output,
        &[
            format!("Dana pushes {} {:?}. Its tests pass.", good.commit.short(), good.subject),
            "CI has built its image, for linux/amd64 and linux/arm64. Now the gate runs:"
                .to_owned(),
        ],
    )
}

pub(super) fn after_promotion(output: &mut Output) -> io::Result<()> {
    tell(
        output,
        &[
            "Users now get this commit: by image tag stable or latest, or from branch stable."
                .to_owned(),
            "The image that was tested is the image that is live, digest for digest.".to_owned(),
        ],
    )
}

pub(super) fn bad_commit(output: &mut Output, bad: &Pushed) -> io::Result<()> {
    heading(output, "2. A bad commit")?;
    tell(
        output,
        &[format!("Dana pushes {} {:?}. Its tests fail:", bad.commit.short(), bad.subject)],
    )
}

pub(super) fn after_rollback(output: &mut Output) -> io::Result<()> {
    tell(
        output,
        &[
            "main has its good files back, in one new commit; no history was rewritten.".to_owned(),
            "Users noticed nothing: stable has not moved.".to_owned(),
        ],
    )
}

pub(super) fn status(output: &mut Output) -> io::Result<()> {
    heading(output, "3. What is live")
}

pub(super) fn goodbye(output: &mut Output, played: &Played) -> io::Result<()> {
    heading(output, "Go on by hand")?;
    for step in &played.next {
        output.line(format!("  {}", dim(format!("# {}", step.about))))?;
        for line in &step.run {
            output.line(format!("  {}", clean(line)))?;
        }
        output.line("")?;
    }
    let path = clean(&played.path.display().to_string()).into_owned();
    output.line(format!("It is all in {}. Delete the folder when you are done.", strong(path)))
}

fn heading(output: &mut Output, text: &str) -> io::Result<()> {
    if output.is_json() {
        return Ok(());
    }
    output.line(strong(text))?;
    output.line("")
}

fn tell(output: &mut Output, lines: &[String]) -> io::Result<()> {
    if output.is_json() {
        return Ok(());
    }
    for line in lines {
        output.line(format!("  {line}"))?;
    }
    output.line("")
}
