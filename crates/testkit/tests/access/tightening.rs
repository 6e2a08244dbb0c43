//! Privacy officers protect more and never less: capture policies, and how long what is kept.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use axum::http::StatusCode;
use clerestory_testkit::{Answer, Caller};
use serde_json::{Value, json};

use super::{Scene, rules, scene, sign};

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

/// The member, who is made a privacy officer.
async fn officer(scene: &Scene) -> Caller {
    let admin = scene.beside("admin").await;
    let also = json!({ "role": "member", "also": ["privacy"] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{}/roles", scene.member), also).await.ok();
    scene.installation.proven("member").await
}

fn list<'a>(document: &'a mut Value, at: &str) -> &'a mut Vec<Value> {
    document.pointer_mut(at).unwrap().as_array_mut().unwrap()
}

/// What is named of a refusal.
fn parts(answer: &Answer) -> Vec<&str> {
    let errors = answer.json["errors"].as_array().unwrap();
    errors.iter().map(|error| error["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_officer_lets_less_be_captured_and_never_more() {
    let scene = scene().await;
    let (admin, officer, site) =
        (scene.installation.proven("admin").await, officer(&scene).await, &scene.site);
    let (version, mut document) = rules(&officer, site).await;
    list(&mut document, "/exclude").push(json!(".salary"));
    list(&mut document, "/urls/deny").push(json!("/staff/**"));
    sign(&officer, site, (version, &document)).await.ok();
    let policy = admin.get(&format!("/api/v1/sites/{site}/policy")).await.ok();
    let newest = &policy["versions"][0];
    assert_eq!((&newest["version"], &newest["direction"]), (&json!(version + 1), &json!("tighter")));

    let mut less = document.clone();
    list(&mut less, "/exclude").pop();
    list(&mut less, "/mask").push(json!(".salary"));
    let mut mixed = document.clone();
    list(&mut mixed, "/exclude").push(json!(".health"));
    list(&mut mixed, "/urls/deny").pop();
    let no_more_denied = "Stop denying pages matching `/staff/**`.";
    for (document, named) in [(&less, "Stop excluding `.salary`."), (&mixed, no_more_denied)] {
        let refused = sign(&officer, site, (version + 1, document)).await;
        assert_eq!((refused.status, refused.problem()), (FORBIDDEN, "captures-more"));
        assert_eq!(parts(&refused), [named]);
        assert!(refused.json["rule"].as_str().unwrap().starts_with("matrix policy.edit "));
        assert!(refused.json["entry"].is_u64());
    }
    assert_eq!(rules(&admin, site).await, (version + 1, document.clone()), "nothing was signed");
    assert_eq!(scene.refusals("policy.edit").await.len(), 2);
    // Whoever looks at what was yesterday signs nothing over what is today.
    let late = sign(&officer, site, (version, &document)).await;
    assert_eq!((late.status, late.problem()), (StatusCode::CONFLICT, "policy-changed"));
    sign(&admin, site, (version + 1, &less)).await.ok();
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);
}

async fn say(scene: &Scene, caller: &Caller, name: &str, value: Value) -> Answer {
    scene.say_of(caller, name, json!({ "value": value, "confirms": 1_000_000 })).await
}

#[tokio::test]
async fn an_officer_shortens_retention_and_never_lengthens_it() {
    let scene = scene().await;
    let (admin, officer) = (scene.installation.proven("admin").await, officer(&scene).await);
    let replay = "retention.replay";
    say(&scene, &officer, replay, json!("P60D")).await.ok();
    say(&scene, &officer, replay, json!("P50D")).await.ok();
    let told = admin.get("/api/v1/audit?action=retention.shorten&outcome=allowed").await.ok();
    assert_eq!(told["items"].as_array().unwrap().len(), 2);

    let longer = say(&scene, &officer, replay, json!("P70D")).await;
    assert_eq!((longer.status, longer.problem()), (FORBIDDEN, "keeps-longer"));
    assert!(parts(&longer).contains(&"for the organisation P50D becomes P70D"), "{}", longer.json);
    assert!(longer.json["entry"].is_u64() && longer.json["rule"].is_string());
    assert_eq!(say(&scene, &officer, replay, Value::Null).await.problem(), "keeps-longer", "unsaid");

    // What stands below something shorter has no effect today; it would have one when that goes.
    let project = format!("prj_{}", scene.project().await);
    let below = |value: &str| json!({ "value": value, "node": project, "confirms": 1_000_000 });
    let planted = scene.say_of(&officer, replay, below("P300D")).await;
    assert_eq!((planted.status, planted.problem()), (FORBIDDEN, "keeps-longer"));
    scene.say_of(&officer, replay, below("P55D")).await.ok();
    let later = scene.say_of(&officer, replay, below("P80D")).await;
    assert_eq!((later.status, later.problem()), (FORBIDDEN, "keeps-longer"));

    // How long what was deleted can be restored protects neither way, and other settings are not theirs.
    for (name, value) in [
        ("retention.event.soft_deleted", json!("P7D")),
        ("auth.session.idle", json!("PT10M")),
        ("view.reason_required", json!(true)),
    ] {
        let refused = say(&scene, &officer, name, value).await;
        assert_eq!((refused.status, refused.problem()), (FORBIDDEN, "refused"), "{name}");
    }
    assert_eq!(scene.refusals("setting.write.business").await.len(), 5);
    assert_eq!(
        scene.refusals("setting.relax").await.len() + scene.refusals("setting.write.below").await.len(),
        2
    );
    say(&scene, &admin, replay, json!("P70D")).await.ok();
    assert_eq!(scene.installation.app.replay_authority().await.unwrap(), []);
}
