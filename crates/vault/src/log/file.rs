//! The ingest log on a disk: segments appended to one file and flushed together.
//!
//! One thread owns the file. It takes everything that waits, writes it in one go, flushes once, and then tells each
//! sender where its bytes lie. A file that failed in the middle is left alone and a new one begun: what lies in it
//! beyond the last answer is in no row.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use clerestory_store::segments::Extent;
use tokio::sync::oneshot;

use super::{Append, BATCH_BYTES, Counters, QUEUE, Stored};
use crate::intents::Intent;
use crate::{ObjectPath, StoreError};

/// A file is closed when it has grown beyond this.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The log in the files of one run.
pub(super) struct FileLog {
    queue: Mutex<Option<SyncSender<Append>>>,
    thread: Option<JoinHandle<()>>,
}

impl FileLog {
    /// Begins the run's directory below `root`, and the thread that owns its files.
    pub(super) fn open(
        root: &Path,
        generation: String,
        intent: Arc<Intent>,
        counters: Arc<Counters>,
    ) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Log(error.to_string());
        let directory = root.join(ObjectPath::LogRun { generation: &generation }.path());
        std::fs::create_dir_all(&directory).map_err(failed)?;
        for made in [Some(directory.as_path()), directory.parent(), Some(root)].into_iter().flatten() {
            File::open(made).and_then(|entry| entry.sync_all()).map_err(failed)?;
        }
        let (queue, waiting) = sync_channel(QUEUE);
        let mut writer =
            Writer { root: root.to_owned(), generation, intent, next: 0, current: None, counters };
        let thread = std::thread::Builder::new()
            .name("ingest-log".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(failed)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Some(thread) })
    }

    pub(super) async fn append(&self, bytes: Vec<u8>) -> Result<Stored, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Closed)?;
        let append = Append { bytes, reply };
        if let Err(std::sync::mpsc::TrySendError::Full(append)) = queue.try_send(append) {
            // Only when the disk is slower than the network: wait off the runtime's threads.
            tokio::task::spawn_blocking(move || queue.send(append))
                .await
                .map_err(|_| StoreError::Closed)?
                .map_err(|_| StoreError::Closed)?;
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has dropped every waiting reply, which its sender sees as `Closed`.
            drop(thread.join());
        }
    }
}

struct Writer {
    root: PathBuf,
    generation: String,
    intent: Arc<Intent>,
    next: u32,
    current: Option<OpenFile>,
    counters: Arc<Counters>,
}

struct OpenFile {
    file: File,
    object: String,
    length: u64,
}

impl Writer {
    fn run(&mut self, waiting: &Receiver<Append>) {
        while let Ok(first) = waiting.recv() {
            let mut batch = vec![first];
            let mut bytes = batch.iter().map(|append| append.bytes.len()).sum::<usize>();
            while bytes < BATCH_BYTES {
                let Ok(append) = waiting.try_recv() else { break };
                bytes += append.bytes.len();
                batch.push(append);
            }
            self.commit(batch);
        }
    }

    fn commit(&mut self, batch: Vec<Append>) {
        match self.write(&batch) {
            Ok(extents) => {
                for (append, extent) in batch.into_iter().zip(extents) {
                    // A sender that went away leaves bytes in the log that no row names.
                    drop(append.reply.send(Ok(Stored::new(extent, Arc::clone(&self.intent)))));
                }
            }
            Err(error) => {
                self.current = None;
                let full = error.kind() == std::io::ErrorKind::StorageFull;
                tracing::error!(%error, "the ingest log could not be written");
                for append in batch {
                    let error = if full { StoreError::Full } else { StoreError::Log(error.to_string()) };
                    drop(append.reply.send(Err(error)));
                }
            }
        }
    }

    fn write(&mut self, batch: &[Append]) -> std::io::Result<Vec<Extent>> {
        let mut open = match self.current.take() {
            Some(open) if open.length < FILE_BYTES => open,
            _ => self.begin_file()?,
        };
        let mut extents = Vec::with_capacity(batch.len());
        let mut together = Vec::with_capacity(batch.iter().map(|append| append.bytes.len()).sum());
        for append in batch {
            let length = append.bytes.len() as u64;
            extents.push(Extent {
                object: open.object.clone(),
                offset: open.length + together.len() as u64,
                length,
            });
            together.extend_from_slice(&append.bytes);
        }
        let written = open.file.write_all(&together).and_then(|()| open.file.sync_data());
        if let Err(error) = written {
            // What was written of it is in no row: on a full disk it must not keep the room it took.
            if let Err(cut) = open.file.set_len(open.length) {
                tracing::error!(%cut, "the end of a failed ingest log file could not be cut off");
            }
            return Err(error);
        }
        open.length += together.len() as u64;
        self.current = Some(open);
        self.counters.flushed(batch.len(), together.len());
        Ok(extents)
    }

    fn begin_file(&mut self) -> std::io::Result<OpenFile> {
        let object = ObjectPath::Log { generation: &self.generation, number: self.next }.path();
        self.next += 1;
        let path = self.root.join(&object);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(OpenFile { file, object, length: 0 })
    }
}
