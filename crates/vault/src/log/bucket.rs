//! The ingest log on a bucket: what waits becomes one object, at most four times a second, several under way at once.
//!
//! Each object has a number of its own in the run, whether or not it comes to be stored, so that no two that are under
//! way share a name and a number is never used for other bytes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clerestory_store::segments::Extent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Append, BATCH_BYTES, Counters, Held, QUEUE, Stored};
use crate::error::chain;
use crate::intents::{Intents, Release};
use crate::{ObjectPath, Objects, StoreError};

/// Time from one object's leaving to the next one's, unless the next is full.
const EVERY: Duration = Duration::from_millis(250);
/// After a quiet time the first segment waits this long for company.
const COMPANY: Duration = Duration::from_millis(10);
/// Objects under way at once.
const UNDER_WAY: usize = 4;
/// Bytes that wait or are under way: what the log may hold in memory.
const ROOM_BYTES: usize = 64 * 1024 * 1024;
/// How long a sender waits for room before it is told to try again.
const ROOM: Duration = Duration::from_secs(5);

/// The log in the objects of one run.
pub(super) struct BucketLog {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

/// A segment that waits or is under way, and the room it takes.
struct Waiting {
    append: Append,
    room: OwnedSemaphorePermit,
}

impl BucketLog {
    pub(super) fn open(
        objects: Objects,
        generation: String,
        intents: Intents,
        counters: Arc<Counters>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let sender = Arc::new(Sender { objects, generation, intents, counters });
        // Ends when the last log handle is dropped; what waits then is still sent.
        tokio::spawn(gather(sender, waiting));
        Self { queue, room: Arc::new(Semaphore::new(ROOM_BYTES)) }
    }

    pub(super) async fn append(&self, bytes: Vec<u8>) -> Result<Stored, StoreError> {
        let (reply, answer) = oneshot::channel();
        let size = u32::try_from(bytes.len().min(ROOM_BYTES)).unwrap_or(u32::MAX);
        let enter = async {
            let room =
                Arc::clone(&self.room).acquire_many_owned(size).await.map_err(|_| StoreError::Closed)?;
            let waiting = Waiting { append: Append { bytes, reply }, room };
            self.queue.send(waiting).await.map_err(|_| StoreError::Closed)
        };
        timeout(ROOM, enter).await.unwrap_or(Err(StoreError::Busy))?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// Takes what waits, as an object's worth at a time.
async fn gather(sender: Arc<Sender>, mut waiting: mpsc::Receiver<Waiting>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    let (mut number, mut left) = (0, None::<Instant>);
    while let Some(first) = waiting.recv().await {
        let company = Instant::now() + COMPANY;
        let leaves = left.map_or(company, |left| company.max(left + EVERY));
        let mut bytes = first.append.bytes.len();
        let mut batch = vec![first];
        while bytes < BATCH_BYTES {
            let Ok(Some(next)) = timeout_at(leaves, waiting.recv()).await else { break };
            bytes += next.append.bytes.len();
            batch.push(next);
        }
        // With all under way busy the queue fills up, and senders wait.
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
        left = Some(Instant::now());
        tokio::spawn(Arc::clone(&sender).send(number, batch, permit));
        number += 1;
    }
}

struct Sender {
    objects: Objects,
    generation: String,
    intents: Intents,
    counters: Arc<Counters>,
}

impl Sender {
    async fn send(self: Arc<Self>, number: u32, batch: Vec<Waiting>, permit: OwnedSemaphorePermit) {
        let object = ObjectPath::Log { generation: &self.generation, number }.path();
        let (mut together, mut extents) = (Vec::new(), Vec::with_capacity(batch.len()));
        let (mut replies, mut rooms) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for Waiting { append: Append { bytes, reply }, room } in batch {
            let (offset, length) = (together.len() as u64, bytes.len() as u64);
            extents.push(Extent { object: object.clone(), offset, length });
            together.extend_from_slice(&bytes);
            replies.push(reply);
            rooms.push(room);
        }
        let bytes = together.len();
        let stored = self.store(&object, together.into()).await;
        drop((permit, rooms));
        match stored {
            Ok(intent) => {
                self.counters.flushed(replies.len(), bytes);
                for (reply, extent) in replies.into_iter().zip(extents) {
                    // A sender that went away leaves bytes that no row names: the object is handed over.
                    let held = Held::of(&object, Arc::clone(&intent), None);
                    drop(reply.send(Ok(Stored::new(extent, held))));
                }
            }
            Err(error) => {
                let (why, segments) = (chain(&error), replies.len());
                tracing::error!(error = why, object, segments, "a part of the ingest log was not stored");
                for reply in replies {
                    drop(reply.send(Err(error.for_another(&object))));
                }
            }
        }
    }

    async fn store(&self, object: &str, bytes: Bytes) -> Result<Arc<crate::intents::Intent>, StoreError> {
        let intent = Arc::new(self.intents.reserve(object, Release::OnDrop).await?);
        // A put that failed may have arrived, or arrive yet.
        let held = Held::of(object, Arc::clone(&intent), None);
        self.objects.put(object, bytes).await?;
        held.done();
        Ok(intent)
    }
}
