//! What the probes of a candidate found (`smoke`).

use serde::Serialize;

use crate::probe::ProbeFailure;

/// What one probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeEvidence {
    /// What people call the probe.
    pub name: String,
    /// Its kind, by the word of the configuration.
    pub kind: String,
    /// What it asked: a service and a port, or a URL.
    pub target: String,
    /// What it found.
    #[serde(flatten)]
    pub found: ProbeFound,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long it took from the start of its container, in milliseconds.
    pub took_ms: u64,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum ProbeFound {
    /// The candidate works.
    Passed {
        /// What was seen, in a few words.
        seen: String,
    },
    /// It conclusively does not.
    Failed(ProbeFailure),
    /// Nobody could find out: no engine, an image that cannot be pulled.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What became of the probes of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "probes", rename_all = "snake_case")]
pub enum Probes {
    /// They were not run (yet): nothing else let the candidate pass so far, or there are none.
    #[default]
    NotRun,
    /// They were run against these very digests.
    Ran {
        /// In the order of the configuration.
        results: Vec<ProbeEvidence>,
    },
    /// A person waived them.
    Waived {
        /// Why, in the person's words.
        reason: String,
    },
}

impl Probes {
    /// Returns the results.
    pub fn results(&self) -> &[ProbeEvidence] {
        match self {
            Self::Ran { results } => results,
            Self::NotRun | Self::Waived { .. } => &[],
        }
    }

    /// Says what passed, in the words of the ledger.
    pub fn in_words(&self) -> Option<String> {
        match self.results().len() {
            0 => None,
            count => Some(counted(count)),
        }
    }
}

/// Says that so many probes passed, in the words of the ledger.
pub fn counted(count: usize) -> String {
    if count == 1 { "1 probe".to_owned() } else { format!("{count} probes") }
}
