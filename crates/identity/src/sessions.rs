//! Sessions: found by the hash of their token, ended by deleting their row.

use std::time::Duration;

use clerestory_access::{Actor, EndSession, Grant, OpContext, PersonRef, ReadOwnProfile, Refused};
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::people::{self, Person, Role};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

use crate::people::standing::{Barred, barred};
use crate::places::rows::PlaceBlock;
use crate::rules::Limits;
use crate::{Identity, IdentityError, Token, Whence, authority, places, whence};

/// Use is noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// How a session was signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedInBy {
    /// By password alone.
    Password,
    /// By a link that somebody was sent or given.
    Link,
    /// By password and a code.
    PasswordAndCode,
    /// By a link and a code.
    LinkAndCode,
}

impl SignedInBy {
    const ALL: [Self; 4] = [Self::Password, Self::Link, Self::PasswordAndCode, Self::LinkAndCode];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Link => "link",
            Self::PasswordAndCode => "password and code",
            Self::LinkAndCode => "link and code",
        }
    }

    /// The one that this word of a table stands for.
    pub(crate) fn found(table: &'static str, word: &str) -> Result<Self, SqlError> {
        let known = Self::ALL.into_iter().find(|one| one.word() == word);
        known.ok_or_else(|| SqlError::Inconsistent { table, column: "signed_in_by".to_owned() })
    }

    /// The same, and a code besides.
    pub(crate) const fn with_code(self) -> Self {
        match self {
            Self::Password | Self::PasswordAndCode => Self::PasswordAndCode,
            Self::Link | Self::LinkAndCode => Self::LinkAndCode,
        }
    }

    /// The same as if there had been no code.
    pub(crate) const fn without_code(self) -> Self {
        match self {
            Self::Password | Self::PasswordAndCode => Self::Password,
            Self::Link | Self::LinkAndCode => Self::Link,
        }
    }
}

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
    pub(crate) signed_in_by: SignedInBy,
    pub(crate) stepped_up_at: Option<Timestamp>,
    /// What the browser is known by; none where it began before browsers were known again.
    pub(crate) device_hash: Option<[u8; 32]>,
}

impl SessionRow {
    /// When it ends at the latest: as it began, or sooner where less is allowed by now.
    fn ends(&self, limits: Limits) -> Timestamp {
        self.expires_at.min(self.created_at.plus(limits.absolute))
    }
}

/// What is known of a session whose token was shown.
struct Shown {
    row: SessionRow,
    ends: Timestamp,
    must_enrol: bool,
    person: Person,
    also: Vec<Role>,
    barred: Option<Barred>,
    place_blocks: Vec<PlaceBlock>,
}

/// A session that runs.
pub struct Running {
    /// Who is in it, with the role they have now.
    pub actor: Actor,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// Whether it may do nothing but set up a second factor.
    pub must_enrol: bool,
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
    pub browser: String,
    /// What the browser is called, where it carries a token.
    pub device: Option<String>,
    /// How it was signed in.
    pub signed_in_by: SignedInBy,
}

const COLUMNS: &str =
    "session_id, person_id, organisation_id, signed_in, created_at, last_used_at, expires_at, device, signed_in_by,
     stepped_up_at, device_hash";

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
        signed_in_by: SignedInBy::found("sessions", &row.get::<String>(8)?)?,
        stepped_up_at: row.get(9)?,
        device_hash: row.get(10)?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &SessionRow, token_hash: [u8; 32]) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO sessions (session_id, token_hash, person_id, organisation_id, signed_in, created_at,
             last_used_at, expires_at, device, signed_in_by, stepped_up_at, device_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
            new.signed_in_by.word().into(),
            new.stepped_up_at.into(),
            new.device_hash.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The session with this id.
pub(crate) async fn find(tx: &mut Tx, id: SessionId) -> Result<Option<SessionRow>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE session_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(session).transpose()
}

/// Who uses a session in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Somebody, who did something.
    Somebody,
    /// A page that nobody touches, which looks for news; or the server, which looks whether the session still runs.
    Nobody,
}

impl Identity {
    /// The session that has this token, if it still runs, with the role its person has now; for a request that comes from
    /// there. Only what somebody does keeps it from going idle.
    ///
    /// # Errors
    /// [`IdentityError::Blocked`], [`IdentityError::PlaceBlocked`] while a block keeps them out; [`IdentityError::Sql`]:
    /// nobody is let in then.
    pub async fn running(
        &self,
        token: &Token,
        whence: &Whence,
        using: Use,
    ) -> Result<Option<Running>, IdentityError> {
        let (hash, now) = (token.hash(), self.clock.now());
        // What settings say may have to be opened.
        self.vault.hold_lease().await?;
        let identity = self.clone();
        let found = self
            .database
            .read(move |tx| Box::pin(async move { identity.shown(tx, hash, now).await }))
            .await?;
        let Some(Shown { row, ends, must_enrol, person, also, barred, place_blocks }) = found else {
            return Ok(None);
        };
        match barred {
            None => {}
            Some(Barred::Inactive) => return Ok(None),
            Some(Barred::Blocked { until }) => return Err(IdentityError::Blocked { until }),
        }
        self.keeps_out(&place_blocks, whence, row.device_hash).await?;
        if using == Use::Somebody && now.since(row.last_used_at) >= NOTE_EVERY {
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
            stepped_up: row.stepped_up_at,
        };
        Ok(Some(Running { actor, ends, must_enrol }))
    }

    /// The session whose token hashes to this, unless it is over by what settings say now.
    async fn shown(
        &self,
        tx: &mut Tx,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<Shown>, IdentityError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = $1");
        let Some(row) = tx.query_opt(&sql, &[hash.into()]).await? else { return Ok(None) };
        let row = session(&row)?;
        let asked = self.asked(tx, row.organisation).await?;
        let ends = row.ends(asked.limits);
        if now >= ends || now.since(row.last_used_at) >= asked.limits.idle {
            return Ok(None);
        }
        let Some(person) = people::find(tx, row.person).await? else { return Ok(None) };
        let also = people::further_roles(tx, person.id).await?;
        let barred = barred(tx, &person, Some(row.id), now).await?;
        let mut roles = also.clone();
        roles.push(person.role);
        let must_enrol = asked.must_enrol(&roles, row.signed_in_by);
        let place_blocks = places::rows::running(tx, row.organisation, now).await?;
        Ok(Some(Shown { row, ends, must_enrol, person, also, barred, place_blocks }))
    }

    /// Puts on record that somebody showed a token that no running session has. Anybody may show as many as they like,
    /// so they are counted as the denials of nobody known are.
    ///
    /// # Errors
    /// [`IdentityError::Audit`].
    pub async fn refuse_token(&self, op: &OpContext) -> Result<(), IdentityError> {
        self.refuse_use(op, "no running session has this token", [0; 16]).await
    }

    /// Puts on record that a session which may do nothing but set up a second factor was to do something else.
    ///
    /// # Errors
    /// [`IdentityError::Audit`].
    pub async fn refuse_until_enrolled(&self, op: &OpContext) -> Result<(), IdentityError> {
        let Actor::Person { session, .. } = &op.actor else { return Ok(()) };
        self.refuse_use(op, "no second factor is set up", *session.as_bytes()).await
    }

    async fn refuse_use(&self, op: &OpContext, rule: &str, session: [u8; 16]) -> Result<(), IdentityError> {
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation: op.actor.organisation(),
            at: op.at,
            action: "session.use",
            class: Class::LOGON,
            outcome: Outcome::Refused,
            rule: rule.to_owned(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "session".to_owned(), id: session },
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

    /// Ends one session, of whomever: one's own, or as the rules allow. Says whether there was one.
    ///
    /// # Errors
    /// [`IdentityError`]; it goes on then.
    pub async fn end_session(
        &self,
        op: &OpContext,
        session: SessionId,
    ) -> Result<Result<bool, Refused>, IdentityError> {
        let organisation = op.actor.organisation();
        let (identity, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    identity.access.audit().take_turn(tx, organisation).await?;
                    let Some(found) = find(tx, session).await? else { return Ok(Ok(false)) };
                    let on = PersonRef { organisation, id: found.person };
                    match identity.access.decide::<EndSession>(tx, &op, on, None).await? {
                        Ok(_) => {}
                        Err(refused) => return Ok(Err(refused)),
                    }
                    tx.execute("DELETE FROM sessions WHERE session_id = $1", &[session.into()]).await?;
                    let object = ("person", *found.person.as_bytes());
                    let touched = [authority::session(session)];
                    identity.note_change(tx, op.changing(organisation), object, &touched).await?;
                    Ok(Ok(true))
                })
            })
            .await
    }

    /// Ends every session of a person. Says how many.
    ///
    /// # Errors
    /// [`IdentityError`]; none ended then.
    pub async fn end_sessions_of(
        &self,
        op: &OpContext,
        person: PersonId,
    ) -> Result<Result<u64, Refused>, IdentityError> {
        let organisation = op.actor.organisation();
        let (identity, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let on = PersonRef { organisation, id: person };
                    match identity.access.decide::<EndSession>(tx, &op, on, None).await? {
                        Ok(_) => {}
                        Err(refused) => return Ok(Err(refused)),
                    }
                    let touched = authority::end_sessions(tx, person).await?;
                    let object = ("person", *person.as_bytes());
                    identity.note_change(tx, op.changing(organisation), object, &touched).await?;
                    Ok(Ok(touched.len() as u64))
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
        let (identity, on, now) = (self.clone(), grant.on(), self.clock.now());
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    for row in identity.running_of(tx, (on.organisation, on.id), now).await? {
                        found.push(SessionInfo {
                            id: row.id,
                            created_at: row.created_at,
                            last_used_at: row.last_used_at,
                            expires_at: row.expires_at,
                            browser: identity.vault.open(tx, &grant, &row.device).await?.0,
                            device: row.device_hash.as_ref().map(whence::device_name),
                            signed_in_by: row.signed_in_by,
                        });
                    }
                    Ok(found)
                })
            })
            .await
    }

    /// The sessions of somebody that run, newest first, each with the end it has by what settings say now.
    pub(crate) async fn running_of(
        &self,
        tx: &mut Tx,
        (organisation, person): (OrganisationId, PersonId),
        now: Timestamp,
    ) -> Result<Vec<SessionRow>, IdentityError> {
        let limits = self.asked(tx, organisation).await?.limits;
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions WHERE person_id = $1 AND expires_at > $2 AND last_used_at > $3
             ORDER BY created_at DESC LIMIT 100"
        );
        let values = [person.into(), now.into(), now.minus(limits.idle).into()];
        let mut found = Vec::new();
        for row in tx.query(&sql, &values).await? {
            let row = session(&row)?;
            let expires_at = row.ends(limits);
            if now < expires_at {
                found.push(SessionRow { expires_at, ..row });
            }
        }
        Ok(found)
    }
}
