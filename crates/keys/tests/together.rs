//! Nodes that write one shard at once: what is made beside what is destroyed, pinned and sealed anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use std::sync::Arc;

use clerestory_keys::KeyError;
use clerestory_model::KeyId;
use clerestory_sql::SqlError;
use rig::{Hands, Node, Rig, START};

/// Two bodies may wait for each other; then one is undone and does it again.
macro_rules! until_done {
    ($act:expr) => {
        loop {
            match $act {
                Err(KeyError::Sql(SqlError::Conflict(_))) => {}
                other => break other,
            }
        }
    };
}

async fn busy(node: Arc<Node>, number: usize) -> (Vec<KeyId>, Vec<KeyId>, Vec<KeyId>) {
    let (mut kept, mut gone, mut pinned) = (Vec::new(), Vec::new(), Vec::new());
    let new = |parent| {
        let node = Arc::clone(&node);
        async move { until_done!(node.make_as(clerestory_keys::Purpose::Track, parent).await).unwrap() }
    };
    let person = new(None).await;
    for round in 0..6 {
        let (a, b, c) = (new(Some(person)).await, new(None).await, new(Some(person)).await);
        until_done!(node.pin(c).await).unwrap();
        until_done!(node.destroy(&[b]).await).unwrap();
        assert!(matches!(until_done!(node.destroy(&[a, c]).await), Err(KeyError::Pinned(_))));
        if (number + round).is_multiple_of(2) {
            let shard = node.shard(a).await;
            let rotate = || node.write(move |keys, tx| Box::pin(async move { keys.rotate(tx, shard).await }));
            until_done!(rotate().await).unwrap();
        }
        kept.push(a);
        gone.push(b);
        pinned.push(c);
    }
    kept.push(person);
    (kept, gone, pinned)
}

/// Each of two nodes puts one of two keys under the other: one of them is told that this cannot be.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_keys_do_not_become_each_others_parent() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let nodes = [Arc::new(rig.open(&clock).await), Arc::new(rig.open(&clock).await)];
    for _ in 0..12 {
        // A shard each, or the shard's lock would let one after the other.
        let a = nodes[0].make(None).await;
        clock.pass(rig::DAY);
        let b = nodes[0].make(None).await;
        let before = nodes[0].secrets(&[a, b]).await;
        let under = |node: &Arc<Node>, key, parent| {
            let node = Arc::clone(node);
            tokio::spawn(async move { node.reparent(key, parent).await })
        };
        let (one, two) = tokio::join!(under(&nodes[0], a, b), under(&nodes[1], b, a));
        let outcomes = [one.unwrap(), two.unwrap()];
        assert_eq!(outcomes.iter().filter(|one| one.is_ok()).count(), 1, "{outcomes:?}");
        clock.pass(5_000_000);
        assert_eq!(nodes[1].secrets(&[a, b]).await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_nodes_do_to_one_shard_at_once_leaves_every_key_whole() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let nodes = [Arc::new(rig.open(&clock).await), Arc::new(rig.open(&clock).await)];
    let rolls = tokio::spawn({
        let node = Arc::clone(&nodes[0]);
        async move {
            // The page is sealed anew all the time beside it.
            for _ in 0..3 {
                node.execute("UPDATE key_epochs SET made_at = made_at - 86400000000", Vec::new()).await;
                node.keys.roll_over().await.unwrap();
            }
        }
    });
    let work: Vec<_> =
        (0..8).map(|number| tokio::spawn(busy(Arc::clone(&nodes[number % 2]), number))).collect();
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for done in work {
        let (more, less, pinned) = done.await.unwrap();
        kept.extend(more.into_iter().chain(pinned));
        gone.extend(less);
    }
    rolls.await.unwrap();
    clock.pass(5_000_000);
    assert_eq!(
        nodes[0].number("SELECT count(*) FROM key_shards").await,
        1,
        "all of it happened in one shard"
    );
    assert_eq!(nodes[0].secrets(&kept).await, nodes[1].secrets(&kept).await);
    for key in gone {
        assert!(matches!(nodes[1].secret(key).await, Err(KeyError::Unknown(_))));
    }
    drop(nodes);
    assert_eq!(rig.open(&clock).await.secrets(&kept).await.len(), 8 * 13);
}
