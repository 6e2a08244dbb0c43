//! Saying something of a setting: decided, checked, sealed, numbered and told in the log, in one transaction.

use clerestory_audit::authority::{Table, Told, Touched};
use clerestory_audit::{ObjectRef, Personal};
use clerestory_keys::{NewKey, Purpose, unwrapping};
use clerestory_model::{KeyId, OrganisationId, PersonId, RetentionClass, Timestamp};
use clerestory_seal::{ValueContext, random, seal_value};
use clerestory_settings::tree::{
    Change, Effect, Level, Lock, Node, Outcome, Said, Setting, Value, ValueError, Values, explain,
};
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::settings::{self as rows, Head, KeptSaying, SettingReason, SettingVersion};
use clerestory_store::{Content, organisations};
use serde_json::Value as Json;

use super::{Known, Settings};
use crate::{
    Access, AccessError, Actor, OpContext, OrganisationRef, PersonRef, Refused, RelaxSettings,
    ShortenRetention, WriteBusinessSettings, WriteDeploymentSettings, WriteOwnSettings, WriteSettingsBelow,
};

/// Characters of a reason at most.
const REASON_CHARS: usize = 500;

static HEADS: Table = Table {
    name: "setting_heads",
    key: &["organisation_id"],
    columns: &[("version", Told::Plain), ("mark", Told::Plain)],
    ends: None,
};
static VERSIONS: Table = Table {
    name: "setting_versions",
    key: &["organisation_id", "version"],
    columns: &[
        ("mark", Told::Plain),
        ("level", Told::Plain),
        ("node", Told::Plain),
        ("name", Told::Plain),
        ("value", Told::Digest),
        ("reason", Told::Digest),
        ("set_by", Told::Plain),
        ("set_at", Told::Plain),
    ],
    ends: None,
};

/// Every table of settings: what was said, when and by whom is in the log too, and the log's checkpoints are signed.
pub static AUTHORITY: [&Table; 2] = [&HEADS, &VERSIONS];

pub(super) fn touched(organisation: OrganisationId, versions: &[u64]) -> Vec<Touched> {
    let versions =
        versions.iter().map(|version| Touched::row(&VERSIONS, [organisation.into(), (*version).into()]));
    versions.chain([Touched::row(&HEADS, [organisation.into()])]).collect()
}

/// What somebody wants to say of a setting.
#[derive(Clone, Debug)]
pub struct Saying {
    /// Where.
    pub node: Node,
    /// Of which setting.
    pub name: String,
    /// The value as the API speaks it; none to say nothing any more.
    pub value: Option<Json>,
    /// What it means for those below.
    pub lock: Lock,
    /// Why.
    pub reason: Option<String>,
}

/// Why something is not said.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting `{0}`")]
    Unknown(String),
    /// It is no value of it.
    #[error("`{name}` cannot be that: {source}")]
    Value {
        /// The setting.
        name: String,
        /// What it must be.
        source: ValueError,
    },
    /// Nobody of this level says it.
    #[error("`{name}` is not said for a {level}: it is said for {levels}")]
    Level {
        /// The setting.
        name: String,
        /// The level that was asked for.
        level: &'static str,
        /// Those that there are.
        levels: String,
    },
    /// It does not take this lock.
    #[error(
        "`{name}` protects people: those below may always be stricter, so the only lock it takes is `{takes}`"
    )]
    Lock {
        /// The setting.
        name: String,
        /// The lock it takes.
        takes: &'static str,
    },
    /// A lock above does not let it be said.
    #[error("`{name}` is locked above: it stays {value}")]
    Locked {
        /// The setting.
        name: String,
        /// What holds.
        value: Value,
    },
    /// The organisation has no such node.
    #[error("the organisation has no such place")]
    NoNode,
    /// There is no such version to go back to.
    #[error("there is no version {0} of the settings to go back to")]
    NoVersion(u64),
    /// Somebody said something meanwhile.
    #[error("the settings are at version {current} now")]
    Changed {
        /// The version they are at.
        current: u64,
    },
    /// Whoever may only let things be kept for a shorter time would let some be kept for a longer one.
    #[error("something would be kept for longer, and only a shorter time may be said")]
    Lengthens {
        /// The setting.
        name: String,
        /// What would be longer, place by place, in words.
        what: Vec<String>,
        /// The refusal, which is on record.
        refused: Refused,
    },
    /// It is not allowed.
    #[error(transparent)]
    Refused(Refused),
}

impl SettingError {
    /// What the log says of it, without what somebody said: that is sealed.
    const fn in_the_log(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "somebody changed the settings meanwhile",
            Self::NoNode => "there is no such place",
            Self::NoVersion(_) => "there is no such version",
            Self::Locked { .. } => "it is locked above",
            Self::Unknown(_) | Self::Value { .. } | Self::Level { .. } | Self::Lock { .. } => {
                "it cannot be said"
            }
            Self::Lengthens { .. } | Self::Refused(_) => "it is refused",
        }
    }
}

/// Why a transaction was undone: something stood in the way, or it did not work.
enum Undone {
    Because(SettingError),
    Error(AccessError),
}

impl From<SettingError> for Undone {
    fn from(error: SettingError) -> Self {
        Self::Because(error)
    }
}

impl From<AccessError> for Undone {
    fn from(error: AccessError) -> Self {
        Self::Error(error)
    }
}

impl From<SqlError> for Undone {
    fn from(error: SqlError) -> Self {
        Self::Error(error.into())
    }
}

impl From<clerestory_audit::AuditError> for Undone {
    fn from(error: clerestory_audit::AuditError) -> Self {
        Self::Error(error.into())
    }
}

/// A change that was found to be one.
pub(super) struct Checked {
    pub(super) node: Node,
    pub(super) name: String,
    pub(super) said: Option<Said>,
}

impl Access {
    /// Says something of a setting of the caller's organisation, whose settings are at `based_on`. The version they are
    /// at afterwards: the same where nothing became other. The program itself, in no organisation, says it for the
    /// deployment.
    ///
    /// # Errors
    /// The outer error where it could not be decided or recorded: nothing was changed.
    pub async fn say(
        &self,
        op: &OpContext,
        saying: Saying,
        based_on: u64,
    ) -> Result<Result<u64, SettingError>, AccessError> {
        let organisation = op.actor.organisation();
        let setting = match self.settings.takes(organisation, &saying) {
            Ok(setting) => setting,
            Err(error) => return Ok(Err(error)),
        };
        let said = saying.value.as_ref().map(|json| setting.kind.read(json)).transpose();
        let said = match said {
            Ok(value) => value.map(|value| Said::Value { value, lock: saying.lock }),
            Err(source) => return Ok(Err(SettingError::Value { name: saying.name, source })),
        };
        let change = Checked { node: saying.node, name: saying.name.clone(), said };
        // Reasons lie under a key of the organisation, and what somebody says of themselves does not outlive them there.
        let reason = saying.reason.filter(|_| change.node.level != Level::User);
        let (node, reason) = (change.node, in_short(reason));
        let kept = reason.clone();
        self.settings.hold_lease().await?;
        let (access, asked) = (self.clone(), op.clone());
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    access.audit.take_turn(tx, organisation).await?;
                    let known = access.settings.known(tx, organisation).await?;
                    let detail = describe(known.values(), &change);
                    if let Err(error) =
                        access.may_change(tx, &asked, (&*known, &change), (detail, reason.as_deref())).await?
                    {
                        return Ok(Err(error));
                    }
                    let head = rows::take_head(tx, organisation).await?;
                    if head.version != based_on {
                        return Err(SettingError::Changed { current: head.version }.into());
                    }
                    let chain = rows::chain(tx, organisation, change.node).await?;
                    let chain = chain.ok_or(SettingError::NoNode)?;
                    if known.values().of(change.node, &change.name) == change.said.as_ref() {
                        return Ok(Ok(head.version));
                    }
                    if let Some(setting) = access.settings.registry().find(&change.name) {
                        heard(setting, known.values(), &chain, &change)?;
                    }
                    Ok(Ok(access.write_down(tx, &asked, head, &[change], reason).await?))
                })
            })
            .await;
        self.said(op, node, (saying.name, kept), done).await
    }

    /// What came of it. What stood in the way is on record: everything else of it was undone with the decision.
    async fn said(
        &self,
        op: &OpContext,
        node: Node,
        (what, reason): (String, Option<String>),
        done: Result<Result<u64, SettingError>, Undone>,
    ) -> Result<Result<u64, SettingError>, AccessError> {
        let obstacle = match done {
            Ok(decided) => return Ok(decided),
            Err(Undone::Error(error)) => return Err(error),
            Err(Undone::Because(obstacle)) => obstacle,
        };
        let on = OrganisationRef(op.actor.organisation());
        let personal = Some(Personal { reason, detail: Some(what), ..Personal::default() });
        let why = obstacle.in_the_log().to_owned();
        match node.level {
            Level::Deployment => self.tell_failed::<WriteDeploymentSettings>(op, on, why, personal).await?,
            Level::Organisation => self.tell_failed::<WriteBusinessSettings>(op, on, why, personal).await?,
            Level::User => self.tell_failed::<WriteOwnSettings>(op, oneself(on, node), why, personal).await?,
            _ => self.tell_failed::<WriteSettingsBelow>(op, on, why, personal).await?,
        }
        Ok(Err(obstacle))
    }

    /// Goes back to how the settings of the caller's organisation stood at a version, by saying once more what was said
    /// then; what people said for themselves stays. The version they are at afterwards.
    ///
    /// # Errors
    /// As [`Self::say`].
    pub async fn say_again(
        &self,
        op: &OpContext,
        version: u64,
        reason: Option<String>,
        based_on: u64,
    ) -> Result<Result<u64, SettingError>, AccessError> {
        let organisation = op.actor.organisation();
        let reason = in_short(reason);
        let detail = format!("back to version {version} of the settings");
        let whole = Node { level: Level::Organisation, id: *organisation.as_bytes() };
        let kept = (detail.clone(), reason.clone());
        self.settings.hold_lease().await?;
        let (access, asked) = (self.clone(), op.clone());
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    access.audit.take_turn(tx, organisation).await?;
                    let why = (detail, reason.as_deref());
                    if let Err(refused) = access.may_say(tx, &asked, (whole, false), why).await? {
                        return Ok(Err(SettingError::Refused(refused)));
                    }
                    let head = rows::take_head(tx, organisation).await?;
                    if head.version != based_on {
                        return Err(SettingError::Changed { current: head.version }.into());
                    }
                    if version > head.version {
                        return Err(SettingError::NoVersion(version).into());
                    }
                    let now = access.settings.known(tx, organisation).await?;
                    let then = access.settings.known_then(tx, organisation, version).await?;
                    let mut changes = Vec::new();
                    let differ = differences(now.values(), then.values()).into_iter();
                    for (node, name) in differ.filter(|(node, _)| node.level != Level::User) {
                        let said = then.values().of(node, &name).cloned();
                        // What cannot be read cannot be said again; what is not there any more says nothing.
                        let stands = rows::chain(tx, organisation, node).await?.is_some();
                        if said != Some(Said::Unreadable) && stands {
                            changes.push(Checked { node, name, said });
                        }
                    }
                    Ok(Ok(access.write_down(tx, &asked, head, &changes, reason).await?))
                })
            })
            .await;
        self.said(op, whole, kept, done).await
    }

    /// What saying this would make other, if it were allowed; nothing of it is said.
    ///
    /// # Errors
    /// The outer error as [`Self::say`].
    pub async fn think_through(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        saying: Saying,
    ) -> Result<Result<Vec<Effect>, SettingError>, AccessError> {
        let setting = match self.settings.takes(organisation, &saying) {
            Ok(setting) => setting,
            Err(error) => return Ok(Err(error)),
        };
        let said = match saying.value.as_ref().map(|json| setting.kind.read(json)).transpose() {
            Ok(value) => value.map(|value| Said::Value { value, lock: saying.lock }),
            Err(source) => return Ok(Err(SettingError::Value { name: saying.name, source })),
        };
        let Some(chain) = rows::chain(tx, organisation, saying.node).await? else {
            return Ok(Err(SettingError::NoNode));
        };
        let known = self.settings.known(tx, organisation).await?;
        let change = Checked { node: saying.node, name: saying.name, said };
        if let Err(error) = heard(setting, known.values(), &chain, &change) {
            return Ok(Err(error));
        }
        let change = Change::Say { node: change.node, key: change.name, said: change.said };
        Ok(Ok(self.settings.effects(tx, organisation, &change).await?))
    }

    /// Decides and records whether the caller may make this change: by the rule of its place, or as somebody who may only
    /// let things be kept for a shorter time.
    async fn may_change(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (known, change): (&Known, &Checked),
        (detail, reason): (String, Option<&str>),
    ) -> Result<Result<(), SettingError>, AccessError> {
        let shortening = self.shortening(tx, op, (known.values(), change)).await?;
        if matches!(&shortening, Some(longer) if longer.is_empty()) {
            let on = OrganisationRef(op.actor.organisation());
            let reason = reason.map(str::to_owned);
            let personal = Personal { reason, detail: Some(detail), ..Personal::default() };
            let decided = self.decide::<ShortenRetention>(tx, op, on, Some(personal)).await?;
            return Ok(decided.map(drop).map_err(SettingError::Refused));
        }
        let relaxes = self.relaxes(tx, op.actor.organisation(), change).await?;
        let decided = self.may_say(tx, op, (change.node, relaxes), (detail, reason)).await?;
        Ok(decided.map_err(|refused| match shortening {
            Some(what) => SettingError::Lengthens { name: change.name.clone(), what, refused },
            None => SettingError::Refused(refused),
        }))
    }

    /// Whether saying this makes anything protect less than it does.
    async fn relaxes(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        change: &Checked,
    ) -> Result<bool, AccessError> {
        let Checked { node, name, said } = change;
        // For the whole organisation and above, whoever says anything proves who they are; for oneself nobody does.
        if matches!(node.level, Level::Deployment | Level::Organisation | Level::User) {
            return Ok(false);
        }
        let change = Change::Say { node: *node, key: name.clone(), said: said.clone() };
        let effects = self.settings.effects(tx, organisation, &change).await?;
        Ok(effects.iter().any(|effect| effect.looser))
    }

    /// Decides and records whether the caller may say something at this place. For the whole organisation whoever says
    /// anything proves who they are; below it whoever lets something protect less.
    async fn may_say(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        (node, relaxes): (Node, bool),
        (detail, reason): (String, Option<&str>),
    ) -> Result<Result<(), Refused>, AccessError> {
        let on = OrganisationRef(op.actor.organisation());
        let personal =
            Personal { reason: reason.map(str::to_owned), detail: Some(detail), ..Personal::default() };
        Ok(match node.level {
            Level::Deployment => {
                self.decide::<WriteDeploymentSettings>(tx, op, on, Some(personal)).await?.map(drop)
            }
            Level::Organisation => {
                self.decide::<WriteBusinessSettings>(tx, op, on, Some(personal)).await?.map(drop)
            }
            Level::User => {
                let on = oneself(on, node);
                self.decide::<WriteOwnSettings>(tx, op, on, Some(personal)).await?.map(drop)
            }
            _ if relaxes => self.decide::<RelaxSettings>(tx, op, on, Some(personal)).await?.map(drop),
            _ => self.decide::<WriteSettingsBelow>(tx, op, on, Some(personal)).await?.map(drop),
        })
    }

    /// Seals and numbers what was found to be a change. The caller has decided, and taken the head.
    async fn write_down(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        head: Head,
        changes: &[Checked],
        reason: Option<String>,
    ) -> Result<u64, AccessError> {
        let organisation = op.actor.organisation();
        let key = self.settings.key_of(tx, organisation, op.at).await?;
        let mut version = head.version;
        for change in changes {
            version += 1;
            let set_by = match &op.actor {
                Actor::Person { id, .. } => *id,
                _ => PersonId::nil(),
            };
            let row = SettingVersion {
                organisation,
                version,
                mark: random(),
                level: change.node.level.number(),
                node: change.node.id,
                name: change.name.clone(),
                value: Vec::new(),
                reason: None,
                set_by,
                set_at: op.at,
            };
            let row = self.settings.seal(tx, key, row, change, reason.as_deref()).await?;
            rows::insert(tx, &row).await?;
        }
        if version > head.version {
            let versions: Vec<u64> = (head.version + 1..=version).collect();
            let object = ObjectRef { kind: "organisation".to_owned(), id: *organisation.as_bytes() };
            let touched = touched(organisation, &versions);
            self.audit.note_change(tx, op.changing(organisation), object, &touched).await?;
        }
        Ok(version)
    }
}

impl Settings {
    /// The setting, where this may be said of it at all, whoever says it.
    fn takes(&self, organisation: OrganisationId, saying: &Saying) -> Result<&Setting, SettingError> {
        let name = saying.name.clone();
        let Some(setting) = self.registry().find(&name) else { return Err(SettingError::Unknown(name)) };
        let level = saying.node.level;
        let own = (level == Level::Deployment) == (organisation == OrganisationId::nil());
        if !own || !setting.levels.contains(&level) {
            let levels: Vec<&str> = setting.levels.iter().map(|level| level.word()).collect();
            return Err(SettingError::Level { name, level: level.word(), levels: levels.join(", ") });
        }
        if !setting.takes(saying.lock) {
            let takes = setting.protecting_lock().unwrap_or(Lock::None).word();
            return Err(SettingError::Lock { name, takes });
        }
        Ok(setting)
    }

    /// The key that what is said is sealed under: the organisation's, or the deployment's, which is made when it is first
    /// needed. The caller has the organisation's turn in the log.
    async fn key_of(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        at: Timestamp,
    ) -> Result<KeyId, AccessError> {
        if organisation != OrganisationId::nil() {
            let found = organisations::find(tx, organisation).await?;
            return Ok(found.ok_or(SqlError::RolledBack)?.key);
        }
        let keys = &self.shared.keys;
        match keys.newest_made(tx, organisation, Purpose::Settings).await? {
            Some((key, _)) => Ok(key),
            None => {
                let (class, purpose) = (RetentionClass::Standing, Purpose::Settings);
                Ok(keys.make(tx, NewKey { organisation, class, purpose, parent: None, at }).await?)
            }
        }
    }

    async fn seal(
        &self,
        tx: &mut Tx,
        key: KeyId,
        row: SettingVersion,
        change: &Checked,
        reason: Option<&str>,
    ) -> Result<SettingVersion, AccessError> {
        let secret = unwrapping::secret(&self.shared.keys, tx, key).await?;
        let (value, lock) = match &change.said {
            Some(Said::Value { value, lock }) => (Some(value.json()), *lock),
            _ => (None, Lock::None),
        };
        let kept =
            KeptSaying { level: row.level, name: row.name.clone(), value, lock: lock.word().to_owned() };
        let context = self.context(&row);
        let value = seal_value(&secret, key, &context, &serde_json::to_vec(&kept)?).as_bytes().to_vec();
        let context = ValueContext { column: SettingReason::COLUMN, ..context };
        let reason = match reason {
            Some(reason) => {
                let plain = serde_json::to_vec(&SettingReason(reason.to_owned()))?;
                Some(seal_value(&secret, key, &context, &plain).as_bytes().to_vec())
            }
            None => None,
        };
        Ok(SettingVersion { value, reason, ..row })
    }
}

/// Whether what is said counts: a lock above may not let it.
fn heard(setting: &Setting, values: &Values, chain: &[Node], change: &Checked) -> Result<(), SettingError> {
    let Some(said) = &change.said else { return Ok(()) };
    let mut changed = values.clone();
    changed.say(change.node, &change.name, said.clone());
    let (effective, steps) = explain(setting, &changed, chain);
    match steps.last().map(|step| step.outcome) {
        Some(Outcome::Bounded | Outcome::Overruled) => {
            Err(SettingError::Locked { name: change.name.clone(), value: effective.value })
        }
        _ => Ok(()),
    }
}

/// The person that a node of theirs is.
fn oneself(organisation: OrganisationRef, node: Node) -> PersonRef {
    PersonRef { organisation: organisation.0, id: PersonId::from_bytes(node.id) }
}

/// The nodes and settings of which something else is said.
#[must_use]
pub fn differences(one: &Values, other: &Values) -> Vec<(Node, String)> {
    let said = one.all().chain(other.all()).map(|(node, name, _)| (node, name.to_owned()));
    let mut found: Vec<(Node, String)> = said
        .filter(|(node, name)| {
            node.level != Level::Deployment && one.of(*node, name) != other.of(*node, name)
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn describe(values: &Values, change: &Checked) -> String {
    let shown = |said: Option<&Said>| match said {
        None => "nothing".to_owned(),
        Some(Said::Unreadable) => "what cannot be read".to_owned(),
        Some(Said::Value { value, lock: Lock::None }) => value.to_string(),
        Some(Said::Value { value, lock }) => format!("{value} ({lock})"),
    };
    let before = shown(values.of(change.node, &change.name));
    let after = shown(change.said.as_ref());
    format!("{} for the {}: {before} becomes {after}", change.name, change.node.level.word())
}

fn in_short(reason: Option<String>) -> Option<String> {
    let reason = reason.map(|text| text.trim().chars().take(REASON_CHARS).collect::<String>());
    reason.filter(|text| !text.is_empty())
}
