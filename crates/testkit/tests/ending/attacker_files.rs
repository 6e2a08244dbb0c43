//! The attacker of the erase promise who asks no database: sealed keys are carved out of the bytes of every file, the
//! pages that a database has freed and its write-ahead log with them.
//!
//! PostgreSQL's files are what a base backup with its log holds. What lies beside a sealed key in the same row says whose
//! it is; which version it has is tried.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clerestory_lifecycle::Target;
use clerestory_testkit::postgres::{Server, new_schema};
use clerestory_testkit::{Inhabited, Installation};

use crate::attacker::{Attacker, DAY, Id};
use crate::attacker_columns::{OUTLIVES, key_of, opened, take};

/// The columns before a sealed key in its row take no more bytes than this.
const BEFORE: usize = 160;

/// What is told by the catalogue, which hides nothing: ids, and how long sealed keys are.
#[derive(Default)]
struct Catalogue {
    /// The organisation of each key.
    keys: BTreeMap<Id, Id>,
    pages: BTreeSet<Id>,
    shards: BTreeSet<Id>,
    epochs: BTreeSet<Id>,
    row_bytes: BTreeSet<usize>,
    page_bytes: BTreeSet<usize>,
    versions: i64,
}

impl Catalogue {
    async fn learn(&mut self, installation: &Installation) {
        let sql = "SELECT key_id, organisation, shard_version, sealed FROM key_rows";
        for row in installation.rows(sql, Vec::new()).await {
            let sealed: Vec<u8> = row.get(3).unwrap();
            self.keys.insert(row.get(0).unwrap(), row.get(1).unwrap());
            self.versions = self.versions.max(row.get(2).unwrap());
            self.shards.extend(key_of(&sealed));
            self.row_bytes.insert(sealed.len());
        }
        for row in installation.rows("SELECT page_id, version, sealed FROM key_pages", Vec::new()).await {
            let sealed: Vec<u8> = row.get(2).unwrap();
            self.pages.insert(row.get(0).unwrap());
            self.versions = self.versions.max(row.get(1).unwrap());
            self.epochs.extend(key_of(&sealed));
            self.page_bytes.insert(sealed.len());
        }
    }

    /// Gives the attacker every sealed row and page of keys that could begin anywhere in these bytes.
    fn carve(&self, bytes: &[u8], attacker: &mut Attacker) {
        for at in 0..bytes.len().saturating_sub(18) {
            if bytes[at] != 1 || bytes[at + 1] != 1 {
                continue;
            }
            let Some(named) = key_of(&bytes[at..]) else { continue };
            let of_row = self.shards.contains(&named);
            let lengths = match of_row {
                true => &self.row_bytes,
                false if self.epochs.contains(&named) => &self.page_bytes,
                false => continue,
            };
            let before: BTreeSet<Id> =
                bytes[at.saturating_sub(BEFORE)..at].windows(16).map(|id| id.try_into().unwrap()).collect();
            for sealed in lengths.iter().filter_map(|length| bytes.get(at..at + length)) {
                for version in 1..=self.versions + 1 {
                    if !of_row {
                        // There are few, and a large value may lie apart from its row.
                        attacker.pages.extend(self.pages.iter().map(|id| (*id, version, sealed.to_vec())));
                    }
                    for id in before.iter().filter(|_| of_row) {
                        if let Some(organisation) = self.keys.get(id) {
                            attacker.rows.insert((*id, *organisation, version, sealed.to_vec()));
                        }
                    }
                }
            }
        }
    }

    fn carve_all(&self, directory: &Path, attacker: &mut Attacker) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => self.carve_all(&entry.path(), attacker),
                // A server at work removes files.
                false => self.carve(&std::fs::read(entry.path()).unwrap_or_default(), attacker),
            }
        }
    }
}

/// * `postgres`: where its server has its files, if there is one.
async fn files_open_nothing(installation: Installation, postgres: Option<PathBuf>) {
    let Inhabited { installation, .. } = Inhabited::over(installation).await;
    let (mut attacker, mut catalogue, mut taken) =
        (Attacker::new(&installation), Catalogue::default(), BTreeSet::new());
    let directories: Vec<PathBuf> =
        [installation.app.places.data.clone()].into_iter().chain(postgres.clone()).collect();
    take(&installation, &mut taken).await;
    catalogue.learn(&installation).await;
    let look = |catalogue: &Catalogue, attacker: &mut Attacker| {
        directories.iter().for_each(|directory| catalogue.carve_all(directory, attacker));
    };
    look(&catalogue, &mut attacker);
    installation.wait(DAY);
    installation.app.vault.keys().roll_over().await.unwrap();
    catalogue.learn(&installation).await;
    let organisation = installation.organisation;
    installation.erase_at_command(organisation, Target::Organisation).await;
    for _ in 0..3 {
        installation.carry_erasures_on().await;
        installation.app.settle_now().await.unwrap();
    }
    assert!(installation.rows("SELECT 1 FROM erasures WHERE step < 7", Vec::new()).await.is_empty());
    catalogue.learn(&installation).await;
    look(&catalogue, &mut attacker);

    // The same day the files give up what was erased: old pages and the log have it still, and the epochs are there.
    attacker.take_epochs(&installation);
    let opens = opened(&attacker, &taken, *organisation.as_bytes());
    for column in [("people", "profile"), ("organisations", "name"), ("sites", "details")] {
        assert!(opens.contains(&column), "an attacker who finds nothing proves nothing: {opens:?}");
    }
    for _ in 0..8 {
        installation.wait(DAY);
        installation.app.vault.keys().roll_over().await.unwrap();
        catalogue.learn(&installation).await;
    }
    if postgres.is_some() {
        // A base backup begins with it. What the server changed last it else has in its memory alone.
        installation.rows("CHECKPOINT", Vec::new()).await;
    }
    look(&catalogue, &mut attacker);
    attacker.take_epochs(&installation);
    let opens = opened(&attacker, &taken, *organisation.as_bytes());
    assert!(opens.is_subset(&BTreeSet::from([OUTLIVES])), "{opens:?}");
    let theirs = opened(&attacker, &taken, *installation.other.as_bytes());
    assert!(theirs.contains(&("people", "profile")), "what was not erased is theirs: {theirs:?}");
}

#[tokio::test]
async fn nothing_erased_opens_by_what_a_database_file_and_its_log_still_hold() {
    files_open_nothing(Installation::over(None).await, None).await;
}

#[tokio::test]
async fn nothing_erased_opens_by_what_the_files_of_postgresql_still_hold() {
    let server = Server::start().await.unwrap();
    let installation = Installation::over(Some(new_schema(server.address()).await)).await;
    files_open_nothing(installation, Some(server.data())).await;
}
