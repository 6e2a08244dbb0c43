//! Two nodes over one database: what one destroys, the other must not open once its lease has run out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use clerestory_keys::{KeyError, unwrapping};
use rig::{Hands, Rig, START};

const SECOND: i64 = 1_000_000;

#[tokio::test]
async fn what_one_node_destroys_another_does_not_open_after_its_lease() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let (one, two) = (rig.open(&clock).await, rig.open(&clock).await);
    let (gone, stays) = (one.make(None).await, one.make(None).await);
    let before = two.secrets(&[gone, stays]).await;
    assert!(unwrapping::held(&two.keys, gone).is_some(), "the other node has it in memory");
    one.destroy(&[gone]).await.unwrap();
    clock.pass(5 * SECOND);
    assert!(unwrapping::held(&two.keys, gone).is_none(), "memory counts for nothing without a lease");
    assert!(matches!(two.secret(gone).await, Err(KeyError::Unknown(_))));
    assert_eq!(two.secret(stays).await.unwrap(), before[&stays]);
    let made = two.make(None).await;
    assert!(one.secret(made).await.is_ok(), "both go on writing one shard");
}

#[tokio::test]
async fn destroying_waits_until_every_lease_has_run_out() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let end = node.keys.leases_end();
    clock.pass(5 * SECOND - 1);
    assert!(node.keys.leases_out(end).is_none());
    let waits = tokio::spawn({
        let keys = Arc::clone(&node.keys);
        async move { keys.wait_for_leases(end).await }
    });
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!waits.is_finished());
    // Setting the clock ends nothing: only time that passed does.
    clock.set(3600 * SECOND);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!waits.is_finished());
    clock.pass(1);
    let leases = waits.await.unwrap();
    let key = node.make(None).await;
    let destroyed =
        node.write(move |keys, tx| Box::pin(async move { keys.destroy(tx, &[key], &leases).await }));
    assert_eq!(destroyed.await.unwrap().keys, 1);
}

#[tokio::test]
async fn a_clock_set_back_does_not_lengthen_a_lease() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    node.secret(key).await.unwrap();
    clock.pass(4 * SECOND);
    clock.set(-4 * SECOND);
    assert!(unwrapping::held(&node.keys, key).is_some());
    clock.pass(SECOND);
    assert!(unwrapping::held(&node.keys, key).is_none());
}

#[tokio::test]
async fn a_node_that_cannot_renew_drops_its_keys_and_says_so() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let key = node.make(None).await;
    let before = node.secret(key).await.unwrap();
    node.execute("ALTER TABLE revocations RENAME TO away", Vec::new()).await;
    assert_eq!(node.secret(key).await.unwrap(), before, "the lease still runs");
    clock.pass(5 * SECOND);
    assert!(matches!(node.secret(key).await, Err(KeyError::LeaseExpired)));
    assert!(unwrapping::held(&node.keys, key).is_none());
    node.execute("ALTER TABLE away RENAME TO revocations", Vec::new()).await;
    assert_eq!(node.secret(key).await.unwrap(), before);
}

/// A read that began before a destruction must not leave what it found in memory for the next lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_older_snapshot_read_is_not_kept() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let (one, two) = (rig.open(&clock).await, rig.open(&clock).await);
    let gone = one.make(None).await;
    clock.pass(5 * SECOND);
    two.keys.hold_lease().await.unwrap();
    let (started, go_on) = (tokio::sync::oneshot::channel(), std::sync::mpsc::channel::<()>());
    let (tell, hear) = go_on;
    let keys = Arc::clone(&two.keys);
    let slow = tokio::spawn({
        let database = two.database.clone();
        async move {
            let read = database.read(move |tx| {
                Box::pin(async move {
                    tx.query("SELECT 1 FROM key_rows", &[]).await?;
                    started.0.send(()).unwrap();
                    hear.recv().unwrap();
                    unwrapping::secret(&keys, tx, gone).await.map(drop)
                })
            });
            read.await
        }
    });
    started.1.await.unwrap();
    one.destroy(&[gone]).await.unwrap();
    two.keys.hold_lease().await.unwrap();
    tell.send(()).unwrap();
    slow.await.unwrap().unwrap();
    assert!(unwrapping::held(&two.keys, gone).is_none());
    assert!(matches!(two.secret(gone).await, Err(KeyError::Unknown(_))));
}

#[tokio::test]
async fn an_epoch_that_another_node_began_is_read_from_the_places() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let (one, two) = (rig.open(&clock).await, rig.open(&clock).await);
    clock.pass(rig::DAY);
    let rolled = one.keys.roll_over().await.unwrap();
    assert_eq!(two.keys.roll_over().await.unwrap().epoch, rolled.epoch);
    let key = one.make(None).await;
    assert!(two.secret(key).await.is_ok());
    // Lost in every place: said as such, and everything goes on when it is back.
    clock.pass(rig::DAY);
    let epoch = one.keys.roll_over().await.unwrap().epoch;
    let key = one.make(None).await;
    let hidden: Vec<_> = rig.places().map(|place| place.join(format!("{epoch}.epoch"))).to_vec();
    for path in &hidden {
        std::fs::rename(path, path.with_extension("hidden")).unwrap();
    }
    clock.pass(5 * SECOND);
    assert!(matches!(two.secret(key).await, Err(KeyError::UnknownEpoch(named)) if named == epoch));
    for path in &hidden {
        std::fs::rename(path.with_extension("hidden"), path).unwrap();
    }
    assert!(two.secret(key).await.is_ok());
}

#[tokio::test]
async fn two_nodes_that_begin_a_day_together_agree_on_its_secret() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let (one, two) = (rig.open(&clock).await, rig.open(&clock).await);
    for _ in 0..5 {
        clock.pass(rig::DAY);
        let (first, second) = tokio::join!(one.keys.roll_over(), two.keys.roll_over());
        assert_eq!(first.unwrap().epoch, second.unwrap().epoch);
        let (a, b) = (one.make(None).await, two.make(None).await);
        assert!(two.secret(a).await.is_ok() && one.secret(b).await.is_ok());
    }
    drop(one);
    assert_eq!(rig.open(&clock).await.rows("SELECT key_id FROM key_rows").await.len(), 10);
}
