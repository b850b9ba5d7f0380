//! [`Schedule`]: the times of a reminder.

use std::time::Duration;

use super::calendar::Calendar;

/// The due times of a reminder: once, periodic, or by the calendar. Times are those of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a schedule does nothing by itself: give it to `remind`"]
pub struct Schedule(pub(crate) Times);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// In ms since the Unix epoch.
    At(u64),
    /// In ms, at least 1.
    Every(u64),
    Cron {
        pattern: String,
        zone: String,
    },
}

impl Schedule {
    /// Once, at this time since the Unix epoch, as `cx.env().wall()` returns it. A time in the past is due at once.
    pub fn at(wall: Duration) -> Self {
        Self(Times::At(millis(wall)))
    }

    /// Every `period`, at least 1 ms, for the first time one `period` after it was set.
    pub fn every(period: Duration) -> Self {
        Self(Times::Every(millis(period).max(1)))
    }

    /// By the calendar: minute, hour, day, month and weekday, in an IANA time zone. `Schedule::cron("0 5 * * *", "Europe/Berlin")` is
    /// at five each morning there.
    ///
    /// When clocks go forward, skipped times of day fire once, at the change. When clocks go back, a repeated time of day fires the
    /// first time only. A pattern with `*` as its hour follows elapsed time: `*/15 * * * *` is every quarter of an hour, whatever
    /// clocks do. `cx.remind` reports an invalid pattern. At most 1000 missed times are counted.
    pub fn cron(pattern: impl Into<String>, zone: impl Into<String>) -> Self {
        Self(Times::Cron { pattern: pattern.into(), zone: zone.into() })
    }

    /// When it fires for the first time, where it is set now.
    ///
    /// # Errors
    /// It never does, or is none.
    pub(crate) fn first(&self, now_ms: u64) -> Result<u64, String> {
        match &self.0 {
            Times::At(at) => Ok(*at),
            Times::Every(period) => Ok(now_ms.saturating_add(*period)),
            Times::Cron { pattern, zone } => {
                let next = Calendar::of(pattern, zone)?.next(now_ms)?;
                next.ok_or_else(|| format!("cron `{pattern}` has no time to come"))
            }
        }
    }

    /// It was due at `due_ms` and fires now: how many of its times have passed, that one included, and the next one.
    ///
    /// # Errors
    /// The next one cannot be found here, though it could when it was set: the zone is not known on this machine, say.
    pub(crate) fn after(&self, due_ms: u64, now_ms: u64) -> Result<(u64, Option<u64>), String> {
        match &self.0 {
            Times::At(_) => Ok((1, None)),
            Times::Every(period) => {
                let passed = 1 + now_ms.saturating_sub(due_ms) / period;
                Ok((passed, Some(due_ms.saturating_add(period.saturating_mul(passed)))))
            }
            Times::Cron { pattern, zone } => Calendar::of(pattern, zone)?.after(due_ms, now_ms),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_times_are_counted() {
        let schedule = Schedule::cron("0 * * * *", "UTC");
        let hour = 3_600_000;
        let due = schedule.first(0).unwrap();
        assert_eq!(due, hour);
        assert_eq!(schedule.after(due, due), Ok((1, Some(2 * hour))));
        assert_eq!(schedule.after(due, 4 * hour + 1), Ok((4, Some(5 * hour))));
        let every = Schedule::every(Duration::from_secs(3600));
        assert_eq!(every.after(due, 4 * hour + 1).unwrap().0, 4);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for (pattern, zone) in
            [("5 o'clock", "UTC"), ("0 5 * * *", "Europe/Atlantis"), ("0 0 30 2 *", "UTC")]
        {
            assert!(Schedule::cron(pattern, zone).first(0).is_err());
        }
    }
}
