//! Whether readers of the data are served what belongs to the newest record.

use std::sync::Arc;
use std::time::Duration;

use super::agreement::{Check, Finding, Part};
use super::look::said;
use crate::apply::container;
use crate::commands::session::{Session, block_on};
use crate::data::{Pointer, ReleasedData};
use crate::observe::data::served;
use crate::state::Record;

/// How long somebody who only asks waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the pointer says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PointerSeen {
    /// This.
    At(Box<Pointer>),
    /// Nothing was published.
    Missing,
    /// It cannot be told.
    Unknown(String),
}

/// Reads the pointer, and compares it with the record; nothing where the record has no data.
pub(super) fn look(session: &Session, record: &Record, offline: bool) -> Option<Check> {
    let data = record.data.as_ref()?;
    let seen = if offline {
        PointerSeen::Unknown("not asked: --offline".to_owned())
    } else {
        block_on(read(session, data)).unwrap_or_else(|error| {
            PointerSeen::Unknown(format!("cannot be looked at: {}", said(error)))
        })
    };
    Some(compare(record, data, &seen))
}

async fn read(session: &Session, data: &ReleasedData) -> anyhow::Result<PointerSeen> {
    let container = container(&data.place, &session.config, Arc::new(session.lookup()))?;
    let late = |_| anyhow::anyhow!("{} gave no answer within {} s", data.place, PATIENCE.as_secs());
    let found = tokio::time::timeout(PATIENCE, served(&container)).await.map_err(late)??;
    Ok(found.map_or(PointerSeen::Missing, |(pointer, _)| PointerSeen::At(Box::new(pointer))))
}

/// Compares the pointer with the record.
pub(super) fn compare(record: &Record, data: &ReleasedData, seen: &PointerSeen) -> Check {
    let own = data.version.short();
    let mut pending = false;
    let (finding, detail) = match seen {
        PointerSeen::Unknown(why) => (Finding::Unknown, why.clone()),
        PointerSeen::Missing => {
            pending = true;
            (Finding::Differs, format!("nothing is published there, the release has {own}"))
        }
        PointerSeen::At(pointer) => {
            let newer = pointer.release.filter(|release| *release > record.number);
            let shown = pointer.version.short();
            let same = pointer.version.version == data.version.version;
            match (same, newer) {
                (_, Some(release)) => (
                    Finding::Differs,
                    format!(
                        "serves {shown} of release {release}, and the newest record is {}",
                        record.number
                    ),
                ),
                (true, None) => (Finding::Same, format!("serves {own}")),
                (false, None) => {
                    pending = true;
                    let of = match pointer.release {
                        Some(release) if release == record.number => {
                            ", which somebody has put there".to_owned()
                        }
                        Some(release) => format!(" of release {release}"),
                        None => ", which belongs to no release".to_owned(),
                    };
                    (Finding::Differs, format!("serves {shown}{of}; the release has {own}"))
                }
            }
        }
    };
    let name = data.place.container_url();
    Check { part: Part::Data, name, finding, detail, pending }
}
