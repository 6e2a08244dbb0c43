//! People who can sign in.

use std::fmt;
use std::str::FromStr;

use clerestory_model::{OrganisationId, PersonId, SubjectId, Timestamp, UnknownWord};
use clerestory_sql::{Row, SqlError, Tx};
use serde::{Deserialize, Serialize};

use crate::{About, Content, Kind, Place, Sealed};

/// What a person may do, before scopes and settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees their own.
    Member,
    /// Sees those of others in their scope.
    Manager,
    /// Runs the organisation.
    Admin,
}

impl Role {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "member" => Ok(Self::Member),
            "manager" => Ok(Self::Manager),
            "admin" => Ok(Self::Admin),
            other => Err(UnknownWord { kind: "role", word: other.to_owned() }),
        }
    }
}

/// How to call and reach a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Their name.
    pub name: String,
    /// Their address for signing in.
    pub email: String,
}

impl Profile {
    /// Up to two initials of the name, upper case.
    #[must_use]
    pub fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        let ends = words.next().into_iter().chain(words.next_back());
        ends.flat_map(char::to_uppercase).collect()
    }
}

impl Content for Profile {
    const KIND: Kind = Kind::Person;
    const TABLE: &'static str = "people";
    const COLUMN: &'static str = "profile";
}

/// A person's row.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// The organisation they belong to.
    pub organisation: OrganisationId,
    /// The subject whose key seals what is about them.
    pub subject: SubjectId,
    /// Their role.
    pub role: Role,
    /// Name and address.
    pub profile: Sealed<Profile>,
}

/// Where the profile of a person stands.
#[must_use]
pub fn profile_place(organisation: OrganisationId, id: PersonId, version: u64) -> Place {
    Place { organisation, about: About::Person(id), row: *id.as_bytes(), version }
}

const COLUMNS: &str = "person_id, organisation_id, subject_id, role, profile, version";

fn person(row: &Row) -> Result<Person, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let role: String = row.get(3)?;
    Ok(Person {
        id,
        organisation,
        subject: row.get(2)?,
        role: role
            .parse()
            .map_err(|_| SqlError::Inconsistent { table: "people", column: "role".to_owned() })?,
        profile: Sealed::found(row.get(4)?, profile_place(organisation, id, row.get(5)?))?,
    })
}

/// Adds a person.
///
/// # Errors
/// [`SqlError::Exists`] when the id is taken.
pub async fn insert(tx: &mut Tx, new: &Person, at: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO people (person_id, organisation_id, subject_id, role, profile, version, created_at)
         VALUES ($1, $2, $3, $4, $5, 1, $6)",
        &[
            new.id.into(),
            new.organisation.into(),
            new.subject.into(),
            new.role.word().into(),
            new.profile.value().as_bytes().into(),
            at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The person with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM people WHERE person_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(person).transpose()
}

/// Everybody of an organisation, at most a thousand.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn of_organisation(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Person>, SqlError> {
    let sql =
        format!("SELECT {COLUMNS} FROM people WHERE organisation_id = $1 ORDER BY person_id LIMIT 1000");
    tx.query(&sql, &[organisation.into()]).await?.iter().map(person).collect()
}
