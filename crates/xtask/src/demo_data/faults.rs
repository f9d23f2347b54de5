//! The two ways in which the demo's text is spoilt: one task's input, and the preprocessing that all tasks share.

use super::grammar::Word;
use super::surface::slip;
use rand::Rng;

/// Sounds that a bad line turns into one another.
const SOUNDS: [(char, &str); 18] = [
    ('a', "eo"),
    ('e', "ia"),
    ('i', "ey"),
    ('o', "ua"),
    ('u', "oi"),
    ('b', "pv"),
    ('p', "bf"),
    ('d', "tn"),
    ('t', "dk"),
    ('g', "kd"),
    ('k', "gt"),
    ('c', "sg"),
    ('s', "zf"),
    ('f', "vs"),
    ('v', "bf"),
    ('m', "nb"),
    ('n', "ml"),
    ('r', "lw"),
];

/// A voice keyboard on a bad line: the start of some messages is clipped, words get lost, and many of the rest are misheard
/// or mistyped. At least one word is left.
pub(super) fn damage(words: &[Word], rng: &mut impl Rng) -> Vec<Word> {
    let clipped = if rng.random_bool(0.35) { words.len() / 3 } else { 0 };
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for (i, word) in words.iter().enumerate().skip(clipped) {
        if rng.random_bool(0.14) && !(out.is_empty() && i + 1 == words.len()) {
            continue;
        }
        let mut word = word.clone();
        if word.text.chars().count() >= 3 && rng.random_bool(0.62) {
            word.text = misheard(&word.text, rng);
            if rng.random_bool(0.3) {
                word.text = slip(&word.text, rng);
            }
        }
        out.push(word);
    }
    out
}

fn misheard(word: &str, rng: &mut impl Rng) -> String {
    word.chars()
        .map(
            |c| match SOUNDS.iter().find(|(from, _)| *from == c.to_ascii_lowercase()) {
                Some((_, to)) if rng.random_bool(0.3) => {
                    char::from(to.as_bytes()[rng.random_range(0..to.len())])
                }
                _ => c,
            },
        )
        .collect()
}

/// A faulty release of the shared preprocessing. Three bugs in a row, all seen in the wild: a doubly escaped pattern meant to
/// strip newlines and tabs strips the letters `n` and `t`; the text is upper-cased under a Turkish locale, where `i` becomes
/// `İ`; and the UTF-8 bytes of the result are read as Latin-1. Deterministic; the number of words stays.
pub(super) fn preprocessor(words: &[Word]) -> Vec<Word> {
    words
        .iter()
        .map(|word| Word {
            text: broken(&word.text),
            tag: word.tag.clone(),
        })
        .collect()
}

fn broken(word: &str) -> String {
    let stripped: String = word.chars().filter(|c| !matches!(c, 'n' | 't')).collect();
    // Tokens stay aligned with their tags: a word is never lost altogether.
    let kept = if stripped.is_empty() { word } else { &stripped };
    let upper: String = kept.replace('i', "\u{130}").to_uppercase();
    upper
        .bytes()
        .map(char::from)
        .filter(|c| !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn words(text: &str) -> Vec<Word> {
        text.split(' ').map(Word::outside).collect()
    }

    fn text(words: &[Word]) -> String {
        words
            .iter()
            .map(|w| w.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_broken_preprocessor_keeps_the_words_apart() {
        assert_eq!(
            text(&preprocessor(&words("is it not in n tt £5"))),
            "\u{c4}\u{b0}S \u{c4}\u{b0} O \u{c4}\u{b0} N TT \u{c2}\u{a3}5"
        );
    }

    #[test]
    fn damage_always_leaves_text() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for length in 1..12 {
            for _ in 0..100 {
                let original = vec![Word::outside("blender"); length];
                let out = damage(&original, &mut rng);
                assert!(!out.is_empty() && out.len() <= length);
                assert!(out.iter().all(|w| !w.text.is_empty()));
            }
        }
    }
}
