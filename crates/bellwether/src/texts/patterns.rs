//! Patterns of personal data.

use regex::{Captures, Regex, RegexBuilder};
use std::borrow::Cow;

/// Largest compiled pattern, in bytes.
const MOST_COMPILED_BYTES: usize = 1 << 20;
/// Longest name of a pattern.
const LONGEST_NAME: usize = 40;

/// Says whether what fits a pattern is meant.
type Meant = fn(&str) -> bool;

/// The built-in ones in the order in which they are applied: what holds others comes first.
const BUILT_IN: [(&str, &str, Meant); 6] = [
    // `scheme://user:password@host`, to the end of the address.
    (
        "credentials",
        r"(?i)\b[a-z][a-z0-9+.\-]*://[^\s/@:]*:[^\s/@]*@\S*",
        always,
    ),
    ("email", r"(?i)[\w.+%\-]+@[\w\-]+(?:\.[\w\-]+)+", always),
    (
        "iban",
        r"(?i)\b[a-z]{2}[0-9]{2}(?:[ \-]?[0-9a-z]){11,30}\b",
        holds_iban,
    ),
    ("card", r"\b[0-9](?:[ \-]?[0-9]){12,18}\b", is_card),
    (
        "ip",
        r"(?i)\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}",
        is_address,
    ),
    (
        "phone",
        r"(?:\+|\b00|\()?[0-9](?:[ ().\-/]{0,3}[0-9]){6,14}\b",
        always,
    ),
];

fn always(_: &str) -> bool {
    true
}

/// A named pattern, and whether what fits it is meant.
#[derive(Debug, Clone)]
struct Pattern {
    name: String,
    regex: Regex,
    is_meant: Meant,
}

/// What is replaced.
#[derive(Debug, Clone)]
pub(crate) struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Credentials in addresses, e-mail, IBAN, card numbers, IP addresses, telephone numbers.
    pub(crate) fn built_in() -> Self {
        let of = |(name, pattern, is_meant): &(&str, &str, Meant)| Pattern {
            name: (*name).to_owned(),
            regex: compile(pattern).expect("the built-in patterns are tested"),
            is_meant: *is_meant,
        };
        Self(BUILT_IN.iter().map(of).collect())
    }

    /// Takes in a pattern of the owner's, before the built-in ones; in the place of one by that name, and nothing for an empty one.
    pub(crate) fn set(&mut self, name: &str, pattern: &str) -> Result<(), String> {
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(named) {
            return Err("the name cannot stand for what is replaced".to_owned());
        }
        let had = self.0.len();
        self.0.retain(|p| p.name != name);
        if pattern.is_empty() {
            return if self.0.len() < had {
                Ok(())
            } else {
                Err("it is empty, and there is no built-in pattern of that name".to_owned())
            };
        }
        let regex = compile(pattern).map_err(|error| format!("it is no pattern: {}", brief(&error)))?;
        if regex.is_match("") {
            return Err("it fits where there is nothing".to_owned());
        }
        let pattern = Pattern {
            name: name.to_owned(),
            regex,
            is_meant: always,
        };
        self.0.insert(0, pattern);
        Ok(())
    }

    /// The text with what fits replaced by the pattern's name in brackets.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for pattern in &self.0 {
            let replace = |found: &Captures<'_>| {
                let found = &found[0];
                if (pattern.is_meant)(found) {
                    format!("[{}]", pattern.name)
                } else {
                    found.to_owned()
                }
            };
            if let Cow::Owned(replaced) = pattern.regex.replace_all(&text, replace) {
                text = Cow::Owned(replaced);
            }
        }
        text.into_owned()
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MOST_COMPILED_BYTES).build()
}

/// The last line of the library's message, which says what is wrong.
fn brief(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// Luhn's check (ISO/IEC 7812-1) over 13 to 19 digits.
fn is_card(found: &str) -> bool {
    let digits: Vec<u32> = found.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |(at, &digit): (usize, &u32)| match (at % 2, 2 * digit) {
        (0, _) => digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// Whether what is found begins with an IBAN (ISO 13616: the number's remainder by 97 is one); words may follow it.
fn holds_iban(found: &str) -> bool {
    let symbols: Vec<char> = found.chars().filter(char::is_ascii_alphanumeric).collect();
    (15..=symbols.len().min(34)).any(|length| {
        let (front, back) = symbols[..length].split_at(4);
        let remainder = back.iter().chain(front).try_fold(0, |remainder, c| {
            let value = c.to_digit(36)?;
            let shift = if value > 9 { 100 } else { 10 };
            Some((remainder * shift + value) % 97)
        });
        remainder == Some(1)
    })
}

fn is_address(found: &str) -> bool {
    found
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_replaced_and_the_rest_is_left() {
        for (text, expected) in [
            ("write to Ann.Lee+x@mail.example.org!", "write to [email]!"),
            ("käthe@müller.example please", "[email] please"),
            ("call +49 (0)30 1234-5678 now", "call [phone] now"),
            (
                "call 030/12345678, or 00 44 20 7946 0958",
                "call [phone], or [phone]",
            ),
            ("(212) 555-0187", "[phone]"),
            (
                "card 4111 1111 1111 1111 and 5500-0000-0000-0004",
                "card [card] and [card]",
            ),
            // Luhn's check fails: it is some other long number.
            ("order 4111 1111 1111 1112", "order [phone] 1112"),
            ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [iban]"),
            ("gb82west12345698765432", "[iban]"),
            ("from 192.168.0.17, not 1.2.3", "from [ip], not 1.2.3"),
            ("2001:db8::8a2e:370:7334 is up", "[ip] is up"),
            ("at 10:30:00 we meet, 1::", "at 10:30:00 we meet, [ip]"),
            (
                "see postgres://me:secret@db.example/x?y=1 there",
                "see [credentials] there",
            ),
            ("see https://example.org/a/b", "see https://example.org/a/b"),
            ("book 2 tables for 12 at 7 pm", "book 2 tables for 12 at 7 pm"),
            ("", ""),
        ] {
            assert_eq!(Patterns::built_in().redact(text), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_of_the_owner_comes_first_and_takes_the_place_of_a_built_in_one() {
        let mut patterns = Patterns::built_in();
        patterns.set("customer", r"C-[0-9]{8}").expect("a pattern");
        patterns.set("phone", "").expect("a built-in one");
        assert_eq!(
            patterns.redact("C-12345678, 030 1234567"),
            "[customer], 030 1234567"
        );
        assert_eq!(
            patterns.clone().set("none", ""),
            Err("it is empty, and there is no built-in pattern of that name".to_owned())
        );
        for (name, pattern) in [
            ("A", "x"),
            ("", "x"),
            ("a", "["),
            ("a", "x*"),
            ("a", r"(\pL{1000}){1000}"),
        ] {
            assert!(patterns.set(name, pattern).is_err(), "{name} {pattern}");
        }
    }
}
