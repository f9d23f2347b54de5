//! Faults of the connection: counted always, logged now and then.

use rdkafka::config::RDKafkaLogLevel;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// One kind of fault is logged at most this often: a broker that is away says so several times a second.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// The connection to the brokers, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Faults since start.
    pub faults_total: u64,
    /// The newest fault. It stays after the connection recovered: compare its time.
    pub last_error: Option<Fault>,
    /// Changes of the assignment since start.
    pub rebalances_total: u64,
    /// Brokers connected at the last statistics, which come once a second.
    pub brokers_up: usize,
}

/// A fault that the client recovers from by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When it was seen.
    pub at: SystemTime,
    /// librdkafka's name for it, such as `BrokerTransportFailure`.
    pub code: String,
    /// What happened, as librdkafka says it.
    pub reason: String,
}

/// Collects faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    total: AtomicU64,
    last: Mutex<Option<Fault>>,
    logged: Mutex<HashMap<String, Logged>>,
}

/// When a kind of fault was last logged, and how many were not since.
#[derive(Debug)]
struct Logged {
    at: Instant,
    suppressed: u64,
}

impl Faults {
    /// Counts a fault and logs it unless its kind was logged a moment ago.
    pub(crate) fn report(&self, client: &'static str, code: String, reason: &str) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = self.due(&code, Instant::now()) {
            tracing::warn!(
                client,
                code,
                reason,
                suppressed,
                "Kafka client reports a fault and goes on"
            );
        }
        *lock(&self.last) = Some(Fault {
            at: SystemTime::now(),
            code,
            reason: reason.to_owned(),
        });
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(crate) fn last(&self) -> Option<Fault> {
        lock(&self.last).clone()
    }

    /// Whether to log a fault of this kind at `now`, with the number that was kept back before it.
    ///
    /// Kinds are librdkafka's error codes, so their number is bounded.
    fn due(&self, code: &str, now: Instant) -> Option<u64> {
        let mut logged = lock(&self.logged);
        match logged.get_mut(code) {
            Some(entry) if now.saturating_duration_since(entry.at) < LOG_INTERVAL => {
                entry.suppressed += 1;
                None
            }
            Some(entry) => {
                entry.at = now;
                Some(std::mem::take(&mut entry.suppressed))
            }
            None => {
                logged.insert(
                    code.to_owned(),
                    Logged {
                        at: now,
                        suppressed: 0,
                    },
                );
                Some(0)
            }
        }
    }
}

/// Hands librdkafka's own log lines on.
pub(crate) fn forward_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            // Its errors come through the error callback as well, where they are counted and rate limited.
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        // Consumers and producers are given the same properties, of which some are for the one kind only.
        RDKafkaLogLevel::Warning if facility == "CONFWARN" && message.contains("will be ignored by this") => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

/// Takes a lock whose data stay valid whatever its holder did.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_of_fault_is_logged_once_an_interval_and_counts_the_rest() {
        let faults = Faults::default();
        let start = Instant::now();
        assert_eq!(faults.due("AllBrokersDown", start), Some(0));
        assert_eq!(faults.due("AllBrokersDown", start + Duration::from_secs(1)), None);
        assert_eq!(
            faults.due("Authentication", start + Duration::from_secs(1)),
            Some(0)
        );
        assert_eq!(
            faults.due("AllBrokersDown", start + Duration::from_secs(29)),
            None
        );
        assert_eq!(
            faults.due("AllBrokersDown", start + Duration::from_secs(30)),
            Some(2)
        );
    }

    #[test]
    fn newest_fault_is_kept_and_all_are_counted() {
        let faults = Faults::default();
        faults.report("consumer", "AllBrokersDown".into(), "1/1 brokers are down");
        faults.report("consumer", "Authentication".into(), "wrong password");
        assert_eq!(faults.total(), 2);
        let last = faults.last().unwrap();
        assert_eq!(
            (last.code.as_str(), last.reason.as_str()),
            ("Authentication", "wrong password")
        );
    }
}
