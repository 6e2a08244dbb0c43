//! What is said of recordings and made of them: who reads and changes it, that it goes with its recording or the part it is
//! about, that a clip is no way around a play, and that lists lend nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_model::{CommentId, KeyId, RecordingId, SubjectId};
use clerestory_store::people::Role;
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

use super::people::add;

const FULL: u64 = 4;

/// A recording about the member of four segments, half a minute apart, the first and the third with a whole page; over.
pub(crate) struct Shown {
    pub(crate) installation: Installation,
    pub(crate) admin: Caller,
    pub(crate) member: Caller,
    pub(crate) recording: String,
    track: String,
    pub(crate) site_key: String,
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub(crate) fn said(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| text(&item["text"])).collect()
}

pub(crate) async fn patch(caller: &Caller, path: &str, body: Value) -> Answer {
    caller.send("PATCH", path, body.to_string()).await
}

pub(crate) async fn visit(installation: &Installation, site_key: &str, segments: u64) -> Visit {
    let now_ms = i64::try_from(installation.now().unix_millis()).unwrap();
    let visit = Visit::start(installation.recorder("https://shop.example"), site_key, now_ms).await;
    for number in 0..segments {
        let at = i64::try_from(installation.now().unix_millis()).unwrap();
        let events = if number % 2 == 0 { snapshot(at, 2, "page") } else { movement(at) };
        visit.send(number, &events).await.ok();
        installation.wait(Duration::from_secs(30));
    }
    visit.sender().post("/api/v1/capture/end", json!({ "reason": "stopped" })).await;
    visit
}

impl Shown {
    pub(crate) async fn new() -> Self {
        let installation = Installation::new().await;
        let admin = installation.proven("admin").await;
        let site = installation.site(&admin).await;
        let site_key = text(&site["site_key"]);
        let visit = visit(&installation, &site_key, FULL).await;
        let member = installation.person("member").await;
        let shown =
            Self { installation, admin, member, recording: visit.recording, track: visit.track, site_key };
        shown.is_about(&shown.recording, "member@example.org").await;
        shown
    }

    /// Lets a recording be about somebody.
    async fn is_about(&self, recording: &str, email: &str) {
        let people = self.admin.get("/api/v1/people").await.ok();
        let items = people["items"].as_array().unwrap();
        let person = items.iter().find(|item| item["email"] == email).unwrap();
        let subject: SubjectId = text(&person["subject"]).parse().unwrap();
        let recording: RecordingId = recording.parse().unwrap();
        let sql = "UPDATE recordings SET subject_id = $2 WHERE recording_id = $1";
        self.installation.execute(sql, vec![recording.into(), subject.into()]).await;
    }

    pub(crate) fn path(&self, what: &str) -> String {
        format!("/api/v1/recordings/{}/{what}", self.recording)
    }

    /// Says something at a second; the comment's id.
    pub(crate) async fn say(&self, caller: &Caller, second: i64, words: &str) -> String {
        self.installation.wait(Duration::from_secs(1));
        let asked = json!({ "at_ms": second * 1000, "text": words });
        text(&caller.post(&self.path("comments"), asked).await.ok()["id"])
    }

    pub(crate) async fn set(&self, name: &str, value: Value) {
        let version = self.admin.get("/api/v1/settings").await.ok()["version"].as_u64().unwrap();
        let saying = self.admin.clone().with("if-match", format!("\"{version}\""));
        let asked = json!({ "value": value }).to_string();
        saying.send("PUT", &format!("/api/v1/settings/{name}"), asked).await.ok();
    }

    async fn all_to_managers(&self) {
        self.set("manager.scope.recordings", json!("all")).await;
    }

    pub(crate) async fn clip(&self, from: i64, to: i64) -> String {
        let asked = json!({ "title": "A part", "from_ms": from * 1000, "to_ms": to * 1000 });
        text(&self.admin.post(&self.path("clips"), asked).await.ok()["id"])
    }

    pub(crate) async fn rows(&self, sql: &'static str) -> usize {
        self.installation.rows(sql, Vec::new()).await.len()
    }

    /// How many entries of an action the log has.
    async fn entries(&self, action: &str) -> usize {
        let told = self.admin.get(&format!("/api/v1/audit?action={action}&limit=100")).await.ok();
        told["items"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn whom_a_recording_is_about_reads_and_answers_what_is_said_of_it() {
    let shown = Shown::new().await;
    let comment = shown.say(&shown.admin, 70, "This went very well.").await;
    let early = shown.say(&shown.admin, 5, "Good morning").await;
    shown.installation.wait(Duration::from_secs(1));
    let asked = json!({ "at_ms": 0, "text": "Thank you", "answers": comment });
    let answer = shown.member.post(&shown.path("comments"), asked).await.ok();
    assert_eq!((&answer["answers"], &answer["at_ms"]), (&json!(comment), &json!(70_000)), "of the same time");
    assert_eq!(answer["mine"], true);
    // What answers an answer is said to the same thing.
    shown.installation.wait(Duration::from_secs(1));
    let asked = json!({ "at_ms": 0, "text": "Any time", "answers": answer["id"] });
    let further = shown.admin.post(&shown.path("comments"), asked).await.ok();
    assert_eq!(further["answers"], json!(comment));

    let before = shown.entries("recording.comment").await;
    let read = shown.member.get(&shown.path("comments")).await.ok();
    assert_eq!(shown.entries("recording.comment").await, before + 1, "one entry for one answer");
    assert_eq!(said(&read), ["Good morning", "This went very well.", "Thank you", "Any time"]);
    let first = &read["items"][1];
    assert_eq!(
        (&first["mine"], &first["edited_at"], &first["to_ms"]),
        (&json!(false), &json!(null), &json!(null))
    );
    assert!(!text(&first["author"]["name"]).is_empty());

    // They change their own words and nobody else's.
    let own = format!("/api/v1/comments/{}", text(&answer["id"]));
    let edited = patch(&shown.member, &own, json!({ "text": "Thank you all" })).await.ok();
    assert_eq!(edited["text"], "Thank you all");
    assert!(edited["edited_at"].is_string());
    let others = format!("/api/v1/comments/{comment}");
    assert_eq!(patch(&shown.member, &others, json!({ "text": "No" })).await.problem(), "not-yours");
    assert_eq!(shown.member.delete(&others).await.problem(), "not-yours");
    assert_eq!(patch(&shown.admin, &own, json!({ "text": "No" })).await.problem(), "not-yours");
    // Whoever may delete the recording takes any of it away, with what answers it.
    assert_eq!(shown.admin.delete(&own).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shown.admin.delete(&others).await.status, StatusCode::NO_CONTENT);
    assert_eq!(said(&shown.member.get(&shown.path("comments")).await.ok()), ["Good morning"]);
    assert_eq!(shown.admin.delete(&others).await.status, StatusCode::NOT_FOUND);
    assert_eq!(shown.member.delete(&format!("/api/v1/comments/{early}")).await.problem(), "not-yours");
    let told = shown.admin.get("/api/v1/audit?action=recording.comment&outcome=failed").await.ok();
    assert!(told["items"].as_array().unwrap().len() >= 4, "what was tried in vain is on record: {told}");
}

#[tokio::test]
async fn to_others_neither_a_comment_nor_a_clip_is_there() {
    let shown = Shown::new().await;
    let comment = shown.say(&shown.admin, 1, "Between us").await;
    let clip = shown.clip(1, 2).await;
    add(&shown.installation, shown.installation.organisation, "colleague", "member".parse().unwrap()).await;
    let nowhere = "0190a5e200007000800000000000000a";
    for who in ["stranger", "colleague", "manager"] {
        let caller = shown.installation.person(who).await;
        for (there, absent) in [
            (shown.path("comments"), format!("/api/v1/recordings/rec_{nowhere}/comments")),
            (shown.path("clips"), format!("/api/v1/recordings/rec_{nowhere}/clips")),
            (shown.path("review"), format!("/api/v1/recordings/rec_{nowhere}/review")),
        ] {
            let (there, absent) = (caller.get(&there).await, caller.get(&absent).await);
            assert_eq!(there.status, StatusCode::NOT_FOUND, "{who}");
            assert_eq!((there.problem(), &there.json["detail"]), (absent.problem(), &absent.json["detail"]));
        }
        let tried = [
            ("PATCH", format!("/api/v1/comments/{comment}"), format!("/api/v1/comments/cmt_{nowhere}")),
            ("DELETE", format!("/api/v1/comments/{comment}"), format!("/api/v1/comments/cmt_{nowhere}")),
            ("DELETE", format!("/api/v1/clips/{clip}"), format!("/api/v1/clips/clp_{nowhere}")),
            ("POST", format!("/api/v1/clips/{clip}/plays"), format!("/api/v1/clips/clp_{nowhere}/plays")),
        ];
        for (method, there, absent) in tried {
            let body = if method == "PATCH" { json!({ "text": "x" }) } else { json!({}) }.to_string();
            let (there, absent) =
                (caller.send(method, &there, body.clone()).await, caller.send(method, &absent, body).await);
            assert_eq!(there.status, StatusCode::NOT_FOUND, "{who} {method}");
            assert_eq!((there.problem(), &there.json["detail"]), (absent.problem(), &absent.json["detail"]));
        }
    }
    assert_eq!(said(&shown.member.get(&shown.path("comments")).await.ok()), ["Between us"]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_of_it_is_kept() {
    let shown = Shown::new().await;
    let elsewhere = visit(&shown.installation, &shown.site_key, 1).await;
    let foreign = json!({ "at_ms": 0, "text": "x" });
    let path = format!("/api/v1/recordings/{}/comments", elsewhere.recording);
    let foreign = shown.admin.post(&path, foreign).await.ok()["id"].clone();
    let comments = [
        json!({ "at_ms": 0, "text": "" }),
        json!({ "at_ms": 0, "text": " \n\t " }),
        json!({ "at_ms": 0, "text": "x".repeat(2001) }),
        json!({ "at_ms": 0, "text": "a\u{0}b" }),
        json!({ "at_ms": 0, "text": "a\u{1b}[2Jb" }),
        json!({ "at_ms": 0, "text": "a\u{202e}b" }),
        json!({ "at_ms": -1, "text": "x" }),
        json!({ "at_ms": i64::MAX, "text": "x" }),
        json!({ "at_ms": 1.5, "text": "x" }),
        json!({ "at_ms": 91_000, "text": "beyond the end" }),
        json!({ "at_ms": 5, "to_ms": 4, "text": "x" }),
        json!({ "at_ms": 5, "to_ms": 91_000, "text": "x" }),
        json!({ "at_ms": 5, "text": "x", "answers": foreign }),
        json!({ "at_ms": 5, "text": "x", "answers": "cmt_0190a5e200007000800000000000000a" }),
        json!({ "at_ms": 5, "text": "x", "answers": "clp_0190a5e200007000800000000000000a" }),
        json!({ "at_ms": 5, "text": "x", "author": "per_0190a5e200007000800000000000000a" }),
    ];
    for body in comments {
        let answer = shown.admin.post(&shown.path("comments"), body.clone()).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}: {} {}", answer.status, answer.json);
    }
    let clips = [
        json!({ "title": "", "from_ms": 0, "to_ms": 1 }),
        json!({ "title": "two\nlines", "from_ms": 0, "to_ms": 1 }),
        json!({ "title": "x".repeat(121), "from_ms": 0, "to_ms": 1 }),
        json!({ "title": "x", "from_ms": 1, "to_ms": 1 }),
        json!({ "title": "x", "from_ms": 0, "to_ms": 91_000 }),
        json!({ "title": "x", "from_ms": -5, "to_ms": 1 }),
    ];
    for body in clips {
        let answer = shown.admin.post(&shown.path("clips"), body.clone()).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}: {} {}", answer.status, answer.json);
    }
    let clip = shown.clip(1, 2).await;
    for body in [json!({ "from_ms": 3000 }), json!({ "to_ms": 1000 }), json!({ "to_ms": 91_000 })] {
        let answer = patch(&shown.admin, &format!("/api/v1/clips/{clip}"), body.clone()).await;
        assert_eq!(answer.problem(), "does-not-fit", "{body}");
    }
    for body in [json!({ "state": "perhaps" }), json!({ "state": "done", "note": "x".repeat(501) })] {
        let answer = shown.admin.send("PUT", &shown.path("review"), body.to_string()).await;
        assert!(matches!(answer.status.as_u16(), 400 | 422), "{body}: {}", answer.status);
    }
    assert_eq!(shown.rows("SELECT 1 FROM comments").await, 1);
    assert_eq!(shown.rows("SELECT 1 FROM clips").await, 1);
    assert_eq!(shown.rows("SELECT 1 FROM reviews").await, 0);
    // What is just long enough, and marks of other scripts, are fine.
    shown.say(&shown.admin, 90, &"ü".repeat(2000)).await;
}

#[tokio::test]
async fn what_is_said_is_hidden_with_its_recording_and_comes_back_with_it() {
    let shown = Shown::new().await;
    let comment = shown.say(&shown.admin, 1, "Keep this").await;
    let clip = shown.clip(1, 2).await;
    shown.admin.send("PUT", &shown.path("review"), json!({ "state": "waiting" }).to_string()).await.ok();
    let list = text(&shown.admin.post("/api/v1/playlists", json!({ "title": "All" })).await.ok()["id"]);
    let list = format!("/api/v1/playlists/{list}");
    let items =
        json!({ "items": [{ "kind": "clip", "id": clip }, { "kind": "recording", "id": shown.recording }] });
    patch(&shown.admin, &list, items).await.ok();

    shown.all_to_managers().await;
    let manager = shown.installation.person("manager").await;
    shown.admin.post(&shown.path("delete"), json!({})).await.ok();
    // Whoever may restore it is told so: whom it is about may, and whoever manages everybody may not.
    assert_eq!(manager.get(&shown.path("comments")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(shown.member.get(&shown.path("comments")).await.status, StatusCode::GONE);
    assert_eq!(shown.admin.get(&shown.path("comments")).await.status, StatusCode::GONE);
    assert_eq!(shown.admin.get(&shown.path("clips")).await.status, StatusCode::GONE);
    let edit = patch(&shown.admin, &format!("/api/v1/comments/{comment}"), json!({ "text": "x" })).await;
    assert_eq!(edit.status, StatusCode::NOT_FOUND);
    let play = manager.post(&format!("/api/v1/clips/{clip}/plays"), json!({})).await;
    assert_eq!(play.status, StatusCode::NOT_FOUND);
    assert_eq!(shown.admin.get("/api/v1/reviews").await.ok()["items"], json!([]));
    let shows = shown.admin.get(&list).await.ok();
    assert_eq!((&shows["items"], &shows["hidden"]), (&json!([]), &json!(2)));

    shown.admin.post(&shown.path("restore"), json!({})).await.ok();
    assert_eq!(said(&shown.member.get(&shown.path("comments")).await.ok()), ["Keep this"]);
    assert_eq!(shown.admin.get(&shown.path("clips")).await.ok()["items"][0]["title"], "A part");
    assert_eq!(shown.admin.get("/api/v1/reviews").await.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(shown.admin.get(&list).await.ok()["items"].as_array().unwrap().len(), 2);
    // It comes back too where the list was changed meanwhile.
    let other = visit(&shown.installation, &shown.site_key, 1).await.recording;
    shown.admin.post(&shown.path("delete"), json!({})).await.ok();
    patch(&shown.admin, &list, json!({ "items": [{ "kind": "recording", "id": other }] })).await.ok();
    shown.admin.post(&shown.path("restore"), json!({})).await.ok();
    let shows = shown.admin.get(&list).await.ok();
    let kinds: Vec<String> =
        shows["items"].as_array().unwrap().iter().map(|item| text(&item["kind"])).collect();
    assert_eq!(kinds, ["clip", "recording", "recording"], "{shows}");
    assert_eq!(shows["items"][2]["recording"]["id"], json!(other));
}

#[tokio::test]
async fn what_is_about_an_erased_time_goes_with_it_and_no_old_copy_shows_it() {
    let shown = Shown::new().await;
    shown.say(&shown.admin, 5, "Of the erased time").await;
    let answered = shown.say(&shown.admin, 7, "Of it too").await;
    let asked = json!({ "at_ms": 80_000, "text": "Answered then", "answers": answered });
    shown.member.post(&shown.path("comments"), asked).await.ok();
    let asked = json!({ "at_ms": 9000, "to_ms": 70_000, "text": "Of more than that" });
    shown.admin.post(&shown.path("comments"), asked).await.ok();
    shown.say(&shown.member, 75, "Of what stays").await;
    // The page of the second segment is drawn on that of the first and goes with it, until a whole one comes at a minute.
    shown.say(&shown.admin, 30, "Of what goes with it").await;
    shown.say(&shown.admin, 45, "And as long as that was seen").await;
    shown.clip(20, 40).await;
    let (gone, stays) = (shown.clip(1, 9).await, shown.clip(5, 80).await);
    let note = json!({ "state": "waiting", "note": "look here" }).to_string();
    shown.admin.send("PUT", &shown.path("review"), note).await.ok();
    let list = text(&shown.admin.post("/api/v1/playlists", json!({ "title": "All" })).await.ok()["id"]);
    let list = format!("/api/v1/playlists/{list}");
    let items = json!({ "items": [{ "kind": "clip", "id": gone }, { "kind": "clip", "id": stays }] });
    patch(&shown.admin, &list, items).await.ok();
    // One that somebody damaged in the database stands in nobody's way.
    let damaged = shown.say(&shown.admin, 85, "Damaged").await;
    let id: CommentId = damaged.parse().unwrap();
    let sql = "UPDATE comments SET version = 7 WHERE comment_id = $1";
    shown.installation.execute(sql, vec![id.into()]).await;
    assert_eq!(shown.admin.get(&shown.path("comments")).await.status, StatusCode::OK);
    let keys = "SELECT DISTINCT key_id FROM comments";
    let key: KeyId = shown.installation.rows(keys, Vec::new()).await[0].get(0).unwrap();

    let range = json!({ "range": { "from_us": 0, "to_us": 10_000_000 } });
    let asked = shown.admin.erase(&shown.path("erasures"), range).await.ok();
    let left = ["Of more than that", "Of what stays"];
    assert_eq!(said(&shown.member.get(&shown.path("comments")).await.ok()), left, "at once");
    shown.installation.carry_erasures_on().await;
    shown.installation.app.settle_now().await.unwrap();
    shown.installation.carry_erasures_on().await;
    let done = shown.admin.get(&format!("/api/v1/erasures/{}", text(&asked["id"]))).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    assert!(done.to_string().contains("comments and clips"), "{done}");

    assert_eq!(said(&shown.member.get(&shown.path("comments")).await.ok()), left);
    let clips = shown.admin.get(&shown.path("clips")).await.ok();
    let [clip] = clips["items"].as_array().unwrap().as_slice() else { panic!("{clips}") };
    assert_eq!((&clip["id"], &clip["title"]), (&json!(stays), &json!("A part")));
    assert_eq!(shown.admin.get(&shown.path("review")).await.ok()["note"], "look here");
    assert_eq!(shown.admin.get(&list).await.ok()["items"].as_array().unwrap().len(), 1);
    let present = "SELECT 1 FROM key_rows WHERE key_id = $1";
    assert!(
        shown.installation.rows(present, vec![key.into()]).await.is_empty(),
        "what an old copy needs is gone"
    );
    // It goes on under the new key.
    shown.say(&shown.member, 76, "And more").await;

    let whole = shown.admin.erase(&shown.path("erasures"), json!({})).await.ok();
    shown.installation.carry_erasures_on().await;
    shown.installation.carry_erasures_on().await;
    let done = shown.admin.get(&format!("/api/v1/erasures/{}", text(&whole["id"]))).await.ok();
    assert_eq!(done["state"], "verified", "{done}");
    for sql in [
        "SELECT 1 FROM comments",
        "SELECT 1 FROM clips",
        "SELECT 1 FROM reviews",
        "SELECT 1 FROM playlist_items",
    ] {
        assert_eq!(shown.rows(sql).await, 0, "{sql}");
    }
}

#[tokio::test]
async fn a_clip_is_a_play_of_its_part_and_ends_like_any() {
    let shown = Shown::new().await;
    // The third segment begins at a minute, with a whole page.
    let clip = shown.clip(61, 62).await;
    let begun =
        shown.member.post(&format!("/api/v1/clips/{clip}/plays"), json!({ "reason": "to learn" })).await.ok();
    let played = json!({ "id": clip, "from_ms": 61_000, "to_ms": 62_000, "title": "A part" });
    assert_eq!(begun["clip"], played);
    let play = format!("/api/v1/plays/{}", text(&begun["id"]));
    let listed: Vec<u64> = begun["tracks"][0]["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| segment["sequence"].as_u64().unwrap())
        .collect();
    for number in 0..FULL {
        let path = format!("{play}/tracks/{}/segments/{number}", shown.track);
        let status = shown.member.get(&path).await.status;
        let wanted = if listed.contains(&number) { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(status, wanted, "{number} of {listed:?}");
    }
    assert!(listed.contains(&2) && !listed.contains(&0) && !listed.contains(&3), "{listed:?}");
    // What was watched is told as of any play, within the part.
    let watched = |from: i64, to: i64| json!({ "from_us": from * 1_000_000, "to_us": to * 1_000_000 });
    assert_eq!(shown.member.post(&format!("{play}/ranges"), watched(0, 5)).await.problem(), "malformed");
    shown.member.post(&format!("{play}/ranges"), watched(0, 90)).await;
    let viewers = shown.admin.get(&shown.path("viewers")).await.ok();
    let ranges = json!([{ "from_us": 61_000_000, "to_us": 62_000_000 }]);
    assert_eq!(
        (&viewers["items"][0]["ranges"], &viewers["items"][0]["reason"]),
        (&ranges, &json!("to learn"))
    );
    // A right that is taken away ends it at once.
    shown.set("member.view_own", json!(false)).await;
    let path = format!("{play}/tracks/{}/segments/2", shown.track);
    assert_eq!(shown.member.get(&path).await.status, StatusCode::NOT_FOUND);
    let again = shown.member.post(&format!("/api/v1/clips/{clip}/plays"), json!({})).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(shown.member.get(&shown.path("comments")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_review_queue_tells_everybody_of_what_they_see_and_goes_on_page_by_page() {
    let shown = Shown::new().await;
    let other = visit(&shown.installation, &shown.site_key, 1).await.recording;
    for recording in [&shown.recording, &other] {
        let path = format!("/api/v1/recordings/{recording}/review");
        assert_eq!(shown.admin.get(&path).await.status, StatusCode::NOT_FOUND);
        let asked = json!({ "state": "waiting", "note": "the second page" }).to_string();
        let put = shown.admin.send("PUT", &path, asked).await.ok();
        assert_eq!((&put["state"], &put["note"]), (&json!("waiting"), &json!("the second page")));
        shown.installation.wait(Duration::from_secs(1));
    }
    let ids = |list: &Value| -> Vec<String> {
        list["items"].as_array().unwrap().iter().map(|item| text(&item["recording"]["id"])).collect()
    };
    assert_eq!(ids(&shown.admin.get("/api/v1/reviews").await.ok()), [shown.recording.clone(), other.clone()]);
    assert_eq!(ids(&shown.member.get("/api/v1/reviews").await.ok()), std::slice::from_ref(&shown.recording));
    let stranger = shown.installation.person("stranger").await;
    assert_eq!(stranger.get("/api/v1/reviews").await.ok()["items"], json!([]));
    let put = async |caller: &Caller, asked: Value| {
        caller.send("PUT", &shown.path("review"), asked.to_string()).await
    };
    // Whom it is about neither says that it was looked at nor changes what others asked.
    for asked in [json!({ "state": "done" }), json!({ "state": "waiting", "note": "not needed" })] {
        assert_eq!(put(&shown.member, asked).await.problem(), "not-yours");
    }
    assert_eq!(shown.member.delete(&shown.path("review")).await.problem(), "not-yours");
    // Who asked for it stays, also where it turns out that nobody looked after all.
    let second = add(&shown.installation, shown.installation.organisation, "Second", Role::Admin).await;
    let reviewer = shown.installation.person("second").await;
    let done = put(&reviewer, json!({ "state": "done" })).await.ok();
    assert_eq!(
        (&done["note"], &done["done_by"]["id"]),
        (&json!("the second page"), &json!(second.to_string())),
        "{done}"
    );
    let asked_by = done["asked_by"]["id"].clone();
    assert!(asked_by != done["done_by"]["id"]);
    let back = put(&reviewer, json!({ "state": "waiting" })).await.ok();
    assert_eq!((&back["asked_by"]["id"], &back["note"]), (&asked_by, &json!("the second page")));
    put(&reviewer, json!({ "state": "done" })).await.ok();
    let anew = put(&reviewer, json!({ "state": "waiting", "note": null })).await.ok();
    assert_eq!((&anew["asked_by"]["id"], &anew["note"]), (&json!(second.to_string()), &json!(null)));
    put(&shown.admin, json!({ "state": "done" })).await.ok();
    assert_eq!(
        ids(&shown.admin.get("/api/v1/reviews?state=waiting").await.ok()),
        std::slice::from_ref(&other)
    );
    let reviewed = shown.admin.get("/api/v1/reviews?state=done").await.ok();
    assert_eq!(ids(&reviewed), std::slice::from_ref(&shown.recording));
    let again = format!("done.{}.{}", i64::MAX, shown.recording);
    let again = shown.admin.get(&format!("/api/v1/reviews?state=done&cursor={again}")).await.ok();
    assert_eq!(ids(&again), std::slice::from_ref(&shown.recording));
    for bad in ["cursor=x", "cursor=waiting.1", "state=done&cursor=waiting.1.rec_0", "state=perhaps"] {
        let status = shown.admin.get(&format!("/api/v1/reviews?{bad}")).await.status;
        assert!(matches!(status.as_u16(), 400 | 422), "{bad}: {status}");
    }
    assert_eq!(shown.admin.delete(&shown.path("review")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shown.admin.delete(&shown.path("review")).await.status, StatusCode::NOT_FOUND);
    // More than one page of them, all asked for at the same time.
    let mut all = std::collections::BTreeSet::from([other]);
    for _ in 0..55 {
        let recording = visit(&shown.installation, &shown.site_key, 1).await.recording;
        all.insert(recording);
    }
    for recording in &all {
        let path = format!("/api/v1/recordings/{recording}/review");
        shown.admin.send("PUT", &path, json!({ "state": "waiting" }).to_string()).await.ok();
    }
    let first = shown.admin.get("/api/v1/reviews").await.ok();
    assert_eq!(ids(&first).len(), 50);
    let rest = format!("/api/v1/reviews?state=waiting&cursor={}", text(&first["next"]));
    let rest = shown.admin.get(&rest).await.ok();
    assert_eq!(rest["next"], json!(null));
    let told: std::collections::BTreeSet<String> = ids(&first).into_iter().chain(ids(&rest)).collect();
    assert_eq!((told, ids(&rest).len()), (all, 6), "each once");
}

#[tokio::test]
async fn a_playlist_lends_nothing_that_one_does_not_see_anyway() {
    let shown = Shown::new().await;
    let other = visit(&shown.installation, &shown.site_key, 1).await.recording;
    let made = shown.admin.post("/api/v1/playlists", json!({ "title": "How we greet" })).await.ok();
    let path = format!("/api/v1/playlists/{}", text(&made["id"]));
    let clip = shown.clip(1, 2).await;
    let items = json!({ "items": [
        { "kind": "recording", "id": other }, { "kind": "clip", "id": clip }, { "kind": "recording", "id": shown.recording },
    ] });
    let full = patch(&shown.admin, &path, items).await.ok();
    let kinds: Vec<&str> =
        full["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["recording", "clip", "recording"], "in their order");

    let seen = shown.member.get(&path).await.ok();
    assert_eq!((seen["items"].as_array().unwrap().len(), &seen["hidden"]), (2, &json!(1)));
    assert!(!seen.to_string().contains(&other), "{seen}");
    let listed = shown.member.get("/api/v1/playlists").await.ok();
    let first = &listed["items"][0];
    assert_eq!((&first["items"], &first["hidden"], &first["mine"]), (&json!(2), &json!(1), &json!(false)));
    assert_eq!(patch(&shown.member, &path, json!({ "title": "Mine" })).await.problem(), "not-yours");
    assert_eq!(shown.member.delete(&path).await.problem(), "not-yours");
    let stranger = shown.installation.person("stranger").await;
    assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(patch(&stranger, &path, json!({ "title": "Mine" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.get("/api/v1/playlists").await.ok()["items"], json!([]));

    // Into one's own goes only what one sees: what one does not see is told like what is not there.
    let own = shown.member.post("/api/v1/playlists", json!({ "title": "Mine" })).await.ok();
    let own = format!("/api/v1/playlists/{}", text(&own["id"]));
    for id in [other.as_str(), "rec_0190a5e200007000800000000000000a"] {
        let put = patch(&shown.member, &own, json!({ "items": [{ "kind": "recording", "id": id }] })).await;
        assert_eq!(put.problem(), "does-not-fit");
    }
    let put =
        patch(&shown.member, &own, json!({ "items": [{ "kind": "clip", "id": shown.recording }] })).await;
    assert_eq!(put.status, StatusCode::UNPROCESSABLE_ENTITY);
    let many: Vec<Value> = (0..201).map(|_| json!({ "kind": "clip", "id": clip })).collect();
    assert_eq!(patch(&shown.member, &own, json!({ "items": many })).await.problem(), "too-many");
    assert_eq!(shown.member.get(&own).await.ok()["items"], json!([]));
    // A clip that is taken away goes out of lists; a list that is taken away leaves what was in it.
    assert_eq!(shown.admin.delete(&format!("/api/v1/clips/{clip}")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shown.admin.get(&path).await.ok()["items"].as_array().unwrap().len(), 2);
    assert_eq!(shown.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        shown.admin.delete(&own).await.status,
        StatusCode::NO_CONTENT,
        "an Admin takes away anybody's"
    );
    assert_eq!(shown.member.get(&shown.path("comments")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_calendar_of_somebody_is_shown_to_whoever_may_list_what_is_about_them() {
    let shown = Shown::new().await;
    let session = shown.member.get("/api/v1/session").await.ok();
    let path = format!("/api/v1/people/{}/calendar", text(&session["person"]["id"]));
    let before = shown.entries("recording.list").await;
    let month = shown.installation.now().to_string();
    let found = shown.admin.get(&format!("{path}?month={}", &month[..7])).await.ok();
    assert_eq!(shown.entries("recording.list").await, before + 1);
    let days = found["days"].as_array().unwrap();
    let recorded: i64 = days.iter().map(|day| day["recorded_ms"].as_i64().unwrap()).sum();
    assert!((90_000..=91_000).contains(&recorded), "{found}");
    assert_eq!(found["month"], month[..7]);
    assert!(days.iter().all(|day| text(&day["day"]).starts_with(&month[..7]) && day["gaps_ms"] == 0));
    assert_eq!(shown.member.get(&path).await.ok(), found, "the month that goes on");
    assert_eq!(shown.admin.get(&format!("{path}?month=2026-01")).await.ok()["days"], json!([]));
    for bad in ["2026", "2026-13", "2026-1", "x", "2026-11-01", "9999-01"] {
        let answer = shown.admin.get(&format!("{path}?month={bad}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    for who in ["stranger", "manager"] {
        let status = shown.installation.person(who).await.get(&path).await.status;
        assert!(matches!(status.as_u16(), 403 | 404), "{who}: {status}");
    }
    shown.admin.post(&shown.path("delete"), json!({})).await.ok();
    assert_eq!(shown.admin.get(&path).await.ok()["days"], json!([]), "what was deleted is not told of");
}
