//! What is held about a person beside recordings: their account, their sessions, and the settings in force about them.

use clerestory_access::{Grant, HandOut, PersonRef, ReadOwnProfile};
use clerestory_lifecycle::Request;
use clerestory_model::{OrganisationId, PersonId, Timestamp};
use clerestory_settings::tree::{Level, Node};
use clerestory_sql::Tx;
use clerestory_store::people::Role;
use clerestory_store::settings as setting_rows;
use clerestory_store::{organisations, people, pictures, roles};
use serde::Serialize;

use crate::Api;
use crate::caller::Caller;
use crate::dto::visitor_label;
use crate::opening::Names;
use crate::problem::ApiError;

#[derive(Serialize)]
pub(super) struct About {
    pub(super) made_at: String,
    /// `access` or `export`.
    pub(super) asked_for: String,
    pub(super) asked_at: String,
    pub(super) request: String,
    pub(super) organisation: String,
    pub(super) subject: String,
    /// A name; of a visitor nobody named two words made from the id.
    pub(super) label: String,
    pub(super) account: Option<Account>,
    /// Their picture, which is a file of its own.
    #[serde(skip)]
    pub(super) picture: Option<Vec<u8>>,
    pub(super) sessions: Vec<Session>,
    pub(super) settings: Vec<InForce>,
    /// The entry of the audit log that tells of this handing out.
    pub(super) entry: u64,
}

#[derive(Serialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) roles: Vec<String>,
    pub(super) state: String,
    pub(super) since: String,
    pub(super) reports_to: Option<String>,
    /// The file with their picture, if they have one.
    pub(super) picture: Option<&'static str>,
}

/// The file with somebody's picture.
pub(super) const PICTURE: &str = "picture.jpg";

#[derive(Serialize)]
pub(super) struct Session {
    pub(super) began_at: String,
    pub(super) last_used_at: String,
    pub(super) ends_at: String,
    pub(super) browser: String,
    pub(super) signed_in_by: String,
}

#[derive(Serialize)]
pub(super) struct InForce {
    pub(super) name: String,
    pub(super) means: String,
    pub(super) value: serde_json::Value,
}

impl About {
    pub(super) async fn of(
        api: &Api,
        caller: &Caller,
        grant: Grant<HandOut>,
        request: &Request,
        made_at: Timestamp,
    ) -> Result<Self, ApiError> {
        let sessions = own_sessions(api, caller, request).await?;
        api.vault.hold_lease().await?;
        let (inner, request) = (api.clone(), request.clone());
        api.database
            .read(move |tx| {
                Box::pin(async move {
                    let organisation = request.organisation;
                    let (person, manager) = organisations::person_of_subject(tx, request.subject).await?;
                    let picture = match person {
                        Some(person) => picture(&inner, tx, &grant, person).await?,
                        None => None,
                    };
                    let mut account = match person {
                        Some(person) => account(&inner, tx, &grant, (person, manager)).await?,
                        None => None,
                    };
                    if let Some(account) = &mut account {
                        account.picture = picture.as_ref().map(|_| PICTURE);
                    }
                    let label = match &account {
                        Some(account) => account.name.clone(),
                        None => visitor_label(request.subject),
                    };
                    let named =
                        organisations::find(tx, organisation).await?.ok_or_else(ApiError::not_found)?;
                    Ok(Self {
                        made_at: made_at.to_string(),
                        asked_for: request.kind.word().to_owned(),
                        asked_at: request.asked_at.to_string(),
                        request: request.id.to_string(),
                        organisation: inner.vault.open(tx, &grant, &named.name).await?.0,
                        subject: request.subject.to_string(),
                        label,
                        settings: in_force(&inner, tx, organisation, account.as_ref().and(person)).await?,
                        account,
                        picture,
                        sessions,
                        entry: grant.entry(),
                    })
                })
            })
            .await
    }
}

/// The running sessions of whoever fetches what is about themselves.
async fn own_sessions(api: &Api, caller: &Caller, request: &Request) -> Result<Vec<Session>, ApiError> {
    if caller.op.actor.subject() != Some(request.subject) {
        return Ok(Vec::new());
    }
    let on = PersonRef { organisation: caller.organisation, id: caller.person };
    let grant = api.access.resume::<ReadOwnProfile>(&caller.op, on, caller.signed_in).await??;
    let sessions = api.identity.sessions(grant).await?.into_iter().map(|session| Session {
        began_at: session.created_at.to_string(),
        last_used_at: session.last_used_at.to_string(),
        ends_at: session.expires_at.to_string(),
        browser: session.browser,
        signed_in_by: session.signed_in_by.word().to_owned(),
    });
    Ok(sessions.collect())
}

async fn account(
    api: &Api,
    tx: &mut Tx,
    grant: &Grant<HandOut>,
    (person, manager): (PersonId, Option<PersonId>),
) -> Result<Option<Account>, ApiError> {
    let Some(found) = people::find(tx, person).await? else { return Ok(None) };
    let profile = api.vault.open(tx, grant, &found.profile).await?;
    let also = people::further_roles(tx, person).await?;
    let reports_to = match manager {
        Some(manager) => Some(Names::new(api, grant).person(tx, manager).await?.name),
        None => None,
    };
    let mut roles = Vec::with_capacity(also.len() + 1);
    for role in std::iter::once(&found.role).chain(&also) {
        roles.push(role_name(api, tx, grant, *role).await?);
    }
    Ok(Some(Account {
        id: found.id.to_string(),
        name: profile.name,
        email: profile.email,
        roles,
        state: found.state.word().to_owned(),
        since: found.created_at.to_string(),
        reports_to,
        picture: None,
    }))
}

/// What people call a role: its word, or the name that the organisation gave one of its own.
async fn role_name(api: &Api, tx: &mut Tx, grant: &Grant<HandOut>, role: Role) -> Result<String, ApiError> {
    let found = match role {
        Role::Custom(id) => roles::find(tx, id).await?,
        _ => None,
    };
    Ok(match found {
        Some(own) => api.vault.open(tx, grant, &own.name).await?.0,
        None => role.word().to_owned(),
    })
}

async fn picture(
    api: &Api,
    tx: &mut Tx,
    grant: &Grant<HandOut>,
    person: PersonId,
) -> Result<Option<Vec<u8>>, ApiError> {
    Ok(match pictures::find(tx, person).await? {
        Some(found) => Some(api.vault.open(tx, grant, &found.large).await?.into_bytes()),
        None => None,
    })
}

/// What every setting says for a person, or for a visitor's organisation.
async fn in_force(
    api: &Api,
    tx: &mut Tx,
    organisation: OrganisationId,
    person: Option<PersonId>,
) -> Result<Vec<InForce>, ApiError> {
    let node = match person {
        Some(person) => Node { level: Level::User, id: *person.as_bytes() },
        None => Node { level: Level::Organisation, id: *organisation.as_bytes() },
    };
    let chain = setting_rows::chain(tx, organisation, node).await?.ok_or_else(ApiError::not_found)?;
    let settings = api.access.settings();
    let known = settings.known(tx, organisation).await?;
    let told = settings.registry().all().map(|setting| InForce {
        name: setting.key.to_string(),
        means: setting.note.to_string(),
        value: known.explain(setting, &chain).0.value.json(),
    });
    Ok(told.collect())
}
