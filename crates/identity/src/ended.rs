//! Rows that ended go, a while after they did: until then people see that something ran out, and the log can be compared
//! with it.

use std::time::Duration;

use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;

use crate::{Identity, IdentityError, authority};

/// What ended is kept for so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Rows of one table that go in one transaction.
const BATCH: u32 = 200;

/// Those of an organisation `$1` that ended before `$2`: the table, the column that names a row, when it ends, and whose it
/// is.
const ENDING: [(&str, &str, &str, &str); 9] = [
    ("sessions", "session_id", "expires_at", OWN),
    ("api_keys", "key_id", "expires_at", OWN),
    ("blocks", "block_id", "ends_at", OWN),
    ("place_blocks", "block_id", "ends_at", OWN),
    ("password_resets", "token_hash", "expires_at", OF_PERSON),
    ("sign_in_links", "token_hash", "expires_at", OF_PERSON),
    ("pending_sign_ins", "token_hash", "expires_at", OF_PERSON),
    ("recorder_codes", "code_hash", "expires_at", OF_PERSON),
    ("invitations", "person_id", "expires_at", OF_PERSON),
];
const OWN: &str = "organisation_id = $1";
const OF_PERSON: &str = "person_id IN (SELECT p.person_id FROM people p WHERE p.organisation_id = $1)";

impl Identity {
    /// Removes sessions, links, invitations, blocks and API keys that ended a while before `now`, and says so in the log.
    /// How many went. `now` is a time that was found right.
    ///
    /// # Errors
    /// [`IdentityError`]; what is left goes with the next call.
    pub async fn forget_ended(&self, now: Timestamp) -> Result<u64, IdentityError> {
        let before = now.minus(KEPT);
        let all = self.database.read(|tx| Box::pin(async move { organisations::all(tx).await }));
        let all: Result<Vec<OrganisationId>, SqlError> = all.await;
        let mut gone = 0;
        for organisation in all? {
            while self.any_ended(organisation, before).await? {
                gone += self.forget_some(organisation, before, now).await?;
            }
        }
        Ok(gone)
    }

    async fn any_ended(&self, organisation: OrganisationId, before: Timestamp) -> Result<bool, SqlError> {
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    for (table, _, ends, whose) in ENDING {
                        let sql = format!("SELECT 1 FROM {table} WHERE {whose} AND {ends} < $2 LIMIT 1");
                        if tx.query_opt(&sql, &[organisation.into(), before.into()]).await?.is_some() {
                            return Ok(true);
                        }
                    }
                    Ok(false)
                })
            })
            .await
    }

    async fn forget_some(
        &self,
        organisation: OrganisationId,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, IdentityError> {
        self.vault.hold_lease().await?;
        let identity = self.clone();
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    identity.access.audit().take_turn(tx, organisation).await?;
                    let touched = remove(tx, organisation, before).await?;
                    if !touched.is_empty() {
                        let object = ("organisation", *organisation.as_bytes());
                        let by = authority::by_program(organisation, now);
                        identity.note_change(tx, by, object, &touched).await?;
                    }
                    Ok(touched.len() as u64)
                })
            })
            .await
    }
}

async fn remove(
    tx: &mut Tx,
    organisation: OrganisationId,
    before: Timestamp,
) -> Result<Vec<Touched>, SqlError> {
    let mut touched = Vec::new();
    for (table, key, ends, whose) in ENDING {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN (
                 SELECT {key} FROM {table} WHERE {whose} AND {ends} < $2 ORDER BY {ends} LIMIT $3) RETURNING {key}"
        );
        for row in tx.query(&sql, &[organisation.into(), before.into(), BATCH.into()]).await? {
            touched.push(match table {
                "sessions" => authority::session(row.get(0)?),
                "api_keys" => authority::api_key(row.get(0)?),
                "blocks" => authority::block(row.get(0)?),
                "place_blocks" => authority::place_block(row.get(0)?),
                "password_resets" => authority::reset(row.get(0)?),
                "sign_in_links" => authority::link(row.get(0)?),
                "pending_sign_ins" => authority::pending(row.get(0)?),
                "recorder_codes" => authority::recorder_code(row.get(0)?),
                _ => authority::invitation(row.get(0)?),
            });
        }
    }
    Ok(touched)
}
