//! `[texts]`: what is kept of texts, and for how long.

use super::document::Document;
use crate::texts::{Patterns, TextKeeper};
use bellwether_monitor::{KeepNoText, KeepText};
use bellwether_worksets::TextForm;
use std::fmt;
use std::sync::Arc;

/// What is kept of texts.
#[derive(Clone)]
pub(crate) struct TextsConfig {
    pub(crate) form: TextForm,
    /// How long, in milliseconds.
    pub(crate) retention_ms: i64,
    keeper: Arc<dyn KeepText>,
}

impl fmt::Debug for TextsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextsConfig")
            .field("form", &self.form)
            .field("retention_ms", &self.retention_ms)
            .finish_non_exhaustive()
    }
}

const RETENTION_MS: i64 = 30 * 24 * 3_600_000;
/// Fewest bytes of a key: with fewer, hashes of short texts can be guessed.
const KEY_BYTES: usize = 16;

impl Default for TextsConfig {
    fn default() -> Self {
        Self {
            form: TextForm::None,
            retention_ms: RETENTION_MS,
            keeper: Arc::new(KeepNoText),
        }
    }
}

impl TextsConfig {
    /// Keeps texts as they are: where nobody's are in the data.
    pub(crate) fn plain() -> Self {
        Self {
            form: TextForm::Plain,
            keeper: Arc::new(TextKeeper::plain()),
            ..Self::default()
        }
    }

    /// What makes of a text what is kept of it.
    pub(crate) fn keeper(&self) -> Arc<dyn KeepText> {
        Arc::clone(&self.keeper)
    }
}

pub(super) fn texts(document: &mut Document) -> TextsConfig {
    let forms = vec![
        ("none", TextForm::None),
        ("hashed", TextForm::Hashed),
        ("redacted", TextForm::Redacted),
        ("plain", TextForm::Plain),
    ];
    let form = document.choice("texts.keep", forms).unwrap_or_default();
    let retention_ms = document.duration_ms("texts.retention").unwrap_or(RETENTION_MS);
    let key = document.secret_elsewhere("texts.key");
    let patterns = patterns(document);
    let keeper: Arc<dyn KeepText> = match (form, key) {
        (TextForm::None, _) => Arc::new(KeepNoText),
        (TextForm::Hashed, Some(key)) if key.trim().len() >= KEY_BYTES => {
            Arc::new(TextKeeper::hashed(key.trim().as_bytes()))
        }
        (TextForm::Hashed, Some(_)) => {
            let what =
                format!("it is shorter than {KEY_BYTES} bytes: hashes of short texts could be guessed");
            document.problem(
                "texts.key",
                what,
                "write a longer one, such as the output of `openssl rand -hex 32`",
            );
            Arc::new(KeepNoText)
        }
        (TextForm::Hashed, None) => {
            if !document.has("texts.key") {
                let what = "hashes need a key, without which short texts could be guessed".to_owned();
                document.problem(
                    "texts.keep",
                    what,
                    "write texts.key = \"file:PATH\" or \"env:NAME\"",
                );
            }
            Arc::new(KeepNoText)
        }
        (TextForm::Redacted, _) => Arc::new(TextKeeper::redacted(patterns)),
        (TextForm::Plain, _) => Arc::new(TextKeeper::plain()),
    };
    TextsConfig {
        form,
        retention_ms,
        keeper,
    }
}

/// The built-in patterns with those of the table in their place or before them.
fn patterns(document: &mut Document) -> Patterns {
    const FIX: &str = "write a regular expression of the `regex` crate in quotes, or \"\" to leave a built-in pattern out; names are of lower-case letters, digits, `_` and `-`";
    let mut patterns = Patterns::built_in();
    for (name, pattern) in document.texts("texts.redact") {
        if let Err(what) = patterns.set(&name, &pattern) {
            document.problem(&format!("texts.redact.{name}"), what, FIX);
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use std::path::Path;

    fn of(text: &str) -> Result<TextsConfig, Vec<String>> {
        Config::parse(text, Path::new(""))
            .map(|config| config.texts)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_is_kept_by_default_and_each_form_keeps_its_own() {
        let keep = |text: &str| {
            of(text)
                .expect("no problem")
                .keeper()
                .keep("Mail me at a@b.example")
        };
        assert_eq!(keep(""), None);
        assert_eq!(keep("[texts]\nkeep = \"none\""), None);
        assert_eq!(
            keep("[texts]\nkeep = \"plain\"").as_deref(),
            Some("Mail me at a@b.example")
        );
        assert_eq!(
            keep("[texts]\nkeep = \"redacted\"").as_deref(),
            Some("Mail me at [email]")
        );
        assert_eq!(
            keep("[texts]\nkeep = \"redacted\"\n[texts.redact]\nemail = \"\"\nverb = \"(?i)mail\"")
                .as_deref(),
            Some("[verb] me at a@b.example")
        );
        let config = of("[texts]\nkeep = \"plain\"\nretention = \"2d\"").expect("no problem");
        assert_eq!(config.retention_ms, 2 * 24 * 3_600_000);
    }

    #[test]
    fn a_hash_needs_a_key_that_stands_elsewhere_and_is_long_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        std::fs::write(&file, "0123456789abcdef0123\n").expect("writable");
        let text = format!("[texts]\nkeep = \"hashed\"\nkey = \"file:{}\"", file.display());
        let config = of(&text).expect("no problem");
        let hash = |text: &str| config.keeper().keep(text).expect("a hash");
        // As `printf 'book a table' | openssl dgst -sha256 -hmac 0123456789abcdef0123`, the first 32 digits.
        assert_eq!(hash("Book  a TABLE "), "92e794621841f45b91a5449a8f846edf");
        assert_ne!(hash("book a table"), hash("book a chair"));
        assert!(!format!("{config:?}").contains("0123456789"));
        std::fs::write(&file, "short").expect("writable");
        assert!(of(&text).expect_err("too short")[0].contains("shorter than 16 bytes"));
        let without = of("[texts]\nkeep = \"hashed\"").expect_err("no key");
        assert_eq!(without.len(), 1, "{without:?}");
        assert!(
            without[0].starts_with("line 2: texts.keep: hashes need a key"),
            "{without:?}"
        );
        let inside =
            of("[texts]\nkeep = \"hashed\"\nkey = \"0123456789abcdef\"").expect_err("it stands there");
        assert!(
            inside[0].contains("the secret itself stands in the file"),
            "{inside:?}"
        );
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named_with_its_line() {
        let found = of("[texts.redact]\ncustomer = \"[\"\n\"A b\" = \"x\"").expect_err("neither is right");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].starts_with("line 3: texts.redact.A b: "), "{found:?}");
        assert!(
            found[0].starts_with("line 2: texts.redact.customer: "),
            "{found:?}"
        );
    }
}
