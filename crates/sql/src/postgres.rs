//! PostgreSQL: a pool of connections, each body in a transaction of its own.
//!
//! Where SQLite lines bodies up behind one writer, PostgreSQL runs them beside each other (READ COMMITTED), and its
//! own log makes waiting commits durable together. Bodies lock what they read in order to write (see
//! [`Lock`](crate::Lock)). A body runs in a task of its own: as on SQLite, what was asked for is done or undone even
//! if whoever asked went away.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Semaphore;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use crate::postgres_tx::PostgresTx;
use crate::tx::Engine;
use crate::{Body, Component, Lane, Schema, SqlError, Tx, WriterStats, migrate};

/// Connections for each lane and for readers: together what one node takes of the server's `max_connections`.
const INTERACTIVE: usize = 6;
const INTAKE: usize = 8;
const ARRIVALS: usize = 4;
const MAINTENANCE: usize = 2;
const READERS: usize = 8;
/// Connections of a process that only reads.
const LOOKERS: usize = 2;
/// How long a body waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How a body that may wait for nobody's lock for long begins.
const BEGIN_IN_PASSING: &str = "BEGIN; SET LOCAL lock_timeout TO '8s'";
/// A connection that is silent for this long is asked whether it still is one.
const SILENCE: Duration = Duration::from_secs(30);
/// The oldest server that is supported, as `server_version_num` tells it.
const OLDEST_SERVER: i64 = 150_000;
/// Only one node changes the schema at a time; any number does, as long as it is always the same.
const MIGRATOR_LOCK: i64 = 0x636c_6572_6573_746f;

/// What each connection is told when it is made: a commit is durable when it is answered, and nobody waits for ever. A
/// node that stands still in the middle of a transaction has what it locked taken away after 20 s.
const SESSION: &str = "SET synchronous_commit TO on; SET lock_timeout TO '15s';
    SET statement_timeout TO '60s'; SET idle_in_transaction_session_timeout TO '20s'; SET client_min_messages TO warning";

/// As [`SESSION`], for whoever only reads.
const READING_SESSION: &str = "SET default_transaction_read_only TO on; SET lock_timeout TO '15s';
    SET statement_timeout TO '60s'; SET idle_in_transaction_session_timeout TO '20s'; SET client_min_messages TO warning";

pub(crate) struct Postgres {
    pool: Pool,
    lanes: [Arc<Semaphore>; Lane::COUNT],
    readers: Arc<Semaphore>,
    counters: Arc<Counters>,
    writes: bool,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
}

impl Postgres {
    pub(crate) async fn open(
        address: &str,
        roots: Option<&Path>,
        schema: Schema,
        components: &[Component],
    ) -> Result<Self, SqlError> {
        let most = INTERACTIVE + INTAKE + ARRIVALS + MAINTENANCE + READERS;
        let database = Self {
            pool: pool(address, roots, (most, SESSION))?,
            lanes: [INTERACTIVE, INTAKE, ARRIVALS, MAINTENANCE]
                .map(|permits| Arc::new(Semaphore::new(permits))),
            readers: Arc::new(Semaphore::new(READERS)),
            counters: Arc::default(),
            writes: true,
        };
        database.check_server().await?;
        database.migrate(schema, components).await?;
        Ok(database)
    }

    /// Without any lane to write in: each connection refuses to.
    pub(crate) async fn open_to_read(
        address: &str,
        roots: Option<&Path>,
        components: &[Component],
    ) -> Result<Self, SqlError> {
        let database = Self {
            pool: pool(address, roots, (LOOKERS, READING_SESSION))?,
            lanes: [0; Lane::COUNT].map(|permits| Arc::new(Semaphore::new(permits))),
            readers: Arc::new(Semaphore::new(LOOKERS)),
            counters: Arc::default(),
            writes: false,
        };
        let components = components.to_vec();
        database.read(move |tx| Box::pin(async move { migrate::compare(tx, &components).await })).await?;
        Ok(database)
    }

    /// A server that forgets what it has committed would break the promise behind every acknowledgement.
    async fn check_server(&self) -> Result<(), SqlError> {
        let client = self.pool.get().await?;
        let version: String = client.query_one("SHOW server_version_num", &[]).await?.get(0);
        if version.parse::<i64>().is_ok_and(|version| version < OLDEST_SERVER) {
            return Err(SqlError::Unsafe(format!("the database server is {version}: 15 or newer is needed")));
        }
        for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
            let value: String = client.query_one(&format!("SHOW {setting}"), &[]).await?.get(0);
            if value != "on" {
                return Err(SqlError::Unsafe(format!(
                    "the database server has {setting} = {value}, with which it can lose what it has \
                     committed: set it to on"
                )));
            }
        }
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
        if encoding != "UTF8" {
            return Err(SqlError::Unsafe(format!("the database's encoding is {encoding}: it must be UTF8")));
        }
        Ok(())
    }

    async fn migrate(&self, schema: Schema, components: &[Component]) -> Result<(), SqlError> {
        let mut tx = Tx::postgres(PostgresTx { client: self.pool.get().await? });
        client(&mut tx)?.batch_execute("BEGIN; SET LOCAL statement_timeout TO 0").await?;
        client(&mut tx)?.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATOR_LOCK]).await?;
        let known = "SELECT to_regclass('schema_migrations') IS NOT NULL";
        let exists: bool = client(&mut tx)?.query_one(known, &[]).await?.get(0);
        let migrated = match schema {
            Schema::MustExist if !exists => Err(SqlError::Empty),
            _ => migrate::apply(&mut tx, components).await,
        };
        match migrated {
            Ok(()) => Ok(client(&mut tx)?.batch_execute("COMMIT").await?),
            Err(error) => {
                client(&mut tx)?.batch_execute("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    pub(crate) async fn write<T, E, F>(&self, lane: Lane, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        if !self.writes {
            return Err(SqlError::ReadOnly.into());
        }
        let [interactive, intake, arrivals, maintenance] = &self.lanes;
        let (lane, begin) = match lane {
            Lane::Interactive => (interactive, "BEGIN"),
            Lane::Intake => (intake, "BEGIN"),
            Lane::Arrivals => (arrivals, BEGIN_IN_PASSING),
            Lane::Maintenance => (maintenance, "BEGIN"),
        };
        self.run(Arc::clone(lane), begin, "COMMIT", body).await
    }

    pub(crate) async fn read<T, E, F>(&self, body: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.run(Arc::clone(&self.readers), begin, "ROLLBACK", body).await
    }

    async fn run<T, E, F>(
        &self,
        permits: Arc<Semaphore>,
        begin: &'static str,
        end: &'static str,
        body: F,
    ) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let permit = tokio::time::timeout(PATIENCE, permits.acquire_owned()).await;
        let permit = permit.map_err(|_| SqlError::Busy)?.map_err(|_| SqlError::Closed)?;
        let client = self.pool.get().await.map_err(SqlError::from)?;
        let counters = Arc::clone(&self.counters);
        let task = tokio::spawn(async move {
            let _permit = permit;
            let result = in_transaction(client, begin, end, body).await;
            if result.is_ok() && end == "COMMIT" {
                counters.commits.fetch_add(1, Ordering::Relaxed);
            }
            result
        });
        task.await.map_err(|_| E::from(SqlError::Closed))?
    }

    /// Commits, one body each.
    pub(crate) fn stats(&self) -> WriterStats {
        let commits = self.counters.commits.load(Ordering::Relaxed);
        WriterStats { commits, bodies: commits }
    }
}

/// Connections, at most so many, each told how it is to behave.
fn pool(
    address: &str,
    roots: Option<&Path>,
    (most, session): (usize, &'static str),
) -> Result<Pool, SqlError> {
    let manager = manager(configuration(address)?, roots)?;
    let pool = Pool::builder(manager)
        .max_size(most)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .runtime(Runtime::Tokio1)
        .post_create(Hook::async_fn(move |client, _| {
            Box::pin(async move { client.batch_execute(session).await.map_err(HookError::Backend) })
        }));
    pool.build().map_err(|_| SqlError::Closed)
}

async fn in_transaction<T, E, F>(
    connection: Object,
    begin: &'static str,
    end: &'static str,
    body: F,
) -> Result<T, E>
where
    F: for<'t> FnOnce(&'t mut Tx) -> Body<'t, T, E> + Send + 'static,
    E: From<SqlError> + Send + 'static,
{
    let mut tx = Tx::postgres(PostgresTx { client: connection });
    if let Err(error) = client(&mut tx)?.batch_execute(begin).await {
        discard(tx);
        return Err(SqlError::from(error).into());
    }
    tx.enter();
    let caught = AssertUnwindSafe(async { body(&mut tx).await }).catch_unwind().await;
    let result = match caught {
        Err(_) => Err(SqlError::Panicked.into()),
        Ok(Ok(_)) if tx.has_failed() => Err(SqlError::RolledBack.into()),
        Ok(result) => result,
    };
    let last = if result.is_ok() { end } else { "ROLLBACK" };
    let ended = client(&mut tx)?.batch_execute(last).await;
    if ended.is_err() {
        discard(tx);
    }
    let value = result?;
    ended.map_err(if end == "COMMIT" { SqlError::of_commit } else { SqlError::from })?;
    Ok(value)
}

/// A connection that may still be in a transaction must not become anybody else's.
fn discard(tx: Tx) {
    if let Engine::Postgres(PostgresTx { client }) = tx.into_engine() {
        drop(Object::take(client));
    }
}

/// The connection of a transaction that this file made.
fn client(tx: &mut Tx) -> Result<&mut Object, SqlError> {
    match tx.engine() {
        Engine::Postgres(PostgresTx { client }) => Ok(client),
        Engine::Sqlite(_) => Err(SqlError::Closed),
    }
}

/// The address, with what every connection needs.
pub(crate) fn configuration(address: &str) -> Result<Config, SqlError> {
    let mut config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
        SqlError::Address(format!("{error}; it looks like postgresql://user@host:5432/database"))
    })?;
    config.application_name("clerestory").connect_timeout(PATIENCE);
    // A server that is gone without a word is noticed, and what waits for it is told.
    config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
    Ok(config)
}

/// What makes connections: by TLS, unless the server is on this machine.
pub(crate) fn manager(mut config: Config, roots: Option<&Path>) -> Result<Manager, SqlError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    match roots {
        None if is_here(&config) => {
            config.ssl_mode(SslMode::Disable);
            Ok(Manager::from_config(config, NoTls, recycling))
        }
        None => Err(SqlError::Address(
            "a database on another machine is reached by TLS only: name the file with the \
             certificate of who signed the server's"
                .to_owned(),
        )),
        Some(roots) => {
            config.ssl_mode(SslMode::Require);
            let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls(roots)?);
            Ok(Manager::from_config(config, tls, recycling))
        }
    }
}

/// A database on this machine needs no TLS. Where addresses are given, they are what is connected to.
fn is_here(config: &Config) -> bool {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    hosts.iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    })
}

fn tls(roots: &Path) -> Result<rustls::ClientConfig, SqlError> {
    let wrong = |what: String| SqlError::Address(format!("{}: {what}", roots.display()));
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        store.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(rustls::ClientConfig::builder().with_root_certificates(store).with_no_client_auth())
}
