//! Browsers that record the screen of one person. Somebody who is signed in is given a code, which their browser exchanges
//! for a token of its own: 256 random bits after `crt_`, kept as their SHA-256. It sends what that person's screen shows and
//! does nothing else, and it ends with their account; while they are kept out, so is it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_access::{
    Actor, EndRecorder, EnrolRecorder, Grant, OpContext, PersonRef, ReadRecorders, Refused,
};
use clerestory_audit::authority::Touched;
use clerestory_audit::{NewEntry, Outcome};
use clerestory_model::{OrganisationId, PersonId, RecorderId, Timestamp};
use clerestory_seal::{random, sha256};
use clerestory_sql::{Lane, Lock, Row, SqlError, Tx, Value};
use clerestory_store::people::{self, Person};
use clerestory_store::recordings::Subjects;
use clerestory_store::{About, Content, Kind, Place, Sealed, organisations};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::people::standing::{Barred, barred};
use crate::sign_in::{inconsistent, sign_in_entry};
use crate::{Identity, IdentityError, Token, Whence, authority};

/// What every token of a recorder begins with.
pub const RECORDER_PREFIX: &str = "crt_";
/// What every code begins with.
const CODE_PREFIX: &str = "cre_";
/// A code works this long, once.
const CODE_LASTS: Duration = Duration::from_secs(600);
/// Letters of what somebody calls a browser.
const LABEL_CHARS: usize = 100;
/// Recorders of one person at most.
const MOST: u64 = 20;
/// Recorders that are listed at most.
const LISTED: u32 = 1000;
/// Use is noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// What its person calls a recorder.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecorderLabel(String);

impl Content for RecorderLabel {
    const KIND: Kind = Kind::Device;
    const TABLE: &'static str = "recorders";
    const COLUMN: &'static str = "label";
}

/// A code that a browser exchanges for a token.
pub struct EnrolmentCode {
    /// The code. It is shown this once.
    pub text: Zeroizing<String>,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A browser that wants to record its person's screen.
pub struct NewRecorder {
    /// The code it was given.
    pub code: String,
    /// What to call it.
    pub label: String,
}

/// A browser that may.
pub struct Enrolled {
    /// Its id.
    pub id: RecorderId,
    /// What it sends. It is told this once.
    pub token: Zeroizing<String>,
    /// Whose screen it records.
    pub person: PersonId,
    /// Their name.
    pub person_name: String,
    /// Their organisation.
    pub organisation: OrganisationId,
    /// What that is called.
    pub organisation_name: String,
}

/// A recorder as its person and administrators see it.
#[derive(Clone, Debug)]
pub struct RecorderInfo {
    /// Its id.
    pub id: RecorderId,
    /// What its person calls it.
    pub label: String,
    /// Whose screen it records.
    pub person: PersonId,
    /// Since when.
    pub enrolled_at: Timestamp,
    /// When it was last heard of, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a recorder may do anything now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderStands {
    /// It may, as this actor.
    Yes(Actor),
    /// There is none such, or none any more.
    Ended,
    /// A block keeps its person out.
    Blocked {
        /// Until when.
        until: Timestamp,
    },
}

/// Why nothing was done with a recorder.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The rules do not allow it.
    #[error("it is refused")]
    Refused(#[from] Refused),
    /// The code was used, has run out, or never was one.
    #[error("the code cannot be used")]
    Code,
    /// It has no label, or a long one.
    #[error("a recorder has a label of 1 to 100 letters")]
    Label,
    /// There are enough.
    #[error("somebody has 20 recorders at most: end one that is not used")]
    TooMany,
    /// It could not be judged.
    #[error("it could not be judged")]
    Unavailable(#[from] IdentityError),
}

impl From<SqlError> for RecorderError {
    fn from(error: SqlError) -> Self {
        Self::Unavailable(error.into())
    }
}

struct RecorderRow {
    id: RecorderId,
    organisation: OrganisationId,
    person: PersonId,
    label: Sealed<RecorderLabel>,
    enrolled_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "recorder_id, organisation_id, person_id, label, enrolled_at, last_used_at";

fn label_place(organisation: OrganisationId, person: PersonId, id: RecorderId) -> Place {
    Place { organisation, about: About::Person(person), row: *id.as_bytes(), version: 1 }
}

fn recorder_row(row: &Row) -> Result<RecorderRow, SqlError> {
    let (id, organisation, person) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(RecorderRow {
        id,
        organisation,
        person,
        label: Sealed::found(row.get(3)?, label_place(organisation, person, id))?,
        enrolled_at: row.get(4)?,
        last_used_at: row.get(5)?,
    })
}

async fn find(tx: &mut Tx, column: &str, value: Value) -> Result<Option<RecorderRow>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM recorders WHERE {column} = $1");
    tx.query_opt(&sql, &[value]).await?.as_ref().map(recorder_row).transpose()
}

/// Ends the recorders of a person and the codes for more; the rows that are gone.
pub(crate) async fn end_those_of(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM recorders WHERE person_id = $1 RETURNING recorder_id";
    let rows = tx.query(sql, &[person.into()]).await?;
    let gone: Result<Vec<Touched>, SqlError> =
        rows.iter().map(|row| Ok(authority::recorder(row.get(0)?))).collect();
    let mut touched = gone?;
    touched.extend(end_codes(tx, person).await?);
    Ok(touched)
}

async fn end_codes(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM recorder_codes WHERE person_id = $1 RETURNING code_hash";
    let rows = tx.query(sql, &[person.into()]).await?;
    rows.iter().map(|row| Ok(authority::recorder_code(row.get(0)?))).collect()
}

impl Identity {
    /// Gives somebody a code for one browser of theirs. One they had before ends.
    ///
    /// # Errors
    /// [`RecorderError::Refused`], [`RecorderError::TooMany`].
    pub async fn offer_recorder(
        &self,
        op: &OpContext,
        on: PersonRef,
    ) -> Result<EnrolmentCode, RecorderError> {
        let (identity, asked, secret) = (self.clone(), op.clone(), Zeroizing::new(random::<16>()));
        let (hash, expires_at) = (sha256(&*secret), op.at.plus(CODE_LASTS));
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let decided = identity.access.decide::<EnrolRecorder>(tx, &asked, on, None).await;
                    if let Err(refused) = decided.map_err(IdentityError::from)? {
                        return Ok::<_, RecorderError>(Err(RecorderError::Refused(refused)));
                    }
                    if count(tx, on.id).await? >= MOST {
                        return Ok(Err(RecorderError::TooMany));
                    }
                    let mut touched = end_codes(tx, on.id).await?;
                    let sql =
                        "INSERT INTO recorder_codes (code_hash, person_id, expires_at) VALUES ($1, $2, $3)";
                    tx.execute(sql, &[hash.into(), on.id.into(), expires_at.into()]).await?;
                    touched.push(authority::recorder_code(hash));
                    let by = asked.changing(on.organisation);
                    identity.note_change(tx, by, ("person", *on.id.as_bytes()), &touched).await?;
                    Ok(Ok(()))
                })
            })
            .await??;
        let text = Zeroizing::new(format!("{CODE_PREFIX}{}", URL_SAFE_NO_PAD.encode(*secret)));
        Ok(EnrolmentCode { text, expires_at })
    }

    /// Exchanges a code for a token: from now on this browser records the screen of whoever was given the code. A code works
    /// once, so what else its answer needs is made `ready` before it is spent.
    ///
    /// # Errors
    /// [`RecorderError::Code`], which is on record; [`RecorderError::Label`], [`RecorderError::TooMany`]; and those of
    /// `ready`.
    pub async fn enrol_recorder<T, E, F>(
        &self,
        op: &OpContext,
        new: NewRecorder,
        whence: &Whence,
        ready: impl FnOnce(OrganisationId) -> F,
    ) -> Result<(Enrolled, T), E>
    where
        E: From<RecorderError>,
        F: Future<Output = Result<T, E>>,
    {
        let label = new.label.trim().to_owned();
        if label.is_empty() || label.chars().count() > LABEL_CHARS || label.chars().any(char::is_control) {
            return Err(RecorderError::Label.into());
        }
        let Some((hash, person)) = self.offered_to(op, &new.code).await.map_err(RecorderError::from)? else {
            self.refuse_code(op).await.map_err(RecorderError::from)?;
            return Err(RecorderError::Code.into());
        };
        self.let_in(person.organisation, whence).await.map_err(RecorderError::from)?;
        let ready = ready(person.organisation).await?;
        Ok((self.spend_code(op, (person, hash), label).await?, ready))
    }

    async fn spend_code(
        &self,
        op: &OpContext,
        (person, hash): (Person, [u8; 32]),
        label: String,
    ) -> Result<Enrolled, RecorderError> {
        let (identity, asked, token) = (self.clone(), op.clone(), Token::generate());
        let token_hash = token.hash();
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    identity
                        .access
                        .audit()
                        .take_turn(tx, person.organisation)
                        .await
                        .map_err(IdentityError::from)?;
                    identity.enrol_in(tx, &asked, (person.id, hash), (label, token_hash)).await
                })
            })
            .await?;
        match done {
            Ok(enrolled) => {
                let token = format!("{RECORDER_PREFIX}{}", *Zeroizing::new(token.reveal()));
                Ok(Enrolled { token: Zeroizing::new(token), ..enrolled })
            }
            Err(RecorderError::Code) => {
                self.refuse_code(op).await?;
                Err(RecorderError::Code)
            }
            Err(error) => Err(error),
        }
    }

    /// A refusal is to be committed too, so it is not an error of the body.
    async fn enrol_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (id, code): (PersonId, [u8; 32]),
        (label, token_hash): (String, [u8; 32]),
    ) -> Result<Result<Enrolled, RecorderError>, RecorderError> {
        let Some(person) = people::find_locked(tx, id).await? else { return Ok(Err(RecorderError::Code)) };
        // Locked, and gone only with what it let in: nothing that ends in between changes a row that no entry tells of.
        let sql = "SELECT 1 FROM recorder_codes WHERE code_hash = $1 AND person_id = $2 AND expires_at > $3";
        let offered = [code.into(), id.into(), op.at.into()];
        if tx.query_opt_locked(Lock::Exclusive, sql, &offered).await?.is_none() {
            return Ok(Err(RecorderError::Code));
        }
        if count(tx, id).await? >= MOST {
            return Ok(Err(RecorderError::TooMany));
        }
        let (organisation, recorder) = (person.organisation, RecorderId::new(op.at, random()));
        let actor = Actor::Recorder { id: recorder, organisation, person: id, subject: person.subject };
        let op = OpContext { actor, ..op.clone() };
        let on = PersonRef { organisation, id };
        let decided = self.access.decide::<EnrolRecorder>(tx, &op, on, None).await;
        let grant = match decided.map_err(IdentityError::from)? {
            Ok(grant) => grant,
            Err(refused) => return Ok(Err(RecorderError::Refused(refused))),
        };
        tx.execute("DELETE FROM recorder_codes WHERE code_hash = $1", &[code.into()]).await?;
        let profile = self.vault.open(tx, &grant, &person.profile).await.map_err(IdentityError::from)?;
        let missing = || inconsistent("organisations", "organisation_id");
        let found = organisations::find(tx, organisation).await?.ok_or_else(missing)?;
        let called = self.vault.open(tx, &grant, &found.name).await.map_err(IdentityError::from)?;
        let key = organisations::subject_key(tx, person.subject).await?;
        let key = key.ok_or_else(|| inconsistent("subjects", "subject_id"))?;
        let place = label_place(organisation, id, recorder);
        let label =
            self.vault.seal(tx, key, place, &RecorderLabel(label)).await.map_err(IdentityError::from)?;
        let sql =
            "INSERT INTO recorders (recorder_id, organisation_id, person_id, token_hash, label, enrolled_at)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let values = [
            recorder.into(),
            organisation.into(),
            id.into(),
            token_hash.into(),
            label.value().as_bytes().into(),
            op.at.into(),
        ];
        tx.execute(sql, &values).await?;
        let touched = [authority::recorder_code(code), authority::recorder(recorder)];
        let by = op.changing(organisation);
        self.note_change(tx, by, ("person", *id.as_bytes()), &touched).await?;
        Ok(Ok(Enrolled {
            id: recorder,
            token: Zeroizing::default(),
            person: id,
            person_name: profile.name,
            organisation,
            organisation_name: called.0,
        }))
    }

    /// The person to whom this code was given, if it can still be used.
    async fn offered_to(&self, op: &OpContext, code: &str) -> Result<Option<([u8; 32], Person)>, SqlError> {
        let bytes = code.trim().strip_prefix(CODE_PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(secret) = bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) else { return Ok(None) };
        let (hash, now) = (sha256(&secret), op.at);
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT person_id FROM recorder_codes WHERE code_hash = $1 AND expires_at > $2";
                    let Some(row) = tx.query_opt(sql, &[hash.into(), now.into()]).await? else {
                        return Ok(None);
                    };
                    let Some(person) = people::find(tx, row.get(0)?).await? else { return Ok(None) };
                    let is_here = barred(tx, &person, None, now).await?.is_none();
                    Ok(is_here.then_some((hash, person)))
                })
            })
            .await
    }

    /// Whether a recorder that sends this token may do anything now, wherever it comes from.
    ///
    /// # Errors
    /// [`IdentityError`]: nothing is taken from it then.
    pub async fn recorder_by_token(&self, token: &Token) -> Result<RecorderStands, IdentityError> {
        self.recorder_stands("token_hash", token.hash().into()).await
    }

    /// As [`Self::recorder_by_token`], for one that a token made for it names.
    ///
    /// # Errors
    /// As [`Self::recorder_by_token`].
    pub async fn recorder_by_id(&self, id: RecorderId) -> Result<RecorderStands, IdentityError> {
        self.recorder_stands("recorder_id", id.into()).await
    }

    async fn recorder_stands(
        &self,
        column: &'static str,
        value: Value,
    ) -> Result<RecorderStands, IdentityError> {
        let now = self.clock.now();
        let found: Result<_, SqlError> = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let Some(row) = find(tx, column, value).await? else { return Ok(None) };
                    let Some(person) = people::find(tx, row.person).await? else { return Ok(None) };
                    let bar = barred(tx, &person, None, now).await?;
                    Ok(Some((row, person, bar)))
                })
            })
            .await;
        let Some((row, person, bar)) = found? else { return Ok(RecorderStands::Ended) };
        match bar {
            Some(Barred::Inactive) => return Ok(RecorderStands::Ended),
            Some(Barred::Blocked { until }) => return Ok(RecorderStands::Blocked { until }),
            None => {}
        }
        if row.last_used_at.is_none_or(|last| now.since(last) >= NOTE_EVERY) {
            self.note_recorder_use(row.id, now).await?;
        }
        let (id, organisation, subject) = (row.id, row.organisation, person.subject);
        Ok(RecorderStands::Yes(Actor::Recorder { id, organisation, person: person.id, subject }))
    }

    async fn note_recorder_use(&self, id: RecorderId, at: Timestamp) -> Result<(), IdentityError> {
        self.database
            .write(Lane::Arrivals, move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE recorders SET last_used_at = $1 WHERE recorder_id = $2";
                    tx.execute(sql, &[at.into(), id.into()]).await.map(drop).map_err(IdentityError::from)
                })
            })
            .await
    }

    /// The recorders within the scope of the grant, newest first.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn recorders(
        &self,
        tx: &mut Tx,
        grant: &Grant<ReadRecorders>,
    ) -> Result<Vec<RecorderInfo>, IdentityError> {
        let (condition, value) = within(grant.rows().subjects);
        let sql = format!(
            "SELECT {COLUMNS} FROM recorders WHERE organisation_id = $1 AND {condition}
             ORDER BY recorder_id DESC LIMIT {LISTED}"
        );
        let mut found = Vec::new();
        let values: Vec<Value> = std::iter::once(grant.on().0.into()).chain(value).collect();
        for row in tx.query(&sql, &values).await? {
            let row = recorder_row(&row)?;
            found.push(RecorderInfo {
                id: row.id,
                label: self.vault.open(tx, grant, &row.label).await?.0,
                person: row.person,
                enrolled_at: row.enrolled_at,
                last_used_at: row.last_used_at,
            });
        }
        Ok(found)
    }

    /// Ends a recorder: what it sends is refused from now on.
    ///
    /// # Errors
    /// [`RecorderError::Refused`], also where there is no such recorder.
    pub async fn end_recorder(&self, op: &OpContext, id: RecorderId) -> Result<(), RecorderError> {
        let organisation = op.actor.organisation();
        let (identity, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let audit = identity.access.audit();
                    audit.take_turn(tx, organisation).await.map_err(IdentityError::from)?;
                    let found = find(tx, "recorder_id", id.into()).await?;
                    let person = found.filter(|found| found.organisation == organisation);
                    // Of one that is not there the decision is about nobody, and refuses.
                    let person = person.map_or(PersonId::nil(), |found| found.person);
                    let on = PersonRef { organisation, id: person };
                    let decided = identity.access.decide::<EndRecorder>(tx, &op, on, None).await;
                    if let Err(refused) = decided.map_err(IdentityError::from)? {
                        return Ok::<_, RecorderError>(Err(RecorderError::Refused(refused)));
                    }
                    tx.execute("DELETE FROM recorders WHERE recorder_id = $1", &[id.into()]).await?;
                    let touched = [authority::recorder(id)];
                    let object = ("person", *person.as_bytes());
                    identity.note_change(tx, op.changing(organisation), object, &touched).await?;
                    Ok(Ok(()))
                })
            })
            .await?
    }

    async fn refuse_code(&self, op: &OpContext) -> Result<(), IdentityError> {
        self.refuse_stranger(op, "recorder.enrol", "no code that can be used").await
    }

    /// Puts on record that something was sent as a recorder that is none, or none any more.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn refuse_recorder(&self, op: &OpContext) -> Result<(), IdentityError> {
        self.refuse_stranger(op, "recorder.use", "there is no such recorder").await
    }

    async fn refuse_stranger(
        &self,
        op: &OpContext,
        action: &'static str,
        rule: &str,
    ) -> Result<(), IdentityError> {
        let entry =
            NewEntry { action, rule: rule.to_owned(), ..sign_in_entry(op, None, Outcome::Refused, "token") };
        Ok(self.access.audit().deny(&self.database, Lane::Arrivals, entry).await?)
    }
}

async fn count(tx: &mut Tx, person: PersonId) -> Result<u64, SqlError> {
    // The person's row orders those who come at once.
    tx.query_opt_locked(Lock::Exclusive, "SELECT 1 FROM people WHERE person_id = $1", &[person.into()])
        .await?;
    let row = tx.query_opt("SELECT count(*) FROM recorders WHERE person_id = $1", &[person.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// The condition on whose recorders a scope reaches, and the value of its `$2`.
fn within(subjects: Subjects) -> (&'static str, Option<Value>) {
    match subjects {
        Subjects::All => ("1 = 1", None),
        Subjects::One(subject) => {
            ("person_id IN (SELECT person_id FROM subjects WHERE subject_id = $2)", Some(subject.into()))
        }
        Subjects::Reports { manager, .. } => (
            "(person_id = $2 OR person_id IN
              (SELECT person_id FROM reporting_lines WHERE manager_id = $2 AND ended_at IS NULL))",
            Some(manager.into()),
        ),
    }
}
