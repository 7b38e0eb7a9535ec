//! The files of the state branch: from text to values and back.

use serde::Serialize;
use serde::de::DeserializeOwned;

use std::collections::{BTreeMap, BTreeSet};

use super::notice::{self, Notice};
use super::{
    FORMAT, Hold, IndexEntry, Quarantine, QuarantinedDigest, Record, RetryNote, State,
    StoredVerdict, retry,
};

/// Why the state branch cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file is not what it should be.
    #[error(
        "{path} on the state branch, line {line}: {reason}; restore it with `git revert` on that branch"
    )]
    Malformed {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A file was written by a newer version.
    #[error(
        "{path} on the state branch has format {found}, this tidegate knows {FORMAT}; use the newer tidegate that wrote it"
    )]
    NewerFormat {
        /// The file.
        path: String,
        /// The format found.
        found: u64,
    },
    /// The index and the records do not agree.
    #[error(
        "the state branch is not consistent: {reason}; restore it with `git revert` on that branch"
    )]
    Inconsistent {
        /// What does not agree.
        reason: String,
    },
}

/// The index file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Index {
    version: u32,
    newest: u64,
    records: Vec<IndexEntry>,
}

const README: &str = "\
# tidegate state

This branch is written by `tidegate`. It says what was released, what was rolled back and what is
on hold. Read it, but change it only with the commands `promote`, `rollback`, `hold`, `resume` and
`quarantine`.

- `index.json`: every release, oldest first.
- `records/`: one file for each release. The newest one is what is live.
- `quarantine/`: commits that may not come back until a person lifts it.
- `quarantined-digests/`: digests that may not be promoted until a person lifts it.
- `holds/`: stops of promotions.
- `verdicts/`: what a gate found of a commit that it did not release.
- `retries/`: what failed in a run whose failed jobs are tried again.
- `notices/`: what people and programs are told of, and who was told already.
";

/// Builds a [`State`] from the files of the branch, and knows which files a reader has to give.
#[derive(Debug, Default)]
pub struct StateFiles {
    state: State,
    newest: u64,
}

impl StateFiles {
    /// The path of the index.
    pub const INDEX: &'static str = "index.json";

    /// The folders whose files are all read.
    pub const FOLDERS: [&'static str; 6] =
        ["quarantine", "quarantined-digests", "holds", "verdicts", "retries", "notices"];

    /// Returns the path of a record.
    pub fn record_path(number: u64) -> String {
        format!("records/{number:06}.json")
    }

    /// Takes the index, and returns the numbers of the records to read: the newest, and the newest
    /// promotions, which nightly releases of data must not push out.
    pub fn index(&mut self, bytes: &[u8]) -> Result<Vec<u64>, StateError> {
        let index: Index = read(Self::INDEX, bytes)?;
        let in_order = index.records.iter().zip(1..).all(|(entry, number)| entry.number == number);
        let newest = index.records.last().map_or(0, |entry| entry.number);
        if !in_order || newest != index.newest {
            return Err(StateError::Inconsistent {
                reason: format!("{} does not number its records from 1 to `newest`", Self::INDEX),
            });
        }
        self.newest = newest;
        self.state.index = index.records;
        let newest = self.state.index.iter().rev();
        let promotions = newest.clone().filter(|entry| entry.kind.is_promotion());
        let wanted = newest.take(State::LOADED).chain(promotions.take(State::LOADED));
        Ok(wanted.map(|entry| entry.number).collect::<BTreeSet<u64>>().into_iter().collect())
    }

    /// Takes a record.
    pub fn record(&mut self, path: &str, bytes: &[u8]) -> Result<(), StateError> {
        let record: Record = read(path, bytes)?;
        let listed = self.state.index.iter().find(|entry| entry.number == record.number);
        if listed.is_none_or(|e| e.commit != record.commit)
            || path != Self::record_path(record.number)
        {
            return Err(StateError::Inconsistent {
                reason: format!("{path} and {} name different releases", Self::INDEX),
            });
        }
        self.state.records.insert(record.number, record);
        Ok(())
    }

    /// Takes a file of one of [`StateFiles::FOLDERS`].
    pub fn entry(&mut self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = format!("{folder}/{name}");
        match folder {
            "quarantine" => {
                let quarantine: Quarantine = read(&path, bytes)?;
                self.state.quarantines.insert(quarantine.commit.clone(), quarantine);
            }
            "quarantined-digests" => {
                let own: QuarantinedDigest = read(&path, bytes)?;
                check_name(&path, name, own.digest.hex())?;
                self.state.quarantined_digests.insert(own.digest.clone(), own);
            }
            "holds" => {
                let hold: Hold = read(&path, bytes)?;
                // The id becomes a path again when the hold ends.
                check_name(&path, name, &hold.id)?;
                self.state.holds.insert(hold.id.clone(), hold);
            }
            "verdicts" => {
                let verdict: StoredVerdict = read(&path, bytes)?;
                self.state.verdicts.insert(verdict.commit.clone(), verdict);
            }
            // Nothing is reverted by a note of a retry, or by a notice, so a broken one must not stop
            // a rollback.
            "retries" => match read::<RetryNote>(&path, bytes) {
                Ok(note) if name == format!("{}.json", note.commit) => {
                    self.state.retries.insert(note.commit.clone(), note);
                }
                Ok(_) | Err(_) => self.state.unreadable.push(path),
            },
            "notices" => match read::<Notice>(&path, bytes) {
                Ok(notice)
                    if notice::is_id(&notice.id) && name == format!("{}.json", notice.id) =>
                {
                    self.state.notices.insert(notice.id.clone(), notice);
                }
                Ok(_) | Err(_) => self.state.unreadable.push(path),
            },
            // A folder of a later version says nothing to this one.
            _ => {}
        }
        Ok(())
    }

    /// Takes one record out again.
    pub fn take_record(mut self, number: u64) -> Option<Record> {
        self.state.records.remove(&number)
    }

    /// Returns the state, once everything was given.
    pub fn finish(self) -> Result<State, StateError> {
        if self.newest > 0 && !self.state.records.contains_key(&self.newest) {
            return Err(StateError::Inconsistent {
                reason: format!("{} is missing", Self::record_path(self.newest)),
            });
        }
        Ok(self.state)
    }
}

/// A change of the state branch: all of it lands in one commit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, serde::Deserialize)]
pub struct StateChange {
    /// A new record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// A new or changed quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
    /// New, changed or lifted quarantines of digests alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined_digests: Vec<QuarantinedDigest>,
    /// A new or changed hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Ids of holds that end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resume: Vec<String>,
    /// Why, where a person gave a reason; it goes into the commit message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who, where a person ended a hold; it goes into the commit message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A verdict to store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<StoredVerdict>,
    /// A note of a first try that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryNote>,
    /// New or changed notices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

/// A path, and what is written there; `None` removes it.
pub type FileChange = (String, Option<Vec<u8>>);

impl StateChange {
    /// Returns the files to write (`None`: to remove), on top of `state`.
    pub fn files(&self, state: &State) -> Result<Vec<FileChange>, StateError> {
        let mut files = vec![("README.md".to_owned(), Some(README.as_bytes().to_vec()))];
        let mut records = state.index.clone();
        if let Some(record) = &self.record {
            if record.number != state.newest_number() + 1 {
                return Err(StateError::Inconsistent {
                    reason: format!(
                        "record {} does not follow record {}",
                        record.number,
                        state.newest_number()
                    ),
                });
            }
            records.push(IndexEntry {
                number: record.number,
                kind: record.kind.clone(),
                commit: record.commit.clone(),
                created: record.created,
            });
            files.push((StateFiles::record_path(record.number), Some(write(record)?)));
        }
        let newest = records.last().map_or(0, |entry| entry.number);
        let index = Index { version: FORMAT, newest, records };
        files.push((StateFiles::INDEX.to_owned(), Some(write(&index)?)));
        if let Some(quarantine) = &self.quarantine {
            files
                .push((format!("quarantine/{}.json", quarantine.commit), Some(write(quarantine)?)));
        }
        for own in &self.quarantined_digests {
            files.push((
                format!("quarantined-digests/{}.json", own.digest.hex()),
                Some(write(own)?),
            ));
        }
        if let Some(hold) = &self.hold {
            files.push((format!("holds/{}.json", hold.id), Some(write(hold)?)));
        }
        for id in &self.resume {
            files.push((format!("holds/{id}.json"), None));
        }
        if let Some(verdict) = &self.verdict {
            files.push((format!("verdicts/{}.json", verdict.commit), Some(write(verdict)?)));
        }
        if let Some(note) = &self.retry {
            files.push((format!("retries/{}.json", note.commit), Some(write(note)?)));
            let outdated = retry::outdated(&state.retries, note);
            files.extend(outdated.into_iter().map(|old| (format!("retries/{old}.json"), None)));
        }
        files.extend(self.notice_files(state)?);
        Ok(files)
    }

    /// Returns the notices, without those that are settled and old.
    fn notice_files(&self, state: &State) -> Result<Vec<FileChange>, StateError> {
        if self.notices.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(wrong) = self.notices.iter().find(|notice| !notice::is_id(&notice.id)) {
            let reason = format!("{:?} cannot be the id of a notice", wrong.id);
            return Err(StateError::Inconsistent { reason });
        }
        let mut all: BTreeMap<&str, &Notice> =
            state.notices.iter().map(|(id, notice)| (id.as_str(), notice)).collect();
        all.extend(self.notices.iter().map(|notice| (notice.id.as_str(), notice)));
        let forgotten = notice::forgotten(all.into_values());
        let mut files = Vec::new();
        for notice in self.notices.iter().filter(|notice| !forgotten.contains(&notice.id)) {
            files.push((format!("notices/{}.json", notice.id), Some(write(notice)?)));
        }
        let old = forgotten.iter().filter(|id| state.notices.contains_key(*id));
        files.extend(old.map(|id| (format!("notices/{id}.json"), None)));
        Ok(files)
    }

    /// Returns the subject of the commit on the state branch.
    pub fn subject(&self) -> String {
        if let Some(record) = &self.record {
            return match &record.kind {
                super::RecordKind::Promotion => {
                    format!("Release {}: {}", record.number, record.commit.short())
                }
                super::RecordKind::Data { .. } => {
                    let data = record.data.as_ref().map_or("", |data| data.version.short());
                    format!("Release {}: data {data}", record.number)
                }
                super::RecordKind::Rollback { restores } => {
                    format!("Release {}: back to release {restores}", record.number)
                }
            };
        }
        if let Some(quarantine) = &self.quarantine {
            let verb =
                if quarantine.lifted.is_some() { "Lift the quarantine of" } else { "Quarantine" };
            return format!("{verb} {}", quarantine.commit.short());
        }
        if let Some(own) = self.quarantined_digests.first() {
            let verb = if own.lifted.is_some() { "Lift the quarantine of" } else { "Quarantine" };
            return format!("{verb} digest {}", own.digest.short());
        }
        if let Some(hold) = &self.hold {
            return format!("Hold {}", hold.id);
        }
        if let Some(verdict) = &self.verdict {
            return format!("Verdict on {}", verdict.commit.short());
        }
        if let Some(note) = &self.retry {
            return format!("Retry {} after attempt {}", note.commit.short(), note.run.attempt);
        }
        match self.notices.as_slice() {
            [] => format!("Resume {}", self.resume.join(", ")),
            [notice] => format!("Notice {}", notice.id),
            [notice, more @ ..] => format!("Notice {} and {} more", notice.id, more.len()),
        }
    }
}

fn check_name(path: &str, name: &str, expected: &str) -> Result<(), StateError> {
    if name.strip_suffix(".json") == Some(expected) {
        return Ok(());
    }
    let reason = format!("{path} is not named after what it is about");
    Err(StateError::Inconsistent { reason })
}

fn read<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, StateError> {
    let malformed = |error: &serde_json::Error| StateError::Malformed {
        path: path.to_owned(),
        line: error.line(),
        reason: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| malformed(&e))?;
    let found = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or_default();
    if found > u64::from(FORMAT) {
        return Err(StateError::NewerFormat { path: path.to_owned(), found });
    }
    serde_json::from_slice(bytes).map_err(|e| malformed(&e))
}

fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, StateError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| StateError::Inconsistent {
        reason: format!("a value cannot be written as JSON: {error}"),
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}
