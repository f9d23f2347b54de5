//! What is made of a text before anything of it is kept: nothing but its patterns replaced, a keyed hash, or the text.
//!
//! The monitor scores the text as it came and then has it replaced by what this makes of it, before it waits, lies in state, is
//! sent to another instance or gets into a work set.

mod patterns;

pub(crate) use patterns::Patterns;

use bellwether_monitor::KeepText;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt::{self, Write};

/// Longest text that is kept, in bytes: the rest is cut.
const MOST_BYTES: usize = 2000;
/// Bytes of a hash that are kept: equal hashes of different texts are not met by chance.
const HASH_BYTES: usize = 16;

/// Keeps something of texts.
pub(crate) struct TextKeeper(Form);

enum Form {
    Hashed(Hmac<Sha256>),
    Redacted(Patterns),
    Plain,
}

impl TextKeeper {
    /// Keeps HMAC-SHA-256 of the normalised text under a key.
    pub(crate) fn hashed(key: &[u8]) -> Self {
        let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of every length");
        Self(Form::Hashed(mac))
    }

    /// Keeps the text with what fits a pattern replaced by the pattern's name.
    pub(crate) fn redacted(patterns: Patterns) -> Self {
        Self(Form::Redacted(patterns))
    }

    /// Keeps the text.
    pub(crate) fn plain() -> Self {
        Self(Form::Plain)
    }
}

impl KeepText for TextKeeper {
    fn keep(&self, text: &str) -> Option<String> {
        Some(match &self.0 {
            Form::Hashed(mac) => hash(mac.clone(), text),
            // Replaced first and cut then: a number that is cut in half is not known any more.
            Form::Redacted(patterns) => cut(patterns.redact(text)),
            Form::Plain => cut(text.to_owned()),
        })
    }
}

impl fmt::Debug for TextKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Form::Hashed(_) => "TextKeeper(hashed)",
            Form::Redacted(_) => "TextKeeper(redacted)",
            Form::Plain => "TextKeeper(plain)",
        })
    }
}

/// Of the text in lower case with single spaces: what differs in these only is counted as one.
fn hash(mut mac: Hmac<Sha256>, text: &str) -> String {
    for (at, word) in text.split_whitespace().enumerate() {
        if at > 0 {
            mac.update(b" ");
        }
        mac.update(word.to_lowercase().as_bytes());
    }
    let digits = mac.finalize().into_bytes();
    digits[..HASH_BYTES].iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn cut(mut text: String) -> String {
    if text.len() > MOST_BYTES {
        let end = (0..=MOST_BYTES).rfind(|&at| text.is_char_boundary(at));
        text.truncate(end.unwrap_or(0));
    }
    text
}
