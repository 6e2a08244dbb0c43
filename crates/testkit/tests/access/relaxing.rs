//! Whoever lets settings protect less proves who they are, wherever they say so: for the organisation, for a part of it, or by
//! moving somebody or something to where less protects them.

use axum::http::StatusCode;
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const FOUR_EYES: &str = "view.four_eyes";

async fn say(caller: &Caller, node: &str, value: Value) -> Answer {
    let seen = caller.get("/api/v1/settings").await.ok()["version"].clone();
    let caller = caller.clone().with("if-match", format!("\"{seen}\""));
    let asked = json!({ "value": value, "node": node });
    caller.send("PUT", &format!("/api/v1/settings/{FOUR_EYES}"), asked.to_string()).await
}

async fn add(admin: &Caller, kind: &str, parent: Value) -> String {
    let made = admin.post("/api/v1/tree", json!({ "kind": kind, "name": kind, "parent": parent })).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

async fn hang(caller: &Caller, node: &str, parent: Value) -> Answer {
    caller.send("PATCH", &format!("/api/v1/tree/{node}"), json!({ "parent": parent }).to_string()).await
}

fn asks(answer: &Answer) -> bool {
    answer.status == StatusCode::FORBIDDEN && answer.problem() == "step-up-required"
}

#[tokio::test]
async fn four_eyes_are_not_turned_off_at_a_team_without_a_proof() {
    let installation = Installation::new().await;
    let (proven, admin) = (installation.proven("admin").await, installation.person("admin").await);
    let project = add(&admin, "project", Value::Null).await;
    let team = add(&admin, "team", json!(project)).await;
    for node in [&project, &team] {
        say(&admin, node, json!(true)).await.ok();
        for relaxed in [json!(null), json!(false)] {
            assert!(asks(&say(&admin, node, relaxed).await), "{node}");
        }
        let told = admin.get("/api/v1/audit?action=setting.relax&outcome=refused").await.ok();
        assert!(!told["items"].as_array().unwrap().is_empty());
        say(&proven, node, json!(null)).await.ok();
        // What protects no less is said without.
        say(&admin, node, json!(false)).await.ok();
        say(&admin, node, json!(null)).await.ok();
    }
}

#[tokio::test]
async fn nothing_is_moved_to_where_less_protects_it_without_a_proof() {
    let installation = Installation::new().await;
    let (proven, admin) = (installation.proven("admin").await, installation.person("admin").await);
    let strict = add(&admin, "domain", Value::Null).await;
    say(&admin, &strict, json!(true)).await.ok();
    let project = add(&admin, "project", Value::Null).await;
    let team = add(&admin, "team", json!(project)).await;
    // To where more protects it, and then back.
    hang(&admin, &project, json!(strict)).await.ok();
    assert!(asks(&hang(&admin, &project, Value::Null).await));
    let tree = admin.get("/api/v1/tree").await.ok();
    let hangs = tree["items"].as_array().unwrap().iter().find(|node| node["id"] == project.as_str()).unwrap();
    assert_eq!(hangs["parent"], strict.as_str(), "nothing was moved");
    let manager = installation.proven("manager").await;
    let refused = hang(&manager, &project, Value::Null).await;
    assert!(refused.status == StatusCode::FORBIDDEN && !asks(&refused), "whoever may not is told so");

    let people = admin.get("/api/v1/people").await.ok();
    let member =
        people["items"].as_array().unwrap().iter().find(|person| person["role"] == "member").unwrap();
    let path = format!("/api/v1/people/{}/team", member["id"].as_str().unwrap());
    let join = async |caller: &Caller, team: Value| {
        caller.send("PUT", &path, json!({ "team": team }).to_string()).await
    };
    join(&admin, json!(team)).await.ok();
    assert!(asks(&join(&admin, Value::Null).await));
    join(&proven, Value::Null).await.ok();
    hang(&proven, &project, Value::Null).await.ok();
    // Where nothing protects less, nobody is asked.
    join(&admin, json!(team)).await.ok();
    join(&admin, Value::Null).await.ok();
    assert!(installation.app.replay_authority().await.unwrap().is_empty());
}
