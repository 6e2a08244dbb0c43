//! Pictures of people: two squares each, sealed under the key of whom they show.
//!
//! A version is never used twice, not even after a picture was removed, or an older one came back by a restore: browsers
//! keep what they were given by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clerestory_model::{OrganisationId, PersonId, Timestamp};
use clerestory_sql::{Lock, SqlError, Tx};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{About, Content, Kind, Place, Sealed};

/// The bytes of a file, in text: what is sealed in a column is JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

macro_rules! squares {
    ($($(#[$doc:meta])* $name:ident = $column:literal;)+) => {
        $($(#[$doc])*
        #[derive(Serialize, Deserialize)]
        pub struct $name(Bytes);

        impl $name {
            /// A square of these bytes.
            #[must_use]
            pub fn new(bytes: Vec<u8>) -> Self {
                Self(Bytes(bytes))
            }

            /// Its bytes.
            #[must_use]
            pub fn into_bytes(self) -> Vec<u8> {
                self.0.0
            }
        }

        impl Content for $name {
            const KIND: Kind = Kind::Picture;
            const TABLE: &'static str = "pictures";
            const COLUMN: &'static str = $column;
        })+
    };
}

squares! {
    /// The larger square.
    Large = "large";
    /// The smaller one.
    Small = "small";
}

/// A picture's row.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Whom it shows.
    pub person: PersonId,
    /// Where they belong.
    pub organisation: OrganisationId,
    /// Which one it is.
    pub version: u64,
    /// The larger square.
    pub large: Sealed<Large>,
    /// The smaller one.
    pub small: Sealed<Small>,
}

/// Where the squares of a version stand.
#[must_use]
pub fn place(organisation: OrganisationId, person: PersonId, version: u64) -> Place {
    Place { organisation, about: About::Person(person), row: *person.as_bytes(), version }
}

/// The picture of a person, if there is one.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, person: PersonId) -> Result<Option<Picture>, SqlError> {
    let sql = "SELECT organisation_id, version, large, small FROM pictures
               WHERE person_id = $1 AND large IS NOT NULL AND small IS NOT NULL";
    let Some(row) = tx.query_opt(sql, &[person.into()]).await? else { return Ok(None) };
    let (organisation, version) = (row.get(0)?, row.get(1)?);
    let at = place(organisation, person, version);
    Ok(Some(Picture {
        person,
        organisation,
        version,
        large: Sealed::found(row.get(2)?, at)?,
        small: Sealed::found(row.get(3)?, at)?,
    }))
}

/// The version of a person's picture, if there is one.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn version(tx: &mut Tx, person: PersonId) -> Result<Option<u64>, SqlError> {
    let sql = "SELECT version FROM pictures WHERE person_id = $1 AND small IS NOT NULL";
    tx.query_opt(sql, &[person.into()]).await?.map(|row| row.get(0)).transpose()
}

/// The version that the next picture of a person has: the time, and more than any before. The caller has the
/// organisation's turn.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn next_version(tx: &mut Tx, person: PersonId, at: Timestamp) -> Result<u64, SqlError> {
    let sql = "SELECT version FROM pictures WHERE person_id = $1";
    let row = tx.query_opt_locked(Lock::Exclusive, sql, &[person.into()]).await?;
    let before = row.map_or(Ok(0), |row| row.get::<u64>(0))?;
    Ok((before + 1).max(u64::try_from(at.micros()).unwrap_or(0)))
}

/// Puts a picture in the place of any before.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn put(tx: &mut Tx, picture: &Picture) -> Result<(), SqlError> {
    let sql =
        "INSERT INTO pictures (person_id, organisation_id, version, large, small) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (person_id) DO UPDATE SET version = excluded.version, large = excluded.large,
                   small = excluded.small";
    let values = [
        picture.person.into(),
        picture.organisation.into(),
        picture.version.into(),
        picture.large.value().as_bytes().into(),
        picture.small.value().as_bytes().into(),
    ];
    tx.execute(sql, &values).await.map(drop)
}

/// Removes a picture, and remembers which versions there were; whether there was one.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn remove(tx: &mut Tx, person: PersonId) -> Result<bool, SqlError> {
    let sql = "UPDATE pictures SET large = NULL, small = NULL WHERE person_id = $1 AND small IS NOT NULL";
    Ok(tx.execute(sql, &[person.into()]).await? > 0)
}

/// Removes everything about the picture of somebody who is no longer here.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget(tx: &mut Tx, person: PersonId) -> Result<(), SqlError> {
    tx.execute("DELETE FROM pictures WHERE person_id = $1", &[person.into()]).await.map(drop)
}
