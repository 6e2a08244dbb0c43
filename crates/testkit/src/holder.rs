//! Somebody else's transaction, for tests of what happens beside each other: it holds locks until it is told to let go,
//! and knows who waits for it.

use std::time::{Duration, Instant};

use clerestory::Postgres;
use tokio_postgres::{Client, NoTls};

const PATIENCE: Duration = Duration::from_secs(20);

/// Everybody who waits for a backend, or for somebody who does.
const WAITING: &str = "WITH RECURSIVE waiting (pid) AS (
        SELECT $1::integer UNION
        SELECT a.pid FROM pg_stat_activity a JOIN waiting w ON w.pid = ANY (pg_blocking_pids(a.pid)))
    SELECT count(*) - 1 FROM waiting";

/// A transaction on a connection of its own.
pub struct Holder {
    client: Client,
    watcher: Client,
    backend: i32,
}

impl Holder {
    /// Runs `sql`, which locks something, and keeps its transaction open.
    ///
    /// # Panics
    /// When that fails.
    pub async fn take(database: &Postgres, sql: &str) -> Self {
        let (client, watcher) = (connect(database).await, connect(database).await);
        client.batch_execute(&format!("BEGIN; {sql}")).await.expect("what is to be held can be locked");
        let backend = client.query_one("SELECT pg_backend_pid()", &[]).await.expect("a backend has a number");
        Self { client, watcher, backend: backend.get(0) }
    }

    /// Waits until so many wait for what is held, directly or behind each other.
    ///
    /// # Panics
    /// When they do not within 20 s.
    pub async fn waited_for_by(&self, number: i64) {
        let began = Instant::now();
        loop {
            let row =
                self.watcher.query_one(WAITING, &[&self.backend]).await.expect("the server says who waits");
            let waiting: i64 = row.get(0);
            if waiting >= number {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{waiting} wait, and not {number}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the statements of everybody who waits: to them another transaction was in the way for too long.
    ///
    /// # Panics
    /// When the server does not do it.
    pub async fn turn_away(&self) {
        let sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE $1::integer = ANY (pg_blocking_pids(pid))";
        self.watcher.query(sql, &[&self.backend]).await.expect("the server ends a statement");
    }

    /// Lets go; whoever waits goes on.
    ///
    /// # Panics
    /// When the transaction cannot end.
    pub async fn release(self) {
        self.client.batch_execute("COMMIT").await.expect("what was held is let go");
    }
}

async fn connect(database: &Postgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&database.address, NoTls).await.expect("the test database answers");
    tokio::spawn(connection);
    client
}
