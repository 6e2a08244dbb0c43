//! Sign-ins that wait for a code: a password or a link was shown, and somebody has a second factor.

use std::time::Duration;

use clerestory_access::OpContext;
use clerestory_audit::{NewEntry, Outcome};
use clerestory_model::Timestamp;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::people::{self, Person};

use crate::people::standing::{Barred, barred};
use crate::second_factor::Code;
use crate::sessions::SignedInBy;
use crate::sign_in::{Shown, by_person, password_version, sign_in_entry};
use crate::{Identity, IdentityError, SignInError, SignedIn, Token, Whence, authority};

/// Whoever showed a password or a link has this long for the code.
pub(crate) const LIFE: Duration = Duration::from_secs(5 * 60);
/// Codes that are looked at before a password or a link has to be shown again.
const CODES: u32 = 5;

/// A sign-in that waits for a code.
struct Pending {
    signed_in_by: SignedInBy,
    password_version: u64,
    expires_at: Timestamp,
}

async fn find(tx: &mut Tx, hash: [u8; 32]) -> Result<Option<Pending>, SqlError> {
    let sql = "SELECT signed_in_by, password_version, expires_at FROM pending_sign_ins WHERE token_hash = $1";
    let Some(row) = tx.query_opt_locked(Lock::Exclusive, sql, &[hash.into()]).await? else { return Ok(None) };
    Ok(Some(Pending {
        signed_in_by: SignedInBy::found("pending_sign_ins", &row.get::<String>(0)?)?,
        password_version: row.get(1)?,
        expires_at: row.get(2)?,
    }))
}

/// Whose sign-in waits under this token.
async fn pending_person(tx: &mut Tx, hash: [u8; 32]) -> Result<Option<Person>, IdentityError> {
    let sql = "SELECT person_id FROM pending_sign_ins WHERE token_hash = $1";
    match tx.query_opt(sql, &[hash.into()]).await? {
        Some(row) => Ok(people::find(tx, row.get(0)?).await?),
        None => Ok(None),
    }
}

impl Identity {
    /// Notes that somebody showed a password or a link, and still has to show a code.
    pub(crate) async fn insert_pending(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        shown: Shown,
        (hash, expires_at): ([u8; 32], Timestamp),
    ) -> Result<(), IdentityError> {
        let mut touched = shown.used();
        let sql =
            "DELETE FROM pending_sign_ins WHERE person_id = $1 AND expires_at <= $2 RETURNING token_hash";
        for row in tx.query(sql, &[person.id.into(), op.at.into()]).await? {
            touched.push(authority::pending(row.get(0)?));
        }
        // A link was used up by being shown: no password has the version none.
        let version = match shown {
            Shown::Password { version } => version,
            Shown::Link { .. } => 0,
        };
        tx.execute(
            "INSERT INTO pending_sign_ins (token_hash, person_id, signed_in_by, password_version, tries, expires_at)
             VALUES ($1, $2, $3, $4, 0, $5)",
            &[
                hash.into(),
                person.id.into(),
                shown.signed_in_by().word().into(),
                version.into(),
                expires_at.into(),
            ],
        )
        .await?;
        touched.push(authority::pending(hash));
        let first = NewEntry {
            action: "session.first_factor",
            ..sign_in_entry(op, Some(person), Outcome::Allowed, shown.signed_in_by().word())
        };
        self.access.audit().append(tx, first).await?;
        self.note_change(tx, by_person(op, person), ("person", *person.id.as_bytes()), &touched).await
    }

    /// Signs somebody in who has shown a password or a link, by a code of their second factor. After a few wrong ones
    /// the token is used up.
    ///
    /// # Errors
    /// [`SignInError`]; refusals are in the audit log before they are told.
    pub async fn sign_in_with_code(
        &self,
        op: &OpContext,
        token: &Token,
        code: &str,
        whence: &Whence,
    ) -> Result<SignedIn, SignInError> {
        let hash = token.hash();
        let waiting =
            self.database.read(move |tx| Box::pin(async move { pending_person(tx, hash).await })).await;
        let Some(person) = waiting? else {
            self.record_refusal(op, None, "code").await?;
            return Err(SignInError::Code);
        };
        self.admits(op, &person, whence, "code").await?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (id, organisation) = (person.id, person.organisation);
        let (identity, op, code, whence) = (self.clone(), op.clone(), code.to_owned(), whence.clone());
        let session = Token::generate();
        let session_hash = session.hash();
        let begun: Result<Result<(), SignInError>, IdentityError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    identity.access.audit().take_turn(tx, organisation).await?;
                    identity.finish_pending(tx, &op, &person, hash, &code, (&whence, session_hash)).await
                })
            })
            .await;
        begun??;
        Ok(SignedIn { token: session, person: id, organisation })
    }

    /// A refusal is to be committed too, so it is not an error of the body.
    async fn finish_pending(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        hash: [u8; 32],
        code: &str,
        session: (&Whence, [u8; 32]),
    ) -> Result<Result<(), SignInError>, IdentityError> {
        let object = ("person", *person.id.as_bytes());
        let pending = find(tx, hash).await?.filter(|pending| op.at < pending.expires_at);
        let stands = match &pending {
            Some(pending) => match pending.signed_in_by {
                SignedInBy::Password => password_version(tx, person.id).await? == pending.password_version,
                _ => true,
            },
            None => false,
        };
        let bar = match people::find(tx, person.id).await? {
            Some(person) => barred(tx, &person, None, op.at).await?,
            None => Some(Barred::Inactive),
        };
        if let Some(bar) = bar {
            let refusal = sign_in_entry(op, Some(person), Outcome::Refused, "code");
            self.access.audit().append(tx, refusal).await?;
            return Ok(Err(match bar {
                Barred::Blocked { until } => IdentityError::Blocked { until }.into(),
                Barred::Inactive => SignInError::Refused,
            }));
        }
        let taken = match stands {
            true => self.take_code(tx, op, person, code).await?,
            false => Code::Wrong,
        };
        if let Code::Wait(retry_after) = taken {
            return Ok(Err(SignInError::TooMany { retry_after }));
        }
        let (Some(pending), Code::Taken(mut touched)) = (pending, taken) else {
            let refusal = sign_in_entry(op, Some(person), Outcome::Refused, "code");
            self.access.audit().append(tx, refusal).await?;
            let sql = "UPDATE pending_sign_ins SET tries = tries + 1 WHERE token_hash = $1";
            tx.execute(sql, &[hash.into()]).await?;
            let sql =
                "DELETE FROM pending_sign_ins WHERE token_hash = $1 AND (tries >= $2 OR expires_at <= $3)";
            if tx.execute(sql, &[hash.into(), CODES.into(), op.at.into()]).await? > 0 {
                self.note_change(tx, by_person(op, person), object, &[authority::pending(hash)]).await?;
            }
            return Ok(Err(SignInError::Code));
        };
        tx.execute("DELETE FROM pending_sign_ins WHERE token_hash = $1", &[hash.into()]).await?;
        touched.push(authority::pending(hash));
        let how = pending.signed_in_by.with_code();
        self.insert_session(tx, op, person, how, session, touched).await?;
        Ok(Ok(()))
    }
}
