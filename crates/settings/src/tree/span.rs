//! Lengths of time as ISO 8601 durations: calendar months beside days and seconds.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A mean month of the Gregorian calendar: 400 years are 146,097 days.
const MONTH_SECONDS: u64 = 146_097 * DAY_SECONDS / 4800;
const DAY_SECONDS: u64 = 86_400;
/// Digits of one part at most, so that nothing overflows.
const DIGITS: usize = 6;

/// A length of time: months that are as long as the calendar says, days, and seconds.
///
/// Spans are ordered by their length, with a month as long as the mean of the Gregorian calendar (30.436875 days): a month
/// is more than 30 days and less than 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    months: u32,
    days: u32,
    seconds: u32,
}

/// The text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is written as in ISO 8601, for example P90D, P1M or PT12H")]
pub struct SpanError;

impl Span {
    /// So many months.
    #[must_use]
    pub const fn of_months(months: u32) -> Self {
        Self { months, days: 0, seconds: 0 }
    }

    /// So many days of 24 hours.
    #[must_use]
    pub const fn of_days(days: u32) -> Self {
        Self { months: 0, days, seconds: 0 }
    }

    /// So many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u32) -> Self {
        Self { months: 0, days: 0, seconds }
    }

    /// Its months: to be counted in the calendar.
    #[must_use]
    pub const fn months(self) -> u32 {
        self.months
    }

    /// What it is beside its months.
    #[must_use]
    pub const fn beside_months(self) -> Duration {
        Duration::from_secs(self.days as u64 * DAY_SECONDS + self.seconds as u64)
    }

    /// Its length, with months of the mean length.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_secs(self.months as u64 * MONTH_SECONDS + self.beside_months().as_secs())
    }
}

impl Ord for Span {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |span: &Self| (span.length(), span.months, span.days, span.seconds);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Span {
    type Err = SpanError;

    /// Whole numbers, each part once and in order; weeks are seven days, years twelve months.
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let rest = text.strip_prefix('P').ok_or(SpanError)?;
        let (date, time) = match rest.split_once('T') {
            Some((_, "")) => return Err(SpanError),
            Some((date, time)) => (date, time),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(SpanError);
        }
        let [years, months, weeks, days] = parts(date, ['Y', 'M', 'W', 'D'])?;
        let [hours, minutes, seconds] = parts(time, ['H', 'M', 'S'])?;
        let fits = |number: u64| u32::try_from(number).map_err(|_| SpanError);
        Ok(Self {
            months: fits(years * 12 + months)?,
            days: fits(weeks * 7 + days)?,
            seconds: fits(hours * 3600 + minutes * 60 + seconds)?,
        })
    }
}

/// The numbers before these letters, which come in this order; those that are not there are 0.
fn parts<const N: usize>(text: &str, letters: [char; N]) -> Result<[u64; N], SpanError> {
    let mut rest = text;
    let mut found = [0; N];
    for (number, letter) in found.iter_mut().zip(letters) {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (figures, tail) = rest.split_at(digits);
        let Some(tail) = tail.strip_prefix(letter) else { continue };
        if figures.is_empty() || figures.len() > DIGITS {
            return Err(SpanError);
        }
        *number = figures.parse().map_err(|_| SpanError)?;
        rest = tail;
    }
    if rest.is_empty() { Ok(found) } else { Err(SpanError) }
}

impl fmt::Display for Span {
    /// One form for each span: `P1Y6M`, `P90D`, `PT12H`, and `PT0S` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::of_seconds(0) {
            return f.write_str("PT0S");
        }
        f.write_str("P")?;
        let date = [(self.months / 12, 'Y'), (self.months % 12, 'M'), (self.days, 'D')];
        let time = [(self.seconds / 3600, 'H'), (self.seconds / 60 % 60, 'M'), (self.seconds % 60, 'S')];
        for (number, letter) in date.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{letter}")?;
        }
        if self.seconds > 0 {
            f.write_str("T")?;
        }
        for (number, letter) in time.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{letter}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Span {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_read_and_written_in_one_form() {
        for (text, written) in [
            ("P90D", "P90D"),
            ("P2W", "P14D"),
            ("P1Y6M", "P1Y6M"),
            ("P18M", "P1Y6M"),
            ("PT90M", "PT1H30M"),
            ("P1DT1S", "P1DT1S"),
            ("PT0S", "PT0S"),
            ("P0D", "PT0S"),
        ] {
            assert_eq!(span(text).to_string(), written);
            assert_eq!(span(written), span(text));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "90D",
            "P90",
            "P-1D",
            "P1.5D",
            "P1D1D",
            "P1D1Y",
            "PT1D",
            "P1DT",
            "p1d",
            "P1234567D",
        ] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }

    #[test]
    fn a_month_lies_between_30_and_31_days() {
        assert!(span("P30D") < span("P1M") && span("P1M") < span("P31D"));
        assert!(span("P365D") < span("P1Y") && span("P1Y") < span("P366D"));
        assert!(span("PT24H") == span("PT1440M") && span("PT24H") != span("P1D"));
        assert_eq!(span("PT24H").length(), span("P1D").length());
    }
}
