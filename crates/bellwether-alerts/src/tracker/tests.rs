use super::*;
use bellwether_monitor::Verdict::{self, ContinualUpdate, Healthy, NewTask, Retrain, Unknown, Watch};
use proptest::prelude::*;
use serde_json::json;

fn at(hour: u32) -> String {
    format!("2026-03-14T{hour:02}:00:00.000Z")
}

fn line(hour: u32, task: Option<&str>, verdict: Verdict, shared: bool, since: u32) -> TimelineLine {
    TimelineLine {
        timestamp: at(hour),
        task: task.map(str::to_owned),
        verdict: Some(verdict),
        shared_encoder: shared,
        since: at(since),
        confidence: 0.5,
        summary: format!("{task:?} is {verdict} at {hour}"),
        evidence: json!({"moved_tasks": if task.is_none() && shared { vec!["a", "b"] } else { vec![] }}),
    }
}

fn of(hour: u32, task: &str, verdict: Verdict) -> TimelineLine {
    line(hour, Some(task), verdict, false, hour)
}

/// Lines told as (cause, revision, call, firing) of what they changed.
fn told(tracker: &mut Tracker, line: &TimelineLine) -> Vec<(Cause, u32, Call, bool)> {
    let changed = tracker.observe("m", line).into_iter();
    changed
        .map(|i| (i.cause.clone(), i.revision, i.call, i.is_firing()))
        .collect()
}

fn task(name: &str) -> Cause {
    Cause::Task(name.to_owned())
}

#[test]
fn a_task_has_one_incident_from_its_first_sign_to_its_recovery() {
    let mut tracker = Tracker::default();
    assert_eq!(told(&mut tracker, &of(0, "a", Healthy)), []);
    let opened = tracker.observe("m", &of(1, "a", Watch)).remove(0);
    assert_eq!((opened.opened.as_str(), opened.revision), (at(1).as_str(), 1));
    assert_eq!(
        told(&mut tracker, &of(2, "a", Retrain)),
        [(task("a"), 2, Call::Retrain, true)]
    );
    assert_eq!(
        told(&mut tracker, &of(2, "a", Retrain)),
        [],
        "the same line says nothing new"
    );
    assert_eq!(
        told(&mut tracker, &of(3, "b", Watch)),
        [(task("b"), 1, Call::Watch, true)]
    );
    let over = tracker.observe("m", &of(4, "a", Healthy)).remove(0);
    assert_eq!(
        (&over.key, over.revision, &over.end),
        (&opened.key, 3, &Some(End::Recovered))
    );
    assert_eq!(over.called, BTreeSet::from([Call::Watch, Call::Retrain]));
    let again = tracker.observe("m", &of(5, "a", Watch)).remove(0);
    assert_ne!(again.key, opened.key, "another time is another incident");
    assert_eq!(
        told(&mut tracker, &of(6, "a", Unknown)),
        [(task("a"), 2, Call::Watch, false)]
    );
}

#[test]
fn a_common_shift_is_one_incident_that_takes_up_what_began_with_it() {
    let mut tracker = Tracker::default();
    // Long before, and just before the shift was found though after it began.
    told(&mut tracker, &of(1, "c", ContinualUpdate));
    told(&mut tracker, &of(4, "a", Watch));
    let changed = tracker.observe("m", &line(5, None, Healthy, true, 3));
    assert_eq!(changed.len(), 2, "{changed:?}");
    let (shared, absorbed) = (&changed[0], &changed[1]);
    assert_eq!(
        (&shared.cause, shared.severity()),
        (&Cause::SharedEncoder, crate::Severity::Critical)
    );
    assert_eq!(shared.tasks, ["a", "b"].map(str::to_owned).into());
    assert_eq!(absorbed.cause, task("a"));
    assert_eq!(absorbed.end, Some(End::PartOf(shared.key.clone())));
    // More tasks are named, none gets an incident of its own, and the one from before stands as it was.
    let under = line(5, Some("d"), Retrain, true, 3);
    assert_eq!(
        told(&mut tracker, &under),
        [(Cause::SharedEncoder, 2, Call::SharedEncoder, true)]
    );
    assert_eq!(told(&mut tracker, &line(6, Some("d"), Watch, true, 3)), []);
    assert_eq!(told(&mut tracker, &line(6, Some("c"), Healthy, true, 6)), []);
    // When it is over, what had been said without it is a matter of its own; what was said under it once it is said again.
    let over = told(&mut tracker, &line(7, None, Healthy, false, 7));
    assert_eq!(
        over,
        [
            (task("a"), 1, Call::Watch, true),
            (task("c"), 2, Call::ContinualUpdate, false),
            (Cause::SharedEncoder, 3, Call::SharedEncoder, false),
        ]
    );
    assert_eq!(
        told(&mut tracker, &of(8, "d", Watch)),
        [(task("d"), 1, Call::Watch, true)]
    );
}

#[test]
fn tasks_that_see_a_new_task_share_an_incident() {
    let mut tracker = Tracker::default();
    let own = tracker.observe("m", &of(1, "a", ContinualUpdate)).remove(0);
    let changed = tracker.observe("m", &of(2, "a", NewTask));
    assert_eq!(changed[0].cause, Cause::NewTask);
    assert_eq!(
        (&changed[1].key, &changed[1].end),
        (&own.key, &Some(End::PartOf(changed[0].key.clone())))
    );
    assert_eq!(
        told(&mut tracker, &of(3, "b", NewTask)),
        [(Cause::NewTask, 2, Call::NewTask, true)]
    );
    assert_eq!(
        told(&mut tracker, &of(4, "a", Healthy)),
        [],
        "the other task still sees it"
    );
    assert_eq!(
        told(&mut tracker, &of(5, "b", Healthy)),
        [(Cause::NewTask, 3, Call::NewTask, false)]
    );
}

#[test]
fn what_is_adopted_stands_until_its_task_is_heard_of_and_old_lines_do_not_end_it() {
    let mut before = Tracker::default();
    told(&mut before, &of(1, "a", Watch));
    told(&mut before, &of(3, "a", Retrain));
    let mut tracker = Tracker::adopting(before.standing().cloned());
    assert_eq!(told(&mut tracker, &of(4, "b", Healthy)), []);
    // A replay from the beginning tells what is known.
    for hour in [0, 1] {
        let verdict = if hour == 0 { Healthy } else { Watch };
        assert_eq!(told(&mut tracker, &of(hour, "a", verdict)), [], "{hour}");
    }
    assert_eq!(told(&mut tracker, &of(3, "a", Retrain)), []);
    assert_eq!(
        told(&mut tracker, &of(5, "a", Healthy)),
        [(task("a"), 3, Call::Retrain, false)]
    );
}

fn any_line() -> impl Strategy<Value = (Option<&'static str>, Verdict, bool)> {
    let task = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("c"))];
    (task, proptest::sample::select(&Verdict::ALL[..]), any::<bool>())
}

proptest! {
    /// Whatever is said: at most one incident of a cause stands, each is told from its opening to its end with growing
    /// revisions, nothing stands where all is healthy, and a fold that is interrupted anywhere goes on the same.
    #[test]
    fn every_incident_is_told_whole(lines in prop::collection::vec(any_line(), 0..40), cut in 0_usize..40) {
        let mut shared = false;
        let mut hour = 0;
        let mut lines: Vec<TimelineLine> = lines.into_iter().map(|(task, verdict, flip)| {
            hour = (hour + u32::from(flip)).min(23);
            shared = if task.is_none() { flip } else { shared };
            line(hour, task, verdict, shared, hour.saturating_sub(1))
        }).collect();
        lines.push(line(23, None, Healthy, false, 23));
        lines.extend(["a", "b", "c"].map(|task| of(23, task, Healthy)));
        let mut tracker = Tracker::default();
        let mut known: BTreeMap<String, (u32, bool, String)> = BTreeMap::new();
        for (number, line) in lines.iter().enumerate() {
            if number == cut {
                let bytes = serde_json::to_vec(&tracker).expect("JSON");
                let read: Tracker = serde_json::from_slice(&bytes).expect("as written");
                prop_assert_eq!(&read, &tracker);
                tracker = read;
            }
            for incident in tracker.observe("m", line) {
                let before = known.get(&incident.key).cloned();
                let (revision, firing, changed) = before.unwrap_or((0, true, String::new()));
                prop_assert!(firing || changed == incident.changed, "it is told after its end: {:?}", incident);
                prop_assert_eq!(incident.revision, revision + 1);
                let now = (incident.revision, incident.is_firing(), incident.changed.clone());
                known.insert(incident.key.clone(), now);
            }
            let causes: BTreeSet<&Cause> = tracker.standing().map(|i| &i.cause).collect();
            prop_assert_eq!(causes.len(), tracker.standing().count());
        }
        prop_assert!(known.values().all(|(_, firing, _)| !firing), "{:?}", known);
    }
}

#[test]
fn another_encoder_is_an_incident_beside_all_others() {
    let mut tracker = Tracker::default();
    told(&mut tracker, &of(1, "a", Watch));
    let mut arrives = line(2, None, Healthy, false, 2);
    arrives.evidence["other_encoder"] = serde_json::json!({"version": "v2"});
    assert_eq!(
        told(&mut tracker, &arrives),
        [(Cause::OtherEncoder, 1, Call::OtherEncoder, true)]
    );
    assert_eq!(
        told(&mut tracker, &of(3, "a", Retrain)),
        [(task("a"), 2, Call::Retrain, true)]
    );
    assert_eq!(
        told(&mut tracker, &line(4, None, Healthy, false, 2)),
        [(Cause::OtherEncoder, 2, Call::OtherEncoder, false)]
    );
}
