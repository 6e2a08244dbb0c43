//! One suite for every kind of store: a directory, S3 in this process, and Moto as the second opinion; then a network
//! that fails in every way a network can.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Method;
use clerestory_model::SystemClock;
use clerestory_sql::{Database, Lane};
use clerestory_store::segments::Extent;
use clerestory_testkit::bucket::{self, Fault, Faults, LocalS3, Moto};
use clerestory_vault::{BucketProfile, Credentials, IngestLog, Objects, ObjectsProfile, StoreError, Stored};

/// What reqwest and the program set up first.
fn provider() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn sample(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

fn extent(object: &str, offset: u64, length: u64) -> Extent {
    Extent { object: object.to_owned(), offset, length }
}

fn open(profile: BucketProfile) -> Objects {
    provider();
    ObjectsProfile::Bucket(profile).open().unwrap()
}

fn at(address: SocketAddr) -> Objects {
    open(bucket::profile(address, "suite/objects"))
}

/// What every store must do.
async fn conforms(objects: &Objects) {
    let bytes = sample(200_000);
    objects.put("segments/a/1", bytes.clone()).await.unwrap();
    assert_eq!(objects.read(&extent("segments/a/1", 0, 200_000)).await.unwrap(), bytes);
    let part = objects.read_range(&extent("segments/a/1", 1000, 100_000), 500..70_000).await.unwrap();
    assert_eq!(part, bytes[1500..71_000]);
    assert_eq!(objects.read_range(&extent("segments/a/1", 0, 10), 3..3).await.unwrap(), Vec::<u8>::new());

    // Create-only: the same bytes are as good as stored, others are refused and change nothing.
    objects.put("segments/a/1", bytes.clone()).await.unwrap();
    let other = objects.put("segments/a/1", sample(10)).await;
    assert!(matches!(other, Err(StoreError::Exists)), "{other:?}");
    assert_eq!(objects.read(&extent("segments/a/1", 0, 200_000)).await.unwrap(), bytes);

    // Missing, and shorter than the row says, in the middle and altogether.
    let missing = objects.read(&extent("segments/a/2", 0, 1)).await;
    assert!(matches!(missing, Err(StoreError::Missing)), "{missing:?}");
    for from in [199_990, 200_000, 300_000] {
        let short = objects.read(&extent("segments/a/1", from, 20)).await;
        assert!(matches!(short, Err(StoreError::Truncated)), "from {from}: {short:?}");
    }

    objects.put("segments/ab/1", sample(7)).await.unwrap();
    let mut listed = objects.list("segments/a").await.unwrap();
    listed.retain(|found| found.object != "segments/a/1" || found.bytes != 200_000);
    assert_eq!(listed, [], "exactly what lies below the prefix");

    objects.remove("segments/a/1").await.unwrap();
    objects.remove("segments/a/1").await.unwrap();
    let gone = objects.read(&extent("segments/a/1", 0, 1)).await;
    assert!(matches!(gone, Err(StoreError::Missing)), "{gone:?}");
}

#[tokio::test]
async fn a_directory_conforms() {
    let directory = tempfile::tempdir().unwrap();
    conforms(&Objects::local(directory.path().join("objects")).unwrap()).await;
}

#[tokio::test]
async fn s3s_conforms() {
    let s3 = LocalS3::start();
    conforms(&at(s3.address())).await;
}

#[tokio::test]
async fn moto_conforms() {
    provider();
    let moto = Moto::start().await;
    conforms(&at(moto.address())).await;
}

#[tokio::test]
async fn the_check_at_start_passes_and_leaves_nothing() {
    provider();
    let (s3, moto) = (LocalS3::start(), Moto::start().await);
    for address in [s3.address(), moto.address()] {
        let profile = ObjectsProfile::Bucket(bucket::profile(address, "checked"));
        let objects = profile.open().unwrap();
        profile.check(&objects).await.unwrap();
        assert_eq!(objects.list("probe").await.unwrap(), []);
    }
}

/// Each step refused, and each store that does not do what it says.
#[tokio::test]
async fn the_check_at_start_names_what_to_allow() {
    provider();
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let profile = bucket::profile(faults.address(), "checked");
    for (method, part, fault, named) in [
        (Method::PUT, "probe", Fault::Answer(403), "s3:PutObject"),
        (Method::PUT, "probe", Fault::Answer(404), "the bucket does not exist"),
        (Method::PUT, "probe", Fault::Answer(503), "the endpoint and the region"),
        (Method::GET, "probe/", Fault::Answer(403), "s3:GetObject"),
        (Method::GET, "list-type=2", Fault::Answer(403), "s3:ListBucket"),
        (Method::GET, "versions=", Fault::Answer(403), "s3:ListBucketVersions"),
    ] {
        faults.next(100, method.clone(), part, fault);
        let profile = ObjectsProfile::Bucket(profile.clone());
        let error = profile.check(&profile.open().unwrap()).await.unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("s3://recordings/checked"), "{fault:?}: {error}");
        faults.heal();
    }
    let mut stranger = profile;
    stranger.credentials =
        Credentials::AccessKey { id: "SOMEBODY".to_owned(), secret: "else".to_owned().into() };
    let stranger = ObjectsProfile::Bucket(stranger);
    let error = stranger.check(&stranger.open().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("s3:PutObject"), "{error}");
}

/// An erased object is gone in every version, and its neighbours are not.
#[tokio::test]
async fn every_version_of_an_object_is_removed() {
    provider();
    let moto = Moto::start().await;
    moto.keep_versions().await;
    let objects = at(moto.address());
    for (object, text) in [("a/1", "first"), ("a/1", "second"), ("a/10", "neighbour"), ("a/1", "third")] {
        moto.write(&format!("suite/objects/{object}"), text).await;
    }
    moto.hide("suite/objects/a/1").await;
    assert_eq!(moto.versions().await.matches("<VersionId>").count(), 5);
    assert_eq!(objects.traces("a/1").await.unwrap(), 4, "what is hidden is there all the same");
    assert_eq!(objects.remove("a/1").await.unwrap(), Some(4), "three versions and a delete marker");
    assert_eq!(objects.traces("a/1").await.unwrap(), 0);
    let left = moto.versions().await;
    assert_eq!(left.matches("<VersionId>").count(), 1, "{left}");
    assert!(left.contains("suite/objects/a/10") && !left.contains("DeleteMarker"), "{left}");
    assert_eq!(objects.remove("a/1").await.unwrap(), Some(0));
}

const DELETED: &str = "<DeleteResult><Deleted><Key>suite/objects/a/1</Key></Deleted></DeleteResult>";

/// A store that answers every question with this list, says yes to everything, and keeps what it has.
async fn keeps_everything(status: u16, list: &'static str) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |method: Method| async move {
        let dated = [("last-modified", "Sun, 22 Nov 2026 09:00:00 GMT"), ("etag", "\"1\"")];
        match method {
            Method::GET => (axum::http::StatusCode::from_u16(status).unwrap(), dated, list),
            Method::POST => (axum::http::StatusCode::OK, dated, DELETED),
            _ => (axum::http::StatusCode::OK, dated, "bytes"),
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    address
}

/// No erasure counts on a store that only says that it removed something.
#[tokio::test]
async fn what_is_still_there_was_not_removed() {
    provider();
    let buckets = r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListBucketResult>"#;
    let versions =
        r#"<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></ListVersionsResult>"#;
    let ignores = at(keeps_everything(200, buckets).await);
    let told = ignores.remove("a/1").await.unwrap_err();
    let told = format!("{told:?}");
    assert!(told.contains("?versions") && told.contains("no list of versions"), "{told}");
    assert!(ignores.traces("a/1").await.is_err());
    for (status, list) in [(200, versions), (501, "")] {
        let keeps = at(keeps_everything(status, list).await);
        let told = keeps.remove("a/1").await;
        assert!(matches!(&told, Err(StoreError::Remains { object }) if object == "a/1"), "{told:?}");
    }
}

/// Everything that passes by itself: the object is stored once, and is what was sent.
#[tokio::test]
async fn a_put_that_fails_is_sent_again_with_the_same_bytes() {
    provider();
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let objects = at(faults.address());
    for (number, fault) in [
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Stall,
        Fault::Answer(500),
        Fault::Answer(503),
        Fault::Answer(429),
        Fault::AnswerAfter(500),
        Fault::Lie,
    ]
    .into_iter()
    .enumerate()
    {
        let object = format!("log/run/{number}");
        faults.next(1, Method::PUT, &object, fault);
        let bytes = sample(5000 + number);
        objects.put(&object, bytes.clone()).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(objects.read(&extent(&object, 0, bytes.len() as u64)).await.unwrap(), bytes, "{fault:?}");
        assert!(faults.seen(&Method::PUT, &object) >= 2, "{fault:?} was not met");
    }
}

/// A store that goes on failing: an error that says to try again, within the time it is given.
#[tokio::test]
async fn a_store_that_goes_on_failing_is_given_up() {
    provider();
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let objects = at(faults.address());
    for fault in [Fault::Drop, Fault::Stall, Fault::Answer(503), Fault::Lie] {
        faults.next(usize::MAX, Method::PUT, "log/", fault);
        let began = Instant::now();
        let error = objects.put("log/run/1", sample(100)).await.unwrap_err();
        assert!(error.passes(), "{fault:?}: {error:?}");
        assert!(error.to_string().contains("try again"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30), "{fault:?}");
        faults.heal();
        let nothing = objects.read(&extent("log/run/1", 0, 100)).await;
        assert!(matches!(nothing, Err(StoreError::Missing)), "{fault:?}: {nothing:?}");
    }
    faults.next(usize::MAX, Method::PUT, "log/", Fault::Answer(403));
    let denied = objects.put("log/run/1", sample(100)).await;
    assert!(matches!(denied, Err(StoreError::Denied(_))), "{denied:?}");
}

#[tokio::test]
async fn a_read_that_breaks_off_is_no_damage() {
    provider();
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let objects = at(faults.address());
    let bytes = sample(100_000);
    objects.put("segments/1", bytes.clone()).await.unwrap();
    for fault in [
        Fault::CutBody,
        Fault::Drop,
        Fault::LoseAnswer,
        Fault::Answer(503),
        Fault::AnswerAfter(500),
        Fault::Stall,
    ] {
        faults.next(1, Method::GET, "segments/1", fault);
        let read = objects.read(&extent("segments/1", 0, 100_000)).await;
        assert_eq!(read.unwrap_or_else(|error| panic!("{fault:?}: {error:?}")), bytes, "{fault:?} once");
        faults.next(usize::MAX, Method::GET, "segments/1", fault);
        let error = objects.read(&extent("segments/1", 0, 100_000)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{fault:?}: {error:?}");
        faults.heal();
    }
    // Shorter than it should be, as if that were all: never taken for the whole.
    faults.next(usize::MAX, Method::GET, "segments/1", Fault::ShortBody);
    let short = objects.read(&extent("segments/1", 0, 100_000)).await;
    assert!(short.is_err(), "half of the bytes were taken for all of them");
    let part = objects.read_range(&extent("segments/1", 0, 100_000), 10..5000).await;
    assert!(part.is_err(), "half of the bytes were taken for all of them");
}

struct Log {
    directory: tempfile::TempDir,
    database: Database,
    log: Arc<IngestLog>,
    objects: Objects,
}

fn log_on(objects: Objects) -> Log {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open_sqlite(&directory.path().join("rows.db"), clerestory::SCHEMAS).unwrap();
    let log = Arc::new(IngestLog::open(&objects, database.clone(), Arc::new(SystemClock)));
    Log { directory, database, log, objects }
}

impl Log {
    async fn intents(&self) -> Vec<String> {
        let rows: Result<Vec<String>, clerestory_sql::SqlError> = self
            .database
            .read(|tx| {
                Box::pin(async move {
                    let rows = tx.query("SELECT object FROM object_intents ORDER BY object", &[]).await?;
                    rows.iter().map(|row| row.get(0)).collect()
                })
            })
            .await;
        rows.unwrap()
    }

    /// Waits until exactly these intents are left.
    async fn until_intents(&self, wanted: &[String]) {
        let began = Instant::now();
        while self.intents().await != wanted {
            assert!(began.elapsed() < Duration::from_secs(10), "{:?} are left", self.intents().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn confirm(&self, stored: &Stored) -> Result<(), StoreError> {
        let stored = stored.clone();
        self.database.write(Lane::Intake, move |tx| Box::pin(async move { stored.confirm(tx).await })).await
    }

    /// What a check of the store does with an orphan: its intent first.
    async fn take_for_orphan(&self, object: &str) {
        let object = object.to_owned();
        let done: Result<u64, clerestory_sql::SqlError> = self
            .database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    tx.execute("DELETE FROM object_intents WHERE object = $1", &[object.as_str().into()])
                        .await
                })
            })
            .await;
        assert_eq!(done.unwrap(), 1);
    }
}

/// Many at once share objects, each gets its own bytes back, and intents go when the rows are written.
async fn gathers(log: Log) {
    let senders = 200;
    let mut tasks = Vec::new();
    for number in 0..senders {
        let log = Arc::clone(&log.log);
        tasks.push(tokio::spawn(async move { log.append(sample(100 + number)).await.unwrap() }));
    }
    let mut stored = Vec::new();
    for task in tasks {
        stored.push(task.await.unwrap());
    }
    let stats = log.log.stats();
    assert_eq!(stats.segments, senders as u64);
    assert!(stats.flushes < 20, "{} flushes for {senders} segments", stats.flushes);
    for (number, stored) in stored.iter().enumerate() {
        assert_eq!(log.objects.read(stored.extent()).await.unwrap(), sample(100 + number));
        log.confirm(stored).await.unwrap();
    }
}

#[tokio::test]
async fn the_log_on_a_directory_gathers() {
    let directory = tempfile::tempdir().unwrap();
    gathers(log_on(Objects::local(directory.path().join("objects")).unwrap())).await;
}

#[tokio::test]
async fn the_log_on_s3s_gathers() {
    let s3 = LocalS3::start();
    gathers(log_on(at(s3.address()))).await;
}

#[tokio::test]
async fn the_log_on_moto_gathers() {
    provider();
    let moto = Moto::start().await;
    gathers(log_on(at(moto.address()))).await;
}

/// The intent is there before the object, and goes after the last who has bytes in it.
#[tokio::test]
async fn an_intent_stands_as_long_as_its_object_is_under_way() {
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let log = log_on(at(faults.address()));
    faults.next(1, Method::PUT, "log/", Fault::Stall);
    let (first, second) = tokio::join!(log.log.append(sample(10)), async {
        let waiting = log.log.append(sample(20));
        tokio::pin!(waiting);
        // The object stalls; its intent is there meanwhile.
        tokio::select! {
            _ = &mut waiting => panic!("nothing is stored yet"),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        assert_eq!(log.intents().await.len(), 1);
        waiting.await
    });
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.extent().object, second.extent().object);
    let intents = vec![first.extent().object.clone()];
    assert_eq!(log.intents().await, intents);
    log.confirm(&first).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(log.intents().await, intents, "the second still has bytes in it");
    drop(second);
    log.until_intents(&[]).await;
}

/// What was taken for an orphan cannot be named any more: its sender sends it again.
#[tokio::test]
async fn nothing_names_bytes_that_were_given_up() {
    let s3 = LocalS3::start();
    let log = log_on(at(s3.address()));
    let stored = log.log.append(sample(10)).await.unwrap();
    log.confirm(&stored).await.unwrap();
    log.take_for_orphan(&stored.extent().object).await;
    let given_up = log.confirm(&stored).await;
    assert!(matches!(given_up, Err(StoreError::GivenUp)), "{given_up:?}");
}

/// One object that cannot be stored fails its own segments and nobody else's, and its number is not used again.
#[tokio::test]
async fn an_object_that_fails_fails_alone() {
    let s3 = LocalS3::start();
    let faults = Faults::before(s3.address()).await;
    let log = log_on(at(faults.address()));
    faults.next(usize::MAX, Method::PUT, "/00000000.log", Fault::Answer(503));
    let failing = Arc::clone(&log.log);
    let failing = tokio::spawn(async move { failing.append(sample(10)).await });
    let began = Instant::now();
    while faults.seen(&Method::PUT, "/00000000.log") == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "the first object is not sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let next = log.log.append(sample(20)).await.unwrap();
    assert!(next.extent().object.ends_with("/00000001.log"), "{next:?}");
    let failed = failing.await.unwrap().unwrap_err();
    assert!(failed.passes(), "{failed:?}");
    log.until_intents(&[next.extent().object.clone()]).await;
    assert_eq!(log.objects.read(next.extent()).await.unwrap(), sample(20));
    drop(log.directory);
}

/// A second run of the same node begins its own log and reads the first one's.
#[tokio::test]
async fn a_log_is_read_after_a_restart() {
    let s3 = LocalS3::start();
    let (first, second) = (log_on(at(s3.address())), log_on(at(s3.address())));
    let before = first.log.append(sample(10)).await.unwrap();
    let after = second.log.append(sample(20)).await.unwrap();
    assert_ne!(before.extent().object, after.extent().object);
    drop(first.log);
    let third = at(s3.address());
    assert_eq!(third.read(before.extent()).await.unwrap(), sample(10));
    assert_eq!(third.read(after.extent()).await.unwrap(), sample(20));
}
