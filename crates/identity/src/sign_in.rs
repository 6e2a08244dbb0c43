//! Signing in: by password, or by a link that works once; and by a code too, where somebody has set that up.

use std::net::IpAddr;
use std::time::Duration;

use clerestory_access::{Actor, CheckCredential, Grant, OpContext, PersonRef};
use clerestory_audit::authority::{ChangedBy, Touched};
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::people::{self, Person, Profile, Role};
use clerestory_store::{Sealed, organisations};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::people::standing::{Barred, barred};
use crate::people::{KeptPassword, password_place};
use crate::second_factor;
use crate::sessions::{self, SessionRow, SignedInBy};
use crate::throttle::TooSoon;
use crate::{Identity, IdentityError, Token, Whence, authority, pending};

/// Sign-in links work this long.
const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A refusal is told so long after the attempt began, or so long again, and so on: how long it took to find out would
/// tell whether anybody has the address.
const REFUSED_AFTER: Duration = Duration::from_millis(700);

/// What somebody showed, to be looked at again in the transaction that begins their session.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// The password of this version: it may have been replaced since it was compared.
    Password { version: u64 },
    /// The link with this hash: it may have been used since it was found.
    Link { hash: [u8; 32] },
}

impl Shown {
    pub(crate) const fn signed_in_by(self) -> SignedInBy {
        match self {
            Self::Password { .. } => SignedInBy::Password,
            Self::Link { .. } => SignedInBy::Link,
        }
    }

    /// The rows that showing it used up.
    pub(crate) fn used(self) -> Vec<Touched> {
        match self {
            Self::Password { .. } => Vec::new(),
            Self::Link { hash } => vec![authority::link(hash)],
        }
    }

    /// Whether it still holds for `person`. A link is used up by this.
    async fn holds(self, tx: &mut Tx, person: PersonId, at: Timestamp) -> Result<bool, SqlError> {
        match self {
            Self::Password { version } => Ok(password_version(tx, person).await? == version),
            Self::Link { hash } => {
                let sql =
                    "DELETE FROM sign_in_links WHERE token_hash = $1 AND person_id = $2 AND expires_at > $3";
                Ok(tx.execute(sql, &[hash.into(), person.into(), at.into()]).await? == 1)
            }
        }
    }
}

/// A person who has just signed in.
pub struct SignedIn {
    /// The session's token, for the cookie and nowhere else.
    pub token: Token,
    /// Who.
    pub person: PersonId,
    /// Their organisation.
    pub organisation: OrganisationId,
}

/// What came of showing a password or a link.
pub enum Admitted {
    /// A session has begun.
    In(SignedIn),
    /// A code is asked for too. The token is to be shown with it, and opens nothing by itself.
    FactorNeeded {
        /// For [`Identity::sign_in_with_code`].
        token: Token,
        /// Until when.
        expires_at: Timestamp,
    },
}

enum Begun {
    In,
    FactorNeeded,
    Refused(Option<Barred>),
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address and password do not belong together, or the link is used up or unknown. Never says which.
    #[error("the address and password do not belong together")]
    Refused,
    /// The code is not the one of this moment, was used before, or came too late.
    #[error("the code is not taken")]
    Code,
    /// Too many attempts for this address.
    #[error("too many attempts")]
    TooMany {
        /// When the next is taken.
        retry_after: Duration,
    },
    /// The attempt could not be judged.
    #[error("the attempt could not be judged")]
    Unavailable(#[from] IdentityError),
}

impl From<TooSoon> for SignInError {
    fn from(TooSoon(retry_after): TooSoon) -> Self {
        Self::TooMany { retry_after }
    }
}

impl From<SqlError> for SignInError {
    fn from(error: SqlError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Identity {
    /// Counts an attempt from a network, before anything else is done for it: one that guesses is stopped before it
    /// uses up what everybody shares.
    ///
    /// # Errors
    /// [`SignInError::TooMany`].
    pub fn throttle(&self, network: Option<IpAddr>) -> Result<(), SignInError> {
        Ok(network.map_or(Ok(()), |network| self.throttle.check_network(network))?)
    }

    /// Signs somebody in from a network, by the address and password they show.
    ///
    /// # Errors
    /// [`SignInError`]; refusals are in the audit log before they are told.
    pub async fn sign_in(
        &self,
        op: &OpContext,
        network: Option<IpAddr>,
        (email, password): (&str, Zeroizing<String>),
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let began = Instant::now();
        self.throttle.check(email, network)?;
        let judged = self.judge(op, email, password, whence).await;
        if matches!(judged, Err(SignInError::Refused)) {
            tokio::time::sleep(rest_of(REFUSED_AFTER, began.elapsed())).await;
        }
        judged
    }

    async fn judge(
        &self,
        op: &OpContext,
        email: &str,
        password: Zeroizing<String>,
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let person = self.find_by_address(email, op.at).await?;
        let kept = match &person {
            Some(person) => self.kept_password(op, person).await?,
            None => None,
        };
        let (phc, version) = kept.unzip();
        let right = self.passwords.verify(password, phc).await.map_err(IdentityError::from)?;
        match (person, version) {
            (Some(person), Some(version)) if right => {
                self.begin_session(op, &person, Shown::Password { version }, whence).await
            }
            (person, _) => {
                self.record_refusal(op, person.as_ref(), SignedInBy::Password.word()).await?;
                Err(SignInError::Refused)
            }
        }
    }

    /// Makes a link token for a person, in the caller's transaction; it works once, for a day.
    ///
    /// # Errors
    /// [`IdentityError::Sql`].
    pub async fn make_link(
        &self,
        tx: &mut Tx,
        person: PersonId,
        at: Timestamp,
    ) -> Result<Token, IdentityError> {
        let token = Token::generate();
        let wrong = || SqlError::Inconsistent { table: "people", column: "person_id".to_owned() };
        let organisation = people::find(tx, person).await?.ok_or_else(wrong)?.organisation;
        self.access.audit().take_turn(tx, organisation).await?;
        tx.execute(
            "INSERT INTO sign_in_links (token_hash, person_id, expires_at) VALUES ($1, $2, $3)",
            &[token.hash().into(), person.into(), at.plus(LINK_LIFE).into()],
        )
        .await?;
        let by = authority::by_program(organisation, at);
        let object = ("person", *person.as_bytes());
        self.note_change(tx, by, object, &[authority::link(token.hash())]).await?;
        Ok(token)
    }

    /// Signs somebody in by a link, which is used up by it. Nobody guesses one, and none costs more than a look: those
    /// who try keep nobody else from it.
    ///
    /// # Errors
    /// [`SignInError`]; refusals are in the audit log before they are told.
    pub async fn sign_in_by_link(
        &self,
        op: &OpContext,
        token: &Token,
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let (hash, now) = (token.hash(), op.at);
        let person = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT person_id FROM sign_in_links WHERE token_hash = $1 AND expires_at > $2";
                    match tx.query_opt(sql, &[hash.into(), now.into()]).await? {
                        Some(row) => people::find(tx, row.get(0)?).await,
                        None => Ok(None),
                    }
                })
            })
            .await
            .map_err(|error: SqlError| IdentityError::from(error))?;
        let Some(person) = person else {
            self.record_refusal(op, None, SignedInBy::Link.word()).await?;
            return Err(SignInError::Refused);
        };
        self.begin_session(op, &person, Shown::Link { hash }, whence).await
    }

    pub(crate) async fn find_by_address(
        &self,
        email: &str,
        at: Timestamp,
    ) -> Result<Option<Person>, IdentityError> {
        self.vault.hold_lease().await?;
        let (identity, email) = (self.clone(), email.to_owned());
        // A write, because the first look-up of all makes the index key.
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { identity.person_by_address(tx, &email, at).await })
            })
            .await
    }

    /// The PHC string of somebody's password, and its version.
    pub(crate) async fn kept_password(
        &self,
        op: &OpContext,
        person: &Person,
    ) -> Result<Option<(String, u64)>, IdentityError> {
        let grant = self.check_grant(op, person).await?;
        let (vault, organisation, id) = (self.vault.clone(), person.organisation, person.id);
        vault.hold_lease().await?;
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT password, version FROM credentials WHERE person_id = $1";
                    let Some(row) = tx.query_opt(sql, &[id.into()]).await? else { return Ok(None) };
                    let version = row.get(1)?;
                    let place = password_place(organisation, id, version);
                    let sealed = Sealed::<KeptPassword>::found(row.get(0)?, place)?;
                    Ok(Some((vault.open(tx, &grant, &sealed).await?.0, version)))
                })
            })
            .await
    }

    /// Looking at somebody's credential to sign them in is an act of the program on their organisation's data.
    async fn check_grant(
        &self,
        op: &OpContext,
        person: &Person,
    ) -> Result<Grant<CheckCredential>, IdentityError> {
        let on = PersonRef { organisation: person.organisation, id: person.id };
        let system = by_system(op, person.organisation);
        let decided = self.access.authorize::<CheckCredential>(&system, on, None).await?;
        decided.map_err(|_| inconsistent("people", "organisation_id").into())
    }

    pub(crate) async fn begin_session(
        &self,
        op: &OpContext,
        person: &Person,
        shown: Shown,
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        self.admits(op, person, whence, shown.signed_in_by().word()).await?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, op, person) = (self.clone(), op.clone(), person.clone());
        let whence = whence.clone();
        let token = Token::generate();
        let hash = token.hash();
        let (id, organisation, expires_at) = (person.id, person.organisation, op.at.plus(pending::LIFE));
        let begun = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    // Whoever replaces the password has a turn too: after this one, which it then ends, or before it.
                    identity.access.audit().take_turn(tx, organisation).await?;
                    let bar = match people::find(tx, id).await? {
                        Some(person) => barred(tx, &person, None, op.at).await?,
                        None => Some(Barred::Inactive),
                    };
                    let how = shown.signed_in_by();
                    // Whoever is kept out keeps the link for when they are not.
                    if bar.is_some() || !shown.holds(tx, id, op.at).await? {
                        let refusal = sign_in_entry(&op, Some(&person), Outcome::Refused, how.word());
                        identity.access.audit().append(tx, refusal).await?;
                        return Ok(Begun::Refused(bar));
                    }
                    if second_factor::is_confirmed(tx, id).await? {
                        identity.insert_pending(tx, &op, &person, shown, (hash, expires_at)).await?;
                        return Ok(Begun::FactorNeeded);
                    }
                    identity.insert_session(tx, &op, &person, how, (&whence, hash), shown.used()).await?;
                    Ok::<_, IdentityError>(Begun::In)
                })
            })
            .await?;
        match begun {
            Begun::In => Ok(Admitted::In(SignedIn { token, person: id, organisation })),
            Begun::FactorNeeded => Ok(Admitted::FactorNeeded { token, expires_at }),
            Begun::Refused(Some(Barred::Blocked { until })) => Err(IdentityError::Blocked { until }.into()),
            Begun::Refused(None | Some(Barred::Inactive)) => Err(SignInError::Refused),
        }
    }

    /// Sees that somebody who has proven who they are does not come from where a block keeps them out; a refusal is on
    /// record. A block that is set meanwhile is met by the first request of the session.
    pub(crate) async fn admits(
        &self,
        op: &OpContext,
        person: &Person,
        whence: &Whence,
        method: &'static str,
    ) -> Result<(), IdentityError> {
        let admitted = self.let_in(person.organisation, whence).await;
        if matches!(admitted, Err(IdentityError::PlaceBlocked { .. })) {
            self.record_refusal(op, Some(person), method).await?;
        }
        admitted
    }

    /// Begins a session, with the rows that signing in has changed besides.
    pub(crate) async fn insert_session(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        how: SignedInBy,
        (whence, token_hash): (&Whence, [u8; 32]),
        mut touched: Vec<Touched>,
    ) -> Result<(), IdentityError> {
        let at = op.at;
        let entry = sign_in_entry(op, Some(person), Outcome::Allowed, how.word());
        let recorded = self.access.audit().append(tx, entry).await?;
        let session = SessionId::new(at, random());
        let mut roles = people::further_roles(tx, person.id).await?;
        roles.push(person.role);
        let key = organisations::subject_key(tx, person.subject).await?;
        let key = key.ok_or_else(|| inconsistent("subjects", "subject_id"))?;
        let place = sessions::device_place(person.organisation, person.id, session);
        let asked = self.asked(tx, person.organisation).await?;
        let row = SessionRow {
            id: session,
            person: person.id,
            organisation: person.organisation,
            signed_in: recorded.number(),
            created_at: at,
            last_used_at: at,
            expires_at: at.plus(asked.limits.absolute),
            device: self.vault.seal(tx, key, place, &sessions::Device(whence.trimmed())).await?,
            signed_in_by: how,
            // Whoever may do nothing but set up a factor has just proven who they are.
            stepped_up_at: asked.must_enrol(&roles, how).then_some(at),
            device_hash: whence.device,
        };
        sessions::insert(tx, &row, token_hash).await?;
        touched.push(authority::session(session));
        self.note_change(tx, by_person(op, person), ("person", *person.id.as_bytes()), &touched).await
    }

    pub(crate) async fn record_refusal(
        &self,
        op: &OpContext,
        person: Option<&Person>,
        method: &'static str,
    ) -> Result<(), IdentityError> {
        let entry = sign_in_entry(op, person, Outcome::Refused, method);
        let audit = self.access.audit().clone();
        if person.is_none() {
            // Of addresses nobody has, and of links nobody made, anybody can try as many as they like.
            return Ok(audit.deny(&self.database, Lane::Interactive, entry).await?);
        }
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { audit.append(tx, entry).await.map(drop).map_err(IdentityError::from) })
            })
            .await
    }

    /// The profile and organisation name of the person a session belongs to, for themselves.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn profile(
        &self,
        tx: &mut Tx,
        grant: &Grant<clerestory_access::ReadOwnProfile>,
    ) -> Result<Option<(Profile, Role, String)>, IdentityError> {
        let on = grant.on();
        let Some(person) = people::find(tx, on.id).await? else { return Ok(None) };
        let Some(organisation) = organisations::find(tx, on.organisation).await? else { return Ok(None) };
        let profile = self.vault.open(tx, grant, &person.profile).await?;
        let name = self.vault.open(tx, grant, &organisation.name).await?;
        Ok(Some((profile, person.role, name.0)))
    }
}

/// Somebody's password, by its number; none where they have no password.
pub(crate) async fn password_version(tx: &mut Tx, person: PersonId) -> Result<u64, SqlError> {
    let sql = "SELECT version FROM credentials WHERE person_id = $1";
    let row = tx.query_opt_locked(Lock::Share, sql, &[person.into()]).await?;
    row.map_or(Ok(0), |row| row.get(0))
}

/// The program itself, in somebody's request.
pub(crate) fn by_system(op: &OpContext, organisation: OrganisationId) -> OpContext {
    OpContext { actor: Actor::System { organisation }, request_id: op.request_id.clone(), at: op.at }
}

/// Somebody who is not signed in yet, as the one who changes rows.
pub(crate) fn by_person(op: &OpContext, person: &Person) -> ChangedBy {
    ChangedBy { actor: (ActorKind::Person, *person.id.as_bytes()), ..op.changing(person.organisation) }
}

pub(crate) fn inconsistent(table: &'static str, column: &str) -> SqlError {
    SqlError::Inconsistent { table, column: column.to_owned() }
}

/// What is left of the last of the spans that `elapsed` has begun.
fn rest_of(span: Duration, elapsed: Duration) -> Duration {
    let spans = u32::try_from(elapsed.as_nanos() / span.as_nanos() + 1).unwrap_or(u32::MAX);
    span.saturating_mul(spans).saturating_sub(elapsed)
}

pub(crate) fn sign_in_entry(
    op: &OpContext,
    person: Option<&Person>,
    outcome: Outcome,
    method: &str,
) -> NewEntry {
    let (actor_kind, actor) = match (person, outcome) {
        (Some(person), Outcome::Allowed) => (ActorKind::Person, *person.id.as_bytes()),
        _ => (ActorKind::Anonymous, [0; 16]),
    };
    NewEntry {
        organisation: person.map_or(OrganisationId::nil(), |person| person.organisation),
        at: op.at,
        action: "session.sign_in",
        class: Class::LOGON,
        outcome,
        rule: format!("sign-in by {method}"),
        actor_kind,
        actor,
        object: ObjectRef {
            kind: "person".to_owned(),
            id: person.map_or([0; 16], |person| *person.id.as_bytes()),
        },
        request_id: op.request_id.clone(),
        personal: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_at_the_end_of_a_span() {
        let rest = |elapsed: u64| rest_of(REFUSED_AFTER, Duration::from_millis(elapsed)).as_millis();
        assert_eq!([rest(0), rest(1), rest(699), rest(700), rest(1500)], [700, 699, 1, 700, 600]);
    }
}
