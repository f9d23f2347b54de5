//! The vectors of a run until all are there: appended chunk by chunk, each with its checksum, so that a run that was
//! killed goes on behind the last whole chunk.

use super::{EmbedError, EmbedTally};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::Hasher;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use twox_hash::{XxHash3_64, XxHash3_128};

const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const VECTORS: &str = "vectors";
const LOCK: &str = "lock";
/// Rows, vectors, texts that were cut.
const HEADER_BYTES: usize = 12;
const HASH_BYTES: usize = 8;
/// Of the input at a time, when it is hashed.
const BLOCK_BYTES: usize = 1 << 20;

/// What a run was made of: another run goes on only with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    input_bytes: u64,
    /// XXH3 of the whole input, 128 bits, in hexadecimal digits.
    input_hash: String,
    encoder: String,
    dim: usize,
    options: String,
}

impl Manifest {
    pub(super) fn of(input: &Path, encoder: &str, dim: usize, options: String) -> Result<Self, EmbedError> {
        let failed = |source| crate::Error::Read {
            path: input.to_owned(),
            source,
        };
        let mut file = File::open(input).map_err(failed)?;
        let mut hash = XxHash3_128::new();
        let mut block = vec![0; BLOCK_BYTES];
        let mut input_bytes = 0;
        loop {
            let read = file.read(&mut block).map_err(failed)?;
            if read == 0 {
                break;
            }
            hash.write(&block[..read]);
            input_bytes += read as u64;
        }
        Ok(Self {
            format: FORMAT,
            input_bytes,
            input_hash: format!("{:032x}", hash.finish_128()),
            encoder: encoder.to_owned(),
            dim,
            options,
        })
    }

    /// What of this run differs from the other one's.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.format != other.format {
            Some("another version of this program")
        } else if (self.input_bytes, &self.input_hash) != (other.input_bytes, &other.input_hash) {
            Some("another input")
        } else if (&self.encoder, self.dim) != (&other.encoder, other.dim) {
            Some("another encoder")
        } else if self.options != other.options {
            Some("other options")
        } else {
            None
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum RowState {
    /// It has neither text nor embedding.
    Missing = 0,
    /// Its text was encoded.
    Encoded = 1,
    /// The embedding of the input stays.
    Kept = 2,
}

impl RowState {
    fn of(byte: u8) -> Option<Self> {
        [Self::Missing, Self::Encoded, Self::Kept]
            .into_iter()
            .find(|state| *state as u8 == byte)
    }
}

/// A chunk of rows as it lies in the file.
#[derive(Debug, Default)]
struct Chunk {
    states: Vec<RowState>,
    truncated: u32,
    /// One vector after the other, of the rows that were encoded.
    vectors: Vec<u8>,
}

impl Chunk {
    fn tally(&self) -> EmbedTally {
        let count = |wanted| self.states.iter().filter(|state| **state == wanted).count() as u64;
        EmbedTally {
            rows: self.states.len() as u64,
            encoded: count(RowState::Encoded),
            kept: count(RowState::Kept),
            without_text: count(RowState::Missing),
            truncated: self.truncated.into(),
        }
    }

    /// The next whole chunk; none at the end or where what follows is cut off or damaged.
    fn read(from: &mut impl Read, vector_bytes: usize) -> std::io::Result<Option<Self>> {
        let mut header = [0; HEADER_BYTES];
        if !filled(from, &mut header)? {
            return Ok(None);
        }
        let number = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&header[at..at + 4]);
            u32::from_le_bytes(bytes)
        };
        let (rows, vectors) = (u64::from(number(0)), u64::from(number(4)));
        // Read as it comes: a damaged length allocates nothing.
        let mut body = Vec::new();
        let wanted = rows + vectors * vector_bytes as u64 + HASH_BYTES as u64;
        from.take(wanted).read_to_end(&mut body)?;
        if body.len() as u64 != wanted {
            return Ok(None);
        }
        let hash = body.split_off(body.len() - HASH_BYTES);
        if hash != checksum(&header, &body).to_le_bytes() {
            return Ok(None);
        }
        let vectors = body.split_off(usize::try_from(rows).unwrap_or(usize::MAX));
        let states = body.iter().map(|byte| RowState::of(*byte)).collect::<Option<_>>();
        Ok(states.map(|states| Self {
            states,
            truncated: number(8),
            vectors,
        }))
    }

    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let encoded = self.states.iter().filter(|state| **state == RowState::Encoded);
        let size = |n: usize| u32::try_from(n).map_err(|_| std::io::Error::from(ErrorKind::FileTooLarge));
        let mut bytes =
            Vec::with_capacity(HEADER_BYTES + self.states.len() + self.vectors.len() + HASH_BYTES);
        bytes.extend_from_slice(&size(self.states.len())?.to_le_bytes());
        bytes.extend_from_slice(&size(encoded.count())?.to_le_bytes());
        bytes.extend_from_slice(&self.truncated.to_le_bytes());
        bytes.extend(self.states.iter().map(|state| *state as u8));
        bytes.extend_from_slice(&self.vectors);
        let (header, body) = bytes.split_at(HEADER_BYTES);
        let hash = checksum(header, body);
        bytes.extend_from_slice(&hash.to_le_bytes());
        to.write_all(&bytes)
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u64 {
    let mut hash = XxHash3_64::new();
    hash.write(header);
    hash.write(body);
    hash.finish()
}

/// Fills the buffer; false where the file ends before.
fn filled(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The directory beside the output in which vectors wait.
#[derive(Debug)]
pub(super) struct VectorLog {
    directory: PathBuf,
    vectors: File,
    vector_bytes: usize,
    /// Held for as long as this run works.
    _lock: File,
}

impl VectorLog {
    /// Begins, or goes on where a run of the same manifest stopped; gives what that run had done.
    pub(super) fn open(
        directory: &Path,
        manifest: &Manifest,
        vector_bytes: usize,
        restart: bool,
    ) -> Result<(Self, EmbedTally), EmbedError> {
        let failed = EmbedError::partial(directory);
        match std::fs::create_dir(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let lock = File::create(directory.join(LOCK)).map_err(&failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EmbedError::Busy {
                    path: directory.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let manifest_path = directory.join(MANIFEST);
        let vectors_path = directory.join(VECTORS);
        let other_run = |what| EmbedError::OtherRun {
            path: directory.to_owned(),
            what,
        };
        match std::fs::read(&manifest_path) {
            Ok(bytes) if !restart => {
                let there: Manifest = serde_json::from_slice(&bytes)
                    .map_err(|_| other_run("a manifest that cannot be read"))?;
                if let Some(what) = manifest.difference(&there) {
                    return Err(other_run(what));
                }
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            // The manifest comes last: vectors without one belong to nothing.
            _ => {
                File::create(&vectors_path).map_err(&failed)?;
                let text = serde_json::to_vec_pretty(manifest).map_err(|error| failed(error.into()))?;
                let whole = directory.join("manifest.new");
                std::fs::write(&whole, text).map_err(&failed)?;
                std::fs::rename(&whole, &manifest_path).map_err(&failed)?;
            }
        }
        let mut vectors = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&vectors_path)
            .map_err(&failed)?;
        let mut tally = EmbedTally::default();
        let mut reader = BufReader::with_capacity(BLOCK_BYTES, &mut vectors);
        let mut whole_bytes = 0;
        while let Some(chunk) = Chunk::read(&mut reader, vector_bytes).map_err(&failed)? {
            whole_bytes += (HEADER_BYTES + chunk.states.len() + chunk.vectors.len() + HASH_BYTES) as u64;
            tally += chunk.tally();
        }
        vectors.set_len(whole_bytes).map_err(&failed)?;
        let log = Self {
            directory: directory.to_owned(),
            vectors,
            vector_bytes,
            _lock: lock,
        };
        Ok((log, tally))
    }

    /// Adds the rows of a chunk, in order.
    pub(super) fn append(
        &mut self,
        states: Vec<RowState>,
        vectors: Vec<u8>,
        truncated: u32,
    ) -> Result<EmbedTally, EmbedError> {
        let chunk = Chunk {
            states,
            truncated,
            vectors,
        };
        chunk
            .write(&mut self.vectors)
            .map_err(EmbedError::partial(&self.directory))?;
        Ok(chunk.tally())
    }

    /// All rows from the first.
    pub(super) fn rows(&mut self) -> Result<Rows<'_>, EmbedError> {
        self.vectors
            .seek(SeekFrom::Start(0))
            .map_err(EmbedError::partial(&self.directory))?;
        Ok(Rows {
            directory: &self.directory,
            reader: BufReader::with_capacity(BLOCK_BYTES, &self.vectors),
            vector_bytes: self.vector_bytes,
            chunk: Chunk::default(),
            next: 0,
            next_vector: 0,
        })
    }

    /// Removes the directory: the output is there.
    pub(super) fn remove(self) -> Result<(), EmbedError> {
        std::fs::remove_dir_all(&self.directory).map_err(EmbedError::partial(&self.directory))
    }
}

/// The rows of the log, one by one.
pub(super) struct Rows<'a> {
    directory: &'a Path,
    reader: BufReader<&'a File>,
    vector_bytes: usize,
    chunk: Chunk,
    next: usize,
    next_vector: usize,
}

impl Rows<'_> {
    /// The next row's state, and its vector where it was encoded; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(RowState, &[u8])>, EmbedError> {
        while self.next == self.chunk.states.len() {
            let read = Chunk::read(&mut self.reader, self.vector_bytes);
            let Some(chunk) = read.map_err(EmbedError::partial(self.directory))? else {
                return Ok(None);
            };
            self.chunk = chunk;
            self.next = 0;
            self.next_vector = 0;
        }
        let state = self.chunk.states[self.next];
        self.next += 1;
        if state != RowState::Encoded {
            return Ok(Some((state, &[])));
        }
        let at = self.next_vector * self.vector_bytes;
        self.next_vector += 1;
        // The checksum was right, and it was written so.
        Ok(self
            .chunk
            .vectors
            .get(at..at + self.vector_bytes)
            .map(|vector| (state, vector)))
    }
}
