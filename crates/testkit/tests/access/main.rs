//! Who may do what, over HTTP: every cell of the matrix in every state, every route of the description, the table that
//! they are meant to fulfil, and what plays, lists and the log hold to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod api_keys;
mod authority;
mod authority_rows;
mod cells;
mod coaching;
mod coaching_rights;
mod conditions;
mod erased_views;
mod following;
mod log;
mod log_export;
mod people;
mod relaxing;
mod roles;
mod routes;
mod scene;
mod scopes;
mod standing;
mod support;
mod table;
mod tightening;
mod unrecorded;
mod views;

use axum::http::StatusCode;
use clerestory_audit::EntryFilter;
use clerestory_audit::ledger::{
    Hash, SignedCheckpoint, Step, commitment, leaf_hash, verify_consistency, verify_inclusion,
};
use clerestory_model::OrganisationId;
use clerestory_testkit::Installation;
use serde_json::{Value, json};

use scene::{Scene, rules, scene, sign};

const EXPECTED: &str = include_str!("../../../../policies/matrix-expected.toml");
const PASSWORD: &str = "high windows, all lit";
const MATRIX: &str = include_str!("../../../../policies/matrix.toml");

/// Actions that no person does by a route of their own: recorders and the program do, under the stories of capture.
const NOT_BY_PEOPLE: [&str; 20] = [
    "block.check",
    "capture.discard",
    "capture.start",
    "capture.upload",
    "credential.check",
    "credential.reset",
    "maintain.check",
    "maintain.close",
    "maintain.drill",
    "maintain.erase",
    "maintain.preview",
    "maintain.rebuild",
    "maintain.repair",
    "maintain.reseal",
    "maintain.settle",
    "notice.send",
    "maintain.sweep",
    "policy.sign",
    "request.tell",
    "setting.write.deployment",
];

/// Routes that answer without a session: an exact list, which may only be changed on purpose.
const OPEN: [&str; 20] = [
    "GET /api/v1/capture/policy",
    "GET /api/v1/capture/screens/policy",
    "GET /api/v1/capture/screens/watching",
    "GET /api/v1/health",
    "POST /api/v1/capture/end",
    "POST /api/v1/capture/recorders",
    "POST /api/v1/capture/recorders/leave",
    "POST /api/v1/capture/screens/discard",
    "POST /api/v1/capture/screens/end",
    "POST /api/v1/capture/screens/start",
    "POST /api/v1/capture/start",
    "POST /api/v1/session",
    "POST /api/v1/session/forgotten",
    "POST /api/v1/session/invitation",
    "POST /api/v1/session/link",
    "POST /api/v1/session/reset",
    "POST /api/v1/session/second-factor",
    "POST /api/v1/set-up",
    "PUT /api/v1/capture/screens/segments/{kind}/{sequence}",
    "PUT /api/v1/capture/segments/{sequence}",
];

impl Scene {
    /// The rules of the refusals of this action that the organisation's log tells of.
    async fn refusals(&self, action: &str) -> Vec<String> {
        let admin = self.installation.person("admin").await;
        let told = admin.get(&format!("/api/v1/audit?action={action}&outcome=refused")).await.ok();
        let items = told["items"].as_array().unwrap();
        items.iter().map(|item| item["rule"].as_str().unwrap().to_owned()).collect()
    }

    /// A path with the ids of this scene.
    fn fill(&self, path: &str) -> String {
        path.replace("{recording}", &self.recording)
            .replace("{track}", &self.track)
            .replace("{sequence}", "0")
            .replace("{play}", &self.play)
            .replace("{site}", &self.site)
            .replace("{subject}", &self.subject)
            .replace("{proposal}", "epr_0190a5e200007000800000000000000a")
            .replace("{erasure}", "era_0190a5e200007000800000000000000a")
            .replace("{person}", &self.admin)
            .replace("{node}", &self.node)
            .replace("{grant}", &self.support)
            .replace("{comment}", "cmt_0190a5e200007000800000000000000a")
            .replace("{clip}", "clp_0190a5e200007000800000000000000a")
            .replace("{playlist}", "lst_0190a5e200007000800000000000000a")
            .replace("{view}", "viw_0190a5e200007000800000000000000a")
            .replace("{role}", "rol_0190a5e200007000800000000000000a")
            .replace("{block}", "blk_0190a5e200007000800000000000000a")
            .replace("{hold}", "hld_0190a5e200007000800000000000000a")
            .replace("{request}", &self.request)
            .replace("{tile}", "0/000.p/1")
            .replace("{session}", "ses_0190a5e200007000800000000000000a")
            .replace("{recorder}", "rcr_0190a5e200007000800000000000000a")
            .replace("{kind}", "video")
            .replace("{key}", "apk_0190a5e200007000800000000000000a")
            .replace("{name}", "view.reason_required")
            .replace("{at}", "0")
    }
}

/// What belongs to another organisation leaves nothing of itself in one's own log, not even that it is there.
#[tokio::test]
async fn a_refusal_says_nothing_of_what_belongs_to_others() {
    let scene = scene().await;
    let stranger = scene.installation.person("stranger").await;
    let last = if scene.site.ends_with('0') { "1" } else { "0" };
    let nothing = format!("{}{last}", &scene.site[..scene.site.len() - 1]);
    let document = json!({ "preset": "private", "media": "allowed", "exclude": [], "mask": [], "unmask": [],
        "urls": { "deny": [], "allow": [] } });
    for site in [&scene.site, &nothing] {
        let asked = json!({ "document": document, "based_on": 1 }).to_string();
        let answer = stranger.send("PUT", &format!("/api/v1/sites/{site}/policy"), asked).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.json);
    }
    let told = stranger.get("/api/v1/audit?action=policy.edit").await.ok();
    let [one, other] = told["items"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&one["detail"], &other["detail"]), (&Value::Null, &Value::Null));
    assert_eq!(one["rule"], other["rule"]);
}

/// Its key is destroyed a little later than it is asked for; nobody is shown anything until then.
#[tokio::test]
async fn what_is_being_erased_shows_no_title_and_no_address() {
    let scene = scene().await;
    let admin = scene.installation.proven("admin").await;
    let read = format!("/api/v1/recordings/{}", scene.recording);
    assert_eq!(admin.get(&read).await.ok()["summary"]["url"], "https://shop.example/");
    scene.act("recording.erase", &admin).await.ok();
    let facts = admin.get(&read).await.ok();
    assert_eq!((&facts["state"], &facts["summary"]), (&json!("purge_queued"), &Value::Null));
    let listed = admin.get("/api/v1/recordings?state=purge_queued").await.ok();
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["summary"]), (&facts["id"], &Value::Null));
}

#[tokio::test]
async fn a_play_is_of_one_session_only_and_ends_with_it() {
    let scene = scene().await;
    let same_person_elsewhere = scene.installation.person("admin").await;
    let path = format!("/api/v1/plays/{}/tracks/{}/segments/0", scene.play, scene.track);
    assert_eq!(same_person_elsewhere.get(&path).await.status, StatusCode::NOT_FOUND);
    scene.installation.switch_on(&["manager.scope.visitors"]).await;
    let manager = scene.installation.person("manager").await;
    let begun = manager.post(&format!("/api/v1/recordings/{}/plays", scene.recording), json!({})).await.ok();
    let play = begun["id"].as_str().unwrap();
    let path = format!("/api/v1/plays/{play}/tracks/{}/segments/0", scene.track);
    manager.get(&path).await.ok();
    assert_eq!(manager.delete("/api/v1/sessions").await.status, StatusCode::NO_CONTENT);
    assert_eq!(manager.get(&path).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn taking_a_right_away_ends_a_running_play() {
    let scene = scene().await;
    scene.installation.switch_on(&["manager.scope.visitors"]).await;
    let manager = scene.installation.person("manager").await;
    let begun = manager.post(&format!("/api/v1/recordings/{}/plays", scene.recording), json!({})).await.ok();
    let path = format!("/api/v1/plays/{}/tracks/{}/segments/0", begun["id"].as_str().unwrap(), scene.track);
    manager.get(&path).await.ok();
    let demoted: Result<u64, clerestory_sql::SqlError> = scene
        .installation
        .app
        .database
        .write(clerestory_sql::Lane::Interactive, |tx| {
            Box::pin(async move {
                tx.execute("UPDATE people SET role = 'member' WHERE role = 'manager'", &[]).await
            })
        })
        .await;
    assert_eq!(demoted.unwrap(), 1);
    for _ in 0..3 {
        assert_eq!(manager.get(&path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(scene.refusals("recording.play").await, ["matrix recording.play member own"], "and counted");
}

#[tokio::test]
async fn a_play_nobody_watches_runs_out() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let begun = admin.post(&format!("/api/v1/recordings/{}/plays", scene.recording), json!({})).await.ok();
    let play = begun["id"].as_str().unwrap();
    let segment = format!("/api/v1/plays/{play}/tracks/{}/segments/0", scene.track);
    let ranges = format!("/api/v1/plays/{play}/ranges");
    let minutes = |count: u64| std::time::Duration::from_secs(60 * count);
    scene.installation.wait(minutes(10));
    admin.post(&ranges, json!({ "from_us": 0, "to_us": 1_000_000 })).await.ok();
    scene.installation.wait(minutes(10));
    admin.get(&segment).await.ok();
    scene.installation.wait(minutes(10));
    assert_eq!(admin.get(&segment).await.problem(), "play-ended");
    let backwards = admin.post(&ranges, json!({ "from_us": 5, "to_us": 1 })).await;
    assert!(matches!(backwards.problem(), "malformed" | "play-ended"));
}

#[tokio::test]
async fn a_list_that_continues_rides_on_its_entry_for_a_quarter_of_an_hour() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let first = admin.get("/api/v1/recordings").await.ok();
    let entry = first["entry"].as_u64().unwrap();
    let again = admin.get(&format!("/api/v1/recordings?continues={entry}")).await.ok();
    assert_eq!(again["entry"], first["entry"]);
    let other = admin.get(&format!("/api/v1/recordings?watched=no&continues={entry}")).await;
    assert_eq!((other.status, other.problem()), (StatusCode::BAD_REQUEST, "entry-of-another-list"));
    let asked = "/api/v1/recordings?state=capturing&min_duration_ms=10&from=";
    let moving = admin.get(&format!("{asked}2026-01-01T00:00:00Z")).await.ok();
    let told = admin.get("/api/v1/audit?action=recording.list&limit=1").await.ok();
    let detail = &told["items"][0]["detail"];
    let told = "in the state capturing, begun at or after 2026-01-01T00:00:00.000000Z, of at least 10 ms";
    assert_eq!(detail, &format!("recordings {told}"));
    let on = &moving["entry"];
    admin.get(&format!("{asked}2026-01-02T00:00:00Z&continues={on}")).await.ok();
    admin.get(&format!("{asked}2026-01-01T00:00:00Z&continues={on}")).await.ok();
    let since_ever = "/api/v1/recordings?state=capturing&min_duration_ms=10";
    for longer in [&format!("{asked}1970-01-01T00:00:00Z"), since_ever] {
        let other = admin.get(&format!("{longer}&continues={on}")).await;
        assert_eq!((other.status, other.problem()), (StatusCode::BAD_REQUEST, "entry-of-another-list"));
    }
    let manager = scene.installation.person("manager").await;
    let stolen = manager.get(&format!("/api/v1/recordings?continues={entry}")).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND);
    let refused = ["no recording.list of theirs to go on from"];
    assert_eq!(scene.refusals("recording.list").await, refused);
    scene.installation.wait(std::time::Duration::from_secs(901));
    let late = admin.get(&format!("/api/v1/recordings?continues={entry}")).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.refusals("recording.list").await, refused, "to come too late is no denial");
}

/// A page of one list is not gone on with as a page of another; a period that moves on is the same list.
#[tokio::test]
async fn a_cursor_belongs_to_the_list_that_gave_it() {
    let scene = scene().await;
    let admin = scene.installation.proven("admin").await;
    scene.act("recording.import", &admin).await.ok();
    let list = async |query: &str| admin.get(&format!("/api/v1/recordings?limit=1&{query}")).await;
    let first = list("from=2026-01-01T00:00:00Z&watched=no").await.ok();
    assert_eq!(first["next_cursor"], Value::Null, "one was watched");
    let first = list("from=2026-01-01T00:00:00Z").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&format!("from=2026-01-02T00:00:00Z&cursor={cursor}")).await.ok();
    assert_ne!(second["items"][0]["id"], first["items"][0]["id"]);
    let site = &scene.site;
    for other in
        ["", "from=2026-01-01T00:00:00Z&watched=no", &format!("from=2026-01-01T00:00:00Z&site={site}")]
    {
        let refused = list(&format!("{other}&cursor={cursor}")).await;
        assert_eq!((refused.status, refused.problem()), (StatusCode::BAD_REQUEST, "cursor-of-another-list"));
    }
    let nonsense = list("cursor=5.x").await;
    assert_eq!((nonsense.status, nonsense.problem()), (StatusCode::UNPROCESSABLE_ENTITY, "malformed"));
}

#[tokio::test]
async fn every_answer_has_its_entry_and_the_chain_holds_until_somebody_edits_it() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let before = admin.get("/api/v1/audit/verify").await.ok();
    assert_eq!(before["intact"], true);
    let count = |answer: &Value| answer["head"]["number"].as_u64().unwrap();
    for path in ["/api/v1/recordings", "/api/v1/sites", "/api/v1/health/findings"] {
        let was = count(&admin.get("/api/v1/audit?limit=1").await.ok());
        admin.get(path).await.ok();
        let is = count(&admin.get("/api/v1/audit?limit=1").await.ok());
        assert_eq!(is, was + 2, "{path}: one for it, one for reading the log");
    }
    let edited: Result<u64, clerestory_sql::SqlError> = scene
        .installation
        .app
        .database
        .write(clerestory_sql::Lane::Interactive, |tx| {
            Box::pin(
                async move { tx.execute("UPDATE audit_entries SET outcome = 2 WHERE number = 3", &[]).await },
            )
        })
        .await;
    assert!(edited.unwrap() >= 1);
    let after = admin.get("/api/v1/audit/verify").await.ok();
    assert_eq!((&after["intact"], &after["first_break"]), (&json!(false), &json!(3)));
}

async fn integrate(installation: &Installation) {
    let ledger = installation.app.access.audit().ledger();
    let at = installation.now();
    while ledger.integrate(&installation.app.database, [1; 16], at).await.unwrap() != Step::Nothing {}
}

#[tokio::test]
async fn whoever_may_read_the_log_gets_the_ledger_and_proofs_of_their_own_entries() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    assert_eq!(admin.get("/api/v1/ledger/checkpoint").await.status, StatusCode::NOT_FOUND, "none yet");
    integrate(&scene.installation).await;
    let (member, manager) =
        (scene.installation.person("member").await, scene.installation.person("manager").await);
    for path in ["checkpoint", "proof", "tile/0/000.p/1", "tile/entries/000.p/1"] {
        let path = format!("/api/v1/ledger/{path}");
        assert_eq!(member.get(&path).await.status, StatusCode::FORBIDDEN, "{path}");
        // Of what they may not read they get hashes, without which their own entries prove nothing.
        assert_eq!(manager.get(&path).await.status, StatusCode::OK, "{path}");
    }
    let proofs = admin.get("/api/v1/ledger/proof?since=1&entry=2").await.ok();
    let note: SignedCheckpoint = proofs["checkpoint"].as_str().unwrap().parse().unwrap();
    let (size, root) = (note.checkpoint.size, note.checkpoint.root);
    assert_eq!(proofs["size"], size);
    let hash = |value: &Value| -> Hash { hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap() };
    let hashes = |value: &Value| -> Vec<Hash> { value.as_array().unwrap().iter().map(hash).collect() };
    let inclusion = &proofs["inclusion"];
    let listed = admin.get("/api/v1/audit?cursor=3&limit=1").await.ok();
    assert_eq!(listed["items"][0]["hash"], inclusion["hash"]);
    let salt = hex::decode(inclusion["salt"].as_str().unwrap()).unwrap().try_into().unwrap();
    let leaf = leaf_hash(&commitment(&salt, &hash(&inclusion["hash"])));
    let number = inclusion["leaf"].as_u64().unwrap();
    assert!(verify_inclusion(&leaf, number, size, &hashes(&inclusion["path"]), &root));
    let first = admin.get("/api/v1/ledger/tile/0/000.p/1").await;
    let old_root: Hash = first.bytes[..].try_into().unwrap();
    assert!(verify_consistency(1, size, &hashes(&proofs["consistency"]), &old_root, &root));
    assert_eq!(admin.get("/api/v1/ledger/proof?since=100000").await.ok()["consistency"], Value::Null);
    // Another organisation's administrator has the same ledger, and proofs of the entries of their own log only.
    let stranger = scene.installation.person("stranger").await;
    let theirs = stranger.get("/api/v1/ledger/proof?entry=2").await.ok();
    assert_eq!((&theirs["key"], &theirs["size"]), (&proofs["key"], &proofs["size"]));
    assert_ne!(theirs["inclusion"]["hash"], inclusion["hash"]);
    for beyond in ["tile/0/000", "tile/0/001.p/1", "tile/7/000", "tile/entries/xyz", "tile/0/../checkpoint"] {
        let answer = admin.get(&format!("/api/v1/ledger/{beyond}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{beyond}");
    }
}

#[tokio::test]
async fn changes_need_the_console_and_hosts_never_mix() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let asked = || json!({ "name": "Other", "origins": ["https://other.example"] });
    for forged in [
        admin.clone().without("clerestory-csrf"),
        admin.clone().with("origin", "http://127.0.0.1:8700"),
        admin.clone().with("origin", "http://shop.localhost:8700"),
        admin.clone().with("sec-fetch-site", "cross-site"),
    ] {
        let answer = forged.post("/api/v1/sites", asked()).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::FORBIDDEN, "cross-site"));
    }
    for host in ["127.0.0.1:8700", "shop.localhost:8700"] {
        let elsewhere = admin.clone().of_host(host).get("/api/v1/recordings").await;
        assert!(!elsewhere.status.is_success(), "{host}");
    }
    let unknown = admin.clone().of_host("evil.example").get("/api/v1/health").await;
    assert_eq!((unknown.status, unknown.problem()), (StatusCode::MISDIRECTED_REQUEST, "unknown-host"));
    let unknown_field = admin.post("/api/v1/sites", json!({ "name": "S", "origins": [], "extra": 1 })).await;
    assert_eq!(
        (unknown_field.status, unknown_field.problem()),
        (StatusCode::UNPROCESSABLE_ENTITY, "malformed")
    );
    let insecure = admin.post("/api/v1/sites", json!({ "name": "S", "origins": ["http://a.example"] })).await;
    assert!(insecure.json["detail"].as_str().unwrap().contains("secure contexts"));
    admin.post("/api/v1/sites", asked()).await.ok();
}

#[tokio::test]
async fn a_flipped_cookie_is_nobody_and_idle_sessions_end() {
    let scene = scene().await;
    let admin = scene.installation.person("admin").await;
    let hours = |count: u64| std::time::Duration::from_secs(3600 * count);
    scene.installation.wait(hours(11));
    admin.get("/api/v1/session").await.ok();
    scene.installation.wait(hours(11));
    admin.get("/api/v1/session").await.ok();
    scene.installation.wait(hours(13));
    assert_eq!(admin.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    let forged =
        scene.installation.anonymous().with("cookie", format!("__Host-clerestory={}", "A".repeat(43)));
    for _ in 0..3 {
        assert_eq!(forged.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    }
    let app = &scene.installation.app;
    let (audit, none) = (app.access.audit().clone(), OrganisationId::nil());
    let filter = EntryFilter { action: Some("session.use".to_owned()), limit: 9, ..EntryFilter::default() };
    let told = app.database.read(move |tx| Box::pin(async move { audit.list(tx, none, &filter).await }));
    let told = told.await.unwrap();
    assert_eq!(told.len(), 1, "the dead one; the forged ones are counted with it");
}

#[tokio::test]
async fn wrong_passwords_are_refused_alike_on_record_and_slowed_down() {
    let scene = scene().await;
    let nobody = scene.installation.anonymous();
    let attempt = |email: &'static str| {
        let began = std::time::Instant::now();
        let nobody = nobody.clone();
        async move {
            let asked = json!({ "email": email, "password": "not the one at all" });
            let answer = nobody.post("/api/v1/session", asked).await;
            let early = answer.status == StatusCode::UNAUTHORIZED && began.elapsed().as_millis() < 700;
            assert!(!early, "how long it takes to find out is not to be seen");
            answer
        }
    };
    let known = attempt("admin@example.org").await;
    let unknown = attempt("nobody@example.org").await;
    assert_eq!((known.status, known.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));
    assert_eq!((unknown.status, &unknown.json["detail"]), (known.status, &known.json["detail"]));
    let admin = scene.installation.person("admin").await;
    let refused = admin.get("/api/v1/audit?action=session.sign_in&outcome=refused").await.ok();
    assert_eq!(refused["items"].as_array().unwrap().len(), 1, "the other is in the deployment's own log");
    let more = futures_util::future::join_all((0..12).map(|_| attempt("admin@example.org"))).await;
    let slowed = more.iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).unwrap();
    assert_eq!(slowed.problem(), "too-many-attempts");
}
