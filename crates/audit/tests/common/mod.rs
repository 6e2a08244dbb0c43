//! A log in a temporary directory, and what somebody with its database and its keys could do to it.

use std::collections::HashMap;
use std::sync::Arc;

use clerestory_audit::ledger::{
    Checkpoint, Ledger, LedgerError, Proofs, Report, Resource, Saved, SignedCheckpoint, Step,
};
use clerestory_audit::{
    ActorKind, Audit, AuditError, Class, Entry, EntryFilter, NewEntry, ObjectRef, Outcome, Personal,
};
use clerestory_keys::{FilePlace, Keys, Protection, RootFile};
use clerestory_model::{Clock, OrganisationId, Timestamp};
use clerestory_seal::{CheckpointKey, SecretKey};
use clerestory_sql::{Database, Lane, Schema, SqlError, Value};
use tempfile::TempDir;

pub(crate) const START: i64 = 1_795_000_000_000_000;
pub(crate) const NODE: [u8; 16] = [1; 16];
pub(crate) const OTHER: [u8; 16] = [2; 16];

struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START)
    }
}

pub(crate) fn organisation(number: u8) -> OrganisationId {
    OrganisationId::new(Timestamp::from_micros(START), [number; 10])
}

pub(crate) struct Log {
    _directory: TempDir,
    keys: Arc<Keys>,
    database: Database,
    audit: Audit,
    ledger: Ledger,
}

/// The files of the log, as somebody saved them.
pub(crate) struct Mirror(Arc<HashMap<String, Vec<u8>>>);

impl Mirror {
    /// A saved checkpoint with the tiles beside it.
    pub(crate) fn saved(&self, checkpoint: &SignedCheckpoint) -> Saved {
        let (files, size) = (Arc::clone(&self.0), checkpoint.checkpoint.size);
        let tiles = move |index: u64| {
            let width = (size - index * 256).min(256);
            files.get(&Resource::Tile { level: 0, index, width }.to_string()).cloned()
        };
        Saved { checkpoints: vec![checkpoint.clone()], tiles: Some(Box::new(tiles)) }
    }
}

/// Names a PostgreSQL that runs already, as `cargo xtask test` starts one; without it the tests run on SQLite.
const VARIABLE: &str = "CLERESTORY_TEST_POSTGRES";

async fn schema_of_its_own() -> Option<String> {
    let server = std::env::var(VARIABLE).ok().filter(|server| !server.is_empty())?;
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.unwrap();
    let running = tokio::spawn(connection);
    let name = format!("test_{}", hex::encode(clerestory_seal::random::<8>()));
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    drop(client);
    running.await.unwrap().unwrap();
    Some(format!("{server}?options=-csearch_path%3D{name}"))
}

impl Log {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let schemas = [clerestory_keys::SCHEMA, clerestory_audit::SCHEMA];
        let database = match schema_of_its_own().await {
            None => Database::open_sqlite(&directory.path().join("db"), &schemas).unwrap(),
            Some(address) => {
                Database::open_postgres(&address, None, Schema::MayBeMade, &schemas).await.unwrap()
            }
        };
        let root = RootFile::create(&directory.path().join("root.key"), "test", &Protection::Plain).unwrap();
        let place = FilePlace::create(directory.path().join("epochs")).unwrap();
        let keys = Keys::open(root, vec![Box::new(place)], database.clone(), Arc::new(Still)).await.unwrap();
        let keys = Arc::new(keys);
        let audit = Audit::new(Arc::clone(&keys));
        let ledger = audit.ledger();
        Self { _directory: directory, keys, database, audit, ledger }
    }

    /// Appends `count` entries, every third with a personal part.
    pub(crate) async fn append(&self, organisation: OrganisationId, count: u64) {
        self.keys.hold_lease().await.unwrap();
        let audit = self.audit.clone();
        let appended: Result<(), AuditError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    for n in 0..count {
                        let reason = format!("reason {n}");
                        let new = NewEntry {
                            organisation,
                            at: Timestamp::from_micros(START + 1),
                            action: "recording.play",
                            class: Class::RESOURCE_READ,
                            outcome: Outcome::Allowed,
                            rule: "a rule".to_owned(),
                            actor_kind: ActorKind::Person,
                            actor: [7; 16],
                            object: ObjectRef { kind: "recording".to_owned(), id: [8; 16] },
                            request_id: String::new(),
                            personal: (n % 3 == 0)
                                .then_some(Personal { reason: Some(reason), ..Default::default() }),
                        };
                        audit.append(tx, new).await?;
                    }
                    Ok(())
                })
            })
            .await;
        appended.unwrap();
    }

    pub(crate) async fn integrate(&self, node: [u8; 16], at: Timestamp) -> Result<Step, LedgerError> {
        self.ledger.integrate(&self.database, node, at).await
    }

    pub(crate) async fn integrate_all(&self) {
        while self.integrate(NODE, Timestamp::from_micros(START)).await.unwrap() != Step::Nothing {}
    }

    pub(crate) async fn checkpoint(&self) -> SignedCheckpoint {
        let text = self.file("checkpoint").await.unwrap();
        String::from_utf8(text).unwrap().parse().unwrap()
    }

    pub(crate) async fn size(&self) -> u64 {
        let ledger = self.ledger.clone();
        let size: Result<u64, LedgerError> =
            self.database.read(move |tx| Box::pin(async move { ledger.size(tx).await })).await;
        size.unwrap()
    }

    pub(crate) async fn proofs(&self, since: u64, entry: Option<(OrganisationId, u64)>) -> Proofs {
        let ledger = self.ledger.clone();
        let proofs: Result<Option<Proofs>, LedgerError> = self
            .database
            .read(move |tx| Box::pin(async move { ledger.proofs(tx, since, entry).await }))
            .await;
        proofs.unwrap().unwrap()
    }

    pub(crate) async fn resources(&self) -> Vec<Resource> {
        let ledger = self.ledger.clone();
        let all: Result<_, LedgerError> =
            self.database.read(move |tx| Box::pin(async move { ledger.resources(tx).await })).await;
        all.unwrap()
    }

    pub(crate) async fn file(&self, path: &str) -> Option<Vec<u8>> {
        let (ledger, asked): (_, Resource) = (self.ledger.clone(), path.parse().unwrap());
        let bytes: Result<_, LedgerError> =
            self.database.read(move |tx| Box::pin(async move { ledger.resource(tx, &asked).await })).await;
        bytes.unwrap()
    }

    pub(crate) async fn mirror(&self) -> Mirror {
        let mut files = HashMap::new();
        for resource in self.resources().await {
            let path = resource.to_string();
            files.insert(path.clone(), self.file(&path).await.unwrap());
        }
        Mirror(Arc::new(files))
    }

    pub(crate) async fn verify(&self, saved: Saved) -> Report {
        self.keys.hold_lease().await.unwrap();
        let ledger = self.ledger.clone();
        let report: Result<Report, LedgerError> =
            self.database.read(move |tx| Box::pin(async move { ledger.verify(tx, &saved).await })).await;
        report.unwrap()
    }

    pub(crate) async fn chain_is_intact(&self, organisation: OrganisationId) -> bool {
        let audit = self.audit.clone();
        let report: Result<_, AuditError> = self
            .database
            .read(move |tx| Box::pin(async move { audit.check_chain(tx, organisation).await }))
            .await;
        report.unwrap().first_break.is_none()
    }

    /// Changes rows by hand; `$1` is the organisation.
    pub(crate) async fn sql(&self, sql: &'static str, organisation: OrganisationId) {
        assert!(self.run(sql, vec![organisation.into()]).await > 0, "{sql}: no row was changed");
    }

    async fn run(&self, sql: &'static str, values: Vec<Value>) -> u64 {
        let done: Result<u64, SqlError> = self
            .database
            .write(Lane::Interactive, move |tx| Box::pin(async move { tx.execute(sql, &values).await }))
            .await;
        done.unwrap()
    }

    async fn entries(&self, organisation: OrganisationId) -> Vec<Entry> {
        let audit = self.audit.clone();
        let filter = EntryFilter { limit: 10_000, ..EntryFilter::default() };
        let entries: Result<Vec<Entry>, AuditError> = self
            .database
            .read(move |tx| Box::pin(async move { audit.list(tx, organisation, &filter).await }))
            .await;
        let mut entries = entries.unwrap();
        entries.reverse();
        entries
    }

    /// Makes entry `from` say another thing and computes its hash and every one after it anew, the head too.
    pub(crate) async fn rewrite_chain(&self, organisation: OrganisationId, from: u64) {
        let mut previous = [0; 32];
        for mut entry in self.entries(organisation).await {
            if entry.number == from {
                entry.outcome = Outcome::Refused;
            }
            if entry.number > from {
                entry.previous_hash = previous;
            }
            previous = entry.compute_hash();
            let sql = "UPDATE audit_entries SET outcome = $1, previous_hash = $2, hash = $3
                 WHERE organisation_id = $4 AND number = $5";
            let values: Vec<Value> = vec![
                (entry.outcome as i64).into(),
                entry.previous_hash.into(),
                previous.into(),
                organisation.into(),
                entry.number.into(),
            ];
            assert_eq!(self.run(sql, values).await, 1);
        }
        let sql = "UPDATE audit_heads SET hash = $1 WHERE organisation_id = $2";
        assert_eq!(self.run(sql, vec![previous.into(), organisation.into()]).await, 1);
    }

    /// Removes every entry after `last` and makes that one the head.
    pub(crate) async fn cut_chain(&self, organisation: OrganisationId, last: u64) {
        let entries = self.entries(organisation).await;
        let head = entries.iter().find(|entry| entry.number == last).unwrap();
        let sql = "DELETE FROM audit_entries WHERE organisation_id = $1 AND number > $2";
        self.run(sql, vec![organisation.into(), last.into()]).await;
        let sql = "UPDATE audit_heads SET number = $1, hash = $2 WHERE organisation_id = $3";
        assert_eq!(self.run(sql, vec![last.into(), head.hash.into(), organisation.into()]).await, 1);
    }

    async fn forget_ledger(&self) {
        for sql in [
            "DELETE FROM ledger_leaves",
            "DELETE FROM ledger_marks",
            "DELETE FROM ledger_tiles",
            "UPDATE ledger_head SET size = 0, checkpoint = NULL",
        ] {
            self.run(sql, Vec::new()).await;
        }
    }

    /// A new ledger over the entries as they are, signed with the real key.
    pub(crate) async fn sign_anew(&self) {
        self.forget_ledger().await;
        self.integrate_all().await;
    }

    /// The same, and every entry gets the leaf it had: only what was rewritten differs.
    pub(crate) async fn sign_anew_in_the_same_order(&self) {
        let order: Result<Vec<(OrganisationId, u64)>, SqlError> = self
            .database
            .read(|tx| {
                Box::pin(async move {
                    let sql = "SELECT organisation_id, number FROM ledger_leaves ORDER BY leaf";
                    let rows = tx.query(sql, &[]).await?;
                    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
                })
            })
            .await;
        self.forget_ledger().await;
        let promise = "UPDATE audit_heads SET number = $1 WHERE organisation_id = $2";
        let order = order.unwrap();
        let mut heads = HashMap::new();
        for (organisation, number) in &order {
            heads.insert(*organisation, *number);
        }
        for organisation in heads.keys() {
            self.run(promise, vec![0_u64.into(), (*organisation).into()]).await;
        }
        for run in order.chunk_by(|one, next| one.0 == next.0) {
            let (organisation, last) = *run.last().unwrap();
            self.run(promise, vec![last.into(), organisation.into()]).await;
            self.integrate_all().await;
        }
    }

    /// Signs today's checkpoint with a key of one's own and puts it in its place.
    pub(crate) async fn forge_checkpoint(&self) -> SignedCheckpoint {
        let SignedCheckpoint { checkpoint, .. } = self.checkpoint().await;
        let key = CheckpointKey::derive(&SecretKey::from_bytes([66; 32])).unwrap();
        let note = Checkpoint { ..checkpoint }.sign(&key);
        self.run("UPDATE ledger_head SET checkpoint = $1", vec![note.as_str().into()]).await;
        note.parse().unwrap()
    }
}
