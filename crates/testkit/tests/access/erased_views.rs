//! What somebody asked to watch goes with the recording, and with them.

use clerestory_lifecycle::Target;
use clerestory_model::{PersonId, RecordingId, SubjectId};
use clerestory_testkit::Installation;
use clerestory_testkit::visit::{Visit, snapshot};
use serde_json::json;

#[tokio::test]
async fn who_asked_to_watch_is_forgotten_with_the_recording_and_with_the_person() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let site = installation.site(&admin).await;
    let mut recordings = Vec::new();
    for _ in 0..2 {
        let now = installation.now().unix_millis() as i64;
        let recorder = installation.recorder("https://shop.example");
        let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
        visit.send(0, &snapshot(now, 2, "x")).await.ok();
        recordings.push(visit.recording);
    }
    installation.switch_on(&["manager.scope.visitors"]).await;
    let manager = installation.person("manager").await;
    for recording in &recordings {
        for caller in [&admin, &manager] {
            let path = format!("/api/v1/recordings/{recording}/views");
            caller.post(&path, json!({ "reason": "ticket 7" })).await.ok();
        }
    }
    let left = async || {
        let sql = "SELECT recording_id, person_id FROM asked_views";
        let rows = installation.rows(sql, Vec::new()).await;
        let left =
            rows.iter().map(|row| (row.get::<RecordingId>(0).unwrap(), row.get::<PersonId>(1).unwrap()));
        left.collect::<Vec<_>>()
    };
    assert_eq!(left().await.len(), 4);
    admin.post(&format!("/api/v1/recordings/{}/erasures", recordings[0]), json!({})).await.ok();
    installation.carry_erasures_on().await;
    let stays: RecordingId = recordings[1].parse().unwrap();
    assert!(left().await.len() == 2 && left().await.iter().all(|(recording, _)| *recording == stays));
    let sql = "SELECT subject_id FROM people WHERE role = 'manager'";
    let subject: SubjectId = installation.rows(sql, Vec::new()).await[0].get(0).unwrap();
    installation.erase_at_command(installation.organisation, Target::Subject(subject)).await;
    assert_eq!(left().await.len(), 1, "the administrator asks still");
    assert!(installation.app.replay_authority().await.unwrap().is_empty());
}
