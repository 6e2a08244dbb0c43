//! Sessions: found by the hash of their token, ended by deleting their row.

use std::time::Duration;

use clerestory_access::{Actor, Grant, OpContext, ReadOwnProfile};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed, people};
use serde::{Deserialize, Serialize};

use crate::people::standing::{Barred, barred};
use crate::{Identity, IdentityError, Token, authority};

/// A session nobody used for this long is over.
const IDLE_LIMIT: Duration = Duration::from_secs(12 * 3600);
/// A session is over this long after it began.
pub(crate) const ABSOLUTE_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Use is noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// What a browser says it is: sealed under the person's own key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Device(pub(crate) String);

impl Content for Device {
    const KIND: Kind = Kind::Device;
    const TABLE: &'static str = "sessions";
    const COLUMN: &'static str = "device";
}

pub(crate) fn device_place(organisation: OrganisationId, person: PersonId, session: SessionId) -> Place {
    Place { organisation, about: About::Person(person), row: *session.as_bytes(), version: 1 }
}

/// A session as it is kept.
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) person: PersonId,
    pub(crate) organisation: OrganisationId,
    pub(crate) signed_in: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) device: Sealed<Device>,
}

/// A session as its person sees it.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// What the browser said it is.
    pub device: String,
}

const COLUMNS: &str =
    "session_id, person_id, organisation_id, signed_in, created_at, last_used_at, expires_at, device";

fn session(row: &clerestory_sql::Row) -> Result<SessionRow, SqlError> {
    let (id, person, organisation) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(SessionRow {
        id,
        person,
        organisation,
        signed_in: row.get(3)?,
        created_at: row.get(4)?,
        last_used_at: row.get(5)?,
        expires_at: row.get(6)?,
        device: Sealed::found(row.get(7)?, device_place(organisation, person, id))?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &SessionRow, token_hash: [u8; 32]) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO sessions (session_id, token_hash, person_id, organisation_id, signed_in, created_at,
             last_used_at, expires_at, device) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            new.id.into(),
            token_hash.into(),
            new.person.into(),
            new.organisation.into(),
            new.signed_in.into(),
            new.created_at.into(),
            new.last_used_at.into(),
            new.expires_at.into(),
            new.device.value().as_bytes().into(),
        ],
    )
    .await?;
    Ok(())
}

impl Identity {
    /// Who holds this token, if its session still runs, with the role they have now. Also when it ends.
    ///
    /// # Errors
    /// [`IdentityError::Blocked`] while a block keeps them out; [`IdentityError::Sql`]: nobody is let in then.
    pub async fn actor(&self, token: &Token) -> Result<Option<(Actor, Timestamp)>, IdentityError> {
        let (hash, now) = (token.hash(), self.clock.now());
        let found = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = $1");
                    let Some(row) = tx.query_opt(&sql, &[hash.into()]).await? else { return Ok(None) };
                    let row = session(&row)?;
                    let Some(person) = people::find(tx, row.person).await? else { return Ok(None) };
                    let also = people::further_roles(tx, person.id).await?;
                    let barred = barred(tx, &person, Some(row.id), now).await?;
                    Ok(Some((row, person, also, barred)))
                })
            })
            .await
            .map_err(|error: SqlError| IdentityError::from(error))?;
        let Some((row, person, also, barred)) = found else { return Ok(None) };
        if now >= row.expires_at || now.since(row.last_used_at) >= IDLE_LIMIT {
            return Ok(None);
        }
        match barred {
            None => {}
            Some(Barred::Inactive) => return Ok(None),
            Some(Barred::Blocked { until }) => return Err(IdentityError::Blocked { until }),
        }
        if now.since(row.last_used_at) >= NOTE_EVERY {
            self.note_use(row.id, now).await?;
        }
        let actor = Actor::Person {
            id: person.id,
            organisation: person.organisation,
            subject: person.subject,
            role: person.role,
            also,
            session: row.id,
            signed_in: row.signed_in,
            stepped_up: None,
        };
        Ok(Some((actor, row.expires_at)))
    }

    /// Puts on record that somebody showed a token that no running session has. Anybody may show as many as they like,
    /// so they are counted as the denials of nobody known are.
    ///
    /// # Errors
    /// [`IdentityError::Audit`].
    pub async fn refuse_token(&self, op: &OpContext) -> Result<(), IdentityError> {
        let (actor_kind, actor) = Actor::Anonymous.logged();
        let entry = NewEntry {
            organisation: OrganisationId::nil(),
            at: op.at,
            action: "session.use",
            class: Class::LOGON,
            outcome: Outcome::Refused,
            rule: "no running session has this token".to_owned(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "session".to_owned(), id: [0; 16] },
            request_id: op.request_id.clone(),
            personal: None,
        };
        Ok(self.access.audit().deny(&self.database, Lane::Interactive, entry).await?)
    }

    async fn note_use(&self, session: SessionId, at: Timestamp) -> Result<(), IdentityError> {
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let sql =
                        "UPDATE sessions SET last_used_at = $1 WHERE session_id = $2 AND last_used_at < $1";
                    tx.execute(sql, &[at.into(), session.into()]).await.map(drop).map_err(IdentityError::from)
                })
            })
            .await
    }

    /// Ends the caller's session, or every session of the caller. Says how many ended.
    ///
    /// # Errors
    /// [`IdentityError`]; nothing ended then.
    pub async fn sign_out(&self, op: &OpContext, everywhere: bool) -> Result<u64, IdentityError> {
        let Actor::Person { id, organisation, session, .. } = op.actor else { return Ok(0) };
        let (identity, audit) = (self.clone(), self.access.audit().clone());
        let (by, op) = (op.changing(organisation), op.clone());
        self.vault.hold_lease().await?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    audit.take_turn(tx, organisation).await?;
                    let touched = if everywhere {
                        authority::end_sessions(tx, id).await?
                    } else {
                        tx.execute("DELETE FROM sessions WHERE session_id = $1", &[session.into()]).await?;
                        vec![authority::session(session)]
                    };
                    let (actor_kind, actor) = op.actor.logged();
                    let entry = NewEntry {
                        organisation,
                        at: op.at,
                        action: if everywhere { "session.sign_out_everywhere" } else { "session.sign_out" },
                        class: Class::LOGOFF,
                        outcome: Outcome::Allowed,
                        rule: "own session".to_owned(),
                        actor_kind,
                        actor,
                        object: ObjectRef { kind: "person".to_owned(), id: *id.as_bytes() },
                        request_id: op.request_id,
                        personal: None,
                    };
                    audit.append(tx, entry).await?;
                    let object = ("person", *id.as_bytes());
                    identity.note_change(tx, by, object, &touched).await?;
                    Ok(touched.len() as u64)
                })
            })
            .await
    }

    /// The running sessions of the person of the grant, newest first.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn sessions(&self, grant: Grant<ReadOwnProfile>) -> Result<Vec<SessionInfo>, IdentityError> {
        self.vault.hold_lease().await?;
        let (vault, person, now) = (self.vault.clone(), grant.on().id, self.clock.now());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT {COLUMNS} FROM sessions WHERE person_id = $1 AND expires_at > $2 AND last_used_at > $3
                         ORDER BY created_at DESC LIMIT 100"
                    );
                    let values = [person.into(), now.into(), now.minus(IDLE_LIMIT).into()];
                    let mut found = Vec::new();
                    for row in tx.query(&sql, &values).await? {
                        let row = session(&row)?;
                        found.push(SessionInfo {
                            id: row.id,
                            created_at: row.created_at,
                            last_used_at: row.last_used_at,
                            expires_at: row.expires_at,
                            device: vault.open(tx, &grant, &row.device).await?.0,
                        });
                    }
                    Ok(found)
                })
            })
            .await
    }
}
