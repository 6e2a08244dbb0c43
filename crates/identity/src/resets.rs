//! Forgotten passwords: whoever reads the mail of an address sets a new password for it, by a link that works once.
//!
//! Whoever asks is told the same at once, whether anybody has the address or not: what there is to be done is done after
//! that. A second factor stays what it is; the link stands for the old password, and for nothing else.

use std::net::IpAddr;
use std::time::Duration;

use clerestory_access::{Action, ChangeCredential, Grant, OpContext, PersonRef, ResetCredential};
use clerestory_audit::authority::Touched;
use clerestory_audit::{NewEntry, Outcome, Personal};
use clerestory_model::{PersonId, Timestamp};
use clerestory_notices::Mail;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::people::{self, Person, PersonState};

use crate::people::standing::{Barred, barred};
use crate::sign_in::{Shown, by_person, by_system, inconsistent, password_version, sign_in_entry};
use crate::{Admitted, Identity, IdentityError, Password, SignInError, Token, Whence, authority};

/// A link works this long.
const LIFE: Duration = Duration::from_secs(3600);
/// A mail that says what happened is worth sending for so long.
const NEWS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How somebody is written to, and what a password of theirs must not be made of.
pub(crate) struct Addressed {
    name: String,
    email: String,
    organisation: String,
}

impl Addressed {
    /// What is known of them.
    pub(crate) fn hints(&self) -> Vec<String> {
        vec![self.name.clone(), self.email.clone(), self.organisation.clone()]
    }
}

/// A decision about somebody that opens their name and address.
pub(crate) trait Addresses: Action<On = PersonRef> {}
impl Addresses for ChangeCredential {}
impl Addresses for ResetCredential {}

impl Identity {
    /// Whether this installation sends mail, without which nobody can be sent a link.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.notices.has_post()
    }

    /// Counts a mail that somebody wants sent to an address, before anything else is done for it.
    ///
    /// # Errors
    /// [`SignInError::TooMany`].
    pub fn throttle_reset(&self, email: &str, network: Option<IpAddr>) -> Result<(), SignInError> {
        Ok(self.throttle.check_reset(email, network)?)
    }

    /// Sends a link to whoever has this address, if anybody has who may sign in; to be done after whoever asked was
    /// answered. The link leads to the console at this origin.
    ///
    /// # Errors
    /// [`IdentityError`]; nothing is sent then.
    pub async fn offer_reset(
        &self,
        op: &OpContext,
        email: &str,
        whence: &Whence,
        console: &str,
    ) -> Result<(), IdentityError> {
        let Some(person) = self.find_by_address(email, op.at).await? else {
            return self.refuse_reset(op, None).await;
        };
        match self.let_in(person.organisation, whence).await {
            Err(IdentityError::PlaceBlocked { .. }) => return self.refuse_reset(op, Some(&person)).await,
            judged => judged?,
        }
        self.vault.hold_lease().await?;
        let (identity, op, whence, console) = (self.clone(), op.clone(), whence.clone(), console.to_owned());
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    identity.access.audit().take_turn(tx, person.organisation).await?;
                    let Some(person) = people::find(tx, person.id).await? else { return Ok(()) };
                    if barred(tx, &person, None, op.at).await?.is_some() {
                        identity.access.audit().append(tx, refused(&op, Some(&person))).await?;
                        return Ok(());
                    }
                    identity.offer_reset_in(tx, &op, &person, (&whence, &console)).await
                })
            })
            .await
    }

    async fn offer_reset_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        (whence, console): (&Whence, &str),
    ) -> Result<(), IdentityError> {
        let grant = self.reset_grant(tx, op, person, "a link was asked for").await?;
        let to = self.addressed(tx, &grant).await?;
        let (token, expires_at) = (Token::generate(), op.at.plus(LIFE));
        let sql = "INSERT INTO password_resets (token_hash, person_id, expires_at) VALUES ($1, $2, $3)";
        tx.execute(sql, &[token.hash().into(), person.id.into(), expires_at.into()]).await?;
        let by = authority::by_program(person.organisation, op.at);
        let touched = [authority::reset(token.hash())];
        self.note_change(tx, by, ("person", *person.id.as_bytes()), &touched).await?;
        let link = format!("{console}/reset#token={}", token.reveal());
        let mail = Mail {
            to: to.email,
            subject: "A new password for Clerestory".to_owned(),
            text: format!(
                "Hello {},\n\nsomebody asked for a new password for your account at {} on Clerestory. It was asked for \
                 at {}, from {}.\n\nIf it was you, open this link and choose one:\n\n{link}\n\nIt works once, until \
                 {expires_at}. Everywhere you are signed in you are signed out by it.\n\nIf it was not you, do nothing: \
                 your password stays as it is, and nobody can use the link without this mail. If it happens again, tell \
                 an administrator of your organisation.\n",
                to.name,
                to.organisation,
                op.at,
                whence.in_words(),
            ),
        };
        Ok(self.notices.write(tx, person, &mail, (op.at, expires_at)).await?)
    }

    /// What a password must not be made of that is set by this link.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for a link that is used up, unknown or run out.
    pub async fn reset_hints(&self, op: &OpContext, token: &Token) -> Result<Vec<String>, SignInError> {
        let person = self.resetting(op, token).await?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, op) = (self.clone(), op.clone());
        let to: Result<Addressed, IdentityError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let grant = identity.reset_grant(tx, &op, &person, "a link was opened").await?;
                    identity.addressed(tx, &grant).await
                })
            })
            .await;
        Ok(to?.hints())
    }

    /// Sets a new password by a link, which is used up by it, and signs in with it; a code is asked for where there is a
    /// second factor. Every session, every other link and everything that waits ends.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for a link that is used up, unknown or run out, and for whoever is not active.
    pub async fn reset_password(
        &self,
        op: &OpContext,
        token: &Token,
        password: Password,
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let person = self.resetting(op, token).await?;
        // Whoever is kept out keeps the link for when they are not.
        self.admits(op, &person, whence, "reset link").await?;
        let phc = self.passwords.hash(password).await.map_err(IdentityError::from)?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, inner, whence_inner, hash) = (self.clone(), op.clone(), whence.clone(), token.hash());
        let (id, organisation) = (person.id, person.organisation);
        let done: Result<Result<u64, SignInError>, IdentityError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    identity.access.audit().take_turn(tx, organisation).await?;
                    identity.reset_in(tx, &inner, (id, hash), phc, &whence_inner).await
                })
            })
            .await;
        let version = done??;
        self.begin_session(op, &person, Shown::Password { version }, whence).await
    }

    /// A refusal is to be committed too, so it is not an error of the body.
    async fn reset_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (id, hash): (PersonId, [u8; 32]),
        phc: String,
        whence: &Whence,
    ) -> Result<Result<u64, SignInError>, IdentityError> {
        let Some(person) = people::find_locked(tx, id).await? else { return Ok(Err(SignInError::Refused)) };
        let bar = barred(tx, &person, None, op.at).await?;
        let sql = "DELETE FROM password_resets WHERE token_hash = $1 AND person_id = $2 AND expires_at > $3";
        if bar.is_some() || tx.execute(sql, &[hash.into(), id.into(), op.at.into()]).await? == 0 {
            self.access.audit().append(tx, refused(op, Some(&person))).await?;
            return Ok(Err(match bar {
                Some(Barred::Blocked { until }) => IdentityError::Blocked { until }.into(),
                Some(Barred::Inactive) | None => SignInError::Refused,
            }));
        }
        let grant = self.reset_grant(tx, op, &person, "a link was used").await?;
        let to = self.addressed(tx, &grant).await?;
        let mut touched = vec![authority::reset(hash)];
        touched.extend(self.put_password(tx, &person, phc).await?);
        touched.extend(authority::end_sessions(tx, id).await?);
        touched.extend(authority::end_links(tx, id).await?);
        let set = NewEntry {
            action: "credential.set",
            rule: "by a link that was mailed".to_owned(),
            ..sign_in_entry(op, Some(&person), Outcome::Allowed, "reset link")
        };
        self.access.audit().append(tx, set).await?;
        self.note_change(tx, by_person(op, &person), ("person", *id.as_bytes()), &touched).await?;
        self.tell_password_changed(tx, &person, to, (whence, op.at)).await?;
        Ok(Ok(password_version(tx, id).await?))
    }

    /// Writes to somebody that their password was changed, where mail is sent.
    pub(crate) async fn tell_password_changed(
        &self,
        tx: &mut Tx,
        person: &Person,
        to: Addressed,
        (whence, at): (&Whence, Timestamp),
    ) -> Result<(), IdentityError> {
        if !self.notices.has_post() {
            return Ok(());
        }
        let mail = Mail {
            to: to.email,
            subject: "Your password for Clerestory was changed".to_owned(),
            text: format!(
                "Hello {},\n\nthe password of your account at {} on Clerestory was changed at {at}, from {}. \
                 Everywhere else you were signed in you are signed out.\n\nIf it was not you, say on the sign-in page \
                 that you have forgotten your password, choose a new one, and tell an administrator of your \
                 organisation.\n",
                to.name,
                to.organisation,
                whence.in_words(),
            ),
        };
        Ok(self.notices.write(tx, person, &mail, (at, at.plus(NEWS))).await?)
    }

    /// Whose link this is, if it can still be used; what is none is on record.
    async fn resetting(&self, op: &OpContext, token: &Token) -> Result<Person, SignInError> {
        let (hash, now) = (token.hash(), op.at);
        let found: Result<Option<Person>, SqlError> = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let sql =
                        "SELECT person_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2";
                    match tx.query_opt(sql, &[hash.into(), now.into()]).await? {
                        Some(row) => people::find(tx, row.get(0)?).await,
                        None => Ok(None),
                    }
                })
            })
            .await;
        match found?.filter(|person| person.state == PersonState::Active) {
            Some(person) => Ok(person),
            None => {
                self.refuse_reset(op, None).await?;
                Err(SignInError::Refused)
            }
        }
    }

    /// Writing to somebody about their password is an act of the program on their organisation's data.
    async fn reset_grant(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        what: &str,
    ) -> Result<Grant<ResetCredential>, IdentityError> {
        let on = PersonRef { organisation: person.organisation, id: person.id };
        let said = Personal { detail: Some(what.to_owned()), ..Personal::default() };
        let system = by_system(op, person.organisation);
        let decided = self.access.decide::<ResetCredential>(tx, &system, on, Some(said)).await?;
        Ok(decided.map_err(|_| inconsistent("people", "organisation_id"))?)
    }

    /// How the person of a grant is written to.
    pub(crate) async fn addressed<A: Addresses>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
    ) -> Result<Addressed, IdentityError> {
        let on = grant.on();
        let person = people::find(tx, on.id).await?.ok_or_else(|| inconsistent("people", "person_id"))?;
        let profile = self.vault.open(tx, grant, &person.profile).await?;
        let organisation = organisations::find(tx, on.organisation).await?;
        let organisation = organisation.ok_or_else(|| inconsistent("organisations", "organisation_id"))?;
        let called = self.vault.open(tx, grant, &organisation.name).await?;
        Ok(Addressed { name: profile.name, email: profile.email, organisation: called.0 })
    }

    async fn refuse_reset(&self, op: &OpContext, person: Option<&Person>) -> Result<(), IdentityError> {
        let (entry, audit) = (refused(op, person), self.access.audit());
        Ok(audit.deny(&self.database, Lane::Interactive, entry).await?)
    }
}

fn refused(op: &OpContext, person: Option<&Person>) -> NewEntry {
    NewEntry {
        action: "credential.reset",
        rule: "nobody who may sign in, or no link that can be used".to_owned(),
        ..sign_in_entry(op, person, Outcome::Refused, "reset link")
    }
}

/// Takes back every link of somebody to set a new password; the rows that are gone.
pub(crate) async fn end(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM password_resets WHERE person_id = $1 RETURNING token_hash";
    let rows = tx.query(sql, &[person.into()]).await?;
    rows.iter().map(|row| Ok(authority::reset(row.get(0)?))).collect()
}
