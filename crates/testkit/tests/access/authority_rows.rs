//! Every table of authority, one after the other: a row that somebody edits, adds or removes by hand is named by the
//! replay of the audit log, whichever column it is; and an older sealed value that is put back in its place does not open.
//!
//! Which tables and columns there are is asked of the program. What cannot be tried is on a list here with its reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::time::Duration;

use clerestory::authority_tables;
use clerestory_audit::authority::{Difference, Table, Told};
use clerestory_sql::Value;
use clerestory_testkit::authenticator::Authenticator;
use clerestory_testkit::{Inhabited, Installation};
use serde_json::json;

/// Tables in which the installation that everything happened in has no row.
const EMPTY: [(&str, &str); 0] = [];
/// Tables of which no row can be removed while the database keeps its own rules.
const UNREMOVABLE: [(&str, &str); 2] =
    [("organisations", "whatever is in an organisation refers to it"), ("sites", "its origins refer to it")];
/// Sealed columns that are written once, and have no older value.
const WRITTEN_ONCE: [(&str, &str); 10] = [
    ("capture_signers.signing_key", "another key is another organisation's"),
    ("erasure_proposals.details", "a reason and what was shown, as they were proposed"),
    ("holds.details", "matter and reason, as they were proposed"),
    ("place_blocks.network", "another network is another block"),
    ("requests.answer", "a decision is made once"),
    ("requests.asked", "what was asked stands as it was entered"),
    ("requests.extension", "a date is moved once"),
    ("setting_versions.reason", "each saying is a version of its own"),
    ("setting_versions.value", "each saying is a version of its own"),
    ("sites.signing_key", "another key is another site's"),
];

async fn inhabited() -> Inhabited {
    let inhabited = Inhabited::over(Installation::new().await).await;
    assert_eq!(replay(&inhabited.installation).await, [], "what the product did is what the log says");
    inhabited
}

async fn replay(installation: &Installation) -> Vec<Difference> {
    installation.app.replay_authority().await.unwrap()
}

/// A row of a table: its whole width.
#[derive(Clone)]
struct Row {
    table: &'static Table,
    columns: Vec<String>,
    values: Vec<Value>,
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex::encode(bytes),
    }
}

/// Something else of the same kind.
fn other(value: &Value) -> Value {
    match value {
        Value::Null => Value::Blob(vec![7; 16]),
        Value::Int(number) => Value::Int(number + 1),
        Value::Text(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            match letters.last_mut() {
                Some(last) => *last = if *last == '0' { '1' } else { '0' },
                None => letters.push('0'),
            }
            Value::Text(letters.into_iter().collect())
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            *bytes.last_mut().unwrap() ^= 1;
            Value::Blob(bytes)
        }
    }
}

impl Row {
    async fn all_of(installation: &Installation, table: &'static Table) -> Vec<Self> {
        let columns = installation.schema().await.remove(table.name).unwrap();
        let rows = installation.rows_of(table.name, &columns).await;
        rows.into_iter().map(|values| Self { table, columns: columns.clone(), values }).collect()
    }

    fn at(&self, column: &str) -> usize {
        self.columns.iter().position(|known| known == column).unwrap()
    }

    fn value(&self, column: &str) -> &Value {
        &self.values[self.at(column)]
    }

    /// As the log names it.
    fn name(&self) -> String {
        let key: Vec<String> = self.table.key.iter().map(|column| shown(self.value(column))).collect();
        key.join("/")
    }

    fn with(mut self, column: &str, value: Value) -> Self {
        let at = self.at(column);
        self.values[at] = value;
        self
    }

    /// `column = $n` for the key, counted from `first`; and its values.
    fn place(&self, first: usize) -> (String, Vec<Value>) {
        let terms: Vec<String> =
            (first..).zip(self.table.key).map(|(number, column)| format!("{column} = ${number}")).collect();
        (terms.join(" AND "), self.table.key.iter().map(|column| self.value(column).clone()).collect())
    }

    /// Writes another value into one of its columns by hand. Whether the database takes it.
    async fn set(&self, installation: &Installation, column: &str, value: Value) -> bool {
        let (place, key) = self.place(2);
        let sql = format!("UPDATE {} SET {column} = $1 WHERE {place}", self.table.name);
        installation.attempt(sql, [vec![value], key].concat()).await.is_ok_and(|changed| changed == 1)
    }

    async fn remove(&self, installation: &Installation) -> bool {
        let (place, key) = self.place(1);
        let sql = format!("DELETE FROM {} WHERE {place}", self.table.name);
        installation.attempt(sql, key).await.is_ok_and(|changed| changed == 1)
    }

    async fn insert(&self, installation: &Installation) -> bool {
        let numbers: Vec<String> = (1..=self.values.len()).map(|number| format!("${number}")).collect();
        let (name, columns) = (self.table.name, self.columns.join(", "));
        let sql = format!("INSERT INTO {name} ({columns}) VALUES ({})", numbers.join(", "));
        installation.attempt(sql, self.values.clone()).await.is_ok()
    }
}

/// Tables with the rows they have; those without any must be on the list, and no others.
async fn tables(installation: &Installation) -> Vec<(&'static Table, Vec<Row>)> {
    let (mut found, mut empty) = (Vec::new(), Vec::new());
    for table in authority_tables() {
        match Row::all_of(installation, table).await {
            rows if rows.is_empty() => empty.push(table.name),
            rows => found.push((table, rows)),
        }
    }
    assert_eq!(empty, EMPTY.map(|(table, _)| table), "give them a row in `Inhabited`, or a reason here");
    assert!(found.len() > 25, "{}", found.len());
    found
}

#[tokio::test]
async fn a_row_with_one_column_edited_is_named_with_it() {
    let Inhabited { installation, .. } = inhabited().await;
    let tables = tables(&installation).await;
    // What a column may hold that refers to a row elsewhere.
    let ids: Vec<Value> = tables
        .iter()
        .flat_map(|(table, rows)| rows.iter().map(|row| row.value(table.key[0]).clone()))
        .collect();
    for (table, rows) in &tables {
        for (column, _) in table.columns {
            let row = rows.iter().find(|row| *row.value(column) != Value::Null).unwrap_or(&rows[0]);
            let was = row.value(column).clone();
            let kinds = [other(&was), Value::Int(7), Value::Text("7".to_owned())];
            let mut edited = false;
            let elsewhere: Vec<Value> = rows.iter().map(|row| row.value(column).clone()).collect();
            for value in kinds.iter().chain(&elsewhere).chain(&ids).filter(|value| **value != was) {
                edited = row.set(&installation, column, value.clone()).await;
                if edited {
                    break;
                }
            }
            assert!(edited, "{}.{column} takes nothing else than {}", table.name, shown(&was));
            let found = replay(&installation).await;
            let [Difference::Altered { table: name, row: told, column: which, .. }] = found.as_slice() else {
                panic!("{}.{column} of {} was edited: {found:?}", table.name, row.name());
            };
            assert_eq!((name.as_str(), told, which.as_str()), (table.name, &row.name(), *column));
            assert!(row.set(&installation, column, was).await);
        }
        assert_eq!(replay(&installation).await, [], "{} is as it was", table.name);
    }
}

#[tokio::test]
async fn a_copy_of_a_row_under_another_id_is_named() {
    let Inhabited { installation, .. } = inhabited().await;
    for (table, rows) in tables(&installation).await {
        let mut added = None;
        'tried: for row in &rows {
            for column in table.key {
                let copy = row.clone().with(column, other(row.value(column)));
                // Some columns may hold each value once only.
                let mut apart = copy.clone();
                for (at, name) in row.columns.iter().enumerate() {
                    if matches!(name.as_str(), "token_hash" | "site_key")
                        && !table.key.contains(&name.as_str())
                    {
                        apart.values[at] = other(&row.values[at]);
                    }
                }
                for copy in [copy, apart] {
                    if copy.insert(&installation).await {
                        added = Some(copy);
                        break 'tried;
                    }
                }
            }
        }
        let added = added.unwrap_or_else(|| panic!("{} takes no copy of any of its rows", table.name));
        let named = Difference::Added { table: table.name.to_owned(), row: added.name() };
        assert_eq!(replay(&installation).await, [named]);
        assert!(added.remove(&installation).await, "{}", table.name);
    }
    assert_eq!(replay(&installation).await, []);
}

#[tokio::test]
async fn a_row_that_is_removed_is_named() {
    let Inhabited { installation, .. } = inhabited().await;
    let (now, mut kept) = (installation.now().micros(), Vec::new());
    for (table, rows) in tables(&installation).await {
        // What has ended may be gone.
        let means_something =
            |row: &&Row| table.ends.is_none_or(|ends| matches!(row.value(ends), Value::Int(at) if *at > now));
        let mut removed = None;
        for row in rows.iter().filter(means_something) {
            if row.remove(&installation).await {
                removed = Some(row);
                break;
            }
        }
        let Some(removed) = removed else {
            kept.push(table.name);
            continue;
        };
        let named = Difference::Removed { table: table.name.to_owned(), row: removed.name() };
        assert_eq!(replay(&installation).await, [named]);
        assert!(removed.insert(&installation).await, "{}", table.name);
    }
    assert_eq!(kept, UNREMOVABLE.map(|(table, _)| table));
    assert_eq!(replay(&installation).await, []);
}

/// Every sealed value that the log tells of, by its column and row.
async fn sealed(installation: &Installation) -> BTreeMap<(String, String), (Row, &'static str)> {
    let mut found = BTreeMap::new();
    for table in authority_tables() {
        for row in Row::all_of(installation, table).await {
            for (column, _) in table.columns.iter().filter(|(_, told)| *told == Told::Digest) {
                found.insert((format!("{}.{column}", table.name), row.name()), (row.clone(), *column));
            }
        }
    }
    found
}

#[tokio::test]
async fn an_older_sealed_value_put_back_is_named_and_does_not_open() {
    let Inhabited { installation, site, .. } = inhabited().await;
    let admin = installation.proven("admin").await;
    let manager = installation.proven("manager").await;
    let given = manager.post("/api/v1/session/factor", json!({})).await.ok();
    let theirs = Authenticator::with(given["secret"].as_str().unwrap());
    let code = json!({ "code": theirs.code(installation.now()) });
    manager.post("/api/v1/session/factor/confirm", code).await.ok();
    let before = sealed(&installation).await;

    // Everything that can be sealed anew is.
    let (old, new) = ("high windows, all lit", "seven plain lanterns");
    installation.wait(Duration::from_secs(60));
    assert!(manager.delete("/api/v1/session/factor").await.status.is_success());
    let again = manager.post("/api/v1/session/factor", json!({})).await.ok();
    assert_ne!(given["secret"], again["secret"]);
    let changed = json!({ "old": old, "new": new }).to_string();
    admin.send("PUT", "/api/v1/session/password", changed).await.ok();
    let path = format!("/api/v1/sites/{site}");
    admin.send("PATCH", &path, json!({ "name": "Shop 2" }).to_string()).await.ok();
    assert_eq!(replay(&installation).await, []);

    let after = sealed(&installation).await;
    let mut again = Vec::new();
    for (name, (was, column)) in &before {
        let Some((is, _)) = after.get(name) else { continue };
        if was.value(column) == is.value(column) {
            continue;
        }
        again.push(name.0.as_str());
        assert!(is.set(&installation, column, was.value(column).clone()).await);
        let found = replay(&installation).await;
        let [Difference::Altered { table, row, column: which, .. }] = found.as_slice() else {
            panic!("{name:?} is what it was before: {found:?}");
        };
        assert_eq!((table.as_str(), row, which.as_str()), (is.table.name, &name.1, *column));
        let refused = match name.0.as_str() {
            "credentials.password" => {
                let asked = json!({ "email": "admin@example.org", "password": old });
                installation.anonymous().post("/api/v1/session", asked).await
            }
            "sites.details" => admin.get(&path).await,
            _ => {
                let asked = json!({ "code": theirs.code(installation.now()) });
                manager.post("/api/v1/session/factor/confirm", asked).await
            }
        };
        assert!(!refused.status.is_success(), "{name:?} opens: {} {}", refused.status, refused.json);
        assert!(is.set(&installation, column, is.value(column).clone()).await);
    }
    let told = authority_tables().into_iter().flat_map(|table| {
        let sealed = table.columns.iter().filter(|(_, told)| *told == Told::Digest);
        sealed.map(|(column, _)| format!("{}.{column}", table.name))
    });
    let mut never: Vec<String> = told.filter(|name| !again.contains(&name.as_str())).collect();
    never.sort();
    assert_eq!(never, WRITTEN_ONCE.map(|(column, _)| column));
    admin.get(&path).await.ok();
    assert_eq!(replay(&installation).await, []);
}
