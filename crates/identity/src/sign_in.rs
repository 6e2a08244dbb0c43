//! Signing in: by password, or by a link that works once.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use clerestory_access::{Actor, CheckCredential, Grant, OpContext, PersonRef};
use clerestory_audit::authority::ChangedBy;
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_seal::{random, sha256};
use clerestory_sql::{Lane, Lock, SqlError, Tx};
use clerestory_store::people::{self, Person, Profile, Role};
use clerestory_store::{Sealed, organisations};
use governor::clock::Clock as _;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::people::standing::{Barred, barred};
use crate::people::{KeptPassword, lower_case, password_place};
use crate::sessions::{self, ABSOLUTE_LIMIT, SessionRow};
use crate::{Identity, IdentityError, Token, authority};

/// Sign-in links work this long.
const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Attempts for one address from one network: ten at once, then one every six seconds.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Attempts for one address from everywhere: three hundred at once, then five a second. It takes thirty networks that
/// never pause to keep somebody out, and they guess no faster than so.
const ADDRESS_ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).expect("five is not zero");
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(300).expect("three hundred is not zero");
/// Attempts from one network: thirty at once, then two a second.
const NETWORK_ATTEMPTS: NonZeroU32 = NonZeroU32::new(2).expect("two is not zero");
const NETWORK_BURST: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
/// Attempts of everybody together: each costs 19 MiB for a while.
const ALL_ATTEMPTS: NonZeroU32 = NonZeroU32::new(20).expect("twenty is not zero");
/// A refusal is told so long after the attempt began, or so long again, and so on: how long it took to find out would
/// tell whether anybody has the address.
const REFUSED_AFTER: Duration = Duration::from_millis(700);

/// Slows down guessing; in memory, so a restart forgives.
pub(crate) struct Throttle {
    /// By the hash of an address and the network it is tried from.
    pairs: DefaultKeyedRateLimiter<([u8; 32], Option<IpAddr>)>,
    addresses: DefaultKeyedRateLimiter<[u8; 32]>,
    networks: DefaultKeyedRateLimiter<IpAddr>,
    all: DefaultDirectRateLimiter,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            pairs: RateLimiter::keyed(Quota::per_minute(ATTEMPTS)),
            addresses: RateLimiter::keyed(Quota::per_second(ADDRESS_ATTEMPTS).allow_burst(ADDRESS_BURST)),
            networks: RateLimiter::keyed(Quota::per_second(NETWORK_ATTEMPTS).allow_burst(NETWORK_BURST)),
            all: RateLimiter::direct(Quota::per_second(ALL_ATTEMPTS)),
        }
    }

    /// Forgets addresses nobody tried lately.
    pub(crate) fn tidy(&self) {
        self.pairs.retain_recent();
        self.pairs.shrink_to_fit();
        self.addresses.retain_recent();
        self.addresses.shrink_to_fit();
        self.networks.retain_recent();
        self.networks.shrink_to_fit();
    }

    /// Counts an attempt. What one network spends on an address it spends of its own share first, and what is refused
    /// there costs nobody else anything: the shares of all come last.
    fn check(&self, email: &str, network: Option<IpAddr>) -> Result<(), SignInError> {
        let address = sha256(lower_case(email).as_bytes());
        self.pairs.check_key(&(address, network)).map_err(|not_yet| SignInError::TooMany {
            retry_after: not_yet.wait_time_from(self.pairs.clock().now()),
        })?;
        self.addresses.check_key(&address).map_err(|not_yet| SignInError::TooMany {
            retry_after: not_yet.wait_time_from(self.addresses.clock().now()),
        })?;
        self.all.check().map_err(|_| SignInError::TooMany { retry_after: Duration::from_secs(1) })
    }
}

/// What somebody showed, to be looked at again in the transaction that begins their session.
#[derive(Clone, Copy)]
enum Shown {
    /// The password of this version: it may have been replaced since it was compared.
    Password { version: u64 },
    /// The link with this hash: it may have been used since it was found.
    Link { hash: [u8; 32] },
}

impl Shown {
    const fn method(self) -> &'static str {
        match self {
            Self::Password { .. } => "password",
            Self::Link { .. } => "link",
        }
    }

    /// Whether it still holds for `person`. A link is used up by this.
    async fn holds(self, tx: &mut Tx, person: PersonId, at: Timestamp) -> Result<bool, SqlError> {
        match self {
            Self::Password { version } => {
                let sql = "SELECT version FROM credentials WHERE person_id = $1";
                let row = tx.query_opt_locked(Lock::Share, sql, &[person.into()]).await?;
                Ok(row.map_or(Ok(0), |row| row.get::<u64>(0))? == version)
            }
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

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Address and password do not belong together, or the link is used up or unknown. Never says which.
    #[error("the address and password do not belong together")]
    Refused,
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
        let Some(network) = network else { return Ok(()) };
        self.throttle.networks.check_key(&network).map_err(|not_yet| SignInError::TooMany {
            retry_after: not_yet.wait_time_from(self.throttle.networks.clock().now()),
        })
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
        device: &str,
    ) -> Result<SignedIn, SignInError> {
        let began = Instant::now();
        self.throttle.check(email, network)?;
        let judged = self.judge(op, email, password, device).await;
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
        device: &str,
    ) -> Result<SignedIn, SignInError> {
        let person = self.find_by_address(email, op.at).await?;
        let kept = match &person {
            Some(person) => self.kept_password(op, person).await?,
            None => None,
        };
        let (phc, version) = kept.unzip();
        let right = self.passwords.verify(password, phc).await.map_err(IdentityError::from)?;
        match (person, version) {
            (Some(person), Some(version)) if right => {
                self.begin_session(op, &person, Shown::Password { version }, device).await
            }
            (person, _) => {
                self.record_refusal(op, person.as_ref(), "password").await?;
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
        device: &str,
    ) -> Result<SignedIn, SignInError> {
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
            self.record_refusal(op, None, "link").await?;
            return Err(SignInError::Refused);
        };
        self.begin_session(op, &person, Shown::Link { hash }, device).await
    }

    async fn find_by_address(&self, email: &str, at: Timestamp) -> Result<Option<Person>, IdentityError> {
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
    async fn kept_password(
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
        let system = OpContext {
            actor: Actor::System { organisation: person.organisation },
            request_id: op.request_id.clone(),
            at: op.at,
        };
        let on = PersonRef { organisation: person.organisation, id: person.id };
        let decided = self.access.authorize::<CheckCredential>(&system, on, None).await?;
        decided.map_err(|_| {
            IdentityError::Sql(SqlError::Inconsistent {
                table: "people",
                column: "organisation_id".to_owned(),
            })
        })
    }

    async fn begin_session(
        &self,
        op: &OpContext,
        person: &Person,
        shown: Shown,
        device: &str,
    ) -> Result<SignedIn, SignInError> {
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, op, person) = (self.clone(), op.clone(), person.clone());
        let device: String = device.chars().filter(|c| !c.is_control()).take(200).collect();
        let token = Token::generate();
        let hash = token.hash();
        let (id, organisation) = (person.id, person.organisation);
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
                    // Whoever is kept out keeps the link for when they are not.
                    if bar.is_none() && shown.holds(tx, id, op.at).await? {
                        identity.insert_session(tx, &op, &person, shown, (device, hash)).await?;
                        return Ok(Ok(()));
                    }
                    let refusal = sign_in_entry(&op, Some(&person), Outcome::Refused, shown.method());
                    identity.access.audit().append(tx, refusal).await?;
                    Ok::<_, IdentityError>(Err(bar))
                })
            })
            .await?;
        match begun {
            Ok(()) => Ok(SignedIn { token, person: id, organisation }),
            Err(Some(Barred::Blocked { until })) => Err(IdentityError::Blocked { until }.into()),
            Err(None | Some(Barred::Inactive)) => Err(SignInError::Refused),
        }
    }

    async fn insert_session(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
        shown: Shown,
        (device, token_hash): (String, [u8; 32]),
    ) -> Result<(), IdentityError> {
        let at = op.at;
        let entry = sign_in_entry(op, Some(person), Outcome::Allowed, shown.method());
        let recorded = self.access.audit().append(tx, entry).await?;
        let session = SessionId::new(at, random());
        let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
        let key = organisations::subject_key(tx, person.subject).await?.ok_or_else(wrong)?;
        let place = sessions::device_place(person.organisation, person.id, session);
        let row = SessionRow {
            id: session,
            person: person.id,
            organisation: person.organisation,
            signed_in: recorded.number(),
            created_at: at,
            last_used_at: at,
            expires_at: at.plus(ABSOLUTE_LIMIT),
            device: self.vault.seal(tx, key, place, &sessions::Device(device)).await?,
        };
        sessions::insert(tx, &row, token_hash).await?;
        let mut touched = vec![authority::session(session)];
        if let Shown::Link { hash } = shown {
            touched.push(authority::link(hash));
        }
        let object = ("person", *person.id.as_bytes());
        let actor = (ActorKind::Person, *person.id.as_bytes());
        let by = ChangedBy { actor, ..op.changing(person.organisation) };
        self.note_change(tx, by, object, &touched).await
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

/// What is left of the last of the spans that `elapsed` has begun.
fn rest_of(span: Duration, elapsed: Duration) -> Duration {
    let spans = u32::try_from(elapsed.as_nanos() / span.as_nanos() + 1).unwrap_or(u32::MAX);
    span.saturating_mul(spans).saturating_sub(elapsed)
}

fn sign_in_entry(op: &OpContext, person: Option<&Person>, outcome: Outcome, method: &str) -> NewEntry {
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

    const ADDRESS: &str = "admin@example.org";

    fn network(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([198, 51, 100, last]))
    }

    /// One network never uses up what others may try, for the same address or at all.
    #[test]
    fn a_network_spends_its_own_attempts_first() {
        let throttle = Throttle::new();
        let tried: Vec<bool> = (0..200).map(|_| throttle.check(ADDRESS, network(1)).is_ok()).collect();
        assert_eq!(tried.iter().filter(|taken| **taken).count(), 10);
        throttle.check(" Admin@Example.org", network(2)).unwrap();
        throttle.check("somebody-else@example.org", network(1)).unwrap();
    }

    /// From however many networks they come, guesses at one address have an end.
    #[test]
    fn all_networks_together_have_a_limit_for_an_address() {
        let throttle =
            Throttle { all: RateLimiter::direct(Quota::per_second(NonZeroU32::MAX)), ..Throttle::new() };
        let taken = (0..100_u8).flat_map(|last| [last; 10]);
        let taken = taken.filter(|last| throttle.check(ADDRESS, network(*last)).is_ok()).count();
        assert!((300..400).contains(&taken), "{taken}");
        throttle.check("somebody-else@example.org", network(1)).unwrap();
    }

    #[test]
    fn a_refusal_is_told_at_the_end_of_a_span() {
        let rest = |elapsed: u64| rest_of(REFUSED_AFTER, Duration::from_millis(elapsed)).as_millis();
        assert_eq!([rest(0), rest(1), rest(699), rest(700), rest(1500)], [700, 699, 1, 700, 600]);
    }
}
