//! Blocks of networks and devices: whoever comes from there is kept out for a time, and nobody else is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_identity::IdentityError;
use clerestory_lifecycle::Target;
use clerestory_sql::{Lane, SqlError};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const PASSWORD: &str = "high windows, all lit";
const HOUR: Duration = Duration::from_secs(3600);
/// Where the admin is, and where somebody else is.
const HERE: &str = "198.51.100.1";
const THERE: &str = "203.0.113.9";

async fn from(installation: &Installation, who: &str, address: &str) -> Caller {
    let anonymous = installation.anonymous().coming_from(address);
    anonymous.sign_in(&format!("{who}@example.org"), PASSWORD).await
}

async fn sign_in(installation: &Installation, address: &str, email: &str, password: &str) -> Answer {
    let asked = json!({ "email": email, "password": password });
    installation.anonymous().coming_from(address).post("/api/v1/session", asked).await
}

fn in_an_hour(installation: &Installation, what: Value) -> Value {
    let mut asked = what;
    asked["ends_at"] = json!(installation.now().plus(HOUR).to_string());
    asked["reason"] = json!("a leak, says Tobias");
    asked
}

async fn block(installation: &Installation, admin: &Caller, what: Value) -> String {
    let set = admin.post("/api/v1/blocks", in_an_hour(installation, what)).await;
    assert_eq!(set.status, StatusCode::CREATED, "{}", set.json);
    set.json["id"].as_str().unwrap().to_owned()
}

async fn blocks(admin: &Caller) -> Vec<Value> {
    admin.get("/api/v1/blocks").await.ok()["items"].as_array().unwrap().clone()
}

async fn clean(installation: &Installation) {
    assert_eq!(installation.app.replay_authority().await.unwrap(), [], "each change is on record");
}

fn kept_out(answer: &Answer) -> bool {
    (answer.status, answer.problem()) == (StatusCode::FORBIDDEN, "blocked")
}

#[tokio::test]
async fn a_network_is_kept_out_until_its_block_ends_by_itself() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    let (member, stranger) =
        (from(&installation, "member", THERE).await, from(&installation, "stranger", THERE).await);
    admin.prove(PASSWORD).await;
    let made = admin.post("/api/v1/keys", json!({ "name": "Report", "scopes": ["recording.list"] })).await;
    let bearer = format!("Bearer {}", made.ok()["key"].as_str().unwrap());
    let key =
        |address: &str| installation.anonymous().coming_from(address).with("authorization", bearer.clone());
    key(THERE).get("/api/v1/recordings").await.ok();
    block(&installation, &admin, json!({ "network": "203.0.113.0/24" })).await;

    assert!(kept_out(&member.get("/api/v1/session").await));
    assert!(
        kept_out(&member.clone().coming_from("203.0.113.200").get("/api/v1/my/data").await),
        "the same network"
    );
    assert!(kept_out(&member.clone().coming_from("::ffff:203.0.113.9").get("/api/v1/session").await));
    assert!(kept_out(&key(THERE).get("/api/v1/recordings").await));
    assert!(kept_out(&sign_in(&installation, THERE, "member@example.org", PASSWORD).await));
    // Whoever has not proven who they are is told nothing of it.
    let wrong = sign_in(&installation, THERE, "member@example.org", "not the one at all").await;
    assert_eq!(wrong.problem(), "sign-in-refused");
    let link = json!({ "token": installation.link("member@example.org").await });
    let there = installation.anonymous().coming_from(THERE);
    assert!(kept_out(&there.post("/api/v1/session/link", link.clone()).await));

    // The same session from elsewhere, and another organisation from there, go on.
    member.clone().coming_from("203.0.114.9").get("/api/v1/session").await.ok();
    key("203.0.114.9").get("/api/v1/recordings").await.ok();
    stranger.get("/api/v1/session").await.ok();
    sign_in(&installation, THERE, "stranger@example.org", PASSWORD).await.ok();

    clean(&installation).await;
    installation.wait(HOUR);
    member.get("/api/v1/session").await.ok();
    key(THERE).get("/api/v1/recordings").await.ok();
    there.post("/api/v1/session/link", link).await.ok();
    let left = blocks(&admin).await;
    assert_eq!((&left[0]["runs"], &left[0]["network"]), (&json!(false), &json!("203.0.113.0/24")));
    clean(&installation).await;
}

#[tokio::test]
async fn networks_of_the_newer_kind_are_kept_out_and_a_block_is_lifted_with_a_reason() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    let member = from(&installation, "member", "2001:db8:7:1::9").await;
    let id = block(&installation, &admin, json!({ "network": "2001:db8:7::/48" })).await;
    assert!(kept_out(&member.get("/api/v1/session").await));
    member.clone().coming_from("2001:db8:8::9").get("/api/v1/session").await.ok();
    let lift = format!("/api/v1/blocks/{id}/lift");
    assert_eq!(admin.post(&lift, json!({ "reason": " " })).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let lifted = admin.post(&lift, json!({ "reason": "it was somebody else" })).await;
    assert_eq!(lifted.status, StatusCode::NO_CONTENT, "{}", lifted.json);
    member.get("/api/v1/session").await.ok();
    let told = &blocks(&admin).await[0];
    assert_eq!((&told["runs"], &told["lift_reason"]), (&json!(false), &json!("it was somebody else")));
    assert_eq!((&told["lifted_by"]["name"], &told["set_by"]["name"]), (&json!("admin"), &json!("admin")));
    assert_eq!(admin.post(&lift, json!({ "reason": "again" })).await.status, StatusCode::NOT_FOUND);
    clean(&installation).await;
    // What ended goes a month later.
    installation.wait(Duration::from_secs(31 * 24 * 3600));
    assert!(installation.app.identity.forget_ended(installation.now()).await.unwrap() > 0);
    assert_eq!(blocks(&from(&installation, "admin", HERE).await).await, Vec::<Value>::new());
    clean(&installation).await;
}

#[tokio::test]
async fn a_browser_is_kept_out_whoever_signs_in_with_it_until_its_block_ends() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let (member, elsewhere) = (installation.person("member").await, installation.person("member").await);
    let person = member.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned();
    let own = member.get("/api/v1/sessions").await.ok();
    let own = own["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap().clone();
    let seen = admin.get(&format!("/api/v1/people/{person}/devices")).await.ok();
    let seen = seen["items"].as_array().unwrap();
    assert_eq!(seen.len(), 2);
    let device = seen.iter().find(|item| item["session"] == own["id"]).unwrap();
    assert_eq!((&device["device"], own["device"].is_string()), (&own["device"], true));
    block(&installation, &admin, json!({ "session": own["id"] })).await;

    assert!(kept_out(&member.get("/api/v1/session").await));
    // The browser keeps its token through every sign-in, whoever signs in.
    let asked = |who: &str| json!({ "email": format!("{who}@example.org"), "password": PASSWORD });
    assert!(kept_out(&member.post("/api/v1/session", asked("manager")).await));
    elsewhere.get("/api/v1/session").await.ok();
    let other = member.post("/api/v1/session", asked("stranger")).await;
    assert_eq!(other.status, StatusCode::OK, "of another organisation: {}", other.json);
    let told = &blocks(&admin).await[0];
    assert_eq!((&told["device"], &told["person"]["name"]), (&own["device"], &json!("member")));
    clean(&installation).await;
    installation.wait(HOUR);
    let again = member.post("/api/v1/session", asked("manager")).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.json);
    let named = member.clone().in_session_of(&again).get("/api/v1/sessions").await.ok();
    assert_eq!(named["items"][0]["device"], own["device"], "it is the same browser still");
}

/// Throwing the browser's token away does not help the session that began with it.
#[tokio::test]
async fn a_session_remembers_the_browser_it_began_on() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let asked = json!({ "email": "member@example.org", "password": PASSWORD });
    let answer = installation.anonymous().post("/api/v1/session", asked).await;
    let session = answer.cookies.iter().find(|cookie| cookie.starts_with("__Host-clerestory=")).unwrap();
    let bare = installation.anonymous().with("cookie", session.clone());
    let listed = bare.get("/api/v1/sessions").await.ok();
    block(&installation, &admin, json!({ "session": listed["items"][0]["id"] })).await;
    assert!(kept_out(&bare.get("/api/v1/session").await));
}

#[tokio::test]
async fn nobody_keeps_themselves_out() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    let own = admin.get("/api/v1/sessions").await.ok()["items"][0]["id"].clone();
    for what in [
        json!({ "network": HERE }),
        json!({ "network": "198.51.100.0/24" }),
        json!({ "network": "::ffff:198.51.100.1" }),
        json!({ "session": own }),
    ] {
        let refused = admin.post("/api/v1/blocks", in_an_hour(&installation, what)).await;
        assert_eq!(
            (refused.status, refused.problem()),
            (StatusCode::CONFLICT, "own-place"),
            "{}",
            refused.json
        );
        assert!(refused.json["what_to_do"].as_str().unwrap().contains("another network"));
    }
    for what in [
        json!({ "network": "0.0.0.0/0" }),
        json!({ "network": "here" }),
        json!({}),
        json!({ "network": THERE, "session": own }),
    ] {
        let refused = admin.post("/api/v1/blocks", in_an_hour(&installation, what)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.json);
    }
    let mut late = in_an_hour(&installation, json!({ "network": THERE }));
    late["ends_at"] = json!(installation.now().to_string());
    assert_eq!(admin.post("/api/v1/blocks", late).await.problem(), "does-not-fit");
    admin.get("/api/v1/session").await.ok();
    assert_eq!(blocks(&admin).await, Vec::<Value>::new());
}

/// A network takes everybody on it, and so whoever keeps one out may do what anybody there may.
#[tokio::test]
async fn a_role_of_ones_own_keeps_no_network_out_and_the_command_line_lets_everybody_in() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    admin.prove(PASSWORD).await;
    let rights = json!({ "block.manage": "organisation", "block.read": "organisation" });
    let made = admin.post("/api/v1/roles", json!({ "name": "Help desk", "rights": rights })).await.ok();
    let person = from(&installation, "member", THERE).await.get("/api/v1/session").await.ok();
    let person = person["person"]["id"].as_str().unwrap();
    let roles = json!({ "role": "member", "also": [made["id"]] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{person}/roles"), roles).await.ok();
    let desk = from(&installation, "member", THERE).await;
    let asked = in_an_hour(&installation, json!({ "network": "198.51.100.0/24" }));
    let refused = desk.post("/api/v1/blocks", asked.clone()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.json);
    admin.get("/api/v1/session").await.ok();

    // Two Admins who keep each other's networks out are let in again by whoever runs the server.
    let other = from(&installation, "admin", THERE).await;
    other.post("/api/v1/blocks", asked).await.ok();
    assert!(kept_out(&admin.get("/api/v1/session").await));
    let (identity, organisation) = (installation.app.identity.clone(), installation.organisation);
    let now = installation.now();
    let lifted = installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move { identity.block_organisation(tx, organisation, None, "", now).await })
    });
    let lifted: Result<(), IdentityError> = lifted.await;
    lifted.unwrap();
    admin.get("/api/v1/session").await.ok();
    assert_eq!(blocks(&admin).await[0]["runs"], false);
    clean(&installation).await;
}

#[tokio::test]
async fn another_organisation_sees_and_changes_nothing_of_it() {
    let installation = Installation::new().await;
    let (admin, stranger) = (installation.person("admin").await, installation.person("stranger").await);
    let member = installation.person("member").await;
    let session = member.get("/api/v1/sessions").await.ok()["items"][0]["id"].clone();
    let theirs = in_an_hour(&installation, json!({ "session": session }));
    assert_eq!(
        stranger.post("/api/v1/blocks", theirs).await.problem(),
        "does-not-fit",
        "as any that is not there"
    );
    let none = in_an_hour(&installation, json!({ "session": "ses_0190a5e200007000800000000000000a" }));
    assert_eq!(stranger.post("/api/v1/blocks", none).await.problem(), "does-not-fit");
    let id = block(&installation, &admin, json!({ "session": session })).await;
    assert_eq!(blocks(&stranger).await, Vec::<Value>::new());
    let lift = format!("/api/v1/blocks/{id}/lift");
    assert_eq!(stranger.post(&lift, json!({ "reason": "r" })).await.status, StatusCode::NOT_FOUND);
    assert!(kept_out(&member.get("/api/v1/session").await));
}

/// What is captured there waits with whoever captured it, and is taken when the block is over.
#[tokio::test]
async fn a_recorder_on_a_blocked_network_waits_and_loses_nothing() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    let site = installation.site(&admin).await;
    let (key, now) = (site["site_key"].as_str().unwrap(), installation.now().unix_millis() as i64);
    let recorder = installation.recorder("https://shop.example").coming_from(THERE);
    let visit = Visit::start(recorder.clone(), key, now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    block(&installation, &admin, json!({ "network": THERE })).await;
    let refused = visit.send(1, &snapshot(now, 2, "y")).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::SERVICE_UNAVAILABLE, "network-blocked"));
    let asked =
        json!({ "site_key": key, "writer": "0190a5e2-0000-7000-8000-000000000002", "client_time_ms": now });
    let start = recorder.begin("POST", "/api/v1/capture/start", asked.to_string()).await;
    assert_eq!(
        (start.status(), start.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "60"),
        "it is told to come again"
    );
    drop(start.into_body().collect().await);
    // From elsewhere the same visit goes on, and from there when the block is over.
    let visit = visit.through(recorder.clone().coming_from("203.0.114.9"));
    visit.send(1, &snapshot(now, 2, "y")).await.ok();
    installation.wait(HOUR);
    let (writer, token) = ("0190a5e2-0000-7000-8000-000000000001", visit.token.clone());
    let again = Visit::start_as(recorder, key, now, writer, Some(&token)).await;
    again.send(again.started["next_sequence"].as_u64().unwrap(), &snapshot(now, 2, "z")).await.ok();
}

#[tokio::test]
async fn an_address_stands_nowhere_in_clear_and_goes_with_whose_device_it_was() {
    let installation = Installation::new().await;
    let admin = from(&installation, "admin", HERE).await;
    let member = from(&installation, "member", THERE).await;
    let session = member.get("/api/v1/sessions").await.ok()["items"][0]["id"].clone();
    block(&installation, &admin, json!({ "network": THERE })).await;
    block(&installation, &admin, json!({ "session": session })).await;
    assert!(kept_out(&member.get("/api/v1/session").await));
    let log = admin.get("/api/v1/audit?limit=100").await.ok().to_string();
    assert!(!log.contains(THERE) && !log.contains("Tobias"), "{log}");
    let stored = installation.app.database.read(|tx| {
        Box::pin(async move {
            let rows = tx.query("SELECT network, reason FROM place_blocks", &[]).await?;
            let mut all = Vec::new();
            for row in rows {
                all.extend(row.get::<Option<Vec<u8>>>(0)?.unwrap_or_default());
                all.extend(row.get::<Vec<u8>>(1)?);
            }
            Ok(all)
        })
    });
    let stored: Result<Vec<u8>, SqlError> = stored.await;
    let stored = String::from_utf8_lossy(&stored.unwrap()).into_owned();
    assert!(!stored.contains("203.0.113") && !stored.contains("Tobias"));

    let people = admin.get("/api/v1/people").await.ok();
    let items = people["items"].as_array().unwrap();
    let found = items.iter().find(|person| person["role"] == "member").unwrap();
    let subject = Target::Subject(found["subject"].as_str().unwrap().parse().unwrap());
    installation.erase_at_command(installation.organisation, subject).await;
    let left = blocks(&admin).await;
    assert_eq!((left.len(), &left[0]["network"]), (1, &json!(THERE)), "the device's went with its person");
    clean(&installation).await;
}

/// What a network is stands sealed in its row: a process that does not know it yet opens it, once, and says so.
#[tokio::test]
async fn a_block_holds_after_a_restart_and_that_it_was_opened_is_on_record() {
    let installation = Installation::new().await;
    block(&installation, &from(&installation, "admin", HERE).await, json!({ "network": "203.0.113.0/24" }))
        .await;
    let installation = installation.restarted().await;
    for _ in 0..3 {
        assert!(kept_out(&sign_in(&installation, THERE, "member@example.org", PASSWORD).await));
    }
    let admin = from(&installation, "admin", HERE).await;
    let told = admin.get("/api/v1/audit?action=block.check").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
    clean(&installation).await;
}
