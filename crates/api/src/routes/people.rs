//! People: who is here, one of them, and asking somebody to come.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clerestory_access::PersonRef as PersonOn;
use clerestory_identity::{Invitation, Invited, PersonDetails, PersonView};
use clerestory_model::{PersonId, TeamId};
use clerestory_store::people::{self as rows, PersonState, Role};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};

pub(crate) mod change;
pub(crate) mod pictures;
pub(crate) mod standing;

/// People of one answer at most.
const MOST: u32 = 100;
/// Characters of a name at most, and of an address.
const NAME_CHARS: usize = 80;
const EMAIL_CHARS: usize = 254;

/// Somebody of the organisation.
#[derive(Serialize, ToSchema)]
pub(crate) struct Person {
    id: String,
    /// The subject that recordings about them are about.
    subject: String,
    name: String,
    initials: String,
    email: String,
    /// The version of their picture, at `/people/{person}/picture`; without one they have none.
    picture: Option<u64>,
    /// `member`, `manager`, `admin`, or `support` for who is from outside.
    role: String,
    /// Roles beside the main one, by word or `rol_…`: what any of them may do, they may do.
    also: Vec<String>,
    /// `invited`, `active`, `suspended` (a block keeps them out, and ends by itself) or `soft_deleted`.
    state: String,
    #[schema(format = DateTime)]
    blocked_until: Option<String>,
    team: Option<String>,
    /// To whom they report.
    manager: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<PersonView> for Person {
    fn from(view: PersonView) -> Self {
        let suspended = view.state == PersonState::Active && view.blocked_until.is_some();
        Self {
            id: view.id.to_string(),
            subject: view.subject.to_string(),
            name: view.name,
            initials: view.initials,
            email: view.email,
            picture: view.picture,
            role: view.role.to_string(),
            also: view.also.iter().map(Role::to_string).collect(),
            state: if suspended { "suspended" } else { view.state.word() }.to_owned(),
            blocked_until: view.blocked_until.map(|at| at.to_string()),
            team: view.team.map(|team| team.to_string()),
            manager: view.manager.map(|manager| manager.to_string()),
            created_at: view.created_at.to_string(),
        }
    }
}

/// People of an organisation, in the order they were added.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonList {
    items: Vec<Person>,
    next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    entry: u64,
}

/// A reporting line, running or ended.
#[derive(Serialize, ToSchema)]
struct ReportingLine {
    manager: String,
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

/// What keeps somebody out for a time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Block {
    id: String,
    /// The session it is about, where it is about one alone.
    session: Option<String>,
    reason: String,
    /// Who set it; nobody for the command line.
    set_by: Option<String>,
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    ends_at: String,
}

/// A person with their history here.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonInFull {
    #[serde(flatten)]
    person: Person,
    /// Every line, the oldest first.
    reporting_lines: Vec<ReportingLine>,
    /// The blocks that run.
    blocks: Vec<Block>,
}

impl From<PersonDetails> for PersonInFull {
    fn from(details: PersonDetails) -> Self {
        let lines = details.lines.into_iter().map(|line| ReportingLine {
            manager: line.manager.to_string(),
            since: line.since.to_string(),
            ended_at: line.ended_at.map(|at| at.to_string()),
        });
        let blocks = details.blocks.into_iter().map(|block| Block {
            id: block.id.to_string(),
            session: block.session.map(|session| session.to_string()),
            reason: block.reason,
            set_by: (block.set_by != PersonId::nil()).then(|| block.set_by.to_string()),
            since: block.since.to_string(),
            ends_at: block.ends_at.to_string(),
        });
        Self { person: details.person.into(), reporting_lines: lines.collect(), blocks: blocks.collect() }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleQuery {
    /// Only `invited`, `active`, `suspended` or `soft_deleted` people.
    state: Option<String>,
    /// Only with this main role.
    #[param(value_type = Option<String>)]
    role: Option<Role>,
    /// Only of this team.
    #[param(value_type = Option<String>)]
    team: Option<TeamId>,
    /// Only who reports to this person.
    #[param(value_type = Option<String>)]
    manager: Option<PersonId>,
    /// From the answer before.
    #[param(value_type = Option<String>)]
    cursor: Option<PersonId>,
    /// At most this many, 50 unless said, 100 at most.
    limit: Option<u32>,
}

/// The people within the caller's scope: everybody for an Admin, one's reports and oneself for a Manager, oneself for a
/// Member.
#[utoipa::path(get, path = "/people", tag = "people", params(PeopleQuery), responses(
    (status = 200, body = PersonList), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<PeopleQuery>,
) -> Result<Json<PersonList>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let suspended = asked.state.as_deref() == Some("suspended");
    let state = asked.state.as_deref().filter(|_| !suspended).map(str::parse::<PersonState>).transpose();
    let state = state.map_err(|error: clerestory_model::UnknownWord| {
        ApiError::malformed("state".to_owned(), error.to_string())
    })?;
    let filter = rows::Filter {
        state: if suspended { Some(PersonState::Active) } else { state },
        role: asked.role,
        team: asked.team,
        manager: asked.manager,
        blocked_at: suspended.then(|| api.clock.now()),
        after: asked.cursor,
        limit: limit + 1,
    };
    let (mut found, entry) = api.identity.people(&caller.op, caller.organisation(), filter).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(PersonList { items: found.into_iter().map(Into::into).collect(), next_cursor, entry }))
}

/// One person: who they are here, to whom they report and reported, what keeps them out.
#[utoipa::path(get, path = "/people/{person}", tag = "people", params(("person" = String, Path)), responses(
    (status = 200, body = PersonInFull), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Json<PersonInFull>, ApiError> {
    Ok(Json(api.identity.person(&caller.op, on(&caller, id)).await?.into()))
}

/// Somebody to be invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invite {
    name: String,
    email: String,
    /// `member`, `manager` or `admin`; not more than the caller's own.
    #[schema(value_type = String)]
    role: Role,
    /// The team they will work in.
    #[schema(value_type = Option<String>)]
    team: Option<TeamId>,
    /// To whom they will report.
    #[schema(value_type = Option<String>)]
    manager: Option<PersonId>,
}

/// Somebody who is invited.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invitee {
    person: Person,
    #[schema(format = DateTime)]
    expires_at: String,
    /// The link they come by, where no mail takes it to them. It is shown this once and works once, for 7 days: give it to
    /// nobody else.
    link: Option<String>,
}

/// Invites somebody by a link that works once, for 7 days; by it they set their own password.
#[utoipa::path(post, path = "/people", tag = "people", request_body = Invite, responses(
    (status = 201, body = Invitee), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn invite(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<Invite>,
) -> Result<Response, ApiError> {
    let new = Invitation {
        name: name("name", &asked.name)?,
        email: email(&asked.email)?,
        role: asked.role,
        team: asked.team,
        manager: asked.manager,
    };
    let invited =
        api.identity.invite(&caller.op, caller.organisation(), new, &api.hosts.origins().console).await?;
    Ok((StatusCode::CREATED, Json(Invitee::from(invited))).into_response())
}

/// Makes a new link for somebody who was invited and has not come: the one before is worthless.
#[utoipa::path(post, path = "/people/{person}/invitation", tag = "people", params(("person" = String, Path)),
    responses((status = 201, body = Invitee), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn invite_again(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PersonId>,
) -> Result<Response, ApiError> {
    let invited =
        api.identity.invite_again(&caller.op, on(&caller, id), &api.hosts.origins().console).await?;
    Ok((StatusCode::CREATED, Json(Invitee::from(invited))).into_response())
}

impl From<Invited> for Invitee {
    fn from(invited: Invited) -> Self {
        Self { link: invited.link, person: invited.person.into(), expires_at: invited.expires_at.to_string() }
    }
}

pub(crate) fn on(caller: &Caller, id: PersonId) -> PersonOn {
    PersonOn { organisation: caller.organisation, id }
}

/// What people call somebody or something.
pub(crate) fn name(path: &str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let fits = (1..=NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let wrong = || {
        let message = format!("a name has 1 to {NAME_CHARS} characters and no control characters");
        ApiError::malformed(path.to_owned(), message)
    };
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

/// An address that a mail could be sent to.
pub(crate) fn email(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let parts = text.rsplit_once('@').filter(|(local, host)| !local.is_empty() && !host.is_empty());
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>,;:\\\"".contains(c);
    if parts.is_none() || text.chars().count() > EMAIL_CHARS || text.chars().any(odd) {
        let message = "an address looks like name@example.org".to_owned();
        return Err(ApiError::malformed("email".to_owned(), message));
    }
    Ok(text.to_owned())
}
