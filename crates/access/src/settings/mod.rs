//! Settings: what decisions ask of them, and how they are said.
//!
//! What was said is kept opened in memory, for each organisation. Each question reads the head of the organisation's
//! versions, and the deployment's, in its own transaction, so that what one node says is what every other answers with
//! from the next question on. Decisions ask without a grant; people are shown what was said for one.
//!
//! Whoever decides by settings also writes them: saying something is a decision, a sealed row and an entry in one
//! transaction.

mod damage;
mod read;
mod say;
mod shorten;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clerestory_audit::authority::{Departing, Touched};
use clerestory_keys::Keys;
use clerestory_model::OrganisationId;
use clerestory_settings::tree::{
    Change, Effect, Effective, Level, Node, Registry, Setting, Span, Step, Value, Values, effects, explain,
    resolve,
};
use clerestory_sql::{Body, SqlError, Tx};
use clerestory_store::settings::{self as rows, Head};

pub use damage::{Damage, DamageKind};
pub use say::{AUTHORITY, Saying, SettingError, differences};

use crate::AccessError;

/// Organisations whose settings are kept in memory at most; beyond it memory of them starts afresh.
const KEPT: usize = 1024;

/// The settings of a deployment. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    shared: Arc<Shared>,
}

struct Shared {
    keys: Arc<Keys>,
    registry: Registry,
    known: Mutex<HashMap<OrganisationId, Arc<Known>>>,
    damage: Mutex<BTreeMap<(OrganisationId, u64), Damage>>,
}

/// What an organisation's nodes say, and what the deployment says to them, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Known {
    own: Head,
    deployment: Head,
    values: Values,
    versions: BTreeMap<(Node, String), u64>,
}

impl Known {
    /// The version of the organisation's settings.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.own.version
    }

    /// What each node says.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// What holds at the end of `chain`, and every step to it.
    #[must_use]
    pub fn explain(&self, setting: &Setting, chain: &[Node]) -> (Effective, Vec<Step>) {
        explain(setting, &self.values, chain)
    }

    /// The version in which a node said what it says of a setting.
    #[must_use]
    pub fn said_in(&self, node: Node, name: &str) -> Option<u64> {
        self.versions.get(&(node, name.to_owned())).copied()
    }
}

impl Settings {
    pub(crate) fn new(keys: Arc<Keys>, registry: Registry) -> Self {
        let (known, damage) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { keys, registry, known, damage }) }
    }

    pub(crate) fn with_defaults(&self, defaults: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let registry = self.registry().clone();
        let registry =
            defaults.into_iter().fold(registry, |registry, (key, value)| registry.with_default(key, value));
        Self::new(Arc::clone(&self.shared.keys), registry)
    }

    /// Every setting there is.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// What `name` says in the organisation now; a switch says `true` or `false`. What nobody set says its default, and
    /// a switch that nobody knows is off.
    ///
    /// # Errors
    /// [`AccessError`]: nothing may be decided then.
    pub async fn says(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        name: &str,
    ) -> Result<String, AccessError> {
        let Some(setting) = self.registry().find(name) else { return Ok("false".to_owned()) };
        let known = self.known(tx, organisation).await?;
        Ok(resolve(setting, &known.values, &top_of(organisation)).value.to_string())
    }

    /// What each of these says in the organisation, all at one moment; nothing where there is no such setting.
    ///
    /// # Errors
    /// As [`Self::says`].
    pub async fn all_at_once<const N: usize>(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        names: [&str; N],
    ) -> Result<[Option<Value>; N], AccessError> {
        let (known, top) = (self.known(tx, organisation).await?, top_of(organisation));
        Ok(names.map(|name| Some(resolve(self.registry().find(name)?, &known.values, &top).value)))
    }

    /// What `name` says at a node of the organisation, which may be the organisation itself. At a node that is not there
    /// the organisation's own word holds.
    ///
    /// # Errors
    /// [`AccessError`]: nothing that depends on it may be done then.
    pub async fn at(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        node: Node,
        name: &str,
    ) -> Result<Option<Effective>, AccessError> {
        let Some(setting) = self.registry().find(name) else { return Ok(None) };
        let chain = match node.level {
            // Asked often, and no row says more of it.
            Level::Organisation => None,
            _ => rows::chain(tx, organisation, node).await?,
        };
        let chain = chain.unwrap_or_else(|| top_of(organisation).to_vec());
        let known = self.known(tx, organisation).await?;
        Ok(Some(resolve(setting, &known.values, &chain)))
    }

    /// Whether the switch `name` is on at a node of the organisation.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub async fn is_on(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        node: Node,
        name: &str,
    ) -> Result<bool, AccessError> {
        let found = self.at(tx, organisation, node, name).await?;
        Ok(found.is_some_and(|found| found.value == Value::Switch(true)))
    }

    /// The length of time that `name` says in the organisation, if it is a setting that says one.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub async fn span(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        name: &str,
    ) -> Result<Option<Span>, AccessError> {
        let node = Node { level: Level::Organisation, id: *organisation.as_bytes() };
        let found = self.at(tx, organisation, node, name).await?;
        Ok(found.and_then(|found| match found.value {
            Value::Span(span) => Some(span),
            _ => None,
        }))
    }

    /// What `change` would make other in the organisation.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn effects(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        change: &Change,
    ) -> Result<Vec<Effect>, AccessError> {
        let known = self.known(tx, organisation).await?;
        let said = known.values.nodes();
        let people: Vec<Node> = match change {
            Change::Move { node, .. } | Change::Say { node, .. } => said.chain([*node]).collect(),
        };
        let tree = rows::tree(tx, organisation, &people).await?;
        Ok(effects(self.registry(), &tree, &known.values, change))
    }

    /// Holds the lease that opening what was said relies on. Called before a transaction begins.
    pub(crate) async fn hold_lease(&self) -> Result<(), AccessError> {
        Ok(self.shared.keys.hold_lease().await?)
    }

    fn known_of(&self) -> MutexGuard<'_, HashMap<OrganisationId, Arc<Known>>> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Departing for Settings {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            let removed = rows::remove(tx, organisation).await?;
            Ok(say::touched(organisation, &removed))
        })
    }
}

/// The chain of an organisation itself.
fn top_of(organisation: OrganisationId) -> [Node; 2] {
    [Node::DEPLOYMENT, Node { level: Level::Organisation, id: *organisation.as_bytes() }]
}
