//! Where a person is named, and what of it is left when they are erased: every table is on one of two lists here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;

use clerestory_lifecycle::Target;
use clerestory_model::{PersonId, SubjectId};
use clerestory_sql::Value;
use clerestory_testkit::{Inhabited, Installation};

/// What becomes of the rows that name somebody when they are erased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// They are removed, or name nobody any more.
    Goes,
    /// They stay, with the id and nothing that opens, for this reason.
    Stays(&'static str),
}
use Fate::{Goes, Stays};

/// Columns that name a person, or whom recordings are about.
const NAMES: &[(&str, Fate)] = &[];
/// Tables that name no person.
const NOBODY: &[&str] = &[];

/// The columns in which either id stands: as it is, or within a text.
pub(crate) async fn naming(
    installation: &Installation,
    person: PersonId,
    subject: SubjectId,
) -> BTreeSet<String> {
    let ids = [*person.as_bytes(), *subject.as_bytes()];
    let within = |value: &Value| {
        ids.iter().any(|id| match value {
            Value::Blob(bytes) => bytes.windows(id.len()).any(|part| part == id),
            Value::Text(text) => text.contains(&hex::encode(id)),
            Value::Null | Value::Int(_) => false,
        })
    };
    let mut found = BTreeSet::new();
    for (table, columns) in installation.schema().await {
        for row in installation.rows_of(&table, &columns).await {
            let named = columns.iter().zip(&row).filter(|(_, value)| within(value));
            found.extend(named.map(|(column, _)| format!("{table}.{column}")));
        }
    }
    found
}

/// The columns in which an erased person may still be named.
pub(crate) fn left() -> BTreeSet<String> {
    let stays = NAMES.iter().filter(|(_, fate)| *fate != Goes);
    stays.map(|(column, _)| (*column).to_owned()).collect()
}

#[tokio::test]
async fn whoever_is_erased_is_named_nowhere_but_where_it_says_here() {
    let inhabited = Inhabited::over(Installation::new().await).await;
    let Inhabited { installation, person, subject, .. } = &inhabited;
    let tables: BTreeSet<String> = installation.schema().await.into_keys().collect();
    let mut listed: Vec<&str> = NAMES.iter().map(|(column, _)| column.split_once('.').unwrap().0).collect();
    listed.dedup();
    listed.extend(NOBODY);
    let distinct: BTreeSet<String> = listed.iter().map(|table| (*table).to_owned()).collect();
    assert_eq!(listed.len(), distinct.len(), "a table is on one list, once");
    assert_eq!(distinct, tables, "say here what a new table has to do with people");

    let every: BTreeSet<String> = NAMES.iter().map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(naming(installation, *person, *subject).await, every, "each is tried, and there is no other");
    installation.erase_at_command(installation.organisation, Target::Subject(*subject)).await;
    installation.carry_erasures_on().await;
    installation.app.settle_now().await.unwrap();
    installation.carry_erasures_on().await;
    assert_eq!(naming(installation, *person, *subject).await, left());
    assert!(NAMES.iter().all(|(_, fate)| !matches!(fate, Stays(""))));
    assert_eq!(installation.app.replay_authority().await.unwrap(), []);
}
