//! What the installation says of itself.

use axum::Json;
use axum::extract::State;
use clerestory_access::ReadHealth;
use clerestory_lifecycle::SweepState;
use clerestory_model::OrganisationId;
use clerestory_store::damage::Damage;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::caller::Client;
use crate::problem::{ApiError, Problem};

#[derive(Serialize, ToSchema)]
pub(crate) struct Alive {
    status: String,
}

/// A sentence of the installation about its own health.
#[derive(Serialize, ToSchema)]
struct FindingItem {
    id: String,
    /// `ok`, `attention` or `failed`.
    level: String,
    sentence: String,
    what_to_do: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FindingList {
    items: Vec<FindingItem>,
}

/// Whether the server answers, its database too, and there is room on the disk.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, body = Alive), (status = 503, body = Problem)))]
pub(crate) async fn alive(State(api): State<Api>) -> Result<Json<Alive>, ApiError> {
    api.vault.hold_lease().await?;
    if api.access.audit().reserve().is_gone() {
        return Err(ApiError::disk_full());
    }
    Ok(Json(Alive { status: "ok".to_owned() }))
}

/// What is well and what needs attention.
#[utoipa::path(get, path = "/health/findings", tag = "health", responses(
    (status = 200, body = FindingList), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn findings(State(api): State<Api>, caller: Client) -> Result<Json<FindingList>, ApiError> {
    let _grant = api.access.authorize::<ReadHealth>(&caller.op, caller.organisation(), None).await??;
    let items = (api.findings)().into_iter().map(|finding| FindingItem {
        id: finding.id.to_owned(),
        level: finding.level.to_owned(),
        sentence: finding.sentence,
        what_to_do: finding.what_to_do,
    });
    let mut items: Vec<FindingItem> = items.collect();
    let damage = api.vault.damage(caller.organisation().0).await?;
    items.extend(damaged(&damage));
    items.extend(settings(&api, &caller).await?);
    items.extend(waiting(&api.lifecycle.sweep_state_of(caller.organisation).await?));
    let (proposed, overdue) = api.lifecycle.holds_to_look_at(caller.organisation).await?;
    items.extend(holds(proposed, overdue));
    items.extend(unreadable_holds(api.lifecycle.unreadable_holds(caller.organisation).await?));
    items.extend(proposals(api.lifecycle.proposals_waiting(caller.organisation).await?));
    let (waiting, overdue) = api.lifecycle.requests_waiting(caller.organisation).await?;
    items.extend(requests(waiting, overdue));
    Ok(Json(FindingList { items }))
}

/// A sweep of the caller's own organisation that waits for them.
fn waiting(state: &SweepState) -> Option<FindingItem> {
    let since = state.stopped_at.filter(|_| state.confirmed_at.is_none())?;
    let SweepState { due, expected, .. } = state;
    Some(FindingItem {
        id: "sweep-waits".to_owned(),
        level: "attention".to_owned(),
        sentence: format!(
            "{due} recordings are due to be erased at once, where {expected} were expected. Nothing of your organisation \
             is swept since {since}."
        ),
        what_to_do: Some(
            "Find out why so many are due: a shorter retention, a clock, or rows that somebody changed. If it is meant, \
             confirm the sweep."
                .to_owned(),
        ),
    })
}

/// Holds of the caller's own organisation that somebody is to look at.
fn holds(proposed: u64, overdue: u64) -> Option<FindingItem> {
    if proposed + overdue == 0 {
        return None;
    }
    Some(FindingItem {
        id: "holds".to_owned(),
        level: "attention".to_owned(),
        sentence: format!(
            "Of your holds, {proposed} wait for a second person, and {overdue} stand longer than until they were to be \
             looked at again."
        ),
        what_to_do: Some("Look at the list of holds: confirm, withdraw, or propose to release.".to_owned()),
    })
}

/// Holds of the caller's own organisation that nobody can read.
fn unreadable_holds(count: u64) -> Option<FindingItem> {
    (count > 0).then(|| FindingItem {
        id: "holds-unreadable".to_owned(),
        level: "failed".to_owned(),
        sentence: format!(
            "The rows of {count} holds cannot be read. Nothing is swept or erased that they may cover: where nobody knows \
             what that is, nothing of your organisation."
        ),
        what_to_do: Some(
            "Find out who could write to the database; `clerestory verify` names the rows and what they were.".to_owned(),
        ),
    })
}

/// Erasures of people or of the organisation that somebody proposed, or by which it is closing.
fn proposals(count: u64) -> Option<FindingItem> {
    (count > 0).then(|| FindingItem {
        id: "erasure-proposals".to_owned(),
        level: "attention".to_owned(),
        sentence: format!(
            "{count} erasures that two people decide about wait for the second one, or for the day on which they begin."
        ),
        what_to_do: Some(
            "Look at what is proposed under Receipts: agree to it, refuse it, or take it back; keep the organisation under \
             Settings where it is closing."
                .to_owned(),
        ),
    })
}

/// Requests of recorded people that were to be answered by now.
fn requests(waiting: u64, overdue: u64) -> Option<FindingItem> {
    if overdue == 0 {
        return None;
    }
    Some(FindingItem {
        id: "requests-overdue".to_owned(),
        level: "failed".to_owned(),
        sentence: format!(
            "Of {waiting} requests that recorded people made about their own data, {overdue} were to be answered by now."
        ),
        what_to_do: Some(
            "Answer those at the top of the list of requests: do what is asked, or decline it with a reason."
                .to_owned(),
        ),
    })
}

/// What is wrong with the settings of the caller's own organisation, in one sentence.
async fn settings(api: &Api, caller: &Client) -> Result<Option<FindingItem>, ApiError> {
    let (settings, organisation) = (api.access.settings().clone(), caller.organisation);
    api.vault.hold_lease().await?;
    let damage = api
        .database
        .read(move |tx| {
            Box::pin(async move {
                settings.known(tx, organisation).await?;
                let own =
                    settings.damage(organisation).into_iter().map(|damage| ("your organisation's", damage));
                let above = settings.damage(OrganisationId::nil()).into_iter();
                let above = above.map(|damage| ("the installation's", damage));
                Ok::<_, ApiError>(own.chain(above).collect::<Vec<_>>())
            })
        })
        .await?;
    let Some((whose, first)) = damage.first() else { return Ok(None) };
    let more = if damage.len() > 1 { format!(" So are {} more.", damage.len() - 1) } else { String::new() };
    Ok(Some(FindingItem {
        id: "settings".to_owned(),
        level: "failed".to_owned(),
        sentence: format!(
            "Version {} of {whose} settings is not as it was written: {}.{more} What is safe holds in its place.",
            first.version,
            first.kind.sentence()
        ),
        what_to_do: Some(
            "Find out who could write to the database; `clerestory verify` names the rows. Then say the settings \
             concerned once more."
                .to_owned(),
        ),
    }))
}

/// What is known of damaged segments of the caller's own organisation, in one sentence.
fn damaged(damage: &[Damage]) -> Option<FindingItem> {
    let first = damage.first()?;
    let more = match damage.len() - 1 {
        0 => String::new(),
        1 => " One more segment is damaged.".to_owned(),
        more => format!(" {more} more segments are damaged."),
    };
    let Damage { recording, sequence, fault, since, .. } = first;
    let word = fault.replace('_', " ");
    Some(FindingItem {
        id: "damage".to_owned(),
        level: "failed".to_owned(),
        sentence: format!(
            "Recording {recording} segment {sequence} is damaged since {since} ({word}).{more}"
        ),
        what_to_do: Some(
            "Run `clerestory fsck --deep`: it names every object. The rest of the recordings plays."
                .to_owned(),
        ),
    })
}
