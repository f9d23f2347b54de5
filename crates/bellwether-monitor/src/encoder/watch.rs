//! What stands about the encoder.

use super::difference::{Aspect, Difference, differences};
use super::note::{NoteKind, OtherNote};
use super::reading::Reading;
use crate::reference::Reference;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Observations that are held to a known encoder and remembered.
const SPOT_MEMORY: usize = 10;
/// Fewest of them for an answer. A text may have been altered before it was logged, and says nothing of the encoder then.
const FEWEST_SPOTS: usize = 5;
/// Other encoders are spoken of until this long after the last event of one, in milliseconds of event time.
const OTHER_FORGOTTEN_MS: i64 = 3_600_000;

/// Where a vector came from that was held to a known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckSource {
    /// A canary text, through the production path.
    Canary,
    /// A canary text, embedded by the monitor's own encoder.
    Monitor,
    /// An observation with text and vector.
    SpotCheck,
}

impl CheckSource {
    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Monitor => "monitor",
            Self::SpotCheck => "spot_check",
        }
    }
}

/// What was counted since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderCounts {
    /// Canaries that came back through the production path.
    pub canaries: u64,
    /// Of them, those that differ from the reference.
    pub canaries_differing: u64,
    /// Canaries that the reference does not have.
    pub unknown_canaries: u64,
    /// Observations that were held to the monitor's own encoder.
    pub spot_checks: u64,
    /// Of them, those that differ.
    pub spot_checks_differing: u64,
    /// Observations of another encoder, by version or width: not judged.
    pub other_encoder_events: u64,
}

/// The encoder is not what made the reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderFault {
    /// Since when, in milliseconds of event time: the first text that came back otherwise.
    pub since_ms: i64,
    /// What showed it.
    pub source: CheckSource,
    /// What differs, at least one thing.
    pub differences: Vec<Difference>,
    /// Texts that came back otherwise, of those that came last.
    pub differing: u32,
    /// Texts that came last, each canary once.
    pub checked: u32,
}

impl EncoderFault {
    /// The differences as a clause.
    pub(crate) fn clause(&self) -> String {
        let differences: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        let of = match self.source {
            CheckSource::Canary => "canary texts",
            CheckSource::Monitor => "canary texts, as the monitor's own encoder embeds them,",
            CheckSource::SpotCheck => "checked observations",
        };
        format!(
            "{} of {} {of} differ from the reference's encoder ({})",
            self.differing,
            self.checked,
            differences.join("; ")
        )
    }
}

/// Events of another encoder that arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherEncoderStatus {
    /// The version that the last of them states.
    pub version: Option<String>,
    /// Width of its embedding, in components; 0 where it had none.
    pub width: u32,
    /// First and last, in milliseconds of event time.
    pub since_ms: i64,
    /// The last.
    pub last_ms: i64,
    /// How many.
    pub events: u64,
}

/// The encoder at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EncoderStatus {
    /// What stands against it.
    pub fault: Option<EncoderFault>,
    /// Events of another encoder that arrive.
    pub other: Option<OtherEncoderStatus>,
    /// What was counted.
    pub counts: EncoderCounts,
    /// Canaries that the reference has.
    pub canaries: usize,
    /// When the last canary came back, in milliseconds of event time.
    pub last_canary_ms: Option<i64>,
}

/// The last that came of one canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Last {
    at_ms: i64,
    source: CheckSource,
    reading: Reading,
    /// Canaries that agreed since, where this one did not.
    agreed_since: u32,
}

/// Keeps what stands about the encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EncoderWatch {
    /// By canary.
    last: Vec<Option<Last>>,
    /// Whether each of the last checked observations agreed, and when it was made.
    spots: VecDeque<(i64, Reading)>,
    fault: Option<EncoderFault>,
    other: Option<OtherEncoderStatus>,
    counts: EncoderCounts,
    last_canary_ms: Option<i64>,
}

impl EncoderWatch {
    pub(crate) fn new(reference: &Reference) -> Self {
        Self {
            last: vec![None; reference.canaries().len()],
            spots: VecDeque::new(),
            fault: None,
            other: None,
            counts: EncoderCounts::default(),
            last_canary_ms: None,
        }
    }

    pub(crate) fn fits(&self, reference: &Reference) -> bool {
        self.last.len() == reference.canaries().len()
    }

    pub(crate) fn fault(&self) -> Option<&EncoderFault> {
        self.fault.as_ref()
    }

    pub(crate) fn other(&self) -> Option<&OtherEncoderStatus> {
        self.other.as_ref()
    }

    pub(crate) fn status(&self) -> EncoderStatus {
        EncoderStatus {
            fault: self.fault.clone(),
            other: self.other.clone(),
            counts: self.counts,
            canaries: self.last.len(),
            last_canary_ms: self.last_canary_ms,
        }
    }

    /// Takes what was learnt. Returns whether what stands is another thing now.
    pub(crate) fn take(&mut self, at_ms: i64, kind: &NoteKind) -> bool {
        match kind {
            NoteKind::Canary {
                canary,
                source,
                reading,
            } => {
                let recovers = self.canary(*canary as usize, at_ms, *source, reading);
                self.look(at_ms, recovers)
            }
            NoteKind::UnknownCanary => {
                self.counts.unknown_canaries += 1;
                false
            }
            NoteKind::Spot(reading) => {
                self.counts.spot_checks += 1;
                self.counts.spot_checks_differing += u64::from(!reading.agrees());
                self.spots.push_back((at_ms, reading.clone()));
                if self.spots.len() > SPOT_MEMORY {
                    self.spots.pop_front();
                }
                self.look(at_ms, reading.agrees())
            }
            NoteKind::Other(note) => self.other_encoder(at_ms, note),
        }
    }

    /// Goes on in event time. Returns whether what stands is another thing now.
    pub(crate) fn tick(&mut self, now_ms: i64) -> bool {
        let is_past = |other: &OtherEncoderStatus| now_ms.saturating_sub(other.last_ms) > OTHER_FORGOTTEN_MS;
        self.other.take_if(|other| is_past(other)).is_some()
    }

    /// Returns whether it had differed and agrees again.
    fn canary(&mut self, at: usize, at_ms: i64, source: CheckSource, reading: &Reading) -> bool {
        let agrees = reading.agrees();
        if source == CheckSource::Canary {
            self.counts.canaries += 1;
            self.counts.canaries_differing += u64::from(!agrees);
            self.last_canary_ms = Some(at_ms);
        }
        let now = Last {
            at_ms,
            source,
            reading: reading.clone(),
            agreed_since: 0,
        };
        let before = self.last.get_mut(at).and_then(|last| last.replace(now));
        if agrees {
            // A canary that is not sent any more must not stand for ever.
            let all = u32::try_from(self.last.len()).unwrap_or(u32::MAX);
            for last in &mut self.last {
                last.take_if(|last| {
                    last.agreed_since += u32::from(!last.reading.agrees());
                    last.agreed_since >= all
                });
            }
        }
        agrees && before.is_some_and(|last| !last.reading.agrees())
    }

    /// Looks whether something stands. On the way out of a fault its name is kept: what has come right already says nothing
    /// about what has not.
    fn look(&mut self, at_ms: i64, recovers: bool) -> bool {
        let found = self.by_canaries().or_else(|| self.by_spots());
        let before = self.fault.take();
        self.fault = found.map(|found| EncoderFault {
            since_ms: before
                .as_ref()
                .map_or(found.since_ms.min(at_ms), |fault| fault.since_ms),
            differences: match &before {
                Some(fault) if recovers => fault.differences.clone(),
                _ => found.differences,
            },
            ..found
        });
        let said = |fault: &Option<EncoderFault>| {
            fault
                .as_ref()
                .map(|fault| fault.differences.iter().map(|d| d.aspect).collect::<Vec<_>>())
        };
        said(&before) != said(&self.fault)
    }

    fn by_canaries(&self) -> Option<EncoderFault> {
        let last = || self.last.iter().flatten();
        let differing = || last().filter(|last| !last.reading.agrees());
        let first = differing().min_by_key(|last| last.at_ms)?;
        // What agreed before the fault may say nothing about it, or be of the same round: then it is what shows a pattern.
        let since = last().filter(|last| last.at_ms >= first.at_ms);
        let mut found = differences(since.clone().map(|last| &last.reading));
        if found
            .iter()
            .any(|difference| difference.aspect == Aspect::Weights)
        {
            found = differences(last().map(|last| &last.reading));
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Some(EncoderFault {
            since_ms: first.at_ms,
            source: first.source,
            differences: found,
            differing: count(differing().count()),
            checked: count(since.count()),
        })
    }

    fn by_spots(&self) -> Option<EncoderFault> {
        let differing = || self.spots.iter().filter(|(_, reading)| !reading.agrees());
        let (of, all) = (differing().count(), self.spots.len());
        if all < FEWEST_SPOTS || 2 * of <= all {
            return None;
        }
        let &(since_ms, _) = differing().next()?;
        Some(EncoderFault {
            since_ms,
            source: CheckSource::SpotCheck,
            differences: differences(self.spots.iter().map(|(_, reading)| reading)),
            differing: u32::try_from(of).unwrap_or(u32::MAX),
            checked: u32::try_from(all).unwrap_or(u32::MAX),
        })
    }

    fn other_encoder(&mut self, at_ms: i64, note: &OtherNote) -> bool {
        self.counts.other_encoder_events += 1;
        let before = self.other.take();
        let is_first = before.is_none();
        let (since_ms, events) = before.map_or((at_ms, 0), |other| (other.since_ms, other.events));
        self.other = Some(OtherEncoderStatus {
            version: note.version.as_deref().map(str::to_owned),
            width: note.width,
            since_ms,
            last_ms: at_ms,
            events: events + 1,
        });
        is_first
    }
}
