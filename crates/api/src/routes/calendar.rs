//! When somebody was recorded.

use axum::Json;
use axum::extract::State;
use clerestory_access::PersonRef;
use clerestory_coaching::Month;
use clerestory_model::PersonId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::caller::{Asked, At, Caller};
use crate::problem::{ApiError, Problem};

/// A day on which somebody was recorded.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalendarDay {
    /// In UTC, as in `2026-11-03`.
    day: String,
    /// Recordings of which some time lies in it.
    recordings: u64,
    /// Milliseconds of it that were recorded, gaps left out; up to now of what goes on.
    recorded_ms: i64,
    /// Milliseconds of it that lie in gaps of recordings.
    gaps_ms: i64,
}

/// The days of a month on which somebody was recorded.
#[derive(Serialize, ToSchema)]
pub(crate) struct Calendar {
    /// As in `2026-11`.
    month: String,
    days: Vec<CalendarDay>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CalendarQuery {
    /// As in `2026-11`, in UTC; the one that goes on unless said.
    month: Option<String>,
}

/// When somebody was recorded, as far as the caller may list recordings about them.
#[utoipa::path(get, path = "/people/{person}/calendar", tag = "coaching",
    params(("person" = String, Path), CalendarQuery), responses((status = 200, body = Calendar),
    (status = 422, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    At(person): At<PersonId>,
    Asked(asked): Asked<CalendarQuery>,
) -> Result<Json<Calendar>, ApiError> {
    let month = asked.month.unwrap_or_else(|| api.clock.now().to_string().chars().take(7).collect());
    let month: Month = month.parse().map_err(|error: clerestory_coaching::MonthError| {
        ApiError::malformed("month".to_owned(), error.to_string())
    })?;
    let name = month.name().to_owned();
    let on = PersonRef { organisation: caller.organisation, id: person };
    let found = api.coaching.calendar(&caller.op, on, month).await?;
    let days = found.days.into_iter().map(|day| CalendarDay {
        day: day.day,
        recordings: day.recordings,
        recorded_ms: day.recorded_us / 1000,
        gaps_ms: day.gaps_us / 1000,
    });
    Ok(Json(Calendar { month: name, days: days.collect() }))
}
