//! Nothing is done that the log did not take: every route of the description, one by one, while no entry can be
//! written. Whatever reads what is recorded or changes anything is unavailable, and has done nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory_notices::Post;
use clerestory_sql::Value;
use clerestory_testkit::screen::{Recorder, Screen, pictures, record_screens, screen_start};
use clerestory_testkit::visit::{Visit, gzip, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::json;

use super::routes::routes;
use super::{OPEN, PASSWORD, Scene, scene};

/// Routes that answer without an entry, and why that is right. They change no row, but for [`RIDES`].
const ANSWERED: &[(&str, u16, &str)] = &[
    ("POST /api/v1/capture/end", 204, "rides on the entry of the visit's start, and only closes it"),
    ("GET /api/v1/capture/policy", 200, "the signed policy is given to whoever opens the page"),
    (
        "POST /api/v1/capture/screens/end",
        204,
        "rides on the entry of the recording's start, and only closes it",
    ),
    ("GET /api/v1/capture/screens/policy", 200, "the signed policy is given to the recorder whose it is"),
    (
        "PUT /api/v1/capture/screens/segments/{kind}/{sequence}",
        200,
        "rides on the entry of the recording's start",
    ),
    ("GET /api/v1/capture/screens/watching", 200, "rides on the entry of the recording's start"),
    ("PUT /api/v1/capture/segments/{sequence}", 200, "rides on the entry of the visit's start"),
    ("GET /api/v1/health", 200, "says that it is there"),
    ("GET /api/v1/people/{person}/picture", 200, "rides on the entry of the list or of the sign-in"),
    ("GET /api/v1/plays/{play}/follow", 200, "rides on the entry of the play, and opens nothing"),
    ("GET /api/v1/plays/{play}/previews/{at}", 404, "rides on the entry of the play, which has none"),
    ("GET /api/v1/plays/{play}/tracks/{track}/segments/{sequence}", 200, "rides on the entry of the play"),
    ("GET /api/v1/recordings/{recording}/preview", 404, "rides on the entry of a list, by a ticket of it"),
    ("GET /api/v1/session", 200, "rides on the entry of the sign-in: their own name"),
    ("GET /api/v1/session/factor", 200, "rides on the entry of the sign-in: their own"),
    ("POST /api/v1/session/forgotten", 202, "the same is said to everybody before anything is looked up"),
    ("GET /api/v1/sessions", 200, "rides on the entry of the sign-in: their own browsers"),
    ("GET /api/v1/sites/{site}/receipts", 200, "rides on the entry of the sign-in, and opens nothing"),
];
/// Routes that go on with what an entry told of before.
const RIDES: &[&str] = &[
    "POST /api/v1/capture/end",
    "POST /api/v1/capture/screens/end",
    "PUT /api/v1/capture/screens/segments/{kind}/{sequence}",
    "PUT /api/v1/capture/segments/{sequence}",
];

/// Every row of every table, as it is.
async fn rows(installation: &Installation) -> BTreeMap<String, Vec<Vec<Value>>> {
    let mut all = BTreeMap::new();
    for (table, columns) in installation.schema().await {
        let mut rows = installation.rows_of(&table, &columns).await;
        rows.sort_by_cached_key(|row| format!("{row:?}"));
        all.insert(table, rows);
    }
    all
}

/// The tables in which something is other than it was.
fn changed(
    before: &BTreeMap<String, Vec<Vec<Value>>>,
    after: &BTreeMap<String, Vec<Vec<Value>>>,
) -> Vec<String> {
    before
        .iter()
        .filter(|(table, rows)| after.get(*table) != Some(rows))
        .map(|(table, _)| table.clone())
        .collect()
}

/// What those who have no session need for what they ask.
struct Outside {
    visit: Visit,
    screen: Screen,
    further_screen: Screen,
    recorder: Recorder,
    further_recorder: Recorder,
    code: String,
    link: String,
    invitation: String,
}

impl Outside {
    async fn of(scene: &Scene, admin: &Caller) -> Self {
        let now_ms = scene.installation.now().unix_millis() as i64;
        let recorder = scene.installation.recorder("https://shop.example");
        let asked = json!({ "name": "Nora", "email": "nora@example.org", "role": "member" });
        let invited = admin.post("/api/v1/people", asked).await.ok();
        let invitation = invited["link"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
        let address = "smtp://127.0.0.1:9".parse().unwrap();
        scene
            .installation
            .app
            .notices
            .post_by(Post::new(&address, None, "Clerestory <c@example.org>").unwrap());
        let installation = &scene.installation;
        let person = installation.person("manager").await;
        record_screens(installation).await;
        let enrolled = Recorder::enrol(&person, &installation.anonymous()).await;
        let screen = enrolled.start(now_ms, "0190a5e2-0000-7000-8000-000000000011", None).await;
        let further_screen = enrolled.start(now_ms, "0190a5e2-0000-7000-8000-000000000012", None).await;
        let further_recorder = Recorder::enrol(&person, &installation.anonymous()).await;
        // That it was heard of is noted once a minute.
        further_recorder.sender().get("/api/v1/capture/screens/policy").await.ok();
        let code = person.post("/api/v1/recorders/codes", json!({})).await.ok();
        // Of what has not happened yet nothing is taken back.
        installation.wait(Duration::from_secs(2));
        Self {
            screen,
            further_screen,
            recorder: enrolled,
            further_recorder,
            code: code["code"].as_str().unwrap().to_owned(),
            visit: Visit::start(recorder, &scene.site_key, now_ms).await,
            link: scene.installation.link("member@example.org").await,
            invitation,
        }
    }

    /// Asks as whoever the route is for, with what would be taken at any other time.
    async fn ask(&self, scene: &Scene, route: &str) -> Answer {
        let nobody = scene.installation.anonymous();
        let now_ms = scene.installation.now().unix_millis() as i64;
        let (method, path) = route.split_once(' ').unwrap();
        let recorder = scene.installation.recorder("https://shop.example");
        let unknown = "A".repeat(43);
        let body = match path.trim_start_matches("/api/v1") {
            "/capture/segments/{sequence}" => {
                let sender = self.visit.sender().with("content-encoding", "gzip");
                let packed = gzip(snapshot(now_ms, 2, "x").to_string().as_bytes());
                return sender.send(method, "/api/v1/capture/segments/0", packed).await;
            }
            "/capture/recorders" => json!({ "code": self.code, "label": "Laptop" }),
            "/capture/recorders/leave" => {
                return self.further_recorder.sender().post(path, json!({})).await;
            }
            "/capture/screens/policy" => return self.recorder.sender().get(path).await,
            "/capture/screens/start" => {
                let asked = screen_start(now_ms, "0190a5e2-0000-7000-8000-000000000013", None);
                return self.recorder.sender().post(path, asked).await;
            }
            "/capture/screens/segments/{kind}/{sequence}" => {
                return self.screen.send("video", 0, pictures(now_ms, 1)).await;
            }
            "/capture/screens/watching" => return self.screen.sender().get(path).await,
            "/capture/screens/discard" => {
                let asked = json!({ "from_ms": now_ms - 1000, "to_ms": now_ms });
                return self.screen.sender().post(path, asked).await;
            }
            "/capture/screens/end" => {
                return self.further_screen.sender().post(path, json!({ "reason": "stopped" })).await;
            }
            "/capture/end" => return self.visit.sender().post(path, json!({ "reason": "stopped" })).await,
            "/capture/start" => {
                let writer = "0190a5e2-0000-7000-8000-000000000009";
                let asked = json!({ "site_key": scene.site_key, "writer": writer, "client_time_ms": now_ms });
                return recorder.post(path, asked).await;
            }
            "/capture/policy" => {
                return recorder.get(&format!("{path}?site_key={}", scene.site_key)).await;
            }
            "/session" => json!({ "email": "member@example.org", "password": PASSWORD }),
            "/session/forgotten" => json!({ "email": "member@example.org" }),
            "/session/invitation" => {
                json!({ "token": self.invitation, "password": "clear glass above the aisle" })
            }
            "/session/link" => json!({ "token": self.link }),
            "/session/reset" => json!({ "token": unknown, "password": "clear glass above the aisle" }),
            "/session/second-factor" => json!({ "token": unknown, "code": "000000" }),
            "/set-up" => {
                json!({ "token": unknown, "organisation": "O", "name": "N", "email": "n@example.org",
                "password": "clear glass above the aisle" })
            }
            _ => json!({}),
        };
        let body = if method == "GET" { String::new() } else { body.to_string() };
        nobody.send(method, path, body).await
    }
}

#[tokio::test]
async fn nothing_is_done_that_the_log_does_not_take() {
    let mut scene = scene().await;
    let admin = scene.installation.proven("admin").await;
    let outside = Outside::of(&scene, &admin).await;
    // What is watched, who is shown and what ends is of this session.
    let play = admin.post(&format!("/api/v1/recordings/{}/plays", scene.recording), json!({})).await.ok();
    scene.play = play["id"].as_str().unwrap().to_owned();
    let face = format!("/api/v1/people/{}/picture", scene.admin);
    admin.send("PUT", &face, clerestory_testkit::picture()).await.ok();
    let sessions = admin.get("/api/v1/sessions").await.ok();
    let elsewhere = sessions["items"].as_array().unwrap().iter().find(|item| item["current"] != true);
    let elsewhere = format!("/api/v1/sessions/{}", elsewhere.unwrap()["id"].as_str().unwrap());
    let (scene, installation) = (&scene, &scene.installation);
    installation.refuse("INSERT ON audit_entries", "NEW.number > 0").await;
    let (mut answered, mut done) = (Vec::new(), Vec::new());
    let mut before = rows(installation).await;
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let status = match name.as_str() {
            // A stream ends when nobody listens to it.
            "GET /api/v1/plays/{play}/follow" => {
                admin.begin("GET", &format!("/api/v1/plays/{}/follow", scene.play), "").await.status()
            }
            "PUT /api/v1/people/{person}/picture" => {
                admin.send("PUT", &face, clerestory_testkit::picture()).await.status
            }
            "DELETE /api/v1/sessions/{session}" => admin.delete(&elsewhere).await.status,
            "POST /api/v1/session/step-up" => {
                admin.post("/api/v1/session/step-up", json!({ "password": PASSWORD })).await.status
            }
            open if OPEN.contains(&open) => outside.ask(scene, open).await.status,
            _ => scene.ask(&admin, &route).await.status,
        };
        let after = rows(installation).await;
        let changed = changed(&before, &after);
        if !changed.is_empty() && !RIDES.contains(&name.as_str()) {
            done.push(format!("{name}: {changed:?}"));
        }
        before = after;
        if status != StatusCode::SERVICE_UNAVAILABLE {
            answered.push((name, status.as_u16()));
        }
    }
    assert_eq!(done, Vec::<String>::new(), "done, and not on record");
    let listed: Vec<(&str, u16)> = ANSWERED.iter().map(|(name, status, _)| (*name, *status)).collect();
    let found: Vec<(&str, u16)> = answered.iter().map(|(name, status)| (name.as_str(), *status)).collect();
    assert_eq!(found, listed, "each of the others answers that it cannot be done at the moment");
    installation.refuse_no_more().await;
    admin.get("/api/v1/recordings").await.ok();
}
