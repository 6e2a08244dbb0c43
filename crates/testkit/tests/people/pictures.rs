//! Pictures of people, over the API: who sets whose, who sees them, and how they go.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write;
use std::path::Path;

use axum::http::{HeaderMap, StatusCode, header};
use clerestory_confine::picture::MOST_BYTES;
use clerestory_lifecycle::Target;
use clerestory_testkit::{Answer, Caller, Installation};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::picture_files::{self as files, decoded, of};

async fn own_id(caller: &Caller) -> String {
    caller.get("/api/v1/session").await.ok()["person"]["id"].as_str().unwrap().to_owned()
}

fn address(person: &str) -> String {
    format!("/api/v1/people/{person}/picture")
}

async fn set(caller: &Caller, person: &str, file: Vec<u8>) -> Answer {
    caller.send("PUT", &address(person), file).await
}

/// The version of a picture that was just set.
async fn version(caller: &Caller, person: &str, file: Vec<u8>) -> u64 {
    set(caller, person, file).await.ok()["picture"].as_u64().unwrap()
}

async fn shown(caller: &Caller, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = caller.begin("GET", path, "").await;
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

/// What an answer says, but for the request it is to.
fn said(answer: &Answer) -> Value {
    let mut said = answer.json.clone();
    said["request_id"] = Value::Null;
    said
}

async fn entries(admin: &Caller, action: &str) -> Vec<Value> {
    let told = admin.get(&format!("/api/v1/audit?action={action}")).await.ok();
    told["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_picture_is_ones_own_to_set_and_seen_by_whoever_sees_the_person() {
    let installation = Installation::new().await;
    let (admin, manager) = (installation.person("admin").await, installation.person("manager").await);
    let (member, stranger) = (installation.person("member").await, installation.person("stranger").await);
    let person = own_id(&member).await;
    let before = entries(&admin, "person.read").await.len();
    let first = version(&member, &person, files::png(300, 200)).await;
    for (pixels, size) in [("64", 64), ("256", 256)] {
        let path = format!("{}?size={pixels}", address(&person));
        for caller in [&member, &admin] {
            let (status, headers, bytes) = shown(caller, &path).await;
            assert_eq!((status, decoded(&bytes).dimensions()), (StatusCode::OK, (size, size)));
            let told = |name: header::HeaderName| headers[name].to_str().unwrap().to_owned();
            assert_eq!(told(header::CONTENT_TYPE), "image/jpeg");
            assert_eq!(told(header::CACHE_CONTROL), "private, no-cache");
            assert_eq!(told(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert!(told(header::CONTENT_SECURITY_POLICY).contains("sandbox"));
            let known = caller.clone().with("if-none-match", told(header::ETAG));
            let (status, _, bytes) = shown(&known, &path).await;
            assert_eq!((status, bytes.len()), (StatusCode::NOT_MODIFIED, 0));
        }
    }
    // Who may not see the person is told what is told of nobody.
    let nobody = address("per_0190a5e200007000800000000000000a");
    for caller in [&manager, &stranger] {
        let (there, not) = (caller.get(&address(&person)).await, caller.get(&nobody).await);
        assert_eq!((there.status, said(&there)), (StatusCode::NOT_FOUND, said(&not)));
    }
    let without = admin.get(&address(&own_id(&admin).await)).await;
    assert_eq!((without.status, said(&without)), (StatusCode::NOT_FOUND, said(&admin.get(&nobody).await)));
    assert_eq!(installation.anonymous().get(&address(&person)).await.status, StatusCode::UNAUTHORIZED);
    // A manager sees those of their reports, from the line on and to its end.
    let line = |to: Value| json!({ "manager": to }).to_string();
    let path = format!("/api/v1/people/{person}/manager");
    admin.send("PUT", &path, line(json!(own_id(&manager).await))).await.ok();
    assert_eq!(manager.get(&address(&person)).await.status, StatusCode::OK);
    assert_eq!(set(&manager, &person, files::png(9, 9)).await.status, StatusCode::FORBIDDEN);
    admin.send("PUT", &path, line(Value::Null)).await.ok();
    assert_eq!(manager.get(&address(&person)).await.status, StatusCode::NOT_FOUND);

    let looked = entries(&admin, "person.read").await;
    let looked: Vec<_> = looked.iter().filter(|entry| entry["outcome"] == "allowed").collect();
    assert_eq!(looked.len(), before, "pictures ride on the entry of signing in");
    let told = |list: &Value| {
        let found = list["items"].as_array().unwrap().iter().find(|item| item["id"] == person.as_str());
        found.unwrap()["picture"].as_u64()
    };
    assert_eq!(told(&admin.get("/api/v1/people").await.ok()), Some(first));
    let session = member.get("/api/v1/session").await.ok();
    assert_eq!(session["person"]["picture"].as_u64(), Some(first));
}

#[tokio::test]
async fn another_one_is_shown_at_once_and_a_version_never_comes_again() {
    let installation = Installation::new().await;
    let (admin, member) = (installation.person("admin").await, installation.person("member").await);
    let person = own_id(&member).await;
    let mut known = vec![version(&member, &person, files::png(300, 200)).await];
    let (_, headers, before) = shown(&member, &address(&person)).await;
    known.push(version(&admin, &person, files::animated()).await);
    let again = member.clone().with("if-none-match", headers[header::ETAG].to_str().unwrap());
    let (status, _, after) = shown(&again, &address(&person)).await;
    assert_eq!(status, StatusCode::OK, "what a browser kept is not the newest");
    assert_ne!(before, after);
    let of_version = |version: u64| format!("{}?version={version}", address(&person));
    assert_eq!(member.get(&of_version(known[0])).await.status, StatusCode::NOT_FOUND);
    assert_eq!(member.get(&of_version(known[1])).await.status, StatusCode::OK);

    let removed = member.delete(&address(&person)).await.ok();
    assert_eq!(removed["picture"], Value::Null);
    assert_eq!(member.get(&address(&person)).await.status, StatusCode::NOT_FOUND);
    let left = installation.rows("SELECT 1 FROM pictures WHERE large IS NOT NULL", Vec::new()).await;
    assert!(left.is_empty());
    known.push(version(&member, &person, files::png(300, 200)).await);
    assert!(known.is_sorted_by(|one, next| one < next), "{known:?}");
    let told = entries(&admin, "person.picture").await;
    assert_eq!(told.len(), 4, "each change is on record");
    assert!(installation.app.replay_authority().await.unwrap().is_empty());
}

/// Says of a setting, for the place that is named, on top of what the caller sees there.
async fn say(caller: &Caller, node: Option<&str>, word: &str) -> Answer {
    let at = node.map(|node| format!("?node={node}")).unwrap_or_default();
    let version =
        caller.get(&format!("/api/v1/settings{at}")).await.json["version"].as_u64().unwrap_or_default();
    let caller = caller.clone().with("if-match", format!("\"{version}\""));
    let asked = json!({ "value": word, "node": node }).to_string();
    caller.send("PUT", "/api/v1/settings/user.picture.visibility", asked).await
}

#[tokio::test]
async fn who_keeps_their_picture_to_themselves_is_shown_to_nobody_else() {
    let installation = Installation::new().await;
    let (admin, member) = (installation.proven("admin").await, installation.person("member").await);
    let (person, own) = (own_id(&member).await, own_id(&admin).await);
    let set = version(&member, &person, files::png(9, 9)).await;
    version(&admin, &own, files::png(9, 9)).await;
    let seen = async |caller: &Caller, who: &str| {
        let people = admin.get("/api/v1/people").await.ok();
        let mut items = people["items"].as_array().unwrap().iter();
        let listed = items.find(|item| item["id"] == person.as_str()).unwrap()["picture"].as_u64();
        (caller.get(&address(who)).await.status, listed)
    };
    assert_eq!(seen(&admin, &person).await, (StatusCode::OK, Some(set)));

    say(&member, Some(&person), "self").await.ok();
    assert_eq!(seen(&admin, &person).await, (StatusCode::NOT_FOUND, None));
    let one = admin.get(&format!("/api/v1/people/{person}")).await.ok();
    assert_eq!(one["picture"], Value::Null);
    assert_eq!(seen(&member, &person).await.0, StatusCode::OK, "it is their own");
    assert_eq!(member.get("/api/v1/session").await.ok()["person"]["picture"].as_u64(), Some(set));
    assert_eq!(seen(&admin, &own).await.0, StatusCode::OK, "nobody else said so");

    // It is theirs alone to say, and going back in the organisation's settings does not say it for them.
    assert_eq!(say(&admin, Some(&own), "self").await.status, StatusCode::OK);
    assert_eq!(say(&member, Some(&own), "organisation").await.status, StatusCode::NOT_FOUND);
    let version = admin.get("/api/v1/settings").await.ok()["version"].as_u64().unwrap();
    let back = admin.clone().with("if-match", format!("\"{version}\""));
    back.post("/api/v1/settings/rollback", json!({ "version": 0 })).await.ok();
    assert_eq!(seen(&admin, &person).await, (StatusCode::NOT_FOUND, None));

    say(&member, Some(&person), "organisation").await.ok();
    assert_eq!(seen(&admin, &person).await, (StatusCode::OK, Some(set)));
    // What the organisation says protects everybody, whatever they said.
    say(&admin, None, "self").await.ok();
    assert_eq!(seen(&admin, &person).await, (StatusCode::NOT_FOUND, None));
    assert_eq!(say(&member, Some(&person), "organisation").await.status, StatusCode::OK);
    assert_eq!(seen(&admin, &person).await, (StatusCode::NOT_FOUND, None));
    assert!(installation.app.replay_authority().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_picture_changes_nothing_and_whoever_may_not_is_not_listened_to() {
    let installation = Installation::new().await;
    let (member, stranger) = (installation.person("member").await, installation.person("stranger").await);
    let person = own_id(&member).await;
    let kept = version(&member, &person, files::png(9, 9)).await;
    for (file, status, problem) in [
        (files::SVG.to_vec(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-a-picture"),
        (files::png_that_claims(50_000, 50_000), StatusCode::PAYLOAD_TOO_LARGE, "picture-too-large"),
        (vec![0; MOST_BYTES + 1], StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
    ] {
        let refused = set(&member, &person, file).await;
        assert_eq!((refused.status, refused.problem()), (status, problem));
    }
    let own = own_id(&installation.person("admin").await).await;
    for (caller, whose) in [(&member, &own), (&stranger, &person)] {
        let refused = set(caller, whose, files::png(9, 9)).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
        assert_eq!(caller.delete(&address(whose)).await.status, StatusCode::NOT_FOUND);
    }
    let other_size = member.get(&format!("{}?size=4096", address(&person))).await;
    assert_eq!(other_size.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(member.get("/api/v1/session").await.ok()["person"]["picture"].as_u64(), Some(kept));
}

/// The files below a directory that hold these bytes.
fn holding(directory: &Path, part: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, part));
        } else if of(&std::fs::read(&path).unwrap(), part) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn nothing_of_a_picture_lies_readable_and_it_goes_with_the_person() {
    let installation = Installation::new().await;
    let (admin, member) = (installation.person("admin").await, installation.person("member").await);
    let person = own_id(&member).await;
    let file = files::png_with(b"tEXt", b"Comment\0CANARY-OF-A-CAMERA");
    version(&member, &person, file.clone()).await;
    let (_, _, large) = shown(&member, &address(&person)).await;
    let (_, _, small) = shown(&member, &format!("{}?size=64", address(&person))).await;
    let middle = |bytes: &[u8]| bytes[bytes.len() / 2..][..24].to_vec();
    let canaries = [b"CANARY-OF-A-CAMERA".to_vec(), middle(&large), middle(&small), middle(&file)];
    for canary in &canaries {
        assert_eq!(holding(installation.directory(), canary), Vec::<String>::new());
    }
    let subject = admin.get(&format!("/api/v1/people/{person}")).await.ok()["subject"].clone();
    let subject = Target::Subject(subject.as_str().unwrap().parse().unwrap());
    installation.erase_at_command(installation.organisation, subject).await;
    installation.carry_erasures_on().await;
    assert_eq!(admin.get(&address(&person)).await.status, StatusCode::NOT_FOUND);
    assert!(installation.rows("SELECT 1 FROM pictures", Vec::new()).await.is_empty());
    for canary in &canaries {
        assert_eq!(holding(installation.directory(), canary), Vec::<String>::new());
    }
    assert!(installation.app.replay_authority().await.unwrap().is_empty());
}

/// Python's own reader of zip files gives out one of them.
const READER: &str =
    "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";

fn unpacked(archive: &Answer, name: &str) -> Vec<u8> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&archive.bytes).unwrap();
    let python = std::env::var("CLERESTORY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read =
        std::process::Command::new(python).args(["-c", READER]).arg(file.path()).arg(name).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    read.stdout
}

#[tokio::test]
async fn whoever_asks_for_their_data_gets_their_picture_with_it() {
    let installation = Installation::new().await;
    let member = installation.person("member").await;
    let person = own_id(&member).await;
    version(&member, &person, files::png(300, 200)).await;
    let asked = member.post("/api/v1/my/requests", json!({ "kind": "access" })).await.ok();
    let request = asked["id"].as_str().unwrap();
    let archive = member.get(&format!("/api/v1/my/requests/{request}/export")).await;
    assert_eq!(archive.status, StatusCode::OK, "{}", archive.json);
    let (_, _, large) = shown(&member, &address(&person)).await;
    assert_eq!(unpacked(&archive, "picture.jpg"), large);
    let data: Value = serde_json::from_slice(&unpacked(&archive, "data.json")).unwrap();
    assert_eq!(data["about"]["account"]["picture"], "picture.jpg");
}
