//! Settings over the API: what is said holds at once and everywhere, is kept with who and why, and cannot be altered
//! unnoticed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::Target;
use clerestory_model::{OrganisationId, ProjectId};
use clerestory_sql::{Lane, SqlError, Value as Sql};
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const REASON: &str = "a works council asked for it";
const REASONS: &str = "view.reason_required";
const DELETING: &str = "allow.recording.delete.manager";

/// Comes in by a link: where settings cannot be read, a password alone is not enough.
async fn by_link(installation: &Installation, email: &'static str) -> Caller {
    let token = installation.link(email).await;
    let answer = installation.anonymous().post("/api/v1/session/link", json!({ "token": token })).await;
    installation.anonymous().in_session_of(&answer)
}

async fn admin(installation: &Installation) -> Caller {
    let admin = by_link(installation, "admin@example.org").await;
    admin.post("/api/v1/session/step-up", json!({ "password": "high windows, all lit" })).await;
    admin
}

async fn version(caller: &Caller) -> u64 {
    caller.get("/api/v1/settings").await.ok()["version"].as_u64().unwrap()
}

async fn put(caller: &Caller, name: &str, based_on: u64, asked: Value) -> Answer {
    let caller = caller.clone().with("if-match", format!("\"{based_on}\""));
    caller.send("PUT", &format!("/api/v1/settings/{name}"), asked.to_string()).await
}

async fn say(caller: &Caller, name: &str, asked: Value) -> Answer {
    put(caller, name, version(caller).await, asked).await
}

async fn item(caller: &Caller, name: &str, node: &str) -> Value {
    let path = if node.is_empty() { String::new() } else { format!("?node={node}") };
    let list = caller.get(&format!("/api/v1/settings{path}")).await.ok();
    list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
}

async fn project(installation: &Installation, organisation: OrganisationId) -> String {
    let found: Result<ProjectId, SqlError> = installation
        .app
        .database
        .read(move |tx| {
            Box::pin(async move {
                clerestory_store::organisations::first_project(tx, organisation).await.map(Option::unwrap)
            })
        })
        .await;
    found.unwrap().to_string()
}

async fn recording(installation: &Installation, admin: &Caller) -> String {
    let site = installation.site(admin).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    visit.recording
}

async fn play(caller: &Caller, recording: &str, reason: Option<&str>) -> Answer {
    caller.post(&format!("/api/v1/recordings/{recording}/plays"), json!({ "reason": reason })).await
}

/// Changes rows by hand.
async fn by_hand(installation: &Installation, sql: &'static str, values: Vec<Sql>) {
    let done: Result<u64, SqlError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { tx.execute(sql, &values).await }))
        .await;
    assert!(done.unwrap() > 0, "{sql}: no row was changed");
}

async fn replay(installation: &Installation) -> Vec<String> {
    installation.app.replay_authority().await.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_is_said_holds_at_once_and_says_who_when_and_why() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let recording = recording(&installation, &admin).await;
    play(&admin, &recording, None).await.ok();
    let before = item(&admin, REASONS, "").await;
    assert_eq!((&before["value"], &before["steps"]), (&json!(false), &json!([])));
    let said = say(&admin, REASONS, json!({ "value": true, "lock": "floor", "reason": REASON })).await.ok();
    assert_eq!(said["version"], 1);
    let refused = play(&admin, &recording, None).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "reason-required"));
    play(&installation.person("manager").await, &recording, Some("a complaint")).await.ok();
    let after = item(&admin, REASONS, "").await;
    assert_eq!((&after["value"], &after["doubtful"]), (&json!(true), &json!(false)));
    let [step] = after["steps"].as_array().unwrap().as_slice() else { panic!("{after}") };
    assert_eq!(
        (&step["reason"], &step["lock"], &step["outcome"]),
        (&json!(REASON), &json!("floor"), &json!("holds"))
    );
    assert_eq!((&step["set_by"]["name"], &step["version"]), (&json!("admin"), &json!(1)));
    assert_eq!(step["set_at"], installation.now().to_string());
    say(&admin, REASONS, json!({ "value": null })).await.ok();
    play(&admin, &recording, None).await.ok();
    assert_eq!(replay(&installation).await, Vec::<String>::new());
}

/// Whoever may not watch is told so, and not that a reason is asked for.
#[tokio::test]
async fn a_reason_is_asked_only_of_those_who_may_watch() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let recording = recording(&installation, &admin).await;
    say(&admin, REASONS, json!({ "value": true })).await.ok();
    for who in ["member", "stranger"] {
        let answer = play(&installation.person(who).await, &recording, None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{who}: {}", answer.json);
    }
}

#[tokio::test]
async fn those_below_may_be_stricter_and_not_looser() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let recording = recording(&installation, &admin).await;
    let project = project(&installation, installation.organisation).await;
    say(&admin, REASONS, json!({ "node": project, "value": true })).await.ok();
    assert_eq!(item(&admin, REASONS, "").await["value"], false);
    assert_eq!(item(&admin, REASONS, &project).await["value"], true);
    assert_eq!(play(&admin, &recording, None).await.problem(), "reason-required");
    say(&admin, REASONS, json!({ "value": true, "lock": "floor" })).await.ok();
    let refused = say(&admin, REASONS, json!({ "node": project, "value": false })).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "setting-locked"));
    say(&admin, REASONS, json!({ "value": true })).await.ok();
    say(&admin, REASONS, json!({ "node": project, "value": false })).await.ok();
    let shown = item(&admin, REASONS, &project).await;
    assert_eq!((&shown["value"], &shown["steps"][1]["outcome"]), (&json!(true), &json!("merged")));
}

/// A right that the matrix leaves to each organisation, on two nodes of which only one is told.
#[tokio::test]
async fn what_one_node_is_told_holds_on_the_other_at_the_next_decision() {
    let server = AnyServer::get().await;
    let one = Installation::over(Some(new_schema(server.address()).await)).await;
    let two = one.another_node().await;
    let (admin, manager) = (admin(&one).await, two.person("manager").await);
    for on in [true, false, true] {
        assert_eq!(may_delete(&manager).await, !on);
        say(&admin, DELETING, json!({ "value": on })).await.ok();
        assert_eq!(may_delete(&manager).await, on);
    }
    assert_eq!(version(&admin.through(&two)).await, 3);
    assert_eq!(replay(&one).await, Vec::<String>::new());
}

#[tokio::test]
async fn of_two_who_change_at_once_one_is_told() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let (one, two) = tokio::join!(
        put(&admin, REASONS, 0, json!({ "value": true })),
        put(&admin, DELETING, 0, json!({ "value": true }))
    );
    let mut both = [one.status, two.status];
    both.sort();
    assert_eq!(both, [StatusCode::OK, StatusCode::PRECONDITION_FAILED]);
    let unversioned = admin.send("PUT", &format!("/api/v1/settings/{DELETING}"), r#"{"value":true}"#).await;
    assert_eq!((unversioned.status.as_u16(), unversioned.problem()), (428, "version-required"));
    let reasons = item(&admin, REASONS, "").await["value"].clone();
    let name = if reasons == json!(true) { REASONS } else { DELETING };
    let same = say(&admin, name, json!({ "value": true })).await;
    assert_eq!(same.ok()["version"], 1, "what is said already is no new version");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let own = project(&installation, installation.organisation).await;
    let foreign = project(&installation, installation.other).await;
    for (name, asked, status, words) in [
        (REASONS, json!({ "value": "yes" }), 422, "it must be true or false"),
        (REASONS, json!({}), 422, "missing field `value`"),
        (REASONS, json!({ "value": true, "lock": "ceiling" }), 422, "the only lock it takes is `floor`"),
        (REASONS, json!({ "value": true, "lock": "shut" }), 422, "none, floor, ceiling or fixed"),
        (REASONS, json!({ "value": true, "node": foreign }), 404, "nothing under this address"),
        (REASONS, json!({ "value": true, "node": "prj_1" }), 422, "the id of an organisation"),
        (DELETING, json!({ "value": true, "node": own }), 422, "it is said for organisation"),
        ("capture.policy.max_age", json!({ "value": "P1M" }), 422, "without months or years"),
        ("capture.policy.max_age", json!({ "value": "PT1S" }), 422, "a duration from PT2H to P7D"),
        ("view.everything", json!({ "value": true }), 404, "nothing under this address"),
    ] {
        let answer = say(&admin, name, asked.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{asked}: {}", answer.json);
        assert!(answer.json["detail"].as_str().unwrap().contains(words), "{asked}: {}", answer.json);
    }
    assert_eq!(version(&admin).await, 0);
}

#[tokio::test]
async fn what_was_said_before_is_shown_compared_and_brought_back() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let project = project(&installation, installation.organisation).await;
    say(&admin, DELETING, json!({ "value": true, "reason": REASON })).await.ok();
    say(&admin, REASONS, json!({ "value": true, "node": project })).await.ok();
    say(&admin, DELETING, json!({ "value": null })).await.ok();
    say(&admin, REASONS, json!({ "value": false, "node": project })).await.ok();
    let history = admin.get(&format!("/api/v1/settings/{DELETING}/history")).await.ok();
    let items = history["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| item["version"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 1]);
    assert_eq!((&items[0]["value"], &items[1]["value"]), (&Value::Null, &json!(true)));
    assert_eq!((&items[1]["reason"], &items[1]["set_by"]["name"]), (&json!(REASON), &json!("admin")));
    let changes = admin.get("/api/v1/settings/changes?from=2&to=4").await.ok();
    let changed: Vec<_> = changes["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["name"].as_str().unwrap(), item["before"].clone(), item["after"].clone()))
        .collect();
    assert_eq!(changed, [(DELETING, json!(true), Value::Null), (REASONS, json!(true), json!(false))]);
    let back = admin
        .clone()
        .with("if-match", "\"4\"")
        .post("/api/v1/settings/rollback", json!({ "version": 2 }))
        .await;
    assert_eq!(back.ok()["version"], 6);
    assert_eq!(item(&admin, DELETING, "").await["value"], true);
    assert_eq!(item(&admin, REASONS, &project).await["value"], true);
    let same = admin.get("/api/v1/settings/changes?from=2").await.ok();
    assert_eq!((&same["to"], &same["items"]), (&json!(6), &json!([])));
    assert_eq!(replay(&installation).await, Vec::<String>::new());
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    assert_eq!((version(&admin).await, &item(&admin, DELETING, "").await["value"]), (6, &json!(true)));
}

#[tokio::test]
async fn a_change_is_thought_through_before_it_is_made() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let project = project(&installation, installation.organisation).await;
    let check = async |asked: Value| admin.post("/api/v1/settings/check", asked).await;
    let found = check(json!({ "name": REASONS, "value": true })).await.ok();
    assert_eq!(found["loosens"], false);
    let places: Vec<&str> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["place"]["level"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["organisation", "project"]);
    assert_eq!(version(&admin).await, 0);
    say(&admin, REASONS, json!({ "value": true, "lock": "floor" })).await.ok();
    let locked = check(json!({ "name": REASONS, "value": false, "node": project })).await;
    assert_eq!(locked.problem(), "setting-locked");
    let looser = check(json!({ "name": REASONS, "value": null })).await.ok();
    assert_eq!((&looser["loosens"], &looser["items"][0]["after"]), (&json!(true), &json!(false)));
}

/// A domain with a project with a team in which the member works.
async fn grown(admin: &Caller, member: &Caller) -> [String; 4] {
    let add = async |kind: &str, parent: Option<&str>| {
        let asked = json!({ "kind": kind, "name": "North", "parent": parent });
        admin.post("/api/v1/tree", asked).await.ok()["id"].as_str().unwrap().to_owned()
    };
    let domain = add("domain", None).await;
    let project = add("project", Some(&domain)).await;
    let team = add("team", Some(&project)).await;
    let person = member.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned();
    let asked = json!({ "team": team }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{person}/team"), asked).await.ok();
    [domain, project, team, person]
}

#[tokio::test]
async fn what_is_said_for_a_domain_holds_for_everybody_below_it() {
    let installation = Installation::new().await;
    let (admin, member) = (admin(&installation).await, installation.person("member").await);
    let [domain, project, team, person] = grown(&admin, &member).await;
    say(&admin, REASONS, json!({ "node": domain, "value": true })).await.ok();
    say(&admin, REASONS, json!({ "node": team, "value": false })).await.ok();
    for node in [&domain, &project, &team, &person] {
        let shown = item(&admin, REASONS, node).await;
        assert_eq!(
            (&shown["value"], &shown["steps"][0]["place"]["id"]),
            (&json!(true), &json!(domain)),
            "{node}"
        );
    }
    assert_eq!(item(&admin, REASONS, "").await["value"], false);
    let own = item(&member, REASONS, &person).await;
    assert_eq!(own["steps"][1]["place"], json!({ "level": "team", "id": team }));
    assert_eq!(replay(&installation).await, Vec::<String>::new());
}

/// Where members see their own is said by the nearest node they work below, and holds in lists as in decisions.
#[tokio::test]
async fn what_a_team_says_of_seeing_ones_own_holds_for_those_who_work_in_it() {
    const OWN: &str = "member.view_own";
    let installation = Installation::new().await;
    let (admin, member) = (admin(&installation).await, installation.person("member").await);
    let [domain, _, team, person] = grown(&admin, &member).await;
    let site = installation.site(&admin).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let path = format!("/api/v1/sites/{}/imports?about={person}", site["id"].as_str().unwrap());
    let brought = admin.send("POST", &path, snapshot(now, 1, "x").to_string()).await.ok();
    let recording = brought["recording"].as_str().unwrap();
    let sees = async || {
        let listed = member.get("/api/v1/recordings").await;
        let listed = listed.status.is_success() && listed.json["items"].as_array().unwrap().len() == 1;
        let read = member.get(&format!("/api/v1/recordings/{recording}")).await.status.is_success();
        let session = member.get("/api/v1/session").await.ok();
        let offered = session["allowed"].as_array().unwrap().contains(&json!("recording.play"));
        assert_eq!((listed, read), (offered, offered));
        offered
    };
    assert!(sees().await);
    for (node, value, seen) in
        [(&team, json!(false), false), (&domain, json!(true), false), (&team, Value::Null, true)]
    {
        say(&admin, OWN, json!({ "node": node, "value": value })).await.ok();
        assert_eq!(sees().await, seen, "{value}");
    }
    // It goes with the person: whoever leaves the domain is under what the organisation says.
    say(&admin, OWN, json!({ "value": false })).await.ok();
    assert!(sees().await);
    let path = format!("/api/v1/people/{person}/team");
    admin.send("PUT", &path, json!({ "team": null }).to_string()).await.ok();
    assert!(!sees().await);
}

#[tokio::test]
async fn a_move_is_thought_through_before_it_is_made() {
    let installation = Installation::new().await;
    let (admin, member) = (admin(&installation).await, installation.person("member").await);
    let [domain, project, team, person] = grown(&admin, &member).await;
    let elsewhere = self::project(&installation, installation.organisation).await;
    say(&admin, REASONS, json!({ "node": domain, "value": true })).await.ok();
    let check = async |node: &str, to: Option<&str>| {
        admin.post("/api/v1/settings/check-move", json!({ "node": node, "to": to })).await
    };
    for (node, to) in [(&team, Some(elsewhere.as_str())), (&project, None), (&person, None)] {
        let found = check(node, to).await.ok();
        let first = &found["items"][0];
        assert_eq!(found["loosens"], true, "{found}");
        assert_eq!(
            (&first["place"]["id"], &first["before"], &first["after"]),
            (&json!(node), &json!(true), &json!(false))
        );
    }
    let stays = check(&team, Some(&project)).await.ok();
    assert_eq!((&stays["loosens"], &stays["items"]), (&json!(false), &json!([])));
    assert_eq!(check(&team, Some(&domain)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let foreign = self::project(&installation, installation.other).await;
    assert_eq!(check(&team, Some(&foreign)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(item(&admin, REASONS, &team).await["value"], true, "nothing was moved");
}

#[tokio::test]
async fn people_read_what_holds_for_themselves_and_not_who_said_it() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    say(&admin, REASONS, json!({ "value": true, "reason": REASON })).await.ok();
    let member = installation.person("member").await;
    let id = |caller: Caller| async move {
        caller.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned()
    };
    let own = id(member.clone()).await;
    let shown = item(&member, REASONS, &own).await;
    assert_eq!(
        (&shown["value"], &shown["steps"][0]["place"]["level"]),
        (&json!(true), &json!("organisation"))
    );
    assert_eq!((&shown["steps"][0]["reason"], &shown["steps"][0]["set_by"]), (&Value::Null, &Value::Null));
    assert_eq!(member.get("/api/v1/settings").await.status, StatusCode::FORBIDDEN);
    let other = id(admin.clone()).await;
    assert_eq!(member.get(&format!("/api/v1/settings?node={other}")).await.status, StatusCode::NOT_FOUND);
    let stranger = installation.person("stranger").await;
    assert_eq!(stranger.get(&format!("/api/v1/settings?node={own}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(item(&admin, REASONS, &own).await["value"], true);
}

/// What a row says is damaged in each way somebody with the database could; what is safe holds, and it is told.
#[tokio::test]
async fn a_row_that_was_altered_moved_or_removed_leaves_what_is_safe_and_an_alarm() {
    let swap =
        "UPDATE setting_versions SET value = (SELECT o.value FROM setting_versions o WHERE o.version = 1)
                WHERE version = 3";
    let cut = "UPDATE setting_versions SET value = (SELECT name FROM projects LIMIT 1) WHERE version = 3";
    let renamed =
        "UPDATE setting_versions SET name = 'view.nothing', value = (SELECT name FROM projects LIMIT 1)
                   WHERE version = 3";
    for (sql, rule) in [
        (swap, "it was altered, and does not open"),
        (cut, "it was altered, and does not open"),
        (renamed, "it was altered, and does not open"),
        ("DELETE FROM setting_versions WHERE version = 3", "it is gone"),
    ] {
        let installation = Installation::new().await;
        let admin = admin(&installation).await;
        say(&admin, DELETING, json!({ "value": true })).await.ok();
        say(&admin, REASONS, json!({ "value": false })).await.ok();
        say(&admin, DELETING, json!({ "value": true, "lock": "ceiling" })).await.ok();
        by_hand(&installation, sql, vec![]).await;
        let installation = installation.restarted().await;
        let (admin, manager) =
            (self::admin(&installation).await, by_link(&installation, "manager@example.org").await);
        assert!(!may_delete(&manager).await, "{sql}");
        assert_eq!(item(&admin, DELETING, "").await["doubtful"], true, "{sql}");
        told_of_damage(&installation, &admin, rule).await;
        // Said once more, it holds again.
        say(&admin, DELETING, json!({ "value": false })).await.ok();
        say(&admin, DELETING, json!({ "value": true })).await.ok();
        assert!(may_delete(&manager).await, "{sql}");
        assert_eq!(item(&admin, DELETING, "").await["doubtful"], false, "{sql}");
    }
}

/// Whether a manager may delete recordings of their own, which nobody may until the organisation says so.
async fn may_delete(manager: &Caller) -> bool {
    let session = manager.get("/api/v1/session").await.ok();
    session["allowed"].as_array().unwrap().contains(&json!("recording.delete"))
}

async fn told_of_damage(installation: &Installation, admin: &Caller, rule: &str) {
    installation.app.access.tend_settings(installation.now()).await.unwrap();
    let told = admin.get("/api/v1/audit?action=setting.damaged").await.ok();
    let entries = told["items"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["rule"] == rule && entry["outcome"] == "failed"), "{told}");
    let health = admin.get("/api/v1/health/findings").await.ok();
    let found = health["items"].as_array().unwrap().iter().find(|item| item["id"] == "settings").cloned();
    assert!(found.is_some_and(|finding| finding["sentence"].as_str().unwrap().contains(rule)), "{health}");
    assert!(!replay(installation).await.is_empty());
}

/// A version in the middle is gone: whatever it said is safe now, and what was said after it still holds.
#[tokio::test]
async fn a_hole_in_the_versions_leaves_what_is_safe_of_all_that_was_not_said_since() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    say(&admin, DELETING, json!({ "value": true })).await.ok();
    say(&admin, REASONS, json!({ "value": false })).await.ok();
    say(&admin, DELETING, json!({ "value": true, "lock": "ceiling" })).await.ok();
    by_hand(&installation, "DELETE FROM setting_versions WHERE version = 2", vec![]).await;
    let installation = installation.restarted().await;
    let admin = self::admin(&installation).await;
    let reasons = item(&admin, REASONS, "").await;
    assert_eq!((&reasons["value"], &reasons["doubtful"]), (&json!(true), &json!(true)));
    assert_eq!(item(&admin, DELETING, "").await["value"], true);
    told_of_damage(&installation, &admin, "it is gone").await;
}

/// Columns that lie about a row whose seal is whole: what is sealed counts.
#[tokio::test]
async fn a_row_that_was_renamed_says_what_it_said_and_is_told() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    say(&admin, REASONS, json!({ "value": true })).await.ok();
    by_hand(&installation, "UPDATE setting_versions SET name = 'member.view_own'", vec![]).await;
    let installation = installation.restarted().await;
    let admin = installation.person("admin").await;
    assert_eq!(item(&admin, REASONS, "").await["value"], true);
    let told = installation.app.access.settings().damage(installation.organisation);
    assert_eq!(told.len(), 1);
    let found = replay(&installation).await;
    assert!(found.iter().any(|one| one.contains("name is “member.view_own”")), "{found:?}");
}

#[tokio::test]
async fn neither_values_nor_reasons_lie_in_clear() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    say(&admin, "capture.policy.max_age", json!({ "value": "PT12H34M", "reason": REASON })).await.ok();
    let rows: Result<Vec<Sql>, SqlError> = installation
        .app
        .database
        .read(|tx| {
            Box::pin(async move {
                let rows = tx.query("SELECT value, reason FROM setting_versions", &[]).await?;
                rows.iter().flat_map(|row| [row.get(0), row.get(1)]).collect()
            })
        })
        .await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let Sql::Blob(bytes) = row else { panic!("{row:?}") };
        for clear in [&b"PT12H34M"[..], REASON.as_bytes()] {
            assert!(!bytes.windows(clear.len()).any(|window| window == clear));
        }
    }
}

/// Recorders fetch their policy every minute; the one they get then is followed as long as the organisation says.
#[tokio::test]
async fn recorders_follow_a_policy_as_long_as_the_organisation_says() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    let key = installation.site(&admin).await["site_key"].as_str().unwrap().to_owned();
    let expires = async || {
        let recorder = installation.recorder("https://shop.example");
        let policy = recorder.get(&format!("/api/v1/capture/policy?site_key={key}")).await.ok();
        let time =
            |name: &str| policy[name].as_str().unwrap().parse::<clerestory_model::Timestamp>().unwrap();
        time("expires_at").since(time("issued_at"))
    };
    assert_eq!(expires().await, Duration::from_secs(24 * 3600));
    say(&admin, "capture.policy.max_age", json!({ "value": "PT3H" })).await.ok();
    installation.wait(Duration::from_secs(60));
    assert_eq!(expires().await, Duration::from_secs(3 * 3600));
}

#[tokio::test]
async fn settings_go_with_their_organisation() {
    let installation = Installation::new().await;
    let admin = admin(&installation).await;
    say(&admin, REASONS, json!({ "value": true })).await.ok();
    installation.erase_at_command(installation.organisation, Target::Organisation).await;
    let left: Result<u64, SqlError> = installation
        .app
        .database
        .read(|tx| {
            Box::pin(async move {
                let sql =
                    "SELECT (SELECT count(*) FROM setting_versions) + (SELECT count(*) FROM setting_heads)";
                tx.query_opt(sql, &[]).await?.unwrap().get(0)
            })
        })
        .await;
    assert_eq!(left.unwrap(), 0);
    assert_eq!(replay(&installation).await, Vec::<String>::new());
    installation.app.access.tend_settings(installation.now()).await.unwrap();
}
