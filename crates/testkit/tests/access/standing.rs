//! A decision goes by what somebody is when it is made, not by what they were when they asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use clerestory_access::{Actor, OpContext, OrganisationRef, ReadHealth, Refused};
use clerestory_model::{PersonId, SessionId, SubjectId};
use clerestory_store::people::Role;
use clerestory_testkit::{Caller, Installation};
use serde_json::json;

/// The request of somebody who was an Admin when it came in, and waits for the organisation's turn.
async fn waiting(installation: &Installation, admin: &Caller, email: &str) -> (OpContext, PersonId) {
    let people = admin.get("/api/v1/people").await.ok();
    let items = people["items"].as_array().unwrap();
    let found = items.iter().find(|person| person["email"] == email).unwrap();
    let id: PersonId = found["id"].as_str().unwrap().parse().unwrap();
    let subject: SubjectId = found["subject"].as_str().unwrap().parse().unwrap();
    let actor = Actor::Person {
        id,
        organisation: installation.organisation,
        subject,
        role: Role::Admin,
        also: vec![Role::Auditor],
        session: SessionId::nil(),
        signed_in: 1,
        stepped_up: None,
    };
    (OpContext { actor, request_id: "test".to_owned(), at: installation.now() }, id)
}

#[tokio::test]
async fn whoever_lost_their_role_meanwhile_is_refused() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let (op, id) = waiting(&installation, &admin, "manager@example.org").await;
    let on = OrganisationRef(installation.organisation);
    let access = &installation.app.access;
    let refused = access.authorize::<ReadHealth>(&op, on, None).await.unwrap().err();
    assert!(matches!(refused, Some(Refused::Forbidden { .. })), "a manager by now: {refused:?}");

    let path = format!("/api/v1/people/{id}/roles");
    admin.send("PUT", &path, json!({ "role": "admin" }).to_string()).await.ok();
    let allowed = access.authorize::<ReadHealth>(&op, on, None).await.unwrap();
    assert!(allowed.is_ok(), "an Admin by now");

    let ends_at = op.at.plus(Duration::from_secs(3600)).to_string();
    let block = json!({ "ends_at": ends_at, "reason": "r" });
    admin.post(&format!("/api/v1/people/{id}/blocks"), block).await.ok();
    let refused = access.authorize::<ReadHealth>(&op, on, None).await.unwrap().err();
    assert!(matches!(refused, Some(Refused::Hidden)), "blocked by now: {refused:?}");
    let told = admin.get("/api/v1/audit?outcome=refused&action=health.read").await.ok();
    let rules = told["items"].as_array().unwrap().iter().map(|entry| entry["rule"].as_str().unwrap());
    assert!(
        rules.clone().any(|rule| rule.ends_with("kept out meanwhile")),
        "{:?}",
        rules.collect::<Vec<_>>()
    );

    admin.delete(&format!("/api/v1/people/{id}")).await.ok();
    let refused = access.authorize::<ReadHealth>(&op, on, None).await.unwrap().err();
    assert!(matches!(refused, Some(Refused::Hidden)), "deleted by now: {refused:?}");
}
