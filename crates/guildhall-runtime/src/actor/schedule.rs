//! [`Schedule`]: the times of a reminder.

use std::str::FromStr as _;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// When a reminder fires: once, every so often, or by the calendar. Times are those of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(pub(super) Times);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// In ms since the Unix epoch.
    At(u64),
    /// In ms, at least 1.
    Every(u64),
    Cron {
        pattern: String,
        zone: String,
    },
}

/// Times of a calendar that are counted one by one when they were missed; those beyond are left out.
const MISSED_MAX: u64 = 100_000;

impl Schedule {
    /// Once, at this time since the Unix epoch, as `cx.env().wall()` has it. One that has passed is at once.
    pub fn at(wall: Duration) -> Self {
        Self(Times::At(millis(wall)))
    }

    /// Every `period`, at least 1 ms: for the first time one `period` from when it is set.
    pub fn every(period: Duration) -> Self {
        Self(Times::Every(millis(period).max(1)))
    }

    /// By the calendar: minute, hour, day, month and weekday, in a time zone of the IANA's database:
    /// `Schedule::cron("0 5 * * *", "Europe/Berlin")` is at five each morning there. Where clocks go forward, a time of day that is
    /// left out is at the moment when they do; where they go back, a time of day that comes twice fires the first time only.
    /// `cx.remind` says what is wrong with it.
    pub fn cron(pattern: impl Into<String>, zone: impl Into<String>) -> Self {
        Self(Times::Cron { pattern: pattern.into(), zone: zone.into() })
    }

    /// When it fires for the first time, where it is set now.
    ///
    /// # Errors
    /// It never does, or is none.
    pub(super) fn first(&self, now_ms: u64) -> Result<u64, String> {
        match &self.0 {
            Times::At(at) => Ok(*at),
            Times::Every(period) => Ok(now_ms.saturating_add(*period)),
            Times::Cron { pattern, zone } => Calendar::of(pattern, zone)?.next(now_ms),
        }
    }

    /// It was due at `due_ms` and fires now: how many of its times have passed, that one included, and the next one.
    pub(super) fn after(&self, due_ms: u64, now_ms: u64) -> (u64, Option<u64>) {
        match &self.0 {
            Times::At(_) => (1, None),
            Times::Every(period) => {
                let passed = 1 + now_ms.saturating_sub(due_ms) / period;
                (passed, Some(due_ms.saturating_add(period.saturating_mul(passed))))
            }
            Times::Cron { pattern, zone } => match Calendar::of(pattern, zone) {
                Ok(calendar) => calendar.after(due_ms, now_ms),
                // It was checked when it was set.
                Err(_) => (1, None),
            },
        }
    }
}

/// A cron pattern in its zone.
struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

impl Calendar {
    fn of(pattern: &str, zone: &str) -> Result<Self, String> {
        let cron = Cron::from_str(pattern).map_err(|why| format!("cron `{pattern}`: {why}"))?;
        let zone = TimeZone::get(zone).map_err(|why| format!("time zone `{zone}`: {why}"))?;
        Ok(Self { cron, zone })
    }

    fn next(&self, after_ms: u64) -> Result<u64, String> {
        let after = i64::try_from(after_ms).unwrap_or(i64::MAX);
        let after = Timestamp::from_millisecond(after).map_err(|why| why.to_string())?;
        let after: Zoned = after.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&after, false);
        let next = next.map_err(|why| format!("cron `{}`: {why}", self.cron.as_str()))?;
        u64::try_from(next.timestamp().as_millisecond()).map_err(|why| why.to_string())
    }

    fn after(&self, due_ms: u64, now_ms: u64) -> (u64, Option<u64>) {
        let (mut passed, mut at) = (0, due_ms);
        while at <= now_ms {
            passed += 1;
            let after = if passed < MISSED_MAX { at } else { now_ms };
            match self.next(after) {
                // A pattern that stands still would never end.
                Ok(next) if next > at => at = next,
                _ => return (passed, None),
            }
        }
        (passed.max(1), Some(at))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first `count` times after `from`, in UTC.
    fn times(pattern: &str, from: &str, count: usize) -> Vec<String> {
        let calendar = Calendar::of(pattern, "Europe/Berlin").unwrap();
        let from: Timestamp = from.parse().unwrap();
        let mut at = u64::try_from(from.as_millisecond()).unwrap();
        let mut next = || {
            at = calendar.next(at).unwrap();
            Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap().to_string()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn a_time_of_day_stays_when_clocks_change() {
        let spring = times("0 5 * * *", "2027-03-27T00:00:00Z", 3);
        let wanted = ["2027-03-27T04:00:00Z", "2027-03-28T03:00:00Z", "2027-03-29T03:00:00Z"];
        assert_eq!(spring, wanted);
        let autumn = times("0 5 * * *", "2027-10-30T00:00:00Z", 3);
        let wanted = ["2027-10-30T03:00:00Z", "2027-10-31T04:00:00Z", "2027-11-01T04:00:00Z"];
        assert_eq!(autumn, wanted);
    }

    #[test]
    fn a_time_that_is_left_out_comes_after_the_gap_and_one_that_comes_twice_fires_once() {
        // From two to three o'clock there is nothing.
        let spring = times("30 2 * * *", "2027-03-27T12:00:00Z", 2);
        assert_eq!(spring, ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]);
        // From two to three o'clock twice.
        let autumn = times("30 2 * * *", "2027-10-30T12:00:00Z", 2);
        assert_eq!(autumn, ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"]);
    }

    #[test]
    fn missed_times_are_counted() {
        let schedule = Schedule::cron("0 * * * *", "UTC");
        let hour = 3_600_000;
        let due = schedule.first(0).unwrap();
        assert_eq!(due, hour);
        assert_eq!(schedule.after(due, due), (1, Some(2 * hour)));
        assert_eq!(schedule.after(due, 4 * hour + 1), (4, Some(5 * hour)));
        assert_eq!(Schedule::every(Duration::from_secs(3600)).after(due, 4 * hour + 1).0, 4);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for (pattern, zone) in [("5 o'clock", "UTC"), ("0 5 * * *", "Europe/Atlantis")] {
            assert!(Schedule::cron(pattern, zone).first(0).is_err());
        }
    }
}
