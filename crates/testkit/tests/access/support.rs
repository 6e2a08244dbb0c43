//! Help from outside, over the API: who is let in does what the grant says while it runs, and nothing else ever.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::Target;
use clerestory_model::{ProjectId, RecordingId};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const PASSWORD: &str = "clear glass above the aisle";
const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const WATCH: [&str; 3] = ["recording.list", "recording.read", "recording.play"];

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(3600 * count)
}

async fn clean(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

fn asked(email: &str, more: Value) -> Value {
    let mut asked =
        json!({ "name": "Rae Lindqvist", "email": email, "rights": WATCH, "reason": "ticket 4711" });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

/// Somebody from outside who was let in, and came by their link.
pub(crate) struct LetIn {
    grant: String,
    person: String,
    email: String,
    pub(crate) caller: Caller,
}

pub(crate) async fn let_in(installation: &Installation, by: &Caller, email: &str, more: Value) -> LetIn {
    let made = by.post("/api/v1/support-grants", asked(email, more)).await.ok();
    let secret = made["link"].as_str().unwrap().split_once("/join#token=").unwrap().1;
    let asked = json!({ "token": secret, "password": PASSWORD });
    let came = installation.anonymous().post("/api/v1/session/invitation", asked).await;
    assert_eq!(came.status, StatusCode::OK, "{}", came.json);
    assert_eq!(came.json["person"]["role"], "support");
    let caller = installation.anonymous().in_session_of(&came);
    LetIn { grant: text(&made["id"]), person: text(&made["person"]), email: email.to_owned(), caller }
}

impl LetIn {
    async fn end(&self, by: &Caller) {
        let ended = by.post(&format!("/api/v1/support-grants/{}/end", self.grant), json!({})).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.json);
    }

    /// Another grant for who came before.
    async fn again(&self, by: &Caller, rights: &[&str]) -> Answer {
        let asked = json!({ "person": self.person, "rights": rights, "reason": "again" });
        by.post("/api/v1/support-grants", asked).await
    }
}

/// A recording that was brought in: nothing is added to it any more.
async fn imported(by: &Caller, site: &str) -> String {
    let events = snapshot(1_795_000_000_000, 2, "x").to_string();
    by.prove(super::PASSWORD).await;
    let made = by.send("POST", &format!("/api/v1/sites/{site}/imports"), events).await.ok();
    text(&made["recording"])
}

async fn listed(caller: &Caller) -> Vec<String> {
    let list = caller.get("/api/v1/recordings").await.ok();
    list["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect()
}

async fn play(caller: &Caller, recording: &str) -> Answer {
    caller.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await
}

/// The path of the first segment of a play.
fn segment(play: &Value) -> String {
    let track = play["tracks"][0]["id"].as_str().unwrap();
    format!("/api/v1/plays/{}/tracks/{track}/segments/0", play["id"].as_str().unwrap())
}

struct Scene {
    installation: Installation,
    admin: Caller,
    site: String,
    recording: String,
}

async fn scene() -> Scene {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let site = text(&installation.site(&admin).await["id"]);
    let recording = imported(&admin, &site).await;
    Scene { installation, admin, site, recording }
}

#[tokio::test]
async fn a_supporter_does_what_the_grant_says_where_it_says_and_nothing_else() {
    let Scene { installation, admin, site, recording } = scene().await;
    let elsewhere = imported(&admin, &site).await;
    let project = admin.post("/api/v1/tree", json!({ "kind": "project", "name": "Shop" })).await.ok();
    let (moved, to): (RecordingId, ProjectId) =
        (recording.parse().unwrap(), project["id"].as_str().unwrap().parse().unwrap());
    let sql = "UPDATE recordings SET project_id = $2 WHERE recording_id = $1";
    installation.execute(sql, vec![moved.into(), to.into()]).await;

    let place = json!({ "node": project["id"], "hours": 2 });
    let supporter = let_in(&installation, &admin, "rae@outside.example", place).await;
    let caller = &supporter.caller;
    assert_eq!(listed(caller).await, std::slice::from_ref(&recording));
    caller.get(&format!("/api/v1/recordings/{recording}")).await.ok();
    assert_eq!(play(caller, &recording).await.status, StatusCode::CREATED);
    assert_eq!(caller.get(&format!("/api/v1/recordings/{elsewhere}")).await.status, NOT_FOUND);
    assert_eq!(play(caller, &elsewhere).await.status, NOT_FOUND);
    for closed in ["/settings", "/audit", "/people", "/tree", "/sites", "/keys", "/my/data", "/holds"] {
        let status = caller.get(&format!("/api/v1{closed}")).await.status;
        assert!(matches!(status, FORBIDDEN | NOT_FOUND), "{closed}: {status}");
    }
    let restore = format!("/api/v1/recordings/{recording}/restore");
    assert_eq!(caller.post(&restore, json!({})).await.status, NOT_FOUND, "a right that was not lent");
    let more = asked("friend@outside.example", json!({}));
    assert_eq!(caller.post("/api/v1/support-grants", more).await.status, FORBIDDEN);
    assert_eq!(
        caller.post(&format!("/api/v1/support-grants/{}/end", supporter.grant), json!({})).await.status,
        FORBIDDEN
    );

    // The console and the log say by which grant they act.
    let session = caller.get("/api/v1/session").await.ok();
    let allowed: Vec<String> = session["allowed"].as_array().unwrap().iter().map(text).collect();
    assert!(WATCH.iter().all(|right| allowed.iter().any(|known| known == right)), "{allowed:?}");
    assert!(!allowed.iter().any(|known| known == "setting.read"), "{allowed:?}");
    let told =
        admin.get(&format!("/api/v1/audit?action=recording.play&actor={}", supporter.person)).await.ok();
    let rules: Vec<String> =
        told["items"].as_array().unwrap().iter().map(|entry| text(&entry["rule"])).collect();
    assert!(
        rules.contains(&format!("matrix recording.play support {} organisation", supporter.grant)),
        "{rules:?}"
    );

    // What is still being recorded is not lent.
    let site = installation.site(&admin).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let visit =
        Visit::start(installation.recorder("https://shop.example"), site["site_key"].as_str().unwrap(), now)
            .await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    let running: RecordingId = visit.recording.parse().unwrap();
    installation.execute(sql, vec![running.into(), to.into()]).await;
    assert_eq!(listed(caller).await, std::slice::from_ref(&recording));
    assert_eq!(play(caller, &visit.recording).await.status, NOT_FOUND);
    clean(&installation).await;
}

#[tokio::test]
async fn a_grant_ends_by_itself_and_at_once_and_a_watch_that_runs_with_it() {
    let Scene { installation, admin, recording, .. } = scene().await;
    let supporter = let_in(&installation, &admin, "rae@outside.example", json!({ "hours": 1 })).await;
    let caller = &supporter.caller;
    let first = play(caller, &recording).await.ok();
    caller.get(&segment(&first)).await.ok();
    installation.wait(Duration::from_secs(3599));
    assert_eq!(listed(caller).await.len(), 1);
    installation.wait(Duration::from_secs(1));
    assert_eq!(caller.get("/api/v1/recordings").await.status, FORBIDDEN);
    let second = supporter.again(&admin, &WATCH).await;
    assert_eq!(second.status, FORBIDDEN, "the proof of who the Admin is was an hour ago");
    admin.prove(super::PASSWORD).await;

    let second = supporter.again(&admin, &WATCH).await.ok();
    assert_eq!(second["link"], Value::Null, "they have come before");
    let running = supporter.again(&admin, &WATCH).await;
    assert_eq!((running.status, running.problem()), (StatusCode::CONFLICT, "not-in-this-state"));
    let watch = play(caller, &recording).await.ok();
    caller.get(&segment(&watch)).await.ok();
    let follow = format!("/api/v1/plays/{}/follow", watch["id"].as_str().unwrap());
    let ended = format!("/api/v1/support-grants/{}/end", second["id"].as_str().unwrap());
    assert_eq!(admin.post(&ended, json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(caller.get(&segment(&watch)).await.status, NOT_FOUND);
    assert_eq!(caller.get(&follow).await.status, NOT_FOUND);
    assert_eq!(caller.get("/api/v1/recordings").await.status, FORBIDDEN);
    assert_eq!(admin.post(&ended, json!({})).await.status, StatusCode::NO_CONTENT, "over is over");
    let own = caller.get("/api/v1/support-grants").await.ok();
    let states: Vec<bool> =
        own["items"].as_array().unwrap().iter().map(|one| one["running"] == true).collect();
    assert_eq!(states, [false, false], "they see what let them in");
    assert_eq!(caller.get("/api/v1/session").await.ok()["support_running"], 0);
    clean(&installation).await;
}

#[tokio::test]
async fn what_a_supporter_does_is_seen_while_they_do_it() {
    let Scene { installation, admin, recording, .. } = scene().await;
    let supporter = let_in(&installation, &admin, "rae@outside.example", json!({})).await;
    assert_eq!(admin.get("/api/v1/session").await.ok()["support_running"], 1);
    assert_eq!(supporter.caller.get("/api/v1/session").await.ok()["support_running"], 1);
    let member = installation.person("member").await;
    assert_eq!(member.get("/api/v1/session").await.ok()["support_running"], 0);

    let list = admin.get("/api/v1/support-grants?running=true").await.ok();
    let shown = &list["items"][0];
    assert_eq!((&shown["id"], &shown["person"]["name"]), (&json!(supporter.grant), &json!("Rae Lindqvist")));
    assert_eq!((&shown["reason"], &shown["came"]), (&json!("ticket 4711"), &json!(true)));
    let person = admin.get(&format!("/api/v1/people/{}", supporter.person)).await.ok();
    assert_eq!((&person["role"], &person["email"]), (&json!("support"), &json!(supporter.email)));

    let acts = format!("/api/v1/support-grants/{}/acts", supporter.grant);
    let first = admin.get(&acts).await.ok();
    let (entry, before) = (first["entry"].as_u64().unwrap(), first["items"][0]["number"].as_u64().unwrap());
    listed(&supporter.caller).await;
    play(&supporter.caller, &recording).await.ok();
    supporter.caller.get("/api/v1/settings").await;
    let again = admin.get(&format!("{acts}?continues={entry}")).await.ok();
    assert_eq!(again["entry"], entry, "looking again makes no entry");
    let new: Vec<(String, String)> = again["items"]
        .as_array()
        .unwrap()
        .iter()
        .take_while(|item| item["number"].as_u64().unwrap() > before)
        .map(|item| (text(&item["action"]), text(&item["outcome"])))
        .collect();
    let wanted = [("setting.read", "refused"), ("recording.play", "allowed"), ("recording.list", "allowed")];
    assert_eq!(new, wanted.map(|(action, outcome)| (action.to_owned(), outcome.to_owned())));
    let page = admin.get(&format!("{acts}?limit=1")).await.ok();
    let rest = admin.get(&format!("{acts}?limit=1&cursor={}", text(&page["next_cursor"]))).await.ok();
    assert_eq!(rest["items"][0]["action"], "recording.play");

    // Supporters see their own, and nobody else's; others of the organisation and other organisations none.
    let own = supporter.caller.get(&acts).await.ok();
    assert!(
        own["items"].as_array().unwrap().iter().all(|item| item["actor"]["id"] == json!(supporter.person))
    );
    let other = let_in(&installation, &admin, "sol@outside.example", json!({})).await;
    assert_eq!(other.caller.get(&acts).await.status, NOT_FOUND);
    assert_eq!(other.caller.get("/api/v1/support-grants").await.ok()["items"].as_array().unwrap().len(), 1);
    let stranger = installation.proven("stranger").await;
    for (who, status) in [(&member, FORBIDDEN), (&stranger, StatusCode::OK)] {
        assert_eq!(who.get("/api/v1/support-grants").await.status, status);
        assert_eq!(who.get(&acts).await.status, NOT_FOUND);
        let end = format!("/api/v1/support-grants/{}/end", supporter.grant);
        assert_eq!(who.post(&end, json!({})).await.status, NOT_FOUND);
    }
    assert!(stranger.get("/api/v1/support-grants").await.ok()["items"].as_array().unwrap().is_empty());
    assert_eq!(supporter.again(&stranger, &WATCH).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_grant_lends_nothing_that_its_maker_may_not_do_then_or_now() {
    let Scene { installation, admin, recording, .. } = scene().await;
    let unproven = installation.person("admin").await;
    let refused = unproven.post("/api/v1/support-grants", asked("rae@outside.example", json!({}))).await;
    assert_eq!(refused.problem(), "step-up-required");
    for (more, problem) in [
        (json!({ "rights": [] }), "does-not-fit"),
        (json!({ "rights": ["audit.read"] }), "right-beyond-own"),
        (json!({ "rights": ["recording.erase"] }), "right-beyond-own"),
        (json!({ "rights": ["profile.read"] }), "right-beyond-own"),
        (json!({ "hours": 0 }), "malformed"),
        (json!({ "hours": 169 }), "malformed"),
        (json!({ "reason": " " }), "malformed"),
        (json!({ "node": "tea_0190a5e200007000800000000000000a" }), "does-not-fit"),
        (json!({ "person": "per_0190a5e200007000800000000000000a" }), "malformed"),
        (json!({ "email": "member@example.org" }), "address-taken"),
    ] {
        let answer = admin.post("/api/v1/support-grants", asked("rae@outside.example", more.clone())).await;
        assert_eq!(answer.problem(), problem, "{more}");
    }
    let tree = admin.get("/api/v1/tree").await.ok();
    let part = json!({ "node": tree["items"][0]["id"], "rights": ["setting.read"] });
    let answer = admin.post("/api/v1/support-grants", asked("rae@outside.example", part)).await;
    assert_eq!(answer.problem(), "does-not-fit", "settings are the organisation's");

    // Whoever may let others in lends what they may do themselves, as far, and no longer than they may.
    let rights = json!({ "support.grant": "organisation", "setting.read": "organisation" });
    let role = admin.post("/api/v1/roles", json!({ "name": "Door", "rights": rights })).await.ok();
    let people = admin.get("/api/v1/people").await.ok();
    let manager = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "manager").unwrap();
    let roles = format!("/api/v1/people/{}/roles", manager["id"].as_str().unwrap());
    let give = |also: Value| json!({ "role": "manager", "also": also }).to_string();
    admin.send("PUT", &roles, give(json!([role["id"]]))).await.ok();
    let maker = installation.proven("manager").await;
    let reports = maker.post("/api/v1/support-grants", asked("rae@outside.example", json!({}))).await;
    assert_eq!(reports.problem(), "right-beyond-own", "a manager sees who reports to them");
    admin.send("PUT", &roles, give(json!([role["id"], "viewer"]))).await.ok();
    let maker = installation.proven("manager").await;
    let rights: Vec<&str> = WATCH.into_iter().chain(["setting.read"]).collect();
    let supporter = let_in(&installation, &maker, "rae@outside.example", json!({ "rights": rights })).await;
    assert_eq!(play(&supporter.caller, &recording).await.status, StatusCode::CREATED);
    supporter.caller.get("/api/v1/settings").await.ok();
    admin.send("PUT", &roles, give(json!([role["id"]]))).await.ok();
    assert_eq!(play(&supporter.caller, &recording).await.status, NOT_FOUND);
    supporter.caller.get("/api/v1/settings").await.ok();
    let block = json!({ "ends_at": installation.now().plus(hours(1)).to_string(), "reason": "r" });
    let blocks = format!("/api/v1/people/{}/blocks", manager["id"].as_str().unwrap());
    admin.post(&blocks, block).await.ok();
    assert_eq!(supporter.caller.get("/api/v1/settings").await.status, FORBIDDEN, "whose maker is kept out");
    clean(&installation).await;
}

#[tokio::test]
async fn nobody_is_a_supporter_and_something_else() {
    let Scene { installation, admin, .. } = scene().await;
    let supporter = let_in(&installation, &admin, "rae@outside.example", json!({})).await;
    let people = admin.get("/api/v1/people").await.ok();
    let member = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "member").unwrap();
    let of = |person: &str| format!("/api/v1/people/{person}/roles");
    for asked in [json!({ "role": "support" }), json!({ "role": "member", "also": ["support"] })] {
        let answer = admin.send("PUT", &of(member["id"].as_str().unwrap()), asked.to_string()).await;
        assert_eq!(answer.problem(), "does-not-fit", "{asked}");
    }
    let invited = json!({ "name": "S", "email": "s@example.org", "role": "support" });
    assert_eq!(admin.post("/api/v1/people", invited).await.problem(), "does-not-fit");
    let known = json!({ "person": member["id"], "rights": WATCH, "reason": "r" });
    assert_eq!(admin.post("/api/v1/support-grants", known).await.problem(), "not-in-this-state");

    // Whoever is given a role is let in by it, and by nothing else.
    admin.send("PUT", &of(&supporter.person), json!({ "role": "member" }).to_string()).await.ok();
    let list = admin.get("/api/v1/support-grants").await.ok();
    assert_eq!(list["items"][0]["running"], false);
    let member = installation.anonymous().sign_in(&supporter.email, PASSWORD).await;
    assert!(listed(&member).await.is_empty(), "their own, of which there is nothing");
    clean(&installation).await;

    // Who is deleted is not let in by being brought back.
    let second = let_in(&installation, &admin, "sol@outside.example", json!({})).await;
    let path = format!("/api/v1/people/{}", second.person);
    admin.delete(&path).await.ok();
    assert_eq!(second.again(&admin, &WATCH).await.problem(), "not-in-this-state");
    admin.post(&format!("{path}/restore"), json!({})).await.ok();
    let back = installation.anonymous().sign_in(&second.email, PASSWORD).await;
    assert_eq!(back.get("/api/v1/recordings").await.status, FORBIDDEN);

    // Who has not come is not invited any more once their grant was ended, and is by another one.
    let third = admin.post("/api/v1/support-grants", asked("kim@outside.example", json!({}))).await.ok();
    admin.post(&format!("/api/v1/support-grants/{}/end", text(&third["id"])), json!({})).await;
    let secret = |made: &Value| text(&made["link"]).split_once("/join#token=").unwrap().1.to_owned();
    let come = |token: String| json!({ "token": token, "password": PASSWORD });
    let late = installation.anonymous().post("/api/v1/session/invitation", come(secret(&third))).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    let again = json!({ "person": third["person"], "rights": WATCH, "reason": "again" });
    let again = admin.post("/api/v1/support-grants", again).await.ok();
    installation.anonymous().post("/api/v1/session/invitation", come(secret(&again))).await.ok();
    clean(&installation).await;
}

#[tokio::test]
async fn an_erased_supporter_leaves_no_grant_and_an_erased_maker_none_that_runs() {
    let Scene { installation, admin, recording, .. } = scene().await;
    let people = admin.get("/api/v1/people").await.ok();
    let manager = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "manager").unwrap();
    let roles = format!("/api/v1/people/{}/roles", manager["id"].as_str().unwrap());
    admin.send("PUT", &roles, json!({ "role": "admin" }).to_string()).await.ok();
    let maker = installation.proven("manager").await;
    let first = let_in(&installation, &maker, "rae@outside.example", json!({})).await;
    let second = let_in(&installation, &admin, "sol@outside.example", json!({})).await;
    assert_eq!(play(&first.caller, &recording).await.status, StatusCode::CREATED);
    let person = admin.get(&format!("/api/v1/people/{}", second.person)).await.ok();
    for subject in [&manager["subject"], &person["subject"]] {
        let subject = Target::Subject(text(subject).parse().unwrap());
        installation.erase_at_command(installation.organisation, subject).await;
    }
    installation.carry_erasures_on().await;

    let admin = installation.proven("admin").await;
    let list = admin.get("/api/v1/support-grants").await.ok();
    let [only] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!((&only["id"], &only["running"]), (&json!(first.grant), &json!(false)));
    assert_eq!(
        (&only["made_by"]["name"], &only["ended_by"]),
        (&json!("Somebody no longer here"), &Value::Null)
    );
    let acts = format!("/api/v1/support-grants/{}/acts", second.grant);
    assert_eq!(admin.get(&acts).await.status, NOT_FOUND);
    let left = installation
        .rows("SELECT 1 FROM support_grants WHERE person_id NOT IN (SELECT person_id FROM people)", vec![]);
    assert!(left.await.is_empty());
    clean(&installation).await;
}

#[tokio::test]
async fn a_grant_of_a_team_lends_what_is_about_who_works_in_it() {
    let Scene { installation, admin, site, .. } = scene().await;
    let people = admin.get("/api/v1/people").await.ok();
    let member = people["items"].as_array().unwrap().iter().find(|one| one["role"] == "member").unwrap();
    let id = text(&member["id"]);
    let events = snapshot(1_795_000_000_000, 2, "x").to_string();
    let path = format!("/api/v1/sites/{site}/imports?about={id}");
    let about = text(&admin.send("POST", &path, events).await.ok()["recording"]);
    let domain = admin.post("/api/v1/tree", json!({ "kind": "domain", "name": "North" })).await.ok();
    let project = json!({ "kind": "project", "name": "Fair", "parent": domain["id"] });
    let project = admin.post("/api/v1/tree", project).await.ok();
    let team = json!({ "kind": "team", "name": "Hall", "parent": project["id"] });
    let team = admin.post("/api/v1/tree", team).await.ok();
    let supporter = let_in(&installation, &admin, "rae@outside.example", json!({ "node": team["id"] })).await;
    assert!(listed(&supporter.caller).await.is_empty());
    let join = json!({ "team": team["id"] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{id}/team"), join).await.ok();
    assert_eq!(listed(&supporter.caller).await, std::slice::from_ref(&about));
    assert_eq!(play(&supporter.caller, &about).await.status, StatusCode::CREATED);
    supporter.end(&admin).await;

    // A domain lends what its projects have, and nothing of others.
    let asked = json!({ "person": supporter.person, "rights": WATCH, "reason": "r", "node": domain["id"] });
    admin.post("/api/v1/support-grants", asked).await.ok();
    assert!(listed(&supporter.caller).await.is_empty());
    let (moved, to): (RecordingId, ProjectId) =
        (about.parse().unwrap(), project["id"].as_str().unwrap().parse().unwrap());
    let sql = "UPDATE recordings SET project_id = $2 WHERE recording_id = $1";
    installation.execute(sql, vec![moved.into(), to.into()]).await;
    assert_eq!(listed(&supporter.caller).await, std::slice::from_ref(&about));
    let list = admin.get("/api/v1/support-grants?running=true").await.ok();
    assert_eq!(list["items"][0]["node"]["name"], "North");
}

#[tokio::test]
async fn whoever_let_somebody_in_is_no_second_person_to_them() {
    let Scene { installation, admin, recording, .. } = scene().await;
    let said = admin.clone().with("if-match", "\"0\"");
    said.send("PUT", "/api/v1/settings/view.four_eyes", json!({ "value": true }).to_string()).await.ok();
    let rights = json!({ "rights": [WATCH[0], WATCH[1], WATCH[2], "view.ask"] });
    let rae = let_in(&installation, &admin, "rae@vendor.example", rights).await;
    let asked = json!({ "reason": "ticket 4711" });
    let view = rae.caller.post(&format!("/api/v1/recordings/{recording}/views"), asked).await.ok();
    let answer = format!("/api/v1/views/{}/answer", text(&view["id"]));
    let refused = admin.post(&answer, json!({ "answer": "allowed" })).await;
    assert_eq!((refused.status, refused.problem()), (FORBIDDEN, "own-view"), "{}", refused.json);
    assert_ne!(play(&rae.caller, &recording).await.status, StatusCode::CREATED);
}
