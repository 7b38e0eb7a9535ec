//! The log, on stderr.

use tracing_subscriber::EnvFilter;

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
        .with_writer(std::io::stderr)
        .with_ansi(color)
        .with_target(verbose > 1)
        .without_time()
        .try_init();
    // In tests of this library another log may run already; it stays.
    drop(started);
}
