//! Capture policies: the live one, its versions, what a change would do, and signing.

use axum::Json;
use axum::extract::State;
use clerestory_access::ListSites;
use clerestory_intake::SignedPolicy;
use clerestory_model::SiteId;
use clerestory_settings::capture::{Change, ChangeKind, Direction, Rules, diff};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::{At, Caller};
use crate::dto::PersonRef;
use crate::opening::Names;
use crate::problem::{ApiError, FieldError, Problem};

/// A signed policy, as recorders get it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Signed {
    version: u64,
    /// base64url of the canonical JSON.
    document: String,
    /// base64url of the 64-byte ECDSA P-256 SHA-256 signature over those bytes.
    signature: String,
    /// base64url of the raw public key.
    key: String,
    #[schema(format = DateTime)]
    issued_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<SignedPolicy> for Signed {
    fn from(policy: SignedPolicy) -> Self {
        Self {
            version: policy.version,
            document: policy.document,
            signature: policy.signature,
            key: policy.key,
            issued_at: policy.issued_at.to_string(),
            expires_at: policy.expires_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Policy {
    current: Signed,
    versions: Vec<Version>,
}

/// A version that was signed.
#[derive(Serialize, ToSchema)]
struct Version {
    version: u64,
    #[schema(format = DateTime)]
    signed_at: String,
    signed_by: Option<PersonRef>,
    /// `first`, `tighter`, `looser`, `mixed` or `same`.
    direction: String,
    /// What it changed, in sentences.
    changes: Vec<String>,
}

/// Rules to be signed on top of a version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignPolicy {
    /// `{preset, media, exclude, mask, unmask, urls}`.
    document: serde_json::Value,
    based_on: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckPolicy {
    /// `{preset, media, exclude, mask, unmask, urls}`.
    document: serde_json::Value,
}

/// What a change would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checked {
    /// `tighter`, `looser`, `mixed` or `same`; absent when the document is not valid.
    direction: Option<String>,
    changes: Vec<PolicyChange>,
    errors: Vec<FieldError>,
}

#[derive(Serialize, ToSchema)]
struct PolicyChange {
    /// `add`, `remove` or `change`.
    kind: String,
    text: String,
}

fn direction(direction: Direction) -> String {
    match direction {
        Direction::Tighter => "tighter",
        Direction::Looser => "looser",
        Direction::Mixed => "mixed",
        Direction::Same => "same",
    }
    .to_owned()
}

fn change(change: Change) -> PolicyChange {
    let kind = match change.kind {
        ChangeKind::Add => "add",
        ChangeKind::Remove => "remove",
        ChangeKind::Change => "change",
    };
    PolicyChange { kind: kind.to_owned(), text: change.text }
}

/// The policy recorders follow now, and every version before it.
#[utoipa::path(get, path = "/sites/{site}/policy", tag = "sites", params(("site" = String, Path)), responses(
    (status = 200, body = Policy), (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<SiteId>,
) -> Result<Json<Policy>, ApiError> {
    let grant = own_site(&api, &caller, id).await?;
    let current = api.intake.policy_of(id, &caller.op.request_id).await?;
    let versions = api.intake.policy_versions(id).await?;
    let inner = api.clone();
    api.vault.hold_lease().await?;
    let versions = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let mut names = Names::new(&inner, &grant);
                let mut shown = Vec::with_capacity(versions.len());
                for (at, version) in versions.iter().enumerate() {
                    let before = versions.get(at + 1).map(|before| diff(&before.rules, &version.rules));
                    let by_program = version.signed_by == clerestory_model::PersonId::nil();
                    shown.push(Version {
                        version: version.version,
                        signed_at: version.signed_at.to_string(),
                        signed_by: if by_program {
                            None
                        } else {
                            Some(names.person(tx, version.signed_by).await?)
                        },
                        direction: version.direction.clone(),
                        changes: before.map_or_else(Vec::new, |diff| {
                            diff.changes.into_iter().map(|change| change.text).collect()
                        }),
                    });
                }
                Ok::<_, ApiError>(shown)
            })
        })
        .await?;
    Ok(Json(Policy { current: current.into(), versions }))
}

/// Signs a new version; recorders follow it within a minute.
#[utoipa::path(put, path = "/sites/{site}/policy", tag = "sites", request_body = SignPolicy,
    params(("site" = String, Path)), responses(
    (status = 200, body = Signed), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn sign(
    State(api): State<Api>,
    At(id): At<SiteId>,
    CallerWith(caller, asked): CallerWith<SignPolicy>,
) -> Result<Json<Signed>, ApiError> {
    let rules = Rules::from_value(&asked.document).map_err(clerestory_intake::IntakeError::from)?;
    let signed = api.intake.sign_policy(&caller.op, caller.site(id), rules, asked.based_on).await?;
    Ok(Json(signed.into()))
}

/// What signing these rules would change.
#[utoipa::path(post, path = "/sites/{site}/policy/check", tag = "sites", request_body = CheckPolicy,
    params(("site" = String, Path)), responses(
    (status = 200, body = Checked), (status = 404, body = Problem)))]
pub(crate) async fn check(
    State(api): State<Api>,
    At(id): At<SiteId>,
    CallerWith(caller, asked): CallerWith<CheckPolicy>,
) -> Result<Json<Checked>, ApiError> {
    let _grant = own_site(&api, &caller, id).await?;
    let rules = match Rules::from_value(&asked.document) {
        Ok(rules) => rules,
        Err(errors) => {
            let errors = errors.0.into_iter().map(|one| FieldError { path: one.path, message: one.message });
            return Ok(Json(Checked { direction: None, changes: Vec::new(), errors: errors.collect() }));
        }
    };
    let found = api.intake.compare_policy(id, rules).await?;
    Ok(Json(Checked {
        direction: Some(direction(found.direction)),
        changes: found.changes.into_iter().map(change).collect(),
        errors: Vec::new(),
    }))
}

/// A grant over the organisation's sites, if this is one of them.
async fn own_site(
    api: &Api,
    caller: &Caller,
    id: SiteId,
) -> Result<clerestory_access::Grant<ListSites>, ApiError> {
    let grant = api.access.authorize::<ListSites>(&caller.op, caller.organisation(), None).await??;
    let organisation = caller.organisation;
    let own = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                let site = clerestory_store::sites::find(tx, id).await?;
                Ok::<_, ApiError>(site.is_some_and(|site| site.organisation == organisation))
            })
        })
        .await?;
    if own { Ok(grant) } else { Err(ApiError::not_found()) }
}
