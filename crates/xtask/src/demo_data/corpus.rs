//! The utterances of the three splits: head training, reference and stream. No text occurs twice, in any of them.

use super::faults;
use super::grammar::Word;
use super::story::{self, Cause, HOUR_MS, Planned, START_MS};
use super::surface;
use super::tasks::{self, Class, Kind, Task};
use anyhow::{Context, Result, ensure};
use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Reference rows of a task.
pub(super) const REFERENCE_ROWS: usize = 500;
/// Training rows of a task's head.
const TRAINING_ROWS: usize = 1100;
/// Every so-manieth template is kept from the heads' training: people find words that no training set has.
const UNSEEN_EVERY: usize = 5;
/// Expansions tried before a template counts as used up.
const ATTEMPTS: usize = 60;

/// An utterance with its truth.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) task: usize,
    pub(super) text: String,
    /// The class, or the tags joined by spaces.
    pub(super) label: String,
    pub(super) timestamp_ms: i64,
    pub(super) label_timestamp_ms: Option<i64>,
    pub(super) cause: Cause,
}

/// All texts of the demo.
#[derive(Debug)]
pub(super) struct Corpus {
    pub(super) training: Vec<Example>,
    pub(super) reference: Vec<Example>,
    pub(super) stream: Vec<Example>,
}

#[derive(Clone)]
struct Utterance {
    words: Vec<Word>,
    class: Class,
    template: usize,
}

/// What an utterance says, whatever its case and punctuation: two texts with the same one are the same utterance.
pub(super) fn normalised(text: &str) -> String {
    text.split_whitespace()
        .map(|w| {
            w.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect::<String>()
        })
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl Corpus {
    /// Composes everything that is said, from the seed alone.
    pub(super) fn compose(tasks: &[Task], seed: u64) -> Result<Self> {
        let common = tasks::common()?;
        let plan = story::plan(tasks, seed);
        let mut seen = BTreeSet::new();
        let mut training = Vec::new();
        let mut reference = Vec::new();
        let mut stream: Vec<Option<Example>> = vec![None; plan.len()];
        for (index, task) in tasks.iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            // The plan uses the first streams of random numbers.
            rng.set_stream(1000 + index as u64);
            let slots: Vec<usize> = (0..plan.len()).filter(|&i| plan[i].task == index).collect();
            let quota = quotas(&story::usual_mix(task), REFERENCE_ROWS);
            let mut first = Vec::new();
            for class in task.classes() {
                let wanted = slots.iter().filter(|&&i| plan[i].class == class).count();
                let kept = quota.get(class.0).copied().unwrap_or(0);
                let mut composer = Composer {
                    task,
                    common: &common,
                    seen: &mut seen,
                    rng: &mut rng,
                };
                let pool = composer.distinct(class, kept + wanted, |_| true)?;
                let (of_reference, mut of_stream) = spread(pool, kept);
                of_stream.shuffle(&mut rng);
                first.extend(of_reference);
                let places = slots.iter().filter(|&&i| plan[i].class == class);
                for (&place, utterance) in places.zip(of_stream) {
                    stream[place] = Some(streamed(task, &plan[place], &utterance, &mut rng));
                }
            }
            first.shuffle(&mut rng);
            reference.extend(in_the_week_before(index, task, &first, &mut rng));
            for (class, count) in quotas(&story::usual_mix(task), TRAINING_ROWS)
                .into_iter()
                .enumerate()
            {
                let mut composer = Composer {
                    task,
                    common: &common,
                    seen: &mut seen,
                    rng: &mut rng,
                };
                let pool = composer.distinct(Class(class), count, |template| template % UNSEEN_EVERY != 1)?;
                training.extend(pool.iter().map(|u| example(index, task, u, START_MS)));
            }
        }
        reference.sort_by_key(|e| (e.timestamp_ms, e.task));
        let stream = stream
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .context("every planned event has an utterance")?;
        Ok(Self {
            training,
            reference,
            stream,
        })
    }
}

struct Composer<'a, R> {
    task: &'a Task,
    common: &'a super::grammar::Grammar,
    seen: &'a mut BTreeSet<String>,
    rng: &'a mut R,
}

impl<R: Rng> Composer<'_, R> {
    /// `count` utterances of a class that nobody has said yet, taking its templates in turn.
    fn distinct(
        &mut self,
        class: Class,
        count: usize,
        usable: impl Fn(usize) -> bool,
    ) -> Result<Vec<Utterance>> {
        let (grammar, intent) = self.task.source(class);
        let mut templates: Vec<usize> = (0..grammar.templates(intent)).filter(|&t| usable(t)).collect();
        templates.shuffle(self.rng);
        let mut out = Vec::with_capacity(count);
        let mut turn = 0;
        while out.len() < count {
            ensure!(
                !templates.is_empty(),
                "`{}` of `{}` has only {} distinct utterances, {count} are needed",
                grammar.intents()[intent],
                self.task.name,
                out.len()
            );
            let at = turn % templates.len();
            let mut found = None;
            for _ in 0..ATTEMPTS {
                let bare = grammar.expand(intent, templates[at], self.rng);
                let words = surface::type_out(self.common, bare, self.rng)?;
                if self.seen.insert(normalised(&text(&words))) {
                    found = Some(words);
                    break;
                }
            }
            match found {
                Some(words) => {
                    out.push(Utterance {
                        words,
                        class,
                        template: templates[at],
                    });
                    turn += 1;
                }
                None => {
                    templates.remove(at);
                }
            }
        }
        Ok(out)
    }
}

/// Takes `kept` utterances evenly over each template's, in the order they were composed. Later ones are rarer turns of phrase, as the
/// common ones are taken: an even choice is what makes reference and stream exchangeable.
fn spread(mut pool: Vec<Utterance>, kept: usize) -> (Vec<Utterance>, Vec<Utterance>) {
    pool.sort_by_key(|u| u.template);
    let total = pool.len();
    let mut chosen = Vec::with_capacity(kept);
    let mut rest = Vec::with_capacity(total - kept);
    for (i, utterance) in pool.into_iter().enumerate() {
        if (i + 1) * kept / total > i * kept / total {
            chosen.push(utterance);
        } else {
            rest.push(utterance);
        }
    }
    (chosen, rest)
}

/// Whole numbers in the proportions of `mix` that sum to `total`, by largest remainder.
fn quotas(mix: &[f64], total: usize) -> Vec<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shares of a few hundred rows"
    )]
    let mut counts: Vec<usize> = mix.iter().map(|p| (p * total as f64).floor() as usize).collect();
    let mut order: Vec<usize> = (0..mix.len()).collect();
    let remainder = |i: &usize| (mix[*i] * total as f64).fract();
    order.sort_by(|a, b| remainder(b).total_cmp(&remainder(a)).then(a.cmp(b)));
    let missing = total - counts.iter().sum::<usize>();
    for &i in order.iter().cycle().take(missing) {
        counts[i] += 1;
    }
    counts
}

fn streamed(task: &Task, planned: &Planned, utterance: &Utterance, rng: &mut impl Rng) -> Example {
    let words = match planned.cause {
        Cause::Damage => faults::damage(&utterance.words, rng),
        Cause::Preprocessor => faults::preprocessor(&utterance.words),
        Cause::None | Cause::Mix | Cause::NewIntents | Cause::NewTask => utterance.words.clone(),
    };
    let spoilt = Utterance {
        words,
        ..utterance.clone()
    };
    Example {
        label_timestamp_ms: planned.label_timestamp_ms,
        cause: planned.cause,
        ..example(planned.task, task, &spoilt, planned.timestamp_ms)
    }
}

fn in_the_week_before(
    index: usize,
    task: &Task,
    utterances: &[Utterance],
    rng: &mut impl Rng,
) -> Vec<Example> {
    let week = 7 * 24 * HOUR_MS;
    let mut times: Vec<i64> = utterances
        .iter()
        .map(|_| START_MS - rng.random_range(1..=week))
        .collect();
    times.sort_unstable();
    let delays = 1..20 * HOUR_MS;
    times
        .iter()
        .zip(utterances)
        .map(|(&at, utterance)| Example {
            label_timestamp_ms: Some(at + rng.random_range(delays.clone())),
            ..example(index, task, utterance, at)
        })
        .collect()
}

fn example(index: usize, task: &Task, utterance: &Utterance, timestamp_ms: i64) -> Example {
    let label = match task.kind {
        Kind::Classification => story::truth(task, utterance.class, timestamp_ms).to_owned(),
        Kind::SequenceLabelling => joined(utterance.words.iter().map(|w| w.tag.as_str())),
    };
    Example {
        task: index,
        text: text(&utterance.words),
        label,
        timestamp_ms,
        label_timestamp_ms: None,
        cause: Cause::None,
    }
}

fn text(words: &[Word]) -> String {
    joined(words.iter().map(|w| w.text.as_str()))
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_same_seed_says_the_same_and_another_does_not() {
        let tasks = tasks::all().unwrap();
        let texts = |seed| {
            let corpus = Corpus::compose(&tasks, seed).unwrap();
            let all = corpus
                .training
                .into_iter()
                .chain(corpus.reference)
                .chain(corpus.stream);
            all.map(|e| (e.task, e.text, e.label, e.timestamp_ms, e.label_timestamp_ms))
                .collect::<Vec<_>>()
        };
        let first = texts(7);
        assert_eq!(first, texts(7));
        assert_ne!(first, texts(8));
    }

    #[test]
    fn no_clean_utterance_occurs_twice_in_any_split() {
        let tasks = tasks::all().unwrap();
        let corpus = Corpus::compose(&tasks, 7).unwrap();
        let clean = |e: &&Example| !matches!(e.cause, Cause::Damage | Cause::Preprocessor);
        let all = corpus
            .training
            .iter()
            .chain(&corpus.reference)
            .chain(&corpus.stream);
        let mut seen = BTreeSet::new();
        for example in all.filter(clean) {
            assert!(seen.insert(normalised(&example.text)), "twice: {}", example.text);
        }
        let mut spoilt: BTreeMap<&str, usize> = BTreeMap::new();
        for example in corpus.stream.iter().filter(|e| !clean(e)) {
            *spoilt.entry(&example.text).or_default() += 1;
        }
        assert!(spoilt.values().all(|&n| n <= 2));
    }

    #[test]
    fn every_intent_is_written_in_many_ways_and_has_room() {
        for task in tasks::all().unwrap() {
            for class in task.classes() {
                let (grammar, intent) = task.source(class);
                let known = class.0 < task.known_classes();
                // What leaks in is a few hundred messages over all its intents: the breadth is in their number.
                let least = if known { 13 } else { 6 };
                assert!(
                    grammar.templates(intent) >= least,
                    "{} {}",
                    task.name,
                    task.class_name(class)
                );
                let common = tasks::common().unwrap();
                let mut composer = Composer {
                    task: &task,
                    common: &common,
                    seen: &mut BTreeSet::new(),
                    rng: &mut ChaCha8Rng::seed_from_u64(11),
                };
                composer.distinct(class, 700, |_| true).unwrap();
            }
        }
    }

    #[test]
    fn tags_agree_with_the_words_of_every_text() {
        let tasks = tasks::all().unwrap();
        let corpus = Corpus::compose(&tasks, 7).unwrap();
        for example in corpus
            .training
            .iter()
            .chain(&corpus.reference)
            .chain(&corpus.stream)
        {
            let task = &tasks[example.task];
            if task.kind == Kind::SequenceLabelling {
                let tags: Vec<&str> = example.label.split(' ').collect();
                assert_eq!(
                    tags.len(),
                    example.text.split_whitespace().count(),
                    "{}",
                    example.text
                );
                assert!(tags.iter().all(|t| task.labels.iter().any(|l| l == t)));
            } else if !task.labels.contains(&example.label) {
                let outside = matches!(
                    example.cause,
                    Cause::NewIntents | Cause::NewTask | Cause::Preprocessor
                );
                assert!(outside, "{example:?}");
            }
        }
    }

    #[test]
    fn quotas_sum_to_the_total() {
        assert_eq!(quotas(&[0.5, 0.3, 0.2], 10), [5, 3, 2]);
        assert_eq!(quotas(&[1.0 / 3.0; 3], 10), [4, 3, 3]);
    }
}
