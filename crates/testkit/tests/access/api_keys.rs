//! API keys: what they may do, for how long, and where they may be sent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_audit::authority::Difference;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, snapshot};
use clerestory_testkit::{Answer, Caller, Installation};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What a key may be made for today, and where that is asked for.
const SCOPES: [(&str, &str); 5] = [
    ("audit.read", "/api/v1/audit"),
    ("health.read", "/api/v1/health/findings"),
    ("recording.list", "/api/v1/recordings"),
    ("recording.read", "/api/v1/recordings/{recording}"),
    ("site.list", "/api/v1/sites"),
];

async fn make(admin: &Caller, scopes: &[&str], days: u64) -> Answer {
    admin.post("/api/v1/keys", json!({ "name": "Nightly report", "scopes": scopes, "days": days })).await
}

/// A program that sends this key: it has no cookie and knows nothing of the console.
fn program(installation: &Installation, made: &Value) -> Caller {
    let key = made["key"].as_str().unwrap();
    installation.anonymous().without("clerestory-csrf").with("authorization", format!("Bearer {key}"))
}

async fn recording(installation: &Installation) -> String {
    let site = installation.site(&installation.person("admin").await).await;
    let now = i64::try_from(installation.now().unix_millis()).unwrap();
    let recorder = installation.recorder("https://shop.example");
    let visit = Visit::start(recorder, site["site_key"].as_str().unwrap(), now).await;
    visit.send(0, &snapshot(now, 2, "x")).await.ok();
    visit.recording
}

async fn replays(installation: &Installation) {
    let differences = installation.app.replay_authority().await.unwrap();
    let told: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert_eq!(told, Vec::<String>::new());
}

#[tokio::test]
async fn a_key_does_what_it_was_made_for_and_nothing_else() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let recording = recording(&installation).await;
    let offered = admin.get("/api/v1/keys").await.ok();
    assert_eq!(offered["scopes"], json!(SCOPES.map(|(scope, _)| scope)));
    let theirs = installation.proven("stranger").await;
    for (scope, _) in SCOPES {
        let made = make(&admin, &[scope], 30).await.ok();
        let key = program(&installation, &made);
        let foreign = program(&installation, &make(&theirs, &[scope], 30).await.ok());
        for (other, path) in SCOPES {
            let path = path.replace("{recording}", &recording);
            let answer = key.get(&path).await;
            let wanted = match (scope == other, other) {
                (true, _) => StatusCode::OK,
                // Whoever may not even know of it is told that nothing is there.
                (false, "recording.read") => StatusCode::NOT_FOUND,
                (false, _) => StatusCode::FORBIDDEN,
            };
            assert_eq!(answer.status, wanted, "{scope}: {path} {}", answer.json);
            if other == "recording.read" {
                assert_eq!(foreign.get(&path).await.status, StatusCode::NOT_FOUND, "{scope}");
            }
        }
    }
    let list = program(&installation, &make(&theirs, &["recording.list"], 30).await.ok());
    assert_eq!(list.get("/api/v1/recordings").await.ok()["items"], json!([]), "another organisation's");
    replays(&installation).await;
}

#[tokio::test]
async fn a_key_is_made_by_a_proven_administrator_within_what_they_may_give() {
    let installation = Installation::new().await;
    let admin = installation.person("admin").await;
    let refused = make(&admin, &["audit.read"], 30).await;
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "step-up-required"));
    for who in ["manager", "member"] {
        let refused = make(&installation.proven(who).await, &["recording.list"], 30).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "refused"), "{who}");
    }
    let admin = installation.proven("admin").await;
    for (scopes, days) in [
        (&["recording.erase"][..], 30),
        (&["recording.list", "no.such"], 30),
        (&["profile.read"], 30),
        (&["maintain.erase"], 30),
        (&[], 30),
        (&["audit.read"], 0),
        (&["audit.read"], 367),
    ] {
        let answer = make(&admin, scopes, days).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::UNPROCESSABLE_ENTITY, "malformed"),
            "{scopes:?}"
        );
    }
    for name in ["", "   ", &"x".repeat(101)] {
        let answer = admin.post("/api/v1/keys", json!({ "name": name, "scopes": ["audit.read"] })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let made = admin.post("/api/v1/keys", json!({ "name": " Report ", "scopes": ["audit.read"] })).await.ok();
    let listed = admin.get("/api/v1/keys").await.ok();
    let [item] = listed["items"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!(
        (&item["id"], &item["name"], &item["made_by"]["name"]),
        (&made["id"], &json!("Report"), &json!("admin"))
    );
    assert!(!listed.to_string().contains("csk_"), "it is shown once");
    replays(&installation).await;
}

/// On another node of the same installation too.
#[tokio::test]
async fn a_rotated_or_ended_key_is_refused_at_once_on_every_node() {
    let server = AnyServer::get().await;
    let one = Installation::over(Some(new_schema(server.address()).await)).await;
    let two = one.another_node().await;
    let admin = one.proven("admin").await;
    let made = make(&admin, &["audit.read"], 30).await.ok();
    let old = program(&one, &made);
    let is = async |key: &Caller| {
        let (here, there) =
            (key.get("/api/v1/audit").await, key.clone().through(&two).get("/api/v1/audit").await);
        assert_eq!(here.status, there.status);
        here.status
    };
    assert_eq!(is(&old).await, StatusCode::OK);
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    let rotated = admin.post(&format!("{path}/rotate"), json!({})).await.ok();
    assert_eq!(is(&old).await, StatusCode::UNAUTHORIZED);
    let new = program(&one, &rotated);
    assert_eq!(is(&new).await, StatusCode::OK);
    let stranger = one.proven("stranger").await;
    assert_eq!(stranger.delete(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(stranger.post(&format!("{path}/rotate"), json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(is(&new).await, StatusCode::UNAUTHORIZED);
    replays(&one).await;
}

#[tokio::test]
async fn a_key_runs_out_tells_when_it_was_used_and_goes_with_its_maker() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let short = program(&installation, &make(&admin, &["audit.read"], 1).await.ok());
    let long = program(&installation, &make(&admin, &["audit.read"], 366).await.ok());
    assert_eq!(short.get("/api/v1/audit").await.status, StatusCode::OK);
    installation.wait(DAY);
    assert_eq!(short.get("/api/v1/audit").await.status, StatusCode::UNAUTHORIZED);
    let admin = installation.person("admin").await;
    let used = async || {
        let listed = admin.get("/api/v1/keys").await.ok();
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["last_used_at"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(used().await.iter().filter(|at| at.is_null()).count(), 1, "one was never used");
    for _ in 0..3 {
        long.get("/api/v1/audit").await.ok();
    }
    assert!(used().await.iter().all(Value::is_string));
    // By hand, as nobody makes an administrator a member over the API yet: the maker may do less, and so does the key.
    let demote = "UPDATE people SET role = 'member' WHERE role = 'admin'";
    by_hand(&installation, demote).await;
    assert_eq!(long.get("/api/v1/audit").await.status, StatusCode::FORBIDDEN);
    by_hand(&installation, "DELETE FROM people WHERE role = 'member'").await;
    assert_eq!(long.get("/api/v1/audit").await.status, StatusCode::UNAUTHORIZED);
}

async fn by_hand(installation: &Installation, sql: &'static str) {
    let done: Result<u64, clerestory_sql::SqlError> = installation
        .app
        .database
        .write(clerestory_sql::Lane::Interactive, move |tx| {
            Box::pin(async move { tx.execute(sql, &[]).await })
        })
        .await;
    assert!(done.unwrap() > 0);
}

/// An address is written into logs and histories on the way: a key in one is refused, and told where it is real.
#[tokio::test]
async fn a_key_in_an_address_is_refused_and_told() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let made = make(&admin, &["audit.read"], 30).await.ok();
    let key = made["key"].as_str().unwrap();
    let escaped = key.replace('_', "%5F").replacen('c', "%63", 1);
    let nobody = installation.anonymous();
    for path in [
        format!("/api/v1/audit?access_token={key}"),
        format!("/api/v1/recordings?key={key}&limit=1"),
        format!("/api/v1/recordings/{key}"),
        format!("/{key}"),
        format!("/api/v1/audit?k={escaped}"),
        "/api/v1/audit?k=csk_something".to_owned(),
    ] {
        for caller in [&nobody, &admin, &program(&installation, &made)] {
            let answer = caller.get(&path).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (StatusCode::BAD_REQUEST, "key-in-address"),
                "{path}"
            );
        }
    }
    let told = admin.get("/api/v1/audit?action=key.exposed").await.ok();
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "the first at once, more of its kind after a minute");
    assert_eq!((&items[0]["object"]["id"], &items[0]["actor"]["kind"]), (&made["id"], &json!("key")));
}

/// What is for people takes no key, and a key is never mixed with a session.
#[tokio::test]
async fn a_key_is_no_session() {
    let installation = Installation::new().await;
    let admin = installation.proven("admin").await;
    let all: Vec<&str> = SCOPES.iter().map(|(scope, _)| *scope).collect();
    let made = make(&admin, &all, 30).await.ok();
    let key = program(&installation, &made);
    for path in ["/api/v1/session", "/api/v1/sessions", "/api/v1/keys", "/api/v1/session/factor"] {
        let answer = key.get(path).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::FORBIDDEN, "not-for-keys"), "{path}");
    }
    let asked = json!({ "name": "S", "origins": ["https://s.example"] });
    assert_eq!(key.post("/api/v1/sites", asked).await.problem(), "not-for-keys");
    let both = admin.clone().with("authorization", format!("Bearer {}", made["key"].as_str().unwrap()));
    assert_eq!(both.get("/api/v1/session").await.problem(), "not-for-keys", "the key it is");
    let forged = admin
        .clone()
        .without("clerestory-csrf")
        .with("authorization", format!("Bearer csk_{}", "A".repeat(43)));
    for (method, path) in [("POST", "/api/v1/sites"), ("DELETE", "/api/v1/sessions")] {
        assert_eq!(
            forged.send(method, path, "{}").await.status,
            StatusCode::UNAUTHORIZED,
            "no way round the cookie's rules"
        );
    }
    assert_eq!(admin.get("/api/v1/session").await.status, StatusCode::OK);
    for wrong in ["Bearer csk_", "Bearer csk_short", "bearer", "Basic YTpi", "Bearer nothing"] {
        let answer = installation.anonymous().with("authorization", wrong).get("/api/v1/audit").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let read = admin.get("/api/v1/audit?action=key.use&outcome=refused").await.ok();
    assert!(!read["items"].as_array().unwrap().is_empty(), "it is on record");
}

#[tokio::test]
async fn no_key_that_works_is_in_the_database() {
    let installation = Installation::kept(None, |_, places| places.postgres = None).await;
    let admin = installation.proven("admin").await;
    let made = make(&admin, &["audit.read"], 30).await.ok();
    program(&installation, &made).get("/api/v1/audit").await.ok();
    let text = made["key"].as_str().unwrap().trim_start_matches("csk_");
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut kept = Vec::new();
    for file in ["clerestory.db", "clerestory.db-wal"] {
        kept.extend(std::fs::read(installation.app.places.data.join(file)).unwrap_or_default());
    }
    let has = |word: &[u8]| kept.windows(word.len()).any(|at| at == word);
    assert!(has(&clerestory_seal::sha256(&bytes)), "its hash is");
    for secret in [text.as_bytes(), &bytes, b"Nightly report"] {
        assert!(!has(secret));
    }
}
