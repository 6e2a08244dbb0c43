//! The attacker of the erase promise: every old copy of every table, today's root, and every epoch secret that is not
//! destroyed yet, tried in all combinations.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod rig;

use std::collections::{BTreeMap, BTreeSet};

use clerestory_keys::EpochPlace;
use clerestory_keys::FilePlace;
use clerestory_model::{Deployment, KeyId, OrganisationId, number_as_id};
use clerestory_seal::{SealedValue, SecretKey, ValueContext, open_value};
use rig::{DAY, Hands, Node, Rig, START};

type Id = [u8; 16];

/// A row as some copy of the database had it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Page {
    id: Id,
    version: i64,
    sealed: Vec<u8>,
}
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: Id,
    organisation: Id,
    version: i64,
    sealed: Vec<u8>,
}

/// Knows the formats (docs/formats.md) and nothing of the program: it shares the ciphers with it and no more.
struct Attacker {
    deployment: Deployment,
    root: SecretKey,
    pages: BTreeSet<Page>,
    rows: BTreeSet<Row>,
    epochs: BTreeMap<(i64, Vec<u8>), ()>,
}

impl Attacker {
    fn new(rig: &Rig) -> Self {
        let root: serde_json::Value =
            serde_json::from_slice(&std::fs::read(rig.path().join("root.key")).unwrap()).unwrap();
        let hex = |text: &serde_json::Value| hex::decode(text.as_str().unwrap()).unwrap();
        let deployment = Deployment {
            environment: hex(&root["environment"]).try_into().unwrap(),
            region: "eu-1".to_owned(),
        };
        let root = SecretKey::from_bytes(hex(&root["key"]["plain"]).try_into().unwrap());
        Self { deployment, root, pages: BTreeSet::new(), rows: BTreeSet::new(), epochs: BTreeMap::new() }
    }

    /// Takes a copy of the database as it is now.
    async fn copy(&mut self, node: &Node) {
        for row in node.rows("SELECT page_id, version, sealed FROM key_pages").await {
            let (id, version, sealed) = (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
            self.pages.insert(Page { id, version, sealed });
        }
        for row in node.rows("SELECT key_id, organisation, shard_version, sealed FROM key_rows").await {
            let (id, organisation) = (row.get(0).unwrap(), row.get(1).unwrap());
            let (version, sealed) = (row.get(2).unwrap(), row.get(3).unwrap());
            self.rows.insert(Row { id, organisation, version, sealed });
        }
    }

    /// Breaks in today, where the epochs are kept.
    fn take_epochs(&mut self, rig: &Rig) {
        for place in rig.places().map(|path| FilePlace::create(path).unwrap()) {
            for epoch in place.list().unwrap() {
                self.epochs.insert((epoch, place.read(epoch).unwrap()), ());
            }
        }
    }

    fn open(
        &self,
        key: &SecretKey,
        (table, column): (&'static str, &'static str),
        organisation: Id,
        row: Id,
        version: i64,
        sealed: &[u8],
    ) -> Option<Vec<u8>> {
        let organisation = OrganisationId::from_bytes(organisation);
        let version = version.unsigned_abs();
        let context =
            ValueContext { deployment: &self.deployment, organisation, table, column, row, version };
        open_value(key, &context, &SealedValue::from_bytes(sealed.to_vec()).ok()?).ok()
    }

    fn key(bytes: &[u8]) -> Option<SecretKey> {
        Some(SecretKey::from_bytes(bytes.try_into().ok()?))
    }

    /// Every secret of every key that opens by any combination of what it has.
    fn loot(&self) -> BTreeMap<KeyId, BTreeSet<[u8; 32]>> {
        let mut shards = Vec::new();
        for (epoch, wrapped) in self.epochs.keys() {
            let row = number_as_id(epoch.cast_unsigned());
            let Some(secret) = self.open(&self.root, ("epochs", "secret"), [0; 16], row, 1, wrapped) else {
                continue;
            };
            let secret = Self::key(&secret).unwrap();
            for page in &self.pages {
                let place = ("key_pages", "sealed");
                let entries = self.open(&secret, place, [0; 16], page.id, page.version, &page.sealed);
                for entry in entries.unwrap_or_default().chunks_exact(48) {
                    shards.push(Self::key(&entry[16..]).unwrap());
                }
            }
        }
        let (mut found, mut wrapped) = (BTreeMap::<Id, BTreeSet<[u8; 32]>>::new(), Vec::new());
        for row in &self.rows {
            for shard in &shards {
                let place = ("key_rows", "sealed");
                let inner = self.open(shard, place, row.organisation, row.id, row.version, &row.sealed);
                match inner {
                    Some(inner) if inner.len() == 32 => {
                        found.entry(row.id).or_default().insert(inner.try_into().unwrap());
                    }
                    Some(inner) => wrapped.push((row, inner)),
                    None => {}
                }
            }
        }
        // Any key may be the parent of any row: it does not trust what the column says.
        loop {
            let before: usize = found.values().map(BTreeSet::len).sum();
            for (row, inner) in &wrapped {
                let all: Vec<_> = found.values().flatten().copied().collect();
                for parent in all {
                    let parent = SecretKey::from_bytes(parent);
                    let place = ("key_rows", "wrapped");
                    if let Some(key) = self.open(&parent, place, row.organisation, row.id, 1, inner) {
                        found.entry(row.id).or_default().insert(key.try_into().unwrap());
                    }
                }
            }
            if before == found.values().map(BTreeSet::len).sum::<usize>() {
                return found.into_iter().map(|(id, keys)| (KeyId::from_bytes(id), keys)).collect();
            }
        }
    }
}

#[tokio::test]
async fn eight_days_after_an_erasure_no_old_copy_opens_what_was_erased() {
    let (rig, clock) = (Rig::new(), Hands::at(START));
    let node = rig.open(&clock).await;
    let mut attacker = Attacker::new(&rig);
    attacker.take_epochs(&rig);
    let known = attacker.epochs.clone();

    let person = node.make_subject(1, None).await.unwrap();
    let stays = node.make_subject(2, None).await.unwrap();
    attacker.copy(&node).await;
    let (mut gone, mut kept, mut orphans) = (vec![person], vec![stays], Vec::new());
    // Some days of recording, with shards of many days, some of which go whole.
    for day in 0..4 {
        orphans.push(node.make(Some(person)).await);
        gone.push(node.make(Some(stays)).await);
        if day != 2 {
            kept.push(node.make(Some(stays)).await);
        }
        let moved = node.make(Some(person)).await;
        attacker.copy(&node).await;
        node.reparent(moved, stays).await.unwrap();
        kept.push(moved);
        attacker.copy(&node).await;
        clock.pass(DAY);
        node.keys.roll_over().await.unwrap();
        attacker.copy(&node).await;
    }
    // A shard whose only row goes.
    gone.push(node.make(Some(stays)).await);
    attacker.copy(&node).await;
    let erased: Vec<_> = gone.iter().chain(&orphans).copied().collect();
    let secrets = node.secrets(&erased).await;
    let keeps = node.secrets(&kept).await;
    assert_eq!(node.destroy(&gone).await.unwrap().shards, 1);
    attacker.copy(&node).await;

    // It is a real attacker: the same day, with today's epochs, its older copies open everything.
    attacker.epochs.clear();
    attacker.take_epochs(&rig);
    let loot = attacker.loot();
    for (key, secret) in &secrets {
        assert!(loot[key].contains(secret), "an attacker who cannot open older copies proves nothing");
    }

    for _ in 0..8 {
        clock.pass(DAY);
        node.keys.roll_over().await.unwrap();
        attacker.copy(&node).await;
    }
    attacker.epochs.clear();
    attacker.take_epochs(&rig);
    let loot = attacker.loot();
    for key in &erased {
        assert_eq!(loot.get(key), None, "{key} was erased and opens");
    }
    for (key, secret) in &keeps {
        assert!(
            loot[key].contains(secret),
            "what was not erased is the attacker's, with root and epochs in hand"
        );
        assert_eq!(node.secret(*key).await.unwrap(), *secret);
    }

    // Only the epochs that were destroyed stand between it and the rest.
    attacker.epochs.extend(known);
    assert!(attacker.loot().contains_key(&person));
}
