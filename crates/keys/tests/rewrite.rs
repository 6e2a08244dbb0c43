//! Destroying, re-parenting, pinning and rotating keys, and tombstones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use clerestory_keys::{
    Destroyed, FileTombstones, KeyError, NewKey, Owner, Purpose, Tombstone, TombstonePlace,
};
use clerestory_model::{Clock, OrganisationId, RetentionClass, Timestamp};
use rig::{DAY, Hands, Node, Rig, START, organisation, subject};

async fn installation() -> (Rig, Node) {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    (rig, node)
}

#[tokio::test]
async fn a_destroyed_key_is_gone_and_the_others_of_its_shard_open_under_a_new_shard_key() {
    let (_rig, node) = installation().await;
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(node.make(None).await);
    }
    let before = node.secrets(&keys).await;
    let sealed = "SELECT sealed FROM key_rows ORDER BY key_id";
    let page = "SELECT sealed FROM key_pages";
    let (rows, pages) = (node.rows(sealed).await, node.rows(page).await);
    let (gone, stay) = keys.split_at(2);
    assert_eq!(node.destroy(gone).await.unwrap(), Destroyed { keys: 2, survivors: 3, shards: 0 });
    for key in gone {
        assert!(matches!(node.secret(*key).await, Err(KeyError::Unknown(unknown)) if unknown == *key));
    }
    for key in stay {
        assert_eq!(node.secret(*key).await.unwrap(), before[key]);
    }
    assert_eq!(node.number("SELECT version FROM key_shards").await, 2);
    assert!(node.rows(sealed).await.iter().all(|row| !rows.contains(row)), "every survivor was sealed anew");
    assert_ne!(node.rows(page).await, pages);
    // A job that runs twice does no harm, and moves nothing.
    assert_eq!(node.destroy(gone).await.unwrap(), Destroyed::default());
    assert_eq!(node.number("SELECT version FROM key_shards").await, 2);
}

#[tokio::test]
async fn a_shard_whose_rows_all_go_is_dropped_whole() {
    let (_rig, node) = installation().await;
    let first = [node.make(None).await, node.make(None).await];
    node.clock.pass(DAY);
    let second = node.make(None).await;
    assert_eq!(node.destroy(&first).await.unwrap(), Destroyed { keys: 2, survivors: 0, shards: 1 });
    assert_eq!(node.number("SELECT count(*) FROM key_shards").await, 1);
    assert_eq!(node.number("SELECT shards FROM key_pages").await, 1);
    assert!(node.secret(second).await.is_ok());
    assert!(node.make_as(Purpose::Track, None).await.is_ok());
}

#[tokio::test]
async fn shards_of_many_days_are_changed_in_one_transaction_and_each_page_once() {
    let (_rig, node) = installation().await;
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        gone.push(node.make(None).await);
        stay.push(node.make(None).await);
        node.clock.pass(DAY);
    }
    let before = node.secrets(&stay).await;
    let (version, counter) = ("SELECT version FROM key_pages", "SELECT counter FROM revocations");
    let (was, counted) = (node.number(version).await, node.number(counter).await);
    assert_eq!(node.destroy(&gone).await.unwrap(), Destroyed { keys: 4, survivors: 4, shards: 0 });
    assert_eq!(node.number(version).await, was + 1);
    assert_eq!(node.number(counter).await, counted + 1);
    assert_eq!(node.secrets(&stay).await, before);
}

#[tokio::test]
async fn destroying_a_parent_makes_its_children_unopenable() {
    let (_rig, node) = installation().await;
    let top = node.make_as(Purpose::Organisation, None).await.unwrap();
    let person = node.make_subject(1, Some(top)).await.unwrap();
    let track = node.make(Some(person)).await;
    let other = node.make(Some(top)).await;
    assert!(node.secret(track).await.is_ok());
    node.destroy(&[person]).await.unwrap();
    assert!(matches!(node.secret(track).await, Err(KeyError::Unknown(unknown)) if unknown == person));
    assert!(matches!(node.make_as(Purpose::Track, Some(person)).await, Err(KeyError::Unknown(_))));
    assert!(node.secret(other).await.is_ok());
    // The child's own row can go too, though nothing opens it any more.
    assert_eq!(node.destroy(&[track]).await.unwrap().keys, 1);
}

#[tokio::test]
async fn a_pinned_key_and_what_wraps_it_cannot_be_destroyed_until_every_pin_is_gone() {
    let (_rig, node) = installation().await;
    let top = node.make_as(Purpose::Organisation, None).await.unwrap();
    let person = node.make_subject(1, Some(top)).await.unwrap();
    let (track, free) = (node.make(Some(person)).await, node.make(Some(person)).await);
    node.pin(track).await.unwrap();
    node.pin(track).await.unwrap();
    for held in [track, person, top] {
        let refused = node.destroy(&[free, held]).await;
        assert!(matches!(refused, Err(KeyError::Pinned(named)) if named == track), "{refused:?}");
        assert!(node.secret(free).await.is_ok(), "nothing of a refused call happened");
    }
    node.unpin(track).await.unwrap();
    assert!(matches!(node.destroy(&[track]).await, Err(KeyError::Pinned(_))));
    node.unpin(track).await.unwrap();
    assert!(matches!(node.unpin(track).await, Err(KeyError::NotPinned(_))));
    assert_eq!(node.destroy(&[track, person]).await.unwrap().keys, 2);
    assert!(matches!(node.pin(track).await, Err(KeyError::Unknown(_))));
    assert!(matches!(node.pin(free).await, Err(KeyError::Unknown(named)) if named == person));
}

#[tokio::test]
async fn a_reparented_key_follows_its_new_parent_and_survives_the_old_one() {
    let (_rig, node) = installation().await;
    let (visitor, person) =
        (node.make_subject(1, None).await.unwrap(), node.make_subject(2, None).await.unwrap());
    let (moved, left) = (node.make(Some(visitor)).await, node.make(Some(visitor)).await);
    let before = node.secret(moved).await.unwrap();
    node.reparent(moved, person).await.unwrap();
    node.destroy(&[visitor]).await.unwrap();
    assert_eq!(node.secret(moved).await.unwrap(), before);
    assert!(matches!(node.secret(left).await, Err(KeyError::Unknown(_))));
    node.destroy(&[person]).await.unwrap();
    assert!(matches!(node.secret(moved).await, Err(KeyError::Unknown(named)) if named == person));
}

#[tokio::test]
async fn a_key_never_wraps_itself_one_above_it_or_one_of_another_organisation() {
    let (_rig, node) = installation().await;
    let top = node.make_as(Purpose::Organisation, None).await.unwrap();
    let person = node.make_subject(1, Some(top)).await.unwrap();
    for (key, parent) in [(top, top), (top, person)] {
        assert!(matches!(node.reparent(key, parent).await, Err(KeyError::NoParent { .. })));
    }
    let new = NewKey {
        organisation: OrganisationId::new(Timestamp::from_micros(START), [9; 10]),
        class: RetentionClass::Standing,
        purpose: Purpose::Organisation,
        parent: None,
        at: node.clock.now(),
    };
    let foreign =
        node.write(move |keys, tx| Box::pin(async move { keys.make(tx, new).await })).await.unwrap();
    assert!(matches!(node.reparent(person, foreign).await, Err(KeyError::NoParent { .. })));
    assert!(matches!(node.make_as(Purpose::Track, Some(foreign)).await, Err(KeyError::NoParent { .. })));
}

#[tokio::test]
async fn a_rotated_shard_opens_as_before_and_an_older_row_put_back_does_not() {
    let (_rig, node) = installation().await;
    let keys = [node.make(None).await, node.make(None).await];
    let before = node.secrets(&keys).await;
    let old: Vec<u8> = node.rows("SELECT sealed FROM key_rows ORDER BY key_id").await[0].get(0).unwrap();
    let shard = node.shard(keys[0]).await;
    node.write(move |keys, tx| Box::pin(async move { keys.rotate(tx, shard).await })).await.unwrap();
    assert_eq!(node.secrets(&keys).await, before);
    node.clock.pass(6_000_000);
    let first = keys[0].min(keys[1]);
    node.execute("UPDATE key_rows SET sealed = $1 WHERE key_id = $2", vec![old.into(), first.into()]).await;
    node.write(|keys, tx| Box::pin(async move { keys.revoke(tx).await })).await.unwrap();
    node.clock.pass(6_000_000);
    assert!(matches!(node.secret(first).await, Err(KeyError::Tampered(_))));
}

#[tokio::test]
async fn a_change_that_is_undone_leaves_every_key_as_it_was() {
    let (_rig, node) = installation().await;
    let keys = [node.make(None).await, node.make(None).await];
    let before = node.secrets(&keys).await;
    let (shard, gone, leases) = (node.shard(keys[0]).await, keys[1], node.leases_out());
    let undone = node.write(move |keys, tx| {
        Box::pin(async move {
            keys.rotate(tx, shard).await?;
            keys.destroy(tx, &[gone], &leases).await?;
            // Everything it opens now is of a state that will never have been.
            let new = NewKey {
                organisation: organisation(),
                class: RetentionClass::Replay,
                purpose: Purpose::Track,
                parent: None,
                at: Timestamp::from_micros(START),
            };
            keys.make(tx, new).await?;
            Err::<(), _>(KeyError::Shape)
        })
    });
    assert!(undone.await.is_err());
    assert_eq!(node.secrets(&keys).await, before);
    let shard = node.shard(keys[0]).await;
    node.write(move |keys, tx| Box::pin(async move { keys.rotate(tx, shard).await })).await.unwrap();
    let third = node.make(None).await;
    node.clock.pass(6_000_000);
    assert_eq!(node.secrets(&keys).await, before);
    assert!(node.secret(third).await.is_ok());
}

fn stone(number: u8, key: clerestory_model::KeyId) -> Tombstone {
    let owner = Owner::Subject(subject(number));
    Tombstone { organisation: organisation(), owner, key, at: Timestamp::from_micros(START) }
}

#[tokio::test]
async fn no_key_is_made_again_for_what_a_tombstone_names() {
    let (_rig, node) = installation().await;
    let person = node.make_subject(1, None).await.unwrap();
    let tombstone = stone(1, person);
    let same = tombstone.clone();
    node.write(move |keys, tx| Box::pin(async move { keys.lay_tombstone(tx, &same).await })).await.unwrap();
    assert!(matches!(node.make_subject(1, None).await, Err(KeyError::Tombstoned)));
    assert!(node.make_subject(2, None).await.is_ok());
    let whole = Tombstone { owner: Owner::Organisation, ..tombstone.clone() };
    let same = whole.clone();
    node.write(move |keys, tx| Box::pin(async move { keys.lay_tombstone(tx, &same).await })).await.unwrap();
    assert!(matches!(node.make_subject(3, None).await, Err(KeyError::Tombstoned)));
    assert!(matches!(node.make_as(Purpose::Track, None).await, Err(KeyError::Tombstoned)));
    assert!(node.make_as(Purpose::AuditMonth, None).await.is_ok(), "the log outlives what it is about");
    let mut all = node.write(|keys, tx| Box::pin(async move { keys.tombstones(tx).await })).await.unwrap();
    all.sort_by_key(Tombstone::id);
    let mut expected = vec![tombstone, whole];
    expected.sort_by_key(Tombstone::id);
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_subjects_key_is_made_only_where_its_tombstone_is_looked_for() {
    let (_rig, node) = installation().await;
    assert!(matches!(node.make_as(Purpose::Subject, None).await, Err(KeyError::NoSubject)));
}

#[tokio::test]
async fn an_older_database_learns_of_erasures_from_the_places_outside() {
    let (rig, node) = installation().await;
    let person = node.make_subject(1, None).await.unwrap();
    let place = FileTombstones::open(rig.path().join("second")).unwrap();
    let track = node.make(Some(person)).await;
    let other = node.make(None).await;
    let key = Tombstone { owner: Owner::Key, ..stone(1, other) };
    place.lay(&[stone(1, person), key.clone()]).unwrap();
    place.lay(&[stone(1, person), key.clone()]).unwrap();
    place.lay(&[stone(1, person)]).unwrap();
    let files = std::fs::read_dir(rig.path().join("second")).unwrap();
    let named = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.ends_with(".tombstone"));
    assert_eq!(files.filter(|file| named(&file.as_ref().unwrap().file_name())).count(), 2);
    let all = place.list().unwrap();
    let again = node.write(move |keys, tx| Box::pin(async move { keys.replay_tombstones(tx, &all).await }));
    let mut expected = vec![person, track, other];
    expected.sort_unstable();
    assert_eq!(again.await.unwrap(), expected, "the keys that are named, and what they wrap");
    node.destroy(&expected).await.unwrap();
    assert!(matches!(node.make_subject(1, None).await, Err(KeyError::Tombstoned)));
    std::fs::write(rig.path().join("second/00.tombstone"), b"{").unwrap();
    assert!(place.list().is_err(), "none is passed over");
}
