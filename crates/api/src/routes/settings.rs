//! Settings: what holds and why, and saying something.

pub(super) mod effects;
pub(super) mod versions;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::settings::{Known, Saying, SettingError};
use clerestory_access::{Grant, PersonRef as PersonObject, ReadOwnSettings, ReadSettings};
use clerestory_lifecycle::{Intended, covered_by};
use clerestory_model::{DomainId, IdError, OrganisationId, PersonId, ProjectId, TeamId};
use clerestory_settings::tree::{
    Kind, Level, Lock, Node, Outcome, Said as Says, Setting, Step as TreeStep, Strict,
};
use clerestory_sql::Tx;
use clerestory_store::settings::{self as rows, SettingVersion};
use clerestory_vault::OpenError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{Asked, At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, FieldError, Problem};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhereQuery {
    /// The place: `org_…`, `dom_…`, `prj_…`, `tea_…`, or `per_…` for a person. Without one, the organisation.
    node: Option<String>,
}

/// A place in the tree of settings.
#[derive(Clone, Serialize, ToSchema)]
struct SettingPlace {
    /// `deployment`, `organisation`, `domain`, `project`, `team` or `user`.
    level: String,
    /// Its id; none for the deployment.
    id: Option<String>,
}

/// What a node says of a setting, and what it leaves.
#[derive(Serialize, ToSchema)]
struct SettingStep {
    place: SettingPlace,
    /// What it says; none where that cannot be read.
    value: Option<serde_json::Value>,
    /// `none`, `floor`, `ceiling` or `fixed`.
    lock: Option<String>,
    /// What became of it: `holds`, `merged`, `bounded`, `overruled`, `unreadable` or `not_here`.
    outcome: String,
    /// What holds from here on.
    after: serde_json::Value,
    /// The version in which it was said, for what was said in the organisation.
    version: Option<u64>,
    #[schema(format = DateTime)]
    set_at: Option<String>,
    /// Who said it; for those who may read settings of others.
    set_by: Option<PersonRef>,
    /// Why; for those who may read settings of others.
    reason: Option<String>,
}

/// A setting, and what it says at a place.
#[derive(Serialize, ToSchema)]
struct SettingItem {
    name: String,
    /// What it is for.
    note: String,
    /// `switch`, `number`, `duration`, `word` or `set`.
    kind: String,
    /// Which values it has, in words.
    values: String,
    /// The words it chooses from, where it does, lowest first.
    words: Option<Vec<String>>,
    default: serde_json::Value,
    /// Who may say it, highest first.
    levels: Vec<String>,
    /// `near`, `min`, `max`, `union`, `inter` or `and`.
    merge: String,
    /// Which values protect better: `lower` or `higher`; none where it does not protect.
    strict: Option<String>,
    /// The locks it takes.
    locks: Vec<String>,
    /// What holds.
    value: serde_json::Value,
    /// Something on the way could not be read, so that what is safe holds.
    doubtful: bool,
    /// Everything that is said of it on the way from the top to this place.
    steps: Vec<SettingStep>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingList {
    /// The version of the organisation's settings: to be sent back as `If-Match`.
    version: u64,
    place: SettingPlace,
    items: Vec<SettingItem>,
}

/// What is to be said of a setting.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SaySetting {
    /// The place: `org_…`, `dom_…`, `prj_…` or `tea_…`. Without one, the organisation.
    node: Option<String>,
    /// The value; `null` to say nothing any more.
    #[serde(deserialize_with = "present")]
    #[schema(required = true)]
    value: Option<serde_json::Value>,
    /// `none`, `floor`, `ceiling` or `fixed`. Without one, `none`.
    lock: Option<String>,
    /// Why: kept with it.
    reason: Option<String>,
    /// Where something would be kept for a shorter time: how many recordings that makes due at once, as it was shown.
    confirms: Option<u64>,
}

/// Whatever is there, `null` too; but something has to be.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<serde_json::Value>, D::Error> {
    Option::<serde_json::Value>::deserialize(deserializer)
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SettingsVersion {
    /// The version the organisation's settings are at now.
    version: u64,
}

/// The version a change is based on, from `If-Match`.
fn based_on(headers: &HeaderMap) -> Result<u64, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Err(ApiError::new(
            StatusCode::PRECONDITION_REQUIRED,
            "version-required",
            "Say which version you saw",
            "A change of settings names the version it was made on, in the header If-Match.",
            "Read the settings, and send the change with the ETag of that answer as If-Match.",
        ));
    };
    let version = value.to_str().ok().and_then(|text| text.trim().trim_matches('"').parse().ok());
    version.ok_or_else(|| {
        let message = "it must be the ETag of an answer, for example \"12\"".to_owned();
        ApiError::malformed("If-Match".to_owned(), message)
    })
}

impl From<SettingError> for ApiError {
    fn from(error: SettingError) -> Self {
        let detail = error.to_string();
        let invalid = |path: &str, detail: String| {
            Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "setting-invalid",
                "The setting cannot say that",
                detail.clone(),
                "Correct it and send it again. The list of settings says which values, places and locks there are.",
            )
            .with_errors(vec![FieldError { path: path.to_owned(), message: detail }])
        };
        match error {
            SettingError::Unknown(_) | SettingError::NoNode => Self::not_found(),
            SettingError::Value { .. } => invalid("value", detail),
            SettingError::Level { .. } => invalid("node", detail),
            SettingError::Lock { .. } => invalid("lock", detail),
            SettingError::Locked { .. } => Self::new(
                StatusCode::CONFLICT,
                "setting-locked",
                "It is locked above",
                detail,
                "Ask whoever set the lock; the list of settings says who, when and why.",
            ),
            SettingError::NoVersion(_) => invalid("version", detail),
            SettingError::Changed { current } => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "settings-changed",
                "Somebody changed the settings meanwhile",
                format!("They are at version {current} now."),
                "Look at what they are now, then make your change on top of it.",
            ),
            SettingError::Lengthens { name, what, refused } => Self::new(
                StatusCode::FORBIDDEN,
                "keeps-longer",
                "Something would be kept for longer",
                format!(
                    "You may say what keeps things for a shorter time, and nothing was changed: {}.",
                    what.join("; ")
                ),
                "Say a shorter time than what holds, or ask an administrator.",
            )
            .with_errors(what.into_iter().map(|message| FieldError { path: name.clone(), message }).collect())
            .refused_by(refused),
            SettingError::Refused(refused) => refused.into(),
        }
    }
}

/// The place that a request names, in the caller's organisation.
fn node(caller: &Caller, named: Option<&str>) -> Result<Node, ApiError> {
    let Some(text) = named else {
        return Ok(Node { level: Level::Organisation, id: *caller.organisation.as_bytes() });
    };
    let kind = text.split_once('_').map_or("", |(kind, _)| kind);
    let found: Result<Node, IdError> = match kind {
        OrganisationId::PREFIX => {
            text.parse().map(|id: OrganisationId| Node { level: Level::Organisation, id: *id.as_bytes() })
        }
        DomainId::PREFIX => {
            text.parse().map(|id: DomainId| Node { level: Level::Domain, id: *id.as_bytes() })
        }
        TeamId::PREFIX => text.parse().map(|id: TeamId| Node { level: Level::Team, id: *id.as_bytes() }),
        ProjectId::PREFIX => {
            text.parse().map(|id: ProjectId| Node { level: Level::Project, id: *id.as_bytes() })
        }
        PersonId::PREFIX => text.parse().map(|id: PersonId| Node { level: Level::User, id: *id.as_bytes() }),
        _ => Err(IdError::Digits),
    };
    found.map_err(|_| {
        let message =
            "it must be the id of an organisation, a domain, a project, a team or a person".to_owned();
        ApiError::malformed("node".to_owned(), message)
    })
}

fn place(node: Node) -> SettingPlace {
    let id = match node.level {
        Level::Deployment => None,
        Level::Organisation => Some(OrganisationId::from_bytes(node.id).to_string()),
        Level::Project => Some(ProjectId::from_bytes(node.id).to_string()),
        Level::User => Some(PersonId::from_bytes(node.id).to_string()),
        Level::Domain => Some(DomainId::from_bytes(node.id).to_string()),
        Level::Team => Some(TeamId::from_bytes(node.id).to_string()),
    };
    SettingPlace { level: node.level.word().to_owned(), id }
}

fn lock(named: Option<&str>) -> Result<Lock, ApiError> {
    let found = named.map_or(Ok(Lock::None), str::parse);
    found.map_err(|error: clerestory_settings::tree::LockError| {
        ApiError::malformed("lock".to_owned(), error.to_string())
    })
}

fn said(said: Option<&Says>) -> (Option<serde_json::Value>, Option<String>) {
    match said {
        Some(Says::Value { value, lock }) => (Some(value.json()), Some(lock.word().to_owned())),
        Some(Says::Unreadable) | None => (None, None),
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Merged => "merged",
        Outcome::Bounded => "bounded",
        Outcome::Overruled => "overruled",
        Outcome::Unreadable => "unreadable",
        Outcome::NotHere => "not_here",
    }
    .to_owned()
}

/// What was said in which version, by whom and why, as far as a grant opens it.
struct Told<'a> {
    api: &'a Api,
    organisation: OrganisationId,
    grant: Option<&'a Grant<ReadSettings>>,
    names: Option<Names<'a, ReadSettings>>,
}

impl<'a> Told<'a> {
    fn new(api: &'a Api, organisation: OrganisationId, grant: Option<&'a Grant<ReadSettings>>) -> Self {
        Self { api, organisation, grant, names: grant.map(|grant| Names::new(api, grant)) }
    }

    async fn setter(&mut self, tx: &mut Tx, row: &SettingVersion) -> Result<Option<PersonRef>, ApiError> {
        match &mut self.names {
            Some(names) if row.set_by != PersonId::nil() => Ok(Some(names.person(tx, row.set_by).await?)),
            _ => Ok(None),
        }
    }

    async fn reason(&self, tx: &mut Tx, row: &SettingVersion) -> Result<Option<String>, ApiError> {
        let (Some(grant), Some(sealed)) = (self.grant, row.sealed_reason()?) else { return Ok(None) };
        match self.api.vault.open(tx, grant, &sealed).await {
            Ok(reason) => Ok(Some(reason.0)),
            Err(OpenError::Value { .. } | OpenError::Erased) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn step(
        &mut self,
        tx: &mut Tx,
        known: &Known,
        name: &str,
        step: &TreeStep,
    ) -> Result<SettingStep, ApiError> {
        let (value, lock) = said(Some(&step.said));
        let own = step.node.level != Level::Deployment;
        let version = known.said_in(step.node, name).filter(|_| own);
        let row = match version {
            Some(version) => rows::from_version(tx, self.organisation, version, 1).await?.into_iter().next(),
            None => None,
        };
        let (set_by, reason) = match &row {
            Some(row) => (self.setter(tx, row).await?, self.reason(tx, row).await?),
            None => (None, None),
        };
        Ok(SettingStep {
            place: place(step.node),
            value,
            lock,
            outcome: outcome(step.outcome),
            after: step.after.json(),
            version,
            set_at: row.map(|row| row.set_at.to_string()),
            set_by,
            reason,
        })
    }

    async fn item(
        &mut self,
        tx: &mut Tx,
        known: &Known,
        setting: &Setting,
        chain: &[Node],
    ) -> Result<SettingItem, ApiError> {
        let (effective, found) = known.explain(setting, chain);
        let mut steps = Vec::with_capacity(found.len());
        for step in &found {
            steps.push(self.step(tx, known, &setting.key, step).await?);
        }
        let words = match setting.kind {
            Kind::Words(words) | Kind::Set(Some(words)) => {
                Some(words.iter().map(|word| (*word).to_owned()).collect())
            }
            _ => None,
        };
        let strict = setting.strict().map(|strict| match strict {
            Strict::Lower => "lower".to_owned(),
            Strict::Higher => "higher".to_owned(),
        });
        Ok(SettingItem {
            name: setting.key.to_string(),
            note: setting.note.to_string(),
            kind: setting.kind.word().to_owned(),
            values: setting.kind.describe(),
            words,
            default: setting.default.json(),
            levels: setting.levels.iter().map(|level| level.word().to_owned()).collect(),
            merge: setting.merge.word().to_owned(),
            strict,
            locks: Lock::ALL
                .into_iter()
                .filter(|lock| setting.takes(*lock))
                .map(|lock| lock.word().to_owned())
                .collect(),
            value: effective.value.json(),
            doubtful: effective.doubtful,
            steps,
        })
    }
}

/// An answer about settings, with their version as its tag.
fn tagged(version: u64, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What every setting says at a place, and why. A person may read what holds for themselves.
#[utoipa::path(get, path = "/settings", tag = "settings", params(WhereQuery), responses(
    (status = 200, body = SettingList), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<WhereQuery>,
) -> Result<Response, ApiError> {
    let node = node(&caller, asked.node.as_deref())?;
    api.vault.hold_lease().await?;
    // What holds for a person says nothing of who set it and why, so that they may read it themselves.
    let grant = match node.level {
        Level::User => {
            let on = PersonObject { organisation: caller.organisation, id: PersonId::from_bytes(node.id) };
            let _own = api.access.authorize::<ReadOwnSettings>(&caller.op, on, None).await??;
            None
        }
        _ => Some(api.access.authorize::<ReadSettings>(&caller.op, caller.organisation(), None).await??),
    };
    let (inner, organisation) = (api.clone(), caller.organisation);
    let list = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let chain = rows::chain(tx, organisation, node).await?.ok_or_else(ApiError::not_found)?;
                let settings = inner.access.settings();
                let known = settings.known(tx, organisation).await?;
                let mut told = Told::new(&inner, organisation, grant.as_ref());
                let mut items = Vec::new();
                for setting in settings.registry().all() {
                    items.push(told.item(tx, &known, setting, &chain).await?);
                }
                Ok::<_, ApiError>(SettingList { version: known.version(), place: place(node), items })
            })
        })
        .await?;
    Ok(tagged(list.version, Json(list)))
}

/// Says something of a setting at a place, or nothing any more. It holds on every node from the next decision on.
#[utoipa::path(put, path = "/settings/{name}", tag = "settings", request_body = SaySetting, params(
    ("name" = String, Path), ("If-Match" = String, Header, description = "The ETag of the settings it is based on.")),
    responses((status = 200, body = SettingsVersion), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 412, body = Problem), (status = 422, body = Problem),
    (status = 428, body = Problem)))]
pub(crate) async fn say(
    State(api): State<Api>,
    At(name): At<String>,
    headers: HeaderMap,
    CallerWith(caller, asked): CallerWith<SaySetting>,
) -> Result<Response, ApiError> {
    let version = based_on(&headers)?;
    let saying = Saying {
        node: node(&caller, asked.node.as_deref())?,
        name,
        value: asked.value,
        lock: lock(asked.lock.as_deref())?,
        reason: asked.reason,
    };
    confirmed(&api, &caller, Intended::Say(saying.clone()), asked.confirms).await?;
    let version = api.access.say(&caller.op, saying, version).await??;
    Ok(tagged(version, Json(SettingsVersion { version })))
}

/// Sees that whoever keeps something for a shorter time knows how much that makes due at once: what is erased does not come
/// back.
async fn confirmed(
    api: &Api,
    caller: &Caller,
    intended: Intended,
    confirms: Option<u64>,
) -> Result<(), ApiError> {
    let Some(due) = api.lifecycle.made_due(&caller.op, intended).await? else { return Ok(()) };
    if confirms.is_some_and(|shown| due <= covered_by(shown)) {
        return Ok(());
    }
    let told = FieldError { path: "confirms".to_owned(), message: due.to_string() };
    Err(ApiError::new(
        StatusCode::CONFLICT,
        "retention-shortens",
        "Recordings would be erased",
        format!("Something would be kept for a shorter time, and {due} recordings would be due to be erased at once."),
        "If it is meant, send the change again with this number as `confirms`.",
    )
    .with_errors(vec![told]))
}
