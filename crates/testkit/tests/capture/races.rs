//! What several nodes do at once to one PostgreSQL, in an order that the test keeps: a [`Holder`] has what both need,
//! each is let wait in its turn, and then it lets go.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use clerestory::{App, AppError, Places, Postgres, ThrowAway};
use clerestory_audit::ledger::LedgerError;
use clerestory_identity::{IdentityError, NewPerson, Passwords};
use clerestory_keys::{KeyError, LeasesOut, NewKey, Protection, Purpose};
use clerestory_model::{KeyId, OrganisationId, RetentionClass, SystemClock};
use clerestory_sql::{Lane, SqlError};
use clerestory_store::people::Role;
use clerestory_testkit::holder::Holder;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::visit::{Visit, movement, snapshot};
use clerestory_testkit::{Answer, Installation};
use clerestory_vault::PlaceError;
use serde_json::json;

const PASSWORD: &str = "high windows, all lit";
const ORIGIN: &str = "https://shop.example";
const OTHER_TAB: &str = "0190a5e2-0000-7000-8000-000000000002";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Two nodes of one installation.
struct Two {
    one: Installation,
    two: Installation,
    /// The key of a site of theirs.
    key: String,
    database: Postgres,
    _server: AnyServer,
}

impl Two {
    async fn start() -> Self {
        let server = AnyServer::get().await;
        let database = new_schema(server.address()).await;
        let one = Installation::over(Some(database.clone())).await;
        let two = one.another_node().await;
        let site = one.site(&one.person("admin").await).await;
        let key = site["site_key"].as_str().unwrap().to_owned();
        Self { one, two, key, database, _server: server }
    }

    /// A visit through a node, with a first segment.
    async fn visit(&self, node: &Installation) -> Visit {
        let visit = Visit::start(node.recorder(ORIGIN), &self.key, now_ms(node)).await;
        visit.send(0, &snapshot(now_ms(node), 3, "words")).await.ok();
        visit
    }

    /// Holds an organisation's turn in its log.
    async fn hold_turn(&self, organisation: OrganisationId) -> Holder {
        let id = hex::encode(organisation.as_bytes());
        let sql =
            format!("SELECT 1 FROM audit_heads WHERE organisation_id = decode('{id}', 'hex') FOR UPDATE");
        Holder::take(&self.database, &sql).await
    }
}

fn now_ms(node: &Installation) -> i64 {
    i64::try_from(node.now().unix_millis()).unwrap()
}

async fn count(app: &App, sql: &'static str) -> i64 {
    let counted: Result<i64, SqlError> =
        app.database.read(move |tx| Box::pin(async move { tx.query(sql, &[]).await?[0].get(0) })).await;
    counted.unwrap()
}

/// Waits for something another task does.
async fn until(app: &App, sql: &'static str, number: i64) {
    for _ in 0..2000 {
        if count(app, sql).await >= number {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{sql} stays below {number}");
}

async fn set_password(app: App, phc: String) {
    let (identity, at) = (app.identity.clone(), app.clock.now());
    let set: Result<(), IdentityError> = app
        .database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move {
                let person = identity.person_by_address(tx, "member@example.org", at).await?.unwrap();
                identity.set_password(tx, &person, phc, at).await
            })
        })
        .await;
    set.unwrap();
}

/// Compares many passwords first, so that the next waits a while.
fn occupy(passwords: &Passwords) {
    for _ in 0..40 {
        let passwords = passwords.clone();
        tokio::spawn(async move { passwords.verify("wrong".to_owned().into(), None).await.unwrap() });
    }
}

/// A sign-in whose password was found right, and which waits with its session for the organisation's turn. What is
/// given is done before it gets there.
async fn sign_in_that_waits(
    nodes: &Two,
    before: impl AsyncFnOnce(&Holder),
) -> (Holder, tokio::task::JoinHandle<Answer>) {
    const CHECKS: &str = "SELECT count(*) FROM audit_entries WHERE action = 'credential.check'";
    let known = count(&nodes.one.app, CHECKS).await;
    occupy(nodes.one.app.identity.passwords());
    let anonymous = nodes.one.anonymous();
    let asked = json!({ "email": "member@example.org", "password": PASSWORD });
    let signing_in = tokio::spawn(async move { anonymous.post("/api/v1/session", asked).await });
    until(&nodes.one.app, CHECKS, known + 1).await;
    // It has read the old password by then: comparing takes its turn behind forty others.
    tokio::time::sleep(Duration::from_millis(30)).await;
    let holder = nodes.hold_turn(nodes.one.organisation).await;
    before(&holder).await;
    (holder, signing_in)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_replaced_while_it_was_compared_begins_no_session() {
    let nodes = Two::start().await;
    let phc = nodes.two.app.identity.passwords().hash("another one of them".parse().unwrap()).await.unwrap();
    let (holder, signing_in) = sign_in_that_waits(&nodes, async |holder| {
        let setting = tokio::spawn(set_password(nodes.two.app.clone(), phc));
        holder.waited_for_by(1).await;
        drop(setting);
    })
    .await;
    holder.waited_for_by(2).await;
    holder.release().await;
    let answer = signing_in.await.unwrap();
    assert_eq!((answer.status, answer.problem()), (StatusCode::UNAUTHORIZED, "sign-in-refused"));
    let refused = "SELECT count(*) FROM audit_entries WHERE action = 'session.sign_in' AND outcome <> 1";
    assert_eq!(count(&nodes.one.app, refused).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_begins_while_its_password_is_replaced_ends_with_it() {
    // Who waits for long is sent to the end of the queue: then the password was replaced first, and it is tried again.
    for _ in 0..5 {
        let nodes = Two::start().await;
        let phc = "another one of them".parse().unwrap();
        let phc = nodes.two.app.identity.passwords().hash(phc).await.unwrap();
        let (holder, signing_in) = sign_in_that_waits(&nodes, async |_| {}).await;
        holder.waited_for_by(1).await;
        let setting = tokio::spawn(set_password(nodes.two.app.clone(), phc));
        holder.waited_for_by(2).await;
        holder.release().await;
        let began = signing_in.await.unwrap().status == StatusCode::OK;
        setting.await.unwrap();
        let sessions = "SELECT count(*) FROM sessions s JOIN people p ON p.person_id = s.person_id
                        WHERE p.role = 'member'";
        assert_eq!(count(&nodes.one.app, sessions).await, 0);
        if began {
            return;
        }
    }
    panic!("the session never began first");
}

/// On both engines: one of two at once gets the address, the other is told whose fault it is.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_are_not_given_one_address_at_once() {
    let server = AnyServer::get().await;
    for database in [None, Some(new_schema(server.address()).await)] {
        let networked = database.is_some();
        let one = Installation::over(database).await;
        let two = if networked { one.another_node().await.app.clone() } else { one.app.clone() };
        let organisation = one.organisation;
        let add = |app: App| {
            tokio::spawn(async move {
                app.vault.hold_lease().await.unwrap();
                let (identity, at) = (app.identity.clone(), app.clock.now());
                app.database
                    .write(Lane::Interactive, move |tx| {
                        Box::pin(async move {
                            let (role, email) = (Role::Member, "New.One@example.org");
                            let new = NewPerson { organisation, role, name: "New", email, password: None };
                            identity.add_person(tx, new, at).await
                        })
                    })
                    .await
            })
        };
        let (first, second) = tokio::join!(add(one.app.clone()), add(two));
        let outcomes = [first.unwrap(), second.unwrap()];
        let taken = outcomes.iter().filter(|one| matches!(one, Err(IdentityError::AddressTaken))).count();
        assert_eq!((taken, outcomes.iter().filter(|one| one.is_ok()).count()), (1, 1), "{outcomes:?}");
        let people = count(&one.app, "SELECT count(*) FROM people").await;
        assert_eq!((people, count(&one.app, "SELECT count(*) FROM address_index").await), (5, 5));
    }
}

/// A standing key is made while keys are destroyed. Both need the same page, and the one that destroys then moves the
/// revocation counter.
#[tokio::test(flavor = "multi_thread")]
async fn a_standing_key_is_made_beside_an_erasure() {
    let nodes = Two::start().await;
    let new = NewKey {
        organisation: nodes.one.organisation,
        class: RetentionClass::Replay,
        purpose: Purpose::Track,
        parent: None,
        at: nodes.one.now(),
    };
    nodes.one.app.vault.hold_lease().await.unwrap();
    let keys = Arc::clone(nodes.one.app.vault.keys());
    let made = nodes
        .one
        .app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { keys.make(tx, new).await }));
    let key = made.await.unwrap();
    // A new day: the key that is made begins a shard, and so changes a page.
    let end = nodes.one.app.vault.keys().leases_end();
    nodes.one.wait(DAY);
    let out = nodes.one.app.vault.keys().leases_out(end).unwrap();
    let holder = Holder::take(&nodes.database, "SELECT 1 FROM key_pages FOR UPDATE").await;
    let destroying = tokio::spawn(destroy(nodes.one.app.clone(), key, out));
    holder.waited_for_by(1).await;
    let making = tokio::spawn(make_spool_key(nodes.two.app.clone()));
    holder.waited_for_by(2).await;
    holder.release().await;
    destroying.await.unwrap().unwrap();
    making.await.unwrap().unwrap();
}

async fn destroy(app: App, key: KeyId, out: LeasesOut) -> Result<(), KeyError> {
    app.vault.hold_lease().await?;
    let keys = Arc::clone(app.vault.keys());
    app.database
        .write(Lane::Interactive, move |tx| {
            Box::pin(async move { keys.destroy(tx, &[key], &out).await.map(drop) })
        })
        .await
}

async fn make_spool_key(app: App) -> Result<(), KeyError> {
    app.vault.hold_lease().await?;
    let (vault, at) = (app.vault.clone(), app.clock.now());
    app.database
        .write(Lane::Intake, move |tx| {
            Box::pin(async move { vault.young_standing_key(tx, Purpose::Spool, at, DAY).await.map(drop) })
        })
        .await
}

/// A recorder goes on with a visit on one node while it stops it on another: the visit is closed with every track.
#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_is_ended_while_a_tab_joins_it_is_closed_with_that_tab() {
    let nodes = Two::start().await;
    let visit = nodes.visit(&nodes.one).await;
    nodes.one.app.vault.hold_lease().await.unwrap();
    let holder = Holder::take(&nodes.database, "SELECT 1 FROM key_shards FOR UPDATE").await;
    let (recorder, key, now) = (nodes.two.recorder(ORIGIN), nodes.key.clone(), now_ms(&nodes.one));
    let token = visit.token.clone();
    let joining =
        tokio::spawn(async move { Visit::start_as(recorder, &key, now, OTHER_TAB, Some(&token)).await });
    holder.waited_for_by(1).await;
    let sender = visit.sender();
    let ending =
        tokio::spawn(async move { sender.post("/api/v1/capture/end", json!({ "reason": "stopped" })).await });
    // It is behind the tab, or has gone past it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    holder.release().await;
    assert_eq!(joining.await.unwrap().recording, visit.recording);
    assert_eq!(ending.await.unwrap().status, StatusCode::NO_CONTENT);
    let half_open = "SELECT count(*) FROM tracks t JOIN recordings r ON r.recording_id = t.recording_id
                     WHERE t.state <> r.state";
    assert_eq!(count(&nodes.one.app, half_open).await, 0);
}

/// Somebody has an organisation's turn and does not move: visits that begin wait and are turned away, and what runs is
/// taken in, of this organisation and of others.
#[tokio::test(flavor = "multi_thread")]
async fn visits_that_wait_to_begin_do_not_stop_segments() {
    let nodes = Two::start().await;
    let visit = nodes.visit(&nodes.one).await;
    let holder = nodes.hold_turn(nodes.one.organisation).await;
    let waiting: Vec<_> = (0..12)
        .map(|_| {
            let recorder = nodes.one.recorder(ORIGIN);
            let asked =
                json!({ "site_key": nodes.key, "writer": OTHER_TAB, "client_time_ms": now_ms(&nodes.one) });
            tokio::spawn(async move { recorder.post("/api/v1/capture/start", asked).await })
        })
        .collect();
    holder.waited_for_by(4).await;
    let events = movement(now_ms(&nodes.one));
    let sent = tokio::time::timeout(Duration::from_secs(5), visit.send(1, &events)).await;
    sent.expect("a segment waits for no visit that begins").ok();
    let first = futures_util::future::select_all(waiting).await.0.unwrap();
    assert_eq!((first.status, first.problem()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    holder.release().await;
}

/// Somebody has the row of a site: its segments are acknowledged all the same.
#[tokio::test(flavor = "multi_thread")]
async fn segments_of_a_site_do_not_line_up_behind_its_row() {
    let nodes = Two::start().await;
    let visit = nodes.visit(&nodes.one).await;
    let holder = Holder::take(&nodes.database, "SELECT 1 FROM sites FOR UPDATE").await;
    let events = movement(now_ms(&nodes.one));
    let sent = tokio::time::timeout(Duration::from_secs(5), visit.send(1, &events)).await;
    sent.expect("a segment waits for nobody who looks at its site").ok();
    holder.release().await;
    nodes.one.wait(Duration::from_secs(20));
    visit.send(2, &movement(now_ms(&nodes.one))).await.ok();
    let heard = count(&nodes.one.app, "SELECT last_event_at FROM sites").await;
    assert_eq!(heard, nodes.one.now().micros(), "and it is still told when they come");
}

/// On whichever engine the suite runs: of all who come to a node that has just started, one has the policy signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_signed_once_for_all_who_ask_at_once() {
    const SIGNED: &str = "SELECT count(*) FROM audit_entries WHERE action = 'policy.sign'";
    let one = Installation::new().await;
    let site = one.site(&one.person("admin").await).await;
    let path = format!("/api/v1/capture/policy?site_key={}", site["site_key"].as_str().unwrap());
    let before = count(&one.app, SIGNED).await;
    let asking = (0..40).map(|_| {
        let (recorder, path) = (one.recorder(ORIGIN), path.clone());
        tokio::spawn(async move { recorder.get(&path).await.ok() })
    });
    let told = futures_util::future::join_all(asking.collect::<Vec<_>>()).await;
    assert!(told.into_iter().all(|told| told.unwrap()["version"] == 1));
    assert_eq!(count(&one.app, SIGNED).await, before + 1);
}

/// On whichever engine the suite runs: a segment that was captured before the rules changed comes last.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_keeps_the_newest_policy_of_its_segments() {
    let one = Installation::new().await;
    let admin = one.person("admin").await;
    let site = one.site(&admin).await;
    let (key, id) = (site["site_key"].as_str().unwrap(), site["id"].as_str().unwrap());
    let document = json!({ "preset": "private", "media": "blocked", "exclude": [".a"], "mask": [], "unmask": [],
        "urls": { "deny": [], "allow": [] } });
    let asked = json!({ "document": document, "based_on": 1 }).to_string();
    admin.send("PUT", &format!("/api/v1/sites/{id}/policy"), asked).await.ok();
    let mut visit = Visit::start(one.recorder(ORIGIN), key, now_ms(&one)).await;
    assert_eq!(visit.policy, 2);
    visit.send(0, &snapshot(now_ms(&one), 3, "words")).await.ok();
    visit.policy = 1;
    visit.send(1, &movement(now_ms(&one))).await.ok();
    assert_eq!(count(&one.app, "SELECT policy_version FROM recordings").await, 2);
}

/// Every node closes silent recordings; one of them finds them, and the log says so once.
#[tokio::test(flavor = "multi_thread")]
async fn silent_recordings_are_closed_once_by_two_nodes_at_once() {
    let nodes = Two::start().await;
    nodes.visit(&nodes.one).await;
    nodes.one.wait(Duration::from_secs(31 * 60));
    for node in [&nodes.one, &nodes.two] {
        node.app.vault.hold_lease().await.unwrap();
    }
    let holder = nodes.hold_turn(nodes.one.organisation).await;
    let close = |app: App| tokio::spawn(async move { app.intake.close_silent().await.unwrap().len() });
    let closing = [close(nodes.one.app.clone()), close(nodes.two.app.clone())];
    holder.waited_for_by(2).await;
    holder.release().await;
    let closed: usize = futures_util::future::join_all(closing).await.into_iter().map(Result::unwrap).sum();
    let told = "SELECT count(*) FROM audit_entries WHERE action = 'maintain.close'";
    assert_eq!((closed, count(&nodes.one.app, told).await), (1, 1));
}

/// A play is ended on one node while the other tells what was watched in it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_watched_in_a_play_after_its_end() {
    let nodes = Two::start().await;
    let visit = nodes.visit(&nodes.one).await;
    let here = nodes.one.person("admin").await;
    let there = here.clone().through(&nodes.two);
    let play = here.post(&format!("/api/v1/recordings/{}/plays", visit.recording), json!({})).await.ok();
    let path = format!("/api/v1/plays/{}", play["id"].as_str().unwrap());
    let holder = nodes.hold_turn(nodes.one.organisation).await;
    let ending = {
        let path = path.clone();
        tokio::spawn(async move { here.delete(&path).await })
    };
    holder.waited_for_by(1).await;
    let watching = tokio::spawn(async move {
        there.post(&format!("{path}/ranges"), json!({ "from_us": 0, "to_us": 1 })).await
    });
    holder.waited_for_by(2).await;
    holder.release().await;
    assert!(ending.await.unwrap().status.is_success());
    let refused = watching.await.unwrap();
    assert_eq!((refused.status, refused.problem()), (StatusCode::FORBIDDEN, "play-ended"));
    assert_eq!(count(&nodes.one.app, "SELECT count(*) FROM play_ranges").await, 0);
}

/// Two machines with a directory each, of the same path for all the database knows: one settles, the other is told.
#[tokio::test(flavor = "multi_thread")]
async fn two_directories_are_not_taken_for_one_store() {
    let server = AnyServer::get().await;
    let database = new_schema(server.address()).await;
    let directory = tempfile::tempdir().unwrap();
    let mut places = Places::beside(&directory.path().join("one"), None);
    places.postgres = Some(database.clone());
    let root = places.init("test", &Protection::Plain, Some(ThrowAway)).unwrap();
    let first = App::create(places.clone(), root, Arc::new(SystemClock)).await.unwrap();
    let elsewhere = Places { data: directory.path().join("two"), ..places.clone() };
    std::fs::create_dir(&elsewhere.data).unwrap();
    let open = async |places: &Places| {
        let root = places.open(&Protection::Plain).unwrap();
        App::build(places.clone(), root, Arc::new(SystemClock)).await.unwrap()
    };
    let second = open(&elsewhere).await;
    // Both have seen that nothing is settled, and then settle.
    let holder = Holder::take(&database, "LOCK TABLE object_places IN SHARE MODE").await;
    let settle = |app: App| tokio::spawn(async move { app.check_objects().await });
    let settling = [settle(first), settle(second)];
    holder.waited_for_by(2).await;
    holder.release().await;
    let [one, two] = futures_util::future::join_all(settling).await.try_into().unwrap();
    let (one, two) = (one.unwrap(), two.unwrap());
    let (settled, told) = if one.is_ok() { (places, two) } else { (elsewhere, one) };
    let told = told.unwrap_err();
    assert!(matches!(&told, AppError::Place(PlaceError::OtherStore { .. })), "{told:?}");
    open(&settled).await.check_objects().await.unwrap();
    // Another machine, later, with nothing in its directory yet.
    let third = Places { data: directory.path().join("three"), ..settled };
    std::fs::create_dir(&third.data).unwrap();
    let told = open(&third).await.check_objects().await.unwrap_err();
    assert!(matches!(&told, AppError::Place(PlaceError::Unmarked { .. })), "{told:?}");
}

/// The key that signs checkpoints has rows too, and somebody may be in their way.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_held_up_by_a_lock_on_keys_is_no_alarm() {
    let nodes = Two::start().await;
    let holder = Holder::take(&nodes.database, "SELECT 1 FROM key_shards FOR UPDATE").await;
    let app = nodes.one.app.clone();
    let integrating = tokio::spawn(async move {
        let ledger = app.access.audit().ledger();
        ledger.integrate(&app.database, [1; 16], app.clock.now()).await
    });
    holder.waited_for_by(1).await;
    holder.turn_away().await;
    let error = integrating.await.unwrap().unwrap_err();
    assert!(matches!(error, LedgerError::Key(_)), "{error:?}");
    assert!(SqlError::behind(&error).is_some_and(SqlError::passes), "{error:?}");
}
