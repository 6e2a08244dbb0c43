//! The rows here that say who may do what: `verify` compares them with what the audit log says became of them.

use clerestory_audit::authority::{ChangedBy, Table, Told, Touched};
use clerestory_audit::{ActorKind, ObjectRef};
use clerestory_model::{BlockId, OrganisationId, PersonId, SessionId, Timestamp};
use clerestory_sql::{SqlError, Tx};
use clerestory_store::tree::NodeId;

use crate::{Identity, IdentityError};

static ORGANISATIONS: Table = Table {
    name: "organisations",
    key: &["organisation_id"],
    columns: &[("region", Told::Plain)],
    ends: None,
};
static PEOPLE: Table = Table {
    name: "people",
    key: &["person_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("subject_id", Told::Plain),
        ("role", Told::Plain),
        ("state", Told::Plain),
        ("team_id", Told::Plain),
    ],
    ends: None,
};
static FURTHER_ROLES: Table = Table {
    name: "person_roles",
    key: &["person_id", "role"],
    columns: &[("organisation_id", Told::Plain)],
    ends: None,
};
static LINES: Table = Table {
    name: "reporting_lines",
    key: &["person_id", "number"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("manager_id", Told::Plain),
        ("since", Told::Plain),
        ("ended_at", Told::Plain),
    ],
    ends: None,
};
static BLOCKS: Table = Table {
    name: "blocks",
    key: &["block_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("person_id", Told::Plain),
        ("session_id", Told::Plain),
        ("set_by", Told::Plain),
        ("ends_at", Told::Plain),
    ],
    ends: Some("ends_at"),
};
static INVITATIONS: Table = Table {
    name: "invitations",
    key: &["person_id"],
    columns: &[("token_hash", Told::Plain), ("expires_at", Told::Plain)],
    ends: Some("expires_at"),
};
static DOMAINS: Table =
    Table { name: "domains", key: &["domain_id"], columns: &[("organisation_id", Told::Plain)], ends: None };
static PROJECTS: Table = Table {
    name: "projects",
    key: &["project_id"],
    columns: &[("organisation_id", Told::Plain), ("domain_id", Told::Plain)],
    ends: None,
};
static TEAMS: Table = Table {
    name: "teams",
    key: &["team_id"],
    columns: &[("organisation_id", Told::Plain), ("project_id", Told::Plain)],
    ends: None,
};
static CREDENTIALS: Table = Table {
    name: "credentials",
    key: &["person_id"],
    columns: &[("version", Told::Plain), ("password", Told::Digest)],
    ends: None,
};
static LINKS: Table = Table {
    name: "sign_in_links",
    key: &["token_hash"],
    columns: &[("person_id", Told::Plain), ("expires_at", Told::Plain)],
    ends: Some("expires_at"),
};
static SESSIONS: Table = Table {
    name: "sessions",
    key: &["session_id"],
    columns: &[
        ("token_hash", Told::Plain),
        ("person_id", Told::Plain),
        ("organisation_id", Told::Plain),
        ("signed_in", Told::Plain),
        ("expires_at", Told::Plain),
    ],
    ends: Some("expires_at"),
};

/// Every table of people and sessions whose rows are authority.
pub static AUTHORITY: [&Table; 12] = [
    &ORGANISATIONS,
    &PEOPLE,
    &CREDENTIALS,
    &LINKS,
    &SESSIONS,
    &FURTHER_ROLES,
    &LINES,
    &BLOCKS,
    &INVITATIONS,
    &DOMAINS,
    &PROJECTS,
    &TEAMS,
];

pub(crate) fn organisation(id: OrganisationId) -> Touched {
    Touched::row(&ORGANISATIONS, [id.into()])
}

pub(crate) fn person(id: PersonId) -> Touched {
    Touched::row(&PEOPLE, [id.into()])
}

pub(crate) fn credential(id: PersonId) -> Touched {
    Touched::row(&CREDENTIALS, [id.into()])
}

pub(crate) fn link(token_hash: [u8; 32]) -> Touched {
    Touched::row(&LINKS, [token_hash.into()])
}

pub(crate) fn session(id: SessionId) -> Touched {
    Touched::row(&SESSIONS, [id.into()])
}

pub(crate) fn further_role(id: PersonId, role: &str) -> Touched {
    Touched::row(&FURTHER_ROLES, [id.into(), role.into()])
}

pub(crate) fn line(id: PersonId, number: u64) -> Touched {
    Touched::row(&LINES, [id.into(), number.into()])
}

pub(crate) fn block(id: BlockId) -> Touched {
    Touched::row(&BLOCKS, [id.into()])
}

pub(crate) fn invitation(id: PersonId) -> Touched {
    Touched::row(&INVITATIONS, [id.into()])
}

pub(crate) fn node(id: NodeId) -> Touched {
    match id {
        NodeId::Domain(id) => Touched::row(&DOMAINS, [id.into()]),
        NodeId::Project(id) => Touched::row(&PROJECTS, [id.into()]),
        NodeId::Team(id) => Touched::row(&TEAMS, [id.into()]),
    }
}

/// Ends every session of a person; the rows that are gone.
pub(crate) async fn end_sessions(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    // What is told is what was deleted: a session that begins meanwhile is in neither, or in both.
    let sql = "DELETE FROM sessions WHERE person_id = $1 RETURNING session_id";
    let rows = tx.query(sql, &[person.into()]).await?;
    rows.iter().map(|row| Ok(session(row.get(0)?))).collect()
}

/// The program itself, at the command line.
pub(crate) fn by_program(organisation: OrganisationId, at: Timestamp) -> ChangedBy {
    ChangedBy { organisation, at, actor: (ActorKind::System, [0; 16]), request_id: String::new() }
}

impl Identity {
    /// Records how these rows stand now, in the transaction that changed them.
    pub(crate) async fn note_change(
        &self,
        tx: &mut Tx,
        by: ChangedBy,
        (kind, id): (&str, [u8; 16]),
        touched: &[Touched],
    ) -> Result<(), IdentityError> {
        let object = ObjectRef { kind: kind.to_owned(), id };
        self.access.audit().note_change(tx, by, object, touched).await?;
        Ok(())
    }
}
