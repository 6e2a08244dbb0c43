//! Watching that a second person agrees to: asking, what is asked, answering.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::AnswerViews;
use clerestory_model::{RecordingId, ViewId};
use clerestory_playback::{Answer, View as Row};
use clerestory_sql::Tx;
use clerestory_store::recordings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::{PersonRef, SubjectRef};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Why somebody wants to watch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskView {
    /// Shown to whoever answers, and kept in the log.
    reason: String,
}

/// What was asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AskedView {
    id: String,
    recording: String,
    #[schema(format = DateTime)]
    asked_at: String,
    /// Until when it may be answered.
    #[schema(format = DateTime)]
    ends_at: String,
}

/// Somebody's asking to watch, as whoever may answer sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct View {
    id: String,
    recording: String,
    /// Whom the recording is about; nobody where it is gone.
    about: Option<SubjectRef>,
    /// When it began.
    #[schema(format = DateTime)]
    began_at: Option<String>,
    /// Who asks.
    person: PersonRef,
    /// Why; nothing where it cannot be opened any more.
    reason: Option<String>,
    #[schema(format = DateTime)]
    asked_at: String,
    /// Until when it may be answered, or what was agreed to may begin.
    #[schema(format = DateTime)]
    ends_at: String,
    /// `waiting`, `allowed`, `refused`, or `over` where nobody answered.
    state: String,
    answered_by: Option<PersonRef>,
    /// The entry of the audit log that tells of it.
    entry: u64,
}

/// What people ask and asked to watch, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Views {
    items: Vec<View>,
}

/// Whether somebody may watch.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Allowed,
    Refused,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerView {
    answer: Word,
}

/// Asks a second person to agree to one's watching.
#[utoipa::path(post, path = "/recordings/{recording}/views", tag = "plays", request_body = AskView,
    params(("recording" = String, Path)), responses((status = 201, body = AskedView), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn ask(
    State(api): State<Api>,
    At(id): At<RecordingId>,
    CallerWith(caller, asked): CallerWith<AskView>,
) -> Result<(StatusCode, Json<AskedView>), ApiError> {
    let view = api.playback.ask_to_watch(&caller.op, caller.recording(id), asked.reason).await?;
    let asked = AskedView {
        id: view.id.to_string(),
        recording: view.recording.to_string(),
        asked_at: view.asked_at.to_string(),
        ends_at: view.ends_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(asked)))
}

/// What people of the organisation ask and asked to watch.
#[utoipa::path(get, path = "/views", tag = "plays", responses(
    (status = 200, body = Views), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Views>, ApiError> {
    let (grant, rows) = api.playback.views(&caller.op, caller.organisation()).await?;
    api.vault.hold_lease().await?;
    let database = api.database.clone();
    let items = database.read(move |tx| {
        Box::pin(async move {
            let mut names = Names::new(&api, &grant).with_pictures(&caller.op);
            let mut items = Vec::with_capacity(rows.len());
            for row in rows {
                items.push(shown(&api, tx, &mut names, row).await?);
            }
            Ok::<_, ApiError>(items)
        })
    });
    Ok(Json(Views { items: items.await? }))
}

async fn shown(
    api: &Api,
    tx: &mut Tx,
    names: &mut Names<'_, AnswerViews>,
    row: Row,
) -> Result<View, ApiError> {
    let state = match row.answer {
        Some((answer, _)) => answer.word(),
        None if row.ends_at <= api.clock.now() => "over",
        None => "waiting",
    };
    let answered_by = match row.answer {
        Some((_, by)) => Some(names.person(tx, by).await?),
        None => None,
    };
    let recording = recordings::find(tx, row.recording).await?;
    let about = match &recording {
        Some(recording) => Some(names.subject(tx, recording.subject).await?),
        None => None,
    };
    Ok(View {
        id: row.id.to_string(),
        recording: row.recording.to_string(),
        about,
        began_at: recording.map(|recording| recording.started_at.to_string()),
        person: names.person(tx, row.person).await?,
        reason: names.reason(tx, (row.organisation, row.entry)).await?,
        asked_at: row.asked_at.to_string(),
        ends_at: row.ends_at.to_string(),
        state: state.to_owned(),
        answered_by,
        entry: row.entry,
    })
}

/// Agrees to somebody's watching, or does not.
#[utoipa::path(post, path = "/views/{view}/answer", tag = "plays", request_body = AnswerView,
    params(("view" = String, Path)), responses((status = 204, description = "Answered"),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn answer(
    State(api): State<Api>,
    At(id): At<ViewId>,
    CallerWith(caller, asked): CallerWith<AnswerView>,
) -> Result<StatusCode, ApiError> {
    let answer = match asked.answer {
        Word::Allowed => Answer::Allowed,
        Word::Refused => Answer::Refused,
    };
    api.playback.answer_view(&caller.op, caller.organisation(), (id, answer)).await?;
    Ok(StatusCode::NO_CONTENT)
}
