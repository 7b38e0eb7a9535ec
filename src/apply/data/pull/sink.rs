//! Writes and digests what arrives, beside the thread that receives it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::thread::JoinHandle;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

/// So many pieces wait to be written; each has at most some hundred KB.
const WAITING: usize = 32;

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
        let writer = std::thread::Builder::new().name("write".to_owned()).spawn(move || {
            let mut digest = Sha256::new();
            let mut head = Vec::with_capacity(HEAD);
            let mut take = |piece: &[u8]| {
                let room = HEAD - head.len();
                head.extend_from_slice(piece.get(..room).unwrap_or(piece));
                digest.update(piece);
            };
            file.set_len(kept)?;
            file.seek(SeekFrom::Start(0))?;
            let mut piece = vec![0; if kept > 0 { PIECE } else { 0 }];
            let mut old = (&file).take(kept);
            loop {
                let read = old.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                take(piece.get(..read).unwrap_or_default());
            }
            while let Some(piece) = arriving.blocking_recv() {
                file.write_all(&piece)?;
                take(&piece);
            }
            file.sync_all()?;
            Ok(Written { sha256: format!("{:x}", digest.finalize()), head })
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

    /// Waits until all is on the disk.
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
