//! A registry on a real database and real directories, with a clock that tests move and places that fail when told.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test file uses a part of it"
)]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clerestory_keys::{
    EpochPlace, FilePlace, KeyError, Keys, LEASE, LeasesOut, NewKey, NewSubjectKey, Protection, Purpose,
    RootFile, SCHEMA, unwrapping,
};
use clerestory_model::{Clock, KeyId, OrganisationId, RetentionClass, SubjectId, Timestamp};
use clerestory_sql::{Body, Database, Lane, Schema, Tx, Value};

pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const DAY: i64 = 24 * HOUR;
/// 2026-11-18, some time in the morning.
pub(crate) const START: i64 = 1_795_000_000_000_000;

/// What the clock says and what passed, moved apart or together.
pub(crate) struct Hands {
    now: AtomicI64,
    passed: AtomicI64,
}

impl Hands {
    pub(crate) fn at(now: i64) -> Arc<Self> {
        Arc::new(Self { now: AtomicI64::new(now), passed: AtomicI64::new(HOUR) })
    }
    /// Time passes.
    pub(crate) fn pass(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
        self.passed.fetch_add(micros, Ordering::SeqCst);
    }
    /// Somebody sets the clock.
    pub(crate) fn set(&self, by: i64) {
        self.now.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// Counts what is done to all places; from a given step on nothing works any more, as after a crash.
#[derive(Clone)]
pub(crate) struct Fuse {
    left: Arc<AtomicI64>,
    /// Whether the step at which it burns is still done, though it answers with an error.
    done_first: bool,
}

impl Fuse {
    pub(crate) fn whole() -> Self {
        Self::after(i64::MAX, false)
    }
    pub(crate) fn after(steps: i64, done_first: bool) -> Self {
        Self { left: Arc::new(AtomicI64::new(steps)), done_first }
    }
    pub(crate) fn set(&self, steps: i64) {
        self.left.store(steps, Ordering::SeqCst);
    }
    pub(crate) fn burnt(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
    fn step<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => act(),
            left => {
                if left == 0 && self.done_first {
                    drop(act());
                }
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}

pub(crate) struct Fused {
    pub(crate) place: FilePlace,
    pub(crate) fuse: Fuse,
}

impl EpochPlace for Fused {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self) -> io::Result<Vec<i64>> {
        self.fuse.step(|| self.place.list())
    }
    fn read(&self, epoch: i64) -> io::Result<Vec<u8>> {
        self.fuse.step(|| self.place.read(epoch))
    }
    fn keep(&self, epoch: i64, wrapped: &[u8]) -> io::Result<()> {
        self.fuse.step(|| self.place.keep(epoch, wrapped))
    }
    fn replace(&self, epoch: i64, wrapped: &[u8]) -> io::Result<()> {
        self.fuse.step(|| self.place.replace(epoch, wrapped))
    }
    fn remove(&self, epoch: i64) -> io::Result<()> {
        self.fuse.step(|| self.place.remove(epoch))
    }
}

/// One node: its own `Keys` and its own connections to the database all nodes share.
pub(crate) struct Node {
    pub(crate) keys: Arc<Keys>,
    pub(crate) database: Database,
    pub(crate) clock: Arc<Hands>,
}

/// Names a PostgreSQL that runs already, as `cargo xtask test` starts one; without it the tests run on SQLite.
const VARIABLE: &str = "CLERESTORY_TEST_POSTGRES";

/// An installation on disk, or with its rows on a PostgreSQL, in a schema of its own.
pub(crate) struct Rig {
    pub(crate) directory: tempfile::TempDir,
    postgres: tokio::sync::OnceCell<Option<String>>,
}

async fn schema_of_its_own() -> Option<String> {
    let server = std::env::var(VARIABLE).ok().filter(|server| !server.is_empty())?;
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
    let running = tokio::spawn(connection);
    let name = format!("test_{}", hex::encode(clerestory_seal::random::<8>()));
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();
    Some(format!("{server}?options=-csearch_path%3D{name}"))
}

impl Rig {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        RootFile::create(&directory.path().join("root.key"), "eu-1", &Protection::Plain).unwrap();
        Self { directory, postgres: tokio::sync::OnceCell::new() }
    }
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
    pub(crate) fn places(&self) -> [PathBuf; 2] {
        [self.path().join("epochs"), self.path().join("second")]
    }
    pub(crate) fn root(&self) -> RootFile {
        RootFile::open(&self.path().join("root.key"), &Protection::Plain).unwrap()
    }
    pub(crate) async fn open(&self, clock: &Arc<Hands>) -> Node {
        self.open_with(clock, [Fuse::whole(), Fuse::whole()]).await.unwrap()
    }
    pub(crate) async fn open_with(&self, clock: &Arc<Hands>, fuses: [Fuse; 2]) -> Result<Node, KeyError> {
        let places = self.places().into_iter().zip(fuses).map(|(path, fuse)| -> Box<dyn EpochPlace> {
            Box::new(Fused { place: FilePlace::create(path).unwrap(), fuse })
        });
        self.open_in(clock, places.collect()).await
    }
    pub(crate) async fn open_in(
        &self,
        clock: &Arc<Hands>,
        places: Vec<Box<dyn EpochPlace>>,
    ) -> Result<Node, KeyError> {
        let database = match self.postgres.get_or_init(schema_of_its_own).await {
            None => Database::open_sqlite(&self.path().join("db"), &[SCHEMA])?,
            Some(address) => Database::open_postgres(address, None, Schema::MayBeMade, &[SCHEMA]).await?,
        };
        let keys = Keys::open(self.root(), places, database.clone(), clock.clone()).await?;
        Ok(Node { keys: Arc::new(keys), database, clock: Arc::clone(clock) })
    }
    /// The epochs in each place.
    pub(crate) fn held(&self) -> [Vec<i64>; 2] {
        self.places().map(|path| {
            let mut held = FilePlace::create(path).unwrap().list().unwrap();
            held.sort_unstable();
            held
        })
    }
}

pub(crate) fn organisation() -> OrganisationId {
    OrganisationId::new(Timestamp::from_micros(START), [1; 10])
}

pub(crate) fn subject(number: u8) -> SubjectId {
    SubjectId::new(Timestamp::from_micros(START), [100 + number; 10])
}

impl Node {
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T, KeyError>
    where
        F: for<'t> FnOnce(Arc<Keys>, &'t mut Tx) -> Body<'t, T, KeyError> + Send + 'static,
        T: Send + 'static,
    {
        let keys = Arc::clone(&self.keys);
        self.database.write(Lane::Interactive, move |tx| body(keys, tx)).await
    }
    pub(crate) async fn rows(&self, sql: &'static str) -> Vec<clerestory_sql::Row> {
        let read = self.database.read(move |tx| Box::pin(async move { tx.query(sql, &[]).await }));
        let rows: Result<_, clerestory_sql::SqlError> = read.await;
        rows.unwrap()
    }
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        self.rows(sql).await[0].get(0).unwrap()
    }
    pub(crate) async fn execute(&self, sql: &'static str, values: Vec<Value>) {
        self.write(move |_, tx| Box::pin(async move { Ok(tx.execute(sql, &values).await?) })).await.unwrap();
    }
    /// Lets every such statement fail from now on, as if the process had ended there; `None` mends it.
    pub(crate) async fn cut(&self, cut: Option<(&str, &str, &str)>) {
        let postgres = std::env::var(VARIABLE).is_ok_and(|server| !server.is_empty());
        let statements = match (cut, postgres) {
            (Some((table, verb, when)), false) => vec![format!(
                "CREATE TRIGGER cut BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'cut'); END"
            )],
            (Some((table, verb, when)), true) => vec![
                "CREATE OR REPLACE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION USING message = ''cut''; END'"
                    .to_owned(),
                format!(
                    "CREATE TRIGGER cut BEFORE {verb} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION cut()"
                ),
            ],
            (None, false) => vec!["DROP TRIGGER cut".to_owned()],
            (None, true) => vec!["DROP FUNCTION cut CASCADE".to_owned()],
        };
        for statement in statements {
            self.execute(Box::leak(statement.into_boxed_str()), Vec::new()).await;
        }
    }
    pub(crate) async fn make_as(&self, purpose: Purpose, parent: Option<KeyId>) -> Result<KeyId, KeyError> {
        let at = self.clock.now();
        let new = NewKey { organisation: organisation(), class: RetentionClass::Replay, purpose, parent, at };
        self.write(move |keys, tx| Box::pin(async move { keys.make(tx, new).await })).await
    }
    pub(crate) async fn make(&self, parent: Option<KeyId>) -> KeyId {
        self.make_as(Purpose::Track, parent).await.unwrap()
    }
    pub(crate) async fn make_subject(&self, number: u8, parent: Option<KeyId>) -> Result<KeyId, KeyError> {
        let new = NewSubjectKey {
            organisation: organisation(),
            subject: subject(number),
            class: RetentionClass::Standing,
            parent,
            at: self.clock.now(),
        };
        self.write(move |keys, tx| Box::pin(async move { keys.make_subject(tx, new).await })).await
    }
    /// Opens a key as the vault does: under the lease, out of memory or out of the database.
    pub(crate) async fn secret(&self, key: KeyId) -> Result<[u8; 32], KeyError> {
        self.keys.hold_lease().await?;
        if let Some(secret) = unwrapping::held(&self.keys, key) {
            return Ok(*secret.dangerous_bytes());
        }
        let keys = Arc::clone(&self.keys);
        self.database
            .read(move |tx| {
                Box::pin(async move { Ok(*unwrapping::secret(&keys, tx, key).await?.dangerous_bytes()) })
            })
            .await
    }
    pub(crate) async fn secrets(&self, keys: &[KeyId]) -> BTreeMap<KeyId, [u8; 32]> {
        let mut all = BTreeMap::new();
        for key in keys {
            all.insert(*key, self.secret(*key).await.unwrap());
        }
        all
    }
    pub(crate) fn leases_out(&self) -> LeasesOut {
        let end = self.keys.leases_end();
        self.clock.pass(i64::try_from(LEASE.as_micros()).unwrap());
        self.keys.leases_out(end).unwrap()
    }
    pub(crate) async fn destroy(&self, gone: &[KeyId]) -> Result<clerestory_keys::Destroyed, KeyError> {
        let (gone, leases) = (gone.to_vec(), self.leases_out());
        self.write(move |keys, tx| Box::pin(async move { keys.destroy(tx, &gone, &leases).await })).await
    }
    pub(crate) async fn reparent(&self, key: KeyId, parent: KeyId) -> Result<(), KeyError> {
        self.write(move |keys, tx| Box::pin(async move { keys.reparent(tx, key, parent).await })).await
    }
    pub(crate) async fn pin(&self, key: KeyId) -> Result<(), KeyError> {
        self.write(move |keys, tx| Box::pin(async move { keys.pin(tx, key).await })).await
    }
    pub(crate) async fn unpin(&self, key: KeyId) -> Result<(), KeyError> {
        self.write(move |keys, tx| Box::pin(async move { keys.unpin(tx, key).await })).await
    }
    pub(crate) async fn shard(&self, key: KeyId) -> [u8; 16] {
        self.write(move |keys, tx| Box::pin(async move { Ok(keys.locate(tx, key).await?.shard) }))
            .await
            .unwrap()
    }
}
