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
use serde_json::json;
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
