//! When somebody was recorded: the days of a month, in UTC, from clear facts alone.

use std::collections::BTreeMap;
use std::str::FromStr;

use clerestory_access::{OpContext, PersonRef, ReadCalendar};
use clerestory_audit::Personal;
use clerestory_model::{RecordingState, SubjectId, Timestamp};
use clerestory_sql::{SqlError, Tx, Value};
use clerestory_store::{people, recordings};

use crate::times::{Spans, Times};
use crate::{Coaching, CoachingError};

/// Recordings of a month that are looked at.
const MOST: u32 = 10_000;
const DAY_US: i64 = 86_400_000_000;

/// A calendar month in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    name: String,
    from: Timestamp,
    to: Timestamp,
}

impl Month {
    /// As it is written: `2026-11`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// It is no month of the years 1970 to 2999, written as `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a month as in 2026-11")]
pub struct MonthError;

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let shape = |(at, c): (usize, char)| if at == 4 { c == '-' } else { c.is_ascii_digit() };
        if text.len() != 7 || !text.char_indices().all(shape) || !("1970".."3000").contains(&text) {
            return Err(MonthError);
        }
        let from: Timestamp = format!("{text}-01T00:00:00Z").parse().map_err(|_| MonthError)?;
        Ok(Self { name: text.to_owned(), from, to: from.plus_months(1) })
    }
}

/// One day on which somebody was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which, as in `2026-11-03`.
    pub day: String,
    /// Recordings of which some time lies in it.
    pub recordings: u64,
    /// Microseconds of it of which a recording shows something; of two recordings at once both count.
    pub recorded_us: i64,
    /// Microseconds of it that lie in gaps that are told of.
    pub gaps_us: i64,
}

/// A month of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Its days with anything in them, in order.
    pub days: Vec<Day>,
}

impl Coaching {
    /// The days of a month on which somebody was recorded.
    ///
    /// # Errors
    /// [`CoachingError::Refused`].
    pub async fn calendar(
        &self,
        op: &OpContext,
        on: PersonRef,
        month: Month,
    ) -> Result<Calendar, CoachingError> {
        let detail = Personal { detail: Some(format!("calendar of {}", month.name)), ..Personal::default() };
        let _grant = self.access.authorize::<ReadCalendar>(op, on, Some(detail)).await??;
        let now = self.clock.now();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let person = people::find(tx, on.id).await?.ok_or(CoachingError::NotFound)?;
                    let spans = spans(tx, person.subject, &month, now).await?;
                    Ok(Calendar { days: days(&spans, &month) })
                })
            })
            .await
    }
}

/// A recording as the calendar counts it, in microseconds since the epoch.
struct Span {
    from: i64,
    to: i64,
    shown: Vec<(i64, i64)>,
    gaps: Vec<(i64, i64)>,
}

async fn spans(
    tx: &mut Tx,
    subject: SubjectId,
    month: &Month,
    now: Timestamp,
) -> Result<Vec<Span>, SqlError> {
    let sql = "SELECT recording_id FROM recordings
               WHERE subject_id = $1 AND state < $2 AND segments > 0 AND started_at < $3
                   AND (ended_at > $4 OR state = $5) ORDER BY started_at LIMIT $6";
    let values: [Value; 6] = [
        subject.into(),
        RecordingState::SoftDeleted.into(),
        month.to.into(),
        month.from.into(),
        RecordingState::Capturing.into(),
        MOST.into(),
    ];
    let mut spans = Vec::new();
    for row in tx.query(sql, &values).await? {
        let Some(recording) = recordings::find(tx, row.get(0)?).await? else { continue };
        let (began, live) = (recording.started_at.micros(), recording.is_live(now));
        let ended = if live { recording.ended_at.max(now) } else { recording.ended_at };
        let until_us = live.then(|| ended.micros().saturating_sub(began));
        let times = Times::read(tx, recording.id, until_us).await?;
        let since = |spans: Spans| {
            spans.iter().map(|(from, to)| (began.saturating_add(from), began.saturating_add(to))).collect()
        };
        let (shown, gaps) = (since(times.shown()), since(times.missing()));
        spans.push(Span { from: began, to: ended.micros(), shown, gaps });
    }
    Ok(spans)
}

/// How much of `from` to `to` lies within a day.
fn within(day: i64, from: i64, to: i64) -> i64 {
    let (begins, ends) = (day * DAY_US, (day + 1) * DAY_US);
    to.min(ends).saturating_sub(from.max(begins)).max(0)
}

fn days(spans: &[Span], month: &Month) -> Vec<Day> {
    let mut days: BTreeMap<i64, Day> = BTreeMap::new();
    for span in spans {
        let first = span.from.max(month.from.micros()).div_euclid(DAY_US);
        let last = span.to.min(month.to.micros() - 1).div_euclid(DAY_US);
        for day in first..=last {
            let all = |spans: &[(i64, i64)]| -> i64 {
                spans.iter().map(|(from, to)| within(day, *from, *to)).sum()
            };
            let (recorded_us, gaps_us) = (all(&span.shown), all(&span.gaps));
            // One that is a single moment is on the day of that.
            if recorded_us + gaps_us == 0 && span.to > span.from {
                continue;
            }
            let entry = days.entry(day).or_insert_with(|| Day {
                day: name_of(day),
                recordings: 0,
                recorded_us: 0,
                gaps_us: 0,
            });
            entry.recordings += 1;
            entry.recorded_us += recorded_us;
            entry.gaps_us += gaps_us;
        }
    }
    days.into_values().collect()
}

fn name_of(day: i64) -> String {
    let mut name = Timestamp::from_micros(day * DAY_US).to_string();
    name.truncate("2026-11-03".len());
    name
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().micros()
    }

    #[test]
    fn a_recording_over_midnight_counts_on_both_days_and_its_gaps_on_the_day_they_are_in() {
        let span = Span {
            from: at("2026-11-02T23:00:00Z"),
            to: at("2026-11-03T02:00:00Z"),
            shown: vec![
                (at("2026-11-02T23:00:00Z"), at("2026-11-02T23:30:00Z")),
                (at("2026-11-03T00:15:00Z"), at("2026-11-03T02:00:00Z")),
            ],
            gaps: vec![(at("2026-11-02T23:30:00Z"), at("2026-11-03T00:15:00Z"))],
        };
        let hour = 3_600_000_000;
        let day = |day: &str, recorded_us, gaps_us| Day {
            day: day.to_owned(),
            recordings: 1,
            recorded_us,
            gaps_us,
        };
        assert_eq!(
            days(&[span], &"2026-11".parse().unwrap()),
            [day("2026-11-02", hour / 2, hour / 2), day("2026-11-03", hour * 7 / 4, hour / 4)]
        );
    }

    #[test]
    fn only_days_of_the_month_count() {
        let (from, to) = (at("2026-10-31T22:00:00Z"), at("2026-11-01T01:00:00Z"));
        let span = Span { from, to, shown: vec![(from, to)], gaps: Vec::new() };
        let found = days(&[span], &"2026-11".parse().unwrap());
        assert_eq!(found.iter().map(|day| day.day.as_str()).collect::<Vec<_>>(), ["2026-11-01"]);
    }

    #[test]
    fn a_month_is_four_digits_and_two() {
        assert_eq!("2026-02".parse::<Month>().unwrap().to, "2026-03-01T00:00:00Z".parse().unwrap());
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "26-11",
            "2026-11-01",
            "1969-12",
            "+026-11",
            "9999-12",
        ] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }
}
