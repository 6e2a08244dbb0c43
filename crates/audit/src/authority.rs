//! Authority: the rows that say who may do what and what is captured, and the entries that say how they became so.
//!
//! Whoever changes such a row calls [`Audit::note_change`] in the same transaction. It reads the rows as they are then
//! and puts them into the sealed part of an entry `authority.change`. [`Audit::replay`] goes through these entries and
//! compares what they leave with the tables: a row that somebody edited, added or removed by hand is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clerestory_keys::{KeyError, unwrapping};
use clerestory_model::{OrganisationId, PersonId, RecordingId, Timestamp};
use clerestory_seal::{ValueContext, open_value, sha256};
use clerestory_sql::{Body, Row, SqlError, Tx, Value};
use clerestory_store::Content;
use serde::{Deserialize, Serialize};

use crate::forgetting::Forgotten;
use crate::read::{COLUMNS, entry};
use crate::{ActorKind, Audit, AuditError, Class, Entry, NewEntry, ObjectRef, Outcome, Personal, Recorded};

/// The action of entries that say how authority rows stand.
pub const CHANGE: &str = "authority.change";
/// Rows and entries read at a time.
const PAGE: u32 = 500;

/// How a column is told in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// As it is: ids and hashes in hex, numbers in decimal, texts.
    Plain,
    /// As its SHA-256: sealed values, which are long.
    Digest,
}

/// A table whose rows are authority.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that name a row.
    pub key: &'static [&'static str],
    /// The columns that must be what the log says.
    pub columns: &'static [(&'static str, Told)],
    /// The column with the time after which a row means nothing any more, and may be gone without an entry.
    pub ends: Option<&'static str>,
}

/// A row that was added, changed or removed.
#[derive(Clone, Debug)]
pub struct Touched {
    /// Of which table.
    pub table: &'static Table,
    /// The values of its key.
    pub key: Vec<Value>,
}

impl Touched {
    /// The row of `table` with this key.
    #[must_use]
    pub fn row(table: &'static Table, key: impl IntoIterator<Item = Value>) -> Self {
        Self { table, key: key.into_iter().collect() }
    }
}

/// An owner of authority rows, which gives up those of an organisation that is erased.
pub trait Departing: Send + Sync {
    /// Removes them, and says which.
    fn depart<'t>(&'t self, tx: &'t mut Tx, organisation: OrganisationId)
    -> Body<'t, Vec<Touched>, SqlError>;

    /// Removes what names a recording or a person that is erased while the organisation goes on, and says which.
    fn forget_gone<'t>(&'t self, _tx: &'t mut Tx, _gone: &'t Gone) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// What is erased while its organisation goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Recordings of which nothing is left.
    pub recordings: Vec<RecordingId>,
    /// The person.
    pub person: Option<PersonId>,
}

/// How one row stands after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The row: the values of its key, with `/` between.
    pub row: String,
    /// Its columns, or nothing where the row is gone.
    pub now: Option<BTreeMap<String, String>>,
}

/// Who changed something, when, and in which request.
#[derive(Clone, Debug)]
pub struct ChangedBy {
    /// Whose log tells of it.
    pub organisation: OrganisationId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: (ActorKind, [u8; 16]),
    /// The request it belongs to.
    pub request_id: String,
}

/// A row that is not as the log says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A column holds something else.
    Altered {
        /// The table.
        table: String,
        /// The row.
        row: String,
        /// The column.
        column: String,
        /// What the log says.
        told: String,
        /// What the table holds.
        found: String,
    },
    /// The log knows of no such row.
    Added {
        /// The table.
        table: String,
        /// The row.
        row: String,
    },
    /// The row the log tells of is gone.
    Removed {
        /// The table.
        table: String,
        /// The row.
        row: String,
    },
    /// An entry that tells of changes cannot be opened, and no entry says that its words were forgotten.
    Unreadable {
        /// Whose log.
        organisation: OrganisationId,
        /// Which entry.
        number: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { table, row, column, told, found } => {
                write!(out, "{table} {row}: {column} is “{found}”, and the log says “{told}”")
            }
            Self::Added { table, row } => write!(out, "{table} {row}: the log does not know of this row"),
            Self::Removed { table, row } => {
                write!(out, "{table} {row}: the log tells of this row, and it is gone")
            }
            Self::Unreadable { organisation, number } => {
                write!(out, "entry {number} of {organisation}: what it says of rows does not open")
            }
        }
    }
}

type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

impl Audit {
    /// Records how these rows stand now, in the transaction that changed them.
    ///
    /// # Errors
    /// [`AuditError`]: the caller must undo the change.
    pub async fn note_change(
        &self,
        tx: &mut Tx,
        by: ChangedBy,
        object: ObjectRef,
        touched: &[Touched],
    ) -> Result<Recorded, AuditError> {
        let mut changes = Vec::with_capacity(touched.len());
        for one in touched {
            changes.push(change(tx, one).await?);
        }
        let (actor_kind, actor) = by.actor;
        let entry = NewEntry {
            organisation: by.organisation,
            at: by.at,
            action: CHANGE,
            class: Class::ENTITY_UPDATE,
            outcome: Outcome::Allowed,
            rule: "rows as they stand".to_owned(),
            actor_kind,
            actor,
            object,
            request_id: by.request_id,
            personal: Some(Personal { detail: Some(in_words(&changes)), changes, ..Personal::default() }),
        };
        self.append(tx, entry).await
    }

    /// Compares every row of `tables` with what the log says of it. The caller holds the lease on keys.
    ///
    /// # Errors
    /// [`AuditError`]. Differences are findings, not errors.
    pub async fn replay(
        &self,
        tx: &mut Tx,
        tables: &[&'static Table],
        now: Timestamp,
    ) -> Result<Vec<Difference>, AuditError> {
        let (mut told, mut differences) = self.told(tx).await?;
        for table in tables {
            compare(tx, table, &mut told, &mut differences).await?;
        }
        for ((name, row), columns) in told {
            let table = tables.iter().find(|table| table.name == name);
            let ended = table.and_then(|table| table.ends).and_then(|ends| columns.get(ends)?.parse().ok());
            // What ran out may be tidied away; what belongs to no table of this version cannot be compared.
            if table.is_some() && ended.is_none_or(|micros: i64| micros > now.micros()) {
                differences.push(Difference::Removed { table: name, row });
            }
        }
        differences.sort();
        Ok(differences)
    }

    /// Every row as the newest entry that tells of it left it.
    async fn told(&self, tx: &mut Tx) -> Result<(Rows, Vec<Difference>), AuditError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entries WHERE action = $1 AND (organisation_id, number) > ($2, $3)
             ORDER BY organisation_id, number LIMIT $4"
        );
        let (mut rows, mut differences) = (Rows::new(), Vec::new());
        let forgotten = Forgotten::of(tx).await?;
        // Ids are sixteen bytes: nothing at all comes before the nil one.
        let mut after: (Value, Value) = (Value::Blob(Vec::new()), 0_u64.into());
        loop {
            let page = tx.query(&sql, &[CHANGE.into(), after.0, after.1, PAGE.into()]).await?;
            for row in &page {
                let entry = entry(row)?;
                // What it told is told again by a later one, as far as it stands.
                if forgotten.tells_of(&entry).is_some() {
                    continue;
                }
                match self.changes_of(tx, &entry).await? {
                    Some(changes) => changes.into_iter().for_each(|change| fold(&mut rows, change)),
                    None => {
                        let (organisation, number) = (entry.organisation, entry.number);
                        differences.push(Difference::Unreadable { organisation, number });
                    }
                }
            }
            let Some(last) = page.last() else { break };
            after = (last.get::<OrganisationId>(0)?.into(), last.get::<u64>(1)?.into());
        }
        Ok((rows, differences))
    }

    /// What an entry tells of rows; `None` where that does not open, or is not there.
    pub(crate) async fn changes_of(
        &self,
        tx: &mut Tx,
        entry: &Entry,
    ) -> Result<Option<Vec<Change>>, AuditError> {
        let Some(sealed) = &entry.personal else { return Ok(None) };
        let secret = match unwrapping::secret(&self.keys, tx, sealed.value().key()).await {
            Ok(secret) => secret,
            Err(KeyError::Unknown(_) | KeyError::Tampered(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let place = sealed.place();
        let context = ValueContext {
            deployment: self.keys.deployment(),
            organisation: place.organisation,
            table: Personal::TABLE,
            column: Personal::COLUMN,
            row: place.row,
            version: place.version,
        };
        let opened = open_value(&secret, &context, sealed.value()).ok();
        let personal = opened.and_then(|plain| serde_json::from_slice::<Personal>(&plain).ok());
        Ok(personal.map(|personal| personal.changes))
    }
}

fn fold(rows: &mut Rows, change: Change) {
    let key = (change.table, change.row);
    match change.now {
        Some(columns) => rows.insert(key, columns),
        None => rows.remove(&key),
    };
}

/// `SELECT` of a table's key and columns, without its end.
fn select(table: &Table) -> String {
    let columns: Vec<&str> =
        table.key.iter().copied().chain(table.columns.iter().map(|(column, _)| *column)).collect();
    format!("SELECT {} FROM {}", columns.join(", "), table.name)
}

async fn change(tx: &mut Tx, touched: &Touched) -> Result<Change, SqlError> {
    let table = touched.table;
    let wanted: Vec<String> =
        (1..).zip(table.key).map(|(number, column)| format!("{column} = ${number}")).collect();
    let sql = format!("{} WHERE {}", select(table), wanted.join(" AND "));
    let row = tx.query_opt(&sql, &touched.key).await?;
    let name: Vec<String> = touched.key.iter().map(|value| text(value, Told::Plain)).collect();
    Ok(Change {
        table: table.name.to_owned(),
        row: name.join("/"),
        now: row.map(|row| columns(table, &row)).transpose()?,
    })
}

/// A row's columns as the log tells them.
fn columns(table: &Table, row: &Row) -> Result<BTreeMap<String, String>, SqlError> {
    let mut told = BTreeMap::new();
    for (at, (column, how)) in table.columns.iter().enumerate() {
        let value: Value = row.get(table.key.len() + at)?;
        told.insert((*column).to_owned(), text(&value, *how));
    }
    Ok(told)
}

fn text(value: &Value, how: Told) -> String {
    match (value, how) {
        (Value::Null, _) => "nothing".to_owned(),
        (Value::Int(number), _) => number.to_string(),
        (Value::Text(text), Told::Plain) => text.clone(),
        (Value::Text(text), Told::Digest) => hex::encode(sha256(text.as_bytes())),
        (Value::Blob(bytes), Told::Plain) => hex::encode(bytes),
        (Value::Blob(bytes), Told::Digest) => hex::encode(sha256(bytes)),
    }
}

/// The names of all rows of a table.
pub(crate) async fn names(tx: &mut Tx, table: &Table) -> Result<BTreeSet<String>, SqlError> {
    let sql = format!("SELECT {} FROM {}", table.key.join(", "), table.name);
    let mut names = BTreeSet::new();
    for row in tx.query(&sql, &[]).await? {
        let key: Result<Vec<Value>, SqlError> = (0..table.key.len()).map(|at| row.get(at)).collect();
        let name: Vec<String> = key?.iter().map(|value| text(value, Told::Plain)).collect();
        names.insert(name.join("/"));
    }
    Ok(names)
}

/// Takes every row of a table out of `told`, noting what differs.
async fn compare(
    tx: &mut Tx,
    table: &Table,
    told: &mut Rows,
    differences: &mut Vec<Difference>,
) -> Result<(), AuditError> {
    let key = table.key.join(", ");
    let mut after: Option<Vec<Value>> = None;
    loop {
        let (condition, mut values) = match after.take() {
            None => (String::new(), Vec::new()),
            Some(values) => {
                let numbers: Vec<String> = (1..=values.len()).map(|number| format!("${number}")).collect();
                (format!(" WHERE ({key}) > ({})", numbers.join(", ")), values)
            }
        };
        values.push(PAGE.into());
        let sql = format!("{}{condition} ORDER BY {key} LIMIT ${}", select(table), values.len());
        let page = tx.query(&sql, &values).await?;
        for row in &page {
            let found = columns(table, row)?;
            let key: Result<Vec<Value>, SqlError> = (0..table.key.len()).map(|at| row.get(at)).collect();
            let key = key?;
            let name: Vec<String> = key.iter().map(|value| text(value, Told::Plain)).collect();
            let name = name.join("/");
            match told.remove(&(table.name.to_owned(), name.clone())) {
                None => differences.push(Difference::Added { table: table.name.to_owned(), row: name }),
                Some(told) => differ(table, &name, &told, &found, differences),
            }
            after = Some(key);
        }
        if after.is_none() {
            return Ok(());
        }
    }
}

fn differ(
    table: &Table,
    row: &str,
    told: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    differences: &mut Vec<Difference>,
) {
    for (column, value) in found {
        // A column that older entries do not tell of cannot be compared.
        if let Some(said) = told.get(column)
            && said != value
        {
            differences.push(Difference::Altered {
                table: table.name.to_owned(),
                row: row.to_owned(),
                column: column.clone(),
                told: said.clone(),
                found: value.clone(),
            });
        }
    }
}

/// How many rows of which table were set or removed: for people. The rows themselves are told for the replay.
pub(crate) fn in_words(changes: &[Change]) -> String {
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for change in changes {
        *counts.entry((change.table.as_str(), change.now.is_some())).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|((table, stands), count)| {
            let rows = if count == 1 { "row" } else { "rows" };
            format!("{table}: {count} {rows} {}", if stands { "set" } else { "removed" })
        })
        .collect();
    parts.join("; ")
}
