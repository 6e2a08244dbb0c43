//! The registry on a real database and real epoch files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use clerestory_keys::{KeyError, NewKey, Protection, Purpose, RootFile};
use clerestory_model::{Clock, RetentionClass};
use rig::{DAY, Hands, Rig, START, organisation};

#[tokio::test]
async fn a_key_is_the_same_after_a_restart_and_a_month_of_epochs() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let parent = node.make(None).await;
    let child = node.make(Some(parent)).await;
    let before = node.secret(child).await.unwrap();
    drop(node);
    clock.pass(31 * DAY);
    assert_eq!(rig.open(&clock).await.secret(child).await.unwrap(), before);
}

#[tokio::test]
async fn a_full_shard_is_followed_by_another() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let first = node.make(None).await;
    let new = NewKey {
        organisation: organisation(),
        class: RetentionClass::Replay,
        purpose: Purpose::Track,
        parent: None,
        at: clock.now(),
    };
    node.write(move |keys, tx| {
        Box::pin(async move {
            for _ in 1..960 {
                keys.make(tx, new).await?;
            }
            Ok(())
        })
    })
    .await
    .unwrap();
    assert_eq!(node.number("SELECT count(*) FROM key_shards").await, 1);
    let second = node.make(None).await;
    assert_ne!(node.shard(first).await, node.shard(second).await);
    assert_eq!(node.number("SELECT count(*) FROM key_pages").await, 1);
}

#[tokio::test]
async fn a_full_page_is_followed_by_another() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let mut keys = Vec::new();
    // A shard for each day.
    for _ in 0..257 {
        clock.pass(DAY);
        keys.push(node.make(None).await);
    }
    assert_eq!(node.number("SELECT count(*) FROM key_pages").await, 2);
    assert_eq!(node.number("SELECT max(shards) FROM key_pages").await, 256);
    assert_eq!(node.secrets(&keys).await.len(), 257);
}

#[tokio::test]
async fn rows_exchanged_in_the_table_do_not_open() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let (one, other) = (node.make(None).await, node.make(None).await);
    node.execute(
        "UPDATE key_rows SET sealed = (SELECT o.sealed FROM key_rows o WHERE o.key_id <> key_rows.key_id)
         WHERE key_id = (SELECT key_id FROM key_rows ORDER BY key_id LIMIT 1)",
        Vec::new(),
    )
    .await;
    assert!(matches!(node.secret(one.min(other)).await, Err(KeyError::Tampered(_))));
    assert!(node.secret(one.max(other)).await.is_ok());
}

#[tokio::test]
async fn another_root_opens_nothing() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    drop(rig.open(&clock).await);
    std::fs::remove_file(rig.path().join("root.key")).unwrap();
    RootFile::create(&rig.path().join("root.key"), "eu-1", &Protection::Plain).unwrap();
    let opened = rig.open_with(&clock, [rig::Fuse::whole(), rig::Fuse::whole()]).await;
    assert!(matches!(opened, Err(KeyError::WrongRoot)));
}

#[test]
fn a_root_file_opens_with_its_passphrase_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root.key");
    let phrase = |text: &str| Protection::Passphrase(text.to_owned().into());
    RootFile::create(&path, "eu-1", &phrase("high windows")).unwrap();
    assert!(RootFile::open(&path, &phrase("high windows")).is_ok());
    assert!(RootFile::open(&path, &phrase("low windows")).is_err());
    assert!(RootFile::open(&path, &Protection::Plain).is_err());
    assert!(RootFile::create(&path, "eu-1", &Protection::Plain).is_err());
}
