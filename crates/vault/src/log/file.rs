//! The ingest log on a disk: segments appended to one file and flushed together.
//!
//! One thread owns the file. It takes everything that waits, writes it in one go, flushes once, and then tells each
//! sender where its bytes lie. A file that failed in the middle is left alone and a new one begun: what lies in it
//! beyond the last answer is in no row.
//!
//! The run's directory is locked as long as the process has it, and a file as long as it is written or a row that names
//! bytes in it is still to come. The kernel ends locks with their process: what is locked by nobody is complete.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use clerestory_store::segments::Extent;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use super::{Append, BATCH_BYTES, Counters, Held, QUEUE, Stored};
use crate::intents::Intent;
use crate::{ObjectPath, StoreError};

/// A file is closed when it has grown beyond this.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The log in the files of one run.
pub(super) struct FileLog {
    queue: Mutex<Option<Sender<Message>>>,
    thread: Option<JoinHandle<()>>,
    /// Locked.
    _directory: File,
}

enum Message {
    Append(Append),
    /// End the file; the next append begins another.
    Close(oneshot::Sender<()>),
}

/// Makes the directory of a run, and locks it.
pub(super) fn begin_run(root: &Path, run: &str) -> Result<File, StoreError> {
    let failed = |error: std::io::Error| StoreError::Log(error.to_string());
    let directory = root.join(run);
    std::fs::create_dir_all(&directory).map_err(failed)?;
    for made in [Some(directory.as_path()), directory.parent(), Some(root)].into_iter().flatten() {
        File::open(made).and_then(|entry| entry.sync_all()).map_err(failed)?;
    }
    File::open(&directory).and_then(|entry| entry.lock().map(|()| entry)).map_err(failed)
}

impl FileLog {
    /// Begins the thread that owns the files of the run.
    pub(super) fn open(
        root: &Path,
        directory: File,
        generation: String,
        intent: Arc<Intent>,
        counters: Arc<Counters>,
    ) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| StoreError::Log(error.to_string());
        let (queue, mut waiting) = channel(QUEUE);
        let mut writer =
            Writer { root: root.to_owned(), generation, intent, next: 0, current: None, counters };
        let thread = std::thread::Builder::new()
            .name("ingest-log".to_owned())
            .spawn(move || writer.run(&mut waiting))
            .map_err(failed)?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Some(thread), _directory: directory })
    }

    pub(super) async fn append(&self, bytes: Vec<u8>) -> Result<Stored, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or(StoreError::Closed)?;
        let append = Message::Append(Append { bytes, reply });
        // Waits only when the disk is slower than the network, and keeps no thread meanwhile.
        queue.send(append).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Ends the file that is written. One that has too much to do ends its files by itself.
    pub(super) async fn close_file(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (done, closed) = oneshot::channel();
        if queue.is_some_and(|queue| queue.try_send(Message::Close(done)).is_ok()) {
            // A writer that ended has closed it as well.
            drop(closed.await);
        }
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
    /// Locked; those whose rows are still to come have it too.
    file: Arc<File>,
    object: String,
    length: u64,
}

impl Writer {
    fn run(&mut self, waiting: &mut Receiver<Message>) {
        while let Some(message) = waiting.blocking_recv() {
            let mut next = Some(message);
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let mut close = None;
            while let Some(message) = next {
                match message {
                    Message::Append(append) => {
                        bytes += append.bytes.len();
                        batch.push(append);
                    }
                    Message::Close(done) => close = Some(done),
                }
                let room = bytes < BATCH_BYTES && close.is_none();
                next = if room { waiting.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.commit(batch);
            }
            if let Some(done) = close {
                self.current = None;
                // Whoever asked may have gone.
                let _gone = done.send(());
            }
        }
    }

    fn commit(&mut self, batch: Vec<Append>) {
        match self.write(&batch) {
            Ok((file, extents)) => {
                for (append, extent) in batch.into_iter().zip(extents) {
                    let held = Held::of(&extent.object, Arc::clone(&self.intent), Some(Arc::clone(&file)));
                    // A sender that went away leaves bytes that no row names: the file is handed over.
                    drop(append.reply.send(Ok(Stored::new(extent, held))));
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

    fn write(&mut self, batch: &[Append]) -> std::io::Result<(Arc<File>, Vec<Extent>)> {
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
        let written = (&*open.file).write_all(&together).and_then(|()| open.file.sync_data());
        if let Err(error) = written {
            // What was written of it is in no row: on a full disk it must not keep the room it took.
            if let Err(cut) = open.file.set_len(open.length) {
                tracing::error!(%cut, "the end of a failed ingest log file could not be cut off");
            }
            return Err(error);
        }
        open.length += together.len() as u64;
        let file = Arc::clone(&open.file);
        self.current = Some(open);
        self.counters.flushed(batch.len(), together.len());
        Ok((file, extents))
    }

    fn begin_file(&mut self) -> std::io::Result<OpenFile> {
        let object = ObjectPath::Log { generation: &self.generation, number: self.next }.path();
        self.next += 1;
        let path = self.root.join(&object);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        file.lock()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(OpenFile { file: Arc::new(file), object, length: 0 })
    }
}
