//! Several nodes on one PostgreSQL: any request to any of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use serde_json::{Value, json};

const ORIGIN: &str = "https://shop.example";

struct Nodes {
    nodes: Vec<Installation>,
    site: Value,
    _server: AnyServer,
}

impl Nodes {
    async fn start(number: usize) -> Self {
        let server = AnyServer::get().await;
        let first = Installation::over(Some(new_schema(server.address()).await)).await;
        let site = first.site(&first.person("admin").await).await;
        let mut nodes = vec![first];
        while nodes.len() < number {
            nodes.push(nodes[0].another_node().await);
        }
        Self { nodes, site, _server: server }
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.nodes[0].now().unix_millis()).unwrap()
    }

    fn recorder(&self, at: usize) -> Caller {
        self.nodes[at % self.nodes.len()].recorder(ORIGIN)
    }

    async fn admin(&self, at: usize) -> Caller {
        self.nodes[at % self.nodes.len()].person("admin").await
    }
}

/// Every node takes visits at the same time; every acknowledged segment opens on every other node, and the log is whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_acknowledges_every_other_plays() {
    let nodes = Nodes::start(3).await;
    let (now, key) = (nodes.now_ms(), nodes.site["site_key"].as_str().unwrap());
    let visits = (0..24).map(|number| {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        let senders: Vec<Caller> = (0..3).map(|at| nodes.recorder(number + at)).collect();
        async move {
            let mut visit = Visit::start_as(senders[0].clone(), key, now, &writer, None).await;
            for sequence in 0..4 {
                let events = if sequence == 0 { snapshot(now, 3, "words") } else { movement(now) };
                visit = visit.through(senders[usize::try_from(sequence).unwrap() % 3].clone());
                visit.send(sequence, &events).await.ok();
            }
            visit.recording
        }
    });
    let recordings = futures_util::future::join_all(visits).await;
    for at in 0..3 {
        let admin = nodes.admin(at).await;
        let listed = admin.get("/api/v1/recordings?limit=100").await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), 24);
        for recording in &recordings {
            let play = admin.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
            let (play, track) = (play["id"].as_str().unwrap(), play["tracks"][0]["id"].as_str().unwrap());
            for sequence in 0..4 {
                let path = format!("/api/v1/plays/{play}/tracks/{track}/segments/{sequence}");
                assert!(admin.get(&path).await.ok().as_array().is_some_and(|events| !events.is_empty()));
            }
        }
        let verified = admin.get("/api/v1/audit/verify").await.ok();
        assert_eq!(verified["intact"], true, "{verified}");
    }
}

/// A play begun on one node goes on on another, and ends everywhere when its session does.
#[tokio::test]
async fn a_session_and_a_play_are_known_to_every_node() {
    let nodes = Nodes::start(2).await;
    let (now, key) = (nodes.now_ms(), nodes.site["site_key"].as_str().unwrap());
    let visit = Visit::start(nodes.recorder(0), key, now).await;
    visit.send(0, &snapshot(now, 3, "words")).await.ok();
    let here = nodes.admin(0).await;
    let there = here.clone().through(&nodes.nodes[1]);
    let play = here.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await.ok();
    let (play, track) = (play["id"].as_str().unwrap(), play["tracks"][0]["id"].as_str().unwrap());
    let path = format!("/api/v1/plays/{play}/tracks/{track}/segments/0");
    there.get(&path).await.ok();
    here.delete("/api/v1/session").await;
    let ended = there.get(&path).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
}

/// Rules signed on two nodes at once: one wins, the other is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_signed_on_two_nodes_at_once_is_signed_once() {
    let nodes = Nodes::start(2).await;
    let path = format!("/api/v1/sites/{}/policy", nodes.site["id"].as_str().unwrap());
    let (one, two) = (nodes.admin(0).await, nodes.admin(1).await);
    let sign = async |caller: &Caller, selector: &str| {
        let document = json!({ "preset": "private", "media": "blocked", "exclude": [selector], "mask": [],
            "unmask": [], "urls": { "deny": [], "allow": [] } });
        caller.send("PUT", &path, json!({ "document": document, "based_on": 1 }).to_string()).await.status
    };
    let (first, second) = tokio::join!(sign(&one, ".a"), sign(&two, ".b"));
    let mut both = [first, second];
    both.sort();
    assert_eq!(both, [StatusCode::OK, StatusCode::CONFLICT]);
}

/// Rules and origins that were changed on one node hold on every other within five seconds.
#[tokio::test]
async fn what_is_changed_on_one_node_holds_on_the_others() {
    let nodes = Nodes::start(2).await;
    let (now, key) = (nodes.now_ms(), nodes.site["site_key"].as_str().unwrap());
    let (id, admin) = (nodes.site["id"].as_str().unwrap(), nodes.admin(0).await);
    let visit = Visit::start(nodes.recorder(1), key, now).await;
    visit.send(0, &snapshot(now, 3, "words")).await.ok();
    let document = json!({ "preset": "private", "media": "blocked", "exclude": [".a"], "mask": [], "unmask": [],
        "urls": { "deny": [], "allow": [] } });
    let asked = json!({ "document": document, "based_on": 1 }).to_string();
    admin.send("PUT", &format!("/api/v1/sites/{id}/policy"), asked).await.ok();
    nodes.nodes[0].wait(Duration::from_secs(6));
    let policy = nodes.recorder(1).get(&format!("/api/v1/capture/policy?site_key={key}")).await.ok();
    assert_eq!(policy["version"], 2);
    let change = json!({ "origins": ["https://other.example"] }).to_string();
    admin.send("PATCH", &format!("/api/v1/sites/{id}"), change).await.ok();
    nodes.nodes[0].wait(Duration::from_secs(6));
    let refused = visit.send(1, &movement(nodes.now_ms())).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "origin-not-allowed"));
}
