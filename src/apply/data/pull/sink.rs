//! Writes and digests what arrives, each in a thread of its own, beside the one that receives it: each
//! of the three takes about as long as the others.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::mpsc as blocking;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::cache::boot;

/// So many pieces wait to be written, and so many to be digested; each has at most some hundred KB.
const WAITING: usize = 16;

/// How much is read at once, in bytes.
const PIECE: usize = 1024 * 1024;

/// The first bytes of the file, by which a database is known.
pub(super) const HEAD: usize = 16;

/// A file that grows.
pub(super) struct Sink {
    pieces: Option<mpsc::Sender<Bytes>>,
    writer: Option<JoinHandle<io::Result<Written>>>,
}

/// What was written.
pub(super) struct Written {
    pub(super) sha256: String,
    pub(super) head: Vec<u8>,
}

impl Sink {
    /// Goes on after the first `kept` bytes of `file`, and forgets the rest.
    pub(super) fn start(mut file: File, kept: u64) -> io::Result<Self> {
        let (pieces, mut arriving) = mpsc::channel::<Bytes>(WAITING);
        let writer = thread::Builder::new().name("write".to_owned()).spawn(move || {
            let (written, digesting) = blocking::sync_channel(WAITING);
            let digester = thread::Builder::new()
                .name("digest".to_owned())
                .spawn(move || digest_pieces(&digesting))?;
            let gone = |_| io::Error::other("the thread that digests it ended");
            file.set_len(kept)?;
            file.seek(SeekFrom::Start(0))?;
            let mut left = kept;
            while left > 0 {
                let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
                file.read_exact(&mut piece)?;
                left -= piece.len() as u64;
                written.send(piece.into()).map_err(gone)?;
            }
            while let Some(piece) = arriving.blocking_recv() {
                file.write_all(&piece)?;
                written.send(piece).map_err(gone)?;
            }
            drop(written);
            // Else the digest is checked after the next start of the machine: see `cache`.
            if boot().is_none() {
                file.sync_all()?;
            }
            digester.join().map_err(|_| io::Error::other("the thread that digests it ended"))
        })?;
        Ok(Self { pieces: Some(pieces), writer: Some(writer) })
    }

    /// Takes the next piece; `false` where it cannot be written any more: [`Sink::finish`] says why.
    pub(super) async fn take(&self, piece: Bytes) -> bool {
        match &self.pieces {
            Some(pieces) => pieces.send(piece).await.is_ok(),
            None => false,
        }
    }

    /// Waits until all is written.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.end()
    }

    fn end(&mut self) -> io::Result<Written> {
        drop(self.pieces.take());
        let ended = self.writer.take().and_then(|writer| writer.join().ok());
        ended.unwrap_or_else(|| Err(io::Error::other("the thread that writes it ended")))
    }
}

impl Drop for Sink {
    /// Nobody writes the file any more when somebody else opens it.
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Digests all pieces, and keeps the first bytes.
fn digest_pieces(pieces: &blocking::Receiver<Bytes>) -> Written {
    let (mut digest, mut head) = (Sha256::new(), Vec::with_capacity(HEAD));
    for piece in pieces {
        let room = HEAD - head.len();
        head.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        digest.update(&piece);
    }
    Written { sha256: format!("{:x}", digest.finalize()), head }
}

/// Returns the digest of a file, as 64 hexadecimal digits.
pub(super) fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(format!("{:x}", digest.finalize()));
        }
        digest.update(piece.get(..read).unwrap_or_default());
    }
}
