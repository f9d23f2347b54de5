//! Who judges: whoever the group gives the evidence to.

use super::{LOG, judges};
use crate::failure::Failure;
use crate::feed::{cannot_consume, cannot_go_on};
use bellwether_ingest::{Config, Consumer, PartitionEvent};

/// One candidate. It takes part in the group and reads nothing: where the judge reads on is in its state.
#[derive(Debug)]
pub(super) struct Election {
    consumer: Consumer,
    /// How often the office was lost: who has it again is not who had it before.
    terms: u64,
}

/// For as long as this is the same, nobody else was elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term(u64);

impl Election {
    /// Stands for election. Does not wait for a broker.
    pub(super) async fn stand(config: &Config, topic: &str) -> Result<Self, Failure> {
        let group = Config {
            observations_topic: topic.to_owned(),
            labels_topic: None,
            group_id: judges(config),
            // What the client fetches ahead is of no use.
            queue_kbytes_per_partition: 1,
            ..config.clone()
        };
        let consumer = Consumer::start(&group).await;
        Ok(Self {
            consumer: consumer.map_err(|error| cannot_consume(config, &error))?,
            terms: 0,
        })
    }

    /// The term in which this instance is the judge; `None` while it is not. To be asked every few seconds.
    pub(super) fn term(&mut self) -> Result<Option<Term>, Failure> {
        for event in self.consumer.stay().map_err(|error| cannot_go_on(&error))? {
            if matches!(&event, PartitionEvent::Revoked(gone) if gone.contains(&LOG)) {
                self.terms += 1;
            }
        }
        let elected = self.consumer.assignment().contains(&LOG);
        Ok(elected.then_some(Term(self.terms)))
    }

    /// Stands no more; another instance is elected at once.
    pub(super) async fn close(self) {
        self.consumer.close().await;
    }
}
