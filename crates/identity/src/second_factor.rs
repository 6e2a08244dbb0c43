//! A second factor: codes by time from an app, each of which works once, and recovery codes for when the app is lost.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clerestory_access::{
    Actor, CheckCredential, Grant, ManageFactor, OpContext, PersonRef, ReadOwnProfile, Refused, ResetFactor,
};
use clerestory_audit::Personal;
use clerestory_audit::authority::Touched;
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_seal::{random, sha256};
use clerestory_sql::{Body, Lane, Lock, SqlError, Tx};
use clerestory_store::people::{self, Person};
use clerestory_store::{About, Content, Kind, Place, Sealed, organisations};
use serde::{Deserialize, Serialize};

use crate::sessions::{self, SignedInBy};
use crate::sign_in::{by_system, inconsistent};
use crate::{CredentialError, Identity, IdentityError, authority, totp};

/// Recovery codes of a person.
const RECOVERY_CODES: usize = 10;
/// Random bytes of a recovery code: sixteen letters of base32.
const RECOVERY_BYTES: usize = 10;
/// Wrong codes in a row that cost nothing but the attempt.
const FREE_FAILURES: u32 = 5;
/// How long the next one has to wait then; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// And at most.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The secret of an authenticator app, base64: sealed under the person's own key.
#[derive(Serialize, Deserialize)]
struct FactorSecret(String);

impl Content for FactorSecret {
    const KIND: Kind = Kind::Factor;
    const TABLE: &'static str = "second_factors";
    const COLUMN: &'static str = "secret";
}

impl FactorSecret {
    fn bytes(&self) -> Result<Vec<u8>, SqlError> {
        STANDARD_NO_PAD.decode(&self.0).map_err(|_| inconsistent("second_factors", "secret"))
    }
}

struct FactorRow {
    secret: Sealed<FactorSecret>,
    version: u64,
    confirmed_at: Option<Timestamp>,
    last_step: u64,
    failures: u32,
    failed_at: Timestamp,
}

/// What came of looking at a code.
pub(crate) enum Code {
    /// It was the right one, and is used up by this; these rows changed.
    Taken(Vec<Touched>),
    /// It was not.
    Wrong,
    /// It was not looked at: too many wrong ones came before it.
    Wait(Duration),
}

/// What an authenticator app is given.
pub struct Enrolment {
    /// The secret in base32, to be typed.
    pub secret: String,
    /// The same as an `otpauth:` address, to be shown as a QR code.
    pub uri: String,
}

/// What a person has of second factors.
pub struct FactorState {
    /// Since when codes of an app are asked for.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that are not used yet.
    pub recovery_codes: u64,
}

fn place(organisation: OrganisationId, person: PersonId, version: u64) -> Place {
    Place { organisation, about: About::Person(person), row: *person.as_bytes(), version }
}

async fn find(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: PersonId,
) -> Result<Option<FactorRow>, SqlError> {
    let sql = "SELECT secret, version, confirmed_at, last_step, failures, failed_at FROM second_factors
               WHERE person_id = $1";
    let Some(row) = tx.query_opt_locked(Lock::Exclusive, sql, &[id.into()]).await? else { return Ok(None) };
    let version = row.get(1)?;
    Ok(Some(FactorRow {
        secret: Sealed::found(row.get(0)?, place(organisation, id, version))?,
        version,
        confirmed_at: row.get(2)?,
        last_step: row.get(3)?,
        failures: row.get(4)?,
        failed_at: row.get(5)?,
    }))
}

/// Whether codes are asked of this person.
pub(crate) async fn is_confirmed(tx: &mut Tx, id: PersonId) -> Result<bool, SqlError> {
    let sql = "SELECT person_id FROM second_factors WHERE person_id = $1 AND confirmed_at IS NOT NULL";
    Ok(tx.query_opt(sql, &[id.into()]).await?.is_some())
}

/// Takes a person's factor and recovery codes away; the rows that are gone.
pub(crate) async fn forget(tx: &mut Tx, id: PersonId) -> Result<Vec<Touched>, SqlError> {
    let mut touched = Vec::new();
    if tx.execute("DELETE FROM second_factors WHERE person_id = $1", &[id.into()]).await? > 0 {
        touched.push(authority::factor(id));
    }
    touched.extend(forget_recovery_codes(tx, id).await?);
    Ok(touched)
}

/// The same, and ends every session of a person who had one; the rows that are gone.
async fn take_away(tx: &mut Tx, id: PersonId) -> Result<Vec<Touched>, SqlError> {
    let ended = match is_confirmed(tx, id).await? {
        true => authority::end_sessions(tx, id).await?,
        false => Vec::new(),
    };
    let mut touched = forget(tx, id).await?;
    touched.extend(ended);
    Ok(touched)
}

async fn forget_recovery_codes(tx: &mut Tx, id: PersonId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM recovery_codes WHERE person_id = $1 RETURNING code_hash";
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter().map(|row| Ok(authority::recovery(row.get(0)?))).collect()
}

/// Makes new recovery codes, in the form they are shown in; the rows they are kept in.
async fn make_recovery_codes(tx: &mut Tx, id: PersonId) -> Result<(Vec<String>, Vec<Touched>), SqlError> {
    let (mut codes, mut touched) = (Vec::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let code = totp::base32(&random::<RECOVERY_BYTES>()).to_lowercase();
        let hash = recovery_hash(id, &code);
        let sql = "INSERT INTO recovery_codes (code_hash, person_id) VALUES ($1, $2)";
        tx.execute(sql, &[hash.into(), id.into()]).await?;
        touched.push(authority::recovery(hash));
        let groups: Vec<String> =
            code.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        codes.push(groups.join("-"));
    }
    Ok((codes, touched))
}

/// What is kept of a recovery code: eighty random bits need no slow hash.
fn recovery_hash(person: PersonId, code: &str) -> [u8; 32] {
    let mut bytes = b"clerestory recovery code 1".to_vec();
    bytes.extend_from_slice(person.as_bytes());
    bytes.extend_from_slice(code.as_bytes());
    sha256(&bytes)
}

/// How long after the last of so many wrong codes in a row the next is looked at.
fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(more) => {
            FIRST_WAIT.saturating_mul(1_u32.checked_shl(more).unwrap_or(u32::MAX)).min(LONGEST_WAIT)
        }
    }
}

/// A code as it is compared: without the blanks and strokes that it is shown with.
fn plain(typed: &str) -> String {
    let kept = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64);
    kept.flat_map(char::to_lowercase).collect()
}

impl Identity {
    /// Looks at a code of a person's app, or one of their recovery codes, in the caller's transaction and turn.
    pub(crate) async fn take_code(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        typed: &str,
    ) -> Result<Code, IdentityError> {
        let on = PersonRef { organisation: person.organisation, id: person.id };
        let system = by_system(op, person.organisation);
        let decided = self.access.decide::<CheckCredential>(tx, &system, on, None).await?;
        let grant = decided.map_err(|_| inconsistent("people", "organisation_id"))?;
        let found = find(tx, person.organisation, person.id).await?;
        let Some(row) = found.filter(|row| row.confirmed_at.is_some()) else { return Ok(Code::Wrong) };
        let typed = plain(typed);
        if typed.len() != totp::DIGITS {
            let hash = recovery_hash(person.id, &typed);
            let sql = "DELETE FROM recovery_codes WHERE code_hash = $1 AND person_id = $2";
            let taken = tx.execute(sql, &[hash.into(), person.id.into()]).await? == 1;
            return Ok(if taken { Code::Taken(vec![authority::recovery(hash)]) } else { Code::Wrong });
        }
        let left = wait_after(row.failures).saturating_sub(op.at.since(row.failed_at));
        if !left.is_zero() {
            return Ok(Code::Wait(left));
        }
        let secret = self.vault.open(tx, &grant, &row.secret).await?.bytes()?;
        match totp::accepted(&secret, typed.as_bytes(), op.at, row.last_step) {
            Some(step) => {
                let sql = "UPDATE second_factors SET last_step = $2, failures = 0 WHERE person_id = $1";
                tx.execute_one("second_factors", sql, &[person.id.into(), step.into()]).await?;
                Ok(Code::Taken(vec![authority::factor(person.id)]))
            }
            None => {
                let sql = "UPDATE second_factors SET failures = $2, failed_at = $3 WHERE person_id = $1";
                let failures = row.failures.saturating_add(1);
                let values = [person.id.into(), failures.into(), op.at.into()];
                tx.execute_one("second_factors", sql, &values).await?;
                Ok(Code::Wrong)
            }
        }
    }

    /// Begins to set up an app: a secret, which counts for nothing until a code of it is shown.
    ///
    /// # Errors
    /// [`CredentialError::FactorExists`], [`CredentialError::Refused`].
    pub async fn enrol_factor(&self, op: &OpContext) -> Result<Enrolment, CredentialError> {
        let (identity, inner) = (self.clone(), op.clone());
        self.managing_factor(op, "begin", move |tx, grant, me| {
            Box::pin(async move {
                let (on, found) = (grant.on(), find(tx, me.organisation, me.id).await?);
                if found.as_ref().is_some_and(|row| row.confirmed_at.is_some()) {
                    return Ok(Err(CredentialError::FactorExists));
                }
                let secret = random::<{ totp::SECRET_BYTES }>();
                // Never used twice, not even after a factor was removed: an older secret put back would open. No number of
                // an entry is.
                let version = found.map_or(0, |row| row.version + 1).max(grant.entry());
                let key = organisations::subject_key(tx, me.subject).await?;
                let key = key.ok_or_else(|| inconsistent("subjects", "subject_id"))?;
                let place = place(on.organisation, on.id, version);
                let content = FactorSecret(STANDARD_NO_PAD.encode(secret));
                let sealed = identity.vault.seal(tx, key, place, &content).await?;
                tx.execute(
                    "INSERT INTO second_factors (person_id, secret, version, last_step, failures, failed_at)
                     VALUES ($1, $2, $3, 0, 0, 0)
                     ON CONFLICT (person_id) DO UPDATE SET secret = excluded.secret, version = excluded.version",
                    &[on.id.into(), sealed.value().as_bytes().into(), version.into()],
                )
                .await?;
                let profile = identity.vault.open(tx, &grant, &me.profile).await?;
                identity.note_own_change(tx, &inner, &me, &[authority::factor(on.id)]).await?;
                let secret = totp::base32(&secret);
                Ok(Ok(Enrolment { uri: uri(&secret, &profile.email), secret }))
            })
        })
        .await
    }

    /// Finishes setting up: from now on codes are asked for. Every other session of the person ends. Gives the recovery
    /// codes, which are shown this once.
    ///
    /// # Errors
    /// [`CredentialError::Wrong`], [`CredentialError::NoFactor`] when nothing was begun,
    /// [`CredentialError::FactorExists`], [`CredentialError::Refused`].
    pub async fn confirm_factor(&self, op: &OpContext, code: &str) -> Result<Vec<String>, CredentialError> {
        let (identity, inner, typed) = (self.clone(), op.clone(), plain(code));
        self.managing_factor(op, "confirm", move |tx, grant, me| {
            Box::pin(async move {
                let Some(row) = find(tx, me.organisation, me.id).await? else {
                    return Ok(Err(CredentialError::NoFactor));
                };
                if row.confirmed_at.is_some() {
                    return Ok(Err(CredentialError::FactorExists));
                }
                let secret = identity.vault.open(tx, &grant, &row.secret).await?.bytes()?;
                let Some(step) = totp::accepted(&secret, typed.as_bytes(), inner.at, row.last_step) else {
                    return Ok(Err(CredentialError::Wrong));
                };
                let sql = "UPDATE second_factors SET confirmed_at = $2, last_step = $3 WHERE person_id = $1";
                tx.execute_one("second_factors", sql, &[me.id.into(), inner.at.into(), step.into()]).await?;
                let (codes, mut touched) = make_recovery_codes(tx, me.id).await?;
                touched.push(authority::factor(me.id));
                touched.extend(keep_only(tx, &inner, &me, SignedInBy::with_code).await?);
                identity.note_own_change(tx, &inner, &me, &touched).await?;
                Ok(Ok(codes))
            })
        })
        .await
    }

    /// Takes the caller's own factor away. Every other session of theirs ends.
    ///
    /// # Errors
    /// [`CredentialError::NoFactor`], [`CredentialError::Refused`].
    pub async fn remove_factor(&self, op: &OpContext) -> Result<(), CredentialError> {
        let (identity, inner) = (self.clone(), op.clone());
        self.managing_factor(op, "remove", move |tx, _grant, me| {
            Box::pin(async move {
                if !is_confirmed(tx, me.id).await? {
                    return Ok(Err(CredentialError::NoFactor));
                }
                let mut touched = forget(tx, me.id).await?;
                touched.extend(keep_only(tx, &inner, &me, SignedInBy::without_code).await?);
                identity.note_own_change(tx, &inner, &me, &touched).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// Replaces the caller's recovery codes; the new ones are shown this once.
    ///
    /// # Errors
    /// [`CredentialError::NoFactor`], [`CredentialError::Refused`].
    pub async fn renew_recovery_codes(&self, op: &OpContext) -> Result<Vec<String>, CredentialError> {
        let (identity, inner) = (self.clone(), op.clone());
        self.managing_factor(op, "renew", move |tx, _grant, me| {
            Box::pin(async move {
                if !is_confirmed(tx, me.id).await? {
                    return Ok(Err(CredentialError::NoFactor));
                }
                let mut touched = forget_recovery_codes(tx, me.id).await?;
                let (codes, made) = make_recovery_codes(tx, me.id).await?;
                touched.extend(made);
                identity.note_own_change(tx, &inner, &me, &touched).await?;
                Ok(Ok(codes))
            })
        })
        .await
    }

    /// Takes somebody's factor away who has lost it. All their sessions end; without a factor none does.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn reset_factor(
        &self,
        op: &OpContext,
        person: PersonId,
    ) -> Result<Result<(), Refused>, IdentityError> {
        let organisation = op.actor.organisation();
        let (identity, op) = (self.clone(), op.clone());
        self.vault.hold_lease().await?;
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let on = PersonRef { organisation, id: person };
                    if let Err(refused) = identity.access.decide::<ResetFactor>(tx, &op, on, None).await? {
                        return Ok(Err(refused));
                    }
                    let touched = take_away(tx, person).await?;
                    let object = ("person", *person.as_bytes());
                    identity.note_change(tx, op.changing(organisation), object, &touched).await?;
                    Ok(Ok(()))
                })
            })
            .await
    }

    /// The same by the program itself, in its own transaction: for whoever runs it. Says whether there was a factor.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn reset_factor_by_program(
        &self,
        tx: &mut Tx,
        person: &Person,
        at: Timestamp,
    ) -> Result<bool, IdentityError> {
        self.access.audit().take_turn(tx, person.organisation).await?;
        let touched = take_away(tx, person.id).await?;
        let by = authority::by_program(person.organisation, at);
        self.note_change(tx, by, ("person", *person.id.as_bytes()), &touched).await?;
        Ok(!touched.is_empty())
    }

    /// What the person of the grant has of second factors.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn factor_state(&self, grant: Grant<ReadOwnProfile>) -> Result<FactorState, IdentityError> {
        let id = grant.on().id;
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT confirmed_at FROM second_factors WHERE person_id = $1";
                    let row = tx.query_opt(sql, &[id.into()]).await?;
                    let sql = "SELECT count(*) FROM recovery_codes WHERE person_id = $1";
                    let codes = tx.query_opt(sql, &[id.into()]).await?;
                    Ok::<_, IdentityError>(FactorState {
                        confirmed_at: row.map_or(Ok(None), |row| row.get(0))?,
                        recovery_codes: codes.map_or(Ok(0), |row| row.get(0))?,
                    })
                })
            })
            .await
    }

    /// Decides whether the caller may do this to their factor, and if so does it in the same transaction. What cannot be
    /// done is undone with the decision, and an entry says that it failed.
    async fn managing_factor<T: Send + 'static>(
        &self,
        op: &OpContext,
        what: &'static str,
        act: impl for<'t> FnOnce(
            &'t mut Tx,
            Grant<ManageFactor>,
            Person,
        ) -> Body<'t, Result<T, CredentialError>, IdentityError>
        + Send
        + 'static,
    ) -> Result<T, CredentialError> {
        let Actor::Person { id, organisation, .. } = op.actor else { return Err(Refused::Hidden.into()) };
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let on = PersonRef { organisation, id };
        let detail = Some(Personal { detail: Some(what.to_owned()), ..Personal::default() });
        let (access, asked, said) = (self.access.clone(), op.clone(), detail.clone());
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let grant = match access.decide::<ManageFactor>(tx, &asked, on, said).await? {
                        Ok(grant) => grant,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let me = people::find(tx, id).await?;
                    let me = me.ok_or_else(|| inconsistent("people", "person_id"))?;
                    match act(tx, grant, me).await? {
                        Ok(done) => Ok(Ok(done)),
                        Err(obstacle) => Err(Undone::Because(obstacle)),
                    }
                })
            })
            .await;
        match done {
            Ok(done) => Ok(done?),
            Err(Undone::Error(error)) => Err(error.into()),
            Err(Undone::Because(obstacle)) => {
                let told =
                    self.access.tell_failed::<ManageFactor>(op, on, obstacle.to_string(), detail).await;
                told.map_err(IdentityError::from)?;
                Err(obstacle)
            }
        }
    }
}

/// Why a transaction was undone: something stood in the way, or it did not work.
enum Undone {
    Because(CredentialError),
    Error(IdentityError),
}

impl<E: Into<IdentityError>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Ends every session of the caller but the one they are in, and says of that one how it was signed in now.
async fn keep_only(
    tx: &mut Tx,
    op: &OpContext,
    me: &Person,
    change: impl FnOnce(SignedInBy) -> SignedInBy,
) -> Result<Vec<Touched>, SqlError> {
    let Actor::Person { session, .. } = &op.actor else { return Ok(Vec::new()) };
    let mut touched = authority::end_other_sessions(tx, me.id, *session).await?;
    touched.extend(mark(tx, *session, change).await?);
    Ok(touched)
}

async fn mark(
    tx: &mut Tx,
    session: SessionId,
    change: impl FnOnce(SignedInBy) -> SignedInBy,
) -> Result<Option<Touched>, SqlError> {
    let Some(found) = sessions::find(tx, session).await? else { return Ok(None) };
    let sql = "UPDATE sessions SET signed_in_by = $2 WHERE session_id = $1";
    tx.execute(sql, &[session.into(), change(found.signed_in_by).word().into()]).await?;
    Ok(Some(authority::session(session)))
}

/// The address an authenticator app reads, as Google's key URI format has it.
fn uri(secret: &str, email: &str) -> String {
    let mut label = String::new();
    for byte in email.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                label.push(char::from(byte))
            }
            other => label.push_str(&format!("%{other:02X}")),
        }
    }
    format!(
        "otpauth://totp/Clerestory:{label}?secret={secret}&issuer=Clerestory&algorithm=SHA1&digits={}&period=30",
        totp::DIGITS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_codes_in_a_row_cost_ever_more_time_and_an_hour_at_most() {
        let waits = [0, 4, 5, 6, 7, 11, 12, 40, u32::MAX].map(|failures| wait_after(failures).as_secs());
        assert_eq!(waits, [0, 0, 30, 60, 120, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn a_code_is_compared_without_what_it_is_shown_with() {
        assert_eq!(plain(" 123 456\n"), "123456");
        assert_eq!(plain("ABCD-efgh-IJKL-mnop"), "abcdefghijklmnop");
        let person = PersonId::new(Timestamp::from_micros(1), [7; 10]);
        let other = PersonId::new(Timestamp::from_micros(1), [8; 10]);
        assert_ne!(recovery_hash(person, "abcd"), recovery_hash(other, "abcd"));
    }

    #[test]
    fn the_address_for_apps_names_the_account() {
        assert_eq!(
            uri("MZXW6YTB", "to by+x@a.example"),
            "otpauth://totp/Clerestory:to%20by%2Bx@a.example?secret=MZXW6YTB&issuer=Clerestory&algorithm=SHA1&digits=6&period=30"
        );
    }
}
