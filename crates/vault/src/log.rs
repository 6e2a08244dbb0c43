//! The ingest log: small sealed segments of many recordings, gathered and made durable together.
//!
//! On a directory one thread owns a file, writes what waits in one go and flushes once ([`file`]). On a bucket what
//! waits becomes one object, a few times a second and several at a time ([`bucket`]). A position is the run, a number
//! in it and an offset, written as an [`Extent`]. What is made durable together fails together, and nothing else does.

mod bucket;
pub(crate) mod entry;
mod file;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clerestory_model::Clock;
use clerestory_seal::random;
use clerestory_sql::{Database, Tx};
use clerestory_store::segments::Extent;
use tokio::sync::{OnceCell, oneshot};

use crate::intents::{Intent, Intents, Release};
use crate::{ObjectPath, Objects, StoreError};

/// Bytes made durable in one go at most, so that the first in a long queue does not wait for the last.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// No file or object of the log is larger: a file is closed beyond 64 MiB, by a batch that may be a segment too large.
pub(crate) const LARGEST_FILE: u64 = 80 * 1024 * 1024;
/// Segments that may wait; senders beyond it wait to send.
const QUEUE: usize = 1024;

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Flushes to disk, or objects put.
    pub flushes: u64,
    /// Segments in them.
    pub segments: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// Bytes that are durable and that no row names yet. While this is held, nothing takes them for an orphan. Let it come
/// out of the transaction that names them, so that it is held until that is committed, whoever still waits for it.
///
/// Where nobody says [`Self::committed`], the object is handed over to be removed, as soon as nothing is named in it.
#[derive(Clone, Debug)]
#[must_use = "rows that name the bytes are still to be written"]
pub struct Stored {
    extent: Extent,
    held: Arc<Held>,
}

/// Keeps an object, or a file of the log, while bytes in it may come to be named. Unless they are known to be, the object
/// is on record as one to be removed before this lets it go.
#[derive(Debug)]
pub(crate) struct Held {
    object: String,
    intent: Arc<Intent>,
    /// The file of the log they lie in, which is locked while somebody has it.
    file: Option<Arc<File>>,
    named: AtomicBool,
}

impl Held {
    pub(crate) fn of(object: &str, intent: Arc<Intent>, file: Option<Arc<File>>) -> Self {
        Self { object: object.to_owned(), intent, file, named: AtomicBool::new(false) }
    }

    /// There is nothing to remove: rows name the bytes, or somebody else answers for them.
    pub(crate) fn done(&self) {
        self.named.store(true, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.named.load(Ordering::Relaxed) {
            self.intent.hand_over(std::mem::take(&mut self.object), self.file.take());
        }
    }
}

impl Stored {
    pub(crate) fn new(extent: Extent, held: Held) -> Self {
        Self { extent, held: Arc::new(held) }
    }

    /// The same where the first `bytes` of what was stored are left out.
    pub(crate) fn after(mut self, bytes: u64) -> Self {
        self.extent.offset += bytes;
        self.extent.length = self.extent.length.saturating_sub(bytes);
        self
    }

    /// Where the bytes lie.
    #[must_use]
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Call it in the transaction that writes rows which name the bytes: they are still there when it commits. Hold
    /// on to this value until then, and say then that it was [`Self::committed`].
    ///
    /// # Errors
    /// [`StoreError::GivenUp`] when the object was removed as an orphan: it has to be sent again.
    pub async fn confirm(&self, tx: &mut Tx) -> Result<(), StoreError> {
        self.held.intent.confirm(tx).await
    }

    /// Rows that name the bytes are committed.
    pub fn committed(self) {
        self.held.done();
    }
}

struct Append {
    bytes: Vec<u8>,
    reply: oneshot::Sender<Result<Stored, StoreError>>,
}

#[derive(Default)]
struct Counters {
    flushes: AtomicU64,
    segments: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn flushed(&self, segments: usize, bytes: usize) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        self.segments.fetch_add(segments as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The log of one run of this node.
pub struct IngestLog {
    generation: String,
    intents: Intents,
    counters: Arc<Counters>,
    writer: Writer,
}

enum Writer {
    /// Begun at the first append, so that a command that records nothing leaves nothing behind.
    File {
        objects: Objects,
        log: OnceCell<file::FileLog>,
    },
    Bucket(bucket::BucketLog),
}

impl IngestLog {
    /// Begins the log of this run on `objects`. Call it on the runtime that appends.
    #[must_use]
    pub fn open(objects: &Objects, database: Database, clock: Arc<dyn Clock>) -> Self {
        let suffix: [u8; 4] = random();
        let generation = format!("{:012x}-{:08x}", clock.now().unix_millis(), u32::from_be_bytes(suffix));
        let (intents, counters) = (Intents::new(database, clock), Arc::new(Counters::default()));
        let writer = if objects.directory().is_some() {
            Writer::File { objects: objects.clone(), log: OnceCell::new() }
        } else {
            let (intents, counters) = (intents.clone(), Arc::clone(&counters));
            Writer::Bucket(bucket::BucketLog::open(objects.clone(), generation.clone(), intents, counters))
        };
        Self { generation, intents, counters, writer }
    }

    /// Appends a sealed segment; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Log`], [`StoreError::Closed`]; on a bucket those of [`Objects::put`], and
    /// [`StoreError::Busy`] when too much waits already. Nothing may be acknowledged then.
    pub async fn append(&self, bytes: Vec<u8>) -> Result<Stored, StoreError> {
        match &self.writer {
            Writer::File { objects, log } => {
                log.get_or_try_init(|| self.begin_files(objects)).await?.append(bytes).await
            }
            Writer::Bucket(log) => log.append(bytes).await,
        }
    }

    async fn begin_files(&self, objects: &Objects) -> Result<file::FileLog, StoreError> {
        let root = objects.directory().ok_or(StoreError::Closed)?;
        let run = ObjectPath::LogRun { generation: &self.generation }.path();
        // Locked before the intent is there: who sees the intent and finds the directory free knows that the run is over.
        let directory = file::begin_run(root, &run)?;
        // One intent for all files of the run: each of them grows while its segments' rows are written.
        let intent = Arc::new(self.intents.reserve(&run, Release::Standing).await?);
        file::FileLog::open(root, directory, self.generation.clone(), intent, Arc::clone(&self.counters))
    }

    /// Ends the file that is written, so that it can be removed as soon as its segments have settled. The next append
    /// begins another. On a bucket every object has ended.
    pub(crate) async fn close_files(&self) {
        if let Writer::File { log, .. } = &self.writer
            && let Some(log) = log.get()
        {
            log.close_file().await;
        }
    }

    pub(crate) fn intents(&self) -> &Intents {
        &self.intents
    }

    /// What the log has done so far.
    #[must_use]
    pub fn stats(&self) -> LogStats {
        LogStats {
            flushes: self.counters.flushes.load(Ordering::Relaxed),
            segments: self.counters.segments.load(Ordering::Relaxed),
            bytes: self.counters.bytes.load(Ordering::Relaxed),
        }
    }
}
