//! When nobody is told: silences that people set, and windows of maintenance that come back every week.
//!
//! Silence stops notices and nothing else: incidents open, change and end as ever.

use crate::incident::{Call, Incident};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Which incidents are meant: those that fit all that is said; nothing said fits all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matcher {
    /// One of these tasks is concerned.
    pub tasks: BTreeSet<String>,
    /// It asks for one of these.
    pub calls: BTreeSet<Call>,
    /// It is this incident.
    pub incident: Option<String>,
}

impl Matcher {
    /// Whether an incident is meant. One that concerns several tasks is meant if all of them are.
    #[must_use]
    pub fn fits(&self, incident: &Incident) -> bool {
        let tasks =
            self.tasks.is_empty() || (!incident.tasks.is_empty() && incident.tasks.is_subset(&self.tasks));
        let calls = self.calls.is_empty() || self.calls.contains(&incident.call);
        tasks && calls && self.incident.as_ref().is_none_or(|key| *key == incident.key)
    }
}

/// A silence that somebody has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name.
    pub id: String,
    /// Which incidents are meant.
    pub matcher: Matcher,
    /// From when on, in milliseconds since the epoch, by the clock.
    pub starts_ms: i64,
    /// Until before when.
    pub ends_ms: i64,
    /// Who set it.
    pub by: String,
    /// Why.
    pub comment: String,
}

impl Silence {
    /// Whether it holds at a time.
    #[must_use]
    pub fn holds(&self, now_ms: i64) -> bool {
        (self.starts_ms..self.ends_ms).contains(&now_ms)
    }
}

/// A window of maintenance that comes back every week.
#[derive(Debug, Clone)]
pub struct Maintenance {
    /// Its name in the configuration.
    pub name: String,
    /// Which incidents are meant.
    pub matcher: Matcher,
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// When it ends: on the day after where that is not later than its beginning.
    pub to: Time,
    /// Whose days and hours are meant.
    pub zone: TimeZone,
}

impl Maintenance {
    /// Whether it holds at a time, in milliseconds since the epoch.
    #[must_use]
    pub fn holds(&self, now_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else {
            return false;
        };
        let now = now.to_zoned(self.zone.clone());
        let begins = |day: Weekday| self.days.contains(&day);
        let (today, time) = (now.weekday(), Zoned::time(&now));
        if self.from < self.to {
            return begins(today) && (self.from..self.to).contains(&time);
        }
        (begins(today) && time >= self.from) || (begins(today.previous()) && time < self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    #[test]
    fn maintenance_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window = |from: &str, to: &str, zone: &str| Maintenance {
            name: "m".to_owned(),
            matcher: Matcher::default(),
            days: vec![Weekday::Saturday],
            from: from.parse().expect("a time"),
            to: to.parse().expect("a time"),
            zone: TimeZone::get(zone).expect("a zone"),
        };
        // 2026-03-14 is a Saturday.
        let night = window("22:00", "04:00", "UTC");
        for (time, holds) in [
            ("2026-03-14T21:59:59Z", false),
            ("2026-03-14T22:00:00Z", true),
            ("2026-03-15T03:59:59Z", true),
            ("2026-03-15T04:00:00Z", false),
            ("2026-03-14T03:00:00Z", false),
            ("2026-03-15T22:00:00Z", false),
        ] {
            assert_eq!(night.holds(ms(time)), holds, "{time}");
        }
        // In Vienna it is an hour later, and two after the change of the clocks on 2026-03-29.
        let day = window("09:00", "10:00", "Europe/Vienna");
        assert!(day.holds(ms("2026-03-14T08:30:00Z")) && !day.holds(ms("2026-03-14T09:00:00Z")));
        assert!(day.holds(ms("2026-04-04T07:30:00Z")) && !day.holds(ms("2026-04-04T08:30:00Z")));
        assert!(!day.holds(i64::MAX), "not a time");
    }

    #[test]
    fn a_silence_of_one_task_leaves_what_concerns_others_as_well() {
        let incident = |tasks: &[&str], call| crate::tests::incident(tasks, call);
        let of_a = Matcher {
            tasks: BTreeSet::from(["a".to_owned()]),
            ..Matcher::default()
        };
        assert!(of_a.fits(&incident(&["a"], Call::Watch)));
        assert!(!of_a.fits(&incident(&["a", "b"], Call::SharedEncoder)));
        assert!(!of_a.fits(&incident(&[], Call::SharedEncoder)));
        let watches = Matcher {
            calls: BTreeSet::from([Call::Watch]),
            ..Matcher::default()
        };
        assert!(
            watches.fits(&incident(&["b"], Call::Watch)) && !watches.fits(&incident(&["b"], Call::Retrain))
        );
        assert!(Matcher::default().fits(&incident(&[], Call::SharedEncoder)));
    }
}
