//! The stream of server-sent events: every timeline line once, and the newest status.
//!
//! Lines are read from the history behind each client's own position, so a slow client delays nobody and misses nothing
//! that is still held; the status is read when the client is ready for it, so it may skip some.

use crate::state::{ApiState, News};
use crate::wire::{LineView, ModelView};
use axum::response::sse::Event;
use futures::Stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

/// The least time between two looks: a person sees no more than a few changes a second.
const PACE: Duration = Duration::from_millis(250);

/// Lines turned into events at one look; the rest follow at once.
const LINES_AT_ONCE: usize = 256;

struct Client {
    state: ApiState,
    news: watch::Receiver<News>,
    closing: watch::Receiver<bool>,
    seen_status: u64,
    seen_line: u64,
    queue: VecDeque<Event>,
    next_look: Instant,
    _permit: OwnedSemaphorePermit,
}

/// The events of one client. `last_event_id` is what the browser sends when it comes back: it gets every line since then
/// that is still held, and all that are held if the process was restarted in between. A new client gets new lines alone.
pub(crate) fn stream(
    state: ApiState,
    closing: watch::Receiver<bool>,
    last_event_id: Option<&str>,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + Send + use<> {
    let last_line = state.lock().timeline.last_id();
    let seen_line = match last_event_id.map(|id| id.rsplit_once('-')) {
        None => last_line,
        Some(Some((instance, id))) if instance == state.instance() => id.parse().unwrap_or(0),
        Some(_) => 0,
    };
    let news = state.news();
    let client = Client {
        state,
        news,
        closing,
        seen_status: 0,
        seen_line,
        queue: VecDeque::new(),
        next_look: Instant::now(),
        _permit: permit,
    };
    futures::stream::unfold(client, |mut client| async move {
        let event = client.next().await?;
        Some((Ok(event), client))
    })
}

impl Client {
    /// The next event; `None` when the server closes.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.closing.borrow() {
                return None;
            }
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.look() {
                continue;
            }
            self.next_look = self.next_look.max(Instant::now());
            tokio::select! {
                changed = self.news.changed() => changed.ok()?,
                closed = self.closing.changed() => closed.ok()?,
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.next_look) => {}
                closed = self.closing.changed() => closed.ok()?,
            }
            self.next_look = Instant::now() + PACE;
        }
    }

    /// Queues what is new; false when nothing is.
    fn look(&mut self) -> bool {
        let version = self.news.borrow_and_update().status_version;
        let (status, pipeline, lines) = {
            let shared = self.state.lock();
            (
                shared.status.clone().filter(|_| version != self.seen_status),
                shared.pipeline.clone(),
                shared.timeline.after(self.seen_line, LINES_AT_ONCE),
            )
        };
        if let Some(status) = status {
            self.seen_status = version;
            let view = ModelView::new(&status, &pipeline, self.state.instance());
            self.push(Event::default().event("status").json_data(view));
        }
        for numbered in lines {
            let id = numbered.id;
            self.seen_line = id;
            let event = Event::default()
                .event("timeline")
                .id(format!("{}-{id}", self.state.instance()));
            self.push(event.json_data(LineView::new(&numbered)));
        }
        !self.queue.is_empty()
    }

    fn push(&mut self, event: Result<Event, axum::Error>) {
        match event {
            Ok(event) => self.queue.push_back(event),
            Err(error) => tracing::error!(%error, "Left out an event that cannot be written as JSON"),
        }
    }
}
