//! Does a text look like the reference's texts, letter by letter?
//!
//! Misspelt, badly decoded, glued or foreign text holds sequences of letters that the reference hardly ever had, whatever
//! it speaks of; a new subject in sound text holds few. The model is a table of counts of character trigrams by hash, after
//! Cavnar and Trenkle, "N-gram-based text categorization" (1994): no text can be read back from it.

/// Slots of the table: well above the some 5,000 trigrams that a language's everyday text has, so collisions are few.
const SLOTS: usize = 1 << 14;

/// Counts of hashed character trigrams. Case, digits and runs of white space do not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigrams {
    counts: Vec<u32>,
    /// `-ln(count + 0.5)` by slot.
    rarity: Vec<f32>,
}

impl Trigrams {
    /// Counts the trigrams of `texts`. O(characters).
    pub fn fit<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts = vec![0_u32; SLOTS];
        for text in texts {
            slots(text, |slot| counts[slot] = counts[slot].saturating_add(1));
        }
        Self::with_counts(counts)
    }

    /// From the counts that [`Trigrams::counts`] gave; slots outside the table are left out.
    pub fn from_counts(counts: impl IntoIterator<Item = (u16, u32)>) -> Self {
        let mut table = vec![0_u32; SLOTS];
        for (slot, count) in counts {
            if let Some(entry) = table.get_mut(usize::from(slot)) {
                *entry = count;
            }
        }
        Self::with_counts(table)
    }

    fn with_counts(counts: Vec<u32>) -> Self {
        let rarity = counts.iter().map(|&c| rarity(f64::from(c))).collect();
        Self { counts, rarity }
    }

    /// Slots that were met, in order, with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        let numbered = self.counts.iter().enumerate();
        numbered.filter_map(|(slot, &count)| Some((u16::try_from(slot).ok()?, count)).filter(|_| count > 0))
    }

    /// Mean rarity of the text's trigrams: higher is stranger. 0 letters give the rarity of white space. O(characters).
    #[must_use]
    pub fn surprise(&self, text: &str) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        slots(text, |slot| {
            sum += f64::from(self.rarity[slot]);
            n += 1.0;
        });
        sum / n
    }

    /// The same for a text that was counted itself, as if it had not been.
    #[must_use]
    pub fn surprise_of_counted(&self, text: &str) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        slots(text, |slot| {
            sum += f64::from(rarity(f64::from(self.counts[slot].saturating_sub(1))));
            n += 1.0;
        });
        sum / n
    }
}

#[expect(clippy::cast_possible_truncation, reason = "between -23 and 1")]
fn rarity(count: f64) -> f32 {
    -(count + 0.5).ln() as f32
}

/// Calls `each` with the slot of every trigram; a text without letters has one.
fn slots(text: &str, mut each: impl FnMut(usize)) {
    let (mut before, mut last) = (' ', ' ');
    let mut push = |c: char| {
        // White space in a row counts once, also at the start.
        if c == ' ' && last == ' ' && before != ' ' {
            return;
        }
        each(slot([before, last, c]));
        (before, last) = (last, c);
    };
    for c in text.trim().chars() {
        if c.is_whitespace() {
            push(' ');
        } else if c.is_numeric() {
            push('0');
        } else if c.is_ascii() {
            push(c.to_ascii_lowercase());
        } else {
            c.to_lowercase().for_each(&mut push);
        }
    }
    push(' ');
}

/// Multiplicative hashing (Knuth, "The Art of Computer Programming", volume 3, 6.4): the same on every machine.
fn slot(trigram: [char; 3]) -> usize {
    let hash = trigram.iter().fold(0_u64, |h, &c| {
        (h ^ u64::from(u32::from(c))).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    usize::try_from(hash >> (64 - SLOTS.trailing_zeros())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 5] = [
        "please pay the gas bill from my savings account",
        "what is the balance of my checking account",
        "transfer twenty dollars from savings to checking",
        "when is the electric bill due this month",
        "please show me the last payments to my landlord",
    ];

    #[test]
    fn damaged_text_surprises_more_than_sound_text_on_another_subject() {
        let model = Trigrams::fit(TEXTS);
        let sound = model.surprise("please show the balance of the electric account");
        let other = model.surprise("is there a good restaurant in this city");
        let damaged = model.surprise("plxase shwo teh balnce fo hte elctirc acocunt");
        let glued = model.surprise("pleaseshowthebalanceoftheelectricaccount");
        assert!(sound < other && other < damaged, "{sound} {other} {damaged}");
        assert!(sound + 0.2 < glued, "{sound} {glued}");
    }

    #[test]
    fn case_digits_and_white_space_do_not_matter() {
        let model = Trigrams::fit(TEXTS);
        let plain = model.surprise("pay 20 dollars now");
        for same in [
            "PAY 31 Dollars now",
            "  pay  20\tdollars now ",
            "pay 77 dollars NOW\n",
        ] {
            assert!((model.surprise(same) - plain).abs() < 1e-12, "{same:?}");
        }
    }

    #[test]
    fn counting_a_text_makes_it_familiar_and_leaving_it_out_undoes_that() {
        let model = Trigrams::fit(TEXTS);
        let others = Trigrams::fit(TEXTS[1..].iter().copied());
        let left_out = model.surprise_of_counted(TEXTS[0]);
        assert!(model.surprise(TEXTS[0]) < left_out);
        // Repeated trigrams inside one text are left out once each time they come.
        assert!((others.surprise(TEXTS[0]) - left_out).abs() < 0.1);
    }

    #[test]
    fn counts_make_the_same_model_again() {
        let model = Trigrams::fit(TEXTS);
        assert_eq!(Trigrams::from_counts(model.counts()), model);
        assert!(Trigrams::from_counts([(u16::MAX, 3)]).counts().next().is_none());
    }

    #[test]
    fn nothing_and_strange_letters_have_a_finite_surprise() {
        let model = Trigrams::fit(TEXTS);
        for text in ["", "   ", "\u{1F600}", "İSTANBUL ß ﬁ", "\u{0}"] {
            assert!(model.surprise(text).is_finite(), "{text:?}");
        }
    }
}
