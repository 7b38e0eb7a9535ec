//! How many files are sent at once: more as long as that pays, half where the store asks for fewer.

use std::time::Duration;

/// The number to begin with.
const FIRST: usize = 8;
/// The shortest time over which throughput is measured.
const SHORTEST_WINDOW: Duration = Duration::from_millis(200);
/// A small file costs a request rather than its bytes: about as much as this many.
const REQUEST: u64 = 128 << 10;
/// What a step up has to bring to be kept.
const PAYS: f64 = 1.05;
/// For how many windows a limit that was found stays before a further step is tried.
const PATIENCE: u32 = 8;

/// Finds out how many files at once pay. Times are counted from its beginning.
#[derive(Debug, Clone)]
pub struct Pace {
    most: usize,
    limit: usize,
    /// Since when, and how much was done since.
    window: (Duration, u64, usize),
    /// The throughput before the last step up, and the limit then.
    before: Option<(f64, usize)>,
    /// Windows to wait until the next step up.
    rest: u32,
    /// Answers to requests from before this time say nothing about the limit that holds now.
    halved: Option<Duration>,
}

impl Pace {
    /// Begins with a few, and never takes more than `most`.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: FIRST.min(most),
            window: (Duration::ZERO, 0, 0),
            before: None,
            rest: 0,
            halved: None,
        }
    }

    /// Returns how many files may be under way.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Notes that a file of so many bytes arrived.
    pub fn done(&mut self, bytes: u64, now: Duration) {
        let (since, work, files) = &mut self.window;
        *work = work.saturating_add(bytes).saturating_add(REQUEST);
        *files += 1;
        let took = now.saturating_sub(*since);
        // Every one of them should have had its turn.
        if took < SHORTEST_WINDOW || *files < self.limit {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = *work as f64 / took.as_secs_f64();
        self.window = (now, 0, 0);
        self.judge(rate);
    }

    fn judge(&mut self, rate: f64) {
        if let Some((before, limit)) = self.before.take()
            && rate < before * PAYS
        {
            // It did not pay, so the smaller number does.
            self.limit = limit;
            self.rest = PATIENCE;
            return;
        }
        if self.rest > 0 {
            self.rest -= 1;
        } else if self.limit < self.most {
            self.before = Some((rate, self.limit));
            self.limit = (self.limit * 2).min(self.most);
        }
    }

    /// Notes that the store asked for fewer requests, in its answer to one that was sent at `sent`.
    pub fn busy(&mut self, sent: Duration, now: Duration) {
        if self.halved.is_some_and(|halved| sent < halved) {
            return;
        }
        self.limit = (self.limit / 2).max(1);
        self.halved = Some(now);
        self.before = None;
        self.rest = PATIENCE / 2;
        self.window = (now, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that takes `each` for a file and does at most `width` at once.
    fn settle(pace: &mut Pace, width: usize, files: usize) -> usize {
        let mut now = pace.window.0;
        for _ in 0..files {
            let parallel = pace.limit().min(width);
            now += Duration::from_millis(268) / u32::try_from(parallel).unwrap_or(1);
            pace.done(200_000, now);
        }
        pace.limit()
    }

    #[test]
    fn it_grows_while_that_pays() {
        let mut pace = Pace::new(64);
        assert_eq!(pace.limit(), 8);
        assert_eq!(settle(&mut pace, 1000, 300), 64);
        let mut narrow = Pace::new(64);
        settle(&mut narrow, 16, 2000);
        assert!((8..=32).contains(&narrow.limit()), "{}", narrow.limit());
        assert_eq!(settle(&mut Pace::new(3), 1000, 500), 3);
    }

    #[test]
    fn a_burst_of_refusals_halves_once() {
        let mut pace = Pace::new(64);
        settle(&mut pace, 1000, 300);
        let at = |millis| Duration::from_secs(1000) + Duration::from_millis(millis);
        for _ in 0..60 {
            pace.busy(at(0), at(10));
        }
        assert_eq!(pace.limit(), 32);
        pace.busy(at(20), at(30));
        assert_eq!(pace.limit(), 16);
        for again in 0..20 {
            pace.busy(at(100 * again + 100), at(100 * again + 150));
        }
        assert_eq!(pace.limit(), 1);
        assert_eq!(settle(&mut pace, 1000, 3000), 64);
    }
}
