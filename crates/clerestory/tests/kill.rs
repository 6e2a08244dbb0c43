//! The real server, killed at random while sessions come in: every acknowledged segment opens.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::Path;

use clerestory_testkit::load::kill_run;

/// Twenty seeds here, two hundred in the soak. A seed that fails is named and replays the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_acknowledged() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let binary = Path::new(env!("CARGO_BIN_EXE_clerestory"));
    let mut acknowledged = 0;
    for seed in 1..=20 {
        let data = tempfile::tempdir().unwrap();
        let report = kill_run(binary, &data.path().join("data"), seed).await.unwrap();
        acknowledged += report.acknowledged;
    }
    assert!(acknowledged > 100, "the run took in only {acknowledged} segments: it proves nothing");
}
