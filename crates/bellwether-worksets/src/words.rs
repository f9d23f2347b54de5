//! Words that set a group's texts apart from the others'.
//!
//! The log-odds of a word in the group against the rest, with an informative Dirichlet prior, over its standard error: Monroe,
//! Colaresi, Quinn, "Fightin' Words", Political Analysis 16 (2008), equations 15 to 22. The prior of a word is its share of all texts
//! times [`PRIOR_WORDS`]. Departure from the paper: a word counts once a text, so that a text that repeats itself is one witness.

use crate::set::Word;
use std::collections::{BTreeMap, BTreeSet};

/// Strength of the prior, in words: weak, as a set has few texts.
const PRIOR_WORDS: f64 = 10.0;
/// Least z-score of a word that is named: 95 %, two-sided.
const LEAST_Z: f64 = 1.96;
/// Fewest texts of the group that have it.
const LEAST_TEXTS: u32 = 2;
/// Most words that are named.
const MOST_WORDS: usize = 8;

/// The strongest words of each group; `groups` says of each text which one it is of, if any. Equal scores by alphabet.
pub(crate) fn distinguishing_words(texts: &[(Option<&str>, Option<usize>)], groups: usize) -> Vec<Vec<Word>> {
    let mut all: BTreeMap<String, u32> = BTreeMap::new();
    let mut of_group: Vec<BTreeMap<String, u32>> = vec![BTreeMap::new(); groups];
    for (text, group) in texts {
        for word in words(text.unwrap_or_default()) {
            if let Some(counts) = group.and_then(|group| of_group.get_mut(group)) {
                *counts.entry(word.clone()).or_default() += 1;
            }
            *all.entry(word).or_default() += 1;
        }
    }
    let total: f64 = all.values().map(|&n| f64::from(n)).sum();
    of_group
        .iter()
        .map(|counts| {
            let inside: f64 = counts.values().map(|&n| f64::from(n)).sum();
            let mut out: Vec<Word> = counts
                .iter()
                .filter(|(_, count)| **count >= LEAST_TEXTS)
                .map(|(word, &count)| {
                    let everywhere = f64::from(all.get(word).copied().unwrap_or_default());
                    let here = f64::from(count);
                    Word {
                        word: word.clone(),
                        count,
                        z: z_score(
                            (here, inside),
                            (everywhere - here, total - inside),
                            everywhere / total,
                        ),
                    }
                })
                .filter(|word| word.z >= LEAST_Z)
                .collect();
            out.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| a.word.cmp(&b.word)));
            out.truncate(MOST_WORDS);
            out
        })
        .collect()
}

/// Of a word that is `count` of `total` here and there, and `share` of all.
fn z_score(here: (f64, f64), there: (f64, f64), share: f64) -> f64 {
    let prior = PRIOR_WORDS * share;
    let log_odds = |(count, total): (f64, f64)| {
        let with = count + prior;
        (with / (total + PRIOR_WORDS - with)).ln()
    };
    let variance = 1.0 / (here.0 + prior) + 1.0 / (there.0 + prior);
    (log_odds(here) - log_odds(there)) / variance.sqrt()
}

/// The words of a text, each once: runs of letters and digits in lower case, two characters at least.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\'').to_lowercase())
        .filter(|word| word.chars().count() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Golden {
        texts: Vec<(String, Option<usize>)>,
        groups: usize,
        words: Vec<Vec<(String, u32, f64)>>,
    }

    /// Values of `tests/golden/words.py`, which computes them in another way.
    #[test]
    fn words_are_those_of_another_implementation() {
        let golden: Golden =
            serde_json::from_str(include_str!("../tests/golden/words.json")).expect("golden values");
        let texts: Vec<(Option<&str>, Option<usize>)> = golden
            .texts
            .iter()
            .map(|(text, group)| (Some(text.as_str()), *group))
            .collect();
        let found = distinguishing_words(&texts, golden.groups);
        assert_eq!(found.len(), golden.words.len());
        for (found, expected) in found.iter().zip(&golden.words) {
            let names = |words: &[Word]| words.iter().map(|w| w.word.clone()).collect::<Vec<_>>();
            assert_eq!(
                names(found),
                expected.iter().map(|w| w.0.clone()).collect::<Vec<_>>()
            );
            for (word, (_, count, z)) in found.iter().zip(expected) {
                assert_eq!(word.count, *count);
                // Closed form, computed in another order.
                assert!(
                    (word.z - z).abs() < 1e-9 * z.abs(),
                    "{} {} {z}",
                    word.word,
                    word.z
                );
            }
        }
        assert!(found.iter().all(|words| !words.is_empty()));
    }

    #[test]
    fn no_texts_have_no_words() {
        assert_eq!(
            distinguishing_words(&[(None, Some(0)), (None, None)], 1),
            [vec![]]
        );
        assert!(distinguishing_words(&[], 0).is_empty());
        assert_eq!(
            words("It's 5 o'clock, IT'S late 'now'")
                .into_iter()
                .collect::<Vec<_>>(),
            ["it's", "late", "now", "o'clock"]
        );
    }
}
