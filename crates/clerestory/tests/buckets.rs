//! The program with its objects in a bucket: what it says when something is missing, and what it remembers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Method;
use clerestory::{App, AppError, Places};
use clerestory_keys::Protection;
use clerestory_model::SystemClock;
use clerestory_testkit::bucket::{self, Azurite, Fault, Faults, LocalS3};
use clerestory_testkit::load::{Listed, Machine, Random, Tab};

/// What `init` says in the end, on an installation in `data`.
async fn init(data: &Path, environment: Vec<(&'static str, String)>) -> (bool, String) {
    let data = data.to_owned();
    let run = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_clerestory"))
            .args(["init", "--throw-away", "--data"])
            .arg(&data)
            .env_clear()
            .envs(environment)
            .output()
            .unwrap()
    });
    let output = run.await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

async fn refusal(environment: Vec<(&'static str, String)>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (done, said) = init(&directory.path().join("data"), environment).await;
    assert!(!done, "{said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_says_what_is_missing_or_not_allowed() {
    let s3 = LocalS3::start();
    let said = refusal(vec![("CLERESTORY_OBJECTS", "s3:/recordings".to_owned())]).await;
    assert!(said.contains("no address of a bucket"), "{said}");
    let said = refusal(vec![("CLERESTORY_OBJECTS", "s3://recordings".to_owned())]).await;
    assert!(said.contains("--objects-region, or AWS_REGION"), "{said}");
    let mut half = bucket::environment(s3.address(), "one");
    half.retain(|(name, _)| *name != "AWS_SECRET_ACCESS_KEY");
    let said = refusal(half).await;
    assert!(said.contains("AWS_SECRET_ACCESS_KEY"), "{said}");
    let mut wrong = bucket::environment(s3.address(), "one");
    wrong.retain(|(name, _)| *name != "AWS_SECRET_ACCESS_KEY");
    wrong.push(("AWS_SECRET_ACCESS_KEY", "another".to_owned()));
    let said = refusal(wrong).await;
    assert!(said.contains("does not allow putting an object") && said.contains("s3:PutObject"), "{said}");
    let plain = vec![
        ("CLERESTORY_OBJECTS", "s3://recordings".to_owned()),
        ("CLERESTORY_OBJECTS_ENDPOINT", "http://objects.example".to_owned()),
    ];
    let said = refusal(plain).await;
    assert!(said.contains("plain HTTP"), "{said}");
}

/// What is asked of them, and what is said when they refuse. No Google can be had in a test: what it is asked, and what is said when it refuses, can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn google_and_azure_are_asked_in_their_own_way() {
    let nobody: SocketAddr = ([127, 0, 0, 1], 9).into();
    let faults = Faults::before(nobody).await;
    let endpoint = format!("http://{}", faults.address());
    for method in [Method::PUT, Method::POST] {
        faults.next(usize::MAX, method, "probe", Fault::Answer(403));
    }
    let nobody_at_google =
        r#"{"private_key":"none","private_key_id":"1","client_email":"nobody","disable_oauth":true}"#;
    let gcs = vec![
        ("CLERESTORY_OBJECTS", "gs://recordings/one".to_owned()),
        ("CLERESTORY_OBJECTS_ENDPOINT", endpoint.clone()),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", nobody_at_google.to_string()),
    ];
    let said = refusal(gcs).await;
    assert!(said.contains("gs://recordings/one") && said.contains("storage.objects.create"), "{said}");
    assert!(faults.seen(&Method::PUT, "recordings/one") > 0, "the bucket and its prefix are in the path");
    let azure = vec![
        ("CLERESTORY_OBJECTS", "az://container/one".to_owned()),
        ("CLERESTORY_OBJECTS_ENDPOINT", endpoint),
        ("AZURE_STORAGE_ACCOUNT_NAME", "clerestory".to_owned()),
        ("AZURE_SKIP_SIGNATURE", "true".to_owned()),
    ];
    let said = refusal(azure).await;
    assert!(said.contains("Storage Blob Data Contributor"), "{said}");
    assert!(faults.seen(&Method::PUT, "container/one") > 0, "the container and its prefix are in the path");
    let said = refusal(vec![("CLERESTORY_OBJECTS", "az://container".to_owned())]).await;
    assert!(said.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{said}");
}

/// Everything that an installation asks of its store, on Azure: objects put once, read in part, listed and removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_lives_on_azure() {
    let (azurite, directory) = (Azurite::start().await, tempfile::tempdir().unwrap());
    let environment = azurite.environment("one");
    let machine =
        Machine::new(Path::new(env!("CARGO_BIN_EXE_clerestory")), directory.path(), &environment).unwrap();
    let link = machine.set_up().unwrap();
    let mut running = machine.serve().await.unwrap();
    let console = running.console(&link).await.unwrap();
    let site_key = console.add_site("Shop", "https://shop.example").await.unwrap();
    let mut tab = Tab::new(1, Random::new(1));
    tab.start(machine.disk(), &running.origin, &site_key).await.unwrap();
    tab.send(machine.disk(), 6).await.unwrap();
    // That an object is under way is forgotten a moment after the answer. What a crash leaves of that goes after a day, and
    // so long an erasure is not over: this is about Azure.
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.kill();

    let running = machine.serve().await.unwrap();
    let console = console.at(&running.origin);
    assert_eq!(tab.look(&Listed::of(&console).await.unwrap()).unwrap(), 6);
    machine.say(&["admin", "settle"]).unwrap();
    assert_eq!(tab.look(&Listed::of(&console).await.unwrap()).unwrap(), 6, "from the object of the part");
    let checked = machine.say(&["fsck", "--deep"]).unwrap();
    assert!(checked.contains("Nothing"), "{checked}");

    let organisation = console.get("/session").await.unwrap()["organisation"]["id"].clone();
    let recording = console.get("/recordings").await.unwrap()["items"][0]["id"].clone();
    let (organisation, recording) = (organisation.as_str().unwrap(), recording.as_str().unwrap());
    machine.say(&["admin", "erase", "--organisation", organisation, "--recording", recording]).unwrap();
    let began = Instant::now();
    loop {
        let erasure = console.get("/erasures").await.unwrap()["items"][0].clone();
        if erasure["state"] == "verified" {
            assert_eq!(erasure["progress"]["objects_gone"], erasure["progress"]["objects"], "{erasure}");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{erasure}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Started over another store, an installation would look empty: it does not start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_knows_where_its_objects_lie() {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (s3, directory) = (LocalS3::start(), tempfile::tempdir().unwrap());
    let data = directory.path().join("data");
    let (done, said) = init(&data, bucket::environment(s3.address(), "one")).await;
    assert!(done && said.contains("s3://recordings/one"), "{said}");
    let open = async |bucket, objects_moved| {
        let places = Places { bucket, objects_moved, ..Places::beside(&data, None) };
        let root = places.open(&Protection::Plain).unwrap();
        App::build(places, root, Arc::new(SystemClock)).await.unwrap().check_objects().await
    };
    let one = Some(bucket::profile(s3.address(), "one"));
    open(one.clone(), false).await.unwrap();
    for elsewhere in [None, Some(bucket::profile(s3.address(), "two"))] {
        let error = open(elsewhere, false).await.unwrap_err();
        assert!(
            matches!(error, AppError::Place(_)) && error.to_string().contains("--objects-moved"),
            "{error}"
        );
    }
    open(None, true).await.unwrap();
    assert!(open(one, false).await.is_err(), "they were moved to the directory");
    open(None, false).await.unwrap();
}
