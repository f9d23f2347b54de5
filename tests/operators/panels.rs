//! Every panel of every dashboard is asked, in quiet days and when everything drifts.

use crate::empty::{self, MAY_BE_EMPTY, When};
use crate::grafana::{Answer, DASHBOARDS, Dashboard};
use crate::prometheus::{Prometheus, Span, repository};
use crate::stream::Stream;
use bellwether_tests::Program;
use std::collections::BTreeSet;

#[test]
fn every_panel_has_an_answer_in_quiet_days_and_when_everything_drifts() {
    if !Program::are_installed(&["prometheus"]) {
        return;
    }
    let stream = Stream::start();
    let rules = crate::rules::scaled_rules();
    let prometheus = Prometheus::start(stream.target(), &rules, None);
    let played = stream.play();
    assert_eq!(prometheus.health(), "\"up\" \"\"");

    let mut wrong = Vec::new();
    let mut places = BTreeSet::new();
    for (phase, span) in [(When::Healthy, played.healthy), (When::Drifted, played.drifted)] {
        let (mut answered, mut excused) = (0, 0);
        for name in DASHBOARDS {
            for (place, answer) in ask(&Dashboard::read(name), &prometheus, span) {
                match (answer, empty::reason(&place, phase)) {
                    (Answer::Data, None) => answered += 1,
                    (Answer::Nothing, Some(_)) => excused += 1,
                    (Answer::Data, Some(reason)) => {
                        wrong.push(format!("{phase:?}: {place} is not empty, although: {reason}"));
                    }
                    (Answer::Nothing, None) => wrong.push(format!("{phase:?}: {place} is empty")),
                    (Answer::Error(error), _) => wrong.push(format!("{phase:?}: {place}: {error}")),
                }
                places.insert(place);
            }
        }
        eprintln!("{phase:?}: {answered} questions answered, {excused} empty with a reason");
    }
    for (place, _, _) in MAY_BE_EMPTY {
        if !places.contains(*place) {
            wrong.push(format!("{place} may be empty, and is on no dashboard"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}\n{}",
        wrong.len(),
        wrong.join("\n"),
        prometheus.log()
    );
    one_wrong_letter_is_caught(&prometheus, played.drifted);
}

/// Each question of a dashboard with its answer: the best that one of the choices of its variables gives.
fn ask(dashboard: &Dashboard, prometheus: &Prometheus, span: Span) -> Vec<(String, Answer)> {
    let choices = dashboard.choices(prometheus, span);
    let answer = |question: crate::grafana::Question| {
        let mut best = Answer::Nothing;
        for choice in &choices {
            match question.ask(choice, prometheus, span) {
                Answer::Nothing => {}
                other => {
                    best = other;
                    break;
                }
            }
        }
        (question.place, best)
    };
    dashboard.questions().into_iter().map(answer).collect()
}

/// The negative control: what would not be found here would be found nowhere.
fn one_wrong_letter_is_caught(prometheus: &Prometheus, span: Span) {
    let text = repository("dashboards/bellwether-fleet.json");
    let (right, wrong) = (
        "bellwether_task_novelty_ratio{",
        "bellwether_task_noveltly_ratio{",
    );
    assert!(text.contains(right));
    let broken = Dashboard::parse(&text.replace(right, wrong));
    let found: Vec<String> = ask(&broken, prometheus, span)
        .into_iter()
        .filter(|(place, answer)| *answer != Answer::Data && empty::reason(place, When::Drifted).is_none())
        .map(|(place, _)| place)
        .collect();
    assert_eq!(
        found,
        [
            "fleet / The tasks in numbers / novelty",
            "fleet / Novelty / {{task}}"
        ]
    );
    let broken = Dashboard::parse(&text.replace("topk($top, ", "topk($top "));
    let errors = ask(&broken, prometheus, span);
    assert!(
        errors
            .iter()
            .any(|(_, answer)| matches!(answer, Answer::Error(_)))
    );
}
