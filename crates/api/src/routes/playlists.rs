//! Playlists: recordings and clips in an order, of which everybody sees what they see anyway.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use clerestory_access::{Action, Grant, OpContext};
use clerestory_coaching::{Item, Playlist as Row, PlaylistTitle, Summary};
use clerestory_model::PlaylistId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::comments::unreadable;
use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::{PersonRef, RecordingShort};
use crate::opening::Names;
use crate::problem::{ApiError, Problem};

/// A playlist in the list of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaylistSummary {
    id: String,
    title: String,
    made_by: PersonRef,
    #[schema(format = DateTime)]
    made_at: String,
    /// Whether the caller made it: they alone change it.
    mine: bool,
    /// How many of its items the caller sees.
    items: u64,
    /// How many they do not see.
    hidden: u64,
}

/// The playlists of the organisation, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Playlists {
    items: Vec<PlaylistSummary>,
}

/// An item of a playlist.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaylistItem {
    /// `clip` or `recording`.
    kind: String,
    /// Of the clip, or of the recording.
    id: String,
    /// The recording, or that of the clip.
    recording: RecordingShort,
    /// Of a clip.
    title: Option<String>,
    /// Of a clip, in milliseconds since the recording began.
    from_ms: Option<i64>,
    to_ms: Option<i64>,
}

/// A playlist, with what the caller sees of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Playlist {
    id: String,
    title: String,
    made_by: PersonRef,
    #[schema(format = DateTime)]
    made_at: String,
    /// Whether the caller made it: they alone change it.
    mine: bool,
    items: Vec<PlaylistItem>,
    /// How many more it has that the caller does not see.
    hidden: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakePlaylist {
    /// 1 to 120 characters in one line.
    title: String,
}

/// What an item is.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ItemKind {
    Clip,
    Recording,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutItem {
    kind: ItemKind,
    /// Of the clip, or of the recording.
    id: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePlaylist {
    /// 1 to 120 characters in one line.
    title: Option<String>,
    /// What is to be in it of what the caller sees, in its order. What they do not see stays in it, behind what it stood
    /// behind: 200 items at most, all in all.
    items: Option<Vec<PutItem>>,
}

/// The playlists of the organisation.
#[utoipa::path(get, path = "/playlists", tag = "coaching", responses(
    (status = 200, body = Playlists), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(State(api): State<Api>, caller: Caller) -> Result<Json<Playlists>, ApiError> {
    let (grant, rows) = api.coaching.playlists(&caller.op).await?;
    let (inner, op) = (api.clone(), caller.op);
    let items = api.database.read(move |tx| {
        Box::pin(async move {
            let mut names = Names::new(&inner, &grant).with_pictures(&op);
            let mut items = Vec::with_capacity(rows.len());
            for Summary { id, title, made_by, made_at, seen, hidden } in rows {
                items.push(PlaylistSummary {
                    id: id.to_string(),
                    title,
                    made_by: names.person(tx, made_by).await?,
                    made_at: made_at.to_string(),
                    mine: op.actor.person() == Some(made_by),
                    items: seen,
                    hidden,
                });
            }
            Ok::<_, ApiError>(items)
        })
    });
    Ok(Json(Playlists { items: items.await? }))
}

/// Makes a playlist with nothing in it.
#[utoipa::path(post, path = "/playlists", tag = "coaching", request_body = MakePlaylist, responses(
    (status = 201, body = Playlist), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn make(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<MakePlaylist>,
) -> Result<(StatusCode, Json<Playlist>), ApiError> {
    let title = PlaylistTitle::read(&asked.title).map_err(|error| unreadable("title", error))?;
    let (grant, row) = api.coaching.make_playlist(&caller.op, title).await?;
    Ok((StatusCode::CREATED, Json(named(&api, &caller.op, grant, row).await?)))
}

/// One playlist, with what the caller sees of it.
#[utoipa::path(get, path = "/playlists/{playlist}", tag = "coaching", params(("playlist" = String, Path)), responses(
    (status = 200, body = Playlist), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PlaylistId>,
) -> Result<Json<Playlist>, ApiError> {
    let (grant, row) = api.coaching.playlist(&caller.op, id).await?;
    Ok(Json(named(&api, &caller.op, grant, row).await?))
}

/// Gives a playlist another title, or other items in the place of all that its maker sees of it.
#[utoipa::path(patch, path = "/playlists/{playlist}", tag = "coaching", request_body = ChangePlaylist,
    params(("playlist" = String, Path)), responses((status = 200, body = Playlist), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(api): State<Api>,
    At(id): At<PlaylistId>,
    CallerWith(caller, asked): CallerWith<ChangePlaylist>,
) -> Result<Json<Playlist>, ApiError> {
    let title = asked.title.as_deref().map(PlaylistTitle::read).transpose();
    let title = title.map_err(|error| unreadable("title", error))?;
    let items = asked.items.map(|items| items.iter().map(item).collect()).transpose()?;
    let (grant, row) = api.coaching.change_playlist(&caller.op, id, (title, items)).await?;
    Ok(Json(named(&api, &caller.op, grant, row).await?))
}

fn item(asked: &PutItem) -> Result<Item, ApiError> {
    let wrong = |message: String| ApiError::malformed("items".to_owned(), message);
    Ok(match asked.kind {
        ItemKind::Clip => Item::Clip(asked.id.parse().map_err(|error| wrong(format!("{error}")))?),
        ItemKind::Recording => Item::Recording(asked.id.parse().map_err(|error| wrong(format!("{error}")))?),
    })
}

/// Takes a playlist away. What is in it stays where it is.
#[utoipa::path(delete, path = "/playlists/{playlist}", tag = "coaching", params(("playlist" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<PlaylistId>,
) -> Result<StatusCode, ApiError> {
    api.coaching.delete_playlist(&caller.op, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn named<A: Action>(
    api: &Api,
    op: &OpContext,
    grant: Grant<A>,
    Row { summary, items }: Row,
) -> Result<Playlist, ApiError> {
    let (inner, op) = (api.clone(), op.clone());
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant).with_pictures(&op);
                let mut shown = Vec::with_capacity(items.len());
                for entry in items {
                    // What was erased between the two looks is left out.
                    let Some(recording) = names.short(tx, entry.recording).await? else { continue };
                    let of = |us: i64| us / 1000;
                    shown.push(PlaylistItem {
                        kind: if entry.clip.is_some() { "clip" } else { "recording" }.to_owned(),
                        id: entry
                            .clip
                            .as_ref()
                            .map_or_else(|| recording.id.clone(), |clip| clip.id.to_string()),
                        from_ms: entry.clip.as_ref().map(|clip| of(clip.from_us)),
                        to_ms: entry.clip.as_ref().map(|clip| of(clip.to_us)),
                        title: entry.clip.map(|clip| clip.title),
                        recording,
                    });
                }
                Ok(Playlist {
                    id: summary.id.to_string(),
                    title: summary.title,
                    made_by: names.person(tx, summary.made_by).await?,
                    made_at: summary.made_at.to_string(),
                    mine: op.actor.person() == Some(summary.made_by),
                    items: shown,
                    hidden: summary.hidden,
                })
            })
        })
        .await
}
