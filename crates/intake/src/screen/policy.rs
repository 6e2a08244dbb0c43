//! What a browser may record of its person's screen: worked out of settings where the person stands, signed with a key of
//! the organisation.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_access::settings::Known;
use clerestory_access::{Actor, OpContext, OrganisationRef, SignScreenPolicies};
use clerestory_audit::ObjectRef;
use clerestory_model::{OrganisationId, ProjectId, RecorderId, RetentionClass, Timestamp};
use clerestory_seal::{SigningKey, sha256};
use clerestory_settings::capture::{PRESETS, PageRule, PageRuleError, canonical};
use clerestory_settings::tree::{Effective, Level, Node, Registry, Value, resolve};
use clerestory_sql::{Lane, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed, organisations, retention, settings};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tabs::Pages;
use crate::keep::hex;
use crate::policies::{SignedPolicy, new_signing_key, signing_key};
use crate::{Intake, IntakeError, authority};

const FORMAT: &str = "clerestory screen policy 1";
/// A key is opened anew after this long, which is on record.
const OPEN: Duration = Duration::from_secs(3600);
/// No browser follows a policy for longer, whatever settings say: what it excludes is decided by addresses that change.
pub(crate) const OLDEST: Duration = Duration::from_secs(24 * 3600);
const DAY_S: u64 = 24 * 3600;
/// Bytes of a document's hash that tell it from another.
const DIGEST_BYTES: usize = 8;
/// Browsers whose policies are kept in memory at most; beyond it memory of them starts afresh.
const KEPT: usize = 2048;

/// The key that an organisation's policies for screens are signed with, PKCS#8 in base64.
#[derive(Serialize, Deserialize)]
struct ScreenSigningKey(String);

impl Content for ScreenSigningKey {
    const KIND: Kind = Kind::SigningKey;
    const TABLE: &'static str = "capture_signers";
    const COLUMN: &'static str = "signing_key";
}

fn key_place(organisation: OrganisationId) -> Place {
    Place { organisation, about: About::Organisation, row: *organisation.as_bytes(), version: 1 }
}

/// A key that is open.
pub(crate) struct Signer {
    key: SigningKey,
    /// base64url of its raw public point.
    public: String,
}

/// What holds for one browser now.
#[derive(Debug)]
pub(crate) struct ScreenPolicy {
    /// That of the organisation's settings: another document may have the same.
    pub(crate) version: u64,
    /// Tells the document from every other, whenever it is signed: hex.
    pub(crate) digest: String,
    pub(crate) recording: bool,
    pub(crate) audio: bool,
    pub(crate) pages: Arc<Pages>,
    /// The version of the notice in force.
    pub(crate) notice: Option<String>,
    /// The project that their recordings belong to.
    pub(crate) project: ProjectId,
    document: serde_json::Value,
    max_age: Duration,
}

/// Which policy a browser is to follow: it fetches the policy anew where it has another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenPolicyVersion {
    /// The version, which is the organisation's.
    pub version: u64,
    /// The first 16 hex digits of SHA-256 of the canonical document without its times.
    pub digest: String,
}

/// Policies that were worked out, for as long as nothing of what they follow from changes.
pub(crate) type WorkedOut = HashMap<RecorderId, (Source, Arc<ScreenPolicy>)>;

/// What a policy follows from.
pub(crate) struct Source {
    /// What was said at all nodes: it is replaced by another when anything more is said.
    known: Weak<Known>,
    chain: Vec<Node>,
    project: ProjectId,
    kept: Duration,
}

impl Source {
    /// Whether the same follows from both.
    fn is(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.known, &other.known)
            && (&self.chain, self.project, self.kept) == (&other.chain, other.project, other.kept)
    }
}

/// The first half of a hash of the document without its times: what a browser compares, which makes the same of the
/// document that it has.
fn digest(document: &serde_json::Value) -> Result<String, IntakeError> {
    let bytes = canonical::to_vec(document).map_err(|_| IntakeError::Inner("writing a policy"))?;
    Ok(hex(sha256(&bytes).get(..DIGEST_BYTES).unwrap_or_default()))
}

impl ScreenPolicy {
    /// Which it is.
    pub(crate) fn told(&self) -> ScreenPolicyVersion {
        ScreenPolicyVersion { version: self.version, digest: self.digest.clone() }
    }

    /// Signs it, from now on.
    pub(crate) fn sign(&self, signer: &Signer, now: Timestamp) -> Result<SignedPolicy, IntakeError> {
        let expires_at = now.plus(self.max_age);
        let mut document = self.document.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("issued_at_ms".to_owned(), now.unix_millis().into());
            fields.insert("expires_at_ms".to_owned(), expires_at.unix_millis().into());
        }
        let bytes = canonical::to_vec(&document).map_err(|_| IntakeError::Inner("writing a policy"))?;
        let signature = signer.key.sign(&bytes).map_err(|_| IntakeError::Inner("signing a policy"))?;
        Ok(SignedPolicy {
            version: self.version,
            document: URL_SAFE_NO_PAD.encode(&bytes),
            signature: URL_SAFE_NO_PAD.encode(signature),
            key: signer.public.clone(),
            issued_at: now,
            expires_at,
        })
    }
}

fn is_on(value: &Value) -> bool {
    *value == Value::Switch(true)
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Set(members) => members.into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A text that says something.
fn text(value: Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// What settings say to one person.
struct Says<'k> {
    registry: &'k Registry,
    known: &'k Known,
    chain: &'k [Node],
}

impl Says<'_> {
    fn of(&self, name: &str) -> Result<Effective, IntakeError> {
        let setting = self.registry.find(name).ok_or(IntakeError::Inner("finding a setting"))?;
        Ok(resolve(setting, self.known.values(), self.chain))
    }

    fn value(&self, name: &str) -> Result<Value, IntakeError> {
        Ok(self.of(name)?.value)
    }
}

/// The pages that are recorded, as settings name them.
struct NamedPages {
    only: Option<Vec<String>>,
    out: Vec<String>,
    /// Whether everything that was said of them could be read. What cannot may keep out what is on the screen.
    is_whole: bool,
}

impl NamedPages {
    fn read(says: &Says<'_>) -> Result<Self, IntakeError> {
        let mut is_whole = true;
        let mut value = |name: &str| {
            let said = says.of(name)?;
            is_whole &= !said.doubtful;
            Ok::<_, IntakeError>(said.value)
        };
        let let_in = texts(value("capture.url.allow")?);
        let only = (value("capture.url.mode")? == Value::Word("allow")).then_some(let_in);
        let presets = texts(value("capture.url.presets")?);
        let named = PRESETS.iter().filter(|(name, _)| presets.iter().any(|preset| preset == name));
        let mut out: Vec<String> =
            named.flat_map(|(_, rules)| rules.iter().map(|rule| (*rule).to_owned())).collect();
        out.extend(texts(value("capture.url.patterns")?));
        Ok(Self { only, out, is_whole })
    }

    /// As a browser is told them: `except` stands beside what is let in, and is kept out of it.
    fn told(&self) -> serde_json::Value {
        match &self.only {
            Some(only) => json!({ "mode": "allow", "patterns": only, "except": self.out }),
            None => json!({ "mode": "block", "patterns": self.out }),
        }
    }

    /// Ready to judge pages; nothing where a rule cannot be read.
    fn compiled(&self) -> Option<Pages> {
        let rules = |texts: &[String]| {
            texts.iter().map(|text| PageRule::parse(text)).collect::<Result<Vec<_>, PageRuleError>>().ok()
        };
        let only = match &self.only {
            Some(only) => Some(rules(only)?),
            None => None,
        };
        Some(Pages { only, out: rules(&self.out)? })
    }
}

impl Intake {
    /// What holds for the browser that asks.
    pub(crate) async fn screen_policy_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
    ) -> Result<Arc<ScreenPolicy>, IntakeError> {
        let Actor::Recorder { id, organisation, person, .. } = op.actor else {
            return Err(IntakeError::Inner("finding whose screen it is"));
        };
        let node = Node { level: Level::User, id: *person.as_bytes() };
        let chain = settings::chain(tx, organisation, node).await?.ok_or(IntakeError::CaptureOff)?;
        let known = self.access.settings().known(tx, organisation).await?;
        let project = match chain.iter().find(|node| node.level == Level::Project) {
            Some(node) => ProjectId::from_bytes(node.id),
            None => organisations::first_project(tx, organisation).await?.unwrap_or(ProjectId::nil()),
        };
        let kept = retention::in_force(tx, project, RetentionClass::Recording).await?;
        let source = Source { known: Arc::downgrade(&known), chain, project, kept };
        if let Some((from, policy)) = self.worked_out().get(&id)
            && from.is(&source)
        {
            return Ok(Arc::clone(policy));
        }
        let max_age = self.max_age(tx, organisation).await?.min(OLDEST);
        let policy = Arc::new(self.work_out(id, &known, &source, max_age)?);
        let mut all = self.worked_out();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(id, (source, Arc::clone(&policy)));
        Ok(policy)
    }

    fn work_out(
        &self,
        recorder: RecorderId,
        known: &Known,
        source: &Source,
        max_age: Duration,
    ) -> Result<ScreenPolicy, IntakeError> {
        let says = Says { registry: self.access.settings().registry(), known, chain: &source.chain };
        let named = NamedPages::read(&says)?;
        let pages = named.compiled();
        let version_said = says.of("capture.notice.version")?;
        // What may keep out a page, or tell the person something else, and cannot be read: nothing is recorded.
        let is_readable = named.is_whole && pages.is_some() && !version_said.doubtful;
        let notice = text(version_said.value);
        let basis = text(says.value("capture.notice.legal_basis")?).unwrap_or_default();
        let whole = text(says.value("capture.notice.url")?);
        let recording = is_readable && is_on(&says.value("capture.recording.enabled")?);
        let audio = is_on(&says.value("capture.recording.audio")?);
        // From 1: a browser names the version that it recorded under.
        let version = known.version() + 1;
        let document = json!({
            "format": FORMAT,
            "version": version,
            "recorder": recorder.to_string(),
            "recording": recording,
            "audio": audio,
            "surfaces": ["tab", "window", "screen"],
            "urls": named.told(),
            "pause": says.value("capture.subject_pause")?.to_string(),
            "live_view": says.value("capture.recording.live_view")?.to_string(),
            "kept_days": source.kept.as_secs() / DAY_S,
            "notice": notice.as_ref().map(|version| {
                json!({ "version": version, "basis": basis, "text_url": whole })
            }),
        });
        Ok(ScreenPolicy {
            version,
            digest: digest(&document)?,
            recording,
            audio,
            pages: Arc::new(pages.unwrap_or_default()),
            notice,
            project: source.project,
            document,
            max_age,
        })
    }

    fn worked_out(&self) -> MutexGuard<'_, WorkedOut> {
        self.shared.screen_policies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets policies that follow from what was said before.
    pub(crate) fn tidy_screen_policies(&self) {
        let mut all = self.worked_out();
        all.retain(|_, (source, _)| source.known.strong_count() > 0);
        all.shrink_to_fit();
    }

    /// What holds for the browser that asks, unsigned.
    pub(crate) async fn screen_policy_now(&self, op: &OpContext) -> Result<Arc<ScreenPolicy>, IntakeError> {
        self.vault.hold_lease().await?;
        let (intake, op) = (self.clone(), op.clone());
        self.database.read(move |tx| Box::pin(async move { intake.screen_policy_in(tx, &op).await })).await
    }

    /// The signed policy that a recorder follows.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`] where it asks again and again.
    pub async fn screen_policy(&self, op: &OpContext) -> Result<SignedPolicy, IntakeError> {
        let Actor::Recorder { id, organisation, .. } = op.actor else {
            return Err(IntakeError::Inner("finding whose screen it is"));
        };
        self.shared.screen_fetches.check_key(&id).map_err(|_| IntakeError::TooMany)?;
        let signer = self.signer(organisation, &op.request_id).await?;
        self.screen_policy_now(op).await?.sign(&signer, self.clock.now())
    }

    /// Which policy the recorder that asks is to follow now.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn screen_policy_version(&self, op: &OpContext) -> Result<ScreenPolicyVersion, IntakeError> {
        Ok(self.screen_policy_now(op).await?.told())
    }

    /// The public key that an organisation's policies for screens are signed with, base64url of the raw point.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn screen_policy_key(
        &self,
        organisation: OrganisationId,
        request_id: &str,
    ) -> Result<String, IntakeError> {
        Ok(self.signer(organisation, request_id).await?.public.clone())
    }

    /// The organisation's key, opened at most an hour ago; made where there is none yet.
    pub(crate) async fn signer(
        &self,
        organisation: OrganisationId,
        request_id: &str,
    ) -> Result<Arc<Signer>, IntakeError> {
        let now = self.clock.now();
        let held = self.signers().get(&organisation).cloned();
        if let Some((signer, opened)) = held
            && now >= opened
            && now.since(opened) < OPEN
        {
            return Ok(signer);
        }
        self.vault.hold_lease().await?;
        let (intake, request_id) = (self.clone(), request_id.to_owned());
        let signer = self
            .database
            .write(Lane::Arrivals, move |tx| {
                Box::pin(async move { intake.open_signer(tx, organisation, request_id, now).await })
            })
            .await?;
        let signer = Arc::new(signer);
        self.signers().insert(organisation, (Arc::clone(&signer), now));
        Ok(signer)
    }

    async fn open_signer(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        request_id: String,
        now: Timestamp,
    ) -> Result<Signer, IntakeError> {
        let op = OpContext { actor: Actor::System { organisation }, request_id, at: now };
        let on = OrganisationRef(organisation);
        let grant = self.access.decide::<SignScreenPolicies>(tx, &op, on, None).await??;
        let sql = "SELECT signing_key, policy_key FROM capture_signers WHERE organisation_id = $1";
        let kept = match tx.query_opt(sql, &[organisation.into()]).await? {
            Some(row) => {
                let sealed: Sealed<ScreenSigningKey> = Sealed::found(row.get(0)?, key_place(organisation))?;
                (self.vault.open(tx, &grant, &sealed).await?.0, row.get(1)?)
            }
            None => self.make_signer(tx, &op, organisation).await?,
        };
        Ok(Signer { key: signing_key(&kept.0)?, public: kept.1 })
    }

    async fn make_signer(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        organisation: OrganisationId,
    ) -> Result<(String, String), IntakeError> {
        let missing = IntakeError::Inner("finding the organisation");
        let found = organisations::find(tx, organisation).await?.ok_or(missing)?;
        let (kept, public) = new_signing_key()?;
        let content = ScreenSigningKey(kept);
        let sealed = self.vault.seal(tx, found.key, key_place(organisation), &content).await?;
        let sql = "INSERT INTO capture_signers (organisation_id, signing_key, policy_key, made_at)
                   VALUES ($1, $2, $3, $4)";
        let values =
            [organisation.into(), sealed.value().as_bytes().into(), public.as_str().into(), op.at.into()];
        tx.execute(sql, &values).await?;
        let object = ObjectRef { kind: "organisation".to_owned(), id: *organisation.as_bytes() };
        let touched = [authority::signer(organisation)];
        let audit = self.access.audit();
        let noted = audit.note_change(tx, op.changing(organisation), object, &touched).await;
        noted.map_err(clerestory_access::AccessError::from)?;
        Ok((content.0, public))
    }

    /// Forgets the key of an organisation that is going.
    pub(crate) fn forget_signer(&self, organisation: OrganisationId) {
        self.signers().remove(&organisation);
    }

    fn signers(&self) -> MutexGuard<'_, HashMap<OrganisationId, (Arc<Signer>, Timestamp)>> {
        self.shared.signers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
