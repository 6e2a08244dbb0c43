//! How long sessions last and who needs a second factor, as settings say it: at once, for sessions that run too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::kept::Kept;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

async fn say(kept: &Kept, name: &str, value: Value) {
    let admin = kept.installation.proven("admin").await;
    kept.say(&admin, name, json!({ "value": value })).await.ok();
}

#[tokio::test]
async fn a_session_ends_after_as_long_without_use_as_is_said_now() {
    let kept = Kept::new().await;
    let (member, stranger) =
        (kept.installation.person("member").await, kept.installation.person("stranger").await);
    kept.installation.wait(MINUTE * 20);
    member.get("/api/v1/session").await.ok();
    say(&kept, "auth.session.idle", json!("PT10M")).await;
    kept.installation.wait(MINUTE * 10 - Duration::from_micros(1));
    member.get("/api/v1/session").await.ok();
    assert_eq!(member.get("/api/v1/sessions").await.ok()["items"].as_array().unwrap().len(), 1);
    kept.installation.wait(MINUTE * 10);
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    stranger.get("/api/v1/session").await.ok();
    let admin = kept.installation.proven("admin").await;
    for wrong in ["PT59S", "P2D", "P1M"] {
        let refused = kept.say(&admin, "auth.session.idle", json!({ "value": wrong })).await;
        assert_eq!(refused.problem(), "setting-invalid", "{wrong}");
    }
}

#[tokio::test]
async fn a_session_ends_after_as_long_in_all_as_is_said_now_and_never_later_than_when_it_began() {
    let kept = Kept::new().await;
    let member = kept.installation.person("member").await;
    kept.installation.wait(MINUTE * 30);
    say(&kept, "auth.session.absolute", json!("PT1H")).await;
    let listed = member.get("/api/v1/sessions").await.ok();
    let ends = kept.installation.now().plus(MINUTE * 30);
    assert_eq!(listed["items"][0]["expires_at"], ends.to_string());
    kept.installation.wait(MINUTE * 30);
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let member = kept.installation.person("member").await;
    say(&kept, "auth.session.absolute", json!("P20D")).await;
    kept.installation.wait(MINUTE * 60);
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED, "it began with an hour");
}

#[tokio::test]
async fn a_second_factor_is_asked_of_those_of_whom_settings_ask_it() {
    let kept = Kept::new().await;
    let must_enrol = async |caller: &clerestory_testkit::Caller| {
        caller.get("/api/v1/session").await.ok()["must_enrol"].as_bool().unwrap()
    };
    let member = kept.installation.person("member").await;
    let stranger = kept.installation.person("stranger").await;
    assert!(!must_enrol(&member).await);
    say(&kept, "auth.mfa", json!("any")).await;
    assert!(must_enrol(&member).await, "in a session that runs too");
    assert_eq!(member.get("/api/v1/recordings").await.problem(), "factor-required");
    assert!(must_enrol(&kept.installation.person("manager").await).await);
    assert!(must_enrol(&kept.installation.person("admin").await).await, "administrators are everybody too");
    assert!(!must_enrol(&stranger).await, "another organisation says nothing of it");
}

/// What an installation is started with is what settings say where nobody said anything.
#[tokio::test]
async fn the_list_of_settings_says_what_the_installation_was_started_with() {
    let kept = Kept::new().await;
    let list = kept.admin().await.get("/api/v1/settings").await.ok();
    let value = |name: &str| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap()["value"].clone()
    };
    let names = ["auth.mfa", "auth.mfa.admin", "auth.session.idle", "auth.session.absolute"];
    assert_eq!(names.map(value), [json!("off"), json!("off"), json!("PT12H"), json!("PT168H")]);
}
