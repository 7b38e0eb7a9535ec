//! Cuts a stream of JSON into whole values, without holding more than one of them.

use std::io::{self, Read};

use super::ManifestError;

/// The longest value that is held, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;

pub(super) struct Tokens<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes are still allowed.
    left: u64,
}

impl<R: Read> Tokens<R> {
    pub(super) fn new(input: R, most: u64) -> Self {
        Self { input, buffer: vec![0; BLOCK], start: 0, end: 0, left: most }
    }

    /// Reads on; `false` at the end of the input.
    fn fill(&mut self) -> Result<bool, ManifestError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() > MOST_BYTES {
                return Err(ManifestError::Damaged(format!("a value has over {MOST_BYTES} bytes")));
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    let read = read as u64;
                    self.left = self.left.checked_sub(read).ok_or(ManifestError::TooLarge)?;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ManifestError::Io(error)),
            }
        }
    }

    /// Returns the next byte that is no white space, without taking it; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, ManifestError> {
        loop {
            while self.start < self.end {
                match self.buffer[self.start] {
                    b' ' | b'\t' | b'\n' | b'\r' => self.start += 1,
                    other => return Ok(Some(other)),
                }
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Takes the next byte if it is this one.
    pub(super) fn takes(&mut self, byte: u8) -> Result<bool, ManifestError> {
        let there = self.peek()? == Some(byte);
        if there {
            self.start += 1;
        }
        Ok(there)
    }

    /// Takes this byte.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), ManifestError> {
        if self.takes(byte)? {
            return Ok(());
        }
        let found =
            self.peek()?.map_or("the end".to_owned(), |found| format!("{:?}", char::from(found)));
        Err(ManifestError::Damaged(format!("expected {:?}, found {found}", char::from(byte))))
    }

    /// Takes one whole value, and returns its text. What is inside is checked by who reads it.
    pub(super) fn value(&mut self) -> Result<&[u8], ManifestError> {
        let ended = || ManifestError::Damaged("it ends in the middle of a value".to_owned());
        let first = self.peek()?.ok_or_else(ended)?;
        let plain = !matches!(first, b'"' | b'{' | b'[');
        let (mut at, mut depth, mut quoted) = (0_usize, 0_u32, false);
        loop {
            if self.start + at == self.end && !self.fill()? {
                // A number may be the last thing of a file.
                if plain && at > 0 {
                    break;
                }
                return Err(ended());
            }
            let byte = self.buffer[self.start + at];
            if plain {
                if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b':') {
                    break;
                }
                at += 1;
                continue;
            }
            at += 1;
            if quoted {
                match byte {
                    b'\\' => {
                        // Whatever follows is part of the escape.
                        if self.start + at == self.end && !self.fill()? {
                            return Err(ended());
                        }
                        at += 1;
                    }
                    b'"' => quoted = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            if !quoted && depth == 0 {
                break;
            }
        }
        let value = &self.buffer[self.start..self.start + at];
        self.start += at;
        Ok(value)
    }
}
