//! How people type: openings and closings, casing, abbreviations, lost apostrophes, a typo now and then.
//!
//! Everything works on words and keeps their tags, so that labelled tokens stay aligned.

use super::grammar::{Grammar, Word};
use anyhow::Result;
use rand::Rng;
use rand::seq::IndexedRandom;

/// What a hurried writer shortens.
const SHORT: [(&str, &str); 16] = [
    ("you", "u"),
    ("are", "r"),
    ("your", "ur"),
    ("please", "pls"),
    ("because", "cos"),
    ("and", "&"),
    ("with", "w/"),
    ("about", "abt"),
    ("thanks", "thx"),
    ("minutes", "mins"),
    ("address", "addr"),
    ("tomorrow", "tmrw"),
    ("delivery", "dlvry"),
    ("account", "acct"),
    ("number", "no."),
    ("before", "b4"),
];

/// First words after which a sentence ends with a question mark.
const ASKING: [&str; 24] = [
    "where", "what", "when", "why", "how", "which", "who", "can", "could", "do", "does", "is", "are", "has",
    "have", "will", "would", "was", "were", "should", "any", "what's", "where's", "did",
];

/// Neighbours on the keyboard, for slips of a finger.
const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Writes a bare utterance as a person would have typed it.
pub(super) fn type_out(common: &Grammar, mut words: Vec<Word>, rng: &mut impl Rng) -> Result<Vec<Word>> {
    if rng.random_bool(0.16) {
        let mut opening = common.expand_rule("opening", rng)?;
        if rng.random_bool(0.4)
            && let Some(last) = opening.last_mut()
        {
            last.text.push(',');
        }
        words.splice(0..0, opening);
    }
    let asks = words.iter().take(3).any(|w| ASKING.contains(&w.text.as_str()));
    if rng.random_bool(0.18) {
        if rng.random_bool(0.5)
            && let Some(last) = words.last_mut()
            && last.text.ends_with(char::is_alphanumeric)
        {
            last.text.push(',');
        }
        words.extend(common.expand_rule("closing", rng)?);
    }
    if rng.random_bool(0.12) {
        for word in &mut words {
            if let Some((_, short)) = SHORT.iter().find(|(long, _)| *long == word.text) {
                (*short).clone_into(&mut word.text);
            }
        }
    }
    if rng.random_bool(0.10) {
        let long: Vec<usize> = (0..words.len())
            .filter(|&i| words[i].text.chars().count() >= 4)
            .collect();
        if let Some(&at) = long.choose(rng) {
            words[at].text = slip(&words[at].text, rng);
        }
    }
    apostrophes(&mut words, rng);
    case_and_stop(&mut words, asks, rng);
    Ok(words)
}

/// One slip of the fingers: two letters swapped, one lost, one doubled, or a neighbouring key.
pub(super) fn slip(word: &str, rng: &mut impl Rng) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    if letters.len() < 2 {
        return word.to_owned();
    }
    let at = rng.random_range(0..letters.len() - 1);
    match rng.random_range(0..4) {
        0 => letters.swap(at, at + 1),
        1 => {
            letters.remove(at + 1);
        }
        2 => letters.insert(at, letters[at]),
        _ => {
            let row = ROWS
                .iter()
                .find_map(|row| row.find(letters[at]).map(|i| (row, i)));
            if let Some((row, i)) = row {
                let beside = if i + 1 < row.len() { i + 1 } else { i - 1 };
                letters[at] = char::from(row.as_bytes()[beside]);
            }
        }
    }
    letters.into_iter().collect()
}

fn apostrophes(words: &mut [Word], rng: &mut impl Rng) {
    let with = match rng.random_range(0..10) {
        0..3 => "",
        // Phones type the typographic one.
        3 => "\u{2019}",
        _ => return,
    };
    for word in words {
        word.text = word.text.replace('\'', with);
    }
}

fn case_and_stop(words: &mut [Word], asks: bool, rng: &mut impl Rng) {
    let style = rng.random_range(0..100);
    if style < 3 {
        for word in &mut *words {
            word.text = word.text.to_uppercase();
        }
    } else if style < 40 {
        let mut start = true;
        for word in &mut *words {
            let i = word.text == "i" || word.text.starts_with("i'") || word.text.starts_with("i\u{2019}");
            if start || i {
                word.text = capital(&word.text);
            }
            start = word.text.ends_with(['.', '?', '!']) && word.text.len() > 3;
        }
    }
    let bare = words
        .last()
        .is_some_and(|w| w.text.ends_with(char::is_alphanumeric));
    if bare && rng.random_bool(if style < 40 { 0.75 } else { 0.3 }) {
        let mark = match rng.random_range(0..20) {
            0 => "!",
            1 => "...",
            2 if asks => "??",
            3 if !asks => "!!",
            _ if asks => "?",
            _ => ".",
        };
        if let Some(last) = words.last_mut() {
            last.text.push_str(mark);
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn words(text: &str) -> Vec<Word> {
        text.split(' ').map(Word::outside).collect()
    }

    #[test]
    fn typing_out_keeps_the_tagged_words_in_order() {
        let common = Grammar::parse(&[("c", "$opening = hi | ok so\n$closing = thanks")]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut varied = 0;
        for _ in 0..300 {
            let mut bare = words("can you bring the rug on friday");
            bare[4].tag = "B-item".to_owned();
            bare[6].tag = "B-date".to_owned();
            let out = type_out(&common, bare.clone(), &mut rng).unwrap();
            let tags: Vec<&str> = out.iter().map(|w| w.tag.as_str()).filter(|t| *t != "O").collect();
            assert_eq!(tags, ["B-item", "B-date"]);
            assert!(
                out.iter()
                    .all(|w| !w.text.is_empty() && !w.text.contains(char::is_whitespace))
            );
            varied += usize::from(out != bare);
        }
        assert!(
            (100..300).contains(&varied),
            "{varied} of 300 differ from the bare text"
        );
    }

    #[test]
    fn a_slip_changes_at_most_one_place() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..200 {
            let out = slip("parcel", &mut rng);
            assert!((5..=7).contains(&out.chars().count()), "{out}");
        }
        assert_eq!(slip("a", &mut rng), "a");
    }
}
