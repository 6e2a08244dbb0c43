//! SQLite: one writer thread with lanes and group commit, bounded readers.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::error::Cause;
use crate::sqlite_tx::SqliteTx;
use crate::tx::Engine;
use crate::{Body, Component, Lane, SqlError, Tx, WriterStats, migrate};

/// Bodies that may share one commit: enough to hide a disk's flush, few enough to keep one commit short.
const BATCH: usize = 256;
const READERS: usize = 4;
/// First release without the WAL-reset corruption bug.
const OLDEST_LIBRARY: i32 = 3_051_003;

pub(crate) struct Sqlite {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, components: &[Component]) -> Result<Self, SqlError> {
        refuse_old_library()?;
        let connection = connect(path, OpenFlags::default())?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        let mut tx = Tx::sqlite(connection);
        migrate_all(&mut tx, components)?;
        let readers = Readers::open(path)?;
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        let writer = std::thread::Builder::new()
            .name("sql-writer".to_owned())
            .spawn(move || write_loop(&mut tx, &theirs))
            .map_err(|_| SqlError::Closed)?;
        Ok(Self { queue, writer: Some(writer), readers })
    }

    /// Without a writer: there is nothing that could write.
    pub(crate) fn open_to_read(path: &Path, components: &[Component]) -> Result<Self, SqlError> {
        refuse_old_library()?;
        let mut tx = Tx::sqlite(connect_to_read(path)?);
        let components = components.to_vec();
        read_in(&mut tx, move |tx| Box::pin(async move { migrate::compare(tx, &components).await }))?;
        Ok(Self { queue: Arc::default(), writer: None, readers: Readers::open(path)? })
    }

    pub(crate) async fn write<T, E, F>(&self, lane: Lane, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        if self.writer.is_none() {
            return Err(SqlError::ReadOnly.into());
        }
        let (reply, answer) = oneshot::channel();
        self.queue.push(lane, Box::new(Task { body: Some(body), result: None, reply }))?;
        answer.await.map_err(|_| E::from(SqlError::Closed))?
    }

    pub(crate) async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.readers.push(Box::new(move |tx| {
            // Whoever asked may have left while it waited for its turn.
            if !reply.is_closed() {
                drop(reply.send(read_in(tx, body)));
            }
        }))?;
        answer.await.map_err(|_| E::from(SqlError::Closed))?
    }

    pub(crate) fn stats(&self) -> WriterStats {
        lock(&self.queue.state).stats
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        lock(&self.queue.state).closed = true;
        self.queue.woken.notify_all();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has already failed every waiting body.
            drop(writer.join());
        }
    }
}

type Read = Box<dyn FnOnce(&mut Tx) + Send>;

/// Threads that read, each with a connection of its own: what waits for the disk elsewhere takes none of theirs.
struct Readers {
    queue: Option<Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    fn open(path: &Path) -> Result<Self, SqlError> {
        let (queue, waiting) = channel::<Read>();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(READERS) };
        for _ in 0..READERS {
            let (mut tx, waiting) = (Tx::sqlite(connect_to_read(path)?), Arc::clone(&waiting));
            let thread = std::thread::Builder::new().name("sql-reader".to_owned()).spawn(move || {
                loop {
                    let next = lock(&waiting).recv();
                    let Ok(read) = next else { break };
                    read(&mut tx);
                }
            });
            readers.threads.push(thread.map_err(|_| SqlError::Closed)?);
        }
        Ok(readers)
    }

    fn push(&self, read: Read) -> Result<(), SqlError> {
        let queue = self.queue.as_ref().ok_or(SqlError::Closed)?;
        queue.send(read).map_err(|_| SqlError::Closed)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.take();
        // The last to let go of the database may be what was read in one of these threads.
        let own = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != own) {
            // One that panicked has closed its connection as well.
            drop(thread.join());
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, SqlError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;
         PRAGMA busy_timeout = 5000; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;",
    )?;
    Ok(connection)
}

fn connect_to_read(path: &Path) -> Result<Connection, SqlError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn refuse_old_library() -> Result<(), SqlError> {
    if rusqlite::version_number() < OLDEST_LIBRARY {
        return Err(SqlError::OldLibrary { found: rusqlite::version().to_owned() });
    }
    Ok(())
}

fn read_in<T, E, F>(tx: &mut Tx, body: F) -> Result<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E>,
    E: From<SqlError>,
{
    inner(tx)?.control("BEGIN")?;
    inner(tx)?.enter();
    tx.enter();
    let result = caught(|| poll_once(body(tx)));
    inner(tx)?.leave();
    inner(tx)?.control("ROLLBACK")?;
    result
}

/// The statements of this engine: what this file makes is always its own.
fn inner(tx: &mut Tx) -> Result<&mut SqliteTx, SqlError> {
    match tx.engine() {
        Engine::Sqlite(inner) => Ok(inner),
        Engine::Postgres(_) => Err(SqlError::Closed),
    }
}

fn migrate_all(tx: &mut Tx, components: &[Component]) -> Result<(), SqlError> {
    inner(tx)?.control("BEGIN IMMEDIATE")?;
    match poll_once(Box::pin(migrate::apply(tx, components))) {
        Ok(()) => inner(tx)?.control("COMMIT"),
        Err(error) => {
            inner(tx)?.control("ROLLBACK")?;
            Err(error)
        }
    }
}

/// A panic in a body is that body's failure: it must not take the only writer, or a reader, with it.
fn caught<T, E: From<SqlError>>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(SqlError::Panicked.into()))
}

/// A body only ever awaits its transaction, which on SQLite is always ready.
fn poll_once<T, E: From<SqlError>>(mut body: Body<'_, T, E>) -> Result<T, E> {
    match body.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(SqlError::AwaitedElsewhere.into()),
    }
}

trait Work: Send {
    /// Runs the body; `false` when what it did must be undone.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers the caller once the commit is known.
    fn settle(self: Box<Self>, commit: Result<(), SqlError>);
}

struct Task<F, T, E> {
    body: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Task<F, T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send,
    T: Send,
    E: From<SqlError> + Send,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let mut result = match self.body.take() {
            Some(body) => caught(|| poll_once(body(tx))),
            None => Err(SqlError::Closed.into()),
        };
        if result.is_ok() && tx.has_failed() {
            result = Err(SqlError::RolledBack.into());
        }
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn settle(self: Box<Self>, commit: Result<(), SqlError>) {
        let result = match (self.result, commit) {
            (Some(Ok(_)) | None, Err(error)) => Err(error.into()),
            (Some(result), _) => result,
            (None, Ok(())) => Err(SqlError::Closed.into()),
        };
        // A caller that went away no longer needs its answer; what it asked for is done or undone all the same.
        drop(self.reply.send(result));
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Default)]
struct Waiting {
    lanes: [VecDeque<Box<dyn Work>>; Lane::COUNT],
    closed: bool,
    stats: WriterStats,
}

impl Queue {
    fn push(&self, lane: Lane, work: Box<dyn Work>) -> Result<(), SqlError> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(SqlError::Closed);
        }
        if let Some(queue) = state.lanes.get_mut(lane as usize) {
            queue.push_back(work);
        }
        drop(state);
        self.woken.notify_one();
        Ok(())
    }

    /// The next bodies to run, in the order of their lanes; none when the database closes.
    fn next_batch(&self) -> Option<Vec<Box<dyn Work>>> {
        let mut state = lock(&self.state);
        loop {
            if state.lanes.iter().any(|lane| !lane.is_empty()) {
                let all = state.lanes.iter_mut().flat_map(|lane| {
                    let take = lane.len().min(BATCH);
                    lane.drain(..take)
                });
                return Some(all.collect());
            }
            if state.closed {
                return None;
            }
            state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Closes the queue however the writer ends, so that nobody waits for an answer that cannot come.
struct ClosesQueue<'a>(&'a Queue);

impl Drop for ClosesQueue<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.closed = true;
        state.lanes.iter_mut().for_each(VecDeque::clear);
    }
}

fn write_loop(tx: &mut Tx, queue: &Queue) {
    let _closes = ClosesQueue(queue);
    while let Some(mut batch) = queue.next_batch() {
        let commit = run_batch(tx, &mut batch);
        let bodies = batch.len() as u64;
        if commit.is_ok() {
            let mut state = lock(&queue.state);
            state.stats.commits += 1;
            state.stats.bodies += bodies;
        }
        let failed = commit.err();
        for work in batch {
            work.settle(match &failed {
                None => Ok(()),
                Some(error) => Err(again(error)),
            });
        }
    }
}

fn run_batch(tx: &mut Tx, batch: &mut [Box<dyn Work>]) -> Result<(), SqlError> {
    inner(tx)?.control("BEGIN IMMEDIATE")?;
    for work in batch.iter_mut() {
        if let Err(error) = run_one(tx, work.as_mut()) {
            // The engine itself gave up (a full disk rolls everything back): nothing of this batch stands.
            drop(inner(tx)?.control("ROLLBACK"));
            return Err(error);
        }
    }
    let tx = inner(tx)?;
    tx.control("COMMIT").map_err(|error| {
        drop(tx.control("ROLLBACK"));
        unknown_where_writing_failed(error)
    })
}

/// A disk that failed while a commit was written to it may have all of it, and a crash right now would bring it back.
fn unknown_where_writing_failed(error: SqlError) -> SqlError {
    let failed =
        |cause: &rusqlite::Error| cause.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
    match error {
        SqlError::Engine(Cause::Sqlite(cause)) if failed(&cause) => SqlError::Unknown(Cause::Sqlite(cause)),
        other => other,
    }
}

/// Runs one body of a batch inside a savepoint of its own.
fn run_one(tx: &mut Tx, work: &mut dyn Work) -> Result<(), SqlError> {
    inner(tx)?.control("SAVEPOINT body")?;
    inner(tx)?.enter();
    tx.enter();
    let keep = work.run(tx);
    let tx = inner(tx)?;
    if let Some(failure) = tx.leave() {
        return Err(failure);
    }
    if !keep {
        tx.control("ROLLBACK TO body")?;
    }
    tx.control("RELEASE body")
}

/// One failed commit is told to everybody who shared it.
fn again(error: &SqlError) -> SqlError {
    let copy = |cause: &Cause| {
        let code = match cause {
            Cause::Sqlite(inner) => inner.sqlite_error().copied(),
            Cause::Postgres(_) | Cause::Pool(_) | Cause::Body => None,
        };
        Cause::Sqlite(code.map_or(rusqlite::Error::InvalidQuery, |code| {
            rusqlite::Error::SqliteFailure(code, Some(cause.to_string()))
        }))
    };
    match error {
        SqlError::Full(inner) => SqlError::Full(copy(inner)),
        SqlError::Unknown(inner) => SqlError::Unknown(copy(inner)),
        SqlError::Engine(inner) | SqlError::Exists(inner) => SqlError::Engine(copy(inner)),
        _ => SqlError::Closed,
    }
}

/// A poisoned lock here guards plain queues and connections whose state is consistent between calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
