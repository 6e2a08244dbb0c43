//! Capture policies: versions of rules, and the signed document recorders follow.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clerestory_access::{
    AccessError, Action, Actor, EditPolicy, Grant, OpContext, SignPolicy, SiteRef, TightenPolicy,
};
use clerestory_model::{OrganisationId, PersonId, SiteId, Timestamp};
use clerestory_seal::SigningKey;
use clerestory_settings::capture::{CapturePolicy, Compiled, Diff, Direction, Rules, diff};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::sites::{self, Site};

use crate::origin::Origin;
use crate::{Intake, IntakeError, authority};

/// What is known of a site is asked for again after this long.
const STANDS: Duration = Duration::from_secs(5);
/// It is signed anew when it is this old.
const RESIGN: Duration = Duration::from_secs(3600);

/// What recorders are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPolicy {
    /// The version of the rules in it.
    pub version: u64,
    /// base64url of the canonical JSON that is signed.
    pub document: String,
    /// base64url of the 64-byte ECDSA P-256 signature.
    pub signature: String,
    /// base64url of the raw public key, 65 bytes.
    pub key: String,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// When recorders stop following it.
    pub expires_at: Timestamp,
}

/// One version of a site's rules.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    /// Its number, from 1.
    pub version: u64,
    /// The rules.
    pub rules: Rules,
    /// Who signed it; nil for the program, at the site's creation.
    pub signed_by: PersonId,
    /// When.
    pub signed_at: Timestamp,
    /// `tighter`, `looser`, `mixed`, `same` or `first`.
    pub direction: String,
}

/// A signed policy with what intake needs of it.
pub(crate) struct Issued {
    pub(crate) signed: SignedPolicy,
    pub(crate) rules: Compiled,
    pub(crate) organisation: OrganisationId,
    /// Who may send.
    pub(crate) origins: Vec<Origin>,
    /// The version of the site's row.
    site_version: u64,
    /// How long a recorder follows it, as the organisation's settings said.
    max_age: Duration,
    /// When the database was last asked whether this still stands, in microseconds.
    asked: AtomicI64,
}

impl Intake {
    /// The rules and origins of a site as they stand now. Signing them anew is for recorders that fetch them: what
    /// was captured under them does not wait for that.
    pub(crate) async fn standing(&self, site: SiteId, request_id: &str) -> Result<Arc<Issued>, IntakeError> {
        let now = self.clock.now();
        match self.cached_policy(site) {
            Some(issued) if self.still_stands(site, &issued, now).await? => Ok(issued),
            _ => self.issued(site, request_id).await,
        }
    }

    /// The policy a site's recorders follow now, signed at most an hour ago.
    pub(crate) async fn issued(&self, site: SiteId, request_id: &str) -> Result<Arc<Issued>, IntakeError> {
        if let Some(issued) = self.fresh_policy(site).await? {
            return Ok(issued);
        }
        // One of those who ask at once signs, and puts it on record; the others have what it signed.
        let turn = self.signing_turn(site);
        let _mine = turn.lock().await;
        if let Some(issued) = self.fresh_policy(site).await? {
            return Ok(issued);
        }
        let now = self.clock.now();
        self.vault.hold_lease().await?;
        let (intake, request_id) = (self.clone(), request_id.to_owned());
        let issued = self
            .database
            .write(Lane::Arrivals, move |tx| {
                Box::pin(async move { intake.issue(tx, site, request_id, now).await })
            })
            .await?;
        Ok(self.remember(site, issued))
    }

    async fn fresh_policy(&self, site: SiteId) -> Result<Option<Arc<Issued>>, IntakeError> {
        let now = self.clock.now();
        let young = |issued: &Arc<Issued>| {
            now >= issued.signed.issued_at && now.since(issued.signed.issued_at) < RESIGN
        };
        match self.cached_policy(site).filter(young) {
            Some(issued) if self.still_stands(site, &issued, now).await? => Ok(Some(issued)),
            _ => Ok(None),
        }
    }

    fn signing_turn(&self, site: SiteId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.shared.signing.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for are made again when somebody does.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(site).or_default())
    }

    /// Whether what is known of a site is what stands in the database, asked at most every five seconds: another node
    /// may have signed other rules, or taken an origin off the list.
    async fn still_stands(&self, site: SiteId, issued: &Issued, now: Timestamp) -> Result<bool, IntakeError> {
        let asked = Timestamp::from_micros(issued.asked.load(Ordering::Relaxed));
        if now >= asked && now.since(asked) < STANDS {
            return Ok(true);
        }
        self.vault.hold_lease().await?;
        let (intake, organisation) = (self.clone(), issued.organisation);
        let found: Result<_, IntakeError> = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT s.version, (SELECT max(p.version) FROM capture_policies p WHERE p.site_id = $1)
                               FROM sites s WHERE s.site_id = $1";
                    let Some(row) = tx.query_opt(sql, &[site.into()]).await? else { return Ok(None) };
                    Ok(Some((row.get(0)?, row.get(1)?, intake.max_age(tx, organisation).await?)))
                })
            })
            .await;
        let stands = found? == Some((issued.site_version, issued.signed.version, issued.max_age));
        if stands {
            issued.asked.store(now.micros(), Ordering::Relaxed);
        }
        Ok(stands)
    }

    /// Keeps the newer of what is known and what was just signed: another task may have signed a later version while
    /// this one waited.
    fn remember(&self, site: SiteId, new: Issued) -> Arc<Issued> {
        let age = |issued: &Issued| (issued.signed.version, issued.site_version, issued.signed.issued_at);
        let mut policies = self.policies();
        match policies.get(&site) {
            Some(known) if age(known) > age(&new) => Arc::clone(known),
            _ => {
                let new = Arc::new(new);
                policies.insert(site, Arc::clone(&new));
                new
            }
        }
    }

    /// Forgets what is known of a site that was changed.
    pub(crate) fn forget_policy(&self, site: SiteId) {
        self.policies().remove(&site);
    }

    /// The signed policy for the public key of a site.
    ///
    /// # Errors
    /// [`IntakeError::UnknownSite`].
    pub async fn signed_policy(&self, site_key: &str, request_id: &str) -> Result<SignedPolicy, IntakeError> {
        let site = self.find_site(site_key).await?;
        Ok(self.issued(site.id, request_id).await?.signed.clone())
    }

    /// The signed policy of a site that somebody of its organisation looks at. It is public: every visitor gets it.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn policy_of(&self, site: SiteId, request_id: &str) -> Result<SignedPolicy, IntakeError> {
        Ok(self.issued(site, request_id).await?.signed.clone())
    }

    fn cached_policy(&self, site: SiteId) -> Option<Arc<Issued>> {
        self.policies().get(&site).cloned()
    }

    fn policies(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<SiteId, Arc<Issued>>> {
        self.shared.policies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn issue(
        &self,
        tx: &mut Tx,
        id: SiteId,
        request_id: String,
        now: Timestamp,
    ) -> Result<Issued, IntakeError> {
        let site = sites::find(tx, id).await?.ok_or(IntakeError::UnknownSite)?;
        let actor = Actor::System { organisation: site.organisation };
        let op = OpContext { actor, request_id, at: now };
        let on = SiteRef { organisation: site.organisation, id };
        let grant = self.access.decide::<SignPolicy>(tx, &op, on, None).await??;
        let newest = newest(tx, id).await?.ok_or(IntakeError::UnknownSite)?;
        self.sign(tx, &grant, &site, newest, now).await
    }

    async fn sign<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        site: &Site,
        policy: PolicyVersion,
        now: Timestamp,
    ) -> Result<Issued, IntakeError> {
        let kept = self.vault.open(tx, grant, &site.signing_key).await?;
        let key = signing_key(&kept.0)?;
        let texts = sites::origins(tx, site.id).await?;
        let origins = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let max_age = self.max_age(tx, site.organisation).await?;
        let expires_at = now.plus(max_age);
        let rules = policy.rules.compile();
        let document = CapturePolicy::new(
            &site.id.to_string(),
            policy.version,
            &now.to_string(),
            &expires_at.to_string(),
            policy.rules,
        )?
        .canonical();
        let signature = key.sign(&document).map_err(|_| IntakeError::Inner("signing the policy"))?;
        Ok(Issued {
            signed: SignedPolicy {
                version: policy.version,
                document: URL_SAFE_NO_PAD.encode(&document),
                signature: URL_SAFE_NO_PAD.encode(signature),
                key: URL_SAFE_NO_PAD.encode(key.public()),
                issued_at: now,
                expires_at,
            },
            rules,
            organisation: site.organisation,
            origins,
            site_version: site.version,
            max_age,
            asked: AtomicI64::new(now.micros()),
        })
    }

    /// How long a recorder of this organisation follows a signed policy.
    pub(crate) async fn max_age(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<Duration, IntakeError> {
        let said = self.access.settings().span(tx, organisation, "capture.policy.max_age").await?;
        Ok(said.ok_or(IntakeError::Inner("reading how long a policy is followed"))?.length())
    }

    /// Every version of a site's rules, newest first, at most a hundred.
    ///
    /// # Errors
    /// [`IntakeError::Sql`].
    pub async fn policy_versions(&self, site: SiteId) -> Result<Vec<PolicyVersion>, IntakeError> {
        self.database
            .read(move |tx| Box::pin(async move { versions(tx, site, 100).await }))
            .await
            .map_err(|error: SqlError| error.into())
    }

    /// What changing a site's rules to `rules` would do.
    ///
    /// # Errors
    /// [`IntakeError::Sql`].
    pub async fn compare_policy(&self, site: SiteId, rules: Rules) -> Result<Diff, IntakeError> {
        let newest = self.policy_versions(site).await?.into_iter().next().ok_or(IntakeError::UnknownSite)?;
        Ok(diff(&newest.rules, &rules))
    }

    /// Signs `rules` as the version after `based_on`. Whoever may only let less be captured signs what does, and nothing
    /// else.
    ///
    /// # Errors
    /// [`IntakeError::PolicyChanged`] when another version was signed meanwhile, [`IntakeError::CapturesMore`],
    /// [`IntakeError::Refused`].
    pub async fn sign_policy(
        &self,
        op: &OpContext,
        on: SiteRef,
        rules: Rules,
        based_on: u64,
    ) -> Result<SignedPolicy, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, op) = (self.clone(), op.clone());
        let issued = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    // What it is compared with stays the newest until it is decided.
                    let organisation = op.actor.organisation();
                    intake.access.audit().take_turn(tx, organisation).await.map_err(AccessError::from)?;
                    // The caller's own log gets the difference, of a refusal too: to what is theirs, and to nothing else.
                    let own = sites::find(tx, on.id).await?;
                    let own = own.filter(|site| site.organisation == organisation);
                    let current = match own {
                        Some(_) => newest(tx, on.id).await?,
                        None => None,
                    };
                    let changes = current.as_ref().map(|current| diff(&current.rules, &rules));
                    let detail = changes.as_ref().map(describe);
                    let personal = Some(clerestory_audit::Personal { detail, ..Default::default() });
                    let only_less = !intake.access.would_allow_in::<EditPolicy>(tx, &op, on).await?
                        && intake.access.would_allow_in::<TightenPolicy>(tx, &op, on).await?;
                    let more = changes.as_ref().map(|changes| changes.looser.clone()).unwrap_or_default();
                    let next = Next { rules, based_on, changes };
                    // A refusal stands in the log, so the body must not fail for it.
                    if only_less && more.is_empty() {
                        return match intake.access.decide::<TightenPolicy>(tx, &op, on, personal).await? {
                            Ok(grant) => intake.sign_next(tx, &op, &grant, next).await,
                            Err(refused) => Ok(Err(IntakeError::Refused(refused))),
                        };
                    }
                    match intake.access.decide::<EditPolicy>(tx, &op, on, personal).await? {
                        Ok(grant) => intake.sign_next(tx, &op, &grant, next).await,
                        Err(refused) if only_less => {
                            Ok(Err(IntakeError::CapturesMore { what: more, refused }))
                        }
                        Err(refused) => Ok(Err(IntakeError::Refused(refused))),
                    }
                })
            })
            .await??;
        Ok(self.remember(on.id, issued).signed.clone())
    }

    /// Signs the next version of a site's rules, which somebody may.
    async fn sign_next<A: Action<On = SiteRef>>(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: &Grant<A>,
        next: Next,
    ) -> Result<Result<Issued, IntakeError>, IntakeError> {
        let id = grant.on().id;
        let site = sites::find(tx, id).await?.ok_or(IntakeError::UnknownSite)?;
        let current = newest(tx, id).await?.ok_or(IntakeError::UnknownSite)?;
        if current.version != next.based_on {
            return Ok(Err(IntakeError::PolicyChanged { current: current.version }));
        }
        // The same rules written otherwise (a selector twice, another order) are no new version.
        if next.changes.as_ref().is_some_and(|changes| changes.changes.is_empty()) {
            return Ok(Ok(self.sign(tx, grant, &site, current, op.at).await?));
        }
        let direction = next.changes.map_or("first", |changes| word(changes.direction));
        let policy = PolicyVersion {
            version: current.version + 1,
            rules: next.rules,
            signed_by: op.actor.person().unwrap_or(PersonId::nil()),
            signed_at: op.at,
            direction: direction.to_owned(),
        };
        insert(tx, id, &policy).await?;
        let touched = [authority::policy(id, policy.version)];
        self.note_change(tx, op, &site, &touched).await?;
        Ok(Ok(self.sign(tx, grant, &site, policy, op.at).await?))
    }
}

/// Rules that somebody wants to be the next version.
struct Next {
    rules: Rules,
    based_on: u64,
    /// What they change of the current ones; nothing where there are none.
    changes: Option<Diff>,
}

fn describe(changes: &Diff) -> String {
    let sentences: Vec<&str> = changes.changes.iter().map(|change| change.text.as_str()).collect();
    format!("{}: {}", word(changes.direction), sentences.join("; "))
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Tighter => "tighter",
        Direction::Looser => "looser",
        Direction::Mixed => "mixed",
        Direction::Same => "same",
    }
}

/// A new site's signing key as it is kept, and its raw public key in base64url.
pub(crate) fn new_signing_key() -> Result<(String, String), IntakeError> {
    let key = SigningKey::generate();
    let kept = key.dangerous_pkcs8().map_err(|_| IntakeError::Inner("making a signing key"))?;
    Ok((STANDARD.encode(&*kept), URL_SAFE_NO_PAD.encode(key.public())))
}

pub(crate) fn signing_key(kept: &str) -> Result<SigningKey, IntakeError> {
    let bytes = STANDARD.decode(kept).map_err(|_| IntakeError::Inner("reading a signing key"))?;
    SigningKey::from_pkcs8(&bytes).map_err(|_| IntakeError::Inner("reading a signing key"))
}

pub(crate) async fn insert(tx: &mut Tx, site: SiteId, policy: &PolicyVersion) -> Result<(), IntakeError> {
    let rules = serde_json::to_string(&policy.rules).map_err(|_| IntakeError::Inner("writing rules"))?;
    tx.execute(
        "INSERT INTO capture_policies (site_id, version, rules, signed_by, signed_at, direction)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            site.into(),
            policy.version.into(),
            rules.into(),
            policy.signed_by.into(),
            policy.signed_at.into(),
            policy.direction.as_str().into(),
        ],
    )
    .await?;
    Ok(())
}

async fn newest(tx: &mut Tx, site: SiteId) -> Result<Option<PolicyVersion>, SqlError> {
    Ok(versions(tx, site, 1).await?.into_iter().next())
}

async fn versions(tx: &mut Tx, site: SiteId, limit: u32) -> Result<Vec<PolicyVersion>, SqlError> {
    let rows = tx
        .query(
            "SELECT version, rules, signed_by, signed_at, direction FROM capture_policies
             WHERE site_id = $1 ORDER BY version DESC LIMIT $2",
            &[site.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let text: String = row.get(1)?;
            let rules = Rules::parse(text.as_bytes()).map_err(|_| SqlError::Inconsistent {
                table: "capture_policies",
                column: "rules".to_owned(),
            })?;
            Ok(PolicyVersion {
                version: row.get(0)?,
                rules,
                signed_by: row.get(2)?,
                signed_at: row.get(3)?,
                direction: row.get(4)?,
            })
        })
        .collect()
}
