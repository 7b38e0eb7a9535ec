//! A bounded queue of transfers: as many at once as [`Pace`] says, each tried again where that helps,
//! never more bytes at once than there is room for.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use crate::adapters::engine::{StopSignal, stop_signal};
use crate::adapters::store::StoreError;
use crate::data::Pace;

/// How many bytes may be under way at once.
const ROOM: u64 = 64 << 20;
/// So often a transfer is tried.
const TRIES: u32 = 3;
/// The first wait between tries.
const WAIT: Duration = Duration::from_millis(500);
/// So often the queue looks whether the store asks for fewer requests.
const LOOK: Duration = Duration::from_millis(250);
/// After so many transfers in a row that found no store, there is none.
const UNREACHABLE: usize = 16;

/// Why one transfer failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file on this machine: no use in trying again.
    #[error("{0}")]
    File(String),
    /// No file can be written on this machine any more.
    #[error("{0}")]
    Here(String),
}

/// How the queue ended.
#[derive(Debug)]
pub enum Ended {
    /// All had their turn.
    All,
    /// The process was told to end.
    Stopped(StopSignal),
    /// It makes no sense to go on: the store does not let anybody in, or is not there.
    Hopeless(Fault),
}

/// What became of one transfer, or that time has passed without one.
pub enum Event<'a, J, T> {
    /// It arrived.
    Done(&'a J, T),
    /// It did not.
    Failed(&'a J, Fault),
    /// Time passes.
    Tick,
}

/// Runs `work` for each of `jobs`. `size` says how much memory one takes, and how much it brings.
/// `busy` says how often the store has asked for fewer requests. `on` hears of each end, and four times a
/// second; where it gives an error, the queue ends.
pub async fn run<J, T>(
    jobs: &[J],
    pace: &mut Pace,
    size: impl Fn(&J) -> u64,
    busy: impl Fn() -> u64,
    work: impl AsyncFn(&J) -> Result<T, Fault>,
    mut on: impl FnMut(Event<'_, J, T>) -> anyhow::Result<()>,
) -> anyhow::Result<Ended> {
    let begun = Instant::now();
    let mut jobs = jobs.iter().peekable();
    let mut running = FuturesUnordered::new();
    let (mut room, mut lost) = (0_u64, 0_usize);
    let mut stop = std::pin::pin!(stop_signal());
    let mut asked = busy();
    let mut tick = tokio::time::interval(LOOK);
    loop {
        while running.len() < pace.limit() {
            let fits = |job: &&J| running.is_empty() || room + size(job) <= ROOM;
            let Some(job) = jobs.next_if(fits) else { break };
            room += size(job);
            let work = &work;
            running.push(async move {
                let end = tried(job, work).await;
                (job, end)
            });
        }
        if running.is_empty() {
            return Ok(Ended::All);
        }
        tokio::select! {
            signal = &mut stop => return Ok(Ended::Stopped(signal)),
            _ = tick.tick() => {
                let now = begun.elapsed();
                if busy() > asked {
                    asked = busy();
                    pace.busy(now, now);
                }
                on(Event::Tick)?;
            }
            Some((job, end)) = running.next() => {
                let bytes = size(job);
                room = room.saturating_sub(bytes);
                match end {
                    Ok(value) => {
                        lost = 0;
                        pace.done(bytes, begun.elapsed());
                        on(Event::Done(job, value))?;
                    }
                    Err(fault) => {
                        lost = if is_unreachable(&fault) { lost + 1 } else { 0 };
                        if lost >= UNREACHABLE || is_hopeless(&fault) {
                            return Ok(Ended::Hopeless(fault));
                        }
                        on(Event::Failed(job, fault))?;
                    }
                }
            }
        }
    }
}

/// Tries one transfer, and waits between tries: longer each time, and not all the same time. The
/// store has repeated its requests already: what is tried again here was cut in between.
async fn tried<J, T>(job: &J, work: &impl AsyncFn(&J) -> Result<T, Fault>) -> Result<T, Fault> {
    let (mut tries, mut wait) = (1, WAIT);
    loop {
        let fault = match work(job).await {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        let again = matches!(
            &fault,
            Fault::Store(StoreError::Unreachable { .. } | StoreError::Damaged { .. })
        );
        if !again || tries >= TRIES {
            return Err(fault);
        }
        tracing::debug!("trying again in about {wait:?}: {fault}");
        sleep(wait.mul_f64(0.5 + random())).await;
        (tries, wait) = (tries + 1, wait * 2);
    }
}

/// Between 0 and 1, so that many do not come back at the same moment.
fn random() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

fn is_unreachable(fault: &Fault) -> bool {
    matches!(fault, Fault::Store(StoreError::Unreachable { .. } | StoreError::Busy { .. }))
}

/// What fails for one fails for all.
fn is_hopeless(fault: &Fault) -> bool {
    match fault {
        Fault::Store(StoreError::Denied { .. } | StoreError::Credentials { .. })
        | Fault::Here(_) => true,
        Fault::Store(_) | Fault::File(_) => false,
    }
}
