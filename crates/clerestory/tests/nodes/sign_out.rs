//! Whoever is signed out somewhere is signed out everywhere, within five seconds.

use std::time::{Duration, Instant};

use clerestory_model::{Clock, SystemClock};
use clerestory_testkit::authenticator::Authenticator;
use clerestory_testkit::load::Console;
use reqwest::Method;
use serde_json::json;

use crate::cluster::Cluster;

const EMAIL: &str = "mirel@example.org";
/// What the page on sessions promises.
const WITHIN: Duration = Duration::from_secs(5);

/// Whether a node still knows the session. Anything but "yes" and "sign in" is a failure.
async fn alive(session: &Console, origin: &str) -> bool {
    match session.at(origin).get("/session").await {
        Ok(_) => true,
        Err(told) if told.contains("401") => false,
        Err(told) => panic!("{origin}: {told}"),
    }
}

/// The person's sessions, one begun at each node and used at all of them: whatever a node remembers, it remembers now.
async fn sessions(cluster: &Cluster) -> Vec<Console> {
    let mut sessions = Vec::new();
    for node in 0..cluster.nodes.len() {
        let session = cluster.signed_in(node, EMAIL).await;
        for (origin, _) in &cluster.nodes {
            assert!(alive(&session, origin).await, "a new session is known at {origin}");
        }
        sessions.push(session);
    }
    sessions
}

/// Each of these is refused by each node before the time is over.
async fn ended(cluster: &Cluster, sessions: &[Console], why: &str) {
    let began = Instant::now();
    for session in sessions {
        for (origin, _) in &cluster.nodes {
            while alive(session, origin).await {
                assert!(began.elapsed() < WITHIN, "{why}: a session goes on at {origin}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_else_is_signed_out_everywhere_within_five_seconds() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cluster = Cluster::start(3).await;
    let admin = cluster.console(0).await;
    let organisation =
        admin.get("/session").await.unwrap()["organisation"]["id"].as_str().unwrap().to_owned();
    let person = ["--name", "Mirel Hadley", "--email", EMAIL, "--role", "member"];
    cluster.say(&[&["admin", "add-person", "--organisation", &organisation], &person[..]].concat());

    // A password, said at the first node.
    let all = sessions(&cluster).await;
    let new = json!({ "new": "seven plain lanterns" });
    all[0].text(Method::PUT, "/session/password", Some(&new)).await.unwrap();
    ended(&cluster, &all[1..], "a password").await;
    for (origin, _) in &cluster.nodes {
        assert!(alive(&all[0], origin).await, "who changed it stays signed in");
    }

    // A second factor, set up at the second.
    let all = sessions(&cluster).await;
    let own = all[1].at(&cluster.nodes[1].0);
    own.text(Method::POST, "/session/step-up", Some(&json!({ "password": "seven plain lanterns" })))
        .await
        .unwrap();
    let given = own.post("/session/factor", &json!({})).await.unwrap();
    let code = Authenticator::with(given["secret"].as_str().unwrap()).code(SystemClock.now());
    own.post("/session/factor/confirm", &json!({ "code": code })).await.unwrap();
    ended(&cluster, &[all[0].clone(), all[2].clone()], "a second factor").await;
    assert!(alive(&all[1], &cluster.nodes[2].0).await, "who set it up stays signed in");

    // A role, given by somebody else at the third.
    let person = own.get("/session").await.unwrap()["person"]["id"].as_str().unwrap().to_owned();
    let new = json!({ "new": "eight plain lanterns" });
    admin.text(Method::PUT, "/session/password", Some(&new)).await.unwrap();
    let admin = admin.at(&cluster.nodes[2].0);
    admin
        .text(Method::POST, "/session/step-up", Some(&json!({ "password": "eight plain lanterns" })))
        .await
        .unwrap();
    let path = format!("/people/{person}/roles");
    admin.text(Method::PUT, &path, Some(&json!({ "role": "manager" }))).await.unwrap();
    ended(&cluster, &[own], "a role").await;
    for (origin, _) in &cluster.nodes {
        assert!(alive(&admin, origin).await, "nobody else is signed out");
    }
}
