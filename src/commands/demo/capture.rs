//! Catches what a command shows, to print it inside the story.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::output::{Output, Settings, dim, strong};

/// An output whose text is printed later, with a bar before each line.
pub(super) struct Capture {
    text: Text,
    output: Output,
}

/// Two columns of indentation, the bar and a space.
const MARGIN: usize = 4;

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture {
    /// Catches in the colours and, less the margin, the width of `outer`.
    pub(super) fn new(outer: &Output) -> Self {
        let outer = outer.settings();
        let settings = Settings {
            json: false,
            quiet: true,
            color: outer.color,
            color_errors: outer.color,
            progress: false,
            width: outer.width.map(|width| width.saturating_sub(MARGIN)),
        };
        let text = Text::default();
        let output = Output::new(text.clone(), text.clone(), settings);
        Self { text, output }
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Prints the command and what it has shown; nothing where JSON is asked for.
    pub(super) fn print(self, command: &str, output: &mut Output) -> io::Result<()> {
        if output.is_json() {
            return Ok(());
        }
        output.line(format!("  {} {}", dim("$"), strong(command)))?;
        let bytes = self.text.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in String::from_utf8_lossy(&bytes).lines() {
            let line = format!("  {} {line}", dim("│"));
            output.line(line.trim_end())?;
        }
        output.line("")
    }
}
