//! A value that is still sealed, together with where it stood and whom it is about.

use std::marker::PhantomData;

use clerestory_model::{OrganisationId, PersonId, RecordingId, SiteId};
use clerestory_seal::SealedValue;
use clerestory_sql::SqlError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that is stored sealed, as JSON, in one column of one table.
pub trait Content: Serialize + DeserializeOwned {
    /// The table it stands in.
    const TABLE: &'static str;
    /// The column it stands in.
    const COLUMN: &'static str;
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
    AuditEntry(u64),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<T> {
    value: SealedValue,
    place: Place,
    content: PhantomData<fn() -> T>,
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
