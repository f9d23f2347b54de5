use super::*;
use crate::format::Format;
use crate::incident::{Call, Cause, End};
use crate::ledger::Acknowledgement;
use crate::silence::{Matcher, Silence};
use crate::tests::incident;
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;

/// A receiver with its ledger, as time goes on.
struct Story {
    config: AlertsConfig,
    records: Records,
    receiver: Receiver,
    /// (minute, occasion, keys that stand, keys that are over)
    told: Vec<(i64, Occasion, Vec<String>, Vec<String>)>,
    ids: BTreeSet<String>,
}

impl Story {
    fn of(format: Format) -> Self {
        Self {
            config: AlertsConfig {
                source: "intents".to_owned(),
                ..AlertsConfig::default()
            },
            records: Records::default(),
            receiver: Receiver::new("on-call", format, "http://127.0.0.1:9/"),
            told: Vec::new(),
            ids: BTreeSet::new(),
        }
    }

    fn put(&mut self, incident: &Incident, minute: i64) {
        let entry = Entry {
            incident: incident.clone(),
            decided_ms: minute * MINUTE,
            changed_ms: minute * MINUTE,
            acknowledged: None,
        };
        let entries = &mut self.records.entries;
        match entries.get_mut(&incident.key) {
            Some(known) => {
                known.incident = incident.clone();
                known.changed_ms = minute * MINUTE;
            }
            None => drop(entries.insert(incident.key.clone(), entry)),
        }
    }

    /// Lets time go from one minute to another, in steps of ten seconds.
    fn pass(&mut self, from: i64, to: i64) {
        for now_ms in (from * MINUTE..to * MINUTE).step_by(10_000) {
            while let Plan::Now(notice) = plan(&self.config, &self.records, &self.receiver, now_ms) {
                let keys = |firing: bool| {
                    let of = notice.items.iter().filter(|item| item.firing == firing);
                    of.map(|item| item.incident.key.clone()).collect()
                };
                self.told
                    .push((now_ms / MINUTE, notice.occasion, keys(true), keys(false)));
                assert!(self.ids.insert(notice.id.clone()), "an id is used once");
                let group = (self.receiver.name.clone(), notice.group.clone());
                let before = self.records.told.get(&group).cloned().unwrap_or_default();
                self.records.told.insert(group, told(&before, &notice, now_ms));
            }
        }
    }

    fn minutes(&self) -> Vec<(i64, Occasion)> {
        self.told
            .iter()
            .map(|(minute, occasion, ..)| (*minute, *occasion))
            .collect()
    }
}

fn next(incident: &Incident, call: Option<Call>) -> Incident {
    let mut next = incident.clone();
    next.revision += 1;
    match call {
        Some(call) => {
            next.call = call;
            next.called.insert(call);
        }
        None => next.end = Some(End::Recovered),
    }
    next
}

#[test]
fn what_opens_together_is_one_notice_what_stands_is_repeated_and_the_end_is_told() {
    let mut story = Story::of(Format::Webhook);
    let (a, b) = (
        incident(&["a"], Call::Retrain),
        incident(&["b"], Call::ContinualUpdate),
    );
    story.put(&a, 0);
    story.pass(0, 1);
    assert_eq!(story.told, [(0, Occasion::News, vec![a.key.clone()], vec![])]);
    // A second one waits for the group's interval, then they are told together, and again after four hours.
    story.put(&b, 1);
    story.pass(1, 300);
    assert_eq!(
        story.minutes()[1..],
        [(5, Occasion::News), (245, Occasion::Repeat)]
    );
    assert_eq!(story.told[2].2.len(), 2);
    story.put(&next(&a, None), 300);
    story.pass(300, 310);
    assert_eq!(
        story.told[3],
        (300, Occasion::News, vec![b.key.clone()], vec![a.key.clone()])
    );
    story.put(&next(&b, None), 310);
    story.pass(310, 2000);
    assert_eq!(story.told[4..], [(310, Occasion::News, vec![], vec![b.key])]);
}

#[test]
fn what_becomes_more_urgent_does_not_wait() {
    let mut story = Story::of(Format::Webhook);
    story.receiver.calls = Call::ALL.into();
    let watch = incident(&["a"], Call::Watch);
    story.put(&watch, 0);
    story.pass(0, 1);
    story.put(&next(&watch, Some(Call::Retrain)), 1);
    story.pass(1, 3);
    story.put(&incident(&["a", "b"], Call::SharedEncoder), 3);
    story.pass(3, 5);
    assert_eq!(
        story.minutes(),
        [(0, Occasion::News), (1, Occasion::News), (3, Occasion::News)]
    );
}

#[test]
fn a_receiver_hears_only_of_what_it_wants_and_that_what_it_heard_of_is_over() {
    let mut story = Story::of(Format::Webhook);
    let watch = incident(&["a"], Call::Watch);
    story.put(&watch, 0);
    story.pass(0, 60);
    assert_eq!(story.told, [], "watches are not for it");
    let retrain = next(&watch, Some(Call::Retrain));
    story.put(&retrain, 60);
    story.pass(60, 61);
    let back = next(&retrain, Some(Call::Watch));
    story.put(&back, 70);
    story.pass(70, 71);
    assert_eq!(
        story.told.last(),
        Some(&(70, Occasion::News, vec![], vec![watch.key.clone()]))
    );
    story.put(&next(&back, None), 80);
    story.pass(80, 2000);
    assert_eq!(story.told.len(), 2);
}

#[test]
fn what_came_and_went_before_anything_could_be_sent_is_told_once_as_over() {
    let mut story = Story::of(Format::PagerDuty);
    let a = incident(&["a"], Call::Retrain);
    story.put(&a, 0);
    story.put(&next(&a, None), 0);
    story.pass(0, 2000);
    assert_eq!(story.told, [(0, Occasion::News, vec![], vec![a.key])]);
}

#[test]
fn silence_holds_back_notices_until_it_ends_and_nothing_else() {
    let mut story = Story::of(Format::PagerDuty);
    let of = |task: &str| Matcher {
        tasks: [task.to_owned()].into(),
        ..Matcher::default()
    };
    let silence = |id: &str, matcher, from: i64, to: i64| Silence {
        id: id.to_owned(),
        matcher,
        starts_ms: from * MINUTE,
        ends_ms: to * MINUTE,
        by: "me".to_owned(),
        comment: "migration".to_owned(),
    };
    story
        .records
        .silences
        .insert("s".to_owned(), silence("s", of("a"), 0, 60));
    story
        .records
        .silences
        .insert("t".to_owned(), silence("t", of("b"), 10, 60));
    let (a, b, c) = (
        incident(&["a"], Call::Retrain),
        incident(&["b"], Call::Retrain),
        incident(&["c"], Call::Retrain),
    );
    story.put(&b, 5);
    story.pass(5, 10);
    story.put(&a, 10);
    story.put(&c, 10);
    // What ended while it was silent is never told; what was told before is told to be over.
    let mut gone = incident(&["a"], Call::ContinualUpdate);
    "bw-gone".clone_into(&mut gone.key);
    story.put(&gone, 15);
    story.put(&next(&gone, None), 16);
    story.pass(10, 20);
    story.put(&next(&b, None), 20);
    story.pass(20, 90);
    let keys: Vec<(i64, &str, bool)> = story
        .told
        .iter()
        .map(|(minute, _, on, off)| {
            (
                *minute,
                on.first().or(off.first()).map_or("", String::as_str),
                off.is_empty(),
            )
        })
        .collect();
    assert_eq!(
        keys,
        [
            (5, &*b.key, true),
            (10, &*c.key, true),
            (20, &*b.key, false),
            (60, &*a.key, true)
        ]
    );
}

#[test]
fn what_somebody_takes_care_of_is_not_repeated_but_its_changes_are_told() {
    let mut story = Story::of(Format::Slack);
    let a = incident(&["a"], Call::Retrain);
    story.put(&a, 0);
    story.pass(0, 10);
    let by = Acknowledgement {
        by: "me".to_owned(),
        comment: String::new(),
        at_ms: 10 * MINUTE,
    };
    story.records.entries.get_mut(&a.key).expect("there").acknowledged = Some(by.clone());
    story.pass(10, 1000);
    assert_eq!(story.told.len(), 1, "it is not repeated");
    story.put(&next(&a, None), 1000);
    story.pass(1000, 1010);
    assert_eq!(story.told.len(), 2);
    // One who understands it is told so, once.
    let mut story = Story::of(Format::PagerDuty);
    story.put(&a, 0);
    story.records.entries.get_mut(&a.key).expect("there").acknowledged = Some(by);
    story.pass(0, 1000);
    assert_eq!(story.minutes(), [(0, Occasion::News), (0, Occasion::News)]);
}

#[test]
fn an_alertmanager_is_pushed_what_stands_every_minute() {
    let mut story = Story::of(Format::Alertmanager);
    let a = incident(&["a"], Call::Retrain);
    story.put(&a, 0);
    story.pass(0, 3);
    story.put(&next(&a, None), 3);
    story.pass(3, 10);
    assert_eq!(
        story.minutes(),
        [
            (0, Occasion::News),
            (1, Occasion::Repeat),
            (2, Occasion::Repeat),
            (3, Occasion::News)
        ]
    );
}

#[test]
fn a_notice_is_the_same_for_each_attempt_and_another_when_something_changes() {
    let mut story = Story::of(Format::Webhook);
    let a = incident(&["a"], Call::Retrain);
    story.put(&a, 0);
    let at = |story: &Story, minute: i64| match plan(
        &story.config,
        &story.records,
        &story.receiver,
        minute * MINUTE,
    ) {
        Plan::Now(notice) => notice,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(&story, 1), at(&story, 700));
    let first = at(&story, 1).id;
    story.put(&next(&a, None), 2);
    assert_ne!(at(&story, 3).id, first);
    assert_eq!(a.cause, Cause::Task("a".to_owned()));
}
