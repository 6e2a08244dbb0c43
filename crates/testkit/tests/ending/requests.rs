//! What recorded people ask for about their own data: asked, answered in time, handed out to them alone, erased.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::io::Write;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_lifecycle::{Step, Target};
use clerestory_model::{RequestId, SubjectId, Timestamp};
use clerestory_testkit::kept::{DAY, Kept};
use clerestory_testkit::visit::{movement, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const AT_MS: i64 = 1_795_000_000_000;

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn ask(caller: &Caller, kind: &str) -> Value {
    let asked = json!({ "kind": kind, "words": "I want to know, Ada" });
    let answer = caller.post("/api/v1/my/requests", asked).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
    answer.json
}

/// Somebody else agrees to the newest erasure that is proposed, as they are shown it.
async fn agree(kept: &Kept) {
    let second = kept.installation.proven("second").await;
    let listed = second.get("/api/v1/erasures/proposals").await.ok();
    let newest = &listed["items"][0];
    let path = format!("/api/v1/erasures/proposals/{}/agree", id(newest));
    second.post(&path, newest["now"].clone()).await.ok();
}

async fn decide(caller: &Caller, request: &Value, what: &str, body: Value) -> Answer {
    caller.post(&format!("/api/v1/requests/{}/{what}", id(request)), body).await
}

async fn fetch(caller: &Caller, request: &Value) -> Answer {
    caller.get(&format!("/api/v1/my/requests/{}/export", id(request))).await
}

async fn mine(caller: &Caller, request: &Value) -> Value {
    let listed = caller.get("/api/v1/my/requests").await.ok();
    let items = listed["items"].as_array().unwrap();
    items.iter().find(|item| item["id"] == request["id"]).unwrap().clone()
}

async fn person(caller: &Caller) -> String {
    id(&caller.get("/api/v1/session").await.ok()["person"]).to_owned()
}

/// A recording about somebody, with a pointer that moves.
async fn about(kept: &Kept, person: &str) -> String {
    let (Value::Array(mut events), Value::Array(more)) = (snapshot(AT_MS, 3, "seen"), movement(AT_MS + 900))
    else {
        panic!("events are a list")
    };
    events.extend(more);
    let path = format!("/api/v1/sites/{}/imports?about={person}", kept.site);
    let body = Value::Array(events).to_string();
    kept.admin().await.send("POST", &path, body).await.ok()["recording"].as_str().unwrap().to_owned()
}

async fn clean(installation: &Installation) {
    assert_eq!(installation.app.replay_authority().await.unwrap(), [], "each change is on record");
}

async fn subject_of(caller: &Caller) -> SubjectId {
    let request = ask(caller, "access").await;
    request["about"]["id"].as_str().unwrap().parse().unwrap()
}

/// What Python's own reader finds in an archive: the files' names and texts; it fails where a sum does not fit, where the
/// page names an address outside or a script, or where it names a file that is not there.
const READER: &str = r#"
import html.parser, json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
names = archive.namelist()
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert tag not in ("script", "iframe", "link", "img", "form", "object", "base"), tag
        for name, value in attributes:
            assert name not in ("src", "srcset", "style", "action") and not name.startswith("on"), name
            if name == "href":
                assert value in names, value
page = archive.read("index.html").decode()
assert "http://" not in page.replace("http://shop", "").replace("https://", "") and "@import" not in page and "url(" not in page
Page().feed(page)
json.dump({name: archive.read(name).decode() for name in names}, sys.stdout)
"#;

/// The files of an archive.
fn opened(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&answer.bytes).unwrap();
    let python = std::env::var("CLERESTORY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let read = std::process::Command::new(python).args(["-c", READER]).arg(file.path()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

fn data(files: &Value) -> Value {
    serde_json::from_str(files["data.json"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn it_is_answered_within_a_month_or_three_and_whoever_asked_reads_why_not() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let now = kept.installation.now();
    let asked = ask(&member, "export").await;
    assert_eq!((&asked["state"], &asked["overdue"]), (&json!("open"), &json!(false)));
    assert_eq!(asked["due_at"], now.plus_months(1).to_string());
    assert_eq!(ask(&member, "export").await["id"], asked["id"], "asking again gives the same");
    assert_eq!(fetch(&member, &asked).await.problem(), "not-available");

    let manager = kept.installation.person("manager").await;
    let stranger = kept.installation.person("stranger").await;
    for other in [&manager, &stranger] {
        assert_eq!(other.get("/api/v1/my/requests").await.ok()["items"], json!([]));
        let path = format!("/api/v1/my/requests/{}/withdraw", id(&asked));
        assert_eq!(other.post(&path, json!({})).await.status, StatusCode::NOT_FOUND);
        for what in ["fulfil", "decline", "extend"] {
            let refused = decide(other, &asked, what, json!({ "reason": "mine now" })).await;
            let malformed = decide(other, &asked, "fulfil", json!({})).await;
            assert_eq!(malformed.status, StatusCode::NOT_FOUND);
            assert!(what == "fulfil" || refused.status == StatusCode::NOT_FOUND, "{what}");
        }
    }
    assert_eq!(manager.get("/api/v1/requests").await.status, StatusCode::FORBIDDEN);
    assert_eq!(stranger.get("/api/v1/requests").await.ok()["items"], json!([]));

    let listed = admin.get("/api/v1/requests").await.ok();
    let [item] = listed["items"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&item["words"], &item["about"]["label"]), (&json!("I want to know, Ada"), &json!("member")));
    let silent = decide(&admin, &asked, "extend", json!({ "reason": "  " })).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY, "whoever asked is told why");
    let longer = decide(&admin, &asked, "extend", json!({ "reason": "Very many recordings" })).await.ok();
    assert_eq!(longer["due_at"], now.plus_months(3).to_string());
    assert_eq!(decide(&admin, &asked, "extend", json!({ "reason": "Again" })).await.problem(), "extended");
    let told = async |outcome: &str| {
        let path = format!("/api/v1/audit?action=request.manage&outcome={outcome}");
        admin.get(&path).await.ok()["items"].as_array().unwrap().len()
    };
    let failed = (told("allowed").await, told("failed").await);
    assert_eq!(decide(&admin, &asked, "extend", json!({ "reason": "Again" })).await.problem(), "extended");
    assert_eq!((told("allowed").await, told("failed").await), (failed.0, failed.1 + 1), "it was not done");
    decide(&admin, &asked, "decline", json!({ "reason": "It shows somebody else too" })).await.ok();
    let read = mine(&member, &asked).await;
    assert_eq!((&read["state"], &read["answer"]), (&json!("declined"), &json!("It shows somebody else too")));
    assert_eq!(read["extension_reason"], "Very many recordings");
    for what in ["decline", "extend"] {
        assert_eq!(decide(&admin, &asked, what, json!({ "reason": "x" })).await.problem(), "decided");
    }
    assert_eq!(decide(&admin, &asked, "fulfil", json!({})).await.problem(), "decided");

    let again = ask(&member, "erase").await;
    let path = format!("/api/v1/my/requests/{}/withdraw", id(&again));
    assert_eq!(admin.post(&path, json!({})).await.status, StatusCode::FORBIDDEN, "it is not theirs");
    assert_eq!(member.post(&path, json!({})).await.ok()["state"], "withdrawn");
    clean(&kept.installation).await;

    let request: RequestId = id(&asked).parse().unwrap();
    let sql = "UPDATE requests SET due_at = due_at + 1 WHERE request_id = $1";
    kept.installation.execute(sql, vec![request.into()]).await;
    let differences = kept.installation.app.replay_authority().await.unwrap();
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert!(difference.to_string().contains("due_at"), "{difference}");
}

#[tokio::test]
async fn what_is_overdue_stands_at_the_top_and_in_health() {
    let kept = Kept::new().await;
    let of_manager = ask(&kept.installation.person("manager").await, "export").await;
    decide(&kept.admin().await, &of_manager, "extend", json!({ "reason": "Many" })).await.ok();
    kept.installation.wait(Duration::from_secs(60));
    let of_member = ask(&kept.installation.person("member").await, "export").await;
    let due: Timestamp = of_member["due_at"].as_str().unwrap().parse().unwrap();
    kept.wait_until(due.minus(Duration::from_micros(1)));
    let found = async |admin: &Caller| {
        let health = admin.get("/api/v1/health/findings").await.ok();
        let items = health["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == "requests-overdue").map(|item| item["sentence"].clone())
    };
    assert_eq!(found(&kept.admin().await).await, None, "a microsecond early");
    kept.wait_until(due);
    let admin = kept.admin().await;
    assert!(found(&admin).await.unwrap().as_str().unwrap().contains("Of 2 requests"));
    let stranger = kept.installation.person("stranger").await;
    assert_eq!(found(&stranger).await, None, "each organisation has its own");
    let listed = admin.get("/api/v1/requests").await.ok();
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["overdue"]), (&of_member["id"], &json!(true)));
    assert_eq!(
        (&listed["items"][1]["id"], &listed["items"][1]["overdue"]),
        (&of_manager["id"], &json!(false))
    );
}

#[tokio::test]
async fn what_is_held_is_seen_at_once_on_a_page_of_its_own() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let recording = about(&kept, &person(&member).await).await;
    let others = about(&kept, &person(&kept.installation.person("manager").await).await).await;
    let play = json!({ "reason": "A <script>complaint</script>" });
    admin.post(&format!("/api/v1/recordings/{recording}/plays"), play).await.ok();
    let asked = ask(&member, "access").await;
    assert_eq!((&asked["state"], &asked["decided_by"]), (&json!("done"), &Value::Null));

    let files = opened(&fetch(&member, &asked).await);
    let names: Vec<&String> = files.as_object().unwrap().keys().collect();
    assert_eq!(names, ["README.txt", "data.json", "index.html"], "and nothing that recordings show");
    let told = data(&files);
    assert_eq!(told["about"]["account"]["email"], "member@example.org");
    assert_eq!(told["about"]["sessions"].as_array().unwrap().len(), 1);
    assert!(told["about"]["settings"].as_array().unwrap().iter().any(|one| one["name"] == "member.view_own"));
    let [one] = told["recordings"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(one["id"], recording);
    assert_eq!(one["viewers"][0]["person"]["name"], "admin");
    assert!(one["kept_until"].is_string() && one["tracks"][0]["kept_until"].is_string());
    let page = files["index.html"].as_str().unwrap();
    assert!(page.contains("&lt;script&gt;complaint"), "what others wrote does nothing here");
    assert!(!page.contains(&others) && !files["data.json"].as_str().unwrap().contains(&others));
    let kept_by = admin.get("/api/v1/audit?action=request.export").await.ok();
    assert_eq!(kept_by["items"][0]["number"], told["about"]["entry"], "each handing out is on record");
    clean(&kept.installation).await;
}

/// What Python reads of a track's file, against what a play shows.
#[tokio::test]
async fn an_export_has_what_recordings_show_to_whoever_may_watch_them() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let recording = about(&kept, &person(&member).await).await;
    let asked = ask(&member, "export").await;
    let done = decide(&admin, &asked, "fulfil", json!({ "answer": "Here it is" })).await.ok();
    assert_eq!((&done["state"], &done["answer"]), (&json!("done"), &json!("Here it is")));

    let begun = member.post(&format!("/api/v1/recordings/{recording}/plays"), json!({})).await.ok();
    let track = begun["tracks"][0]["id"].as_str().unwrap().to_owned();
    let mut shown = Vec::new();
    for segment in begun["tracks"][0]["segments"].as_array().unwrap() {
        let path = format!("/api/v1/plays/{}/tracks/{track}/segments/{}", id(&begun), segment["sequence"]);
        shown.extend(member.get(&path).await.ok().as_array().unwrap().clone());
    }
    let file = format!("recordings/{recording}/{track}.json");
    let events = |files: &Value| -> Value { serde_json::from_str(files[&file].as_str().unwrap()).unwrap() };
    let files = opened(&fetch(&member, &asked).await);
    assert_eq!(events(&files), Value::Array(shown.clone()));
    kept.installation.app.settle_now().await.unwrap();
    let files = opened(&fetch(&member, &asked).await);
    assert_eq!(events(&files), Value::Array(shown), "also when it has settled");

    for other in ["manager", "stranger"] {
        let refused = fetch(&kept.installation.person(other).await, &asked).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{other}");
    }
    let refused = admin.get(&format!("/api/v1/requests/{}/export", id(&asked))).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "theirs-alone"));
    let log = admin.get("/api/v1/audit?action=request.export").await.ok();
    let outcomes: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|item| item["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "allowed", "refused", "allowed", "allowed"], "{log}");

    // Whoever may not watch what shows them has what is held, and not what it shows.
    let version = admin.get("/api/v1/settings").await.ok()["version"].clone();
    let say = admin.clone().with("if-match", format!("\"{version}\""));
    say.send("PUT", "/api/v1/settings/member.view_own", json!({ "value": false }).to_string()).await.ok();
    let files = opened(&fetch(&member, &asked).await);
    assert_eq!(files[&file], Value::Null);
    assert!(data(&files)["recordings"][0]["tracks"][0]["left_out"].is_string());

    kept.installation.wait(DAY * 7);
    let member = kept.installation.person("member").await;
    assert_eq!(fetch(&member, &asked).await.problem(), "not-available", "seven days");
    assert_ne!(ask(&member, "export").await["id"], asked["id"], "they may ask again");
}

#[tokio::test]
async fn what_is_erased_or_deleted_meanwhile_is_in_no_export() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let own = person(&member).await;
    let [erased, deleted, stays] =
        [about(&kept, &own).await, about(&kept, &own).await, about(&kept, &own).await];
    let asked = ask(&member, "export").await;
    decide(&admin, &asked, "fulfil", json!({})).await.ok();
    assert_eq!(data(&opened(&fetch(&member, &asked).await))["recordings"].as_array().unwrap().len(), 3);
    admin.post(&format!("/api/v1/recordings/{erased}/erasures"), json!({})).await.ok();
    admin.post(&format!("/api/v1/recordings/{deleted}/delete"), json!({})).await.ok();
    let files = opened(&fetch(&member, &asked).await);
    let told = data(&files);
    let [one] = told["recordings"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((one["id"].as_str(), &told["recordings_nobody_sees"]), (Some(stays.as_str()), &json!(1)));
    assert!(
        files.as_object().unwrap().keys().all(|name| !name.contains(&erased) && !name.contains(&deleted))
    );
}

#[tokio::test]
async fn what_is_held_about_a_visitor_is_handed_on_by_an_officer() {
    let kept = Kept::new().await;
    let old = kept.recordings(1).await.remove(0);
    let admin = kept.admin().await;
    let facts = admin.get(&format!("/api/v1/recordings/{}", old.recording)).await.ok();
    let entered =
        json!({ "subject": facts["subject"]["id"], "kind": "export", "words": "By letter of 3 May" });
    let manager = kept.installation.person("manager").await;
    assert_eq!(manager.post("/api/v1/requests", entered.clone()).await.status, StatusCode::NOT_FOUND);
    let stranger = kept.installation.person("stranger").await;
    assert_eq!(stranger.post("/api/v1/requests", entered.clone()).await.status, StatusCode::NOT_FOUND);
    let asked = admin.post("/api/v1/requests", entered).await.ok();
    assert_eq!((&asked["state"], &asked["asked_by"]["name"]), (&json!("open"), &json!("admin")));
    decide(&admin, &asked, "fulfil", json!({})).await.ok();
    let path = format!("/api/v1/requests/{}/export", id(&asked));
    let files = opened(&admin.get(&path).await);
    assert!(files[format!("recordings/{}/{}.json", old.recording, old.track)].is_string());
    for other in [&manager, &stranger] {
        assert_eq!(other.get(&path).await.status, StatusCode::NOT_FOUND);
    }
}

/// The server is killed after each step of the erasure that a request began.
#[tokio::test]
async fn whoever_asked_to_be_erased_is_and_the_request_is_done_with_the_receipt() {
    let mut kept = Kept::new().await;
    kept.add_second_admin().await;
    let member = kept.installation.person("member").await;
    about(&kept, &person(&member).await).await;
    let subject = subject_of(&member).await;
    let export = ask(&member, "export").await;
    let open = ask(&kept.installation.person("manager").await, "export").await;
    decide(&kept.admin().await, &export, "fulfil", json!({})).await.ok();
    opened(&fetch(&member, &export).await);
    let asked = ask(&member, "erase").await;
    let begun = decide(&kept.admin().await, &asked, "fulfil", json!({ "answer": "It is done" })).await.ok();
    assert_eq!((&begun["state"], &begun["erasure"]), (&json!("open"), &Value::Null), "it takes two");
    member.get("/api/v1/session").await.ok();
    agree(&kept).await;
    assert_eq!(fetch(&member, &export).await.status, StatusCode::UNAUTHORIZED, "the account is gone");
    let path = format!("/api/v1/requests/{}/export", id(&export));
    assert_eq!(kept.admin().await.get(&path).await.problem(), "erased", "and handed out to nobody else");
    let decided = decide(&kept.admin().await, &asked, "decline", json!({ "reason": "No" })).await;
    assert_eq!(decided.problem(), "decided");
    // What holds the first server would keep it from ending.
    drop(member);
    for step in [Step::Asked, Step::Laid, Step::Outside, Step::Shredded, Step::Removed] {
        if step == Step::Shredded {
            kept.installation.app.settle_now().await.unwrap();
        }
        assert_eq!(kept.installation.carry_on_at(step).await, 1, "{step:?}");
        let listed = kept.admin().await.get("/api/v1/requests").await.ok();
        let items = listed["items"].as_array().unwrap();
        let state = &items.iter().find(|item| item["id"] == asked["id"]).unwrap()["state"];
        assert_eq!(state, if step == Step::Removed { "done" } else { "open" }, "after {step:?}");
        kept = kept.restarted().await;
    }
    let admin = kept.admin().await;
    let listed = admin.get("/api/v1/requests").await.ok();
    let items = listed["items"].as_array().unwrap();
    let find = |request: &Value| items.iter().find(|item| item["id"] == request["id"]).unwrap();
    assert_eq!(find(&asked)["state"], "done");
    assert_eq!((&find(&asked)["words"], &find(&asked)["answer"]), (&Value::Null, &Value::Null));
    assert_eq!(find(&export)["words"], Value::Null, "the words went with their key");
    assert_eq!(find(&open)["words"], "I want to know, Ada", "others keep theirs");
    let erasure = admin.get(&format!("/api/v1/erasures/{}", id(&find(&asked)["erasure"]))).await.ok();
    assert!(erasure["receipt"]["text"].as_str().unwrap().contains(&subject.to_string()));
    let sql =
        "SELECT k.key_id FROM key_rows k JOIN subjects s ON s.key_id = k.key_id WHERE s.subject_id = $1";
    assert_eq!(kept.installation.rows(sql, vec![subject.into()]).await.len(), 0, "their key is destroyed");
    let sql = "SELECT request_id FROM requests WHERE subject_id = $1
               AND (asked IS NOT NULL OR extension IS NOT NULL OR answer IS NOT NULL)";
    assert_eq!(kept.installation.rows(sql, vec![subject.into()]).await.len(), 0);
    clean(&kept.installation).await;
}

#[tokio::test]
async fn a_hold_keeps_what_was_asked_to_be_erased_and_they_are_told_so() {
    let kept = Kept::new().await;
    kept.add_second_admin().await;
    let (admin, second) = (kept.admin().await, kept.installation.person("second").await);
    let member = kept.installation.person("member").await;
    about(&kept, &person(&member).await).await;
    let subject = subject_of(&member).await;
    let hold = json!({ "scope": { "subject": subject.to_string() }, "matter": "M", "reason": "R" });
    let hold = admin.post("/api/v1/holds", hold).await.ok();
    second.post(&format!("/api/v1/holds/{}/confirm", id(&hold)), json!({})).await.ok();
    let asked = ask(&member, "erase").await;
    decide(&admin, &asked, "fulfil", json!({})).await.ok();
    agree(&kept).await;
    let read = mine(&member, &asked).await;
    assert_eq!((&read["state"], &read["erasure"]["state"]), (&json!("open"), &json!("restricted")));
    assert!(read["erasure"]["means"].as_str().unwrap().contains("legal hold"), "{read}");
    let told = data(&opened(&fetch(&member, &ask(&member, "access").await).await));
    assert_eq!((&told["recordings"], &told["recordings_nobody_sees"]), (&json!([]), &json!(1)));
    admin.post(&format!("/api/v1/holds/{}/release", id(&hold)), json!({})).await.ok();
    second.post(&format!("/api/v1/holds/{}/confirm", id(&hold)), json!({})).await.ok();
    kept.sweep().await;
    kept.erase_all().await;
    let listed = kept.admin().await.get("/api/v1/requests").await.ok();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.iter().find(|item| item["id"] == asked["id"]).unwrap()["state"], "done");
    clean(&kept.installation).await;
}

#[tokio::test]
async fn an_erasure_without_a_request_answers_those_that_wait_and_the_last_admin_stays() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let own = ask(&admin, "erase").await;
    let refused = decide(&admin, &own, "fulfil", json!({})).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::CONFLICT, "last-admin"));
    let subject = subject_of(&member).await;
    let (erase, export) = (ask(&member, "erase").await, ask(&member, "export").await);
    let target = Target::Subject(subject);
    kept.installation.erase_at_command(kept.installation.organisation, target).await;
    kept.erase_all().await;
    let listed = kept.admin().await.get("/api/v1/requests").await.ok();
    let items = listed["items"].as_array().unwrap();
    let state =
        |request: &Value| items.iter().find(|item| item["id"] == request["id"]).unwrap()["state"].clone();
    assert_eq!(
        (state(&own), state(&erase), state(&export)),
        (json!("open"), json!("done"), json!("withdrawn"))
    );
    clean(&kept.installation).await;
}

#[tokio::test]
async fn an_organisation_takes_its_requests_with_it_and_a_restore_brings_none_back() {
    let kept = Kept::new().await;
    let member = kept.installation.person("member").await;
    let before = ask(&member, "export").await;
    let copy = kept.installation.copy_of_database().await;
    decide(&kept.admin().await, &before, "decline", json!({ "reason": "No" })).await.ok();
    let (installation, done) = kept.installation.restored_from(&copy).await;
    done.unwrap();
    let kept = Kept::over(installation.restarted().await).await;
    let member = kept.installation.person("member").await;
    assert_eq!(mine(&member, &before).await["state"], "declined", "a decision is not taken back");
    kept.installation.erase_at_command(kept.installation.organisation, Target::Organisation).await;
    let sql = "SELECT request_id FROM requests";
    assert_eq!(kept.installation.rows(sql, Vec::new()).await.len(), 0);
    clean(&kept.installation).await;
}

/// More than waits between the server and somebody who does not read.
fn much() -> String {
    let mut drawn: u64 = 1;
    let mut draw = || {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (drawn >> 33) % 1280
    };
    let Value::Array(mut events) = snapshot(AT_MS, 3, "seen") else { panic!("events are a list") };
    for number in 0..6000_i64 {
        let positions: Vec<Value> = (0..20)
            .map(|step| json!({ "x": draw(), "y": draw(), "id": 5, "timeOffset": -10 * step }))
            .collect();
        let data = json!({ "source": 1, "positions": positions });
        events.push(json!({ "type": 3, "timestamp": AT_MS + 500 + 500 * number, "data": data }));
    }
    Value::Array(events).to_string()
}

#[tokio::test]
async fn a_download_breaks_off_with_the_session_and_nobody_fetches_two_at_once() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let path = format!("/api/v1/sites/{}/imports?about={}", kept.site, person(&member).await);
    admin.send("POST", &path, much()).await.ok();
    let asked = ask(&member, "export").await;
    decide(&admin, &asked, "fulfil", json!({})).await.ok();
    let whole = fetch(&member, &asked).await;
    assert!(whole.bytes.len() > 600_000, "{}", whole.bytes.len());

    let path = format!("/api/v1/my/requests/{}/export", id(&asked));
    let other = kept.installation.person("member").await;
    let first = member.begin("GET", &path, "").await;
    assert_eq!(first.status(), StatusCode::OK);
    let second = fetch(&other, &asked).await;
    assert_eq!((second.status, second.problem()), (StatusCode::TOO_MANY_REQUESTS, "too-many-exports"));
    // Whoever reads slowly holds up nobody else.
    let manager = kept.installation.person("manager").await;
    let theirs = ask(&manager, "access").await;
    assert_eq!(fetch(&manager, &theirs).await.status, StatusCode::OK);
    let own = member.get("/api/v1/sessions").await.ok();
    let current = own["items"].as_array().unwrap().iter().find(|one| one["current"] == true).unwrap();
    member.delete(&format!("/api/v1/sessions/{}", id(current))).await;
    assert!(first.into_body().collect().await.is_err(), "nobody takes a part for the whole");
    assert_eq!(fetch(&other, &asked).await.status, StatusCode::OK, "there is room again");
}

/// Where there is more than a page shows at once, the file has all of it; and roles have the names that people gave them.
#[tokio::test]
async fn a_file_leaves_nothing_out_and_is_handed_on_for_those_who_cannot_sign_in() {
    let kept = Kept::new().await;
    let (admin, member) = (kept.admin().await, kept.installation.person("member").await);
    let whom = person(&member).await;
    about(&kept, &whom).await;
    let rights = json!({ "recording.list": "organisation" });
    let role = admin.post("/api/v1/roles", json!({ "name": "Night shift", "rights": rights })).await.ok();
    let roles = json!({ "role": "member", "also": [role["id"]] }).to_string();
    admin.send("PUT", &format!("/api/v1/people/{whom}/roles"), roles).await.ok();
    let listed = admin.get("/api/v1/recordings").await.ok();
    let path = format!("/api/v1/recordings/{}/plays", id(&listed["items"][0]));
    admin.post(&path, json!({})).await.ok();
    let columns =
        "organisation_id, recording_id, person_id, session_id, entry, started_at, expires_at, ended_at";
    let sql =
        "SELECT organisation_id, recording_id, person_id, session_id, entry, started_at, expires_at, ended_at
               FROM plays";
    let one = &kept.installation.rows(sql, Vec::new()).await[0];
    let rest: Vec<clerestory_sql::Value> = (0..8).map(|at| one.get(at).unwrap()).collect();
    for number in 0..200_u8 {
        let play = clerestory_model::PlayId::new(kept.installation.now(), [number; 10]);
        let values = std::iter::once(play.into()).chain(rest.iter().cloned()).collect();
        let sql =
            format!("INSERT INTO plays (play_id, {columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        kept.installation.execute(sql, values).await;
    }
    let member = kept.installation.person("member").await;
    let asked = ask(&member, "access").await;
    assert_eq!(asked["theirs_alone"], true);
    let told = data(&opened(&fetch(&member, &asked).await));
    assert_eq!(told["recordings"][0]["viewers"].as_array().unwrap().len(), 201);
    assert_eq!(told["about"]["account"]["roles"], json!(["member", "Night shift"]));
    // Whoever left cannot fetch it: it is handed on to them.
    let admin = kept.admin().await;
    admin.delete(&format!("/api/v1/people/{whom}")).await;
    let listed = admin.get("/api/v1/requests").await.ok();
    let items = listed["items"].as_array().unwrap();
    let shown = items.iter().find(|item| item["id"] == asked["id"]).unwrap();
    assert_eq!(shown["theirs_alone"], false, "{shown}");
    let file = admin.get(&format!("/api/v1/requests/{}/export", id(&asked))).await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.json);
}
