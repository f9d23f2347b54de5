//! When a receiver is told of what: by the clock that is given, and by nothing else.

use crate::incident::{Incident, Severity, digest};
use crate::ledger::{Entry, Records, Told, ToldOf};
use crate::settings::{AlertsConfig, Grouping, Receiver};
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a receiver is told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Occasion {
    /// Nothing is new, but what stands has stood for long.
    Repeat,
    /// Something opened, changed or ended.
    News,
    /// Somebody wants to know whether it arrives.
    Test,
}

/// One incident in a notice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// The incident as it is.
    pub(crate) incident: Incident,
    /// Whether it stands, for this receiver: one that is not told of watches hears that it is over when only a watch is left.
    pub(crate) firing: bool,
    /// Who takes care of it.
    pub(crate) acknowledged_by: Option<String>,
    /// Whether it is what the notice is about: the others stand as before.
    pub(crate) is_news: bool,
    /// Whether all that is new is that somebody takes care of it.
    pub(crate) is_acknowledgement: bool,
}

/// What a receiver is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// The same for each attempt; by it a receiver knows what it has had.
    pub(crate) id: String,
    /// The incident, or empty for all of the model.
    pub(crate) group: String,
    /// Why now.
    pub(crate) occasion: Occasion,
    /// At least one; first what stands, the most urgent first.
    pub(crate) items: Vec<Item>,
}

/// What is due, or when something will be, in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    Nothing,
    At(i64),
    Now(Notice),
}

/// What there is to say of one incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing, now or ever.
    Nothing,
    /// It stands, as the receiver knows.
    Standing,
    /// It stands, as the receiver knows, and is not to be repeated.
    Quiet,
    /// It is new to the receiver.
    New,
    /// It is not as the receiver knows it.
    Changed,
    /// It is more urgent than the receiver knows.
    Worse,
    /// Somebody takes care of it.
    Acknowledged,
}

/// The incidents of a group with what there is to say of each.
type Steps<'a> = Vec<(&'a Entry, Step)>;

/// Whether a receiver is ever told of an incident.
fn concerns(receiver: &Receiver, incident: &Incident) -> bool {
    !receiver.calls.is_disjoint(&incident.called)
}

/// Whether an incident stands, for a receiver.
fn stands(receiver: &Receiver, incident: &Incident) -> bool {
    incident.is_firing() && receiver.calls.contains(&incident.call)
}

pub(crate) fn is_silenced(
    config: &AlertsConfig,
    records: &Records,
    incident: &Incident,
    now_ms: i64,
) -> bool {
    let silences = records.silences.values();
    let mut silences = silences
        .filter(|silence| silence.holds(now_ms))
        .map(|silence| &silence.matcher);
    let windows = config.maintenance.iter();
    let mut windows = windows
        .filter(|window| window.holds(now_ms))
        .map(|window| &window.matcher);
    silences.any(|matcher| matcher.fits(incident)) || windows.any(|matcher| matcher.fits(incident))
}

/// Whether a receiver has still to be told of the state of an incident.
pub(crate) fn is_owed(receiver: &Receiver, told: Option<&ToldOf>, entry: &Entry) -> bool {
    let firing = stands(receiver, &entry.incident);
    concerns(receiver, &entry.incident)
        && told
            .is_none_or(|told| told.firing != firing || (firing && told.revision < entry.incident.revision))
}

fn step(
    config: &AlertsConfig,
    records: &Records,
    receiver: &Receiver,
    told: Option<&ToldOf>,
    entry: &Entry,
    now_ms: i64,
) -> Step {
    let incident = &entry.incident;
    if !concerns(receiver, incident) {
        return Step::Nothing;
    }
    let is_silenced = |at_ms| is_silenced(config, records, incident, at_ms);
    let acknowledged = entry.acknowledged.is_some();
    match (stands(receiver, incident), told) {
        (true, None | Some(ToldOf { firing: false, .. })) if is_silenced(now_ms) => Step::Nothing,
        (true, None | Some(ToldOf { firing: false, .. })) => Step::New,
        (true, Some(_)) if is_silenced(now_ms) => Step::Nothing,
        (true, Some(told)) if told.severity < incident.severity() => Step::Worse,
        (true, Some(told)) if told.revision < incident.revision => Step::Changed,
        (true, Some(told))
            if acknowledged && !told.acknowledged && receiver.format.tells_acknowledgements() =>
        {
            Step::Acknowledged
        }
        (true, Some(_)) if acknowledged => Step::Quiet,
        (true, Some(_)) => Step::Standing,
        // Whoever was told that it stands hears of its end, silence or not: a page that stays open is worse.
        (false, Some(ToldOf { firing: true, .. })) => Step::Changed,
        (false, Some(ToldOf { firing: false, .. })) => Step::Nothing,
        // It came and went before anything could be sent: that is said once, unless it was in silence.
        (false, None) if is_silenced(entry.changed_ms) => Step::Nothing,
        (false, None) => Step::New,
    }
}

/// What a receiver is to be told at a time, or when.
pub(crate) fn plan(config: &AlertsConfig, records: &Records, receiver: &Receiver, now_ms: i64) -> Plan {
    let mut groups: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (key, entry) in &records.entries {
        let group = match receiver.grouping {
            Grouping::Incident => key.as_str(),
            Grouping::Model => "",
        };
        groups.entry(group).or_default().push(entry);
    }
    let empty = Told::default();
    let mut first: Option<(i64, &str, Steps<'_>, Occasion)> = None;
    for (group, entries) in groups {
        let told = records
            .told
            .get(&(receiver.name.clone(), group.to_owned()))
            .unwrap_or(&empty);
        let steps: Steps<'_> = entries
            .into_iter()
            .map(|entry| {
                let of_it = told.incidents.get(&entry.incident.key);
                (entry, step(config, records, receiver, of_it, entry, now_ms))
            })
            .filter(|(_, step)| *step != Step::Nothing)
            .collect();
        if let Some((at_ms, occasion)) = due(receiver, told, &steps)
            && first.as_ref().is_none_or(|(earliest, ..)| at_ms < *earliest)
        {
            first = Some((at_ms, group, steps, occasion));
        }
    }
    let Some((at_ms, group, steps, occasion)) = first else {
        return Plan::Nothing;
    };
    if at_ms > now_ms {
        return Plan::At(at_ms);
    }
    let told = records
        .told
        .get(&(receiver.name.clone(), group.to_owned()))
        .unwrap_or(&empty);
    Plan::Now(notice(config, receiver, group, told.sequence, &steps, occasion))
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When a group is due, and why.
fn due(receiver: &Receiver, told: &Told, steps: &[(&Entry, Step)]) -> Option<(i64, Occasion)> {
    let timing = &receiver.timing;
    let after = |at_ms: i64, wait: Duration| at_ms.saturating_add(ms(wait));
    let goes_on = told.incidents.values().any(|told| told.firing);
    let most_urgent = told
        .incidents
        .values()
        .filter(|told| told.firing)
        .map(|told| told.severity)
        .max();
    let news = steps.iter().filter_map(|(entry, step)| {
        let is_more_urgent = Some(entry.incident.severity()) > most_urgent && entry.incident.is_firing();
        match step {
            Step::New if !goes_on => Some(after(entry.decided_ms, timing.group_wait)),
            Step::New if is_more_urgent => Some(after(entry.decided_ms, timing.group_wait)),
            Step::Worse => Some(after(entry.changed_ms, timing.group_wait)),
            Step::Acknowledged => Some(i64::MIN),
            Step::New | Step::Changed => Some(after(told.last_ms.unwrap_or(i64::MIN), timing.group_interval)),
            Step::Nothing | Step::Standing | Step::Quiet => None,
        }
    });
    let news = news.min().map(|at_ms| (at_ms, Occasion::News));
    let stands = steps.iter().any(|(_, step)| *step == Step::Standing);
    let repeat = timing.repeat_interval.filter(|_| stands).and_then(|interval| {
        let last_ms = told.last_ms?;
        Some((after(last_ms, interval), Occasion::Repeat))
    });
    let earliest = [news, repeat]
        .into_iter()
        .flatten()
        .min_by_key(|(at_ms, _)| *at_ms)?;
    let not_before = told
        .last_ms
        .map_or(i64::MIN, |last_ms| after(last_ms, receiver.spacing));
    Some((earliest.0.max(not_before), earliest.1))
}

fn notice(
    config: &AlertsConfig,
    receiver: &Receiver,
    group: &str,
    sequence: u64,
    steps: &[(&Entry, Step)],
    occasion: Occasion,
) -> Notice {
    let mut items: Vec<Item> = steps
        .iter()
        .map(|(entry, step)| Item {
            incident: entry.incident.clone(),
            firing: stands(receiver, &entry.incident),
            acknowledged_by: entry.acknowledged.as_ref().map(|by| by.by.clone()),
            is_news: matches!(step, Step::New | Step::Changed | Step::Worse | Step::Acknowledged),
            is_acknowledgement: *step == Step::Acknowledged,
        })
        .collect();
    let urgency = |item: &Item| (item.firing, item.is_news, item.incident.severity());
    items.sort_by(|a, b| {
        urgency(b)
            .cmp(&urgency(a))
            .then_with(|| a.incident.key.cmp(&b.incident.key))
    });
    let mut parts = vec![
        config.source.clone(),
        receiver.name.clone(),
        group.to_owned(),
        sequence.to_string(),
    ];
    for item in &items {
        let (acknowledged, firing) = (item.is_acknowledgement, item.firing);
        parts.push(format!(
            "{} {} {firing} {acknowledged}",
            item.incident.key, item.incident.revision
        ));
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Notice {
        id: format!("msg_{}", digest(&parts)),
        group: group.to_owned(),
        occasion,
        items,
    }
}

/// What a receiver knows once it has a notice.
pub(crate) fn told(before: &Told, notice: &Notice, now_ms: i64) -> Told {
    let mut told = before.clone();
    told.sequence += 1;
    told.last_ms = Some(now_ms);
    for item in &notice.items {
        let of_it = ToldOf {
            revision: item.incident.revision,
            firing: item.firing,
            severity: if item.firing {
                item.incident.severity()
            } else {
                Severity::Info
            },
            acknowledged: item.is_acknowledgement
                || told
                    .incidents
                    .get(&item.incident.key)
                    .is_some_and(|of_it| of_it.acknowledged),
        };
        told.incidents.insert(item.incident.key.clone(), of_it);
    }
    told
}

#[cfg(test)]
mod tests;
