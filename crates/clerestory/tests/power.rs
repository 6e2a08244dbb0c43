//! The real server loses its power, and what was not flushed, at moments a seed decides: nothing acknowledged is lost,
//! nothing half-made is shown, and everything verifies. Decision 0017 says how.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::Path;

use clerestory_testkit::load::{Engine, PowerReport, power_run};
use clerestory_testkit::postgres::Server;

/// Twenty seeds here, five hundred in the soak.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clerestory"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_loses_nothing_acknowledged() {
    let mut total = PowerReport::default();
    for seed in SEEDS {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::Sqlite { moments: 2, deaf_to: None };
        total.add(&power_run(binary(), directory.path(), engine, seed).await.unwrap());
    }
    println!("{total:?}");
    assert!(total.losses >= 40 && total.while_recovering > 0, "{total:?} proves nothing");
    assert!(total.opened > 100 && total.sent_again > 0, "{total:?} proves nothing");
}

/// A server that forgets to flush one of these would pass the runs above only if they could not fail. The disk says that
/// it has flushed, and has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_flushed_is_found_out() {
    for forgotten in
        [".log", "objects/log", "objects", "clerestory.db-wal", "data.keys", "epochs", "root.key.draft"]
    {
        let mut found = None;
        for seed in 1..=3 {
            let directory = tempfile::tempdir().unwrap();
            let engine = Engine::Sqlite { moments: 4, deaf_to: Some(forgotten) };
            found = power_run(binary(), directory.path(), engine, seed).await.err();
            if found.is_some() {
                break;
            }
        }
        println!("{forgotten}: {found:?}");
        assert!(found.is_some(), "nobody noticed that {forgotten} is never flushed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_loses_nothing_acknowledged_on_postgresql() {
    let mut total = PowerReport::default();
    let mut server = Server::start_to_crash().await.unwrap();
    for seed in SEEDS {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::Postgres { server: &mut server, rounds: 1 };
        total.add(&power_run(binary(), directory.path(), engine, seed).await.unwrap());
    }
    println!("{total:?}");
    assert!(total.losses >= 20 && total.opened > 100 && total.sent_again > 0, "{total:?} proves nothing");
}
