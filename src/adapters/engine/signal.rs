//! The signals that end a job.

/// Why the process has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C, and GitHub's first word when a job is cancelled.
    Interrupt,
    /// SIGTERM: GitHub's second word, 7.5 s later, and that of every service manager.
    Terminate,
}

impl StopSignal {
    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Waits for SIGINT or SIGTERM, for a `select!` beside the work: the caller then removes its
/// [`super::Run`] and ends. From the first poll on, these signals no longer end the process by
/// themselves. Where signals cannot be waited for, it waits for ever.
pub async fn stop_signal() -> StopSignal {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            return tokio::select! {
                _ = interrupt.recv() => StopSignal::Interrupt,
                _ = terminate.recv() => StopSignal::Terminate,
            };
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_ok() {
        return StopSignal::Interrupt;
    }
    std::future::pending().await
}
