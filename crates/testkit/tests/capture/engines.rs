//! The database layer holds the same promises on SQLite and on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_sql::{Component, Database, Lane, Lock, Migration, Schema, SqlError, Tx};
use clerestory_testkit::postgres::{AnyServer, Server, new_schema};
use tempfile::TempDir;

const ITEMS: Component = Component {
    name: "items",
    migrations: &[Migration {
        name: "a table of items",
        sql: "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, label TEXT NOT NULL, extra BLOB) STRICT",
    }],
};

struct Engines {
    databases: [(&'static str, Database); 2],
    address: String,
    postgres: AnyServer,
    _directory: TempDir,
}

async fn engines() -> Engines {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Database::open_sqlite(&directory.path().join("db"), &[ITEMS]).unwrap();
    let postgres = AnyServer::get().await;
    let address = new_schema(postgres.address()).await.address;
    let networked = Database::open_postgres(&address, None, Schema::MayBeMade, &[ITEMS]).await.unwrap();
    let databases = [("SQLite", sqlite), ("PostgreSQL", networked)];
    Engines { databases, address, postgres, _directory: directory }
}

async fn count(database: &Database) -> i64 {
    database
        .read(|tx| Box::pin(async move { tx.query("SELECT count(*) FROM items", &[]).await?[0].get(0) }))
        .await
        .unwrap()
}

async fn insert(tx: &mut Tx, id: i64) -> Result<u64, SqlError> {
    tx.execute("INSERT INTO items (label, id) VALUES ($2, $1)", &[id.into(), "x".into()]).await
}

async fn add(database: &Database, id: i64) -> Result<(), SqlError> {
    database.write(Lane::Intake, move |tx| Box::pin(async move { insert(tx, id).await.map(drop) })).await
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went_in() {
    for (engine, database) in engines().await.databases {
        let row = database
            .write(Lane::Interactive, |tx| {
                Box::pin(async move {
                    let sql = "INSERT INTO items (id, label, extra) VALUES ($1, $2, $3)";
                    tx.execute(sql, &[i64::MIN.into(), "'£1 ''$2 ✓".into(), vec![0_u8, 255].into()]).await?;
                    tx.execute(sql, &[1_i64.into(), "".into(), Option::<Vec<u8>>::None.into()]).await?;
                    let sql = "SELECT id, label, extra, extra IS NULL FROM items ORDER BY id LIMIT $1";
                    tx.query(sql, &[2_i64.into()]).await
                })
            })
            .await
            .unwrap_or_else(|error: SqlError| panic!("{engine}: {error:?}"));
        assert_eq!(row[0].get::<i64>(0).unwrap(), i64::MIN, "{engine}");
        assert_eq!(row[0].get::<String>(1).unwrap(), "'£1 ''$2 ✓", "{engine}");
        assert_eq!(row[0].get::<Vec<u8>>(2).unwrap(), vec![0, 255], "{engine}");
        assert_eq!(row[1].get::<Option<Vec<u8>>>(2).unwrap(), None, "{engine}");
        assert!(row[1].get::<bool>(3).unwrap() && !row[0].get::<bool>(3).unwrap(), "{engine}");
    }
}

#[tokio::test]
async fn a_failing_body_undoes_itself_and_nobody_else() {
    for (engine, database) in engines().await.databases {
        add(&database, 1).await.unwrap();
        let (taken, other) = tokio::join!(add(&database, 1), add(&database, 2));
        assert!(matches!(taken, Err(SqlError::Exists(_))), "{engine}: {taken:?}");
        other.unwrap();
        assert_eq!(count(&database).await, 2, "{engine}");
    }
}

/// PostgreSQL ends a transaction whose statement failed; a body that goes on all the same must not half succeed on SQLite.
#[tokio::test]
async fn a_statement_that_failed_ends_the_body() {
    for (engine, database) in engines().await.databases {
        add(&database, 1).await.unwrap();
        let later: Result<Option<bool>, SqlError> = database
            .write(Lane::Interactive, |tx| {
                Box::pin(async move {
                    insert(tx, 2).await?;
                    let taken = insert(tx, 1).await;
                    assert!(matches!(taken, Err(SqlError::Exists(_))));
                    let after = insert(tx, 3).await;
                    Ok(Some(matches!(after, Err(SqlError::RolledBack))))
                })
            })
            .await;
        assert!(matches!(later, Err(SqlError::RolledBack)), "{engine}: {later:?}");
        assert_eq!(count(&database).await, 1, "{engine}");
    }
}

#[tokio::test]
async fn a_body_that_panics_fails_alone_and_the_database_goes_on() {
    for (engine, database) in engines().await.databases {
        for _ in 0..30 {
            let written: Result<(), SqlError> = database
                .write(Lane::Interactive, |tx| {
                    Box::pin(async move {
                        insert(tx, 1).await?;
                        panic!("on purpose")
                    })
                })
                .await;
            assert!(matches!(written, Err(SqlError::Panicked)), "{engine}: {written:?}");
            let read: Result<(), SqlError> =
                database.read(|_| Box::pin(async move { panic!("on purpose") })).await;
            assert!(matches!(read, Err(SqlError::Panicked)), "{engine}");
        }
        add(&database, 1).await.unwrap();
        assert_eq!(count(&database).await, 1, "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_cannot_write_and_sees_one_moment() {
    for (engine, database) in engines().await.databases {
        let refused: Result<u64, SqlError> =
            database.read(|tx| Box::pin(async move { insert(tx, 1).await })).await;
        assert!(refused.is_err(), "{engine}");
        let (began, beginning) = std::sync::mpsc::channel();
        let (go_on, going_on) = std::sync::mpsc::channel::<()>();
        let reader = {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .read(move |tx| {
                        Box::pin(async move {
                            let sql = "SELECT count(*) FROM items";
                            let before: i64 = tx.query(sql, &[]).await?[0].get(0)?;
                            began.send(()).unwrap();
                            // A body may block its thread; awaiting is what SQLite forbids.
                            tokio::task::block_in_place(|| going_on.recv().unwrap());
                            Ok::<_, SqlError>((before, tx.query(sql, &[]).await?[0].get(0)?))
                        })
                    })
                    .await
            })
        };
        tokio::task::spawn_blocking(move || beginning.recv().unwrap()).await.unwrap();
        add(&database, 9).await.unwrap();
        go_on.send(()).unwrap();
        let seen: (i64, i64) = reader.await.unwrap().unwrap();
        assert_eq!(seen, (0, 0), "{engine}");
    }
}

/// What was asked for is done or undone even if whoever asked went away.
#[tokio::test]
async fn a_body_whose_caller_went_away_is_done_all_the_same() {
    for (engine, database) in engines().await.databases {
        let asked = {
            let database = database.clone();
            tokio::spawn(async move { add(&database, 1).await })
        };
        tokio::task::yield_now().await;
        asked.abort();
        drop(asked.await);
        for _ in 0..200 {
            if count(&database).await == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Either it had not begun, or it is there as a whole; the next one works in any case.
        add(&database, 2).await.unwrap();
        assert!([1, 2].contains(&count(&database).await), "{engine}");
    }
}

#[tokio::test]
async fn who_locks_what_is_read_loses_no_update() {
    for (engine, database) in engines().await.databases {
        add(&database, 0).await.unwrap();
        let all = (0..60).map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .write(Lane::Intake, |tx| {
                        Box::pin(async move {
                            let sql = "SELECT label FROM items WHERE id = 0";
                            let row = tx.query_opt_locked(Lock::Exclusive, sql, &[]).await?.unwrap();
                            let longer = format!("{}x", row.get::<String>(0)?);
                            let sql = "UPDATE items SET label = $1 WHERE id = 0";
                            tx.execute_one("items", sql, &[longer.into()]).await
                        })
                    })
                    .await
            })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap().unwrap_or_else(|error: SqlError| panic!("{engine}: {error:?}"));
        }
        let length: i64 = database
            .read(|tx| {
                Box::pin(async move { tx.query("SELECT length(label) FROM items", &[]).await?[0].get(0) })
            })
            .await
            .unwrap_or_else(|error: SqlError| panic!("{engine}: {error:?}"));
        assert_eq!(length, 61, "{engine}");
    }
}

#[tokio::test]
async fn two_nodes_that_start_at_once_make_one_schema() {
    let postgres = AnyServer::get().await;
    let address = new_schema(postgres.address()).await.address;
    let open = || Database::open_postgres(&address, None, Schema::MayBeMade, &[ITEMS]);
    let (one, two, three) = tokio::join!(open(), open(), open());
    add(&one.unwrap(), 1).await.unwrap();
    add(&two.unwrap(), 2).await.unwrap();
    assert_eq!(count(&three.unwrap()).await, 2);
}

#[tokio::test]
async fn an_edited_or_newer_schema_and_an_empty_database_are_refused() {
    const EDITED: Component = Component {
        name: "items",
        migrations: &[Migration { name: "a table of items", sql: "CREATE TABLE items (id INTEGER) STRICT" }],
    };
    const NONE: Component = Component { name: "items", migrations: &[] };
    let engines = engines().await;
    let open = async |components: &'static [Component]| {
        Database::open_postgres(&engines.address, None, Schema::MustExist, components).await.err()
    };
    assert!(open(&[ITEMS]).await.is_none());
    assert!(matches!(open(&[EDITED]).await, Some(SqlError::ChangedMigration { number: 0, .. })));
    assert!(matches!(open(&[NONE]).await, Some(SqlError::Downgrade { number: 0, .. })));
    let empty = new_schema(engines.postgres.address()).await.address;
    let refused = Database::open_postgres(&empty, None, Schema::MustExist, &[ITEMS]).await.err();
    assert!(matches!(refused, Some(SqlError::Empty)), "{refused:?}");
}

#[tokio::test]
async fn a_database_elsewhere_is_reached_by_tls_only_and_nonsense_is_told() {
    for (address, told) in [
        ("postgresql://clerestory@db.example:5432/clerestory", "TLS"),
        ("postgresql://clerestory@192.0.2.1/clerestory", "TLS"),
        ("postgresql://clerestory@localhost/clerestory?hostaddr=192.0.2.1", "TLS"),
        ("mysql://clerestory@localhost/clerestory", "postgresql://user@host"),
    ] {
        let refused =
            Database::open_postgres(address, None, Schema::MustExist, &[ITEMS]).await.err().unwrap();
        assert!(matches!(refused, SqlError::Address(_)), "{refused:?}");
        assert!(refused.to_string().contains(told), "{refused}");
    }
    let nobody = "postgresql://clerestory@127.0.0.1:1/clerestory";
    let refused = Database::open_postgres(nobody, None, Schema::MustExist, &[ITEMS]).await.err().unwrap();
    assert!(matches!(refused, SqlError::Unreachable(_)), "{refused:?}");
}

/// Two bodies that lock in opposite orders wait for each other; one is told so and nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_a_conflict_for_one_of_two() {
    let engines = engines().await;
    let [_, (_, database)] = &engines.databases;
    add(database, 1).await.unwrap();
    add(database, 2).await.unwrap();
    let both = std::sync::Arc::new(std::sync::Barrier::new(2));
    let cross = |first: i64, second: i64| {
        let (database, both) = (database.clone(), std::sync::Arc::clone(&both));
        tokio::spawn(async move {
            database
                .write(Lane::Interactive, move |tx| {
                    Box::pin(async move {
                        let sql = "SELECT id FROM items WHERE id = $1";
                        tx.query_locked(Lock::Exclusive, sql, &[first.into()]).await?;
                        tokio::task::block_in_place(|| both.wait());
                        tx.query_locked(Lock::Exclusive, sql, &[second.into()]).await.map(drop)
                    })
                })
                .await
        })
    };
    let (one, two) = tokio::join!(cross(1, 2), cross(2, 1));
    let outcomes: [Result<(), SqlError>; 2] = [one.unwrap(), two.unwrap()];
    let conflicts = outcomes.iter().filter(|one| matches!(one, Err(SqlError::Conflict(_)))).count();
    assert_eq!((conflicts, outcomes.iter().filter(|one| one.is_ok()).count()), (1, 1), "{outcomes:?}");
}

/// Connections that the server closes are replaced. On a server of this test's own: it closes everybody's.
#[tokio::test]
async fn the_database_goes_on_after_its_connections_were_closed() {
    let server = Server::start().await.unwrap();
    let address = new_schema(server.address()).await.address;
    let database = Database::open_postgres(&address, None, Schema::MayBeMade, &[ITEMS]).await.unwrap();
    add(&database, 1).await.unwrap();
    let (client, connection) =
        tokio_postgres::connect(server.address(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'clerestory'";
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0);
    let mut last = Ok(());
    for id in 2..60 {
        last = add(&database, id).await;
        if last.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    last.unwrap();
}
