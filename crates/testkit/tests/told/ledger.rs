//! The ledger of a whole installation, on the engine the suite runs on: two nodes integrate while entries are written.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clerestory_audit::ledger::{LedgerError, Report, Saved, Step};
use clerestory_sql::SqlError;
use clerestory_testkit::Installation;

async fn verify(installation: &Installation) -> Report {
    installation.app.vault.hold_lease().await.unwrap();
    let ledger = installation.app.access.audit().ledger();
    let report: Result<Report, LedgerError> = installation
        .app
        .database
        .read(move |tx| Box::pin(async move { ledger.verify(tx, &Saved::default()).await }))
        .await;
    report.unwrap()
}

async fn entries(installation: &Installation) -> u64 {
    let count: Result<u64, SqlError> = installation
        .app
        .database
        .read(|tx| {
            Box::pin(async move {
                let row = tx.query_opt("SELECT count(*) FROM audit_entries", &[]).await?;
                row.map_or(Ok(0), |row| row.get(0))
            })
        })
        .await;
    count.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_make_one_ledger_of_what_is_written_meanwhile() {
    let installation = Arc::new(Installation::new().await);
    let admin = installation.person("admin").await;
    let stranger = installation.person("stranger").await;
    let done = Arc::new(AtomicBool::new(false));
    let nodes: Vec<_> = [[1_u8; 16], [2; 16]]
        .into_iter()
        .map(|node| {
            let (installation, done) = (Arc::clone(&installation), Arc::clone(&done));
            tokio::spawn(async move {
                let ledger = installation.app.access.audit().ledger();
                let mut added = 0;
                loop {
                    let ending = done.load(Ordering::SeqCst);
                    match ledger.integrate(&installation.app.database, node, installation.now()).await {
                        Ok(Step::Added { leaves, .. }) => added += leaves,
                        Ok(Step::Nothing) if ending => return added,
                        Ok(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                        // Two at once on PostgreSQL: one of them was undone, and tries again.
                        Err(LedgerError::Sql(SqlError::Conflict(_))) => {}
                        Err(error) => panic!("{error}"),
                    }
                    // A lease runs out between any two steps, so that the nodes take turns.
                    installation.wait(Duration::from_secs(3));
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let (one, other) = tokio::join!(admin.get("/api/v1/sites"), stranger.get("/api/v1/audit"));
        one.ok();
        other.ok();
    }
    done.store(true, Ordering::SeqCst);
    let mut added = 0;
    for node in nodes {
        added += node.await.unwrap();
    }
    let report = verify(&installation).await;
    assert_eq!((report.findings, report.waiting), (vec![], 0));
    assert_eq!((report.size, added), (entries(&installation).await, entries(&installation).await));
}
