//! What somebody who is signed in does with what they sign in by: proving once more who they are, and changing their
//! password.

use std::net::IpAddr;
use std::time::Duration;

use clerestory_access::{Actor, ChangeCredential, OpContext, PersonRef, Refused};
use clerestory_audit::authority::Touched;
use clerestory_audit::{NewEntry, Outcome};
use clerestory_model::{SessionId, Timestamp};
use clerestory_sql::{Body, Lane, SqlError, Tx};
use clerestory_store::people::{self, Person};
use zeroize::Zeroizing;

use crate::resets::Addressed;
use crate::second_factor::Code;
use crate::sessions::{self, SignedInBy};
use crate::sign_in::{password_version, sign_in_entry};
use crate::throttle::TooSoon;
use crate::{Identity, IdentityError, Unfit, Whence, authority};

/// Whoever signed in by a link sets a password without knowing the old one for this long.
const LINK_COUNTS: Duration = Duration::from_secs(15 * 60);

/// What somebody shows to prove once more who they are.
pub enum Proof {
    /// Their password.
    Password(Zeroizing<String>),
    /// A code of their second factor.
    Code(String),
}

/// Why a proof, or a change of what somebody signs in by, is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The rules do not allow it.
    #[error("it is refused")]
    Refused(Refused),
    /// The password or code is not the right one.
    #[error("the password or code is not the right one")]
    Wrong,
    /// It takes the old password, or a proof of a moment ago.
    #[error("it takes the old password")]
    ProofNeeded,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany {
        /// When the next is taken.
        retry_after: Duration,
    },
    /// There is no second factor to do it with.
    #[error("no second factor is set up")]
    NoFactor,
    /// There is a second factor already.
    #[error("a second factor is set up already")]
    FactorExists,
    /// The new password is not a good one.
    #[error("the password is not a good one")]
    Unfit(Unfit),
    /// It could not be judged.
    #[error("it could not be judged")]
    Unavailable(#[from] IdentityError),
}

impl From<Refused> for CredentialError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<TooSoon> for CredentialError {
    fn from(TooSoon(retry_after): TooSoon) -> Self {
        Self::TooMany { retry_after }
    }
}

impl Identity {
    /// Notes that the caller proved a moment ago, in this session, who they are.
    ///
    /// # Errors
    /// [`CredentialError::Wrong`], [`CredentialError::TooMany`].
    pub async fn step_up(
        &self,
        op: &OpContext,
        network: Option<IpAddr>,
        proof: Proof,
    ) -> Result<(), CredentialError> {
        let Actor::Person { id, session, .. } = op.actor else { return Err(Refused::Hidden.into()) };
        self.throttle.check(&id.to_string(), network)?;
        let (code, right) = match proof {
            Proof::Code(code) => (Some(code), None),
            Proof::Password(typed) => (None, self.right_password(op, typed).await?),
        };
        let (identity, inner) = (self.clone(), op.clone());
        self.in_turn(op, move |tx, me| {
            Box::pin(async move {
                let proven = match &code {
                    Some(code) => match identity.take_code(tx, &inner, &me, code).await? {
                        Code::Taken(touched) => Some(touched),
                        Code::Wrong => None,
                        Code::Wait(retry_after) => return Ok(Err(CredentialError::TooMany { retry_after })),
                    },
                    // It may have been replaced since it was compared.
                    None if right.is_some() && right == Some(password_version(tx, me.id).await?) => {
                        Some(Vec::new())
                    }
                    None => None,
                };
                let method = if code.is_some() { "code" } else { "password" };
                let Some(mut touched) = proven else {
                    identity.record(tx, (&inner, &me), "session.step_up", Outcome::Refused, method).await?;
                    return Ok(Err(CredentialError::Wrong));
                };
                let sql = "UPDATE sessions SET stepped_up_at = $2 WHERE session_id = $1";
                if tx.execute(sql, &[session.into(), inner.at.into()]).await? == 0 {
                    return Ok(Err(Refused::Hidden.into()));
                }
                identity.record(tx, (&inner, &me), "session.step_up", Outcome::Allowed, method).await?;
                touched.push(authority::session(session));
                identity.note_own_change(tx, &inner, &me, &touched).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// Replaces the caller's password. It takes the old one; or a proof of a moment ago, a link that was just used, or
    /// that there is none yet. Every other session of theirs ends.
    ///
    /// # Errors
    /// [`CredentialError::Wrong`], [`CredentialError::ProofNeeded`], [`CredentialError::Unfit`],
    /// [`CredentialError::TooMany`], [`CredentialError::Refused`].
    pub async fn change_password(
        &self,
        op: &OpContext,
        network: Option<IpAddr>,
        (old, new): (Option<Zeroizing<String>>, Zeroizing<String>),
        whence: &Whence,
    ) -> Result<(), CredentialError> {
        let Actor::Person { id, organisation, session, .. } = op.actor else {
            return Err(Refused::Hidden.into());
        };
        let shown = match old {
            None => None,
            Some(old) => {
                self.throttle.check(&id.to_string(), network)?;
                // No password has the version none: it is right for nobody.
                Some(self.right_password(op, old).await?.unwrap_or(0))
            }
        };
        let on = PersonRef { organisation, id };
        let decided = self.access.authorize::<ChangeCredential>(op, on, None).await;
        let grant = decided.map_err(IdentityError::from)??;
        let me = self.hints(grant).await?;
        let fit = self.fit_password(new, me.hints()).await?;
        let phc =
            self.passwords.hash(fit.map_err(CredentialError::Unfit)?).await.map_err(IdentityError::from)?;
        let (identity, inner, to, whence) = (self.clone(), op.clone(), me, whence.clone());
        self.in_turn(op, move |tx, me| {
            Box::pin(async move {
                let version = password_version(tx, me.id).await?;
                let refusal = match shown {
                    Some(0) => Some(CredentialError::Wrong),
                    Some(shown) if shown != version => Some(CredentialError::Wrong),
                    Some(_) => None,
                    None if version == 0 || inner.is_stepped_up() => None,
                    None if by_fresh_link(tx, session, inner.at).await? => None,
                    None => Some(CredentialError::ProofNeeded),
                };
                if let Some(refusal) = refusal {
                    identity
                        .record(tx, (&inner, &me), "credential.set", Outcome::Refused, "old password")
                        .await?;
                    return Ok(Err(refusal));
                }
                let mut touched: Vec<Touched> = identity.put_password(tx, &me, phc).await?;
                touched.extend(authority::end_other_sessions(tx, me.id, session).await?);
                identity.record(tx, (&inner, &me), "credential.set", Outcome::Allowed, "own").await?;
                identity.note_own_change(tx, &inner, &me, &touched).await?;
                identity.tell_password_changed(tx, &me, to, (&whence, inner.at)).await?;
                Ok(Ok(()))
            })
        })
        .await
    }

    /// The version of the caller's password, if this is it.
    async fn right_password(
        &self,
        op: &OpContext,
        typed: Zeroizing<String>,
    ) -> Result<Option<u64>, IdentityError> {
        let Actor::Person { id, .. } = op.actor else { return Ok(None) };
        let found: Result<Option<Person>, SqlError> =
            self.database.read(move |tx| Box::pin(async move { people::find(tx, id).await })).await;
        let Some(me) = found? else { return Ok(None) };
        let (phc, version) = self.kept_password(op, &me).await?.unzip();
        let right = self.passwords.verify(typed, phc).await?;
        Ok(version.filter(|_| right))
    }

    /// What a password of this person must not be made of.
    async fn hints(
        &self,
        grant: clerestory_access::Grant<ChangeCredential>,
    ) -> Result<Addressed, IdentityError> {
        self.vault.hold_lease().await?;
        let identity = self.clone();
        self.database.read(move |tx| Box::pin(async move { identity.addressed(tx, &grant).await })).await
    }

    /// Does something about the caller themself, in their organisation's turn.
    pub(crate) async fn in_turn<T, F>(&self, op: &OpContext, body: F) -> Result<T, CredentialError>
    where
        F: for<'t> FnOnce(&'t mut Tx, Person) -> Body<'t, Result<T, CredentialError>, IdentityError>
            + Send
            + 'static,
        T: Send + 'static,
    {
        let Actor::Person { id, organisation, .. } = op.actor else { return Err(Refused::Hidden.into()) };
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let audit = self.access.audit().clone();
        let done: Result<Result<T, CredentialError>, IdentityError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    audit.take_turn(tx, organisation).await?;
                    match people::find(tx, id).await? {
                        Some(me) => body(tx, me).await,
                        None => Ok(Err(Refused::Hidden.into())),
                    }
                })
            })
            .await;
        done?
    }

    /// Puts on record what came of a proof or a change.
    async fn record(
        &self,
        tx: &mut Tx,
        (op, me): (&OpContext, &Person),
        action: &'static str,
        outcome: Outcome,
        method: &str,
    ) -> Result<(), IdentityError> {
        let (actor_kind, actor) = op.actor.logged();
        let rule = format!("by {method}");
        let entry =
            NewEntry { action, rule, actor_kind, actor, ..sign_in_entry(op, Some(me), outcome, method) };
        self.access.audit().append(tx, entry).await?;
        Ok(())
    }

    /// Records how rows of the caller's own stand now.
    pub(crate) async fn note_own_change(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        me: &Person,
        touched: &[Touched],
    ) -> Result<(), IdentityError> {
        self.note_change(tx, op.changing(me.organisation), ("person", *me.id.as_bytes()), touched).await
    }
}

/// Whether the session was signed in by a link a moment ago: whoever has forgotten a password is given one.
async fn by_fresh_link(tx: &mut Tx, session: SessionId, at: Timestamp) -> Result<bool, SqlError> {
    let found = sessions::find(tx, session).await?;
    Ok(found.is_some_and(|found| {
        let link = matches!(found.signed_in_by, SignedInBy::Link | SignedInBy::LinkAndCode);
        link && at.since(found.created_at) < LINK_COUNTS
    }))
}
