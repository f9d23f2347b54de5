//! Telling one receiver: what is due, until it has it.

use crate::alerts::{Alerts, now_ms};
use crate::format::{self, Context};
use crate::policy::{Notice, Plan};
use crate::send::{Outcome, Sender};
use crate::settings::Receiver;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::convert::Infallible;
use std::time::Duration;
use tokio::task::JoinSet;

/// The first pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A silence may end, and the clock may be set: it is looked so often whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long what is on its way may take when the process stops.
const LAST: Duration = Duration::from_secs(3);

/// The deliveries, for as long as it lives.
#[derive(Debug)]
pub struct Deliveries {
    alerts: Alerts,
    tasks: JoinSet<Infallible>,
}

impl Deliveries {
    /// Begins to tell every receiver. To be called within a runtime of tokio.
    pub(crate) fn start(alerts: &Alerts, senders: Vec<(Receiver, Sender)>) -> Self {
        let mut tasks = JoinSet::new();
        for (receiver, sender) in senders {
            tasks.spawn(deliver(alerts.clone(), receiver, sender));
        }
        Self {
            alerts: alerts.clone(),
            tasks,
        }
    }

    /// Waits for what is due now, for a few seconds at most. What is left is delivered by the next process.
    pub async fn finish(self) {
        let done = async {
            while self.alerts.is_anything_due() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(LAST, done).await.is_err() {
            tracing::warn!("Some alerts are not delivered yet; they will be after the next start");
        }
        self.stop().await;
    }

    /// Breaks off: what is on its way may have arrived, and is sent again by whoever delivers next.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times()
        .build()
}

async fn deliver(alerts: Alerts, receiver: Receiver, sender: Sender) -> Infallible {
    let mut pauses_left = pauses();
    let mut failing = false;
    loop {
        let notice = match alerts.plan(&receiver) {
            Plan::Now(notice) => notice,
            Plan::At(at_ms) => {
                let until = Duration::from_millis(u64::try_from(at_ms - now_ms()).unwrap_or(0));
                alerts.wait(until.min(LOOK_EVERY)).await;
                continue;
            }
            Plan::Nothing => {
                alerts.wait(LOOK_EVERY).await;
                continue;
            }
        };
        let outcome = attempt(&alerts, &receiver, &sender, &notice).await;
        alerts.record(&receiver, &notice, &outcome);
        let (name, place) = (receiver.name.as_str(), receiver.place());
        match outcome {
            Outcome::Delivered => {
                if failing {
                    tracing::info!(receiver = name, place, "The receiver takes alerts again");
                }
                failing = false;
                pauses_left = pauses();
            }
            Outcome::Later { why, after } => {
                // Once, not at each attempt.
                if !failing {
                    tracing::warn!(
                        receiver = name,
                        place,
                        why,
                        "The receiver takes no alerts; trying on"
                    );
                }
                failing = true;
                let pause = pauses_left.next().unwrap_or(LONGEST_PAUSE);
                tokio::time::sleep(after.map_or(pause, |after| after.max(pause))).await;
            }
            Outcome::Refused { why } => {
                tracing::error!(
                    receiver = name,
                    place,
                    why,
                    id = notice.id,
                    "The receiver refuses an alert; it is not sent again"
                );
            }
            Outcome::Gone => {
                tracing::error!(
                    receiver = name,
                    place,
                    "The receiver is gone (410); nothing is sent to it until its address is another"
                );
            }
        }
    }
}

/// Sends a notice off the threads that serve sockets: a receiver that hangs holds nobody else.
async fn attempt(alerts: &Alerts, receiver: &Receiver, sender: &Sender, notice: &Notice) -> Outcome {
    let context = Context {
        config: alerts.config(),
        receiver,
        now_ms: now_ms(),
    };
    let request = match format::request(context, notice) {
        Ok(request) => request,
        // It can be put right, and nothing is lost meanwhile.
        Err(error) => {
            return Outcome::Later {
                why: format!("its template fails: {error}"),
                after: None,
            };
        }
    };
    let sender = sender.clone();
    let sent = tokio::task::spawn_blocking(move || sender.send(&request)).await;
    sent.unwrap_or_else(|error| Outcome::Later {
        why: error.to_string(),
        after: None,
    })
}
