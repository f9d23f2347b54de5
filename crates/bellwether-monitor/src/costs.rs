//! What the remedies cost, and what follows from it. Costs tilt the decision; they never change the evidence.
//!
//! With two remedies and the probability `p` that the first is the right one, the first has the lower expected cost when
//! `ln(p / (1 − p))` exceeds the logarithm of the ratio of what is wasted when it is wrong to what is wasted when the second
//! is: the border of log-odds moves by `ln` of the ratio of costs. Elkan, "The Foundations of Cost-Sensitive Learning"
//! (2001), equation 2. Where costs are equal the border does not move, so the default changes no verdict.

use crate::config::MonitorConfig;
use crate::diagnosis::Diagnosis;
use crate::explain::{number, quality};
use crate::judge::Judge;
use crate::reference::Reference;
use crate::signal::Signal;
use crate::verdict::Verdict;
use bellwether_events::TaskId;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DAY_MS: f64 = 24.0 * 3_600_000.0;
/// Fewest labels by which lost quality is measured.
const SPEAKING_LABELS: usize = 20;
/// The remedies in the order in which they are shown.
const REMEDIES: [Verdict; 3] = [Verdict::Retrain, Verdict::ContinualUpdate, Verdict::NewTask];

/// The owner's costs, all in one unit of the owner's choice and above zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Of a joint re-training of all tasks.
    pub joint_retraining: f64,
    /// Of extending one head by new classes.
    pub head_update: f64,
    /// Of adding a task.
    pub new_task: f64,
    /// Of a day on which a task answers everything wrong; a loss of ten points costs a tenth of it.
    pub day_of_lost_quality: f64,
    /// How much more, or less, such a day of a task costs; 1 for tasks that are not named.
    pub task_weights: BTreeMap<String, f64>,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            joint_retraining: 1.0,
            head_update: 1.0,
            new_task: 1.0,
            day_of_lost_quality: 1.0,
            task_weights: BTreeMap::new(),
        }
    }
}

impl Costs {
    /// Of the remedy that a verdict stands for; `None` where there is none.
    #[must_use]
    pub fn of_remedy(&self, verdict: Verdict) -> Option<f64> {
        match verdict {
            Verdict::Retrain => Some(self.joint_retraining),
            Verdict::ContinualUpdate => Some(self.head_update),
            Verdict::NewTask => Some(self.new_task),
            Verdict::Unknown | Verdict::Healthy | Verdict::Watch => None,
        }
    }

    /// Of a day on which `task` answers everything wrong.
    #[must_use]
    pub fn of_day(&self, task: &str) -> f64 {
        self.day_of_lost_quality * self.task_weights.get(task).copied().unwrap_or(1.0)
    }

    /// Log-odds of a new task against new classes from which it is said: the wrong remedy is wasted, the right one follows.
    pub(crate) fn new_task_border(&self) -> f64 {
        (self.new_task / self.head_update).ln()
    }

    /// Log-odds of a need, beyond what the evidence asks for by itself, from which its remedy is said instead of waiting:
    /// a remedy without need is wasted, a day of waiting with need is lost.
    pub(crate) fn acting_border(&self, task: &str, remedy: Verdict) -> f64 {
        self.of_remedy(remedy)
            .map_or(0.0, |cost| (cost / self.of_day(task)).ln())
    }
}

/// Whether a fall of quality that `signal` shows asks for a re-training, by what that costs beside a day of waiting. A
/// dearer one waits for more evidence; a cheaper one for no less than the run length asks for. What was said stands.
pub(crate) fn asks_for_retraining(
    signal: &Signal,
    task: TaskId,
    reference: &Reference,
    config: &MonitorConfig,
    before: &Diagnosis,
) -> bool {
    let border = config
        .costs
        .acting_border(reference.schema().name(task), Verdict::Retrain);
    let excess = signal.log_e_value() - signal.threshold();
    border <= 0.0 || before.verdict == Verdict::Retrain || excess > border
}

/// One remedy for one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemedyCost {
    /// `retrain`, `continual_update` or `new_task`.
    pub remedy: &'static str,
    /// Probability that it is needed, from 0 to 1, as the evidence has it.
    pub probability: f64,
    /// What it costs.
    pub cost: f64,
    /// What it and the others cost that are still needed after it, in expectation.
    pub expected: f64,
}

/// What acting and waiting cost for one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostStatus {
    /// The three remedies.
    pub remedies: Vec<RemedyCost>,
    /// Quality that is lost at this time, from 0 to 1: against the reference by labels, else by the estimate, or the share of
    /// novel inputs.
    pub lost_quality: f64,
    /// Days since the cause began.
    pub days: f64,
    /// What waiting has cost: lost quality times days, in the owner's unit.
    pub waited: f64,
    /// What one more day of waiting and then all that is needed cost, in expectation.
    pub waiting: f64,
    /// Whether waiting has cost as much as the remedy of the standing verdict would have. Acting by then costs at most twice
    /// what the best decision in hindsight would have (ski rental; Karlin and others, "Competitive snoopy caching", 1988).
    pub due: bool,
}

/// What acting and waiting cost for the task at `at`; `None` while nothing stands.
pub(crate) fn status(judge: &Judge, at: usize) -> Option<CostStatus> {
    let standing = &judge.standing[at];
    if matches!(standing.verdict, Verdict::Unknown | Verdict::Healthy) {
        return None;
    }
    let costs = &judge.config.costs;
    let task = judge.reference.schema().name(judge.tasks[at].task);
    let needs = needs(judge, at);
    let all: f64 = costs_of_needs(costs, &needs).iter().sum();
    let remedies = REMEDIES
        .into_iter()
        .zip(needs)
        .filter_map(|(remedy, probability)| {
            let cost = costs.of_remedy(remedy)?;
            Some(RemedyCost {
                remedy: remedy.as_str(),
                probability,
                cost,
                expected: cost + all - probability * cost,
            })
        })
        .collect();
    let lost_quality = lost_quality(judge, at);
    let days = (judge.now_ms - standing.since_ms).max(0) as f64 / DAY_MS;
    let day = costs.of_day(task) * lost_quality;
    Some(CostStatus {
        remedies,
        lost_quality,
        days,
        waited: day * days,
        waiting: day + all,
        due: costs
            .of_remedy(standing.verdict)
            .is_some_and(|cost| day * days >= cost),
    })
}

fn costs_of_needs(costs: &Costs, needs: &[f64; 3]) -> [f64; 3] {
    let mut out = *needs;
    for (need, remedy) in out.iter_mut().zip(REMEDIES) {
        *need *= costs.of_remedy(remedy).unwrap_or(0.0);
    }
    out
}

/// Probabilities that a re-training, new classes and a new task are needed: `E / (E + c)` of the evidence of a fall in
/// quality, and the two scores of novelty. Two causes may meet in one task, so they need not add up to one.
fn needs(judge: &Judge, at: usize) -> [f64; 3] {
    let signals = &judge.tasks[at].signals;
    let fall = [&signals.loss, &signals.confidence]
        .into_iter()
        .map(|s| s.log_e_value() - s.threshold())
        .chain(judge.forgetting.excess(at))
        .fold(f64::NEG_INFINITY, f64::max);
    let own = &judge.standing[at].own;
    let novelty = own
        .group
        .as_ref()
        .filter(|g| g.misrouted_to.is_none() && !own.damaged);
    let (classes, task) = novelty.map_or((0.0, 0.0), |g| {
        let (coherent, foreign) = (logistic(g.coherence), logistic(g.affinity));
        (coherent * (1.0 - foreign), coherent * foreign)
    });
    [logistic(fall), classes, task]
}

fn logistic(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { 1.0 / (1.0 + (-x).exp()) }
}

fn lost_quality(judge: &Judge, at: usize) -> f64 {
    let status = quality(judge, at);
    let labelled = status
        .current
        .filter(|now| now.size >= SPEAKING_LABELS)
        .map(|now| {
            if status.metric == "mae" {
                1.0 - status.reference / now.value
            } else {
                status.reference - now.value
            }
        });
    let estimated = || {
        let estimate = crate::quality::estimated_quality(&judge.tasks[at].recent)?;
        (status.metric == "accuracy").then_some(status.reference - estimate.value)
    };
    let novel = novel_share(&judge.standing[at].own);
    let lost = labelled.or_else(estimated).unwrap_or(0.0).max(novel);
    if lost.is_finite() {
        lost.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Share of the window that no head can answer.
fn novel_share(own: &Diagnosis) -> f64 {
    let known_elsewhere = |g: &crate::diagnosis::NovelGroup| g.misrouted_to.is_some();
    match &own.group {
        Some(group) if own.window > 0 && !known_elsewhere(group) => group.size as f64 / own.window as f64,
        _ => 0.0,
    }
}

impl CostStatus {
    /// For the timeline.
    pub(crate) fn evidence(&self) -> Value {
        let remedies = self.remedies.iter().map(|r| {
            let of_one = json!({
                "probability": number(r.probability),
                "cost": number(r.cost),
                "expected": number(r.expected),
            });
            (r.remedy.to_owned(), of_one)
        });
        json!({
            "remedies": Value::Object(remedies.collect()),
            "lost_quality": number(self.lost_quality),
            "days": number(self.days),
            "waited": number(self.waited),
            "waiting": number(self.waiting),
            "due": self.due,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{NovelGroup, kind_of_novelty};
    use proptest::prelude::*;

    fn group(coherence: f64, affinity: f64) -> NovelGroup {
        NovelGroup {
            size: 40,
            hours: 24.0,
            coherence,
            affinity,
            own_share: 0.6,
            malformed_share: 0.0,
            misrouted_to: None,
            alien_share: 0.0,
            direction: Vec::new(),
        }
    }

    fn diagnosis(verdict: Verdict, group: NovelGroup) -> Diagnosis {
        Diagnosis {
            verdict,
            group: Some(group),
            ..Diagnosis::healthy()
        }
    }

    fn costs(head_update: f64, new_task: f64, day: f64) -> Costs {
        Costs {
            head_update,
            new_task,
            day_of_lost_quality: day,
            ..Costs::default()
        }
    }

    proptest! {
        #[test]
        fn equal_costs_move_no_border(cost in 1e-6..1e12_f64) {
            let costs = Costs { joint_retraining: cost, ..costs(cost, cost, cost) };
            prop_assert!(costs.new_task_border().abs() < 1e-12);
            for remedy in REMEDIES {
                prop_assert!(costs.acting_border("any", remedy).abs() < 1e-12);
            }
        }

        #[test]
        fn a_dearer_remedy_is_said_less_and_a_dearer_day_lets_act_more(
            affinity in -8.0..8.0_f64,
            coherence in -4.0..8.0_f64,
            head in 0.01..100.0_f64,
            task in 0.01..100.0_f64,
            day in 0.01..100.0_f64,
            dearer in 1.0..50.0_f64,
        ) {
            let (cheap, dear) = (costs(head, task, day), costs(head, task * dearer, day));
            let before = Diagnosis::healthy();
            let kind = |costs: &Costs| {
                kind_of_novelty(&diagnosis(Verdict::Watch, group(coherence, affinity)), &before, costs.new_task_border())
            };
            if kind(&cheap) == Verdict::ContinualUpdate {
                prop_assert_eq!(kind(&dear), Verdict::ContinualUpdate);
            }
            if kind(&dear) == Verdict::NewTask {
                prop_assert_eq!(kind(&cheap), Verdict::NewTask);
            }
            let config = MonitorConfig::default();
            let acts = |costs: &Costs| {
                let border = costs.acting_border("any", Verdict::NewTask);
                group(coherence, affinity).is_novelty(false, border, &config)
            };
            prop_assert!(acts(&cheap) || !acts(&dear), "a dearer remedy is not said sooner");
            let urgent = costs(head, task, day * dearer);
            prop_assert!(acts(&urgent) || !acts(&cheap), "a dearer day is not waited for longer");
        }

        #[test]
        fn the_border_is_where_both_remedies_cost_the_same_in_expectation(
            head in 0.01..100.0_f64,
            task in 0.01..100.0_f64,
        ) {
            let p = logistic(costs(head, task, 1.0).new_task_border());
            let (first_task, first_head) = (task + (1.0 - p) * head, head + p * task);
            prop_assert!((first_task - first_head).abs() < 1e-9 * (first_task + first_head));
        }
    }

    #[test]
    fn a_task_of_weight_is_acted_for_sooner() {
        let costs = Costs {
            task_weights: BTreeMap::from([("banking".to_owned(), 10.0)]),
            ..Costs::default()
        };
        let border = |task| costs.acting_border(task, Verdict::Retrain);
        assert!(border("banking") < border("booking"));
        assert!(border("booking").abs() < 1e-12);
    }
}
