//! The attacker of the erase promise at every sealed column there is: with every copy of every table, today's root and
//! the epochs that are left, nothing opens of an organisation that was erased eight days ago.
//!
//! The columns are on a list here that is compared with what lies in the tables: a new one must be put on it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory_lifecycle::Target;
use clerestory_model::number_as_id;
use clerestory_sql::Value;
use clerestory_testkit::{Inhabited, Installation};

use crate::attacker::{Attacker, DAY, Id, secret};

/// Every column that holds sealed values.
const SEALED: &[(&str, &str)] = &[
    ("api_keys", "name"),
    ("audit_entries", "personal"),
    ("blocks", "reason"),
    ("capture_signers", "signing_key"),
    ("clips", "title"),
    ("comments", "text"),
    ("credentials", "password"),
    ("custom_roles", "name"),
    ("domains", "name"),
    ("erasure_proposals", "details"),
    ("holds", "details"),
    ("organisations", "name"),
    ("outbox", "mail"),
    ("people", "profile"),
    ("pictures", "large"),
    ("pictures", "small"),
    ("place_blocks", "lift_reason"),
    ("place_blocks", "network"),
    ("place_blocks", "reason"),
    ("playlists", "title"),
    ("previews", "picture"),
    ("projects", "name"),
    ("recorders", "label"),
    ("recordings", "summary"),
    ("requests", "answer"),
    ("requests", "asked"),
    ("requests", "extension"),
    ("reviews", "note"),
    ("second_factors", "secret"),
    ("sessions", "device"),
    ("setting_versions", "reason"),
    ("setting_versions", "value"),
    ("sites", "details"),
    ("sites", "signing_key"),
    ("support_grants", "reason"),
    ("teams", "name"),
];
/// What outlives the organisation: its log, which tells of the erasure.
pub(crate) const OUTLIVES: (&str, &str) = ("audit_entries", "personal");
/// Columns of bytes that are neither ids, hashes nor sealed values, and what they are.
const OTHER_BYTES: &[(&str, &str)] = &[
    ("key_pages.sealed", "sealed under an epoch, which no row of keys is"),
    ("key_rows.sealed", "sealed under a shard, which no row of keys is"),
    ("parts.facts", "times, sizes and places of the segments of a part"),
    ("parts.proofs", "hashes of the segments of a part, and keyed ones"),
];

/// A sealed value with everything beside it that could be a part of its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Taken {
    column: (&'static str, &'static str),
    rows: BTreeSet<Id>,
    versions: BTreeSet<i64>,
    sealed: Vec<u8>,
}

/// The key that bytes name, if they could be a sealed value.
pub(crate) fn key_of(bytes: &[u8]) -> Option<Id> {
    match bytes {
        [1, 1, rest @ ..] => rest.first_chunk().copied(),
        _ => None,
    }
}

/// Takes every sealed value there is.
pub(crate) async fn take(installation: &Installation, taken: &mut BTreeSet<Taken>) {
    let schema = installation.schema().await;
    let tables: BTreeSet<&str> = SEALED.iter().map(|(table, _)| *table).collect();
    for table in tables {
        for row in installation.rows_of(table, &schema[table]).await {
            let (mut rows, mut versions) = (BTreeSet::from([[0; 16]]), BTreeSet::from([0, 1, 2]));
            for value in &row {
                match value {
                    Value::Blob(bytes) => rows.extend(Id::try_from(bytes.as_slice())),
                    Value::Int(number) => {
                        rows.insert(number_as_id(number.cast_unsigned()));
                        versions.insert(*number);
                    }
                    Value::Text(_) | Value::Null => {}
                }
            }
            for column in SEALED.iter().filter(|(of, _)| *of == table) {
                let at = schema[table].iter().position(|known| known == column.1).unwrap();
                if let Value::Blob(sealed) = &row[at] {
                    let (rows, versions) = (rows.clone(), versions.clone());
                    taken.insert(Taken { column: *column, rows, versions, sealed: sealed.clone() });
                }
            }
        }
    }
}

/// The columns of which something opens that the organisation sealed, by every key and in every place that could be.
pub(crate) fn opened(
    attacker: &Attacker,
    taken: &BTreeSet<Taken>,
    organisation: Id,
) -> BTreeSet<(&'static str, &'static str)> {
    let loot = attacker.loot();
    let mut columns = BTreeSet::new();
    for one in taken {
        let Some(keys) = key_of(&one.sealed).and_then(|id| loot.get(&id)) else { continue };
        let opens = keys.iter().any(|key| {
            let key = secret(key);
            one.rows.iter().any(|row| {
                let opens = |version: &i64| {
                    attacker.open(&key, one.column, (organisation, *row), *version, &one.sealed).is_some()
                };
                one.versions.iter().any(opens)
            })
        });
        if opens {
            columns.insert(one.column);
        }
    }
    columns
}

#[tokio::test]
async fn every_sealed_column_is_on_the_list_and_no_other_holds_bytes_that_could_be_read() {
    let Inhabited { installation, .. } = Inhabited::over(Installation::new().await).await;
    installation.app.settle_now().await.unwrap();
    let keys = installation.rows("SELECT key_id FROM key_rows", Vec::new()).await;
    let keys: BTreeSet<Id> = keys.iter().map(|row| row.get(0).unwrap()).collect();
    let (mut sealed, mut others) = (BTreeSet::new(), BTreeSet::new());
    let schema = installation.schema().await;
    for (table, columns) in &schema {
        for row in installation.rows_of(table, columns).await {
            for (column, value) in columns.iter().zip(row) {
                let Value::Blob(bytes) = value else { continue };
                match key_of(&bytes) {
                    Some(id) if keys.contains(&id) => sealed.insert((table.as_str(), column.as_str())),
                    _ if matches!(bytes.len(), 16 | 32) => false,
                    _ => others.insert(format!("{table}.{column}")),
                };
            }
        }
    }
    assert_eq!(
        sealed,
        SEALED.iter().copied().collect(),
        "give `Inhabited` a row with it, and put it on the list"
    );
    let told: BTreeSet<String> = OTHER_BYTES.iter().map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(others, told, "say what these bytes are");
}

/// A stranger who writes a reader finds each of them in the description of the formats.
#[test]
fn the_description_of_the_formats_names_every_sealed_column() {
    const FORMATS: &str = include_str!("../../../../docs/formats.md");
    let missing: Vec<String> = SEALED.iter().map(|(table, column)| format!("`{table}.{column}`")).collect();
    let missing: Vec<&String> = missing.iter().filter(|name| !FORMATS.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn nothing_of_an_erased_organisation_opens_in_any_sealed_column_of_any_copy() {
    let Inhabited { installation, .. } = Inhabited::over(Installation::new().await).await;
    let (mut attacker, mut taken) = (Attacker::new(&installation), BTreeSet::new());
    attacker.copy(&installation).await;
    take(&installation, &mut taken).await;
    installation.wait(DAY);
    installation.app.vault.keys().roll_over().await.unwrap();
    attacker.copy(&installation).await;
    let organisation = installation.organisation;
    installation.erase_at_command(organisation, Target::Organisation).await;
    loop {
        attacker.copy(&installation).await;
        take(&installation, &mut taken).await;
        let moved = installation.app.lifecycle.work().await.unwrap();
        installation.app.settle_now().await.unwrap();
        installation.wait(std::time::Duration::from_secs(6));
        if moved == 0
            && installation.rows("SELECT 1 FROM erasures WHERE step < 7", Vec::new()).await.is_empty()
        {
            break;
        }
    }
    attacker.copy(&installation).await;
    take(&installation, &mut taken).await;

    // It is a real attacker: the same day, with today's epochs, its older copies open every column.
    attacker.take_epochs(&installation);
    let every: BTreeSet<_> = SEALED.iter().copied().collect();
    let opens = opened(&attacker, &taken, *organisation.as_bytes());
    assert_eq!(
        every.difference(&opens).collect::<Vec<_>>(),
        Vec::<&(&str, &str)>::new(),
        "it proves nothing of these"
    );
    for _ in 0..8 {
        installation.wait(DAY);
        installation.app.vault.keys().roll_over().await.unwrap();
        attacker.copy(&installation).await;
        take(&installation, &mut taken).await;
    }
    attacker.take_epochs(&installation);
    assert_eq!(opened(&attacker, &taken, *organisation.as_bytes()), BTreeSet::from([OUTLIVES]));
    let theirs = opened(&attacker, &taken, *installation.other.as_bytes());
    assert!(theirs.contains(&("people", "profile")), "what was not erased is theirs: {theirs:?}");
}
