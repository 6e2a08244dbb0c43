//! Typed identifiers: UUIDv7 (RFC 9562 section 5.7) inside, `prefix_` and 32 hex digits outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::Timestamp;

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text lacks the prefix of this kind of id.
    #[error("an id of this kind begins with `{expected}_`")]
    Prefix {
        /// The prefix that was expected, without the underscore.
        expected: &'static str,
    },
    /// What follows the prefix is not 32 lower-case hex digits.
    #[error("an id ends in 32 lower-case hex digits")]
    Digits,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore in the shown form.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: `at` in its first 48 bits (milliseconds), `entropy` in the rest.
            ///
            /// The caller brings fresh random bytes; ids show when they were made and are never secrets.
            #[must_use]
            pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(at.unix_millis(), &entropy).into_uuid())
            }

            /// An id that stands for none of its kind (the deployment's own organisation, for one).
            #[must_use]
            pub const fn nil() -> Self {
                Self(Uuid::nil())
            }

            /// The sixteen bytes that are stored and bound into seals.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these stored bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(IdError::Prefix { expected: $prefix })?;
                parse_digits(digits).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

/// The sixteen bytes that stand for a number where an id is expected: eight zeros, then the number as be64.
#[must_use]
pub const fn number_as_id(number: u64) -> [u8; 16] {
    (number as u128).to_be_bytes()
}

/// One shown form per id: 32 digits, lower case, nothing else.
fn parse_digits(digits: &str) -> Result<Uuid, IdError> {
    let shown = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if digits.len() != 32 || !digits.chars().all(shown) {
        return Err(IdError::Digits);
    }
    Uuid::try_parse(digits).map_err(|_| IdError::Digits)
}

id!(
    /// A tenant. Everything belongs to exactly one; nil stands for the deployment itself.
    OrganisationId, "org"
);
id!(
    /// A project of an organisation: sites and events hang from it.
    ProjectId, "prj"
);
id!(
    /// A domain of an organisation: a part of it, with projects below.
    DomainId, "dom"
);
id!(
    /// A team of a project: people work in it.
    TeamId, "tea"
);
id!(
    /// Somebody who can sign in.
    PersonId, "per"
);
id!(
    /// A role that an organisation made for itself.
    RoleId, "rol"
);
id!(
    /// Letting somebody from outside in, for a time.
    SupportGrantId, "sup"
);
id!(
    /// A block that keeps somebody out for a time.
    BlockId, "blk"
);
id!(
    /// A mail that waits to be sent.
    MailId, "mai"
);
id!(
    /// Whom or what a recording is about: an employee, a visitor, an event.
    SubjectId, "sub"
);
id!(
    /// A web site whose visits are recorded.
    SiteId, "sit"
);
id!(
    /// A time span about one subject.
    RecordingId, "rec"
);
id!(
    /// One ordered run of segments by one writer inside a recording.
    TrackId, "trk"
);
id!(
    /// A client that numbers segments: one tab, one boot of a device, one ingest node.
    WriterId, "wri"
);
id!(
    /// A key of the registry.
    KeyId, "key"
);
id!(
    /// A key that an organisation's own programs ask with.
    ApiKeyId, "apk"
);
id!(
    /// One decided and recorded watching of a recording.
    PlayId, "ply"
);
id!(
    /// Somebody's asking to watch a recording, which somebody else answers.
    ViewId, "viw"
);
id!(
    /// What somebody said of a moment of a recording.
    CommentId, "cmt"
);
id!(
    /// A stretch of a recording that somebody named.
    ClipId, "clp"
);
id!(
    /// A list of recordings and clips, in an order.
    PlaylistId, "lst"
);
id!(
    /// A signed-in browser.
    SessionId, "ses"
);
id!(
    /// A browser that records the screen of one person.
    RecorderId, "rcr"
);
id!(
    /// Something that is being, or was, erased.
    ErasureId, "era"
);
id!(
    /// Something that may not be erased while it stands.
    HoldId, "hld"
);
id!(
    /// That somebody wants something erased which one person alone does not erase.
    ProposalId, "epr"
);
id!(
    /// What somebody asked for about their own data (a data subject's request).
    RequestId, "dsr"
);
id!(
    /// A decision that was recorded; shown in refusals and logs.
    GrantId, "gra"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_shown_form() {
        let id = RecordingId::new(Timestamp::from_micros(1_795_000_000_000_000), [7; 10]);
        assert_eq!(id.to_string().parse::<RecordingId>(), Ok(id));
        assert!(id.to_string().starts_with("rec_"));
    }

    #[test]
    fn a_number_stands_in_the_last_eight_bytes() {
        assert_eq!(number_as_id(0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(number_as_id(u64::MAX)[..9], [0, 0, 0, 0, 0, 0, 0, 0, 255]);
    }

    #[test]
    fn another_kind_of_id_is_refused() {
        let track = TrackId::new(Timestamp::from_micros(0), [1; 10]).to_string();
        assert_eq!(track.parse::<RecordingId>(), Err(IdError::Prefix { expected: "rec" }));
    }

    #[test]
    fn only_one_spelling_is_an_id() {
        let id = SiteId::new(Timestamp::from_micros(5), [0xab; 10]).to_string();
        assert_eq!(id.to_uppercase().replace("SIT", "sit").parse::<SiteId>(), Err(IdError::Digits));
        assert_eq!(format!("{id}0").parse::<SiteId>(), Err(IdError::Digits));
    }
}
