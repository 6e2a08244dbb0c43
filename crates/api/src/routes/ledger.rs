//! The ledger over every organisation's log: its checkpoint, its tiles, and proofs for whoever kept a checkpoint.
//!
//! A leaf is a salted commitment, so tiles tell nothing of what happened, only how much; they are for administrators all
//! the same.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use clerestory_access::ReadAudit;
use clerestory_audit::ledger::{LedgerError, Resource, verifier_key};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProofQuery {
    /// The size of a checkpoint that was kept: the answer proves that the tree of that size is the beginning of today's.
    since: Option<u64>,
    /// The number of an entry of the organisation's log: the answer proves that it is a leaf.
    entry: Option<u64>,
}

/// The newest checkpoint, and what follows from it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LedgerProofs {
    /// A signed note of C2SP `tlog-checkpoint`.
    checkpoint: String,
    /// The verifier key of the log: name, key id, and base64 of 1 ‖ Ed25519 key.
    key: String,
    size: u64,
    /// Hashes in hex, as RFC 6962 orders them. `null` where `since` is larger than the tree: it was cut off.
    consistency: Option<Vec<String>>,
    /// `null` where none was asked for, or the entry has no leaf yet.
    inclusion: Option<LedgerInclusion>,
}

/// Proof that an entry is a leaf.
#[derive(Serialize, ToSchema)]
pub(crate) struct LedgerInclusion {
    leaf: u64,
    /// The entry's hash, as the log shows it.
    hash: String,
    /// The leaf holds SHA-256(`clerestory audit leaf 1` ‖ salt ‖ hash).
    salt: String,
    /// Hashes in hex, nearest to the leaf first.
    path: Vec<String>,
}

/// The newest checkpoint, with proofs that it goes on from an earlier one and that it has an entry.
#[utoipa::path(get, path = "/ledger/proof", tag = "audit", params(ProofQuery), responses(
    (status = 200, body = LedgerProofs), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "There is no checkpoint yet", body = Problem)))]
pub(crate) async fn proof(
    State(api): State<Api>,
    caller: Caller,
    Asked(asked): Asked<ProofQuery>,
) -> Result<Json<LedgerProofs>, ApiError> {
    let _grant = api.access.authorize::<ReadAudit>(&caller.op, caller.organisation(), None).await??;
    api.vault.hold_lease().await?;
    let (ledger, organisation) = (api.access.audit().ledger(), caller.organisation);
    let found: Result<_, LedgerError> = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let entry = asked.entry.map(|number| (organisation, number));
                let proofs = ledger.proofs(tx, asked.since.unwrap_or(0), entry).await?;
                let key = ledger.public_key(tx).await?;
                Ok(proofs.zip(key.map(|public| verifier_key(&ledger.origin(), &public))))
            })
        })
        .await;
    let (proofs, key) = found?.ok_or_else(ApiError::not_found)?;
    let hex = |hashes: Vec<[u8; 32]>| hashes.iter().map(hex::encode).collect();
    Ok(Json(LedgerProofs {
        checkpoint: proofs.note,
        key,
        size: proofs.size,
        consistency: proofs.consistency.map(hex),
        inclusion: proofs.inclusion.map(|found| LedgerInclusion {
            leaf: found.leaf,
            hash: hex::encode(found.hash),
            salt: hex::encode(found.salt),
            path: hex(found.path),
        }),
    }))
}

/// The newest signed checkpoint, as text.
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "audit", responses(
    (status = 200, body = String, content_type = "text/plain; charset=utf-8"),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn checkpoint(State(api): State<Api>, caller: Caller) -> Result<Response, ApiError> {
    file(&api, &caller, Resource::Checkpoint, "text/plain; charset=utf-8").await
}

/// A tile: hashes of the tree (`<L>/<N>[.p/<W>]`), or leaves (`entries/<N>[.p/<W>]`), as C2SP `tlog-tiles` has them.
#[utoipa::path(get, path = "/ledger/tile/{*tile}", tag = "audit",
    params(("tile" = String, Path, description = "`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`")), responses(
    (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn tile(
    State(api): State<Api>,
    caller: Caller,
    At(path): At<String>,
) -> Result<Response, ApiError> {
    let resource: Resource = format!("tile/{path}").parse().map_err(|_| ApiError::not_found())?;
    file(&api, &caller, resource, "application/octet-stream").await
}

async fn file(api: &Api, caller: &Caller, asked: Resource, kind: &'static str) -> Result<Response, ApiError> {
    let _grant = api.access.authorize::<ReadAudit>(&caller.op, caller.organisation(), None).await??;
    let ledger = api.access.audit().ledger();
    let bytes: Result<_, LedgerError> =
        api.database.read(move |tx| Box::pin(async move { ledger.resource(tx, &asked).await })).await;
    let bytes = bytes?.ok_or_else(ApiError::not_found)?;
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}
