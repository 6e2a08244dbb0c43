//! The real server, killed at random while sessions come in: every acknowledged segment opens.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::ops::RangeInclusive;
use std::path::Path;

use clerestory_testkit::bucket::{self, LocalS3};
use clerestory_testkit::load::kill_run;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::process::Program;

/// The acknowledged segments of a run for each of the seeds, and the parts that were found in their directories; over
/// SQLite, or each in a schema of its own of this PostgreSQL. A seed that fails is named and replays the run.
async fn kill(program: &Program, server: Option<&AnyServer>, seeds: RangeInclusive<u64>) -> (u64, usize) {
    let (mut acknowledged, mut parts) = (0, 0);
    for seed in seeds {
        let data = tempfile::tempdir().unwrap();
        // In every other run the server settles all the time, and is killed doing it.
        let settle_after = if seed % 2 == 0 { "0s" } else { "1h" };
        let mut program = program.clone().with(vec![("CLERESTORY_SETTLE_AFTER", settle_after.to_owned())]);
        if let Some(server) = server {
            program = program.over(&new_schema(server.address()).await);
        }
        let report = kill_run(&program, &data.path().join("data"), seed).await.unwrap();
        acknowledged += report.acknowledged;
        parts += files_below(&data.path().join("data/objects/parts"));
    }
    (acknowledged, parts)
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |entry: std::fs::DirEntry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 };
    entries.flatten().map(count).sum()
}

/// Twenty seeds here, two hundred in the soak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_acknowledged() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
    let (acknowledged, parts) = kill(&program, None, 1..=20).await;
    assert!(parts > 20, "only {parts} parts were written: nothing was settling");
    assert!(acknowledged > 100, "the run took in only {acknowledged} segments: it proves nothing");
}

/// The database goes on when the server is killed: what was on its way to it may still be committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_acknowledged_on_postgresql() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
    let server = AnyServer::get().await;
    let (acknowledged, parts) = kill(&program, Some(&server), 1..=20).await;
    assert!(parts > 20, "only {parts} parts were written: nothing was settling");
    assert!(acknowledged > 100, "the run took in only {acknowledged} segments: it proves nothing");
}

/// The same with the ingest log on a bucket, where an acknowledgement waits for an object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_acknowledged_on_a_bucket() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_clerestory")));
    let mut acknowledged = 0;
    for seed in 101..=105 {
        let s3 = LocalS3::start();
        let on_bucket = program.clone().with(bucket::environment(s3.address(), "killed"));
        acknowledged += kill(&on_bucket, None, seed..=seed).await.0;
    }
    assert!(acknowledged > 25, "the run took in only {acknowledged} segments: it proves nothing");
}
