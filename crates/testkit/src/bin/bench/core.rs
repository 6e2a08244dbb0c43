//! What the parts below intake can do by themselves: entries appended to the audit log, keys made, moved and destroyed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_keys::{LEASE, LeasesOut, NewKey, Purpose};
use clerestory_model::{KeyId, OrganisationId, RetentionClass};
use clerestory_sql::Lane;
use clerestory_testkit::Installation;
use clerestory_testkit::postgres::{AnyServer, new_schema};
use serde_json::{Value, json};

use crate::Bench;
use crate::table;

/// How many wait at once where it says so.
const CALLERS: usize = 64;
/// Keys that one transaction makes and destroys: those of one day's recordings that fall due together.
const KEYS: usize = 1000;
/// Keys that get another parent, each by itself: the rows of its whole shard are sealed anew each time.
const MOVED: usize = 10;

/// Each figure on SQLite and on PostgreSQL, in this process.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let server = AnyServer::get().await;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for name in ["SQLite", "PostgreSQL"] {
        let database = match name {
            "SQLite" => None,
            _ => Some(new_schema(server.address()).await),
        };
        let installation = Arc::new(Installation::over(database).await);
        let mut figures = Vec::new();
        let during = Duration::from_secs(bench.seconds);
        for (what, callers, organisations) in [
            ("audit entries a second, one caller", 1, 1),
            ("audit entries a second, 64 callers, one organisation", CALLERS, 1),
            ("audit entries a second, 64 callers, two organisations", CALLERS, 2),
        ] {
            figures.push((what, appends(&installation, callers, organisations, during).await?));
        }
        figures.extend(keys(&installation).await?);
        for (what, per_second) in figures {
            rows.push(vec![what.to_owned(), name.to_owned(), format!("{per_second:.0}")]);
            told.push(json!({ "what": what, "engine": name, "per_second": per_second }));
        }
    }
    table::print(&["", "engine", "a second"], &rows);
    Ok(Value::Array(told))
}

/// Entries a second, each in a transaction of its own and acknowledged when it is durable.
async fn appends(
    installation: &Arc<Installation>,
    callers: usize,
    organisations: usize,
    during: Duration,
) -> Result<f64, String> {
    let began = Instant::now();
    let in_turn = [installation.organisation, installation.other].into_iter().take(organisations).cycle();
    let tasks: Vec<_> = in_turn
        .take(callers)
        .map(|organisation| {
            let installation = Arc::clone(installation);
            tokio::spawn(async move {
                let mut appended = 0_u32;
                while began.elapsed() < during {
                    append(&installation, organisation).await?;
                    appended += 1;
                }
                Ok::<_, String>(appended)
            })
        })
        .collect();
    let mut all = 0.0;
    for task in tasks {
        all += f64::from(task.await.map_err(|error| format!("a caller stopped: {error}"))??);
    }
    Ok(all / began.elapsed().as_secs_f64())
}

async fn append(installation: &Installation, organisation: OrganisationId) -> Result<(), String> {
    let app = &installation.app;
    app.vault.hold_lease().await.map_err(|error| format!("a lease: {error}"))?;
    let (audit, at) = (app.access.audit().clone(), installation.now());
    let entry = NewEntry {
        organisation,
        at,
        action: "recording.play",
        class: Class::LOGON,
        outcome: Outcome::Allowed,
        rule: "bench".to_owned(),
        actor_kind: ActorKind::System,
        actor: [1; 16],
        object: ObjectRef { kind: "recording".to_owned(), id: [2; 16] },
        request_id: "bench".to_owned(),
        personal: Some(Personal { reason: Some("measured".to_owned()), ..Personal::default() }),
    };
    let body = app
        .database
        .write(Lane::Interactive, move |tx| Box::pin(async move { audit.append(tx, entry).await.map(drop) }));
    body.await.map_err(|error| format!("an entry: {error}"))
}

/// Keys of tracks: made, given another parent and destroyed, a thousand to a transaction, and made one to a transaction.
async fn keys(installation: &Arc<Installation>) -> Result<Vec<(&'static str, f64)>, String> {
    let per_second = |count: usize, began: Instant| count as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let made = make(installation, KEYS).await?;
    let making = per_second(KEYS, began);

    let began = Instant::now();
    for _ in 0..KEYS / 10 {
        make(installation, 1).await?;
    }
    let making_alone = per_second(KEYS / 10, began);

    let registry = Arc::clone(installation.app.vault.keys());
    let (parent, children) = (make(installation, 1).await?, made.clone());
    let began = Instant::now();
    let reparented = installation.app.database.write(Lane::Maintenance, move |tx| {
        Box::pin(async move {
            for (key, parent) in children.into_iter().take(MOVED).zip(parent.into_iter().cycle()) {
                registry.reparent(tx, key, parent).await?;
            }
            Ok::<_, clerestory_keys::KeyError>(())
        })
    });
    reparented.await.map_err(|error| format!("keys get no other parent: {error}"))?;
    let reparenting = per_second(MOVED, began);

    let registry = Arc::clone(installation.app.vault.keys());
    let leases = out_of_leases(installation).await;
    let began = Instant::now();
    let destroyed = installation.app.database.write(Lane::Maintenance, move |tx| {
        Box::pin(async move { registry.destroy(tx, &made, &leases).await.map(drop) })
    });
    destroyed.await.map_err(|error| format!("keys are not destroyed: {error}"))?;
    let destroying = per_second(KEYS, began);
    Ok(vec![
        ("keys made a second, 1,000 to a transaction", making),
        ("keys made a second, one to a transaction", making_alone),
        ("keys given another parent a second, of full shards", reparenting),
        ("keys destroyed a second, 1,000 to a transaction", destroying),
    ])
}

/// The clock is moved: what is measured is the work and not the wait.
async fn out_of_leases(installation: &Installation) -> LeasesOut {
    let registry = installation.app.vault.keys();
    let end = registry.leases_end();
    installation.wait(LEASE);
    registry.wait_for_leases(end).await
}

async fn make(installation: &Arc<Installation>, count: usize) -> Result<Vec<KeyId>, String> {
    let (registry, at) = (Arc::clone(installation.app.vault.keys()), installation.now());
    let organisation = installation.organisation;
    let made = installation.app.database.write(Lane::Interactive, move |tx| {
        Box::pin(async move {
            let mut made = Vec::with_capacity(count);
            for _ in 0..count {
                let class = RetentionClass::Replay;
                let new = NewKey { organisation, class, purpose: Purpose::Track, parent: None, at };
                made.push(registry.make(tx, new).await?);
            }
            Ok::<_, clerestory_keys::KeyError>(made)
        })
    });
    made.await.map_err(|error| format!("keys are not made: {error}"))
}
