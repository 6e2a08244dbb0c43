//! What people see about themselves: what shows them, how long it stays, who looked and at which part, and who tried to.

use axum::Json;
use axum::extract::State;
use clerestory_access::{Action, Grant, ReadOwnData, RefreshOwnData};
use clerestory_audit::{EntryFilter, Outcome};
use clerestory_lifecycle::{Hidden, Lifecycle};
use clerestory_model::{OrganisationId, PersonId, RecordingId};
use clerestory_sql::Tx;
use clerestory_store::recordings as rows;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::recordings::{RecordingItemWithoutViewers, read_cursor, write_cursor};
use crate::Api;
use crate::caller::{Asked, Caller};
use crate::dto::{AuditItem, Viewer};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// Recordings of one answer at most.
const MOST: u32 = 100;
/// Refused attempts told of one recording at most.
const ATTEMPTS: u32 = 5;
/// What the cursors of this list are of.
const QUESTION: &str = "what shows oneself";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MyDataQuery {
    /// The `entry` of an answer you were given in the last quarter of an hour: this one rides on it, and makes no entry of
    /// its own. For a page that refreshes itself.
    continues: Option<u64>,
    /// From the answer before.
    cursor: Option<String>,
    /// At most this many recordings, 50 unless said, 100 at most.
    limit: Option<u32>,
}

/// A recording that shows the caller, with everybody who looked at it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyRecording {
    #[serde(flatten)]
    item: RecordingItemWithoutViewers,
    viewers: Vec<Viewer>,
    /// Of what was deleted (`soft_deleted`): until when it can be restored. Nothing where it was set aside to be erased.
    #[schema(format = DateTime)]
    restorable_until: Option<String>,
}

/// What is kept about the caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyData {
    recordings: Vec<MyRecording>,
    /// Attempts of others at these recordings that were refused, newest first.
    refused: Vec<AuditItem>,
    next_cursor: Option<String>,
    /// The entry of the audit log that tells of this answer.
    entry: u64,
}

/// What shows the caller, whatever they may watch of it: facts, titles, how long it is kept, who looked and who was refused.
#[utoipa::path(get, path = "/my/data", tag = "recordings", params(MyDataQuery), responses(
    (status = 200, body = MyData), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn data(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<MyDataQuery>,
) -> Result<Json<MyData>, ApiError> {
    let on = caller.organisation();
    match asked.continues {
        None => {
            let grant = api.access.authorize::<ReadOwnData>(&caller.op, on, None).await??;
            answer(api, caller, asked, grant).await
        }
        Some(entry) => {
            let grant = api.access.resume::<RefreshOwnData>(&caller.op, on, entry).await??;
            answer(api, caller, asked, grant).await
        }
    }
}

async fn answer<A: Action>(
    api: Api,
    caller: Caller,
    asked: MyDataQuery,
    grant: Grant<A>,
) -> Result<Json<MyData>, ApiError> {
    let limit = asked.limit.unwrap_or(50).clamp(1, MOST);
    let after = asked.cursor.as_deref().map(|cursor| read_cursor(cursor, QUESTION)).transpose()?;
    let filter = rows::Filter { after, limit: limit + 1, hidden: true, ..rows::Filter::default() };
    api.vault.hold_lease().await?;
    let now = api.clock.now();
    let inner = api.clone();
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut found = rows::list(tx, grant.rows(), &filter).await?;
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|last| write_cursor(last, QUESTION));
                let mut names = Names::new(&inner, &grant).with_pictures(&caller.op);
                let (mut recordings, mut refused) = (Vec::with_capacity(found.len()), Vec::new());
                for recording in &found {
                    let described = inner.playback.describe(tx, &grant, recording.id).await?;
                    let mut viewers = Vec::new();
                    for viewing in &described.viewings {
                        viewers.push(names.viewer(tx, viewing).await?);
                    }
                    let item = names.item(tx, &described, now).await?;
                    let restorable_until = match Lifecycle::hidden_in(tx, recording.id).await? {
                        Some(Hidden::Deleted(deletion)) => Some(deletion.restorable_until.to_string()),
                        Some(Hidden::Restricted) | None => None,
                    };
                    recordings.push(MyRecording { item: item.into(), viewers, restorable_until });
                    let of = (caller.organisation, Some(caller.person), recording.id);
                    refused.extend(attempts(&inner, &mut names, tx, of).await?);
                }
                refused.sort_by_key(|attempt| std::cmp::Reverse(attempt.number));
                Ok(Json(MyData { recordings, refused, next_cursor, entry: grant.entry() }))
            })
        })
        .await
}

/// What others tried with a recording and were refused.
pub(crate) async fn attempts<A: Action>(
    api: &Api,
    names: &mut Names<'_, A>,
    tx: &mut Tx,
    (organisation, person, recording): (OrganisationId, Option<PersonId>, RecordingId),
) -> Result<Vec<AuditItem>, ApiError> {
    let filter = EntryFilter {
        outcome: Some(Outcome::Refused),
        object: Some(*recording.as_bytes()),
        limit: ATTEMPTS,
        ..EntryFilter::default()
    };
    let mut told = Vec::new();
    for entry in api.access.audit().list(tx, organisation, &filter).await? {
        if person.is_none_or(|person| entry.actor != *person.as_bytes()) {
            told.push(names.entry(tx, &entry).await?);
        }
    }
    Ok(told)
}
