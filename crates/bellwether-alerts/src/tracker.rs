//! From changes of state to incidents: a fold over the timeline that reads no clock.

use crate::incident::{Call, Cause, End, Incident, Said};
use bellwether_monitor::TimelineLine;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Follows the timeline, and says which incidents open, change and end.
///
/// The same lines give the same incidents with the same revisions, whatever they are delivered with.
///
/// - A common shift is one incident, which names its tasks. What opened for one of them since the shift began becomes part of
///   it; what had opened before stands as it was until the shift is over. What was said under the shift is no matter of its own
///   until it is said again without.
/// - Tasks that see a new task share one incident: a new capability leaks into whatever task it is sent to.
/// - That another encoder arrives is one incident beside all others.
/// - Everything else is one incident a task, which changes as its verdict does and ends when that is healthy or unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tracker {
    /// What was said last of each task.
    tasks: BTreeMap<String, Said>,
    /// What was said last of the model.
    model: Option<Model>,
    open: Vec<Incident>,
    /// What ended at the newest event time: if it opens again at the same, it goes on.
    just_ended: Vec<Incident>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Model {
    said: Said,
    moved_tasks: BTreeSet<String>,
    /// Observations of another encoder arrive.
    other_encoder: bool,
}

/// What there should be an incident of.
enum Wanted {
    /// As it stands: nothing can be said of it now.
    AsItIs,
    Of(Call, BTreeSet<String>),
}

impl Tracker {
    /// One that knows of incidents which stand, and not of what led to them.
    #[must_use]
    pub fn adopting(standing: impl IntoIterator<Item = Incident>) -> Self {
        Self {
            open: standing.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The incidents that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Incident> {
        self.open.iter()
    }

    /// Takes the next line of the timeline of a monitor called `source`; returns the incidents that it changed, each as it is
    /// now.
    pub fn observe(&mut self, source: &str, line: &TimelineLine) -> Vec<Incident> {
        let said = Said::by(line);
        if let Some(task) = &line.task {
            self.tasks.insert(task.clone(), said);
        } else {
            self.model = Some(Model {
                said,
                moved_tasks: moved_tasks(line),
                other_encoder: line.evidence.get("other_encoder").is_some(),
            });
        }
        self.just_ended.retain(|ended| ended.changed >= line.timestamp);
        let wanted = self.wanted();
        let mut changed = Vec::new();
        // First what opens or goes on, so that what ends can say what it became part of.
        for (cause, wanted) in &wanted {
            if let Wanted::Of(call, tasks) = wanted {
                changed.extend(self.stands(source, cause, *call, tasks, line));
            }
        }
        let (open, over) = std::mem::take(&mut self.open).into_iter().partition(|incident| {
            // A line from before its last change is heard again: it ended nothing then.
            wanted.contains_key(&incident.cause) || line.timestamp < incident.changed
        });
        self.open = open;
        for incident in over {
            let ended = self.ended(incident, line);
            self.just_ended.push(ended.clone());
            changed.push(ended);
        }
        changed
    }

    /// The common shift, while it stands.
    fn shared(&self) -> Option<&Model> {
        self.model.as_ref().filter(|model| model.said.shared_encoder)
    }

    /// The tasks that call for something.
    fn calling(&self) -> impl Iterator<Item = (&String, Call, &Said)> {
        self.tasks.iter().filter_map(|(task, said)| {
            let call = Call::of(said.verdict?)?;
            Some((task, call, said))
        })
    }

    /// The tasks that call for something by what was said of them under a shift.
    fn under_shift(&self) -> impl Iterator<Item = &String> {
        let calling = self.calling().filter(|(_, _, said)| said.shared_encoder);
        calling.map(|(task, ..)| task)
    }

    /// What there should be incidents of, by what was said last.
    fn wanted(&self) -> BTreeMap<Cause, Wanted> {
        let mut wanted = BTreeMap::new();
        if let Some(shared) = self.shared() {
            let since = &shared.said.since;
            let under_it = self.calling().filter(|(_, _, said)| said.timestamp >= *since);
            let mut tasks = shared.moved_tasks.clone();
            tasks.extend(under_it.map(|(task, ..)| task.clone()));
            wanted.insert(Cause::SharedEncoder, Wanted::Of(Call::SharedEncoder, tasks));
            for before in self.open.iter().filter(|incident| incident.opened < *since) {
                wanted.entry(before.cause.clone()).or_insert(Wanted::AsItIs);
            }
        } else {
            let mut newcomers = BTreeSet::new();
            // What was said under a shift is a matter of its own when it is said again without.
            for (task, call, _) in self.calling().filter(|(_, _, said)| !said.shared_encoder) {
                if call == Call::NewTask {
                    newcomers.insert(task.clone());
                } else {
                    let tasks = BTreeSet::from([task.clone()]);
                    wanted.insert(Cause::Task(task.clone()), Wanted::Of(call, tasks));
                }
            }
            if !newcomers.is_empty() {
                wanted.insert(Cause::NewTask, Wanted::Of(Call::NewTask, newcomers));
            }
            let unsure: BTreeSet<&String> = self.under_shift().collect();
            let of_them = |incident: &&Incident| incident.tasks.iter().any(|task| unsure.contains(task));
            for incident in self
                .open
                .iter()
                .filter(of_them)
                .filter(|i| i.cause != Cause::SharedEncoder)
            {
                wanted.entry(incident.cause.clone()).or_insert(Wanted::AsItIs);
            }
        }
        if self.model.as_ref().is_some_and(|model| model.other_encoder) {
            wanted.insert(
                Cause::OtherEncoder,
                Wanted::Of(Call::OtherEncoder, BTreeSet::new()),
            );
        }
        // That nothing was heard yet is no recovery.
        for incident in self.open.iter().filter(|incident| !self.has_heard_of(incident)) {
            wanted.entry(incident.cause.clone()).or_insert(Wanted::AsItIs);
        }
        wanted
    }

    fn has_heard_of(&self, incident: &Incident) -> bool {
        match &incident.cause {
            Cause::SharedEncoder | Cause::OtherEncoder => self.model.is_some(),
            Cause::Task(_) | Cause::NewTask => {
                incident.tasks.iter().all(|task| self.tasks.contains_key(task))
            }
        }
    }

    /// Opens the incident, or brings it up to date; `None` where nothing is new.
    fn stands(
        &mut self,
        source: &str,
        cause: &Cause,
        call: Call,
        tasks: &BTreeSet<String>,
        line: &TimelineLine,
    ) -> Option<Incident> {
        let said = match cause {
            Cause::SharedEncoder | Cause::OtherEncoder => self.model.as_ref().map(|model| model.said.clone()),
            Cause::Task(task) => self.tasks.get(task).cloned(),
            Cause::NewTask => tasks
                .iter()
                .filter_map(|task| self.tasks.get(task))
                .max_by(|a, b| a.timestamp.cmp(&b.timestamp))
                .cloned(),
        }
        .unwrap_or_else(|| Said::by(line));
        let Some(incident) = self.open.iter_mut().find(|incident| incident.cause == *cause) else {
            let mut opened =
                Incident::open(source, cause.clone(), call, tasks.clone(), &line.timestamp, said);
            if let Some(ended) = self.just_ended.iter().find(|ended| ended.key == opened.key) {
                opened.revision = ended.revision + 1;
                opened.called.extend(&ended.called);
                opened.tasks.extend(ended.tasks.iter().cloned());
            }
            self.just_ended.retain(|ended| ended.key != opened.key);
            self.open.push(opened.clone());
            return Some(opened);
        };
        let is_of_it = cause.task().is_some() && line.task.as_deref() == cause.task();
        let is_known = incident.call == call && tasks.is_subset(&incident.tasks);
        if line.timestamp < incident.changed || (is_known && (!is_of_it || incident.said == said)) {
            return None;
        }
        incident.revision += 1;
        incident.call = call;
        incident.called.insert(call);
        incident.tasks.extend(tasks.iter().cloned());
        incident.changed.clone_from(&line.timestamp);
        incident.said = said;
        Some(incident.clone())
    }

    /// An incident whose cause is over, or has become another's.
    fn ended(&self, mut incident: Incident, line: &TimelineLine) -> Incident {
        let key_of = |cause: &Cause| {
            let open = self.open.iter().find(|open| open.cause == *cause);
            open.map(|open| open.key.clone())
        };
        let own = incident.cause.task().and_then(|task| self.tasks.get(task));
        let wider = if self.shared().is_some()
            && !matches!(incident.cause, Cause::SharedEncoder | Cause::OtherEncoder)
        {
            key_of(&Cause::SharedEncoder)
        } else if own.is_some_and(|said| said.verdict.and_then(Call::of) == Some(Call::NewTask)) {
            key_of(&Cause::NewTask)
        } else {
            None
        };
        incident.revision += 1;
        incident.end = Some(wider.map_or(End::Recovered, End::PartOf));
        incident.changed.clone_from(&line.timestamp);
        incident.said = own.cloned().unwrap_or_else(|| Said::by(line));
        incident
    }
}

/// The tasks that the model's line names as moved.
fn moved_tasks(line: &TimelineLine) -> BTreeSet<String> {
    let named = line
        .evidence
        .get("moved_tasks")
        .and_then(|tasks| tasks.as_array());
    let texts = named.into_iter().flatten().filter_map(|task| task.as_str());
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
