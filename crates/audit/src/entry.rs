//! What an entry says, and the one encoding of it that is hashed.

use clerestory_model::{OrganisationId, Timestamp, number_as_id};
use clerestory_store::{About, Content, Kind, Place, Sealed};
use serde::{Deserialize, Serialize};

use crate::authority::Change;

/// OCSF 1.8 class and activity of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// `class_uid`.
    pub uid: i64,
    /// `activity_id`.
    pub activity: i64,
}

impl Class {
    /// Authentication: logon.
    pub const LOGON: Self = Self { uid: 3002, activity: 1 };
    /// Authentication: logoff.
    pub const LOGOFF: Self = Self { uid: 3002, activity: 2 };
    /// Account change: create.
    pub const ACCOUNT_CREATE: Self = Self { uid: 3001, activity: 1 };
    /// Entity management: create.
    pub const ENTITY_CREATE: Self = Self { uid: 3004, activity: 1 };
    /// Entity management: read.
    pub const ENTITY_READ: Self = Self { uid: 3004, activity: 2 };
    /// Entity management: update.
    pub const ENTITY_UPDATE: Self = Self { uid: 3004, activity: 3 };
    /// Entity management: delete.
    pub const ENTITY_DELETE: Self = Self { uid: 3004, activity: 4 };
    /// Web resources activity: read.
    pub const RESOURCE_READ: Self = Self { uid: 6001, activity: 2 };
    /// Web resources activity: update.
    pub const RESOURCE_UPDATE: Self = Self { uid: 6001, activity: 3 };
    /// Web resources activity: delete.
    pub const RESOURCE_DELETE: Self = Self { uid: 6001, activity: 4 };
    /// Web resources activity: import.
    pub const RESOURCE_IMPORT: Self = Self { uid: 6001, activity: 5 };
    /// API activity: create.
    pub const API_CREATE: Self = Self { uid: 6003, activity: 1 };
    /// API activity: update.
    pub const API_UPDATE: Self = Self { uid: 6003, activity: 3 };
    /// Application lifecycle: start.
    pub const APPLICATION_START: Self = Self { uid: 6002, activity: 3 };
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was allowed and happened.
    Allowed = 1,
    /// It was refused by a rule.
    Refused = 2,
    /// It was allowed but did not happen.
    Failed = 3,
}

impl Outcome {
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Allowed, Self::Refused, Self::Failed].into_iter().find(|one| *one as i64 == number)
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person who is signed in.
    Person = 1,
    /// A site's recorder, by its site key.
    Site = 2,
    /// The program itself.
    System = 3,
    /// Nobody known.
    Anonymous = 4,
    /// A program of an organisation, by an API key.
    Key = 5,
    /// A browser that records its person's screen.
    Recorder = 6,
}

impl ActorKind {
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Person, Self::Site, Self::System, Self::Anonymous, Self::Key, Self::Recorder]
            .into_iter()
            .find(|one| *one as i64 == number)
    }
}

/// What it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    /// `recording`, `site`, `person`, `session`, `organisation`.
    pub kind: String,
    /// Its id; nil for none.
    pub id: [u8; 16],
}

/// The part of an entry that is about people: sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// The reason somebody gave.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// What exactly was done, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// How rows of authority stand after it, for the replay.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
}

impl Content for Personal {
    const KIND: Kind = Kind::AuditEntry;
    const TABLE: &'static str = "audit_entries";
    const COLUMN: &'static str = "personal";
}

/// An entry as it stands in the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose log.
    pub organisation: OrganisationId,
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What was done, as the matrix names it.
    pub action: String,
    /// OCSF class and activity.
    pub class: Class,
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: String,
    /// Who.
    pub actor_kind: ActorKind,
    /// Their id; nil for nobody known.
    pub actor: [u8; 16],
    /// To what.
    pub object: ObjectRef,
    /// The request it belongs to.
    pub request_id: String,
    /// Sixteen random bytes, so that the hash tells nothing about the rest once the row is gone.
    pub salt: [u8; 16],
    /// Reason and detail.
    pub personal: Option<Sealed<Personal>>,
    /// The hash of the entry before.
    pub previous_hash: [u8; 32],
    /// The hash of this entry.
    pub hash: [u8; 32],
}

/// Where the personal part of an entry stands: its row is its number, as eight big-endian bytes after eight zeros.
pub(crate) fn personal_place(organisation: OrganisationId, number: u64, object: [u8; 16]) -> Place {
    Place { organisation, about: About::AuditEntry { number, object }, row: number_as_id(number), version: 1 }
}

impl Entry {
    /// SHA-256 over `clerestory audit entry 1`, then every field but the hash itself: integers as be64, texts and
    /// bytes with a be32 length before them, in the order of the struct. An absent personal part is an empty one.
    #[must_use]
    pub fn compute_hash(&self) -> [u8; 32] {
        let mut bytes = b"clerestory audit entry 1".to_vec();
        bytes.extend_from_slice(self.organisation.as_bytes());
        for number in [self.number.cast_signed(), self.at.micros()] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        lengthy(&mut bytes, self.action.as_bytes());
        for number in [self.class.uid, self.class.activity, self.outcome as i64] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        lengthy(&mut bytes, self.rule.as_bytes());
        bytes.extend_from_slice(&(self.actor_kind as i64).to_be_bytes());
        bytes.extend_from_slice(&self.actor);
        lengthy(&mut bytes, self.object.kind.as_bytes());
        bytes.extend_from_slice(&self.object.id);
        lengthy(&mut bytes, self.request_id.as_bytes());
        bytes.extend_from_slice(&self.salt);
        lengthy(&mut bytes, self.personal.as_ref().map_or(&[], |sealed| sealed.value().as_bytes()));
        bytes.extend_from_slice(&self.previous_hash);
        clerestory_seal::sha256(&bytes)
    }
}

fn lengthy(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(part);
}
