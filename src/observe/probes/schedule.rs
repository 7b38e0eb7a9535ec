//! When a probe makes its attempts, and what they come to.
//!
//! 1. The first attempt is made at once.
//! 2. An attempt that [`Passed`](Attempt::Passed) ends it well; one that was
//!    [`Impossible`](Attempt::Impossible) ends it without an answer.
//! 3. A [`Failed`](Attempt::Failed) attempt counts at once. A [`NotReady`](Attempt::NotReady) one
//!    counts where it ended after the start period.
//! 4. `retries + 1` counted attempts, and the probe has failed, with what the last one said.
//! 5. Between two attempts lies the interval; while nothing has counted in the start period, much
//!    less, so that an app that is ready is seen soon.
//!
//! The times are those of Docker's HEALTHCHECK ("Dockerfile reference"), and
//! [`Timing::longest`] bounds them all.

use std::time::Duration;

use tokio::time::Instant;

use crate::evidence::probes::ProbeFound;
use crate::probe::{Attempt, ProbeFailure, Timing};

/// The shortest wait between two attempts of a start.
const SOONEST: Duration = Duration::from_millis(50);

/// The longest one: what a probe may lose at most after the app is ready.
const LATEST: Duration = Duration::from_millis(250);

/// How much longer than its time-out an attempt may take to say so itself: what it says is clearer
/// than what can be said from here.
const GRACE: Duration = Duration::from_millis(500);

/// Makes attempts until one of them decides. `started` is when the container was started, or when
/// the probe began. Returns what was found, and how many attempts it took.
pub(super) async fn run(
    timing: &Timing,
    started: Instant,
    mut attempt: impl AsyncFnMut() -> Attempt,
) -> (ProbeFound, u32) {
    let ready_by = started + timing.start_period;
    let (mut attempts, mut counted) = (0_u32, 0_u32);
    loop {
        let begun = Instant::now();
        attempts = attempts.saturating_add(1);
        let result = tokio::time::timeout(timing.timeout + GRACE, attempt()).await;
        let ended = Instant::now();
        let failure = match result {
            Ok(Attempt::Passed { seen }) => return (ProbeFound::Passed { seen }, attempts),
            Ok(Attempt::Impossible { why }) => return (ProbeFound::Unknown { why }, attempts),
            Ok(Attempt::Failed(failure)) => Some(failure),
            Ok(Attempt::NotReady(failure)) => (ended > ready_by).then_some(failure),
            Err(_) => Some(no_result(timing.timeout)),
        };
        if let Some(failure) = failure {
            counted += 1;
            if counted > timing.retries {
                return (ProbeFound::Failed(failure), attempts);
            }
        }
        let starts = counted == 0 && ended <= ready_by;
        let wait = if starts { soon(started, begun, ended) } else { timing.interval };
        tokio::time::sleep(wait.min(timing.interval)).await;
    }
}

/// The wait between two attempts of a start: a twentieth of what the start has taken so far, and not
/// less than the attempt itself took, so that attempts that cost much do not slow the start down.
fn soon(started: Instant, begun: Instant, ended: Instant) -> Duration {
    let so_far = ended.saturating_duration_since(started) / 20;
    so_far.clamp(SOONEST, LATEST).max(ended.saturating_duration_since(begun))
}

fn no_result(timeout: Duration) -> ProbeFailure {
    ProbeFailure::new(format!("no result within {timeout:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        start_period: Duration::from_mins(1),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
        retries: 2,
    };

    fn refused() -> Attempt {
        Attempt::NotReady(ProbeFailure::new("connection refused"))
    }

    fn wrong() -> Attempt {
        Attempt::Failed(ProbeFailure::new("500 instead of 200"))
    }

    fn passed() -> Attempt {
        Attempt::Passed { seen: "200".to_owned() }
    }

    /// Runs with an app that answers by the seconds since its start; tokio's clock stands still and
    /// jumps from wait to wait.
    async fn against(
        timing: Timing,
        app: impl Fn(f64) -> (Attempt, Duration),
    ) -> (ProbeFound, u32, Duration) {
        let started = Instant::now();
        let (found, attempts) = run(&timing, started, async || {
            let (answer, takes) = app(started.elapsed().as_secs_f64());
            tokio::time::sleep(takes).await;
            answer
        })
        .await;
        (found, attempts, started.elapsed())
    }

    fn at_once(answer: Attempt) -> (Attempt, Duration) {
        (answer, Duration::ZERO)
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_starts_just_within_its_period_passes_soon_after() {
        let ready = 59.9;
        let (found, _, took) =
            against(TIMING, |t| at_once(if t < ready { refused() } else { passed() })).await;
        assert_eq!(found, ProbeFound::Passed { seen: "200".to_owned() });
        assert!(took.as_secs_f64() - ready < 0.3, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_starts_just_over_its_period_has_its_retries_left() {
        let slow = |ready: f64| {
            against(TIMING, move |t| at_once(if t < ready { refused() } else { passed() }))
        };
        // Counted at about 60, 61 and 62 s.
        assert!(matches!(slow(60.9).await.0, ProbeFound::Passed { .. }));
        let (found, _, took) = slow(62.9).await;
        assert_eq!(found, ProbeFound::Failed(ProbeFailure::new("connection refused")));
        assert!(took >= Duration::from_secs(62) && took <= TIMING.longest(), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_start_is_seen_quickly() {
        let (_, _, took) =
            against(TIMING, |t| at_once(if t < 0.5 { refused() } else { passed() })).await;
        assert!(took < Duration::from_millis(600), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_answers_count_at_once_and_exactly_retries_plus_one() {
        let (found, attempts, took) = against(TIMING, |_| at_once(wrong())).await;
        assert_eq!(found, ProbeFound::Failed(ProbeFailure::new("500 instead of 200")));
        assert_eq!((attempts, took), (3, Duration::from_secs(2)));
        let none = Timing { retries: 0, ..TIMING };
        let (found, attempts, took) = against(none, |_| at_once(wrong())).await;
        assert!(matches!(found, ProbeFound::Failed(_)));
        assert_eq!((attempts, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_forgives_the_failures_before_it() {
        let (found, attempts, _) =
            against(TIMING, |t| at_once(if t < 1.5 { wrong() } else { passed() })).await;
        assert!(matches!(found, ProbeFound::Passed { .. }));
        assert_eq!(attempts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_tried_is_no_failure() {
        let (found, attempts, took) =
            against(TIMING, |_| at_once(Attempt::Impossible { why: "no network".to_owned() }))
                .await;
        assert_eq!(found, ProbeFound::Unknown { why: "no network".to_owned() });
        assert_eq!((attempts, took), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_ended_and_counts() {
        let (found, attempts, took) =
            against(TIMING, |_| (passed(), Duration::from_hours(24))).await;
        assert_eq!(found, ProbeFound::Failed(ProbeFailure::new("no result within 10s")));
        assert_eq!(attempts, 3);
        assert!(took < Duration::from_secs(40), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_takes_longer_than_its_bound() {
        for takes in [0, 1, 9, 10] {
            let (found, _, took) =
                against(TIMING, |_| (refused(), Duration::from_secs(takes))).await;
            assert!(matches!(found, ProbeFound::Failed(_)));
            assert!(took <= TIMING.longest(), "{takes}: {took:?} of {:?}", TIMING.longest());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_start_period_nobody_there_counts_at_once() {
        let timing = Timing { start_period: Duration::ZERO, ..TIMING };
        let (found, attempts, took) =
            against(timing, |_| (refused(), Duration::from_millis(1))).await;
        assert!(matches!(found, ProbeFound::Failed(_)));
        assert_eq!((attempts, took), (3, Duration::from_millis(2_003)));
    }
}
