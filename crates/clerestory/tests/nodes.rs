//! Three real servers on one PostgreSQL and one bucket: any request to any of them, and any of them may be killed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clerestory_testkit::bucket::{self, LocalS3};
use clerestory_testkit::load::{Console, NotSent, Recorder, client};
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{gzip, movement, snapshot};

const PAGE: &str = "https://shop.example";
const VISITS: u64 = 6;

struct Cluster {
    directory: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    nodes: Vec<(String, Child)>,
    _bucket: LocalS3,
    _server: AnyServer,
}

impl Cluster {
    async fn start(number: usize) -> Self {
        let server = AnyServer::get().await;
        let database = new_schema(server.address()).await.address;
        let bucket = LocalS3::start();
        let directory = tempfile::tempdir().unwrap();
        let mut environment = bucket::environment(bucket.address(), "cluster");
        environment.push(("CLERESTORY_DATABASE", database));
        environment.push(("CLERESTORY_KEYS", directory.path().join("keys").display().to_string()));
        environment.push(("CLERESTORY_LOG", "error".to_owned()));
        // All of them settle all the time, and are killed doing it.
        environment.push(("CLERESTORY_SETTLE_AFTER", "0s".to_owned()));
        let mut cluster =
            Self { directory, environment, nodes: Vec::new(), _bucket: bucket, _server: server };
        cluster.say(&["init", "--throw-away"]);
        for at in 0..number {
            cluster.nodes.push(cluster.serve(at));
        }
        for (origin, _) in &cluster.nodes {
            ready(origin).await;
        }
        cluster
    }

    fn command(&self, data: usize) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("CLERESTORY_DATA", self.directory.path().join(format!("data-{data}")));
        command
    }

    /// Runs a command of the first node to its end.
    fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(0).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self, data: usize) -> (String, Child) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let origin = format!("http://localhost:{port}");
        let child = self
            .command(data)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--console-origin", &origin])
            .args(["--content-origin", &format!("http://127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        (origin, child)
    }

    async fn console(&self, node: usize) -> Console {
        let link = self.say(&["admin", "sign-in-link", "--email", "admin@example.org"]);
        let link = link.lines().find(|line| line.contains("#token=")).unwrap().trim().to_owned();
        Console::sign_in(&self.nodes[node].0, &link).await.unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.nodes {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

async fn ready(origin: &str) {
    let http = client().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Ok(answer) = http.get(format!("{origin}/api/v1/health")).send().await
            && answer.status().is_success()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{origin} does not get ready");
}

/// One visit that turns to the next node for each segment, and to another when a node is gone; what it sent and was
/// acknowledged, as the pointer's last place.
async fn visit(origins: Vec<String>, site_key: String, number: u64, end: Arc<AtomicBool>) -> (Recorder, u64) {
    let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
    let mut at = usize::try_from(number).unwrap();
    let mut origin = || {
        at += 1;
        origins[at % origins.len()].clone()
    };
    let started = Recorder::start(client().unwrap(), &origin(), (&site_key, PAGE), &writer, None).await;
    let mut recorder = started.unwrap();
    let mut sequence = 0;
    let now = 1_795_000_000_000;
    while !end.load(Ordering::Relaxed) && sequence < 150 {
        let events = if sequence == 0 { snapshot(now, 3, "words") } else { movement(now) };
        let packed = Bytes::from(gzip(events.to_string().as_bytes()));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            recorder = recorder.at(&origin());
            match recorder.send(sequence, packed.clone()).await {
                Ok(_) => break,
                // A node that is gone, or that cannot reach what it needs, is somebody else's work for now.
                Err(error) if Instant::now() > deadline => panic!("segment {sequence}: {error:?}"),
                Err(NotSent::Refused(refused)) if !refused.contains("503") => panic!("{refused}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        sequence += 1;
    }
    (recorder, sequence)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_servers_survive_the_kill_of_any_one_without_losing_an_acknowledged_segment() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    for victim in 0..3 {
        let mut cluster = Cluster::start(3).await;
        let (organisation, name, email) = ("Fernwick", "Tobias Rask", "admin@example.org");
        cluster.say(&["admin", "set-up", "--organisation", organisation, "--name", name, "--email", email]);
        let site_key = cluster.console(0).await.add_site("Shop", PAGE).await.unwrap();
        let origins: Vec<String> = cluster.nodes.iter().map(|(origin, _)| origin.clone()).collect();
        let end = Arc::new(AtomicBool::new(false));
        let visits: Vec<_> = (0..VISITS)
            .map(|number| tokio::spawn(visit(origins.clone(), site_key.clone(), number, Arc::clone(&end))))
            .collect();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        cluster.nodes[victim].1.kill().unwrap();
        tokio::time::sleep(Duration::from_millis(2500)).await;
        end.store(true, Ordering::Relaxed);
        let mut acknowledged = 0;
        let survivor = cluster.console((victim + 1) % 3).await;
        for one in visits {
            let (recorder, sent) = one.await.unwrap();
            let path = format!("/recordings/{}/plays", recorder.recording);
            let play = survivor.post(&path, &serde_json::json!({ "reason": "a test" })).await.unwrap();
            let play = play["id"].as_str().unwrap();
            for sequence in 0..sent {
                let path = format!("/plays/{play}/tracks/{}/segments/{sequence}", recorder.track);
                let events = survivor.get(&path).await.unwrap();
                assert!(events.as_array().is_some_and(|events| !events.is_empty()), "{path}");
            }
            acknowledged += sent;
        }
        assert!(acknowledged > 3 * VISITS, "only {acknowledged} segments were taken in: it proves nothing");
        let chain = survivor.get("/audit/verify").await.unwrap();
        assert_eq!(chain["intact"], true, "{chain}");
    }
}
