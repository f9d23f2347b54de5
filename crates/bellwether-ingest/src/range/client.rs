//! The client of a reader beside the group.

use crate::config::{Config, client_error};
use crate::context::name;
use crate::error::Error;
use crate::health::{Fault, Faults, forward_log};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;

pub(super) type RangeClient = BaseConsumer<RangeEvents>;

pub(super) fn client(config: &Config) -> Result<Arc<RangeClient>, Error> {
    let events = RangeEvents {
        faults: Faults::default(),
    };
    let client = config.range_reader()?.create_with_context(events);
    Ok(Arc::new(
        client.map_err(|source| client_error("consumer", source))?,
    ))
}

/// The receiver of the client's callbacks.
pub(super) struct RangeEvents {
    faults: Faults,
}

impl RangeEvents {
    pub(super) fn last_fault(&self) -> Option<Fault> {
        self.faults.last()
    }
}

impl ClientContext for RangeEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // No group is joined, so that its coordinator does not matter, nor whether we may ask for it.
        let of_the_group = [
            RDKafkaErrorCode::PartitionEOF,
            RDKafkaErrorCode::GroupAuthorizationFailed,
            RDKafkaErrorCode::CoordinatorNotAvailable,
        ];
        if !code.is_some_and(|code| of_the_group.contains(&code)) {
            self.faults.report("range reader", name(code), reason);
        }
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for RangeEvents {}
