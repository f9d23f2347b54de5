//! `bellwether dead-letters resubmit`.

use super::decoding::{Decoding, Outcome};
use super::{Letters, configured, text};
use crate::cli::{Output, ResubmitArgs};
use crate::failure::Failure;
use crate::report;
use bellwether_ingest::{Bound, DeadLetter, Place, Resubmitter};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Send,
    /// Another dead letter is about the same record: one with many rows has one for each that was refused.
    SameRecord,
    /// It was sent again from here, and was refused again as this one.
    RefusedAgainAs(Place),
    /// It came here by being sent again, and `--again` was not said.
    SentBefore,
    NotOfThisConfiguration,
    NotAccepted(Outcome),
}

impl Fate {
    fn word(&self) -> &'static str {
        match self {
            Self::Send => "sent",
            Self::SameRecord => "same_record",
            Self::RefusedAgainAs(_) => "refused_again",
            Self::SentBefore => "sent_before",
            Self::NotOfThisConfiguration => "not_of_this_configuration",
            Self::NotAccepted(_) => "not_accepted",
        }
    }

    fn why(&self) -> &'static str {
        match self {
            Self::Send => "",
            Self::SameRecord => "of a record that another dead letter stands for",
            Self::RefusedAgainAs(_) => {
                "sent again before and refused again: a later dead letter stands for the record"
            }
            Self::SentBefore => "sent again before and refused again; `--again` sends them once more",
            Self::NotOfThisConfiguration => "whose record came from no topic of this configuration",
            Self::NotAccepted(_) => "that would not be accepted now",
        }
    }
}

/// One dead letter and what became of it.
struct Done {
    place: Place,
    reason: String,
    origin: Option<Place>,
    fate: Fate,
    /// Where the record stands now.
    now_at: Option<Place>,
}

pub(crate) async fn resubmit(args: ResubmitArgs) -> Result<(), Failure> {
    args.selection.check()?;
    let (config, topic) = configured(&args.config)?;
    let mut decoding = if args.only_accepted {
        Some(tokio::task::block_in_place(|| Decoding::new(&config))?)
    } else {
        None
    };
    let resubmitter = if args.yes {
        Some(Resubmitter::new(&config.kafka).map_err(|error| not_sent(0, &error))?)
    } else {
        None
    };
    let open = || Letters::open(&config, &topic, &Bound::Earliest, &Bound::Latest);
    // The whole topic first: what was refused again is told by later dead letters, which the selection may leave out.
    let mut successors = BTreeMap::new();
    tokio::task::block_in_place(|| {
        open()?.each(|letter| {
            if let Some(from) = letter.resubmitted_from {
                successors.insert(from, letter.place);
            }
        })
    })?;
    let mut fates = Fates {
        again: args.again,
        topics: [
            Some(config.kafka.observations_topic.clone()),
            config.kafka.labels_topic.clone(),
        ],
        successors,
        seen: BTreeSet::new(),
    };
    let (mut done, mut sent) = (Vec::new(), 0);
    // Its end is fixed here: what is refused again while we send is not met.
    let mut letters = tokio::task::block_in_place(open)?;
    loop {
        let part = tokio::task::block_in_place(|| letters.next())?;
        if part.is_empty() {
            break;
        }
        for letter in part.into_iter().filter(|letter| args.selection.takes(letter)) {
            let fate = match (&mut decoding, fates.of(&letter)) {
                (Some(decoding), Fate::Send) => {
                    match tokio::task::block_in_place(|| decoding.outcome(&letter)) {
                        Outcome::Accepted { .. } => Fate::Send,
                        outcome => Fate::NotAccepted(outcome),
                    }
                }
                (_, fate) => fate,
            };
            let mut now_at = None;
            if let (Fate::Send, Some(resubmitter)) = (&fate, &resubmitter) {
                let place = resubmitter.send(&letter).await;
                now_at = Some(place.map_err(|error| not_sent(sent, &error))?);
                sent += 1;
            }
            done.push(Done {
                place: letter.place,
                reason: letter.reason,
                origin: letter.origin,
                fate,
                now_at,
            });
        }
    }
    match args.output {
        Output::Json => report::result(&document(&done, args.yes)),
        Output::Text => summarise(&done, args.yes),
    }
    Ok(())
}

fn not_sent(sent: usize, error: &bellwether_ingest::Error) -> Failure {
    Failure::at_work(format!("cannot send a record again; {sent} were sent"))
        .because(error)
        .fix(
            "make sure that WRITE is allowed on the topics of observations and labels, and start it anew: \
             records that come twice are counted once",
        )
}

/// What is known of the topic when the fate of a dead letter is decided.
struct Fates {
    again: bool,
    /// Those that may be written to: a header alone must not decide where we write.
    topics: [Option<String>; 2],
    successors: BTreeMap<Place, Place>,
    seen: BTreeSet<Place>,
}

impl Fates {
    /// What is to become of a dead letter, but for what decoding says.
    fn of(&mut self, letter: &DeadLetter) -> Fate {
        let known = |origin: &&Place| self.topics.iter().flatten().any(|topic| *topic == origin.topic);
        let Some(origin) = letter.origin.as_ref().filter(known) else {
            return Fate::NotOfThisConfiguration;
        };
        if let Some(successor) = self.successors.get(&letter.place) {
            return Fate::RefusedAgainAs(successor.clone());
        }
        if letter.resubmissions > 0 && !self.again {
            return Fate::SentBefore;
        }
        if self.seen.insert(origin.clone()) {
            Fate::Send
        } else {
            Fate::SameRecord
        }
    }
}

fn document(all: &[Done], did: bool) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut listed = Vec::with_capacity(all.len());
    for done in all {
        let word = match &done.fate {
            Fate::Send if !did => "would_send",
            fate => fate.word(),
        };
        *counts.entry(word).or_default() += 1;
        let mut entry = json!({
            "place": done.place.to_string(),
            "reason": done.reason,
            "origin": text(done.origin.as_ref()),
            "fate": word,
        });
        match &done.fate {
            Fate::NotAccepted(outcome) => entry["now"] = outcome.to_json(),
            Fate::RefusedAgainAs(place) => entry["refused_again_as"] = json!(place.to_string()),
            _ => {}
        }
        if let Some(place) = &done.now_at {
            entry["now_at"] = json!(place.to_string());
        }
        listed.push(entry);
    }
    json!({"dry_run": !did, "counts": counts, "dead_letters": listed}).to_string()
}

fn summarise(all: &[Done], did: bool) {
    let mut by_topic: BTreeMap<&str, u64> = BTreeMap::new();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for done in all {
        match (&done.fate, &done.origin) {
            (Fate::Send, Some(origin)) => *by_topic.entry(&origin.topic).or_default() += 1,
            (fate, _) => {
                *others.entry(fate.why()).or_default() += 1;
                if let Fate::NotAccepted(outcome) = fate {
                    report::note(&format!("{}: {}", done.place, outcome.sentence()));
                }
            }
        }
    }
    let verb = if did { "sent" } else { "would send" };
    if by_topic.is_empty() {
        report::result("nothing to send");
    }
    for (topic, count) in &by_topic {
        report::result(&format!("{verb} {count} records to {topic}"));
    }
    for (why, count) in others {
        report::result(&format!("left {count} {why}"));
    }
    if !did && !by_topic.is_empty() {
        report::result("nothing was sent; `--yes` does it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_ingest::StoredRecord;

    fn letter(offset: i64, origin: &str, more: &[(&str, &str)]) -> DeadLetter {
        let origin: Place = origin.parse().expect("a place");
        let mut headers = vec![
            ("bellwether-topic".to_owned(), origin.topic.into_bytes()),
            (
                "bellwether-partition".to_owned(),
                origin.partition.to_string().into_bytes(),
            ),
            (
                "bellwether-offset".to_owned(),
                origin.offset.to_string().into_bytes(),
            ),
        ];
        headers.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())),
        );
        DeadLetter::new(StoredRecord {
            place: format!("dead/0/{offset}").parse().expect("a place"),
            timestamp_ms: None,
            key: None,
            payload: Vec::new(),
            headers,
        })
    }

    #[test]
    fn a_record_is_sent_once_and_never_in_a_loop() {
        let place = |text: &str| text.parse::<Place>().expect("a place");
        let mut fates = Fates {
            again: false,
            topics: [Some("predictions".to_owned()), None],
            successors: BTreeMap::from([(place("dead/0/0"), place("dead/0/9"))]),
            seen: BTreeSet::new(),
        };
        let again = [("bellwether-resubmitted", "1")];
        assert_eq!(
            fates.of(&letter(0, "predictions/0/5", &[])),
            Fate::RefusedAgainAs(place("dead/0/9"))
        );
        assert_eq!(fates.of(&letter(9, "predictions/0/80", &again)), Fate::SentBefore);
        assert_eq!(fates.of(&letter(1, "predictions/0/6", &[])), Fate::Send);
        assert_eq!(fates.of(&letter(2, "predictions/0/6", &[])), Fate::SameRecord);
        assert_eq!(
            fates.of(&letter(3, "payments/0/6", &[])),
            Fate::NotOfThisConfiguration
        );
        fates.again = true;
        assert_eq!(fates.of(&letter(9, "predictions/0/80", &again)), Fate::Send);
    }
}
