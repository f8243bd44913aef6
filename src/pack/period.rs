//! The period as days of the organisation's zone: what was asked for, beside the exact instants.
//!
//! Never decides what belongs to a period; the instants do.

use crate::plan::Plan;
use jiff::civil::Date;
use model::Timestamp;

impl Plan {
    /// The day that `at` lies in, where the organisation is.
    pub(crate) fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The first day of the period.
    pub(crate) fn first_day(&self) -> Date {
        self.day(self.from)
    }

    /// The last day of the period. A period that ends with a day ends at the first instant of the next.
    pub(crate) fn last_day(&self) -> Date {
        let before = self.to.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap_or(self.to);
        self.day(before).max(self.first_day())
    }

    /// What the zone is called.
    pub(crate) fn zone_name(&self) -> String {
        self.zone.iana_name().map_or_else(|| self.from.to_zoned(self.zone.clone()).offset().to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::fixture::{at, contents};

    fn days(zone: &str, from: &str, to: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut plan) = contents(folder.path());
        plan.zone = jiff::tz::TimeZone::get(zone).unwrap();
        (plan.from, plan.to) = (at(from), at(to));
        format!("{} to {} {}", plan.first_day(), plan.last_day(), plan.zone_name())
    }

    #[test]
    fn the_days_are_those_that_were_asked_for() {
        assert_eq!(days("UTC", "2025-01-01T00:00:00Z", "2025-04-01T00:00:00Z"), "2025-01-01 to 2025-03-31 UTC");
        assert_eq!(
            days("Europe/London", "2026-06-30T23:00:00Z", "2026-07-31T23:00:00Z"),
            "2026-07-01 to 2026-07-31 Europe/London"
        );
        assert_eq!(
            days("America/New_York", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"),
            "2026-03-01 to 2026-03-31 America/New_York"
        );
        assert_eq!(days("UTC", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z"), "2026-07-01 to 2026-07-01 UTC");
        assert_eq!(days("UTC", "2026-07-01T08:00:00Z", "2026-07-31T00:00:01Z"), "2026-07-01 to 2026-07-31 UTC");
    }
}
