//! The wish of others that this process ends.

use std::pin::pin;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// SIGTERM and SIGINT; on other systems Ctrl-C.
pub(super) struct Stop {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
    /// When it was asked first.
    since: Option<Instant>,
    /// Whether it was asked again.
    again: bool,
}

impl Stop {
    /// Takes the signals over from now on.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            since: None,
            again: false,
        })
    }

    /// Waits until it is asked to stop. Each wish is told once.
    pub(super) async fn asked(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        self.again = self.since.is_some();
        self.since.get_or_insert_with(Instant::now);
    }

    /// Tells whether it was asked to stop, also while nobody waited for that.
    pub(super) async fn is_asked(&mut self) -> bool {
        // Signals that have come are taken up here.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            () = self.asked() => {}
            () = std::future::ready(()) => {}
        }
        self.since.is_some()
    }

    /// Tells whether it was asked to stop longer than `grace` ago, or more than once.
    pub(super) fn is_over(&self, grace: Duration) -> bool {
        self.again || self.since.is_some_and(|since| since.elapsed() >= grace)
    }

    /// Waits for work, also when it is asked to stop, then for `grace` at the most. `None` where that is over,
    /// or it is asked again: the work is dropped.
    pub(super) async fn finish<T>(
        &mut self,
        grace: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let end = self.since.map(|since| since + grace);
            tokio::select! {
                biased;
                // First: where both are there, it was asked while the work went on.
                () = self.asked() => if self.again { return None },
                done = &mut work => return Some(done),
                // Without a wish to stop there is no end, and this branch is off.
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => return None,
            }
        }
    }
}
