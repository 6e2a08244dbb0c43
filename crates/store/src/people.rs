//! People who can sign in.

use std::fmt;
use std::str::FromStr;

use clerestory_model::{OrganisationId, PersonId, RoleId, SubjectId, TeamId, Timestamp, UnknownWord};
use clerestory_sql::{Lock, Row, SqlError, Tx, Value};
use serde::{Deserialize, Serialize};

use crate::recordings::ScopeFilter;
use crate::{About, Content, Kind, Place, Sealed};

/// What a person may do, before scopes and settings. Somebody is one of the first three, and may be any beside it; or they
/// are from outside, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Role {
    /// Sees their own.
    Member,
    /// Sees those of others in their scope.
    Manager,
    /// Runs the organisation.
    Admin,
    /// Keeps what must be kept, erases what must go, and watches nothing.
    Privacy,
    /// Reads what was done and how everything is set, and changes nothing.
    Auditor,
    /// Watches, and nothing else.
    Viewer,
    /// Says what others may do, up to what they may do themselves.
    Assigner,
    /// Is from outside, and does what a grant lends them while it runs.
    Support,
    /// What the organisation put together itself.
    Custom(RoleId),
}

impl Role {
    /// Those that every organisation has.
    pub const BUILT_IN: [Self; 8] = [
        Self::Member,
        Self::Manager,
        Self::Admin,
        Self::Privacy,
        Self::Auditor,
        Self::Viewer,
        Self::Assigner,
        Self::Support,
    ];

    /// Its column of the matrix; `custom` for one that has none.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Privacy => "privacy",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
            Self::Assigner => "assigner",
            Self::Support => "support",
            Self::Custom(_) => "custom",
        }
    }

    /// Whether it is one of those of which everybody has exactly one.
    #[must_use]
    pub const fn is_main(self) -> bool {
        matches!(self, Self::Member | Self::Manager | Self::Admin | Self::Support)
    }
}

/// The word that is stored and shown.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(id) => id.fmt(f),
            role => f.write_str(role.word()),
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownWord;
    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let built_in = Self::BUILT_IN.into_iter().find(|role| role.word() == text);
        built_in
            .or_else(|| text.parse().ok().map(Self::Custom))
            .ok_or_else(|| UnknownWord { kind: "role", word: text.to_owned() })
    }
}

/// How far somebody's time here has gone. A block, which ends by itself, stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonState {
    /// They were asked, and have not come yet.
    Invited,
    /// They may sign in.
    Active,
    /// They may not; what is about them is kept, and they can be brought back.
    SoftDeleted,
}

impl PersonState {
    /// The word that is stored and shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::SoftDeleted => "soft_deleted",
        }
    }
}

impl FromStr for PersonState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Invited, Self::Active, Self::SoftDeleted]
            .into_iter()
            .find(|state| state.word() == text)
            .ok_or_else(|| UnknownWord { kind: "state of a person", word: text.to_owned() })
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
    /// How far their time here has gone.
    pub state: PersonState,
    /// The team they work in.
    pub team: Option<TeamId>,
    /// When they were added.
    pub created_at: Timestamp,
    /// Name and address.
    pub profile: Sealed<Profile>,
}

/// Where the profile of a person stands.
#[must_use]
pub fn profile_place(organisation: OrganisationId, id: PersonId, version: u64) -> Place {
    Place { organisation, about: About::Person(id), row: *id.as_bytes(), version }
}

const COLUMNS: &str =
    "person_id, organisation_id, subject_id, role, profile, version, state, team_id, created_at";

fn person(row: &Row) -> Result<Person, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let (role, state): (String, String) = (row.get(3)?, row.get(6)?);
    let wrong = |column: &str| SqlError::Inconsistent { table: "people", column: column.to_owned() };
    Ok(Person {
        id,
        organisation,
        subject: row.get(2)?,
        role: role.parse().map_err(|_| wrong("role"))?,
        state: state.parse().map_err(|_| wrong("state"))?,
        team: row.get(7)?,
        created_at: row.get(8)?,
        profile: Sealed::found(row.get(4)?, profile_place(organisation, id, row.get(5)?))?,
    })
}

/// Adds a person, and says of their subject that it is they.
///
/// # Errors
/// [`SqlError::Exists`] when the id is taken.
pub async fn insert(tx: &mut Tx, new: &Person) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO people (person_id, organisation_id, subject_id, role, profile, version, created_at, state,
             team_id) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8)",
        &[
            new.id.into(),
            new.organisation.into(),
            new.subject.into(),
            new.role.word().into(),
            new.profile.value().as_bytes().into(),
            new.created_at.into(),
            new.state.word().into(),
            new.team.into(),
        ],
    )
    .await?;
    let sql = "UPDATE subjects SET person_id = $1 WHERE subject_id = $2";
    tx.execute_one("subjects", sql, &[new.id.into(), new.subject.into()]).await
}

/// The person with this id.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn find(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM people WHERE person_id = $1");
    tx.query_opt(&sql, &[id.into()]).await?.as_ref().map(person).transpose()
}

/// The person with this id, whose row stays as it is until the transaction ends.
///
/// # Errors
/// As [`find`].
pub async fn find_locked(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM people WHERE person_id = $1");
    tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into()]).await?.as_ref().map(person).transpose()
}

/// Which people a list asks for. Names are sealed: nothing can be asked of them here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<PersonState>,
    /// Only with this main role.
    pub role: Option<Role>,
    /// Only of this team.
    pub team: Option<TeamId>,
    /// Only who reports to this person.
    pub manager: Option<PersonId>,
    /// Only who is kept out by a block at this time.
    pub blocked_at: Option<Timestamp>,
    /// Only after this one.
    pub after: Option<PersonId>,
    /// At most this many.
    pub limit: u32,
}

/// The people a scope lets through and the filter asks for, by their ids: who was added first comes first.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn list(tx: &mut Tx, scope: &ScopeFilter, filter: &Filter) -> Result<Vec<Person>, SqlError> {
    // A grant of support lends recordings.
    if scope.lent.is_some() {
        return Ok(Vec::new());
    }
    let mut sql = format!("SELECT {COLUMNS} FROM people WHERE organisation_id = $1");
    let mut values: Vec<Value> = vec![scope.organisation.into()];
    let mut also = |condition: &str, value: Value| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&condition.replace('#', &format!("${}", values.len())));
    };
    const REPORT: &str = "person_id IN (SELECT l.person_id FROM reporting_lines l WHERE l.manager_id = # AND l.ended_at IS NULL)";
    if let Some((condition, value)) = scope.subjects.condition("people.subject_id") {
        also(&condition, value);
    }
    if let Some(state) = filter.state {
        also("state = #", state.word().into());
    }
    if let Some(role) = filter.role {
        also("role = #", role.word().into());
    }
    if let Some(team) = filter.team {
        also("team_id = #", team.into());
    }
    if let Some(manager) = filter.manager {
        also(REPORT, manager.into());
    }
    if let Some(at) = filter.blocked_at {
        also(
            "person_id IN (SELECT b.person_id FROM blocks b WHERE b.session_id IS NULL AND b.ends_at > #)",
            at.into(),
        );
    }
    if let Some(after) = filter.after {
        also("person_id > #", after.into());
    }
    values.push(filter.limit.into());
    sql.push_str(&format!(" ORDER BY person_id LIMIT ${}", values.len()));
    tx.query(&sql, &values).await?.iter().map(person).collect()
}

/// Changes what a person is: role, state, team. Their name is theirs.
///
/// # Errors
/// [`SqlError::Inconsistent`] when they are gone.
pub async fn update(tx: &mut Tx, person: &Person) -> Result<(), SqlError> {
    let sql = "UPDATE people SET role = $1, state = $2, team_id = $3 WHERE person_id = $4";
    let values =
        [person.role.word().into(), person.state.word().into(), person.team.into(), person.id.into()];
    tx.execute_one("people", sql, &values).await
}

/// The roles somebody has beside their main one.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn further_roles(tx: &mut Tx, id: PersonId) -> Result<Vec<Role>, SqlError> {
    let sql = "SELECT role FROM person_roles WHERE person_id = $1 ORDER BY role";
    let wrong = |_| SqlError::Inconsistent { table: "person_roles", column: "role".to_owned() };
    let rows = tx.query(sql, &[id.into()]).await?;
    rows.iter().map(|row| row.get::<String>(0)?.parse().map_err(wrong)).collect()
}

/// Gives somebody these roles beside their main one, and no others; every role that was or is among them.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn set_further_roles(
    tx: &mut Tx,
    organisation: OrganisationId,
    id: PersonId,
    roles: &[Role],
) -> Result<Vec<String>, SqlError> {
    let mut touched = forget_further_roles(tx, id).await?;
    for role in roles {
        let sql = "INSERT INTO person_roles (person_id, role, organisation_id) VALUES ($1, $2, $3)";
        tx.execute(sql, &[id.into(), role.to_string().into(), organisation.into()]).await?;
        touched.push(role.to_string());
    }
    touched.sort_unstable();
    touched.dedup();
    Ok(touched)
}

/// Takes every further role from somebody; which they were.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn forget_further_roles(tx: &mut Tx, id: PersonId) -> Result<Vec<String>, SqlError> {
    let sql = "DELETE FROM person_roles WHERE person_id = $1 RETURNING role";
    tx.query(sql, &[id.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// The people of an organisation who have one of these roles and are active, in the order of their ids: whoever is kept out
/// for a time has them still. The caller has the organisation's turn.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn with_roles(
    tx: &mut Tx,
    organisation: OrganisationId,
    roles: &[Role],
) -> Result<Vec<PersonId>, SqlError> {
    let mut values: Vec<Value> = vec![organisation.into(), PersonState::Active.word().into()];
    let mut places = Vec::with_capacity(roles.len());
    for role in roles {
        values.push(role.to_string().into());
        places.push(format!("${}", values.len()));
    }
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let places = places.join(", ");
    let sql = format!(
        "SELECT person_id FROM people WHERE organisation_id = $1 AND state = $2
             AND (role IN ({places}) OR person_id IN (SELECT r.person_id FROM person_roles r WHERE r.role IN ({places})))
         ORDER BY person_id"
    );
    tx.query(&sql, &values).await?.iter().map(|row| row.get(0)).collect()
}

/// The active people of an organisation who are Admins or have further roles: nobody else may do anything about what others
/// ask for.
///
/// # Errors
/// [`SqlError::Engine`], [`SqlError::Inconsistent`].
pub async fn beyond_their_own(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Person>, SqlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM people WHERE organisation_id = $1 AND state = $2
             AND (role = $3 OR person_id IN (SELECT r.person_id FROM person_roles r WHERE r.organisation_id = $1))
         ORDER BY person_id"
    );
    let values = [organisation.into(), PersonState::Active.word().into(), Role::Admin.word().into()];
    tx.query(&sql, &values).await?.iter().map(person).collect()
}

/// Whether somebody else than `but` runs this organisation: an Admin who is active and whom no block keeps out. The
/// caller has the organisation's turn.
///
/// # Errors
/// [`SqlError::Engine`].
pub async fn another_admin(
    tx: &mut Tx,
    organisation: OrganisationId,
    but: PersonId,
    now: Timestamp,
) -> Result<bool, SqlError> {
    let sql = "SELECT 1 FROM people WHERE organisation_id = $1 AND person_id <> $2 AND state = $3
                   AND (role = $4 OR person_id IN (SELECT r.person_id FROM person_roles r WHERE r.role = $4))
                   AND person_id NOT IN (SELECT b.person_id FROM blocks b
                       WHERE b.organisation_id = $1 AND b.person_id IS NOT NULL AND b.session_id IS NULL
                           AND b.ends_at > $5)
               LIMIT 1";
    let values = [
        organisation.into(),
        but.into(),
        PersonState::Active.word().into(),
        Role::Admin.word().into(),
        now.into(),
    ];
    Ok(tx.query_opt(sql, &values).await?.is_some())
}
