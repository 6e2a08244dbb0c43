//! Every kind of fault made by hand on real files: each is told rightly and mended, and the second look finds nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_sql::{Lane, SqlError};
use clerestory_store::parts;
use clerestory_testkit::one_visit::{ORIGIN, Scene, flip, scenes};
use clerestory_testkit::visit::Visit;
use clerestory_vault::{Deed, Depth, Fault, RepairError, Repaired, ScrubPace, ScrubStep};

/// Longer than anything is under way.
const LATER: Duration = Duration::from_secs(48 * 3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_wrong_where_nothing_was_done() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        scene.send(4, 6).await;
        let report = scene.check(Depth::Deep).await;
        assert_eq!(report.findings, []);
        assert_eq!((report.segments, report.parts, report.missing), (6, 1, 0));
        assert!(report.bytes_read > 0);
        assert_eq!(scene.repair(Depth::Deep).await.unwrap(), Repaired::default());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_cut_or_flipped_is_told_apart_and_recorded_as_lost() {
    for scene in scenes().await {
        scene.send(0, 5).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        scene.send(5, 9).await;
        let rows = scene.segments().await;
        // In the part: one byte of segment 3. In the log: its end, in the middle of segment 8.
        flip(&scene.file(&part.object), part.segments[3].extent.offset + 60);
        let last = &rows[8].extent;
        let log = scene.file(&last.object);
        let bytes = std::fs::read(&log).unwrap();
        std::fs::write(&log, &bytes[..(last.offset + 9) as usize]).unwrap();
        assert_eq!(scene.told(Depth::Quick).await, [(Fault::BeyondEnd, vec![8])], "a flip needs reading");
        let report = scene.check(Depth::Deep).await;
        let told: Vec<_> =
            report.findings.iter().map(|found| (found.fault, found.segments.clone())).collect();
        assert_eq!(told, [(Fault::BeyondEnd, vec![8]), (Fault::Altered, vec![3])]);
        for finding in &report.findings {
            assert_eq!(finding.recording.unwrap().to_string(), scene.visit.recording);
            assert_eq!(finding.track, Some(scene.track()));
        }
        let health = scene.admin.get("/api/v1/health/findings").await.ok().to_string();
        assert!(health.contains(&format!("Recording {} segment", scene.visit.recording)), "{health}");
        let done = scene.repair(Depth::Deep).await.unwrap();
        assert!(done.done.iter().all(|deed| matches!(deed, Deed::RecordLost { .. })), "{done:?}");
        let second = scene.check(Depth::Deep).await;
        assert_eq!((second.findings, second.lost), (vec![], 2));
        let health = scene.admin.get("/api/v1/health/findings").await.ok().to_string();
        assert!(!health.contains("is damaged"), "{health}");
        let described = scene.read().await;
        let gaps: Vec<&str> = described["tracks"][0]["gaps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| gap["reason"].as_str().unwrap())
            .collect();
        assert_eq!(gaps, ["lost", "lost"], "drawn with its reason, and once");
        assert_eq!(described["tracks"][0]["segments"].as_array().unwrap().len(), 7);
        assert_eq!(
            scene.play(&[2, 3, 4, 8]).await,
            [200, 404, 200, 404].map(|code| StatusCode::from_u16(code).unwrap())
        );
        // The part is still there: nothing that is named is removed, and nothing of what is lost.
        assert!(scene.file(&part.object).exists() && log.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_part_and_a_part_that_is_gone_are_told_apart() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        scene.send(4, 8).await;
        scene.settle().await;
        let [first, second] = scene.parts().await.try_into().unwrap();
        let cut = scene.file(&first.object);
        let bytes = std::fs::read(&cut).unwrap();
        let half = first.segments[2].extent.offset + 5;
        std::fs::write(&cut, &bytes[..half as usize]).unwrap();
        std::fs::remove_file(scene.file(&second.object)).unwrap();
        let told = scene.told(Depth::Quick).await;
        assert_eq!(told, [(Fault::Missing, vec![4, 5, 6, 7]), (Fault::Truncated, vec![2, 3])]);
        scene.repair(Depth::Quick).await.unwrap();
        // What is left of the first part plays; its manifest is gone, so that it has to be written anew.
        assert_eq!(scene.play(&[0, 1]).await, [StatusCode::OK; 2]);
        let left = scene.repair(Depth::Deep).await.unwrap();
        assert!(matches!(left.done.as_slice(), [Deed::WriteAnew { .. }]), "{left:?}");
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 1]).await, [StatusCode::OK; 2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_is_damaged_is_written_anew() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        flip(&scene.file(&part.object), part.object_bytes - 60);
        assert_eq!(scene.told(Depth::Quick).await, []);
        assert_eq!(scene.told(Depth::Deep).await, [(Fault::Altered, vec![])]);
        scene.repair(Depth::Deep).await.unwrap();
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_ne!(scene.parts().await[0].object, part.object);
        assert_eq!(scene.play(&[0, 1, 2, 3]).await, [StatusCode::OK; 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_names_is_removed_once_it_cannot_be_in_flight() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let on_disk = scene.installation.app.vault.objects().directory().is_some();
        // What was written anew is there again; and bytes that are no part at all.
        let (lost, whole) = (part.object.clone(), std::fs::read(scene.file(&part.object)).unwrap());
        flip(&scene.file(&lost), part.object_bytes - 60);
        scene.repair(Depth::Deep).await.unwrap();
        std::fs::write(scene.file(&lost), whole).unwrap();
        let part = scene.parts().await.remove(0);
        let junk = part.object.replace("/000001-", "/000007-");
        std::fs::write(scene.file(&junk), b"half a").unwrap();
        assert_eq!(scene.told(Depth::Deep).await, [], "too young");
        scene
            .installation
            .execute(
                "INSERT INTO object_intents (object, reserved_at) VALUES ($1, $2)",
                vec![junk.as_str().into(), scene.installation.now().plus(LATER).into()],
            )
            .await;
        scene.installation.wait(LATER);
        let strange = part.object.rsplit_once('/').unwrap().0.to_owned() + "/%2e%2e ü'";
        if on_disk {
            std::fs::write(scene.file(&format!("{}#3", part.object)), b"cut off").unwrap();
            std::fs::write(scene.file(&strange), b"whose?").unwrap();
        }
        let report = scene.check(Depth::Deep).await;
        assert_eq!(report.in_flight.len(), 1, "the intent keeps it: {report:?}");
        assert!(report.findings.iter().all(|found| found.object != junk));
        scene.installation.wait(LATER);
        let mut told: Vec<Fault> =
            scene.told(Depth::Deep).await.into_iter().map(|(fault, _)| fault).collect();
        told.dedup();
        let beside =
            [Fault::Unopenable, Fault::Orphaned, Fault::LeftOver, Fault::StaleIntent, Fault::Strange];
        let few = [Fault::Unopenable, Fault::Orphaned, Fault::StaleIntent];
        assert_eq!(told, if on_disk { &beside[..] } else { &few[..] });
        scene.repair(Depth::Quick).await.unwrap();
        scene.repair(Depth::Quick).await.unwrap();
        assert!(!scene.file(&lost).exists());
        assert!(scene.file(&junk).exists(), "nobody can say what it held");
        std::fs::remove_file(scene.file(&junk)).unwrap();
        assert!(scene.file(&part.object).exists());
        if on_disk {
            assert!(scene.file(&strange).exists(), "what is none of ours is left alone");
            std::fs::remove_file(scene.file(&strange)).unwrap();
        }
        assert_eq!(scene.told(Depth::Deep).await, []);
        assert_eq!(scene.play(&[0, 1, 2, 3]).await, [StatusCode::OK; 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_not_the_right_one_is_not_repaired() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let file = scene.file(&part.object);
        let whole = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let refused = scene.repair(Depth::Quick).await;
        assert!(matches!(refused, Err(RepairError::Damaged { missing: 1, named: 1, .. })), "{refused:?}");
        assert_eq!(scene.parts().await, std::slice::from_ref(&part));
        std::fs::write(&file, whole).unwrap();
        assert_eq!(scene.told(Depth::Deep).await, []);
        // A database that knows none of the objects: nothing of them is removed either.
        scene.installation.execute("DELETE FROM parts", vec![]).await;
        scene.installation.wait(LATER);
        assert_eq!(scene.told(Depth::Quick).await, [(Fault::Unlisted, vec![0, 1, 2, 3])]);
        assert_eq!(scene.repair(Depth::Quick).await.unwrap(), Repaired::default());
        assert!(file.exists());
        scene.installation.execute("DELETE FROM key_rows WHERE key_id = $1", vec![part.key.into()]).await;
        for number in 10..30 {
            let name = part.object.replace("/000000-", &format!("/0000{number}-"));
            std::fs::copy(&file, scene.file(&name)).unwrap();
        }
        scene.installation.wait(LATER);
        // A registry that has not the key: that it was erased is what a tombstone says, and nothing else.
        let told = scene.told(Depth::Quick).await;
        assert!(told.len() == 21 && told.iter().all(|(fault, _)| *fault == Fault::UnknownKey), "{told:?}");
        assert_eq!(scene.repair(Depth::Quick).await.unwrap(), Repaired::default());
        let tombstone = "INSERT INTO key_tombstones (owner, organisation, kind, key_id, laid_at)
                         VALUES ($1, $2, 3, $1, 0)";
        let organisation = scene.installation.organisation;
        scene.installation.execute(tombstone, vec![part.key.into(), organisation.into()]).await;
        let refused = scene.repair(Depth::Quick).await;
        assert!(matches!(refused, Err(RepairError::Unnamed { unnamed: 21, .. })), "{refused:?}");
        assert!(file.exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_erased_and_is_still_there_is_removed() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        let file = scene.file(&part.object);
        let (track, at) = (scene.track(), scene.installation.now());
        let taken = scene.installation.app.database.write(Lane::Maintenance, move |tx| {
            Box::pin(async move { parts::take_away(tx, track, at).await.map(drop) })
        });
        let taken: Result<(), SqlError> = taken.await;
        taken.unwrap();
        assert_eq!(scene.told(Depth::Deep).await, [], "it is being removed");
        scene.installation.wait(Duration::from_secs(7200));
        scene.installation.execute("DELETE FROM key_rows WHERE key_id = $1", vec![part.key.into()]).await;
        assert_eq!(scene.told(Depth::Quick).await, [(Fault::Erased, vec![])]);
        scene.repair(Depth::Quick).await.unwrap();
        assert!(!file.exists());
        assert_eq!(scene.told(Depth::Quick).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_others_put_in_place_are_told() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        // Another organisation's, as long and of the same shape.
        let stranger = scene.installation.person("stranger").await;
        let site = scene.installation.site(&stranger).await;
        let key = site["site_key"].as_str().unwrap();
        let visit = Visit::start(scene.installation.recorder(ORIGIN), key, scene.now_ms).await;
        let theirs = Scene { visit, admin: stranger, installation: scene.installation, now_ms: scene.now_ms };
        theirs.send(0, 4).await;
        theirs.settle().await;
        let other = theirs.parts().await.remove(0);
        let bytes = std::fs::read(theirs.file(&other.object)).unwrap();
        std::fs::write(theirs.file(&part.object), bytes).unwrap();
        let report = theirs.check(Depth::Deep).await;
        assert!(report.findings.iter().all(|found| found.object == part.object), "{report:?}");
        let all: Vec<u64> = report.findings.iter().flat_map(|found| found.segments.clone()).collect();
        assert_eq!(all, [0, 1, 2, 3], "{report:?}");
        // Under a name of its own that nobody knows, it is an orphan, and no rows are made from it.
        let strange = part.object.replace("-000001", "-000002");
        std::fs::rename(theirs.file(&part.object), theirs.file(&strange)).unwrap();
        theirs
            .installation
            .execute("DELETE FROM parts WHERE object = $1", vec![part.object.as_str().into()])
            .await;
        let (rebuilt, _) = theirs.installation.app.rebuild(false, &|_, _, _| {}).await.unwrap();
        assert_eq!((rebuilt.segments, rebuilt.not.len()), (0, 1), "{rebuilt:?}");
        assert!(rebuilt.not[0].why.contains("not what was sealed"), "{rebuilt:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scrub_reads_everything_notes_damage_and_goes_on_where_it_was() {
    for scene in scenes().await {
        scene.send(0, 3).await;
        scene.settle().await;
        scene.send(3, 5).await;
        let part = scene.parts().await.remove(0);
        let rows = scene.segments().await;
        flip(&scene.file(&part.object), part.segments[1].extent.offset + 60);
        flip(&scene.file(&rows[4].extent.object), rows[4].extent.offset + 60);
        let app = &scene.installation.app;
        let pace = ScrubPace { least: 1, most: 1, ..ScrubPace::default() };
        let second = Duration::from_secs(1);
        let first = app.vault.scrub(&app.access, [1; 16], pace, second).await.unwrap();
        assert!(matches!(first, ScrubStep::Reading { .. }), "{first:?}");
        assert_eq!(app.vault.scrub(&app.access, [2; 16], pace, second).await.unwrap(), ScrubStep::Elsewhere);
        // The node is gone: another goes on.
        scene.installation.wait(Duration::from_secs(600));
        let mut steps = 0;
        while let ScrubStep::Reading { .. } =
            app.vault.scrub(&app.access, [2; 16], pace, second).await.unwrap()
        {
            steps += 1;
            assert!(steps < 10);
        }
        let known = app.vault.damage(scene.installation.organisation).await.unwrap();
        let numbers: Vec<(u64, &str)> =
            known.iter().map(|known| (known.sequence, known.fault.as_str())).collect();
        assert_eq!(numbers, [(1, "altered"), (4, "altered")]);
        assert_eq!(app.vault.damage(scene.installation.other).await.unwrap(), []);
        let after = app.vault.scrub(&app.access, [2; 16], pace, second).await.unwrap();
        assert!(matches!(after, ScrubStep::Waiting { .. }));
        // Whole again, a week later.
        flip(&scene.file(&part.object), part.segments[1].extent.offset + 60);
        scene.installation.wait(Duration::from_secs(8 * 24 * 3600));
        let fast = ScrubPace { least: 1 << 20, most: 1 << 20, ..ScrubPace::default() };
        app.vault.scrub(&app.access, [3; 16], fast, second).await.unwrap();
        let known = app.vault.damage(scene.installation.organisation).await.unwrap();
        assert_eq!(known.iter().map(|known| known.sequence).collect::<Vec<_>>(), [4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_that_a_play_meets_is_on_the_health_page_of_its_organisation() {
    for scene in scenes().await {
        scene.send(0, 4).await;
        scene.settle().await;
        let part = scene.parts().await.remove(0);
        flip(&scene.file(&part.object), part.segments[2].extent.offset + 60);
        assert_eq!(scene.play(&[2]).await, [StatusCode::UNPROCESSABLE_ENTITY]);
        let health = scene.admin.get("/api/v1/health/findings").await.ok().to_string();
        assert!(
            health.contains(&format!("Recording {} segment 2 is damaged since", scene.visit.recording)),
            "{health}"
        );
        let stranger = scene.installation.person("stranger").await;
        let health = stranger.get("/api/v1/health/findings").await.ok().to_string();
        assert!(!health.contains("damaged"), "{health}");
    }
}
