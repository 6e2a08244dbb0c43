//! Forgetting the words of the log: the key of a month is destroyed once all of the month is older than words are kept.
//! Entries, hashes, chain and ledger stay as they are, because they are made of what is sealed and not of what it says.
//!
//! What entries told of rows of authority goes with their words. So what still stands of it is told again first, out of the
//! log and not out of the tables: a row that was edited by hand is no truer afterwards. An entry of the action
//! `audit.forget` says which key went, and is how words that were forgotten are told from words that are lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clerestory_keys::{LeasesOut, presence};
use clerestory_model::{KeyId, OrganisationId, Timestamp};
use clerestory_sql::{Row, SqlError, Tx};

use crate::authority::{self, CHANGE, Change, Table};
use crate::read::{COLUMNS, entry};
use crate::{ActorKind, Audit, AuditError, Class, Entry, NewEntry, ObjectRef, Outcome, Personal};

/// The action of entries that say that the words of a month were forgotten.
pub const FORGET: &str = "audit.forget";
/// The kind of the object that such an entry is about: the key of a month.
pub const MONTH_KEY: &str = "audit_month";
/// No setting has words forgotten sooner.
pub const LEAST_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Why an entry tells of rows that nobody changed.
const TOLD_AGAIN: &str = "told again: the words that told it first are forgotten";
/// Rows told again by one entry.
const ROWS: usize = 200;
/// Entries read at a time.
const PAGE: u32 = 500;

/// Rows by table and name, with their columns, or nothing where a row is gone.
type Rows = BTreeMap<(String, String), Option<BTreeMap<String, String>>>;

/// A month of an organisation's log, by the key that its words are sealed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// Whose log.
    pub organisation: OrganisationId,
    /// The key.
    pub key: KeyId,
    /// When it was made: with the month's first words.
    pub made_at: Timestamp,
}

impl Month {
    /// Whether all of the month is older than `kept`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, kept: Duration) -> bool {
        is_over(self.made_at, now, kept)
    }

    /// Year and month, as people write them.
    fn name(&self) -> String {
        self.made_at.to_string().chars().take("2026-11".len()).collect()
    }
}

/// Whether all of the month that `at` lies in is older than `kept`.
fn is_over(at: Timestamp, now: Timestamp, kept: Duration) -> bool {
    now.minus(kept).utc_month() > at.utc_month()
}

/// Every month of which there are words, of every organisation.
///
/// # Errors
/// [`AuditError`].
pub async fn months(tx: &mut Tx) -> Result<Vec<Month>, AuditError> {
    let all = presence::audit_months(tx).await?;
    Ok(all.into_iter().map(|(organisation, key, made_at)| Month { organisation, key, made_at }).collect())
}

/// Which months were forgotten: by whose log and by key, the number of the entry that says so and when.
#[derive(Clone, Debug, Default)]
pub struct Forgotten(BTreeMap<(OrganisationId, KeyId), (u64, Timestamp)>);

impl Forgotten {
    /// As the logs say.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn of(tx: &mut Tx) -> Result<Self, SqlError> {
        let sql = "SELECT organisation_id, object, number, at FROM audit_entries
                   WHERE action = $1 AND outcome = $2 AND actor_kind = $3 AND object_kind = $4";
        let values = [
            FORGET.into(),
            (Outcome::Allowed as i64).into(),
            (ActorKind::System as i64).into(),
            MONTH_KEY.into(),
        ];
        let told = |row: &Row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
        Ok(Self(tx.query(sql, &values).await?.iter().map(told).collect::<Result<_, SqlError>>()?))
    }

    /// The entry that says that the words of this one were forgotten. None says so of an entry that was written after it, or
    /// whose month was not over for long enough: those words do not open for another reason.
    #[must_use]
    pub fn tells_of(&self, entry: &Entry) -> Option<u64> {
        let key = entry.personal.as_ref()?.value().key();
        let (number, at) = *self.0.get(&(entry.organisation, key))?;
        (entry.number < number && is_over(entry.at, at, LEAST_KEPT)).then_some(number)
    }
}

impl Audit {
    /// Forgets the words of a month, in the caller's transaction: tells again what still stands of what they told, says in
    /// an entry that they are forgotten, for `reason`, and destroys the key. The caller holds the lease on keys. Gives the
    /// first entry whose words should open and do not: nothing is forgotten then, because it would hide that.
    ///
    /// # Errors
    /// [`AuditError`], [`clerestory_keys::KeyError::Pinned`] where a hold pins the key.
    pub async fn forget_month(
        &self,
        tx: &mut Tx,
        month: Month,
        (at, reason): (Timestamp, &str),
        (tables, leases): (&[&'static Table], &LeasesOut),
    ) -> Result<Result<(), u64>, AuditError> {
        let Month { organisation, key, .. } = month;
        self.take_turn(tx, organisation).await?;
        let rows = match self.told_by(tx, month).await? {
            Ok(rows) => rows,
            Err(number) => return Ok(Err(number)),
        };
        for changes in self.still_told(tx, rows, (organisation, at), tables).await?.chunks(ROWS) {
            let personal = Personal {
                detail: Some(authority::in_words(changes)),
                changes: changes.to_vec(),
                ..Personal::default()
            };
            let told = (CHANGE, TOLD_AGAIN.to_owned(), Class::ENTITY_UPDATE);
            self.append(tx, by_program(month, at, told, Some(personal))).await?;
        }
        let told = (FORGET, format!("words of {}: {reason}", month.name()), Class::ENTITY_DELETE);
        self.append(tx, by_program(month, at, told, None)).await?;
        // Last, because it locks shards, pages and the counter.
        self.keys.destroy(tx, &[key], leases).await?;
        Ok(Ok(()))
    }

    /// Every row of which the month's entries tell last, as they left it; or the first entry that does not open.
    async fn told_by(&self, tx: &mut Tx, month: Month) -> Result<Result<Rows, u64>, AuditError> {
        let mut rows = Rows::new();
        let unread = self
            .each_change(tx, month.organisation, |entry, changes| {
                let goes = entry.personal.as_ref().is_some_and(|sealed| sealed.value().key() == month.key);
                for Change { table, row, now } in changes {
                    match goes {
                        true => drop(rows.insert((table, row), now)),
                        false => drop(rows.remove(&(table, row))),
                    }
                }
            })
            .await?;
        Ok(unread.map_or(Ok(rows), Err))
    }

    /// Those of the rows that have to be told again: that stand, and did not end; and that are gone, where the installation's
    /// own log says that they stand, which is read before an organisation's.
    async fn still_told(
        &self,
        tx: &mut Tx,
        rows: Rows,
        (organisation, at): (OrganisationId, Timestamp),
        tables: &[&'static Table],
    ) -> Result<Vec<Change>, AuditError> {
        let mut above = BTreeSet::new();
        let nil = OrganisationId::nil();
        if organisation != nil {
            self.each_change(tx, nil, |_, changes| {
                above.extend(changes.into_iter().map(|change| (change.table, change.row)));
            })
            .await?;
        }
        let mut there: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut told = Vec::new();
        for ((table, row), now) in rows {
            let known = tables.iter().find(|known| known.name == table);
            let ended = known.is_some_and(|known| {
                let ends = known.ends.and_then(|ends| now.as_ref()?.get(ends)?.parse::<i64>().ok());
                ends.is_some_and(|ends| ends <= at.micros())
            });
            if let Some(known) = known.filter(|_| ended) {
                // What ran out may have been tidied away, and is not told of any more then.
                if !there.contains_key(known.name) {
                    there.insert(known.name, authority::names(tx, known).await?);
                }
                if !there.get(known.name).is_some_and(|names| names.contains(&row)) {
                    continue;
                }
            }
            if now.is_some() || above.contains(&(table.clone(), row.clone())) {
                told.push(Change { table, row, now });
            }
        }
        Ok(told)
    }

    /// Hands over what each entry of an organisation tells of rows, oldest first, but for those whose words are forgotten.
    /// Gives the first whose words should open and do not, and ends there.
    async fn each_change(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        mut each: impl FnMut(&Entry, Vec<Change>),
    ) -> Result<Option<u64>, AuditError> {
        let forgotten = Forgotten::of(tx).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_entries WHERE action = $1 AND organisation_id = $2 AND number > $3
             ORDER BY number LIMIT $4"
        );
        let mut after = 0_u64;
        loop {
            let page =
                tx.query(&sql, &[CHANGE.into(), organisation.into(), after.into(), PAGE.into()]).await?;
            for row in &page {
                let entry = entry(row)?;
                after = entry.number;
                if forgotten.tells_of(&entry).is_some() {
                    continue;
                }
                match self.changes_of(tx, &entry).await? {
                    Some(changes) => each(&entry, changes),
                    None => return Ok(Some(entry.number)),
                }
            }
            if page.is_empty() {
                return Ok(None);
            }
        }
    }
}

/// An entry of the program about a month.
fn by_program(
    month: Month,
    at: Timestamp,
    (action, rule, class): (&'static str, String, Class),
    personal: Option<Personal>,
) -> NewEntry {
    NewEntry {
        organisation: month.organisation,
        at,
        action,
        class,
        outcome: Outcome::Allowed,
        rule,
        actor_kind: ActorKind::System,
        actor: [0; 16],
        object: ObjectRef { kind: MONTH_KEY.to_owned(), id: *month.key.as_bytes() },
        request_id: String::new(),
        personal,
    }
}
