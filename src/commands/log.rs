//! The log, on stderr.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::actions::commands::neutralise_commands;

/// Starts the log: warnings, with each `-v` more. `RUST_LOG` outranks `-v`.
pub fn start(verbose: u8, color: bool) {
    let own = match verbose {
        0 => "warn",
        1 => "warn,tidegate=info",
        2 => "warn,tidegate=debug",
        _ => "debug,tidegate=trace",
    };
    let set = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let filter = EnvFilter::builder().parse_lossy(set.as_deref().unwrap_or(own));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Harmless(io::stderr()))
        .with_ansi(color)
        .with_target(verbose > 1)
        .without_time()
        .try_init();
    // In tests of this library another log may run already; it stays.
    drop(started);
}

/// Breaks up workflow commands: words of servers and engines stand in the log.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = neutralise_commands(&String::from_utf8_lossy(bytes));
        self.0.write_all(text.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_cannot_command_the_runner() {
        let mut log = Harmless(Vec::new());
        log.write_all(b" WARN said: x\n::add-mask::a ##[error]b\n").unwrap();
        let text = String::from_utf8(log.0).unwrap();
        assert!(!text.contains("##[") && !text.contains("\n::"), "{text:?}");
    }
}
