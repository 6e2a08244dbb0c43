//! What one sender cannot take from the others, and what a browser is told to insist on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use clerestory_api::Origins;
use clerestory_http::Peer;
use clerestory_testkit::visit::{Visit, gzip, movement, snapshot};
use clerestory_testkit::{Caller, Installation};
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use tokio::sync::oneshot;
use tower::ServiceExt;

const ORIGIN: &str = "https://shop.example";
const MIB: usize = 1024 * 1024;

fn origins(console: &str, content: &str) -> Origins {
    Origins { console: console.to_owned(), content: content.to_owned(), shop: None }
}

/// Browsers that came once by TLS come by nothing else for two years, to the console and to the player.
#[tokio::test]
async fn every_answer_over_tls_asks_for_tls_from_then_on() {
    let installation = Installation::new().await;
    let told = async |service: &axum::Router, host: &str, path: &str| {
        let request = Request::builder().uri(path).header(header::HOST, host).body(Body::empty()).unwrap();
        let answer = service.clone().oneshot(request).await.unwrap();
        answer
            .headers()
            .get(header::STRICT_TRANSPORT_SECURITY)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let away = installation.service_at(origins("https://console.example", "https://content.example"));
    for (host, path) in [
        ("console.example", "/"),
        ("console.example", "/api/v1/recordings"),
        ("console.example", "/api/v1/capture/policy"),
        ("content.example", "/player/"),
        ("stranger.example", "/"),
    ] {
        assert_eq!(told(&away, host, path).await.as_deref(), Some("max-age=63072000"), "{host}{path}");
    }
    let here = installation.service_at(origins("http://localhost:8700", "http://127.0.0.1:8700"));
    assert_eq!(told(&here, "localhost:8700", "/").await, None, "plain HTTP exists on this machine only");
}

/// A caller from this address.
fn from(installation: &Installation, address: &str) -> Caller {
    let client: IpAddr = address.parse().unwrap();
    let peer = Peer { addr: SocketAddr::new(client, 50_000), client, tls: true, via: None };
    let service = installation.service_at(origins("http://localhost:8700", "http://127.0.0.1:8700"));
    Caller::anonymous(service.layer(Extension(peer))).with("origin", ORIGIN)
}

/// However many addresses of an IPv6 network begin visits, together they begin so many and no more.
#[tokio::test(flavor = "multi_thread")]
async fn one_network_does_not_use_up_the_starts_of_another() {
    let installation = Installation::new().await;
    let neighbours = [from(&installation, "2001:db8::1"), from(&installation, "2001:db8::ffff:2")];
    let asked = json!({ "site_key": "nobody's", "writer": "0190a5e2-0000-7000-8000-000000000001",
        "client_time_ms": 0 });
    let start = |caller: Caller| {
        let asked = asked.clone();
        async move { caller.post("/api/v1/capture/start", asked).await.status }
    };
    let burst = (0..600).map(|number| start(neighbours[number % 2].clone()));
    let answers = futures_util::future::join_all(burst).await;
    let of = |status| answers.iter().filter(|one| **one == status).count();
    assert!(of(StatusCode::NOT_FOUND) >= 200, "a burst of two hundred is let through: {answers:?}");
    assert!(of(StatusCode::TOO_MANY_REQUESTS) > 0, "and then not every one: {answers:?}");
    let elsewhere = start(from(&installation, "2001:db8:0:1::1")).await;
    assert_eq!(elsewhere, StatusCode::NOT_FOUND, "the next network is asked what it wants");
}

/// Who guesses at many addresses from one network is stopped; the next network signs in.
#[tokio::test(flavor = "multi_thread")]
async fn one_network_does_not_use_up_the_sign_ins_of_another() {
    let installation = Installation::new().await;
    let guess = async |network: &Caller, number: u32| {
        let asked = json!({ "email": format!("{number}@example.org"), "password": "a guess of many" });
        network.clone().without("origin").post("/api/v1/session", asked).await.status
    };
    let guesser = from(&installation, "198.51.100.7");
    let guesses = async |numbers: std::ops::Range<u32>| {
        futures_util::future::join_all(numbers.map(|number| guess(&guesser, number))).await
    };
    for some in [0..15, 15..30] {
        let answers = guesses(some).await;
        let taken = answers.iter().all(|status| *status == StatusCode::UNAUTHORIZED);
        assert!(taken, "a burst of thirty is let through: {answers:?}");
    }
    assert!(guesses(30..80).await.contains(&StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(guess(&from(&installation, "198.51.100.8"), 0).await, StatusCode::UNAUTHORIZED);
}

/// Who guesses at an address is stopped; whoever it belongs to signs in.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_out_by_guesses_at_their_address() {
    let installation = Installation::new().await;
    let guesser = from(&installation, "198.51.100.7").without("origin");
    let asked = json!({ "email": "admin@example.org", "password": "a guess of many" });
    let guesses = (0..15).map(|_| guesser.post("/api/v1/session", asked.clone()));
    let answers = futures_util::future::join_all(guesses).await;
    assert!(answers.iter().any(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS), "{answers:?}");
    let owner = from(&installation, "198.51.100.8").without("origin");
    owner.sign_in("admin@example.org", "high windows, all lit").await;
}

/// A body that never comes.
fn never() -> Body {
    Body::from_stream(stream::pending::<std::io::Result<Bytes>>())
}

/// A body whose second half comes when it is told to; and what tells that the first is read.
fn halting(text: &str) -> (Body, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (first, rest) = text.split_at(text.len() / 2);
    let (first, rest) = (Bytes::from(first.to_owned()), Bytes::from(rest.to_owned()));
    let (reading, read) = oneshot::channel();
    let (go_on, told) = oneshot::channel();
    let first = stream::once(async move { Ok::<_, std::io::Error>(first) });
    let rest = stream::once(async move {
        reading.send(()).unwrap();
        told.await.unwrap();
        Ok(rest)
    });
    (Body::from_stream(first.chain(rest)), read, go_on)
}

/// What was begun in a session that is ended before its body has arrived is not done.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_a_body_comes_does_nothing_more() {
    let installation = Installation::new().await;
    let site = installation.site(&installation.person("admin").await).await;
    let import = format!("/api/v1/sites/{}/imports", site["id"].as_str().unwrap());
    for path in ["/api/v1/erasures/proposals", &import] {
        let (thief, owner) = (installation.proven("admin").await, installation.person("admin").await);
        let session = owner.get("/api/v1/session").await.ok();
        let asked = match path {
            "/api/v1/erasures/proposals" => {
                let target = json!({ "organisation": session["organisation"]["id"] });
                json!({ "target": target, "reason": "the contract ended" })
            }
            _ => snapshot(1_795_000_000_000, 1, "x"),
        };
        let (body, read, go_on) = halting(&asked.to_string());
        let asking = {
            let path = path.to_owned();
            tokio::spawn(async move { thief.send("POST", &path, body).await })
        };
        read.await.unwrap();
        assert_eq!(owner.delete("/api/v1/sessions").await.status, StatusCode::NO_CONTENT);
        go_on.send(()).unwrap();
        assert_eq!(asking.await.unwrap().status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let admin = installation.person("admin").await;
    assert_eq!(admin.get("/api/v1/erasures/proposals").await.ok()["items"], json!([]));
    assert_eq!(admin.get("/api/v1/recordings").await.ok()["items"], json!([]));
}

/// A link that runs out while it is being shown has run out.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_runs_out_while_its_body_comes_signs_nobody_in() {
    let installation = Installation::new().await;
    let session = installation.person("admin").await.get("/api/v1/session").await.ok();
    let person = session["person"]["id"].as_str().unwrap().parse().unwrap();
    let (app, at) = (installation.app.clone(), installation.now());
    let identity = app.identity.clone();
    let link = app.database.write(clerestory_sql::Lane::Interactive, move |tx| {
        Box::pin(async move { identity.make_link(tx, person, at).await })
    });
    let link: Result<_, clerestory_identity::IdentityError> = link.await;
    let (body, read, go_on) = halting(&json!({ "token": link.unwrap().reveal() }).to_string());
    let nobody = installation.anonymous();
    let asking = tokio::spawn(async move { nobody.send("POST", "/api/v1/session/link", body).await });
    read.await.unwrap();
    installation.wait(Duration::from_secs(25 * 3600));
    go_on.send(()).unwrap();
    assert_eq!(asking.await.unwrap().problem(), "sign-in-refused");
}

/// Of who may send nothing, or no more, nothing is read: the answer does not wait for the body.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_not_read_of_who_may_not_send_them() {
    let installation = Installation::new().await;
    let site = installation.site(&installation.person("admin").await).await;
    let at_once = async |caller: Caller, path: &str| {
        let answer = tokio::time::timeout(Duration::from_secs(8), caller.send("POST", path, never())).await;
        answer.map(|answer| answer.status)
    };
    let nobody = from(&installation, "198.51.100.7").without("origin");
    let attempts = (0..50).map(|_| {
        tokio::time::timeout(Duration::from_secs(2), nobody.send("POST", "/api/v1/session", never()))
    });
    let answers = futures_util::future::join_all(attempts).await;
    let refused = answers.into_iter().flatten().filter(|one| one.status == StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.count() >= 10, "what is above the limit is refused without its body");
    let recorder = installation.recorder(ORIGIN);
    assert_eq!(at_once(recorder, "/api/v1/capture/end").await, Ok(StatusCode::UNAUTHORIZED));
    assert_eq!(at_once(installation.anonymous(), "/api/v1/sites").await, Ok(StatusCode::UNAUTHORIZED));
    let import = format!("/api/v1/sites/{}/imports", site["id"].as_str().unwrap());
    for who in ["member", "stranger"] {
        let status = at_once(installation.person(who).await, &import).await;
        assert_eq!(status, Ok(StatusCode::NOT_FOUND), "{who}");
    }
    let admin = installation.person("admin").await;
    let told = admin.get("/api/v1/audit?action=recording.import&outcome=refused").await.ok();
    assert_eq!(
        told["items"].as_array().unwrap().len(),
        1,
        "the member's; the stranger's is in the stranger's log"
    );
    let much = json!({ "email": "x".repeat(9000), "password": "" });
    let answer = installation.anonymous().post("/api/v1/session", much).await;
    assert_eq!((answer.status, answer.problem()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
}

/// An organisation brings in two recordings at once; the others have room of their own.
#[tokio::test(flavor = "multi_thread")]
async fn imports_that_never_come_keep_no_other_organisation_out() {
    let installation = Installation::new().await;
    let (admin, stranger) = (installation.proven("admin").await, installation.proven("stranger").await);
    let mut paths = Vec::new();
    for caller in [&admin, &stranger] {
        let site = installation.site(caller).await;
        paths.push(format!("/api/v1/sites/{}/imports", site["id"].as_str().unwrap()));
    }
    let events = snapshot(1_795_000_000_000, 1, "x").to_string();
    let mut dawdling = Vec::new();
    for _ in 0..2 {
        let (body, read, go_on) = halting(&events);
        let (admin, path) = (admin.clone(), paths[0].clone());
        dawdling.push((tokio::spawn(async move { admin.send("POST", &path, body).await }), go_on));
        read.await.unwrap();
    }
    assert_eq!(admin.send("POST", &paths[0], events.clone()).await.status, StatusCode::TOO_MANY_REQUESTS);
    stranger.send("POST", &paths[1], events.clone()).await.ok();
    for (one, go_on) in dawdling {
        go_on.send(()).unwrap();
        one.await.unwrap().ok();
    }
    admin.send("POST", &paths[0], events).await.ok();
}

struct Scene {
    installation: Installation,
    key: String,
    now: i64,
}

async fn scene() -> Scene {
    let installation = Installation::new().await;
    let site = installation.site(&installation.person("admin").await).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    Scene { key: site["site_key"].as_str().unwrap().to_owned(), now, installation }
}

impl Scene {
    async fn visit(&self, tab: u32) -> Visit {
        let writer = format!("0190a5e2-0000-7000-8000-{tab:012}");
        Visit::start_as(self.installation.recorder(ORIGIN), &self.key, self.now, &writer, None).await
    }
}

/// A tab that sends without pause is slowed down, before its bodies are read; other tabs are not.
#[tokio::test(flavor = "multi_thread")]
async fn one_tab_does_not_use_up_the_segments_of_another() {
    let scene = scene().await;
    let (greedy, modest) = (scene.visit(1).await, scene.visit(2).await);
    // What announces too much is refused without being read, and counts.
    let send = |visit: &Visit| {
        let sender = visit.sender().with("content-length", (17 * MIB).to_string());
        async move { sender.send("PUT", "/api/v1/capture/segments/0", Body::empty()).await.status }
    };
    let answers = futures_util::future::join_all((0..600).map(|_| send(&greedy))).await;
    let of = |status| answers.iter().filter(|one| **one == status).count();
    assert!(of(StatusCode::PAYLOAD_TOO_LARGE) >= 200, "a burst of two hundred is taken: {answers:?}");
    assert!(of(StatusCode::TOO_MANY_REQUESTS) > 0, "and then not every one: {answers:?}");
    assert_eq!(send(&modest).await, StatusCode::PAYLOAD_TOO_LARGE, "another tab is heard");
}

/// Bodies that announce sixteen megabytes and never come take the room of large bodies, and of no others.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_large_bodies_does_not_keep_small_ones_out() {
    let scene = scene().await;
    let (flood, visit) = (scene.visit(1).await, scene.visit(2).await);
    let dawdling: Vec<_> = (0..12)
        .map(|number| {
            let sender = flood.sender().with("content-length", (16 * MIB).to_string());
            tokio::spawn(async move {
                let never = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
                sender.send("PUT", &format!("/api/v1/capture/segments/{number}"), never).await
            })
        })
        .collect();
    // Some have the room by now, and some wait for it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for sequence in 0..3 {
        let events = if sequence == 0 { snapshot(scene.now, 3, "words") } else { movement(scene.now) };
        let packed = gzip(events.to_string().as_bytes());
        let sender =
            visit.sender().with("content-encoding", "gzip").with("content-length", packed.len().to_string());
        let path = format!("/api/v1/capture/segments/{sequence}");
        let sent = tokio::time::timeout(Duration::from_secs(5), sender.send("PUT", &path, packed)).await;
        sent.expect("a small body finds room").ok();
    }
    for one in dawdling {
        one.abort();
    }
}

/// Small bodies that never come take their network's part of the room, and no other's.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_small_bodies_keeps_out_its_own_network_only() {
    let scene = scene().await;
    let flood = scene.visit(1).await.through(from(&scene.installation, "203.0.113.9"));
    let visit = scene.visit(2).await.through(from(&scene.installation, "198.51.100.7"));
    let dawdling: Vec<_> = (0..64)
        .map(|number| {
            let sender = flood.sender().with("content-length", (512 * 1024).to_string());
            tokio::spawn(async move {
                let never = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
                sender.send("PUT", &format!("/api/v1/capture/segments/{number}"), never).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let packed = gzip(snapshot(scene.now, 3, "words").to_string().as_bytes());
    let sender =
        visit.sender().with("content-encoding", "gzip").with("content-length", packed.len().to_string());
    let sent = sender.send("PUT", "/api/v1/capture/segments/0", packed);
    tokio::time::timeout(Duration::from_secs(5), sent).await.expect("another network finds room").ok();
    for one in dawdling {
        one.abort();
    }
}
