//! The wish to stop, from whoever may send it.

use std::time::Duration;
use tokio::sync::watch;

/// Completes on Ctrl-C or, on Unix, SIGTERM. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from here on.
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            interrupted().await;
            sender.send_replace(true);
            // For as long as anybody may ask.
            sender.closed().await;
        });
        Self(receiver)
    }

    /// Whether it was asked for.
    pub(crate) fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub(crate) async fn wait(&self) {
        let mut receiver = self.0.clone();
        // An error means that the runtime is going down.
        let _gone = receiver.wait_for(|requested| *requested).await;
    }

    /// Waits until it was asked for so long ago.
    pub(crate) async fn overdue(&self, limit: Duration) {
        self.wait().await;
        tokio::time::sleep(limit).await;
    }
}

async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _unavailable = interrupt.await;
}
