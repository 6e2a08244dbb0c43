//! The program with its objects in a bucket: what it says when something is missing, and what it remembers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use axum::http::Method;
use clerestory::{App, AppError, Places};
use clerestory_keys::Protection;
use clerestory_model::SystemClock;
use clerestory_testkit::bucket::{self, Fault, Faults, LocalS3};

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

/// No such store can be had in a test: what is asked of it, and what is said when it refuses, can.
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
