//! The connection to PostgreSQL is lost while it commits: nobody is told that nothing was done.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use clerestory::Postgres;
use clerestory_sql::{Component, Database, Lane, Migration, Schema, SqlError};
use clerestory_testkit::Installation;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, movement, snapshot};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ORIGIN: &str = "https://shop.example";
const ITEMS: Component = Component {
    name: "items",
    migrations: &[Migration {
        name: "a table of items",
        sql: "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY) STRICT",
    }],
};

const NEVER: u8 = 0;
/// The server gets the commit, and its answer is lost.
const AFTER: u8 = 1;
/// The server never hears of it.
const BEFORE: u8 = 2;

/// A network between a node and its database that breaks at a commit, once, when it is told to.
#[derive(Clone)]
struct Network {
    breaks: Arc<AtomicU8>,
    /// Commits that went through it.
    commits: Arc<AtomicU64>,
    address: SocketAddr,
}

impl Network {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Self { breaks: Arc::default(), commits: Arc::default(), address };
        let own = network.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, own.clone()));
            }
        });
        network
    }

    /// The next commit breaks, as soon as nobody commits any more what was begun before: what a lost answer leaves behind
    /// is put in order in the background.
    async fn break_at_commit(&self, how: u8) {
        let mut seen = u64::MAX;
        while seen != self.commits.load(Ordering::SeqCst) {
            seen = self.commits.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        self.breaks.store(how, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, network: Network) {
    let Network { breaks, commits: all, .. } = network;
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                let commits = up[..length].windows(6).any(|word| word == b"COMMIT");
                all.fetch_add(u64::from(commits), Ordering::SeqCst);
                let how = if commits { breaks.swap(NEVER, Ordering::SeqCst) } else { NEVER };
                if how == BEFORE {
                    return;
                }
                server.write_all(&up[..length]).await.unwrap();
                if how == AFTER {
                    // The server's answer says that it is done, and goes no further.
                    drop(server.read(&mut down).await);
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A schema of its own, directly and through a network that breaks.
async fn behind_network() -> (AnyServer, Postgres, Postgres, Network) {
    let server = AnyServer::get().await;
    let direct = new_schema(server.address()).await;
    let config: tokio_postgres::Config = direct.address.parse().unwrap();
    let port = config.get_ports()[0];
    let network = Network::before(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let address = direct.address.replace(&format!(":{port}/"), &format!(":{}/", network.address.port()));
    let through = Postgres { address, roots: None };
    (server, direct, through, network)
}

async fn add(database: &Database, id: i64) -> Result<(), SqlError> {
    database
        .write(Lane::Intake, move |tx| {
            Box::pin(
                async move { tx.execute("INSERT INTO items (id) VALUES ($1)", &[id.into()]).await.map(drop) },
            )
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_neither_done_nor_undone() {
    let (_server, direct, through, network) = behind_network().await;
    let open = async |at: &Postgres| {
        Database::open_postgres(&at.address, None, Schema::MayBeMade, &[ITEMS]).await.unwrap()
    };
    let (direct, through) = (open(&direct).await, open(&through).await);
    for (how, id, there) in [(AFTER, 1, true), (BEFORE, 2, false)] {
        network.break_at_commit(how).await;
        let told = add(&through, id).await;
        assert!(matches!(told, Err(SqlError::Unknown(_))), "{told:?}");
        let found: Result<_, SqlError> = direct
            .read(move |tx| {
                Box::pin(async move { tx.query_opt("SELECT 1 FROM items WHERE id = $1", &[id.into()]).await })
            })
            .await;
        assert_eq!(found.unwrap().is_some(), there);
    }
    // What the server itself refuses is known to be undone.
    assert!(matches!(add(&through, 1).await, Err(SqlError::Exists(_))));
    add(&through, 3).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_looked_for_and_anything_else_is_told_to_be_unknown() {
    let (_server, _, through, network) = behind_network().await;
    let node = Installation::over(Some(through)).await;
    let admin = node.person("admin").await;
    let site = node.site(&admin).await;
    let now = i64::try_from(node.now().unix_millis()).unwrap();
    let visit = Visit::start(node.recorder(ORIGIN), site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 3, "words")).await.ok();
    network.break_at_commit(AFTER).await;
    let sent = visit.send(1, &movement(now)).await.ok();
    assert_eq!((&sent["acknowledged"], &sent["repeated"]), (&json!(1), &json!(true)), "{sent}");
    network.break_at_commit(BEFORE).await;
    let lost = visit.send(2, &movement(now)).await;
    assert_eq!((lost.status, lost.problem()), (StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown"));
    assert_eq!(visit.send(2, &movement(now)).await.ok()["repeated"], json!(false));
    network.break_at_commit(AFTER).await;
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await;
    assert_eq!((play.status, play.problem()), (StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown"));
}
