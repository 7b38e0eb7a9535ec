//! The spool of an import, as DuckDB has to read it.

use std::io::Read as _;

use crate::adapters::database::DatabaseError;
use crate::data::import::Load;

/// How much is read at once, in bytes.
const PIECE: usize = 256 * 1024;

/// What the lines of a spool are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    /// Whether no value has a line break: the lines are the rows.
    pub(super) is_flat: bool,
    /// No row has more bytes than this. `None` where all are far smaller than what DuckDB takes by
    /// itself, 2,000,000.
    pub(super) longest: Option<usize>,
}

impl Lines {
    /// Reads the spool once.
    #[expect(
        clippy::naive_bytecount,
        reason = "a crate for it would save milliseconds of a million rows"
    )]
    pub(super) fn of(load: &Load<'_>) -> Result<Self, DatabaseError> {
        let io = |source| DatabaseError::Io { path: load.spool.display().to_string(), source };
        let mut spool = std::fs::File::open(load.spool).map_err(io)?;
        let (mut lines, mut has_returns, mut piece) = (0, false, vec![0; PIECE]);
        // A row that is longer than a piece or two fills pieces in which none ends.
        let (mut is_open, mut run, mut longest) = (false, 0, 0);
        loop {
            let read = spool.read(&mut piece).map_err(io)?;
            let bytes = piece.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            has_returns = has_returns || bytes.contains(&b'\r');
            lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            run = if ends(bytes, is_open) { 0 } else { run + read };
            longest = longest.max(run);
            is_open ^= bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        }
        // The header is one more.
        let rows = load.rows - load.bad.min(load.rows) + 1;
        Ok(Self {
            is_flat: !has_returns && lines == rows,
            longest: (longest > 0).then_some(longest + 2 * PIECE),
        })
    }
}

/// Tells whether a row ends in a piece, which begins between quotes or not.
fn ends(bytes: &[u8], mut is_open: bool) -> bool {
    bytes.iter().any(|byte| {
        is_open ^= *byte == b'"';
        *byte == b'\n' && !is_open
    })
}
