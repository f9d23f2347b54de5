//! Brokers that are away are waited for.

use bellwether_ingest::Error;
use std::time::Duration;

/// Between attempts to reach the brokers, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Tries until the brokers answer. `what` is said in the log meanwhile.
///
/// # Errors
/// An error for which trying again is of no use.
pub(crate) async fn until_answered<T, F>(what: &str, mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut pause = PAUSE.0;
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "Cannot {what}; trying again");
            }
            done => return done,
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(PAUSE.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_may_succeed_later_is_tried_again_and_nothing_else() {
        let mut attempts = 0;
        let stalled = || Error::Stalled {
            place: String::new(),
            reason: String::new(),
        };
        let done = until_answered("look", || {
            attempts += 1;
            let done = if attempts < 2 {
                Err(stalled())
            } else {
                Ok(attempts)
            };
            async { done }
        });
        assert_eq!(done.await.expect("at last"), 2);
        let never = until_answered("look", || async { Err::<(), _>(Error::Interrupted) });
        assert!(matches!(never.await, Err(Error::Interrupted)));
    }
}
