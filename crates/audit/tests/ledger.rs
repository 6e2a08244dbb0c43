//! The ledger on a real database: growing, proving, and naming what somebody with the database and the keys changed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod common;

use clerestory_audit::ledger::{
    Finding, Growing, LedgerError, Resource, Saved, SignedCheckpoint, Step, commitment, leaf_hash,
    verify_consistency, verify_inclusion,
};
use clerestory_model::Timestamp;
use common::{Log, NODE, OTHER, START, organisation};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START + seconds * 1_000_000)
}

#[tokio::test]
async fn every_entry_becomes_a_leaf_and_every_proof_of_it_holds() {
    let log = Log::new().await;
    let mut earlier = Vec::new();
    for (round, count) in [1_u64, 2, 253, 1, 300, 600].into_iter().enumerate() {
        log.append(organisation(1), count).await;
        log.append(organisation(2), 1).await;
        log.integrate_all().await;
        let (note, size) = (log.checkpoint().await, log.size().await);
        assert_eq!(note.checkpoint.size, size);
        assert_eq!(log.integrate(NODE, at(0)).await.unwrap(), Step::Nothing);
        for (old, root) in &earlier {
            let proofs = log.proofs(*old, None).await;
            let proof = proofs.consistency.unwrap();
            assert!(
                verify_consistency(*old, size, &proof, root, &note.checkpoint.root),
                "{round}: {old} to {size}"
            );
        }
        earlier.push((size, note.checkpoint.root));
    }
    let (size, root) = *earlier.last().unwrap();
    assert_eq!(size, 1157 + 6);
    for number in [1, 2, 255, 256, 257, 512, 700, 1157] {
        let found = log.proofs(0, Some((organisation(1), number))).await.inclusion.unwrap();
        let leaf = leaf_hash(&commitment(&found.salt, &found.hash));
        assert!(verify_inclusion(&leaf, found.leaf, size, &found.path, &root), "{number}");
    }
    assert_eq!(log.proofs(0, Some((organisation(1), 1158))).await.inclusion, None);
    assert_eq!(log.proofs(size + 1, None).await.consistency, None);
    let report = log.verify(Saved::default()).await;
    assert_eq!((report.size, report.root, report.waiting, report.findings), (size, root, 0, vec![]));
}

#[tokio::test]
async fn the_files_of_the_log_are_those_of_its_size() {
    let log = Log::new().await;
    log.append(organisation(1), 300).await;
    log.integrate_all().await;
    let paths: Vec<String> = log.resources().await.iter().map(Resource::to_string).collect();
    assert_eq!(
        paths,
        [
            "tile/0/000",
            "tile/entries/000",
            "tile/0/001.p/44",
            "tile/entries/001.p/44",
            "tile/1/000.p/1",
            "checkpoint"
        ]
    );
    let mut growing = Growing::default();
    for path in ["tile/0/000", "tile/0/001.p/44"] {
        for hash in log.file(path).await.unwrap().chunks(32) {
            growing.push(hash.try_into().unwrap());
        }
    }
    assert_eq!(growing.root(), log.checkpoint().await.checkpoint.root);
    let entries = log.file("tile/entries/001.p/44").await.unwrap();
    assert_eq!((entries.len(), &entries[..2]), (44 * 34, [0, 32].as_slice()));
    assert_eq!(leaf_hash(&entries[2..34]), log.file("tile/0/001.p/44").await.unwrap()[..32]);
    // An earlier checkpoint's partial tile is the beginning of today's; one the log does not have yet is not there.
    assert_eq!(
        log.file("tile/0/001.p/7").await.unwrap(),
        log.file("tile/0/001.p/44").await.unwrap()[..7 * 32]
    );
    for beyond in
        ["tile/0/001", "tile/0/001.p/45", "tile/0/002.p/1", "tile/2/000.p/1", "tile/entries/001.p/45"]
    {
        assert_eq!(log.file(beyond).await, None, "{beyond}");
    }
}

#[tokio::test]
async fn one_node_integrates_until_it_falls_silent_and_a_stale_one_cannot_fork() {
    let log = Log::new().await;
    log.append(organisation(1), 3).await;
    assert_eq!(log.integrate(NODE, at(0)).await.unwrap(), Step::Added { leaves: 3, size: 3 });
    log.append(organisation(1), 1).await;
    assert_eq!(log.integrate(OTHER, at(1)).await.unwrap(), Step::NotOurs);
    assert_eq!(log.integrate(OTHER, at(3)).await.unwrap(), Step::Added { leaves: 1, size: 4 });
    // The first wakes up in the middle of what it was doing: the head it knew is not the head any more.
    log.append(organisation(1), 1).await;
    assert_eq!(log.integrate(NODE, at(3)).await.unwrap(), Step::NotOurs);
    assert_eq!(log.integrate(NODE, at(6)).await.unwrap(), Step::Added { leaves: 1, size: 5 });
    // A clock that stood an hour ahead must not stop everybody for an hour.
    log.append(organisation(1), 1).await;
    assert_eq!(log.integrate(OTHER, at(3600)).await.unwrap(), Step::Added { leaves: 1, size: 6 });
    log.append(organisation(1), 1).await;
    assert_eq!(log.integrate(NODE, at(7)).await.unwrap(), Step::Added { leaves: 1, size: 7 });
    assert_eq!(log.verify(Saved::default()).await.findings, vec![]);
}

#[tokio::test]
async fn an_entry_that_is_gone_before_its_leaf_stops_its_organisation_only() {
    let log = Log::new().await;
    log.append(organisation(1), 4).await;
    log.append(organisation(2), 4).await;
    log.sql("DELETE FROM audit_entries WHERE organisation_id = $1 AND number = 3", organisation(1)).await;
    assert_eq!(log.integrate(NODE, at(0)).await.unwrap(), Step::Added { leaves: 6, size: 6 });
    let stopped = log.integrate(NODE, at(0)).await.unwrap_err();
    assert!(matches!(stopped, LedgerError::Hole { number: 3, .. }), "{stopped}");
}

/// An installation whose log was saved at 20 leaves and went on to 26.
async fn saved_then_grown() -> (Log, SignedCheckpoint, common::Mirror) {
    let log = Log::new().await;
    log.append(organisation(1), 12).await;
    log.append(organisation(2), 8).await;
    log.integrate_all().await;
    let (saved, mirror) = (log.checkpoint().await, log.mirror().await);
    log.append(organisation(1), 6).await;
    log.integrate_all().await;
    let intact = log.verify(mirror.saved(&saved)).await;
    assert_eq!((intact.size, intact.findings), (26, vec![]));
    (log, saved, mirror)
}

fn alone(saved: &SignedCheckpoint) -> Saved {
    Saved { checkpoints: vec![saved.clone()], tiles: None }
}

#[tokio::test]
async fn an_edited_entry_is_named() {
    let (log, saved, _) = saved_then_grown().await;
    log.sql(
        "UPDATE audit_entries SET outcome = 2 WHERE organisation_id = $1 AND number = 5",
        organisation(1),
    )
    .await;
    let found = log.verify(Saved::default()).await.findings;
    let edited = Finding::Edited { organisation: organisation(1), number: 5, leaf: 4 };
    assert_eq!(found[0], edited);
    assert_eq!(
        edited.to_string(),
        format!("entry 5 of {} was edited: leaf 4 tells of another one", organisation(1))
    );
    // The tree is computed from the entries as they are, not from what the tables say of them.
    assert_eq!(found[1..], [Finding::Checkpoint { problem: "has another root than the entries give" }]);
    assert!(log.verify(alone(&saved)).await.findings.contains(&edited));
}

#[tokio::test]
async fn an_edited_entry_with_its_chain_computed_anew_is_named() {
    let (log, ..) = saved_then_grown().await;
    log.rewrite_chain(organisation(1), 5).await;
    assert!(log.chain_is_intact(organisation(1)).await);
    let found = log.verify(Saved::default()).await.findings;
    assert_eq!(found[0], Finding::Edited { organisation: organisation(1), number: 5, leaf: 4 });
}

#[tokio::test]
async fn a_removed_entry_is_named() {
    let (log, ..) = saved_then_grown().await;
    log.sql("DELETE FROM audit_entries WHERE organisation_id = $1 AND number = 7", organisation(2)).await;
    let found = log.verify(Saved::default()).await.findings;
    assert_eq!(found, [Finding::Removed { organisation: organisation(2), number: 7, leaf: 18 }]);
}

#[tokio::test]
async fn a_cut_tail_is_named() {
    let (log, ..) = saved_then_grown().await;
    log.cut_chain(organisation(1), 15).await;
    assert!(log.chain_is_intact(organisation(1)).await);
    let found = log.verify(Saved::default()).await.findings;
    assert_eq!(found, [Finding::CutOff { organisation: organisation(1), number: 16, leaf: 23 }]);
}

#[tokio::test]
async fn a_tail_cut_from_log_and_ledger_and_signed_again_is_named_by_the_saved_checkpoint() {
    let (log, saved, mirror) = saved_then_grown().await;
    log.cut_chain(organisation(2), 5).await;
    log.cut_chain(organisation(1), 12).await;
    log.sign_anew().await;
    assert_eq!(log.verify(Saved::default()).await.findings, vec![], "nothing in the database contradicts it");
    let found = log.verify(mirror.saved(&saved)).await.findings;
    assert_eq!(found, [Finding::Shorter { saved: 20, size: 17 }]);
}

#[tokio::test]
async fn a_history_rewritten_and_signed_again_with_the_real_key_is_named_by_index() {
    let (log, saved, mirror) = saved_then_grown().await;
    log.rewrite_chain(organisation(1), 5).await;
    log.sign_anew_in_the_same_order().await;
    assert_eq!(log.verify(Saved::default()).await.findings, vec![], "nothing in the database contradicts it");
    let found = log.verify(mirror.saved(&saved)).await.findings;
    let named = Finding::Rewritten { leaf: 4, organisation: organisation(1), number: 5 };
    assert_eq!(found, [named]);
    // Without the tiles a root says that history is another one, and not where.
    let found = log.verify(alone(&saved)).await.findings;
    assert_eq!(found, [Finding::RewrittenWithin { from: 0, to: 19 }]);
}

#[tokio::test]
async fn several_saved_checkpoints_say_between_which_two_history_was_rewritten() {
    let log = Log::new().await;
    let mut saved = Saved::default();
    for _ in 0..4 {
        log.append(organisation(1), 10).await;
        log.integrate_all().await;
        saved.checkpoints.push(log.checkpoint().await);
    }
    log.rewrite_chain(organisation(1), 25).await;
    log.sign_anew_in_the_same_order().await;
    assert_eq!(log.verify(saved).await.findings, [Finding::RewrittenWithin { from: 20, to: 29 }]);
}

#[tokio::test]
async fn a_checkpoint_by_another_key_or_of_another_log_is_named() {
    let (log, saved, mirror) = saved_then_grown().await;
    let forged = log.forge_checkpoint().await;
    let problem = "is not signed by this installation's key";
    assert_eq!(log.verify(Saved::default()).await.findings, [Finding::Checkpoint { problem }]);
    let found = log.verify(alone(&forged)).await.findings;
    assert!(found.contains(&Finding::Saved { size: 26, problem }), "{found:?}");
    let elsewhere = Log::new().await;
    elsewhere.append(organisation(1), 20).await;
    elsewhere.integrate_all().await;
    let found = elsewhere.verify(alone(&saved)).await.findings;
    assert_eq!(found, [Finding::Saved { size: 20, problem: "is of another installation" }]);
    drop(mirror);
}

#[tokio::test]
async fn altered_tiles_leaves_and_marks_are_named() {
    let (log, ..) = saved_then_grown().await;
    log.sql(
        "UPDATE ledger_leaves SET commitment = (SELECT hash FROM audit_heads WHERE organisation_id = $1)
             WHERE leaf = 9 AND organisation_id = $1",
        organisation(1),
    )
    .await;
    let found = log.verify(Saved::default()).await.findings;
    assert!(found.contains(&Finding::Leaf { leaf: 9 }), "{found:?}");
    let (log, ..) = saved_then_grown().await;
    log.sql("DELETE FROM ledger_leaves WHERE leaf = 9 AND organisation_id = $1", organisation(1)).await;
    let found = log.verify(Saved::default()).await.findings;
    assert!(found.contains(&Finding::Leaf { leaf: 9 }), "{found:?}");
    let (log, ..) = saved_then_grown().await;
    log.append(organisation(1), 2).await;
    log.sql("UPDATE ledger_marks SET number = 20 WHERE organisation_id = $1", organisation(1)).await;
    let report = log.verify(Saved::default()).await;
    assert_eq!(report.findings, [Finding::NoLeaf { organisation: organisation(1), number: 19 }]);
}
