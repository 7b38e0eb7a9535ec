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
/// So often a transfer is tried where the store cannot be reached.
const TRIES: u32 = 4;
/// So long a transfer waits for a store that asks for fewer requests.
const PATIENCE: Duration = Duration::from_mins(5);
/// The first wait, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(20));
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

/// What became of one transfer, or that a second has passed without one.
pub enum Event<'a, J, T> {
    /// It arrived.
    Done(&'a J, T),
    /// It did not.
    Failed(&'a J, Fault),
    /// Time passes.
    Tick,
}

/// Runs `work` for each of `jobs`. `size` says how much memory one takes, and how much it brings.
/// `on` hears of each end, and every second; where it gives an error, the queue ends.
pub async fn run<J, T>(
    jobs: &[J],
    pace: &mut Pace,
    size: impl Fn(&J) -> u64,
    work: impl AsyncFn(&J) -> Result<T, Fault>,
    mut on: impl FnMut(Event<'_, J, T>) -> anyhow::Result<()>,
) -> anyhow::Result<Ended> {
    let begun = Instant::now();
    let mut jobs = jobs.iter().peekable();
    let mut running = FuturesUnordered::new();
    let (mut room, mut lost) = (0_u64, 0_usize);
    let mut stop = std::pin::pin!(stop_signal());
    let busy = tokio::sync::mpsc::unbounded_channel();
    let (tell, mut told) = busy;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        while running.len() < pace.limit() {
            let fits = |job: &&J| running.is_empty() || room + size(job) <= ROOM;
            let Some(job) = jobs.next_if(fits) else { break };
            room += size(job);
            let (tell, work) = (tell.clone(), &work);
            running.push(async move {
                let end = tried(job, work, begun, &tell).await;
                (job, end)
            });
        }
        if running.is_empty() {
            return Ok(Ended::All);
        }
        tokio::select! {
            signal = &mut stop => return Ok(Ended::Stopped(signal)),
            Some(sent) = told.recv() => pace.busy(sent, begun.elapsed()),
            _ = tick.tick() => on(Event::Tick)?,
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

/// Tries one transfer, and waits between tries: longer each time, and not all the same time.
async fn tried<J, T>(
    job: &J,
    work: &impl AsyncFn(&J) -> Result<T, Fault>,
    begun: Instant,
    tell: &tokio::sync::mpsc::UnboundedSender<Duration>,
) -> Result<T, Fault> {
    let first = Instant::now();
    let (mut failed, mut wait) = (0, WAITS.0);
    loop {
        let sent = begun.elapsed();
        let fault = match work(job).await {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        match &fault {
            Fault::Store(StoreError::Busy { .. }) if first.elapsed() < PATIENCE => {
                // Nobody listens only when the queue has ended.
                let _ = tell.send(sent);
            }
            Fault::Store(StoreError::Unreachable { .. } | StoreError::Damaged { .. }) => {
                failed += 1;
                if failed >= TRIES {
                    return Err(fault);
                }
            }
            Fault::Store(_) | Fault::File(_) | Fault::Here(_) => return Err(fault),
        }
        tracing::debug!("trying again in about {wait:?}: {fault}");
        sleep(wait.mul_f64(0.5 + random())).await;
        wait = (wait * 2).min(WAITS.1);
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
