//! The model of the demo: the assistant of a shop that also delivers, six tasks on one encoder.

use super::grammar::Grammar;
use anyhow::Result;

/// What a head predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Classification,
    SequenceLabelling,
}

impl Kind {
    /// The name in `tasks.json`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::SequenceLabelling => "sequence_labelling",
        }
    }
}

/// One task and everything that is ever sent to it.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Mean number of messages a simulated day.
    pub(super) per_day: usize,
    /// What its head was taught.
    pub(super) known: Grammar,
    /// What it was not.
    pub(super) novel: Option<Grammar>,
    /// Classes or tags, in the order of the probabilities.
    pub(super) labels: Vec<String>,
}

/// A class of utterances within a task: first those of [`Task::known`], then those of [`Task::novel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(pub(super) usize);

const COMMON: (&str, &str) = ("common.grammar", include_str!("../../grammars/common.grammar"));

impl Task {
    fn new(
        name: &'static str,
        kind: Kind,
        per_day: usize,
        known: (&str, &str),
        novel: Option<(&str, &str)>,
    ) -> Result<Self> {
        let known = Grammar::parse(&[COMMON, known])?;
        let novel = novel.map(|novel| Grammar::parse(&[COMMON, novel])).transpose()?;
        let labels = match kind {
            Kind::Classification => known.intents().into_iter().map(str::to_owned).collect(),
            Kind::SequenceLabelling => {
                let tags = known.tags();
                let bio = tags
                    .iter()
                    .flat_map(|tag| [format!("B-{tag}"), format!("I-{tag}")]);
                std::iter::once("O".to_owned()).chain(bio).collect()
            }
        };
        Ok(Self {
            name,
            kind,
            per_day,
            known,
            novel,
            labels,
        })
    }

    /// Number of classes that the head was taught.
    pub(super) fn known_classes(&self) -> usize {
        self.known.intents().len()
    }

    /// All classes, known and novel.
    pub(super) fn classes(&self) -> Vec<Class> {
        let novel = self.novel.as_ref().map_or(0, |g| g.intents().len());
        (0..self.known_classes() + novel).map(Class).collect()
    }

    /// The grammar of a class, and which of its intents the class is.
    pub(super) fn source(&self, class: Class) -> (&Grammar, usize) {
        match &self.novel {
            Some(novel) if class.0 >= self.known_classes() => (novel, class.0 - self.known_classes()),
            _ => (&self.known, class.0),
        }
    }

    /// The name of a class.
    pub(super) fn class_name(&self, class: Class) -> &str {
        let (grammar, intent) = self.source(class);
        grammar.intents()[intent]
    }
}

/// The words and phrases that all tasks share.
pub(super) fn common() -> Result<Grammar> {
    Grammar::parse(&[COMMON])
}

/// The six tasks, in the order in which [`super::story`] speaks of them.
pub(super) fn all() -> Result<Vec<Task>> {
    macro_rules! file {
        ($name:literal) => {
            ($name, include_str!(concat!("../../grammars/", $name)))
        };
    }
    let classification = Kind::Classification;
    Ok(vec![
        Task::new(
            "orders_and_delivery",
            classification,
            260,
            file!("orders_and_delivery.grammar"),
            None,
        )?,
        Task::new(
            "payments",
            classification,
            215,
            file!("payments.grammar"),
            Some(file!("payments_new.grammar")),
        )?,
        Task::new(
            "product_advice",
            classification,
            155,
            file!("product_advice.grammar"),
            None,
        )?,
        Task::new(
            "account_access",
            classification,
            190,
            file!("account_access.grammar"),
            Some(file!("travel.grammar")),
        )?,
        Task::new(
            "device_support",
            classification,
            115,
            file!("device_support.grammar"),
            None,
        )?,
        Task::new(
            "delivery_booking",
            Kind::SequenceLabelling,
            100,
            file!("delivery_booking.grammar"),
            None,
        )?,
    ])
}
