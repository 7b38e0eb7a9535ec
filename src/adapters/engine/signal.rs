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
/// [`super::Run`] and ends. While somebody waits, and after a signal was heard, these signals do not
/// end the process by themselves; when nobody waits any more, they do again. Where signals cannot be
/// waited for, it waits for ever.
pub async fn stop_signal() -> StopSignal {
    #[cfg(unix)]
    {
        let listening = unix::Listening::begin();
        let signal = unix::next().await;
        listening.heard();
        signal
    }
    #[cfg(not(unix))]
    {
        if tokio::signal::ctrl_c().await.is_ok() {
            return StopSignal::Interrupt;
        }
        std::future::pending().await
    }
}

#[cfg(unix)]
mod unix {
    use std::sync::Once;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::signal::unix::{SignalKind, signal};

    use super::StopSignal;

    /// How many wait for a signal, or have heard one.
    static LISTENERS: AtomicUsize = AtomicUsize::new(0);

    /// The next signal.
    pub(super) async fn next() -> StopSignal {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => StopSignal::Interrupt,
            _ = terminate.recv() => StopSignal::Terminate,
        }
    }

    /// Somebody who waits.
    pub(super) struct Listening;

    impl Listening {
        pub(super) fn begin() -> Self {
            static WATCH: Once = Once::new();
            LISTENERS.fetch_add(1, Ordering::SeqCst);
            WATCH.call_once(watch);
            Self
        }

        /// A second signal must not cut short what follows from the first.
        pub(super) fn heard(self) {
            std::mem::forget(self);
        }
    }

    impl Drop for Listening {
        fn drop(&mut self) {
            LISTENERS.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Tokio takes the signals away from the process for good: somebody has to end it where nobody
    /// waits for them.
    fn watch() {
        let watching = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                loop {
                    let signal = next().await;
                    if LISTENERS.load(Ordering::SeqCst) == 0 {
                        end(signal);
                    }
                }
            });
        });
        if let Err(error) = watching {
            tracing::debug!("cannot watch for signals: {error}");
        }
    }

    #[expect(clippy::exit, reason = "it stands for the signal, which ends the process")]
    fn end(signal: StopSignal) {
        let number = match signal {
            StopSignal::Interrupt => 2,
            StopSignal::Terminate => 15,
        };
        std::process::exit(128 + number);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    /// This test runs itself once more, as the process that is ended.
    #[test]
    fn signals_end_the_process_again_when_nobody_waits_for_them() {
        const CHILD: &str = "TIDEGATE_TEST_WAITED_ONCE";
        if let Some(ready) = std::env::var_os(CHILD) {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let waited = tokio::time::timeout(Duration::from_millis(1), stop_signal()).await;
                assert!(waited.is_err());
            });
            std::fs::write(ready, "").unwrap();
            std::thread::sleep(Duration::from_mins(2));
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let name = std::thread::current().name().unwrap().to_owned();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name.as_str()])
            .env(CHILD, &ready)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !ready.exists() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it was told to");
            std::thread::sleep(Duration::from_millis(10));
        }
        let pid = rustix::process::Pid::from_child(&child);
        let status = loop {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(128 + 15));
    }
}
