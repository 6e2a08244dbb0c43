//! Writing an entry: number, chain, seal, insert, in the caller's transaction.

use std::sync::Arc;

use clerestory_keys::{NewKey, Purpose, unwrapping};
use clerestory_model::{KeyId, OrganisationId, RetentionClass, Timestamp};
use clerestory_seal::{ValueContext, random, seal_value};
use clerestory_sql::{Lock, SqlError, Tx, Value};
use clerestory_store::{Content, Sealed};

use crate::entry::personal_place;
use crate::{ActorKind, Audit, AuditError, Class, Entry, ObjectRef, Outcome, Personal};

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Whose log; nil for acts without an organisation.
    pub organisation: OrganisationId,
    /// When.
    pub at: Timestamp,
    /// What was done, as the matrix names it.
    pub action: &'static str,
    /// OCSF class and activity.
    pub class: Class,
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: String,
    /// Who.
    pub actor_kind: ActorKind,
    /// Their id; zeros for nobody known.
    pub actor: [u8; 16],
    /// To what.
    pub object: ObjectRef,
    /// The request it belongs to.
    pub request_id: String,
    /// Reason and detail, if there are any.
    pub personal: Option<Personal>,
}

/// Proof that an entry was appended; durable once the transaction commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    organisation: OrganisationId,
    number: u64,
}

impl Recorded {
    /// Whose log the entry is in.
    #[must_use]
    pub fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    /// The entry's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Audit {
    /// Waits until nobody else acts in this organisation, and keeps everybody else waiting until the transaction ends.
    ///
    /// The first lock of all. [`Self::append`] takes it too, so a body that begins with an entry has it; one that reads
    /// or changes rows before it knows what its entry will tell calls this first.
    ///
    /// # Errors
    /// [`AuditError::Sql`].
    pub async fn take_turn(&self, tx: &mut Tx, organisation: OrganisationId) -> Result<(), AuditError> {
        head(tx, organisation).await?;
        Ok(())
    }

    /// Appends an entry in the caller's transaction.
    ///
    /// # Errors
    /// [`AuditError`]: the caller must undo what the entry tells of.
    pub async fn append(&self, tx: &mut Tx, new: NewEntry) -> Result<Recorded, AuditError> {
        let organisation = new.organisation;
        let (last, previous_hash) = head(tx, organisation).await?;
        let number = last + 1;
        let personal = match &new.personal {
            Some(personal) => {
                Some(self.seal_personal(tx, (organisation, number, new.object.id), new.at, personal).await?)
            }
            None => None,
        };
        let mut entry = Entry {
            organisation,
            number,
            at: new.at,
            action: new.action.to_owned(),
            class: new.class,
            outcome: new.outcome,
            rule: new.rule,
            actor_kind: new.actor_kind,
            actor: new.actor,
            object: new.object,
            request_id: new.request_id,
            salt: random(),
            personal,
            previous_hash,
            hash: [0; 32],
        };
        entry.hash = entry.compute_hash();
        insert(tx, &entry).await?;
        let sql =
            "UPDATE audit_heads SET number = $2, hash = $3 WHERE organisation_id = $1 AND number = $2 - 1";
        tx.execute_one("audit_heads", sql, &[organisation.into(), number.into(), entry.hash.into()]).await?;
        Ok(Recorded { organisation, number })
    }

    async fn seal_personal(
        &self,
        tx: &mut Tx,
        (organisation, number, object): (OrganisationId, u64, [u8; 16]),
        at: Timestamp,
        personal: &Personal,
    ) -> Result<Sealed<Personal>, AuditError> {
        let keys = Arc::clone(&self.keys);
        let key = self.month_key(tx, organisation, at).await?;
        let secret = unwrapping::secret(&keys, tx, key).await?;
        let place = personal_place(organisation, number, object);
        let context = ValueContext {
            deployment: keys.deployment(),
            organisation,
            table: Personal::TABLE,
            column: Personal::COLUMN,
            row: place.row,
            version: place.version,
        };
        let value = seal_value(&secret, key, &context, &serde_json::to_vec(personal)?);
        Ok(Sealed::sealed_for(value, place))
    }

    /// The key of the month `at` lies in: the newest audit key, if it was made this month.
    async fn month_key(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        at: Timestamp,
    ) -> Result<KeyId, AuditError> {
        if let Some((key, made_at)) = self.keys.newest_made(tx, organisation, Purpose::AuditMonth).await?
            && made_at.utc_month() >= at.utc_month()
        {
            return Ok(key);
        }
        let new = NewKey {
            organisation,
            class: RetentionClass::Standing,
            purpose: Purpose::AuditMonth,
            parent: None,
            at,
        };
        Ok(self.keys.make(tx, new).await?)
    }
}

/// The last number and hash of an organisation's chain, which nobody else adds to until the transaction ends.
async fn head(tx: &mut Tx, organisation: OrganisationId) -> Result<(u64, [u8; 32]), SqlError> {
    let sql = "SELECT number, hash FROM audit_heads WHERE organisation_id = $1";
    let mut found = tx.query_opt_locked(Lock::Exclusive, sql, &[organisation.into()]).await?;
    if found.is_none() {
        let first = "INSERT INTO audit_heads (organisation_id, number, hash) VALUES ($1, 0, $2)
                     ON CONFLICT (organisation_id) DO NOTHING";
        tx.execute(first, &[organisation.into(), [0; 32].into()]).await?;
        found = tx.query_opt_locked(Lock::Exclusive, sql, &[organisation.into()]).await?;
    }
    let row = found.ok_or(SqlError::RolledBack)?;
    Ok((row.get(0)?, row.get(1)?))
}

async fn insert(tx: &mut Tx, entry: &Entry) -> Result<(), AuditError> {
    let personal = entry.personal.as_ref().map(|sealed| sealed.value().as_bytes());
    let values: [Value; 17] = [
        entry.organisation.into(),
        entry.number.into(),
        entry.at.into(),
        entry.action.as_str().into(),
        entry.class.uid.into(),
        entry.class.activity.into(),
        (entry.outcome as i64).into(),
        entry.rule.as_str().into(),
        (entry.actor_kind as i64).into(),
        entry.actor.into(),
        entry.object.kind.as_str().into(),
        entry.object.id.into(),
        entry.request_id.as_str().into(),
        entry.salt.into(),
        personal.into(),
        entry.previous_hash.into(),
        entry.hash.into(),
    ];
    tx.execute(
        "INSERT INTO audit_entries (organisation_id, number, at, action, class_uid, activity_id, outcome, rule,
             actor_kind, actor, object_kind, object, request_id, salt, personal, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        &values,
    )
    .await?;
    Ok(())
}
