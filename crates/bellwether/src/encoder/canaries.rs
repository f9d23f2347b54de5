//! The texts of canaries.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// Our own: short and long, with and without what tokenizers stumble over.
const TEXTS: [&str; 24] = [
    "ok",
    "thanks",
    "where is my order",
    "cancel the second one please",
    "the kettle leaks at the handle",
    "I never received the invoice for March.",
    "PLEASE CALL ME BACK TODAY",
    "Anna from Lyon paid with her Visa card on Friday",
    "Is the McAllister office on Baker Street open?",
    "naïve café, façade, jalapeño, Zoë",
    "größere Schuhe für Übermütige",
    "¿dónde está mi paquete?",
    "где мой заказ",
    "荷物はどこですか",
    "أين طلبي",
    "👍🏽 great, thank you 🙏",
    "order 4471-B, 2 of 3 boxes, 19.90 €",
    "mail me at someone@example.org or +44 20 7946 0000",
    "a\u{a0}non-breaking\u{2009}space, a\ttab and “curly” quotes",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "I would like to change the delivery address of the parcel that was sent on Tuesday, because I have moved to the next town since then",
    "First of all the display went dark, then the fan began to rattle, and after I had switched it off and on again twice nothing happened at all, \
     so I would like to know whether it can be repaired at home, whether I have to send it in at my own cost, and how long that is going to take",
    "On the first day the courier rang at the neighbour's door and left a card that nobody could read. On the second day he came while I was at work, \
     although I had asked for the evening. On the third day the tracking page said that the parcel was in another city, and that I should be patient. \
     On the fourth day a friendly voice on the telephone told me that it had been delivered, and named a signature that is not mine. On the fifth day \
     I went to the depot myself, where they had no record of it. Now I would like to have either the parcel or my money, and an answer in writing",
    "Here is everything that has happened so far, in order, so that nobody has to ask me again. In January I signed the contract in your shop at the \
     station, with the tariff that the poster in the window showed. In February the first bill was twice as high, and I was told that the discount \
     starts with the third month. In March the line was dead for nine days, which a technician confirmed on the spot. In April I was promised a refund \
     of half a month by letter. In May the refund appeared on the bill and was taken back one line below it. In June I wrote to complain, by mail and on \
     paper, and had no answer to either. In July somebody called who knew nothing of this and wanted to sell me a larger tariff. In August I moved, and \
     the line could not be moved with me, as your own page says in small letters. In September I cancelled, because the law lets me when you cannot \
     deliver. In October you went on charging me, and in November a collection agency wrote. I ask you to call the agency back, to refund what was \
     charged after the move, and to confirm both to me by the end of the month",
];

/// A canary before it is embedded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CanaryText {
    /// Unique; letters, digits, `-`, `_` and `.`.
    #[serde(rename = "canary")]
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The canaries that ship.
pub(crate) fn own_canaries() -> Vec<CanaryText> {
    let texts = TEXTS.iter().enumerate();
    let named = texts.map(|(at, text)| CanaryText {
        name: format!("c{:02}", at + 1),
        text: (*text).to_owned(),
    });
    named.collect()
}

/// The canaries of a file: one `{"canary": "<name>", "text": "<text>"}` a line.
pub(crate) fn read_canaries(path: &Path) -> Result<Vec<CanaryText>, Failure> {
    const FORM: &str = r#"write {"canary": "<name>", "text": "<text>"} on each line, with names of letters, digits, `-`, `_` and `.`"#;
    let unusable = |what: String| Failure::usage(format!("cannot use {}: {what}", path.display())).fix(FORM);
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read {}", path.display()))
            .because(&error)
            .fix(FORM)
    })?;
    let (mut canaries, mut names) = (Vec::new(), BTreeSet::new());
    for (at, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let canary: CanaryText =
            serde_json::from_str(line).map_err(|error| unusable(format!("line {}: {error}", at + 1)))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if canary.name.is_empty() || !canary.name.chars().all(is_name) {
            return Err(unusable(format!("line {}: {:?} is no name", at + 1, canary.name)));
        }
        if !names.insert(canary.name.clone()) {
            return Err(unusable(format!(
                "line {}: `{}` is there twice",
                at + 1,
                canary.name
            )));
        }
        canaries.push(canary);
    }
    if canaries.is_empty() {
        return Err(unusable("it has no canary".to_owned()));
    }
    Ok(canaries)
}
