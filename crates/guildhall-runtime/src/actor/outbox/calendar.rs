//! A cron pattern in a time zone: its times are those of the zone's wall clock, and a change of that clock skips none and repeats none.

use std::str::FromStr as _;

use croner::Cron;
use croner::errors::CronError;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Times that are counted one by one when they were missed; those beyond are left out of the count.
pub(crate) const MISSED_MAX: u64 = 1_000;

/// Changes of the clock that are looked at for one time: those of centuries.
const CHANGES_MAX: usize = 1_000;

/// What is computed with: seconds since the epoch, and seconds of the zone's wall clock as if it were that of UTC.
pub(crate) struct Calendar {
    cron: Cron,
    zone: TimeZone,
    /// The pattern names no hour: it is for each, and so goes on through a change of the clock as time does.
    each_hour: bool,
}

impl Calendar {
    pub(crate) fn of(pattern: &str, zone: &str) -> Result<Self, String> {
        let cron = Cron::from_str(pattern).map_err(|why| format!("cron `{pattern}`: {why}"))?;
        let zone = TimeZone::get(zone).map_err(|why| format!("time zone `{zone}`: {why}"))?;
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        let hour = match fields[..] {
            [hourly] => hourly.eq_ignore_ascii_case("@hourly"),
            [_, hour, _, _, _] | [_, _, hour, ..] => hour == "*",
            _ => false,
        };
        Ok(Self { cron, zone, each_hour: hour })
    }

    /// The first time after this one, in ms since the epoch; `None` when there is none.
    pub(crate) fn next(&self, after_ms: u64) -> Result<Option<u64>, String> {
        let after = i64::try_from(after_ms / 1000).unwrap_or(i64::MAX);
        let mut at = timestamp(after)?;
        let mut offset = seconds(self.zone.to_offset(at));
        let mut local = after + offset;
        if !self.each_hour {
            // A time of day that comes twice was there the first time.
            local = local.max(self.repeats_until(at, offset).map_or(local, |end| end - 1));
        }
        for _ in 0..CHANGES_MAX {
            let Some(next) = self.next_local(local)? else { return Ok(None) };
            let change = self.zone.following(at).next();
            let Some(change) = change.filter(|it| next - offset >= it.timestamp().as_second())
            else {
                return Ok(u64::try_from(next - offset).ok().map(|at| at.saturating_mul(1000)));
            };
            let (then, new) = (change.timestamp().as_second(), seconds(change.offset()));
            if !self.each_hour && next < then + new {
                // The clock leaves it out: it is when the clock does that.
                return Ok(u64::try_from(then).ok().map(|at| at.saturating_mul(1000)));
            }
            let begins = if self.each_hour { new } else { new.max(offset) };
            (at, local, offset) = (change.timestamp(), then + begins - 1, new);
        }
        Err(format!(
            "cron `{}`: no time within {CHANGES_MAX} changes of clocks",
            self.cron.as_str()
        ))
    }

    /// It was due at `due_ms`, and now it is `now_ms`: how many of its times have passed, that one included and at most
    /// [`MISSED_MAX`], and the next one.
    pub(crate) fn after(&self, due_ms: u64, now_ms: u64) -> Result<(u64, Option<u64>), String> {
        let (mut passed, mut at) = (1, due_ms);
        loop {
            let from = if passed < MISSED_MAX { at } else { at.max(now_ms) };
            match self.next(from)? {
                Some(next) if next <= now_ms && passed < MISSED_MAX => {
                    (passed, at) = (passed + 1, next)
                }
                next => return Ok((passed, next)),
            }
        }
    }

    /// Where the clock has gone back and shows times that it has shown before: the first one that is new.
    fn repeats_until(&self, at: Timestamp, offset: i64) -> Option<i64> {
        let second = SignedDuration::from_secs(1);
        let change = self.zone.preceding(at.checked_add(second).ok()?).next()?.timestamp();
        let before = seconds(self.zone.to_offset(change.checked_sub(second).ok()?));
        let end = change.as_second() + before;
        (before > offset && at.as_second() + offset < end).then_some(end)
    }

    /// The first time of the pattern after this one, on a clock that never changes.
    fn next_local(&self, after: i64) -> Result<Option<i64>, String> {
        let after = timestamp(after)?.to_zoned(TimeZone::UTC);
        match self.cron.find_next_occurrence(&after, false) {
            Ok(next) => Ok(Some(next.timestamp().as_second())),
            Err(CronError::TimeSearchLimitExceeded) => Ok(None),
            Err(why) => Err(format!("cron `{}`: {why}", self.cron.as_str())),
        }
    }
}

fn timestamp(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_second(seconds).map_err(|why| why.to_string())
}

fn seconds(offset: Offset) -> i64 {
    offset.seconds().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: &str) -> u64 {
        let at: Timestamp = at.parse().unwrap();
        u64::try_from(at.as_millisecond()).unwrap()
    }

    /// The first times after `from`, in UTC.
    fn check(pattern: &str, zone: &str, from: &str, expected: &[&str]) {
        let calendar = Calendar::of(pattern, zone).unwrap();
        let mut at = ms(from);
        let times = expected.iter().map(|_| {
            at = calendar.next(at).unwrap().unwrap();
            Timestamp::from_second(i64::try_from(at / 1000).unwrap()).unwrap().to_string()
        });
        assert_eq!(times.collect::<Vec<_>>(), expected, "{pattern} {zone} after {from}");
    }

    #[test]
    fn a_time_of_day_stays_when_clocks_change() {
        let spring = ["2027-03-27T04:00:00Z", "2027-03-28T03:00:00Z", "2027-03-29T03:00:00Z"];
        check("0 5 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z", &spring);
        let autumn = ["2027-10-30T03:00:00Z", "2027-10-31T04:00:00Z", "2027-11-01T04:00:00Z"];
        check("0 5 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z", &autumn);
    }

    #[test]
    fn times_that_a_clock_leaves_out_are_at_its_change_and_those_it_shows_twice_fire_once() {
        // From two to three o'clock there is nothing.
        let spring = ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"];
        check("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", &spring);
        let list = ["2027-03-28T01:00:00Z", "2027-03-29T00:00:00Z", "2027-03-29T00:30:00Z"];
        check("0,30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", &list);
        check("*/30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", &list);
        let steps = ["2027-03-27T23:00:00Z", "2027-03-28T01:00:00Z", "2027-03-28T02:00:00Z"];
        check("0 */2 * * *", "Europe/Berlin", "2027-03-27T22:00:00Z", &steps);
        // There is no midnight.
        let cairo = ["2027-04-29T22:00:00Z", "2027-04-30T09:00:00Z", "2027-04-30T21:00:00Z"];
        check("0 0,12 * * *", "Africa/Cairo", "2027-04-29T12:00:00Z", &cairo);
        // From two to three o'clock twice.
        let autumn = ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"];
        check("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", &autumn);
        let list = ["2027-10-31T00:00:00Z", "2027-10-31T00:30:00Z", "2027-11-01T01:00:00Z"];
        check("0,30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", &list);
        // Also for one that is set the second time.
        check("0,30 2 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", &list[2..]);
    }

    #[test]
    fn what_is_for_each_hour_goes_on_as_time_does() {
        for (from, zone) in [
            ("2027-03-27T12:00:00Z", "Europe/Berlin"),
            ("2027-10-30T12:00:00Z", "Europe/Berlin"),
            ("2027-04-29T12:00:00Z", "Africa/Cairo"),
            ("2027-10-02T00:00:00Z", "Australia/Lord_Howe"),
        ] {
            let calendar = Calendar::of("*/15 * * * *", zone).unwrap();
            let mut at = ms(from);
            for _ in 0..200 {
                let next = calendar.next(at).unwrap().unwrap();
                assert_eq!(next - at, 15 * 60_000, "{zone} after {at}");
                at = next;
            }
        }
    }

    #[test]
    fn times_only_grow_whatever_the_pattern_and_the_change() {
        for pattern in ["0,30 0-3 * * *", "*/7 2 * * *", "0 0 1 1 *", "5 */3 * * 0", "59 23 29 2 *"]
        {
            for zone in ["Europe/Berlin", "Africa/Cairo", "America/Sao_Paulo", "Asia/Shanghai"] {
                let calendar = Calendar::of(pattern, zone).unwrap();
                let mut at = ms("2027-01-01T00:00:00Z");
                for _ in 0..50 {
                    let next = calendar.next(at).unwrap().unwrap();
                    assert!(next > at, "{pattern} {zone}: {next} after {at}");
                    // What comes first after any time before it is the same.
                    assert_eq!(calendar.next(next - 1).unwrap(), Some(next), "{pattern} {zone}");
                    at = next;
                }
            }
        }
    }

    #[test]
    fn a_pattern_without_a_time_has_none() {
        let calendar = Calendar::of("0 0 30 2 *", "UTC").unwrap();
        assert_eq!(calendar.next(0), Ok(None));
    }

    #[test]
    fn what_was_missed_for_weeks_is_counted_to_a_bound() {
        let calendar = Calendar::of("* * * * *", "UTC").unwrap();
        let (minute, weeks) = (60_000, 70 * 24 * 3_600_000);
        assert_eq!(calendar.after(minute, 3 * minute + 1), Ok((3, Some(4 * minute))));
        assert_eq!(calendar.after(minute, weeks), Ok((MISSED_MAX, Some(weeks + minute))));
    }
}
