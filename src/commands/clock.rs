//! What time it is for a command: the machine's, or the one that `schedule --once --at` goes by.
//!
//! The schedule starts its tasks as programs of their own. With `--at` they must go by the same time,
//! or a backup of one day would have the name of another. It is handed over in a variable that names
//! the process which set it, and counts only where that is the parent of this one: what a person
//! exports, or what a program further down inherits, is nobody's time.

use jiff::Timestamp;

/// The variable: the id of the process that set it, and its time.
pub(super) const VARIABLE: &str = "TIDEGATE_SCHEDULE_TIME";

/// Returns the time that the schedule goes by which started this process, else the machine's.
pub(super) fn now() -> Timestamp {
    let handed = std::env::var(VARIABLE).ok();
    handed.and_then(|text| taken(&text, parent()?)).unwrap_or_else(Timestamp::now)
}

/// Returns what the variable holds for the programs that this process starts.
pub(super) fn handed(time: Timestamp) -> String {
    format!("{} {time}", std::process::id())
}

fn taken(text: &str, parent: u32) -> Option<Timestamp> {
    let (process, time) = text.split_once(' ')?;
    let is_parent = process.parse() == Ok(parent);
    is_parent.then(|| time.parse().ok()).flatten()
}

#[cfg(unix)]
fn parent() -> Option<u32> {
    u32::try_from(rustix::process::getppid()?.as_raw_nonzero().get()).ok()
}

#[cfg(not(unix))]
fn parent() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn only_the_time_of_the_parent_counts() {
        let time: Timestamp = "2026-03-29T01:00:07Z".parse().unwrap();
        let text = handed(time);
        assert_eq!(taken(&text, std::process::id()), Some(time));
        // Exported by hand, or left by a schedule that started somebody else.
        assert_eq!(taken(&text, std::process::id() + 1), None);
        for other in ["", "2026-03-29T01:00:07Z", "x 2026-03-29T01:00:07Z", "7 soon"] {
            assert_eq!(taken(other, 7), None, "{other}");
        }
    }
}
