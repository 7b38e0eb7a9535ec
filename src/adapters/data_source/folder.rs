//! A published database in a folder of this machine or of a mounted share.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::{Answer, Body, Opened, Small, SourceError, SourceFile};

/// How much is read at once, in bytes.
const PIECE: usize = 1024 * 1024;

/// The rest of a file.
pub struct Reader {
    file: File,
    path: PathBuf,
}

impl Reader {
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        let mut piece = vec![0; PIECE];
        let read = self.file.read(&mut piece).map_err(|source| failed(&self.path, source))?;
        piece.truncate(read);
        Ok((read > 0).then(|| piece.into()))
    }
}

pub(super) fn small(
    path: &Path,
    known: Option<&str>,
    limit: usize,
) -> Result<Answer<Small>, SourceError> {
    let (file, found) = regular(path)?;
    if known.is_some() && known == found.etag.as_deref() {
        return Ok(Answer::Same);
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|source| failed(path, source))?;
    if bytes.len() > limit {
        return Err(SourceError::TooLarge { place: path.display().to_string(), limit });
    }
    Ok(Answer::New((bytes, found.etag)))
}

pub(super) fn look(path: &Path, known: Option<&str>) -> Result<Answer<SourceFile>, SourceError> {
    let (_, found) = regular(path)?;
    let same = known.is_some() && known == found.etag.as_deref();
    Ok(if same { Answer::Same } else { Answer::New(found) })
}

pub(super) fn open(path: &Path, offset: u64, etag: Option<&str>) -> Result<Opened, SourceError> {
    let (mut file, found) = regular(path)?;
    if etag.is_some() && etag != found.etag.as_deref() {
        return Err(SourceError::Moved { place: path.display().to_string() });
    }
    file.seek(SeekFrom::Start(offset)).map_err(|source| failed(path, source))?;
    let reader = Reader { file, path: path.to_owned() };
    Ok(Opened { offset, size: Some(found.size), etag: found.etag, body: Body::File(reader) })
}

/// Opens a file; what is none could hang or never end.
fn regular(path: &Path) -> Result<(File, SourceFile), SourceError> {
    let read = |source: std::io::Error| failed(path, source);
    let is_file = |metadata: &Metadata| {
        let no_file = || std::io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
        if metadata.is_file() { Ok(()) } else { Err(read(no_file())) }
    };
    is_file(&std::fs::metadata(path).map_err(read)?)?;
    let file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    is_file(&metadata)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let size = metadata.len();
    let etag =
        modified.map(|modified| format!("{}-{size}{}", modified.as_nanos(), inode(&metadata)));
    Ok((file, SourceFile { size, etag }))
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> String {
    format!("-{}", std::os::unix::fs::MetadataExt::ino(metadata))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> String {
    String::new()
}

fn failed(path: &Path, source: std::io::Error) -> SourceError {
    if source.kind() == ErrorKind::NotFound {
        return SourceError::Missing { place: path.display().to_string() };
    }
    SourceError::File { path: path.to_owned(), source }
}
