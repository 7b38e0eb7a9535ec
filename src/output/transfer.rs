//! Shows how far a transfer of bytes is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::PATIENCE;

/// A bar on stderr, in bytes, that appears after a second, and goes away when this is dropped.
#[derive(Debug)]
pub struct Transfer {
    bar: ProgressBar,
    begun: Instant,
    shown: bool,
    drawn: AtomicBool,
}

impl Transfer {
    pub(super) fn start(shown: bool, message: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = "{msg} {wide_bar:.cyan/dim} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        // The template is ours; the plain bar is as good.
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.set_message(super::clean(message).into_owned());
        Self { bar, begun: Instant::now(), shown, drawn: AtomicBool::new(false) }
    }

    /// So many bytes are done, of so many.
    pub fn at(&self, done: u64, size: u64) {
        self.bar.set_length(size);
        self.bar.set_position(done);
        self.draw();
    }

    /// Says what is done now; control characters are escaped.
    pub fn say(&self, message: &str) {
        self.bar.set_message(super::clean(message).into_owned());
        self.draw();
    }

    fn draw(&self) {
        if self.shown
            && self.begun.elapsed() >= PATIENCE
            && !self.drawn.swap(true, Ordering::Relaxed)
        {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Transfer;

    #[test]
    fn a_bar_counts_bytes_and_cleans_its_message() {
        let transfer = Transfer::start(true, "a\u{1b}b");
        transfer.at(3, 9);
        assert_eq!((transfer.bar.position(), transfer.bar.length()), (3, Some(9)));
        assert_eq!(transfer.bar.message(), "a\\u{1b}b");
    }
}
