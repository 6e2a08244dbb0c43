//! The migrator: embedded steps, each applied once, in order, and never edited afterwards.

use crate::{SqlError, Tx, Value};

/// One step of a component's schema, in the portable subset both engines understand.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it does, for people.
    pub name: &'static str,
    /// Statements, separated by `;`.
    pub sql: &'static str,
}

/// A part of the program that owns tables.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its name; never changes.
    pub name: &'static str,
    /// Its steps, oldest first; the position is the number.
    pub migrations: &'static [Migration],
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    component TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, fingerprint INTEGER NOT NULL,
    PRIMARY KEY (component, number)) STRICT";

/// Brings the schema up to `components`, in a transaction that nobody else is beside.
pub(crate) async fn apply(tx: &mut Tx, components: &[Component]) -> Result<(), SqlError> {
    tx.batch(TABLE).await?;
    for component in components {
        let applied = applied(tx, component).await?;
        for (number, step) in component.migrations.iter().enumerate().skip(applied) {
            tx.batch(step.sql).await?;
            let values: [Value; 4] = [
                component.name.into(),
                (number as u64).into(),
                step.name.into(),
                fingerprint(step.sql).into(),
            ];
            tx.execute(
                "INSERT INTO schema_migrations (component, number, name, fingerprint) VALUES ($1, $2, $3, $4)",
                &values,
            )
            .await?;
        }
    }
    Ok(())
}

/// Sees that the schema is exactly that of `components`: for whoever may not change it.
pub(crate) async fn compare(tx: &mut Tx, components: &[Component]) -> Result<(), SqlError> {
    if !tx.tables().await?.iter().any(|table| table == "schema_migrations") {
        return Err(SqlError::Empty);
    }
    for component in components {
        let applied = applied(tx, component).await?;
        if applied < component.migrations.len() {
            return Err(SqlError::Behind { component: component.name.to_owned(), number: applied as u64 });
        }
    }
    Ok(())
}

/// How many steps of a component were applied; each is the one that is known here.
async fn applied(tx: &mut Tx, component: &Component) -> Result<usize, SqlError> {
    let sql = "SELECT number, fingerprint FROM schema_migrations WHERE component = $1 ORDER BY number";
    let applied = tx.query(sql, &[component.name.into()]).await?;
    for row in &applied {
        check(component, row.get(0)?, row.get(1)?)?;
    }
    Ok(applied.len())
}

fn check(component: &Component, number: i64, found: i64) -> Result<(), SqlError> {
    let step = usize::try_from(number).ok().and_then(|at| component.migrations.get(at));
    match step {
        None => Err(SqlError::Downgrade { component: component.name.to_owned(), number }),
        Some(step) if fingerprint(step.sql) != found => {
            Err(SqlError::ChangedMigration { component: component.name.to_owned(), number })
        }
        Some(_) => Ok(()),
    }
}

/// FNV-1a, 64 bits, over the words of the step: an edit shows, a change of white space does not. It guards
/// against mistakes, not against an attacker, who could edit the table too.
fn fingerprint(sql: &str) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in sql.split_whitespace().flat_map(|word| word.bytes().chain([b' '])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    i64::from_ne_bytes(hash.to_ne_bytes())
}
