//! The rows here that say who may do what: `verify` compares them with what the audit log says became of them.

use clerestory_audit::authority::{ChangedBy, Table, Told, Touched};
use clerestory_audit::{ActorKind, ObjectRef};
use clerestory_model::{
    ApiKeyId, BlockId, OrganisationId, PersonId, RecorderId, RoleId, SessionId, SupportGrantId, Timestamp,
};
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
static CUSTOM_ROLES: Table = Table {
    name: "custom_roles",
    key: &["role_id"],
    columns: &[("organisation_id", Told::Plain), ("rights", Told::Plain), ("made_by", Told::Plain)],
    ends: None,
};
static SUPPORT: Table = Table {
    name: "support_grants",
    key: &["grant_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("person_id", Told::Plain),
        ("rights", Told::Plain),
        ("node", Told::Plain),
        ("made_by", Told::Plain),
        ("begins_at", Told::Plain),
        ("ends_at", Told::Plain),
        ("ended_at", Told::Plain),
        ("ended_by", Told::Plain),
    ],
    ends: None,
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
        ("signed_in_by", Told::Plain),
        ("stepped_up_at", Told::Plain),
        ("device_hash", Told::Plain),
    ],
    ends: Some("expires_at"),
};
static FACTORS: Table = Table {
    name: "second_factors",
    key: &["person_id"],
    columns: &[
        ("version", Told::Plain),
        ("secret", Told::Digest),
        ("confirmed_at", Told::Plain),
        ("last_step", Told::Plain),
    ],
    ends: None,
};
static RECOVERY: Table =
    Table { name: "recovery_codes", key: &["code_hash"], columns: &[("person_id", Told::Plain)], ends: None };
static PENDING: Table = Table {
    name: "pending_sign_ins",
    key: &["token_hash"],
    columns: &[
        ("person_id", Told::Plain),
        ("signed_in_by", Told::Plain),
        ("password_version", Told::Plain),
        ("expires_at", Told::Plain),
    ],
    ends: Some("expires_at"),
};

static API_KEYS: Table = Table {
    name: "api_keys",
    key: &["key_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("token_hash", Told::Plain),
        ("made_by", Told::Plain),
        ("scopes", Told::Plain),
        ("expires_at", Told::Plain),
    ],
    ends: Some("expires_at"),
};

static PLACE_BLOCKS: Table = Table {
    name: "place_blocks",
    key: &["block_id"],
    columns: &[
        ("organisation_id", Told::Plain),
        ("network", Told::Digest),
        ("device_hash", Told::Plain),
        ("person_id", Told::Plain),
        ("set_by", Told::Plain),
        ("ends_at", Told::Plain),
        ("lifted_by", Told::Plain),
    ],
    ends: Some("ends_at"),
};

static RESETS: Table = Table {
    name: "password_resets",
    key: &["token_hash"],
    columns: &[("person_id", Told::Plain), ("expires_at", Told::Plain)],
    ends: Some("expires_at"),
};

static RECORDERS: Table = Table {
    name: "recorders",
    key: &["recorder_id"],
    columns: &[("organisation_id", Told::Plain), ("person_id", Told::Plain), ("token_hash", Told::Plain)],
    ends: None,
};
static RECORDER_CODES: Table = Table {
    name: "recorder_codes",
    key: &["code_hash"],
    columns: &[("person_id", Told::Plain), ("expires_at", Told::Plain)],
    ends: Some("expires_at"),
};

/// Every table of people, sessions and keys whose rows are authority.
pub static AUTHORITY: [&Table; 22] = [
    &ORGANISATIONS,
    &PEOPLE,
    &CREDENTIALS,
    &LINKS,
    &SESSIONS,
    &FACTORS,
    &RECOVERY,
    &PENDING,
    &API_KEYS,
    &FURTHER_ROLES,
    &CUSTOM_ROLES,
    &SUPPORT,
    &LINES,
    &BLOCKS,
    &INVITATIONS,
    &DOMAINS,
    &PROJECTS,
    &TEAMS,
    &PLACE_BLOCKS,
    &RESETS,
    &RECORDERS,
    &RECORDER_CODES,
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

pub(crate) fn api_key(id: ApiKeyId) -> Touched {
    Touched::row(&API_KEYS, [id.into()])
}

pub(crate) fn factor(id: PersonId) -> Touched {
    Touched::row(&FACTORS, [id.into()])
}

pub(crate) fn recovery(code_hash: [u8; 32]) -> Touched {
    Touched::row(&RECOVERY, [code_hash.into()])
}

pub(crate) fn pending(token_hash: [u8; 32]) -> Touched {
    Touched::row(&PENDING, [token_hash.into()])
}

pub(crate) fn further_role(id: PersonId, role: &str) -> Touched {
    Touched::row(&FURTHER_ROLES, [id.into(), role.into()])
}

pub(crate) fn custom_role(id: RoleId) -> Touched {
    Touched::row(&CUSTOM_ROLES, [id.into()])
}

pub(crate) fn support(id: SupportGrantId) -> Touched {
    Touched::row(&SUPPORT, [id.into()])
}

pub(crate) fn line(id: PersonId, number: u64) -> Touched {
    Touched::row(&LINES, [id.into(), number.into()])
}

pub(crate) fn block(id: BlockId) -> Touched {
    Touched::row(&BLOCKS, [id.into()])
}

pub(crate) fn reset(token_hash: [u8; 32]) -> Touched {
    Touched::row(&RESETS, [token_hash.into()])
}

pub(crate) fn recorder(id: RecorderId) -> Touched {
    Touched::row(&RECORDERS, [id.into()])
}

pub(crate) fn recorder_code(code_hash: [u8; 32]) -> Touched {
    Touched::row(&RECORDER_CODES, [code_hash.into()])
}

pub(crate) fn place_block(id: BlockId) -> Touched {
    Touched::row(&PLACE_BLOCKS, [id.into()])
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

/// Ends every session of a person, those that wait for a second factor too; the rows that are gone.
pub(crate) async fn end_sessions(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    // No session has the nil id.
    end_other_sessions(tx, person, SessionId::nil()).await
}

/// Ends every session of a person but one; the rows that are gone.
pub(crate) async fn end_other_sessions(
    tx: &mut Tx,
    person: PersonId,
    kept: SessionId,
) -> Result<Vec<Touched>, SqlError> {
    // What is told is what was deleted: a session that begins meanwhile is in neither, or in both.
    let sql = "DELETE FROM sessions WHERE person_id = $1 AND session_id <> $2 RETURNING session_id";
    let rows = tx.query(sql, &[person.into(), kept.into()]).await?;
    let ended: Result<Vec<Touched>, SqlError> = rows.iter().map(|row| Ok(session(row.get(0)?))).collect();
    let mut touched = ended?;
    let sql = "DELETE FROM pending_sign_ins WHERE person_id = $1 RETURNING token_hash";
    for row in tx.query(sql, &[person.into()]).await? {
        touched.push(pending(row.get(0)?));
    }
    Ok(touched)
}

/// Takes back every sign-in link of somebody; the rows that are gone.
pub(crate) async fn end_links(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    let sql = "DELETE FROM sign_in_links WHERE person_id = $1 RETURNING token_hash";
    tx.query(sql, &[person.into()]).await?.iter().map(|row| Ok(link(row.get(0)?))).collect()
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
