//! Any request to any of them, and any of them may be killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clerestory_testkit::load::{NotSent, Recorder, client};
use clerestory_testkit::visit::{gzip, movement, snapshot};

use crate::cluster::Cluster;

const PAGE: &str = "https://shop.example";
const VISITS: u64 = 6;

/// One visit that turns to the next node for each segment, and to another when a node is gone; what it sent and was
/// acknowledged, as the pointer's last place.
async fn visit(origins: Vec<String>, site_key: String, number: u64, end: Arc<AtomicBool>) -> (Recorder, u64) {
    let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
    let mut at = usize::try_from(number).unwrap();
    let mut origin = || {
        at += 1;
        origins[at % origins.len()].clone()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut recorder = loop {
        match Recorder::start(client().unwrap(), &origin(), (&site_key, PAGE), &writer, None).await {
            Ok(started) => break started,
            Err(error) if Instant::now() > deadline => panic!("the start: {error:?}"),
            Err(NotSent::Refused(refused)) if !refused.contains("503") => panic!("{refused}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
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
