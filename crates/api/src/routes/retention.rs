//! How long what is kept, what a change would do, and sweeps that wait for somebody to confirm them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use clerestory_lifecycle::{Changed, SweepState};
use clerestory_model::{ProjectId, RetentionClass};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::bodies::CallerWith;
use crate::caller::Caller;
use crate::problem::{ApiError, Problem};

/// Days at most that something can be kept: a century.
const MOST_DAYS: u32 = 36_525;

/// How the sweeping of an organisation stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sweeping {
    /// When everything was looked at last; it is every five minutes.
    #[schema(format = DateTime)]
    swept_at: Option<String>,
    /// Recordings that the last sweep queued to be erased.
    swept: u64,
    /// Since when a sweep waits for somebody to confirm it, because far more is due than was foreseen.
    #[schema(format = DateTime)]
    waits_since: Option<String>,
    /// Recordings that were due at the last look.
    due: u64,
    /// How many of them had been foreseen.
    expected: u64,
    /// When the sweep that waits was confirmed: the next turn carries it out.
    #[schema(format = DateTime)]
    confirmed_at: Option<String>,
    /// Whether nothing is swept in the whole installation, because its clock is doubted: whoever operates it says that the
    /// time is right.
    clock_in_doubt: bool,
}

impl Sweeping {
    fn of(state: SweepState, clock_in_doubt: bool) -> Self {
        let time = |at: Option<clerestory_model::Timestamp>| at.map(|at| at.to_string());
        Self {
            swept_at: time(state.swept_at),
            swept: state.swept,
            waits_since: time(state.stopped_at),
            due: state.due,
            expected: state.expected,
            confirmed_at: time(state.confirmed_at),
            clock_in_doubt,
        }
    }
}

/// How the sweeping of the caller's organisation stands.
#[utoipa::path(get, path = "/retention/sweep", tag = "retention", responses(
    (status = 200, body = Sweeping), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn sweep(State(api): State<Api>, caller: Caller) -> Result<Json<Sweeping>, ApiError> {
    let state = api.lifecycle.sweep_state(&caller.op).await?;
    Ok(Json(Sweeping::of(state, api.lifecycle.is_clock_doubted().await?)))
}

/// Whether there was something to confirm.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmed {
    /// A sweep waited, and goes on with the next turn.
    confirmed: bool,
}

/// What is confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmSweep {
    /// How many recordings were due, as it was shown: the confirmation is for so many, and a twentieth more.
    due: u64,
}

/// Lets a sweep go on that waits because far more is due than was foreseen.
#[utoipa::path(post, path = "/retention/sweep/confirm", tag = "retention", request_body = ConfirmSweep, responses(
    (status = 200, body = Confirmed), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem)))]
pub(crate) async fn confirm(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<ConfirmSweep>,
) -> Result<Json<Confirmed>, ApiError> {
    Ok(Json(Confirmed { confirmed: api.lifecycle.confirm_sweep(&caller.op, asked.due).await? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewAsked {
    /// Only in this project.
    #[schema(value_type = Option<String>)]
    project: Option<ProjectId>,
    changes: Vec<RetentionChange>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionChange {
    /// `replay`, `recording`, `actionlog`, `activity.raw`, `screenshot` or `event.vod`.
    #[schema(value_type = String)]
    class: RetentionClass,
    /// For how many days it would be kept.
    days: u32,
}

/// What one change would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionPreview {
    class: String,
    days: u32,
    /// Recordings that would be due at once and are not yet. A longer time brings nothing back that is queued.
    newly_due: u64,
    /// The next thirty spans of 24 hours.
    next: Vec<PreviewDay>,
}

/// A span of 24 hours.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewDay {
    /// Recordings that fall due in it as things are.
    now: u64,
    /// Recordings that would.
    then: u64,
}

/// What one answer previews.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewList {
    items: Vec<RetentionPreview>,
}

/// What other retentions would do. Nothing is changed.
#[utoipa::path(post, path = "/retention/preview", tag = "retention", request_body = PreviewAsked, responses(
    (status = 200, body = PreviewList), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn preview(
    State(api): State<Api>,
    CallerWith(caller, asked): CallerWith<PreviewAsked>,
) -> Result<Json<PreviewList>, ApiError> {
    if asked.changes.is_empty() || asked.changes.len() > RetentionClass::ALL.len() {
        let message = "name each class at most once, and at least one".to_owned();
        return Err(ApiError::malformed("changes".to_owned(), message));
    }
    if let Some(at) = asked.changes.iter().position(|one| !(1..=MOST_DAYS).contains(&one.days)) {
        let message = format!("from 1 to {MOST_DAYS} days");
        return Err(ApiError::malformed(format!("changes.{at}.days"), message));
    }
    let days = |days: u32| Duration::from_secs(24 * 3600).saturating_mul(days);
    let changes =
        asked.changes.iter().map(|one| Changed { class: one.class, kept: days(one.days) }).collect();
    let previews = api.lifecycle.preview(&caller.op, asked.project, changes).await?;
    let items = previews.iter().zip(&asked.changes).map(|(preview, asked)| RetentionPreview {
        class: preview.changed.class.to_string(),
        days: asked.days,
        newly_due: preview.newly_due,
        next: preview.days.iter().map(|day| PreviewDay { now: day.now, then: day.then }).collect(),
    });
    Ok(Json(PreviewList { items: items.collect() }))
}
