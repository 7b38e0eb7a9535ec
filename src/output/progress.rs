//! Shows that something is going on.

use std::io::{self, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::actions::commands::neutralise_commands;

/// What is done within this time needs no spinner.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A spinner on stderr that appears after a second, and goes away when this is dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    waiting: Option<(Sender<()>, JoinHandle<()>)>,
    quiet: bool,
}

impl Progress {
    pub(super) fn start(shown: bool, quiet: bool, message: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(ProgressStyle::default_spinner());
        bar.set_message(super::clean(message).into_owned());
        let waiting = shown.then(|| {
            let (done, is_done) = mpsc::channel();
            let bar = bar.clone();
            let thread = thread::spawn(move || {
                if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(100));
                }
            });
            (done, thread)
        });
        Self { bar, waiting, quiet }
    }

    /// Shows from now on how much is done of so many bytes.
    pub fn total(&self, bytes: u64) {
        let template = "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.set_length(bytes);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    /// Says that so many more bytes are done.
    pub fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Prints a line that another program has said on stderr, whether or not people are watching, as
    /// logs keep it; nothing with `--quiet`. It can command neither a runner nor a terminal.
    pub fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        let text = format!("{}\n", spoken(text));
        // Nobody may be reading any more; what is under way goes on.
        self.bar.suspend(|| _ = io::stderr().lock().write_all(text.as_bytes()));
    }

    /// Says what is done now; control characters are escaped.
    pub fn say(&self, message: &str) {
        self.bar.set_message(super::clean(message).into_owned());
    }
}

/// Makes text of others harmless, line by line.
fn spoken(text: &str) -> String {
    neutralise_commands(&super::clean_lines(&console::strip_ansi_codes(text)))
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.waiting.take() {
            drop(done);
            // It has nothing to return, and a panic in it was reported by the runtime.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_cannot_reach_the_terminal() {
        let progress = Progress::start(true, false, "read \u{1b}[2J");
        assert_eq!(progress.bar.message(), "read \\u{1b}[2J");
        progress.say("write\r");
        assert_eq!(progress.bar.message(), "write\\r");
    }

    #[test]
    fn lines_of_others_command_nobody() {
        let said = spoken("  ::set-output name=a::b\n\u{1b}[31m##[error]red\u{1b}[0m \u{7}");
        assert!(!said.contains("::set-output") && !said.contains("##["), "{said:?}");
        assert!(!said.contains(['\u{1b}', '\u{7}']) && said.contains("red"), "{said:?}");
    }
}
