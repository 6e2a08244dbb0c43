//! Time: UTC microseconds inside, RFC 3339 outside, and a clock that is always an argument.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as RFC 3339, for example 2026-11-22T04:00:00Z")]
pub struct TimeError;

impl Timestamp {
    /// The time this many microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The time this many milliseconds after the epoch; clamps at the ends of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, none before it.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// Days since the epoch in UTC: the day a key or an epoch belongs to.
    #[must_use]
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(86_400_000_000)
    }

    /// Months since year 0 in UTC: `year * 12 + month - 1`, the month an audit key belongs to.
    #[must_use]
    pub fn utc_month(self) -> i64 {
        let date = self.zoned();
        i64::from(date.year()) * 12 + i64::from(date.month()) - 1
    }

    /// This much later; clamps at the end of the range.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; clamps at the start of the range.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This many calendar months later, at the same time of day in UTC. A month that has no such day gives its last one
    /// (`SKIP=BACKWARD` of RFC 7529 section 4.1): a month after 31 January is 28 or 29 February, and a month
    /// after that is the 28th or 29th of March. Clamps at the end of the range.
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let span = jiff::Span::new().try_months(i64::from(months));
        let later = span.and_then(|span| self.zoned().checked_add(span));
        later.map_or(Self(i64::MAX), |later| Self(later.timestamp().as_microsecond()))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn zoned(self) -> jiff::Zoned {
        jiff::Timestamp::from_microsecond(self.0)
            .unwrap_or(if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX })
            .to_zoned(jiff::tz::TimeZone::UTC)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.zoned().timestamp())
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
        Ok(Self(time.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Where the time comes from. Tests bring one that they move.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, by a clock that nobody sets: what passed, sleep of the machine included.
    ///
    /// A clock that tests move moves both together, unless it says otherwise here.
    fn monotonic(&self) -> Duration {
        self.now().since(Timestamp::from_micros(0))
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    // The standard library's `Instant` stands still while a machine sleeps, and a lid that was closed for a night
    // would look like a clock that somebody moved.
    #[cfg(target_os = "linux")]
    fn monotonic(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
    }

    #[cfg(not(target_os = "linux"))]
    fn monotonic(&self) -> Duration {
        static STARTED: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        STARTED.get_or_init(std::time::Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_six_decimals_and_read_back() {
        let time = Timestamp::from_micros(1_795_319_999_000_001);
        assert_eq!(time.to_string(), "2026-11-22T03:59:59.000001Z");
        assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn what_passed_never_goes_back() {
        let before = SystemClock.monotonic();
        std::thread::sleep(Duration::from_millis(2));
        assert!(SystemClock.monotonic() >= before + Duration::from_millis(2));
    }

    #[test]
    fn days_and_months_are_those_of_utc() {
        let before: Timestamp = "2026-11-30T23:59:59.999999Z".parse().unwrap();
        let after: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        assert_eq!(after.utc_day() - before.utc_day(), 1);
        assert_eq!(after.utc_month() - before.utc_month(), 1);
        assert_eq!(before.utc_month(), 2026 * 12 + 10);
    }

    #[test]
    fn a_calendar_month_ends_on_the_same_day_or_on_the_last() {
        for (from, months, to) in [
            ("2026-11-22T09:00:00.000001Z", 1, "2026-12-22T09:00:00.000001Z"),
            ("2026-12-31T23:59:59Z", 1, "2027-01-31T23:59:59Z"),
            ("2027-01-29T00:00:00Z", 1, "2027-02-28T00:00:00Z"),
            ("2027-01-31T12:00:00Z", 1, "2027-02-28T12:00:00Z"),
            ("2028-01-29T12:00:00Z", 1, "2028-02-29T12:00:00Z"),
            ("2028-01-31T12:00:00Z", 1, "2028-02-29T12:00:00Z"),
            ("2028-02-29T12:00:00Z", 1, "2028-03-29T12:00:00Z"),
            ("2027-02-28T12:00:00Z", 1, "2027-03-28T12:00:00Z"),
            ("2027-03-31T00:00:00Z", 1, "2027-04-30T00:00:00Z"),
            ("2028-02-29T00:00:00Z", 12, "2029-02-28T00:00:00Z"),
            ("2099-12-31T00:00:00Z", 2, "2100-02-28T00:00:00Z"),
        ] {
            let from: Timestamp = from.parse().unwrap();
            assert_eq!(from.plus_months(months), to.parse().unwrap(), "{from}");
        }
        assert_eq!(Timestamp::from_micros(i64::MAX).plus_months(1), Timestamp::from_micros(i64::MAX));
    }
}
