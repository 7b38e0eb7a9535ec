//! How errors are shown.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use super::{Output, bad, clean_lines, dim, good};
use crate::exit::Failure;

/// Shows an error on stderr, with its causes and hints, and with `--json` also as a result.
pub fn show_failure(output: &mut Output, failure: &Failure) -> io::Result<()> {
    let mut text = format!("{} {}\n", bad("error:"), indented(&failure.error));
    for cause in &failure.causes {
        let _ = writeln!(text, "  {} {}", dim("caused by:"), indented(cause));
    }
    for hint in &failure.hints {
        let _ = writeln!(text, "{} {}", good("hint:"), indented(hint));
    }
    output.remark(&text)?;
    if output.is_json() {
        output.json("tidegate/error/1", &Json { code: failure.exit.code(), failure })?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    code: u8,
    #[serde(flatten)]
    failure: &'a Failure,
}

/// Cleans a message, and moves its further lines under the first.
fn indented(message: &str) -> String {
    clean_lines(message.trim_end()).replace('\n', "\n    ")
}
