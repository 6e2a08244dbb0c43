//! What a browser may record of its person's screen: worked out of settings where the person stands, signed with a key of
//! the organisation.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_access::{Actor, OpContext, OrganisationRef, SignScreenPolicies};
use clerestory_audit::ObjectRef;
use clerestory_model::{OrganisationId, PersonId, ProjectId, RetentionClass, Timestamp};
use clerestory_seal::SigningKey;
use clerestory_settings::capture::{PRESETS, PageRule, canonical};
use clerestory_settings::tree::{Level, Node, Value, resolve};
use clerestory_sql::{Lane, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed, organisations, retention, settings};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::actions::Pages;
use crate::policies::{SignedPolicy, new_signing_key, signing_key};
use crate::{Intake, IntakeError, authority};

const FORMAT: &str = "clerestory screen policy 1";
/// A key is opened anew after this long, which is on record.
const OPEN: Duration = Duration::from_secs(3600);
/// No browser follows a policy for longer, whatever settings say: what it excludes is decided by addresses that change.
pub(crate) const OLDEST: Duration = Duration::from_secs(24 * 3600);
const DAY_S: u64 = 24 * 3600;

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

/// What holds for one person now.
#[derive(Clone, Debug)]
pub(crate) struct ScreenPolicy {
    pub(crate) version: u64,
    pub(crate) recording: bool,
    pub(crate) audio: bool,
    pub(crate) pages: Pages,
    /// The version of the notice in force.
    pub(crate) notice: Option<String>,
    /// The project that their recordings belong to.
    pub(crate) project: ProjectId,
    document: serde_json::Value,
    max_age: Duration,
}

impl ScreenPolicy {
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

impl Intake {
    /// What holds for the recorder of this person.
    pub(crate) async fn screen_policy_in(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        person: PersonId,
    ) -> Result<ScreenPolicy, IntakeError> {
        let node = Node { level: Level::User, id: *person.as_bytes() };
        let chain = settings::chain(tx, organisation, node).await?.ok_or(IntakeError::CaptureOff)?;
        let tree = self.access.settings();
        let known = tree.known(tx, organisation).await?;
        let says = |name: &str| {
            let setting = tree.registry().find(name).ok_or(IntakeError::Inner("finding a setting"))?;
            Ok::<_, IntakeError>(resolve(setting, known.values(), &chain).value)
        };
        let project = chain.iter().find(|node| node.level == Level::Project);
        let project = match project {
            Some(node) => ProjectId::from_bytes(node.id),
            None => organisations::first_project(tx, organisation).await?.unwrap_or(ProjectId::nil()),
        };
        let only = says("capture.url.mode")? == Value::Word("allow");
        let patterns = match only {
            true => texts(says("capture.url.allow")?),
            false => {
                let presets = texts(says("capture.url.presets")?);
                let named = PRESETS.iter().filter(|(name, _)| presets.iter().any(|preset| preset == name));
                let mut all: Vec<String> =
                    named.flat_map(|(_, rules)| rules.iter().map(|rule| (*rule).to_owned())).collect();
                all.extend(texts(says("capture.url.patterns")?));
                all
            }
        };
        let rules: Result<Vec<PageRule>, _> = patterns.iter().map(|text| PageRule::parse(text)).collect();
        // One that cannot be read may keep out what is on the screen: then nothing is recorded.
        let readable = rules.is_ok();
        let notice = text(says("capture.notice.version")?);
        let basis = text(says("capture.notice.legal_basis")?).unwrap_or_default();
        let whole = text(says("capture.notice.url")?);
        let (recording, audio) = (
            readable && is_on(&says("capture.recording.enabled")?),
            is_on(&says("capture.recording.audio")?),
        );
        let kept = retention::in_force(tx, project, RetentionClass::Recording).await?;
        // From 1: a browser names the version that it recorded under.
        let version = known.version() + 1;
        let document = json!({
            "format": FORMAT,
            "version": version,
            "recording": recording,
            "audio": audio,
            "surfaces": ["tab", "window", "screen"],
            "urls": { "mode": if only { "allow" } else { "block" }, "patterns": patterns },
            "pause": says("capture.subject_pause")?.to_string(),
            "live_view": says("capture.recording.live_view")?.to_string(),
            "kept_days": kept.as_secs() / DAY_S,
            "notice": notice.as_ref().map(|version| {
                json!({ "version": version, "basis": basis, "text_url": whole })
            }),
        });
        Ok(ScreenPolicy {
            version,
            recording,
            audio,
            pages: Pages { only, rules: rules.unwrap_or_default() },
            notice,
            project,
            document,
            max_age: self.max_age(tx, organisation).await?.min(OLDEST),
        })
    }

    /// The signed policy that a recorder follows.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub async fn screen_policy(&self, op: &OpContext) -> Result<SignedPolicy, IntakeError> {
        let Actor::Recorder { organisation, person, .. } = op.actor else {
            return Err(IntakeError::Inner("finding whose screen it is"));
        };
        let signer = self.signer(organisation, &op.request_id).await?;
        self.vault.hold_lease().await?;
        let intake = self.clone();
        let policy = self
            .database
            .read(move |tx| Box::pin(async move { intake.screen_policy_in(tx, organisation, person).await }))
            .await?;
        policy.sign(&signer, self.clock.now())
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

    fn signers(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashMap<OrganisationId, (Arc<Signer>, Timestamp)>> {
        self.shared.signers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
