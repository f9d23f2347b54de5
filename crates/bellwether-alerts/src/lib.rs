//! Incidents out of changes of state, and their delivery to whoever is on call.
//!
//! Owns what an incident is, who is told of it, when and in what form, and sees to it that they are: what was decided is on disk
//! before anybody is told, and a receiver that is down, slow or malicious holds nobody else. It knows the lines of the timeline, HTTP
//! as a client, and nothing of Kafka or how a verdict comes about. What is an incident ([`Tracker`]) and what is due (`policy`) read
//! no clock.
//!
//! Start from [`Alerts`]:
//!
//! ```
//! use bellwether_alerts::{Alerts, AlertsConfig, Format, Receiver};
//!
//! # fn main() -> Result<(), bellwether_alerts::Error> {
//! # let lines: Vec<bellwether_monitor::TimelineLine> = Vec::new();
//! let config = AlertsConfig {
//!     source: "intents".to_owned(),
//!     receivers: vec![Receiver::new("on-call", Format::Webhook, "http://127.0.0.1:9/")],
//!     ..AlertsConfig::default()
//! };
//! let alerts = Alerts::open(config)?;
//! alerts.lines(&lines); // from the pipeline; within a runtime, `alerts.deliver()` then tells the receivers
//! assert!(alerts.incidents().is_empty());
//! # Ok(())
//! # }
//! ```

mod alerts;
mod deliver;
mod desk;
mod error;
mod format;
mod incident;
mod ledger;
mod policy;
mod rehearsal;
mod send;
mod settings;
mod sign;
mod silence;
mod store;
mod tracker;

pub use alerts::Alerts;
pub use deliver::Deliveries;
pub use desk::{AlertMetrics, IncidentState, ReceiverMetrics, Refusal};
pub use error::Error;
pub use format::{Format, Template, TemplateError, event_source};
pub use incident::{Call, Cause, End, Incident, Said, Severity};
pub use ledger::{Acknowledgement, Entry};
pub use send::Outcome;
pub use settings::{AlertsConfig, Grouping, Receiver, Secret, Timing};
pub use sign::SigningKey;
pub use silence::{Maintenance, Matcher, Silence};
pub use tracker::Tracker;

#[cfg(test)]
mod tests;
