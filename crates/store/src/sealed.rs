//! A value that is still sealed, together with where it stood and whom it is about.

use std::fmt;
use std::marker::PhantomData;

use clerestory_model::{HoldId, OrganisationId, PersonId, RecordingId, RequestId, SiteId};
use clerestory_seal::SealedValue;
use clerestory_sql::SqlError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that is stored sealed, as JSON, in one column of one table.
pub trait Content: Serialize + DeserializeOwned {
    /// What sort of thing it is: what a grant must be for to open it.
    const KIND: Kind;
    /// The table it stands in.
    const TABLE: &'static str;
    /// The column it stands in.
    const COLUMN: &'static str;
}

/// The kinds of sealed data. A grant names those it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names of organisations and projects.
    Organisation,
    /// Summaries of recordings.
    Recording,
    /// Segments of recordings: what was captured.
    Segment,
    /// Manifests of parts: which segments are where.
    Manifest,
    /// Sites' names.
    Site,
    /// The keys sites' policies are signed with.
    SigningKey,
    /// People's names and addresses.
    Person,
    /// Pictures of people.
    Picture,
    /// People's passwords, hashed.
    Credential,
    /// What people's browsers say they are.
    Device,
    /// The secrets of people's authenticator apps.
    Factor,
    /// Names of API keys.
    ApiKey,
    /// Mails that wait to be sent.
    Mail,
    /// Reasons and details of audit entries.
    AuditEntry,
    /// What was said of settings, and why.
    Setting,
    /// Networks that are blocked, and why they or devices are.
    PlaceBlock,
    /// What a hold is for.
    Hold,
    /// What was said about a request of a recorded person.
    Request,
    /// Why somebody wants something erased that one person alone does not erase.
    Proposal,
    /// What people say of recordings: comments, titles of clips, notes of reviews.
    Comment,
    /// Titles of playlists.
    Playlist,
    /// Small pictures of what a recording of a screen shows.
    Preview,
}

/// Whom or what a sealed value is about: what a grant must cover to open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The organisation itself.
    Organisation,
    /// One recording.
    Recording(RecordingId),
    /// One site.
    Site(SiteId),
    /// One person of the organisation.
    Person(PersonId),
    /// One entry of the audit log.
    AuditEntry {
        /// Its number.
        number: u64,
        /// The id of what it tells of.
        object: [u8; 16],
    },
    /// One hold.
    Hold(HoldId),
    /// One request of a recorded person.
    Request(RequestId),
}

/// Where a sealed value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it is about.
    pub about: About,
    /// Its row.
    pub row: [u8; 16],
    /// The version of its row.
    pub version: u64,
}

/// A sealed `T`. Only `vault` opens it.
pub struct Sealed<T> {
    value: SealedValue,
    place: Place,
    content: PhantomData<fn() -> T>,
}

// By hand, because what is sealed need not be `Clone` or `Debug` for its seal to be.
impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), place: self.place, content: PhantomData }
    }
}

impl<T: Content> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}.{})", T::TABLE, T::COLUMN)
    }
}

impl<T: Content> Sealed<T> {
    /// The value found at `place`.
    ///
    /// # Errors
    /// [`SqlError::Inconsistent`] when the bytes have not the shape of a sealed value.
    pub fn found(bytes: Vec<u8>, place: Place) -> Result<Self, SqlError> {
        let value = SealedValue::from_bytes(bytes)
            .map_err(|_| SqlError::Inconsistent { table: T::TABLE, column: T::COLUMN.to_owned() })?;
        Ok(Self { value, place, content: PhantomData })
    }

    /// A value that was sealed just now for `place`.
    #[must_use]
    pub fn sealed_for(value: SealedValue, place: Place) -> Self {
        Self { value, place, content: PhantomData }
    }

    /// The sealed bytes.
    #[must_use]
    pub fn value(&self) -> &SealedValue {
        &self.value
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}
