//! What only SQLite does, on a real file. What both engines promise is in `crates/testkit/tests/capture/engines.rs`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use clerestory_sql::{Component, Database, Lane, Migration, SqlError};

const ITEMS: Component = Component {
    name: "items",
    migrations: &[Migration {
        name: "a table of items",
        sql: "CREATE TABLE items (id INTEGER PRIMARY KEY, label TEXT NOT NULL) STRICT",
    }],
};

fn open(directory: &tempfile::TempDir) -> Database {
    Database::open_sqlite(&directory.path().join("db"), &[ITEMS]).unwrap()
}

async fn count(database: &Database) -> i64 {
    database
        .read(|tx| Box::pin(async move { tx.query("SELECT count(*) FROM items", &[]).await?[0].get(0) }))
        .await
        .unwrap()
}

async fn add(database: &Database, id: i64) -> Result<(), SqlError> {
    database
        .write(Lane::Intake, move |tx| {
            Box::pin(async move {
                tx.execute("INSERT INTO items (label, id) VALUES ($2, $1)", &[id.into(), "x".into()]).await?;
                Ok(())
            })
        })
        .await
}

#[tokio::test]
async fn bodies_that_wait_together_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory);
    let all = (0..200).map(|id| {
        let database = database.clone();
        tokio::spawn(async move { add(&database, id).await })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    let stats = database.writer_stats();
    assert_eq!(stats.bodies, 200);
    assert!(stats.commits < 200, "{stats:?}");
}

#[tokio::test]
async fn a_body_that_awaits_something_else_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory);
    let result: Result<(), SqlError> = database
        .write(Lane::Interactive, |tx| {
            Box::pin(async move {
                tx.execute("INSERT INTO items VALUES (1, 'x')", &[]).await?;
                tokio::task::yield_now().await;
                Ok(())
            })
        })
        .await;
    assert!(matches!(result, Err(SqlError::AwaitedElsewhere)));
    assert_eq!(count(&database).await, 0);
}

#[test]
fn an_edited_or_newer_schema_is_refused() {
    const EDITED: Component = Component {
        name: "items",
        migrations: &[Migration { name: "a table of items", sql: "CREATE TABLE items (id INTEGER) STRICT" }],
    };
    const NONE: Component = Component { name: "items", migrations: &[] };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    drop(Database::open_sqlite(&path, &[ITEMS]).unwrap());
    drop(Database::open_sqlite(&path, &[ITEMS]).unwrap());
    let edited = Database::open_sqlite(&path, &[EDITED]).err();
    assert!(matches!(edited, Some(SqlError::ChangedMigration { number: 0, .. })));
    let older = Database::open_sqlite(&path, &[NONE]).err();
    assert!(matches!(older, Some(SqlError::Downgrade { number: 0, .. })));
}

#[tokio::test]
async fn what_is_opened_for_reading_is_seen_as_it_is_and_cannot_be_written() {
    const MORE: Component = Component {
        name: "items",
        migrations: &[
            ITEMS.migrations[0],
            Migration { name: "more", sql: "CREATE TABLE more (id INTEGER) STRICT" },
        ],
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    assert!(Database::open_sqlite_to_read(&path, &[ITEMS]).is_err());
    assert!(!path.exists(), "nothing is made");
    let database = open(&directory);
    let reader = Database::open_sqlite_to_read(&path, &[ITEMS]).unwrap();
    add(&database, 1).await.unwrap();
    assert_eq!(count(&reader).await, 1, "beside whoever writes");
    let refused = add(&reader, 2).await;
    assert!(matches!(refused, Err(SqlError::ReadOnly)), "{refused:?}");
    let insert = "INSERT INTO items (id) VALUES (3)";
    let tried = reader.read(move |tx| Box::pin(async move { tx.execute(insert, &[]).await }));
    let tried: Result<u64, SqlError> = tried.await;
    assert!(matches!(tried, Err(SqlError::Engine(_))), "{tried:?}");
    let behind = Database::open_sqlite_to_read(&path, &[MORE]).err();
    assert!(matches!(behind, Some(SqlError::Behind { number: 1, .. })), "{behind:?}");
    drop((database, reader));
    let reader = Database::open_sqlite_to_read(&path, &[ITEMS]).unwrap();
    assert_eq!(count(&reader).await, 1, "and where nobody has it open");
}

/// All threads for blocking work are taken, as they are while a disk hangs: what is in memory is read all the same.
#[test]
fn reads_wait_for_no_other_blocking_work() {
    let runtime = tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let database = open(&directory);
        add(&database, 1).await.unwrap();
        let (release, hangs) = std::sync::mpsc::channel::<()>();
        let hung = tokio::task::spawn_blocking(move || hangs.recv());
        assert_eq!(count(&database).await, 1);
        drop(release);
        hung.await.unwrap().unwrap_err();
    });
}
