//! People, over the API: who is asked to come, what they may do, to whom they report, and whom that lets them see.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::PersonId;
use clerestory_settings::tree::{Level, Node};
use clerestory_sql::{Lane, SqlError};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const PASSWORD: &str = "clear glass above the aisle";

/// The secret in the link that an invitation shows.
fn secret(invited: &Value) -> String {
    invited["link"].as_str().unwrap().split_once("/join#token=").unwrap().1.to_owned()
}

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_owned()
}

/// Takes an invitation up.
async fn accept(installation: &Installation, invited: &Value) -> Answer {
    let asked = json!({ "token": secret(invited), "password": PASSWORD });
    installation.anonymous().post("/api/v1/session/invitation", asked).await
}

/// Somebody whom the Admin invited and who came.
async fn newcomer(installation: &Installation, admin: &Caller, name: &str, role: &str) -> (String, Caller) {
    let email = format!("{}@fernwick.example", name.to_lowercase());
    let asked = json!({ "name": name, "email": email, "role": role });
    let invited = admin.post("/api/v1/people", asked).await.ok();
    accept(installation, &invited).await.ok();
    (id(&invited["person"]), installation.anonymous().sign_in(&email, PASSWORD).await)
}

/// The id of whoever this session is of.
async fn own_id(caller: &Caller) -> String {
    id(&caller.get("/api/v1/session").await.ok()["person"])
}

async fn put(caller: &Caller, path: &str, body: Value) -> Answer {
    caller.send("PUT", path, body.to_string()).await
}

async fn report_to(admin: &Caller, person: &str, manager: Option<&str>) -> Answer {
    put(admin, &format!("/api/v1/people/{person}/manager"), json!({ "manager": manager })).await
}

/// A recording about somebody of the organisation.
async fn about(admin: &Caller, site: &Value, person: &str) -> String {
    admin.prove("high windows, all lit").await;
    let events = snapshot(1_795_000_000_000, 2, "x").to_string();
    let path = format!("/api/v1/sites/{}/imports?about={person}", site["id"].as_str().unwrap());
    admin.send("POST", &path, events).await.ok()["recording"].as_str().unwrap().to_owned()
}

async fn listed(caller: &Caller) -> Vec<String> {
    let list = caller.get("/api/v1/recordings").await.ok();
    let mut found: Vec<String> = list["items"].as_array().unwrap().iter().map(id).collect();
    found.sort();
    found
}

async fn play(caller: &Caller, recording: &str) -> Answer {
    caller.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await
}

async fn clean(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

/// The story of the whole: asked to come, made Manager of two people only, and seen in what they opened.
#[tokio::test]
async fn a_manager_of_two_people_plays_what_is_about_them_and_the_admin_sees_exactly_that() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let (mara, manager) = newcomer(&installation, &admin, "Mara", "manager").await;
    let mut reports = Vec::new();
    for name in ["Ada", "Ben"] {
        let (person, _) = newcomer(&installation, &admin, name, "member").await;
        assert_eq!(report_to(&admin, &person, Some(&mara)).await.ok()["manager"], mara.as_str());
        reports.push(about(&admin, &site, &person).await);
    }
    reports.sort();
    let (third, cleo) = newcomer(&installation, &admin, "Cleo", "member").await;
    let other = about(&admin, &site, &third).await;

    assert_eq!(listed(&manager).await, reports);
    for recording in &reports {
        assert_eq!(play(&manager, recording).await.status, StatusCode::CREATED);
    }
    assert_eq!(play(&manager, &other).await.status, StatusCode::NOT_FOUND);
    assert_eq!(manager.get(&format!("/api/v1/recordings/{other}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&cleo).await, std::slice::from_ref(&other));
    assert_eq!(play(&cleo, &reports[0]).await.status, StatusCode::NOT_FOUND);

    let told = admin.get("/api/v1/audit?action=recording.play").await.ok();
    let by_mara =
        told["items"].as_array().unwrap().iter().filter(|item| item["actor"]["id"] == mara.as_str());
    let mut opened = Vec::new();
    for item in by_mara {
        assert_eq!(item["actor"]["name"], "Mara");
        match item["outcome"].as_str().unwrap() {
            "allowed" => opened.push(item["object"]["id"].as_str().unwrap().to_owned()),
            refused => assert_eq!((refused, &item["object"]["id"]), ("refused", &json!(other))),
        }
    }
    opened.sort();
    assert_eq!(opened, reports);
    clean(&installation).await;
}

#[tokio::test]
async fn a_changed_line_holds_at_once_also_for_what_is_being_watched() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let manager = installation.person("manager").await;
    let person = own_id(&installation.person("member").await).await;
    let recording = about(&admin, &site, &person).await;
    assert_eq!(play(&manager, &recording).await.status, StatusCode::NOT_FOUND);
    report_to(&admin, &person, Some(&own_id(&manager).await)).await.ok();
    let begun = play(&manager, &recording).await.ok();
    let track = begun["tracks"][0]["id"].as_str().unwrap();
    let segment = format!("/api/v1/plays/{}/tracks/{track}/segments/0", begun["id"].as_str().unwrap());
    assert_eq!(manager.get(&segment).await.status, StatusCode::OK);
    report_to(&admin, &person, None).await.ok();
    assert_eq!(manager.get(&segment).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&manager).await, Vec::<String>::new());
    let lines = admin.get(&format!("/api/v1/people/{person}")).await.ok()["reporting_lines"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 1, "{lines}");
    assert!(lines[0]["ended_at"].is_string(), "the line is history: {lines}");
}

/// Visitors are nobody's reports: an organisation lets its managers see their sessions, or does not.
#[tokio::test]
async fn a_visit_is_seen_by_managers_where_the_organisation_says_so_and_not_by_members() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let now = installation.now().unix_millis() as i64;
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    let manager = installation.person("manager").await;
    assert_eq!(listed(&manager).await, Vec::<String>::new());
    assert_eq!(play(&manager, &visit.recording).await.status, StatusCode::NOT_FOUND);
    installation.switch_on(&["manager.scope.visitors"]).await;
    assert_eq!(listed(&manager).await, std::slice::from_ref(&visit.recording));
    assert_eq!(play(&manager, &visit.recording).await.status, StatusCode::CREATED);
    let member = installation.person("member").await;
    assert_eq!(listed(&member).await, Vec::<String>::new());
    assert_eq!(play(&member, &visit.recording).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_line_never_leads_back_to_where_it_begins() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let mut people = Vec::new();
    for who in ["admin", "manager", "member"] {
        people.push(own_id(&installation.person(who).await).await);
    }
    let [top, middle, low] = people.as_slice() else { panic!("{people:?}") };
    report_to(&admin, low, Some(middle)).await.ok();
    report_to(&admin, middle, Some(top)).await.ok();
    let refused = report_to(&admin, top, Some(low)).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "line-in-a-circle"));
    let chain = format!("{top} → {low} → {middle} → {top}");
    assert!(refused.json["detail"].as_str().unwrap().contains(&chain), "{}", refused.json);
    let own = report_to(&admin, top, Some(top)).await;
    assert_eq!(own.problem(), "line-in-a-circle");
    clean(&installation).await;
}

#[tokio::test]
async fn the_last_admin_stays() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let own = own_id(&admin).await;
    let roles = format!("/api/v1/people/{own}/roles");
    let until = (installation.now().plus(Duration::from_secs(3600))).to_string();
    let block = json!({ "ends_at": until, "reason": "holiday" });
    for refused in [
        put(&admin, &roles, json!({ "role": "manager" })).await,
        admin.delete(&format!("/api/v1/people/{own}")).await,
        admin.post(&format!("/api/v1/people/{own}/blocks"), block.clone()).await,
    ] {
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "last-admin"));
    }
    // Who is invited, blocked or deleted runs nothing.
    let asked = json!({ "name": "Second", "email": "second@fernwick.example", "role": "admin" });
    let invited = admin.post("/api/v1/people", asked).await.ok();
    assert_eq!(put(&admin, &roles, json!({ "role": "member" })).await.problem(), "last-admin");
    accept(&installation, &invited).await.ok();
    let second = format!("/api/v1/people/{}", id(&invited["person"]));
    admin.post(&format!("{second}/blocks"), block).await.ok();
    assert_eq!(put(&admin, &roles, json!({ "role": "member" })).await.problem(), "last-admin");
    installation.wait(Duration::from_secs(3601));
    put(&admin, &roles, json!({ "role": "manager", "also": ["admin"] })).await.ok();
    put(&admin, &roles, json!({ "role": "manager" })).await.ok();
    assert_eq!(admin.delete(&second).await.status, StatusCode::NOT_FOUND, "they are Manager now");
    clean(&installation).await;
}

#[tokio::test]
async fn a_further_role_adds_and_a_role_that_is_taken_ends_other_sessions() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let member = installation.person("member").await;
    let person = own_id(&member).await;
    assert_eq!(member.get("/api/v1/tree").await.status, StatusCode::NOT_FOUND);
    let roles = format!("/api/v1/people/{person}/roles");
    put(&admin, &roles, json!({ "role": "member", "also": ["manager"] })).await.ok();
    assert_eq!(
        member.get("/api/v1/session").await.status,
        StatusCode::UNAUTHORIZED,
        "another role, another session"
    );
    let member = installation.person("member").await;
    member.get("/api/v1/tree").await.ok();
    assert_eq!(member.get("/api/v1/holds").await.status, StatusCode::FORBIDDEN);
    put(&admin, &roles, json!({ "role": "member" })).await.ok();
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        put(&installation.person("manager").await, &roles, json!({ "role": "admin" })).await.status,
        StatusCode::NOT_FOUND,
        "who is not in one's scope is not there"
    );
    clean(&installation).await;
}

#[tokio::test]
async fn who_is_blocked_is_refused_until_the_block_ends_by_itself() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let member = installation.person("member").await;
    let person = own_id(&member).await;
    let hour = Duration::from_secs(3600);
    let blocks = format!("/api/v1/people/{person}/blocks");
    let asked = json!({ "ends_at": installation.now().plus(hour).to_string(), "reason": "lost laptop" });
    assert_eq!(admin.post(&blocks, asked.clone()).await.ok()["state"], "suspended");
    for _ in 0..2 {
        let refused = member.get("/api/v1/session").await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "blocked"));
    }
    let credentials = json!({ "email": "member@example.org", "password": "high windows, all lit" });
    let refused = installation.anonymous().post("/api/v1/session", credentials).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "blocked"));
    let suspended = admin.get("/api/v1/people?state=suspended").await.ok();
    assert_eq!(
        suspended["items"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(),
        std::slice::from_ref(&person)
    );
    let details = admin.get(&format!("/api/v1/people/{person}")).await.ok();
    assert_eq!(details["blocks"][0]["reason"], "lost laptop");
    installation.wait(hour);
    member.get("/api/v1/session").await.ok();
    clean(&installation).await;

    // One session alone, and lifted before its time.
    let other = installation.person("member").await;
    let sessions = other.get("/api/v1/sessions").await.ok();
    let current = sessions["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap();
    let asked = json!({ "ends_at": installation.now().plus(hour).to_string(), "reason": "shared screen",
        "session": current["id"] });
    admin.post(&blocks, asked).await.ok();
    assert_eq!(other.get("/api/v1/session").await.problem(), "blocked");
    member.get("/api/v1/session").await.ok();
    let details = admin.get(&format!("/api/v1/people/{person}")).await.ok();
    admin.delete(&format!("{blocks}/{}", id(&details["blocks"][0]))).await.ok();
    other.get("/api/v1/session").await.ok();
    let late = json!({ "ends_at": installation.now().to_string(), "reason": "x" });
    assert_eq!(admin.post(&blocks, late).await.problem(), "does-not-fit");
    clean(&installation).await;
}

/// The operator may keep a whole organisation out; others do not notice.
#[tokio::test]
async fn a_blocked_organisation_is_refused_until_the_block_ends_by_itself() {
    let installation = Installation::new().await;
    let (admin, stranger) = (installation.person("admin").await, installation.person("stranger").await);
    let (identity, at) = (installation.app.identity.clone(), installation.now());
    let (organisation, until) = (installation.organisation, Some(at.plus(Duration::from_secs(600))));
    installation.app.vault.hold_lease().await.unwrap();
    let blocked: Result<(), clerestory_identity::IdentityError> = installation
        .app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move { identity.block_organisation(tx, organisation, until, "unpaid", at).await })
        })
        .await;
    blocked.unwrap();
    assert_eq!(admin.get("/api/v1/session").await.problem(), "blocked");
    stranger.get("/api/v1/session").await.ok();
    clean(&installation).await;
    installation.wait(Duration::from_secs(600));
    admin.get("/api/v1/session").await.ok();
}

#[tokio::test]
async fn who_is_soft_deleted_is_nobody_until_they_are_restored_as_they_were() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let site = installation.site(&admin).await;
    let manager = installation.person("manager").await;
    let member = installation.person("member").await;
    let person = own_id(&member).await;
    let recording = about(&admin, &site, &person).await;
    report_to(&admin, &person, Some(&own_id(&manager).await)).await.ok();
    let path = format!("/api/v1/people/{person}");
    assert_eq!(admin.delete(&path).await.ok()["state"], "soft_deleted");
    assert_eq!(member.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let credentials = json!({ "email": "member@example.org", "password": "high windows, all lit" });
    let refused = installation.anonymous().post("/api/v1/session", credentials).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));
    assert_eq!(admin.delete(&path).await.problem(), "not-in-this-state");
    let restored = admin.post(&format!("{path}/restore"), json!({})).await.ok();
    assert_eq!((&restored["id"], &restored["state"]), (&json!(person), &json!("active")));
    let member = installation.person("member").await;
    assert_eq!(listed(&member).await, std::slice::from_ref(&recording));
    assert_eq!(listed(&manager).await, [recording]);
    clean(&installation).await;
}

#[tokio::test]
async fn an_invitation_works_once_for_a_week_and_the_newest_only() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let asked = json!({ "name": "Dora", "email": "dora@fernwick.example", "role": "member" });
    let first = admin.post("/api/v1/people", asked.clone()).await.ok();
    assert_eq!(first["person"]["state"], "invited");
    assert_eq!(admin.post("/api/v1/people", asked).await.problem(), "address-taken");
    let again = format!("/api/v1/people/{}/invitation", id(&first["person"]));
    let second = admin.post(&again, json!({})).await.ok();
    let short = json!({ "token": secret(&second), "password": "short" });
    let refused = installation.anonymous().post("/api/v1/session/invitation", short).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(accept(&installation, &first).await.problem(), "sign-in-refused");
    installation.wait(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(accept(&installation, &second).await.problem(), "sign-in-refused");
    let admin = installation.person("admin").await;
    let third = admin.post(&again, json!({})).await.ok();
    let session = accept(&installation, &third).await.ok();
    assert_eq!(session["person"]["name"], "Dora");
    assert_eq!(accept(&installation, &third).await.problem(), "sign-in-refused");
    assert_eq!(admin.post(&again, json!({})).await.problem(), "not-in-this-state");
    installation.anonymous().sign_in("dora@fernwick.example", PASSWORD).await;
    clean(&installation).await;
}

/// Whether somebody has an account in another organisation is not to be found out by inviting them.
#[tokio::test]
async fn inviting_an_address_of_another_organisation_looks_like_inviting_any() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let invite = async |email: &str| {
        let asked = json!({ "name": "Somebody", "email": email, "role": "member" });
        admin.post("/api/v1/people", asked).await
    };
    let (taken, free) = (invite("Stranger@example.org").await, invite("free@example.org").await);
    let shape = |answer: &Answer| {
        let fields: Vec<String> = answer.json.as_object().unwrap().keys().cloned().collect();
        (answer.status, answer.json["person"]["state"].clone(), fields)
    };
    assert_eq!(shape(&taken), shape(&free));
    // Who has the link learns no more than that it does not work.
    let refused = accept(&installation, &taken.json).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));
    accept(&installation, &free.json).await.ok();
    installation.person("stranger").await.get("/api/v1/session").await.ok();
    clean(&installation).await;
}

#[tokio::test]
async fn nothing_of_another_organisation_is_seen_named_or_changed() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let stranger = installation.person("stranger").await;
    let (own, theirs) = (own_id(&admin).await, own_id(&stranger).await);
    let site = installation.site(&admin).await;
    let path = format!("/api/v1/people/{own}");
    let until = installation.now().plus(Duration::from_secs(60)).to_string();
    for refused in [
        stranger.get(&path).await,
        stranger.delete(&path).await,
        put(&stranger, &format!("{path}/roles"), json!({ "role": "member" })).await,
        put(&stranger, &format!("{path}/manager"), json!({ "manager": null })).await,
        put(&stranger, &format!("{path}/team"), json!({ "team": null })).await,
        stranger.post(&format!("{path}/blocks"), json!({ "ends_at": until, "reason": "x" })).await,
    ] {
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.json);
    }
    let tree = stranger.get("/api/v1/tree").await.ok();
    let project = id(&tree["items"][0]);
    let team =
        stranger.post("/api/v1/tree", json!({ "kind": "team", "name": "T", "parent": project })).await.ok();
    for refused in [
        report_to(&admin, &own, Some(&theirs)).await,
        put(&admin, &format!("{path}/team"), json!({ "team": team["id"] })).await,
        admin.post("/api/v1/tree", json!({ "kind": "team", "name": "T", "parent": project })).await,
        admin
            .send(
                "POST",
                &format!("/api/v1/sites/{}/imports?about={theirs}", site["id"].as_str().unwrap()),
                snapshot(1_795_000_000_000, 1, "x").to_string(),
            )
            .await,
    ] {
        assert_eq!((refused.status, refused.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "does-not-fit"));
    }
    let node = format!("/api/v1/tree/{}", id(&team));
    assert_eq!(admin.delete(&node).await.status, StatusCode::NOT_FOUND);
    let listed = stranger.get("/api/v1/people").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(), [theirs]);
}

#[tokio::test]
async fn each_sees_the_people_of_their_scope() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let manager = installation.person("manager").await;
    let member = installation.person("member").await;
    let (own, report) = (own_id(&manager).await, own_id(&member).await);
    let names = async |caller: &Caller, query: &str| -> Vec<String> {
        let list = caller.get(&format!("/api/v1/people{query}")).await.ok();
        let mut names: Vec<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&admin, "").await, ["admin", "manager", "member"]);
    assert_eq!(names(&manager, "").await, ["manager"]);
    assert_eq!(names(&member, "").await, ["member"]);
    assert_eq!(manager.get(&format!("/api/v1/people/{report}")).await.status, StatusCode::NOT_FOUND);
    report_to(&admin, &report, Some(&own)).await.ok();
    assert_eq!(names(&manager, "").await, ["manager", "member"]);
    assert_eq!(names(&admin, &format!("?manager={own}")).await, ["member"]);
    assert_eq!(names(&admin, "?role=admin").await, ["admin"]);
    manager.get(&format!("/api/v1/people/{report}")).await.ok();
    assert_eq!(member.get(&format!("/api/v1/people/{own}")).await.status, StatusCode::NOT_FOUND);
    let first = admin.get("/api/v1/people?limit=2").await.ok();
    let rest = names(&admin, &format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((first["items"].as_array().unwrap().len(), rest.len()), (2, 1));
}

#[tokio::test]
async fn the_tree_is_built_renamed_moved_and_taken_down_when_it_is_empty() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let add = async |kind: &str, name: &str, parent: Option<&str>| {
        admin.post("/api/v1/tree", json!({ "kind": kind, "name": name, "parent": parent })).await
    };
    let north = id(&add("domain", "North", None).await.ok());
    let south = id(&add("domain", "South", None).await.ok());
    let web = id(&add("project", "Web", Some(&north)).await.ok());
    let desk = id(&add("team", "Desk", Some(&web)).await.ok());
    for wrong in [
        add("domain", "Lost", Some(&north)).await,
        add("team", "Lost", Some(&north)).await,
        add("team", "Lost", None).await,
        add("project", "Lost", Some(&web)).await,
    ] {
        assert_eq!(wrong.problem(), "does-not-fit", "{}", wrong.json);
    }
    let member = own_id(&installation.person("member").await).await;
    put(&admin, &format!("/api/v1/people/{member}/team"), json!({ "team": desk })).await.ok();
    let path = |node: &str| format!("/api/v1/tree/{node}");
    for full in [&north, &web, &desk] {
        let refused = admin.delete(&path(full)).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "not-empty"));
    }
    let change = json!({ "name": "Web shop", "parent": south }).to_string();
    let changed = admin.send("PATCH", &path(&web), change).await.ok();
    assert_eq!((&changed["name"], &changed["parent"]), (&json!("Web shop"), &json!(south)));
    assert_eq!(
        admin.send("PATCH", &path(&web), json!({ "parent": null }).to_string()).await.ok()["parent"],
        Value::Null
    );
    put(&admin, &format!("/api/v1/people/{member}/team"), json!({ "team": null })).await.ok();
    for empty in [&desk, &web, &south, &north] {
        assert_eq!(admin.delete(&path(empty)).await.status, StatusCode::NO_CONTENT);
    }
    let tree = installation.person("manager").await.get("/api/v1/tree").await.ok();
    let names: Vec<&str> =
        tree["items"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["General"], "where new sites go stays");
    assert_eq!(admin.delete(&path(tree["items"][0]["id"].as_str().unwrap())).await.problem(), "does-not-fit");
    clean(&installation).await;
}

/// What is said at a domain holds for who works below it, until they or their project move.
#[tokio::test]
async fn settings_follow_people_through_the_tree() {
    let installation = Installation::new().await;
    let organisation = installation.organisation;
    let admin = installation.person("admin").await;
    let add = async |kind: &str, parent: Option<&str>| {
        let asked = json!({ "kind": kind, "name": kind, "parent": parent });
        id(&admin.post("/api/v1/tree", asked).await.ok())
    };
    let domain = add("domain", None).await;
    let project = add("project", Some(&domain)).await;
    let team = add("team", Some(&project)).await;
    let person = own_id(&installation.person("member").await).await;
    let chain = async || -> Vec<Level> {
        let node = Node { level: Level::User, id: *person.parse::<PersonId>().unwrap().as_bytes() };
        let found = installation.app.database.read(move |tx| {
            Box::pin(async move { clerestory_store::settings::chain(tx, organisation, node).await })
        });
        let found: Result<Option<Vec<Node>>, SqlError> = found.await;
        found.unwrap().unwrap().iter().map(|node| node.level).collect()
    };
    use Level::{Deployment, Domain, Organisation, Project, Team, User};
    assert_eq!(chain().await, [Deployment, Organisation, User]);
    put(&admin, &format!("/api/v1/people/{person}/team"), json!({ "team": team })).await.ok();
    assert_eq!(chain().await, [Deployment, Organisation, Domain, Project, Team, User]);
    let out = json!({ "parent": null }).to_string();
    admin.send("PATCH", &format!("/api/v1/tree/{project}"), out).await.ok();
    assert_eq!(chain().await, [Deployment, Organisation, Project, Team, User]);
}
