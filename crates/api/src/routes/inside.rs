//! Looking inside: where a recording lies on disk, its bytes as they are, its keys' ids, its entries in the log.

use axum::Json;
use axum::extract::State;
use clerestory_access::InspectRecording;
use clerestory_audit::EntryFilter;
use clerestory_model::{RecordingId, TrackId};
use clerestory_seal::{HEADER_BYTES, Header, sha256};
use clerestory_store::segments::{self, Segment};
use clerestory_store::tracks::{self, Track};
use clerestory_store::{organisations, recordings};
use clerestory_vault::{OpenError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::caller::{At, Caller};
use crate::dto::AuditItem;
use crate::opening::Names;
use crate::problem::{ApiError, Problem};
use crate::routes::deletions::not_deleted;

/// Bytes shown of a segment.
const SHOWN_BYTES: usize = 256;
/// Entries shown of a recording.
const SHOWN_ENTRIES: u32 = 200;

#[derive(Serialize, ToSchema)]
pub(crate) struct Inside {
    recording: String,
    /// The key at the top of the chain.
    organisation_key: String,
    tracks: Vec<InsideTrack>,
    entries: Vec<AuditItem>,
    /// Where the server keeps its data.
    data_directory: String,
}

#[derive(Serialize, ToSchema)]
struct InsideTrack {
    id: String,
    key: KeyPlace,
    segments: Vec<InsideSegment>,
}

/// Where a key lies in the registry: ids, nothing secret.
#[derive(Serialize, ToSchema)]
struct KeyPlace {
    id: String,
    /// The subject's key, which wraps it.
    parent: Option<String>,
    shard: String,
    shard_version: i64,
    page: String,
    /// The UTC day, in days since 1970-01-01, whose epoch secret seals the page.
    epoch: i64,
}

#[derive(Serialize, ToSchema)]
struct InsideSegment {
    sequence: u64,
    object: String,
    offset: u64,
    length: u64,
    ciphertext_sha256: String,
    /// `log` until it settles, then `part`; `object` if it is large and has one of its own.
    stored_as: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct InsideBytes {
    object: String,
    offset: u64,
    length: u64,
    header: InsideHeader,
    /// The first 256 bytes as they lie on disk.
    first_bytes_hex: String,
    ciphertext_sha256: String,
    sealed_with: String,
    /// What the seal is bound to.
    associated_data_hex: String,
}

#[derive(Serialize, ToSchema)]
struct InsideHeader {
    salt: String,
    nonce_prefix: String,
    header_length: usize,
}

/// Where a recording lies, its keys' ids, and its entries in the log.
#[utoipa::path(get, path = "/recordings/{recording}/inside", tag = "recordings",
    params(("recording" = String, Path)), responses(
    (status = 200, body = Inside), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<RecordingId>,
) -> Result<Json<Inside>, ApiError> {
    let grant = api.access.authorize::<InspectRecording>(&caller.op, caller.recording(id), None).await??;
    not_deleted(&api, &caller.op, id).await?;
    api.vault.hold_lease().await?;
    let (inner, organisation) = (api.clone(), caller.organisation);
    api.database
        .read(move |tx| {
            Box::pin(async move {
                let keys = inner.vault.keys();
                let mut described = Vec::new();
                for track in tracks::of_recording(tx, id).await? {
                    let place = keys.locate(tx, track.key).await?;
                    let found = inner.playback.stored(tx, track.id).await?;
                    let segments = found.iter().map(|segment| InsideSegment {
                        sequence: segment.sequence,
                        object: segment.extent.object.clone(),
                        offset: segment.extent.offset,
                        length: segment.extent.length,
                        ciphertext_sha256: hex::encode(segment.sha256),
                        stored_as: stored_as(&segment.extent.object).to_owned(),
                    });
                    described.push(InsideTrack {
                        id: track.id.to_string(),
                        key: KeyPlace {
                            id: place.key.to_string(),
                            parent: place.parent.map(|parent| parent.to_string()),
                            shard: hex::encode(place.shard),
                            shard_version: place.shard_version,
                            page: hex::encode(place.page),
                            epoch: place.epoch,
                        },
                        segments: segments.collect(),
                    });
                }
                let filter = EntryFilter {
                    object: Some(*id.as_bytes()),
                    limit: SHOWN_ENTRIES,
                    ..EntryFilter::default()
                };
                let found = inner.access.audit().list(tx, organisation, &filter).await?;
                let mut names = Names::new(&inner, &grant);
                let mut entries = Vec::with_capacity(found.len());
                for entry in &found {
                    entries.push(names.entry(tx, entry).await?);
                }
                let top = organisations::find(tx, organisation).await?.ok_or_else(ApiError::not_found)?;
                Ok(Json(Inside {
                    recording: id.to_string(),
                    organisation_key: top.key.to_string(),
                    tracks: described,
                    entries,
                    data_directory: inner.data_directory.to_string(),
                }))
            })
        })
        .await
}

fn stored_as(object: &str) -> &'static str {
    match object.split('/').next() {
        Some("log") => "log",
        Some("parts") => "part",
        _ => "object",
    }
}

async fn row(
    api: &Api,
    id: RecordingId,
    track: TrackId,
    sequence: u64,
) -> Result<(Track, Segment), ApiError> {
    api.database
        .read(move |tx| {
            Box::pin(async move {
                recordings::find(tx, id).await?.ok_or_else(ApiError::not_found)?;
                let track = tracks::find(tx, track).await?.filter(|track| track.recording == id);
                let track = track.ok_or_else(ApiError::not_found)?;
                let segment =
                    segments::find(tx, track.id, sequence).await?.ok_or_else(ApiError::not_found)?;
                Ok::<_, ApiError>((track, segment))
            })
        })
        .await
}

/// A segment's first bytes as they lie on disk.
#[utoipa::path(get, path = "/recordings/{recording}/inside/{track}/{sequence}", tag = "recordings",
    params(("recording" = String, Path), ("track" = String, Path), ("sequence" = u64, Path)), responses(
    (status = 200, body = InsideBytes), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn segment(
    State(api): State<Api>,
    caller: Caller,
    At((id, track, sequence)): At<(RecordingId, TrackId, u64)>,
) -> Result<Json<InsideBytes>, ApiError> {
    let grant = api.access.authorize::<InspectRecording>(&caller.op, caller.recording(id), None).await??;
    not_deleted(&api, &caller.op, id).await?;
    let (mut track, mut segment) = row(&api, id, track, sequence).await?;
    let mut raw = api.vault.raw_segment(&grant, &track, &segment).await;
    if let Err(OpenError::Unreadable { source: StoreError::Missing, .. }) = raw {
        // It was settled between the look at its row and the reading: by now its row says where it lies.
        (track, segment) = row(&api, id, track.id, sequence).await?;
        raw = api.vault.raw_segment(&grant, &track, &segment).await;
    }
    let (bytes, associated_data) = raw?;
    let header = Header::parse(&bytes).map_err(|error| ApiError::unavailable(&error))?;
    Ok(Json(InsideBytes {
        object: segment.extent.object,
        offset: segment.extent.offset,
        length: segment.extent.length,
        header: InsideHeader {
            salt: hex::encode(header.salt()),
            nonce_prefix: hex::encode(header.nonce_prefix()),
            header_length: HEADER_BYTES,
        },
        first_bytes_hex: hex::encode(bytes.get(..SHOWN_BYTES).unwrap_or(&bytes)),
        ciphertext_sha256: hex::encode(sha256(&bytes)),
        sealed_with: "Tink streaming AEAD AES256_GCM_HKDF, 64 KiB".to_owned(),
        associated_data_hex: hex::encode(associated_data),
    }))
}
