//! The small language in which the demo's utterances are written, and its expansion.
//!
//! `$name = a | b` gives a name to alternatives. `@intent` starts an intent, whose templates follow one a line. Within both,
//! `{name}` takes one of the named alternatives, `(a|b)` one of those in place, `[a]` is `a` or nothing, and `<tag words>`
//! marks a span. `#` starts a comment line.

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use rand::seq::IndexedRandom;
use std::collections::BTreeMap;

/// A word of an utterance and its BIO tag (`O` outside spans).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) tag: String,
}

#[cfg(test)]
impl Word {
    pub(super) fn outside(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            tag: "O".to_owned(),
        }
    }
}

/// Named alternatives and the intents that use them.
#[derive(Debug)]
pub(super) struct Grammar {
    rules: BTreeMap<String, Vec<Sequence>>,
    intents: Vec<Intent>,
}

#[derive(Debug)]
struct Intent {
    name: String,
    templates: Vec<Sequence>,
}

type Sequence = Vec<Node>;

#[derive(Debug)]
enum Node {
    Text(String),
    Rule(String),
    Choice(Vec<Sequence>),
    Span { tag: String, inside: Sequence },
}

impl Grammar {
    /// Reads sources, given as name and text, into one grammar: later files may use the rules of earlier ones.
    pub(super) fn parse(sources: &[(&str, &str)]) -> Result<Self> {
        let mut grammar = Self {
            rules: BTreeMap::new(),
            intents: Vec::new(),
        };
        for (file, text) in sources {
            for (number, line) in text.lines().enumerate() {
                grammar
                    .line(line.trim())
                    .with_context(|| format!("{file}:{}: {line}", number + 1))?;
            }
        }
        for name in grammar.rules.keys() {
            grammar.check_rule(name, &mut Vec::new())?;
        }
        for intent in &grammar.intents {
            ensure!(
                !intent.templates.is_empty(),
                "intent `{}` has no template",
                intent.name
            );
            for template in &intent.templates {
                grammar
                    .check(template, &mut Vec::new())
                    .with_context(|| format!("in `{}`", intent.name))?;
            }
        }
        Ok(grammar)
    }

    /// Names of the intents, in the order written.
    pub(super) fn intents(&self) -> Vec<&str> {
        self.intents.iter().map(|i| i.name.as_str()).collect()
    }

    /// Number of templates of an intent.
    pub(super) fn templates(&self, intent: usize) -> usize {
        self.intents[intent].templates.len()
    }

    /// Tags of all spans, sorted.
    pub(super) fn tags(&self) -> Vec<String> {
        fn collect(sequence: &[Node], tags: &mut Vec<String>) {
            for node in sequence {
                match node {
                    Node::Text(_) | Node::Rule(_) => {}
                    Node::Choice(options) => options.iter().for_each(|o| collect(o, tags)),
                    Node::Span { tag, .. } => tags.push(tag.clone()),
                }
            }
        }
        let mut tags = Vec::new();
        let templates = self.intents.iter().flat_map(|i| &i.templates);
        self.rules
            .values()
            .flatten()
            .chain(templates)
            .for_each(|s| collect(s, &mut tags));
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// One random expansion of a template.
    pub(super) fn expand(&self, intent: usize, template: usize, rng: &mut impl Rng) -> Vec<Word> {
        self.words(&self.intents[intent].templates[template], rng)
    }

    /// One random expansion of a named rule.
    pub(super) fn expand_rule(&self, name: &str, rng: &mut impl Rng) -> Result<Vec<Word>> {
        let options = self
            .rules
            .get(name)
            .with_context(|| format!("no rule `{name}`"))?;
        let sequence = options
            .choose(rng)
            .with_context(|| format!("rule `{name}` is empty"))?;
        Ok(self.words(sequence, rng))
    }

    fn line(&mut self, line: &str) -> Result<()> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(rule) = line.strip_prefix('$') {
            let (name, body) = rule.split_once('=').context("a rule needs `=`")?;
            let mut rest = body;
            let options = alternatives(&mut rest, None)?.into_iter().map(trimmed).collect();
            let before = self.rules.insert(name.trim().to_owned(), options);
            ensure!(before.is_none(), "the rule is defined twice");
        } else if let Some(name) = line.strip_prefix('@') {
            self.intents.push(Intent {
                name: name.trim().to_owned(),
                templates: Vec::new(),
            });
        } else {
            let intent = self
                .intents
                .last_mut()
                .context("a template before the first @intent")?;
            let mut rest = line;
            let mut options = alternatives(&mut rest, None)?;
            ensure!(options.len() == 1, "`|` outside parentheses");
            intent.templates.append(&mut options);
        }
        Ok(())
    }

    fn check<'a>(&'a self, sequence: &'a [Node], above: &mut Vec<&'a str>) -> Result<()> {
        for node in sequence {
            match node {
                Node::Text(_) => {}
                Node::Rule(name) => self.check_rule(name, above)?,
                Node::Choice(options) => options.iter().try_for_each(|o| self.check(o, above))?,
                Node::Span { inside, .. } => self.check(inside, above)?,
            }
        }
        Ok(())
    }

    fn check_rule<'a>(&'a self, name: &'a str, above: &mut Vec<&'a str>) -> Result<()> {
        ensure!(!above.contains(&name), "rule `{name}` uses itself");
        let Some(options) = self.rules.get(name) else {
            bail!("no rule `{name}`")
        };
        above.push(name);
        options.iter().try_for_each(|o| self.check(o, above))?;
        above.pop();
        Ok(())
    }

    fn words(&self, sequence: &[Node], rng: &mut impl Rng) -> Vec<Word> {
        let mut out = Expansion::default();
        self.write(sequence, &mut out, rng);
        out.words()
    }

    fn write(&self, sequence: &[Node], out: &mut Expansion, rng: &mut impl Rng) {
        for node in sequence {
            match node {
                Node::Text(text) => out.text.push_str(text),
                // `parse` has checked that the rule exists and has an alternative.
                Node::Rule(name) => {
                    if let Some(option) = self.rules.get(name).and_then(|o| o.choose(rng)) {
                        self.write(option, out, rng);
                    }
                }
                Node::Choice(options) => {
                    if let Some(option) = options.choose(rng) {
                        self.write(option, out, rng);
                    }
                }
                Node::Span { tag, inside } => {
                    let start = out.text.len();
                    self.write(inside, out, rng);
                    out.spans.push((start, out.text.len(), tag.clone()));
                }
            }
        }
    }
}

#[derive(Default)]
struct Expansion {
    text: String,
    spans: Vec<(usize, usize, String)>,
}

impl Expansion {
    fn words(&self) -> Vec<Word> {
        let mut opened = vec![false; self.spans.len()];
        let mut out: Vec<Word> = Vec::new();
        for word in self.text.split_whitespace() {
            let start = word.as_ptr() as usize - self.text.as_ptr() as usize;
            // An option left out before a comma leaves the comma alone: it belongs to the word before.
            if word.chars().all(|c| c.is_ascii_punctuation()) && word != "&" {
                if let Some(before) = out.last_mut() {
                    before.text.push_str(word);
                }
                continue;
            }
            let span = self
                .spans
                .iter()
                .position(|(from, to, _)| (*from..*to).contains(&start));
            let tag = span.map_or_else(
                || "O".to_owned(),
                |span| {
                    let prefix = if std::mem::replace(&mut opened[span], true) {
                        "I"
                    } else {
                        "B"
                    };
                    format!("{prefix}-{}", self.spans[span].2)
                },
            );
            out.push(Word {
                text: word.to_owned(),
                tag,
            });
        }
        out
    }
}

/// Reads alternatives up to `close` (which is consumed), or to the end of the line when there is none.
fn alternatives(rest: &mut &str, close: Option<char>) -> Result<Vec<Sequence>> {
    let mut options = vec![Sequence::new()];
    let mut text = String::new();
    loop {
        let next = rest.chars().next();
        if let Some(c) = next {
            *rest = &rest[c.len_utf8()..];
        }
        let node = match next {
            None if close.is_none() => None,
            None => bail!("`{}` is missing", close.unwrap_or_default()),
            c if c == close => None,
            Some('|') => None,
            Some('(') => Some(Node::Choice(alternatives(rest, Some(')'))?)),
            Some('[') => Some(Node::Choice(vec![
                vec![Node::Choice(alternatives(rest, Some(']'))?)],
                Sequence::new(),
            ])),
            Some('{') => {
                let (name, after) = rest.split_once('}').context("`}` is missing")?;
                *rest = after;
                Some(Node::Rule(name.to_owned()))
            }
            Some('<') => {
                let (tag, after) = rest.split_once(' ').context("a span needs a tag and words")?;
                *rest = after;
                let mut inside = alternatives(rest, Some('>'))?;
                ensure!(inside.len() == 1, "`|` in a span needs parentheses");
                Some(Node::Span {
                    tag: tag.to_owned(),
                    inside: inside.remove(0),
                })
            }
            Some(c @ (')' | ']' | '}' | '>')) => bail!("`{c}` closes nothing"),
            Some(c) => {
                text.push(c);
                continue;
            }
        };
        let last = options.last_mut().context("there is always an alternative")?;
        if !text.is_empty() {
            last.push(Node::Text(std::mem::take(&mut text)));
        }
        match node {
            Some(node) => last.push(node),
            None if next == Some('|') => options.push(Sequence::new()),
            None => return Ok(options),
        }
    }
}

/// Alternatives of a rule stand between spaces that are not part of them.
fn trimmed(mut sequence: Sequence) -> Sequence {
    if let Some(Node::Text(text)) = sequence.first_mut() {
        *text = text.trim_start().to_owned();
    }
    if let Some(Node::Text(text)) = sequence.last_mut() {
        *text = text.trim_end().to_owned();
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    fn all(source: &str) -> BTreeSet<String> {
        let grammar = Grammar::parse(&[("test", source)]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..200)
            .map(|_| {
                grammar
                    .expand(0, 0, &mut rng)
                    .into_iter()
                    .map(|w| w.text)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect()
    }

    #[test]
    fn every_alternative_is_reached_and_nothing_else() {
        let found = all("$x = a | b c\n@i\n({x}|d) [e|f]!");
        let expected = [
            "a!", "b c!", "d!", "a e!", "b c e!", "d e!", "a f!", "b c f!", "d f!",
        ];
        assert_eq!(found, expected.iter().map(ToString::to_string).collect());
    }

    #[test]
    fn rules_may_be_glued_together() {
        assert_eq!(all("$d = 1|2\n@i\nno{d}{d} , (ok|)").len(), 8);
        assert!(all("$d = 1|2\n@i\nno{d}{d} , (ok|)").contains("no12, ok"));
    }

    #[test]
    fn spans_become_bio_tags() {
        let grammar = Grammar::parse(&[(
            "test",
            "$d = <date next friday>\n@i\nbring <item the rug> {d}, <time noon>",
        )])
        .unwrap();
        assert_eq!(grammar.tags(), ["date", "item", "time"]);
        let words = grammar.expand(0, 0, &mut ChaCha8Rng::seed_from_u64(1));
        let text: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        let tags: Vec<&str> = words.iter().map(|w| w.tag.as_str()).collect();
        assert_eq!(text, ["bring", "the", "rug", "next", "friday,", "noon"]);
        assert_eq!(tags, ["O", "B-item", "I-item", "B-date", "I-date", "B-time"]);
    }

    #[test]
    fn faults_are_refused_with_their_place() {
        let fault = |source: &str| format!("{:#}", Grammar::parse(&[("f", source)]).unwrap_err());
        assert!(fault("@i\n(a|b").contains("f:2"), "{}", fault("@i\n(a|b"));
        assert!(fault("@i\na)").contains("closes nothing"));
        assert!(fault("@i\na | b").contains("outside parentheses"));
        assert!(fault("a").contains("before the first"));
        assert!(fault("@i\n{x}").contains("no rule `x`"));
        assert!(fault("$x = {y}\n$y = {x}").contains("uses itself"));
        assert!(fault("$x = a\n$x = b").contains("twice"));
        assert!(fault("@i").contains("no template"));
    }
}
