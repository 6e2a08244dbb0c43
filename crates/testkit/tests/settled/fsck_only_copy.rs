//! What only the store has is never removed by mending, and comes back: after an older database was put back, after bytes
//! that were lost are there again, and where something does not open.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::parts;
use clerestory_store::segments::{self, Segment};
use clerestory_testkit::one_visit::{Scene, flip, scenes};
use clerestory_vault::{Deed, Depth, Fault, RepairError, Repaired};

/// Longer than anything is under way.
const LATER: Duration = Duration::from_secs(48 * 3600);

/// Makes the rows of a track's segments those of a copy of the database that was taken before they were settled.
async fn put_back(scene: &Scene, rows: Vec<Segment>) {
    for sql in [
        "DELETE FROM parts",
        "DELETE FROM part_claims",
        "DELETE FROM spent_objects",
        "UPDATE tracks SET fence = 0, next_part = 0",
    ] {
        scene.installation.execute(sql, vec![]).await;
    }
    let put = scene.installation.app.database.write(Lane::Maintenance, move |tx| {
        Box::pin(async move {
            for row in &rows {
                segments::insert(tx, row).await?;
            }
            Ok(())
        })
    });
    let put: Result<(), SqlError> = put.await;
    put.unwrap();
}

async fn rebuild(scene: &Scene) -> clerestory_vault::Rebuilt {
    scene.installation.app.rebuild(false, &|_, _, _| {}).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_an_older_database_nothing_is_removed_that_settling_has_moved_since() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        let before = scene.segments().await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        assert!(!scene.file(&before[0].extent.object).exists());
        put_back(&scene, before).await;
        // What settles and finds nothing to settle gives the same names out again.
        scene.settle().await;
        scene.installation.wait(LATER);
        let all = vec![0, 1, 2, 3];
        for depth in [Depth::Quick, Depth::Deep] {
            // On a bucket each segment was an object of the log.
            let (missing, others): (Vec<_>, Vec<_>) =
                scene.told(depth).await.into_iter().partition(|(fault, _)| *fault == Fault::Missing);
            let missing: Vec<u64> = missing.into_iter().flat_map(|(_, numbers)| numbers).collect();
            assert_eq!((missing, others), (all.clone(), vec![(Fault::Unlisted, all.clone())]));
        }
        let refused = scene.repair(Depth::Deep).await;
        assert!(matches!(refused, Err(RepairError::Damaged { .. })), "{refused:?}");
        let app = &scene.installation.app;
        let deeds = app.vault.plan_repair(&scene.check(Depth::Deep).await, true).unwrap();
        assert_eq!(app.vault.repair(&app.access, deeds).await.unwrap(), Repaired::default());
        let rebuilt = rebuild(&scene).await;
        assert_eq!((rebuilt.parts, rebuilt.segments, rebuilt.not.len()), (1, 4, 0), "{rebuilt:?}");
        assert_eq!(scene.parts().await, [part]);
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 1, 2, 3]).await, [StatusCode::OK; 4]);
        assert_eq!(rebuild(&scene).await.segments, 0, "nothing is left to do");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_an_older_database_a_claim_that_was_committed_since_is_not_cleared_away() {
    for scene in scenes().await {
        scene.send(0, 2).await;
        let before = scene.segments().await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        put_back(&scene, before).await;
        let claim = "INSERT INTO part_claims (track_id, part, fence, object, first_sequence, last_sequence, claimed_at)
                     VALUES ($1, 0, 1, $2, 0, 1, $3)";
        let values = vec![part.track.into(), part.object.as_str().into(), scene.installation.now().into()];
        scene.installation.execute(claim, values).await;
        scene.installation.execute("UPDATE tracks SET fence = 1", vec![]).await;
        scene.installation.wait(LATER);
        scene.settle().await;
        scene.settle().await;
        assert!(scene.file(&part.object).exists());
        assert_eq!(rebuild(&scene).await.segments, 2);
        assert_eq!(scene.parts().await, [part]);
        assert_eq!(scene.play(&[0, 1]).await, [StatusCode::OK; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_an_older_database_a_part_that_was_written_anew_takes_the_place_of_its_row() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let old = scene.parts().await.remove(0);
        flip(&scene.file(&old.object), old.object_bytes - 60);
        scene.repair(Depth::Deep).await.unwrap();
        let new = scene.parts().await.remove(0);
        assert!(!scene.file(&old.object).exists() && old.number != new.number);
        for (sql, values) in [
            ("DELETE FROM spent_objects", vec![]),
            ("UPDATE parts SET part = $1, fence = $2", vec![old.number.into(), old.fence.into()]),
            ("UPDATE parts SET object = $1", vec![old.object.as_str().into()]),
        ] {
            scene.installation.execute(sql, values).await;
        }
        scene.installation.wait(LATER);
        let all = vec![0, 1, 2, 3];
        assert_eq!(scene.told(Depth::Quick).await, [(Fault::Missing, all.clone()), (Fault::Unlisted, all)]);
        assert_eq!(rebuild(&scene).await.segments, 4);
        assert_eq!(scene.parts().await, [new]);
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 3]).await, [StatusCode::OK; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_tenth_altered_is_not_repaired_and_what_is_whole_by_then_is_not_lost() {
    for scene in scenes().await {
        for first in [0, 2, 4] {
            scene.send(first, first + 2).await;
            scene.settle().await;
        }
        let parts = scene.parts().await;
        for part in &parts {
            flip(&scene.file(&part.object), part.segments[1].extent.offset + 60);
        }
        let refused = scene.repair(Depth::Deep).await;
        assert!(
            matches!(refused, Err(RepairError::Damaged { damaged: 3, missing: 0, named: 3, .. })),
            "{refused:?}"
        );
        flip(&scene.file(&parts[0].object), parts[0].segments[1].extent.offset + 60);
        let app = &scene.installation.app;
        let deeds = app.vault.plan_repair(&scene.check(Depth::Deep).await, false).unwrap();
        assert_eq!(deeds.len(), 2);
        // The check is hours old, and one of them is whole by now.
        flip(&scene.file(&parts[1].object), parts[1].segments[1].extent.offset + 60);
        let repaired = app.vault.repair(&app.access, deeds).await.unwrap();
        assert_eq!((repaired.done.len(), repaired.skipped), (1, 1), "{repaired:?}");
        let left: Vec<u64> = scene.segments().await.iter().map(|segment| segment.sequence).collect();
        assert_eq!(left, [0, 1, 2, 3, 4]);
        assert_eq!(scene.told(Depth::Deep).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_in_the_log_is_kept_and_taken_in_again() {
    for scene in scenes().await {
        scene.send(0, 5).await;
        let lost = scene.segments().await.remove(3);
        let file = scene.file(&lost.extent.object);
        flip(&file, lost.extent.offset + 60);
        scene.repair(Depth::Deep).await.unwrap();
        scene.settle().await;
        scene.installation.wait(Duration::from_secs(2 * 24 * 3600));
        scene.settle().await;
        assert!(file.exists(), "the others are settled, and it is in no row of segments any more");
        assert_eq!(scene.told(Depth::Deep).await, []);
        flip(&file, lost.extent.offset + 60);
        assert_eq!(rebuild(&scene).await.segments, 1);
        assert_eq!(scene.play(&[2, 3, 4]).await, [StatusCode::OK; 3]);
        let described = scene.read().await;
        assert_eq!(described["tracks"][0]["gaps"].as_array().unwrap().len(), 0, "{described}");
        scene.settle().await;
        assert!(!file.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_log_in_which_others_lie_is_not_kept_for_ever() {
    // On a bucket each of these segments is an object of the log.
    let [scene, _] = scenes().await;
    scene.send(0, 2).await;
    let lost = scene.segments().await.pop().unwrap();
    let file = scene.file(&lost.extent.object);
    flip(&file, lost.extent.offset + 60);
    scene.repair(Depth::Deep).await.unwrap();
    scene.settle().await;
    assert!(file.exists());
    // Erasures of those beside it wait for the file.
    scene.installation.wait(Duration::from_secs(15 * 24 * 3600));
    scene.settle().await;
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_lost_segment_goes_with_its_track() {
    for scene in scenes().await {
        scene.send(0, 2).await;
        let lost = scene.segments().await.pop().unwrap();
        let file = scene.file(&lost.extent.object);
        flip(&file, lost.extent.offset + 60);
        scene.repair(Depth::Deep).await.unwrap();
        scene.settle().await;
        assert!(file.exists());
        let (track, at) = (scene.track(), scene.installation.now());
        let taken = scene.installation.app.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { parts::take_away(tx, track, at).await })
        });
        let taken: Result<_, SqlError> = taken.await;
        assert!(taken.unwrap().names().contains(&lost.extent.object.as_str()), "an erasure waits for it");
        scene.settle().await;
        assert!(!file.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_part_is_kept_when_it_is_written_anew_and_taken_in_again() {
    for scene in scenes().await {
        scene.send(0, 5).await;
        scene.settle().await;
        let old = scene.parts().await.remove(0);
        let file = scene.file(&old.object);
        let whole = std::fs::read(&file).unwrap();
        flip(&file, old.segments[3].extent.offset + 60);
        flip(&file, old.object_bytes - 60);
        scene.repair(Depth::Deep).await.unwrap();
        assert_eq!(scene.told(Depth::Deep).await, []);
        let new = scene.parts().await.remove(0);
        assert_ne!(new.object, old.object);
        assert_eq!(scene.play(&[2, 3, 4]).await, [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::OK]);
        scene.installation.wait(LATER);
        scene.settle().await;
        assert!(file.exists(), "its rows were taken away, but for what is lost of it");
        assert_eq!(scene.told(Depth::Deep).await, []);
        std::fs::write(&file, whole).unwrap();
        let rebuilt = rebuild(&scene).await;
        assert_eq!((rebuilt.parts, rebuilt.segments, rebuilt.not.len()), (1, 1, 0), "{rebuilt:?}");
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 1, 2, 3, 4]).await, [StatusCode::OK; 5]);
        assert_eq!(rebuild(&scene).await.segments, 0, "nothing is left to do");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_a_part_that_is_lost_is_not_given_out_again() {
    for scene in scenes().await {
        for first in [0, 2] {
            scene.send(first, first + 2).await;
            scene.settle().await;
        }
        let lost = scene.parts().await.pop().unwrap();
        let file = scene.file(&lost.object);
        let aside = file.with_extension("aside");
        std::fs::rename(&file, &aside).unwrap();
        scene.repair(Depth::Quick).await.unwrap();
        assert_eq!(scene.parts().await.len(), 1);
        scene.send(4, 6).await;
        scene.settle().await;
        assert_eq!(scene.parts().await[1].number, lost.number + 1);
        std::fs::rename(&aside, &file).unwrap();
        assert_eq!(rebuild(&scene).await.segments, 2);
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 2, 3, 5]).await, [StatusCode::OK; 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_as_unlisted_is_kept_though_its_rows_were_taken_away() {
    for scene in scenes().await {
        scene.send(0, 2).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        scene.installation.execute("DELETE FROM parts", vec![]).await;
        let spent = "INSERT INTO spent_objects (object, spent_at) VALUES ($1, $2)";
        let at = scene.installation.now();
        scene.installation.execute(spent, vec![part.object.as_str().into(), at.into()]).await;
        scene.installation.wait(LATER);
        assert_eq!(scene.told(Depth::Quick).await, [(Fault::Unlisted, vec![0, 1])]);
        let repaired = scene.repair(Depth::Quick).await.unwrap();
        assert!(matches!(repaired.done.as_slice(), [Deed::Keep { .. }]), "{repaired:?}");
        scene.settle().await;
        assert!(scene.file(&part.object).exists());
        assert_eq!(rebuild(&scene).await.segments, 2);
        assert_eq!(scene.play(&[0, 1]).await, [StatusCode::OK; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_byte_in_the_end_of_a_part_that_no_row_names_costs_nothing_else() {
    for scene in scenes().await {
        scene.send(0, 2).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let file = scene.file(&part.object);
        scene.installation.execute("DELETE FROM parts", vec![]).await;
        scene.installation.wait(LATER);
        // In the manifest, in the key, in the length, in the mark.
        for (back, fault) in [
            (60, Fault::Unopenable),
            (35, Fault::UnknownKey),
            (17, Fault::Unopenable),
            (24, Fault::Unopenable),
            (1, Fault::Unopenable),
        ] {
            flip(&file, part.object_bytes - back);
            assert_eq!(scene.told(Depth::Quick).await, [(fault, vec![])], "{back} from the end");
            assert_eq!(scene.repair(Depth::Quick).await.unwrap(), Repaired::default());
            flip(&file, part.object_bytes - back);
        }
        assert_eq!(rebuild(&scene).await.segments, 2);
        assert_eq!(scene.told(Depth::Deep).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_not_written_anew_without_what_its_segments_are_packed_on() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let file = scene.file(&part.object);
        flip(&file, part.object_bytes - 60);
        let app = &scene.installation.app;
        let deeds = app.vault.plan_repair(&scene.check(Depth::Deep).await, false).unwrap();
        assert!(matches!(deeds.as_slice(), [Deed::WriteAnew { .. }]), "{deeds:?}");
        // The base was whole when it was checked.
        let base = part.segments.iter().find(|segment| Some(segment.sequence) == part.base).unwrap();
        flip(&file, base.extent.offset + 60);
        let repaired = app.vault.repair(&app.access, deeds).await.unwrap();
        assert_eq!((repaired.done.len(), repaired.skipped), (0, 1));
        assert_eq!(scene.parts().await, std::slice::from_ref(&part), "the rows are as they were");
        flip(&file, base.extent.offset + 60);
        scene.repair(Depth::Deep).await.unwrap();
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 1, 2, 3]).await, [StatusCode::OK; 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_others_made_cost_no_memory_and_write_nothing_into_the_audit_log() {
    for scene in scenes().await {
        scene.send(0, 2).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let mine = scene.installation.organisation.to_string();
        // Our own part in the name of an organisation that is not there.
        let other = part.object.replace(&mine, "org_00000000000070008000000000000001");
        let put = |object: &str| {
            let file = scene.file(object);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            file
        };
        std::fs::copy(scene.file(&part.object), put(&other)).unwrap();
        let mut expected = vec![Fault::Unopenable];
        if scene.installation.app.vault.objects().directory().is_some() {
            // Larger than memory, and nothing in it.
            let log = "log/0123456789ab-01234567/00000000.log";
            for object in [log.to_owned(), part.object.replace("000000-", "000005-")] {
                std::fs::File::create(put(&object)).unwrap().set_len(1 << 40).unwrap();
                expected.push(Fault::Unopenable);
            }
        }
        scene.installation.wait(LATER);
        let entries =
            || async { scene.installation.rows("SELECT count(*) FROM audit_entries", vec![]).await };
        let count = |rows: Vec<clerestory_sql::Row>| rows[0].get::<i64>(0).unwrap();
        let before = count(entries().await);
        let told: Vec<Fault> = scene.told(Depth::Quick).await.into_iter().map(|(fault, _)| fault).collect();
        assert_eq!(told, expected);
        assert_eq!(count(entries().await), before);
        let rebuilt = rebuild(&scene).await;
        assert_eq!((rebuilt.segments, rebuilt.not.len()), (0, expected.len()), "{rebuilt:?}");
        let foreign = "SELECT count(*) FROM audit_entries WHERE action LIKE 'maintain.%'
                           AND organisation_id NOT IN (SELECT organisation_id FROM organisations)";
        assert_eq!(count(scene.installation.rows(foreign, vec![]).await), 0);
        assert_eq!(scene.repair(Depth::Quick).await.unwrap(), Repaired::default());
    }
}
