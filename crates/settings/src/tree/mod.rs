//! The settings tree: what a setting says at a place in an organisation, and why.
//!
//! Six [levels](Level) hang below each other: the deployment, an organisation, its domains, their projects, their teams,
//! and people. Each may say a [value](Value) of a [setting](Setting), and may [lock](Lock) it for those below. What holds
//! at a node is worked out from the chain of nodes above it by [`resolve`], which is the only place that knows how values
//! are merged. [`explain`] says the same with every step, and [`effects`] says what a change would do before it is made.
//!
//! What always holds (I1 to I6 in `tests/tree.rs`): a value satisfies every lock above it; a stricter value loosens
//! nothing; what nobody set says its default; an explanation leads to the same value; the order in which values were set
//! does not matter; and a value that cannot be read leaves what is safe.

mod dry_run;
mod registry;
mod resolve;
mod span;
mod value;

pub use dry_run::{Change, Effect, Tree, effects};
pub use registry::{Merge, Registry, Setting, Strict};
pub use resolve::{Effective, Outcome, Step, explain, resolve};
pub use span::{Span, SpanError};
pub use value::{Kind, Value, ValueError};

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

/// How high in the tree something stands, highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The whole installation, by whoever operates it.
    Deployment = 0,
    /// One organisation.
    Organisation = 1,
    /// A domain of an organisation.
    Domain = 2,
    /// A project of a domain.
    Project = 3,
    /// A team of a project.
    Team = 4,
    /// One person.
    User = 5,
}

impl Level {
    /// Every level, highest first.
    pub const ALL: [Self; 6] =
        [Self::Deployment, Self::Organisation, Self::Domain, Self::Project, Self::Team, Self::User];

    /// The word that is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Organisation => "organisation",
            Self::Domain => "domain",
            Self::Project => "project",
            Self::Team => "team",
            Self::User => "user",
        }
    }

    /// The number that is stored; never reused.
    #[must_use]
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// The level with this stored number, if there is one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

/// A place in the tree. The deployment's id is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// How high it stands.
    pub level: Level,
    /// Which of that level.
    pub id: [u8; 16],
}

impl Node {
    /// The whole installation.
    pub const DEPLOYMENT: Self = Self { level: Level::Deployment, id: [0; 16] };
}

/// What a value means for the nodes below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// They may say otherwise.
    None,
    /// They may not go below it.
    Floor,
    /// They may not go above it.
    Ceiling,
    /// They may say nothing else.
    Fixed,
}

impl Lock {
    /// Every lock.
    pub const ALL: [Self; 4] = [Self::None, Self::Floor, Self::Ceiling, Self::Fixed];

    /// The word that is shown and stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Floor => "floor",
            Self::Ceiling => "ceiling",
            Self::Fixed => "fixed",
        }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The text names no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lock is none, floor, ceiling or fixed")]
pub struct LockError;

impl FromStr for Lock {
    type Err = LockError;

    fn from_str(text: &str) -> Result<Self, LockError> {
        Self::ALL.into_iter().find(|lock| lock.word() == text).ok_or(LockError)
    }
}

/// What a node says of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A value, and what it means for the nodes below.
    Value {
        /// The value.
        value: Value,
        /// Its lock.
        lock: Lock,
    },
    /// Something that cannot be read: it was altered, or is of a kind this version does not know.
    Unreadable,
}

/// What each node says of each setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    nodes: HashMap<Node, BTreeMap<String, Said>>,
}

impl Values {
    /// Takes down what a node says of a setting, in place of what it said.
    pub fn say(&mut self, node: Node, key: &str, said: Said) {
        self.nodes.entry(node).or_default().insert(key.to_owned(), said);
    }

    /// A node says nothing of a setting any more.
    pub fn unsay(&mut self, node: Node, key: &str) {
        if let Some(said) = self.nodes.get_mut(&node) {
            said.remove(key);
            if said.is_empty() {
                self.nodes.remove(&node);
            }
        }
    }

    /// What a node says of a setting.
    #[must_use]
    pub fn of(&self, node: Node, key: &str) -> Option<&Said> {
        self.nodes.get(&node)?.get(key)
    }

    /// Everything that is said, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Node, &str, &Said)> {
        self.nodes
            .iter()
            .flat_map(|(node, said)| said.iter().map(move |(key, said)| (*node, key.as_str(), said)))
    }

    /// The nodes that say something.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.nodes.keys().copied()
    }
}
