//! How long things are kept, as settings say it at each level, and what a setting that nobody can read must not do.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::Sweep;
use clerestory_model::{ProjectId, RecordingId, RetentionClass, Timestamp};
use clerestory_testkit::Caller;
use clerestory_testkit::kept::{DAY, Kept};
use serde_json::{Value, json};

const REPLAY: &str = "retention.replay";
const MOMENT: Duration = Duration::from_micros(1);
const CLASSES: [(&str, RetentionClass); 6] = [
    (REPLAY, RetentionClass::Replay),
    ("retention.recording", RetentionClass::Recording),
    ("retention.screenshot", RetentionClass::Screenshot),
    ("retention.activity.raw", RetentionClass::ActivityRaw),
    ("retention.actionlog", RetentionClass::ActionLog),
    ("retention.event.vod", RetentionClass::EventVod),
];

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn add(admin: &Caller, kind: &str, parent: Option<&str>) -> String {
    let asked = json!({ "kind": kind, "name": kind, "parent": parent });
    id(&admin.post("/api/v1/tree", asked).await.ok())
}

/// Days that a class is kept in a project, where something other than what is usual was put in force.
async fn days(kept: &Kept, project: &str, class: RetentionClass) -> Option<i64> {
    let project: ProjectId = project.parse().unwrap();
    let sql = "SELECT kept_us FROM retentions WHERE project_id = $1 AND class = $2";
    let rows = kept.installation.rows(sql, vec![project.into(), class.into()]).await;
    rows.first().map(|row| row.get::<i64>(0).unwrap() / 86_400_000_000)
}

/// At which node how many days are said, and what holds then inside the domain and beside it.
type Step<'a> = (Option<&'a String>, Option<u32>, [Option<i64>; 2]);

#[tokio::test]
async fn each_class_is_kept_in_each_project_for_as_long_as_the_levels_above_it_say() {
    let kept = Kept::new().await;
    let admin = kept.installation.proven("admin").await;
    let domain = add(&admin, "domain", None).await;
    let inside = add(&admin, "project", Some(&domain)).await;
    let beside = add(&admin, "project", None).await;
    // What is said in turn.
    let steps: [Step<'_>; 8] = [
        (None, Some(60), [Some(60), Some(60)]),
        (Some(&domain), Some(45), [Some(45), Some(60)]),
        (Some(&inside), Some(20), [Some(20), Some(60)]),
        // Whoever stands lower shortens, and never lengthens.
        (Some(&inside), Some(50), [Some(45), Some(60)]),
        (Some(&beside), Some(500), [Some(45), Some(60)]),
        (None, None, [Some(45), Some(500)]),
        (Some(&domain), None, [Some(50), Some(500)]),
        (Some(&inside), None, [None, Some(500)]),
    ];
    for (number, (name, class)) in CLASSES.into_iter().enumerate() {
        // How levels are merged is the same for all classes.
        let taken = if number == 0 { steps.len() } else { 3 };
        for (node, value, wanted) in steps.into_iter().take(taken) {
            let value = value.map(|days| format!("P{days}D"));
            kept.say(&admin, name, json!({ "node": node, "value": value, "confirms": 0 })).await.ok();
            kept.sweep().await;
            let found = [days(&kept, &inside, class).await, days(&kept, &beside, class).await];
            let usual = clerestory_store::retention::usual(class).as_secs() / 86_400;
            let shown = wanted.map(|days| days.unwrap_or(i64::try_from(usual).unwrap()));
            assert_eq!(found.map(Option::unwrap), shown, "{name} {node:?} {value:?}");
        }
    }
    assert_eq!(kept.installation.app.replay_authority().await.unwrap(), []);
}

/// Days are 24 hours, over the ends of months and a day that leaps; a month ends on its last day where it has no such day.
#[tokio::test]
async fn moments_are_exact_over_the_ends_of_months_and_leap_days() {
    let kept = Kept::new().await;
    kept.keep_for(40).await;
    for begins in
        ["2027-01-31T12:00:00Z", "2028-01-31T12:00:00Z", "2028-02-29T12:00:00Z", "2028-12-31T23:00:00Z"]
    {
        kept.wait_until(begins.parse().unwrap());
        let old = kept.recordings(1).await.remove(0);
        kept.sweep().await;
        let id: RecordingId = old.recording.parse().unwrap();
        let sql = "SELECT started_at FROM recordings WHERE recording_id = $1";
        let started: Timestamp = kept.installation.rows(sql, vec![id.into()]).await[0].get(0).unwrap();
        let due = kept.due(&old).await;
        assert_eq!(due, started.plus(DAY * 40), "{begins}");
        kept.wait_until(due.minus(MOMENT));
        assert_eq!(kept.sweep().await.recordings, 0, "{begins}");
        kept.installation.wait(MOMENT);
        assert_eq!(kept.sweep().await.recordings, 1, "{begins}");
    }
    for (deleted, window, until) in [
        ("2030-01-31T12:00:00Z", "P1M", "2030-02-28"),
        ("2030-11-30T12:00:00Z", "P3M", "2031-02-28"),
        ("2031-11-30T12:00:00Z", "P3M", "2032-02-29"),
        ("2032-01-31T12:00:00Z", "P1M", "2032-02-29"),
        ("2032-02-29T12:00:00Z", "P2M", "2032-04-29"),
        ("2032-12-25T12:00:00Z", "P14D", "2033-01-08"),
    ] {
        kept.wait_until(deleted.parse().unwrap());
        let admin = kept.installation.proven("admin").await;
        kept.say(&admin, "retention.event.soft_deleted", json!({ "value": window })).await.ok();
        let old = kept.recordings(1).await.remove(0);
        let path = format!("/api/v1/recordings/{}/delete", old.recording);
        let deletion = admin.post(&path, json!({})).await.ok();
        let time = kept.installation.now().to_string();
        let wanted = format!("{until}{}", time.split_at(10).1);
        assert_eq!(deletion["restorable_until"], wanted, "{deleted} {window}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_destroys_nothing() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    kept.keep_for(200).await;
    kept.sweep().await;
    let due = kept.due(&old).await;
    let organisation = kept.installation.organisation;
    let sql = "UPDATE setting_versions SET value = $1 WHERE organisation_id = $2";
    kept.installation.execute(sql, vec![vec![7_u8; 90].into(), organisation.into()]).await;
    // Nothing in memory is left of what it was.
    let kept = kept.restarted().await;
    kept.installation.wait(DAY * 100);
    let swept = kept.sweep().await;
    assert_eq!(
        swept,
        Sweep { doubtful: vec![organisation], ..Sweep::default() },
        "90 days are not what was meant"
    );
    assert_eq!((kept.due(&old).await, kept.state(&old).await), (due, "active".to_owned()));
    kept.installation.wait(DAY * 101);
    assert_eq!(kept.sweep().await.doubtful, [organisation], "nor while it would be due by what was meant");
    // Saying it once more puts it right: all of them, because nobody knows which it was.
    // Whoever does it came by a link: whether a password is enough cannot be read either.
    let token = kept.installation.link("admin@example.org").await;
    let answer = kept.installation.anonymous().post("/api/v1/session/link", json!({ "token": token })).await;
    let admin = kept.installation.anonymous().in_session_of(&answer);
    admin.prove("high windows, all lit").await;
    for (name, _) in CLASSES {
        kept.say(&admin, name, json!({ "value": null, "confirms": 1 })).await.ok();
    }
    let swept = kept.sweep().await;
    assert_eq!((swept.recordings, swept.doubtful), (1, Vec::new()));
}

#[tokio::test]
async fn whoever_shortens_a_time_says_how_much_that_makes_due() {
    let kept = Kept::new().await;
    let old = kept.recordings(3).await;
    kept.installation.wait(DAY * 20);
    kept.recordings(1).await;
    let asked = json!({ "changes": [{ "class": "replay", "days": 10 }] });
    let preview = kept.admin().await.post("/api/v1/retention/preview", asked).await.ok();
    assert_eq!(preview["items"][0]["newly_due"], 3);
    let admin = kept.installation.proven("admin").await;
    for confirms in [Value::Null, json!(0), json!(2)] {
        let refused = kept.say(&admin, REPLAY, json!({ "value": "P10D", "confirms": confirms })).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "retention-shortens"));
        assert_eq!(refused.json["errors"][0], json!({ "path": "confirms", "message": "3" }));
    }
    let member = kept.installation.person("member").await.with("if-match", "\"0\"");
    let refused = member.send("PUT", "/api/v1/settings/retention.replay", r#"{"value":"P10D"}"#).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "and it tells nobody else");
    kept.say(&admin, REPLAY, json!({ "value": "P10D", "confirms": 3 })).await.ok();
    // A longer time needs no confirmation, and nor does what is about something else.
    kept.say(&admin, REPLAY, json!({ "value": "P200D" })).await.ok();
    kept.say(&admin, "view.reason_required", json!({ "value": true })).await.ok();
    assert_eq!(kept.sweep().await.recordings, 0, "what was said last counts");
    let back = async |confirms: Option<u64>| {
        let admin = admin.clone().with("if-match", "\"3\"");
        admin.post("/api/v1/settings/rollback", json!({ "version": 1, "confirms": confirms })).await
    };
    assert_eq!(back(None).await.problem(), "retention-shortens", "going back shortens too");
    back(Some(3)).await.ok();
    assert_eq!(kept.sweep().await.recordings, 3);
    assert_eq!(kept.state(&old[0]).await, "purge_queued");
    for wrong in ["P1D", "P1M", "PT48H1S.", "P40000D"] {
        let refused = kept.say(&admin, REPLAY, json!({ "value": wrong, "confirms": 9 })).await;
        assert_eq!(refused.problem(), "setting-invalid", "{wrong}");
    }
}

/// What settings say is known by their newest version; a head that was set back hides it, and a domain that is gone hides
/// what was said above it.
#[tokio::test]
async fn what_nothing_leads_to_destroys_nothing() {
    for broken in [
        "DELETE FROM setting_heads WHERE organisation_id = $1",
        "UPDATE setting_heads SET version = 0 WHERE organisation_id = $1",
        "UPDATE projects SET domain_id = organisation_id WHERE organisation_id = $1",
    ] {
        let kept = Kept::new().await;
        let old = kept.recordings(1).await.remove(0);
        kept.keep_for(200).await;
        kept.sweep().await;
        let (due, organisation) = (kept.due(&old).await, kept.installation.organisation);
        kept.installation.execute(broken, vec![organisation.into()]).await;
        let kept = kept.restarted().await;
        kept.installation.wait(DAY * 100);
        assert_eq!(kept.sweep().await.doubtful, [organisation], "{broken}");
        assert_eq!((kept.due(&old).await, kept.state(&old).await), (due, "active".to_owned()), "{broken}");
    }
}
