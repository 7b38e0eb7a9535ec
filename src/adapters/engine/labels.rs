//! The labels of everything that a run makes, and whether the run that made it still lives.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::EngineError;

/// The random id of the run.
pub(super) const RUN: &str = "dev.tidegate.run";
/// Who started it: `<machine>:<process id>:<start of the process>`.
const OWNER: &str = "dev.tidegate.owner";
/// When it is over at the latest, in Unix seconds.
const UNTIL: &str = "dev.tidegate.until";
/// The service of a container, for people.
pub(super) const SERVICE: &str = "dev.tidegate.service";

/// How much longer than it may take a run is left alone.
const MARGIN: Duration = Duration::from_mins(10);

/// The labels of a run.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    /// The random id.
    pub(super) run: String,
    all: HashMap<String, String>,
}

impl Labels {
    /// Makes those of a new run.
    pub(super) fn new(longest: Duration) -> Result<Self, EngineError> {
        let random = getrandom::u64().map_err(|error| EngineError::Refused {
            doing: "be given a random name".to_owned(),
            reason: error.to_string(),
        })?;
        let run = format!("{random:016x}");
        let until = now().saturating_add(longest).saturating_add(MARGIN);
        let all = HashMap::from([
            (RUN.to_owned(), run.clone()),
            (OWNER.to_owned(), owner()),
            (UNTIL.to_owned(), until.as_secs().to_string()),
        ]);
        Ok(Self { run, all })
    }

    /// All of them.
    pub(super) fn all(&self) -> HashMap<String, String> {
        self.all.clone()
    }

    /// Those of a container.
    pub(super) fn of_service(&self, service: &str) -> HashMap<String, String> {
        let mut all = self.all();
        all.insert(SERVICE.to_owned(), service.to_owned());
        all
    }

    /// The name of the network, or of a volume.
    pub(super) fn name(&self, of: &str) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
        let of: String = of.chars().take(100).map(safe).collect();
        if of.is_empty() {
            format!("tidegate-{}", self.run)
        } else {
            format!("tidegate-{}-{of}", self.run)
        }
    }
}

/// The id of a run that is over, from the labels of something that is still there.
pub(super) fn dead_run(labels: &HashMap<String, String>) -> Option<&str> {
    // What is no id could be a pattern to an engine: Podman takes an empty one for all of them.
    let run = labels.get(RUN).filter(|run| is_id(run))?;
    let late = labels
        .get(UNTIL)
        .and_then(|until| until.parse::<u64>().ok())
        .is_some_and(|until| now().as_secs() > until);
    let gone = labels.get(OWNER).is_some_and(|owner| is_gone(owner));
    (late || gone).then_some(run)
}

/// Whether a text is the random id of a run.
fn is_id(run: &str) -> bool {
    run.len() == 16 && run.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// This process, so that another one on this machine can tell whether it still runs.
fn owner() -> String {
    let pid = std::process::id();
    let started = match process(pid) {
        Process::Since(ticks) => ticks,
        Process::Gone | Process::Unknown => 0,
    };
    format!("{}:{pid}:{started}", machine())
}

/// Whether the process of an owner is known to have ended: it is one of this machine, and its id is
/// free or belongs to a younger process.
fn is_gone(owner: &str) -> bool {
    let mut parts = owner.rsplitn(3, ':');
    let (Some(started), Some(pid), Some(of)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (Ok(started), Ok(pid)) = (started.parse::<u64>(), pid.parse::<u32>()) else {
        return false;
    };
    if started == 0 || of != machine() {
        return false;
    }
    match process(pid) {
        Process::Since(ticks) => ticks != started,
        Process::Gone => true,
        Process::Unknown => false,
    }
}

/// What is known of a process.
#[derive(Debug, PartialEq, Eq)]
enum Process {
    /// It runs, since so many clock ticks after the start of the machine.
    Since(u64),
    /// There is none with this id.
    Gone,
    /// Nobody can say.
    Unknown,
}

/// Where processes have one space of ids: the host's name, the start of the kernel, and the PID
/// namespace, because containers that share a name and a socket do not see each other's processes.
#[cfg(target_os = "linux")]
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let host = read("/proc/sys/kernel/hostname");
    let boot: String = read("/proc/sys/kernel/random/boot_id").chars().take(8).collect();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("{host}/{boot}/{space}")
}

/// Elsewhere only the time of [`UNTIL`] decides.
#[cfg(not(target_os = "linux"))]
fn machine() -> String {
    String::new()
}

/// Reads the start time from `/proc/<pid>/stat` ("`proc_pid_stat(5)`", field 22); a zombie has ended.
#[cfg(target_os = "linux")]
fn process(pid: u32) -> Process {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        let id = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        // `/proc` may hide the processes of others.
        return match id.map(rustix::process::test_kill_process) {
            Some(Err(rustix::io::Errno::SRCH)) => Process::Gone,
            Some(_) | None => Process::Unknown,
        };
    };
    // The name of the program stands in brackets, and may hold brackets and spaces.
    let Some((_, rest)) = stat.rsplit_once(')') else { return Process::Unknown };
    let mut fields = rest.split_whitespace();
    match (fields.next(), fields.nth(18).and_then(|ticks| ticks.parse().ok())) {
        (Some("Z" | "X"), _) => Process::Gone,
        (Some(_), Some(ticks)) => Process::Since(ticks),
        _ => Process::Unknown,
    }
}

#[cfg(not(target_os = "linux"))]
fn process(_: u32) -> Process {
    Process::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef";

    fn labels(owner: &str, until: u64) -> HashMap<String, String> {
        HashMap::from([
            (RUN.to_owned(), ID.to_owned()),
            (OWNER.to_owned(), owner.to_owned()),
            (UNTIL.to_owned(), until.to_string()),
        ])
    }

    #[test]
    fn this_process_lives() {
        let own = Labels::new(Duration::ZERO).unwrap();
        assert_eq!(dead_run(&own.all()), None);
        assert_eq!(dead_run(&labels(&owner(), u64::MAX)), None);
        assert_eq!(dead_run(&labels(&owner(), 1)), Some(ID));
    }

    #[test]
    fn what_nobody_labelled_is_not_touched() {
        assert_eq!(dead_run(&HashMap::new()), None);
        let foreign = HashMap::from([(OWNER.to_owned(), owner())]);
        assert_eq!(dead_run(&foreign), None);
        for odd in ["", "x", ":::", "a:b:c", "other-host:1:1"] {
            assert_eq!(dead_run(&labels(odd, u64::MAX)), None, "{odd}");
        }
        for odd in ["", "*", "r", "0123456789ABCDEF", "0123456789abcdef0"] {
            let mut late = labels("x", 1);
            late.insert(RUN.to_owned(), odd.to_owned());
            assert_eq!(dead_run(&late), None, "{odd}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_ended_process_is_gone_also_when_its_id_is_used_again() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let ended = format!("{}:{pid}:1", machine());
        assert_eq!(dead_run(&labels(&ended, u64::MAX)), Some(ID));
        let reused = format!("{}:{}:1", machine(), std::process::id());
        assert_eq!(dead_run(&labels(&reused, u64::MAX)), Some(ID));
    }

    #[test]
    fn names_are_those_of_engines() {
        let own = Labels::new(Duration::ZERO).unwrap();
        assert_eq!(own.name(""), format!("tidegate-{}", own.run));
        assert_eq!(own.name("a/b c"), format!("tidegate-{}-a_b_c", own.run));
    }
}
