//! The Grafana dashboards, written from the catalogue of metrics.
//!
//! Owns what an operator sees in Grafana: four dashboards of a fleet of tasks. Knows nothing of how a metric comes about,
//! and reads and writes no file; `cargo dashboards` does.
//!
//! Four layers, each knowing the ones above: `query` (a question that the metrics can answer), `panel` (how an answer
//! looks), `dashboard` (variables, links, place), and a module for each dashboard with what is on it and why.
//!
//! ```
//! for dashboard in bellwether_dashboards::all() {
//!     assert!(dashboard.file().contains(&dashboard.uid()));
//! }
//! ```

mod dashboard;
mod fleet;
mod panel;
mod pipeline;
mod query;
mod shared_encoder;
mod task;
mod verdict;

pub use dashboard::Dashboard;

/// Every dashboard of the product, the one to begin with first.
#[must_use]
pub fn all() -> [Dashboard; 4] {
    [
        fleet::dashboard(),
        task::dashboard(),
        shared_encoder::dashboard(),
        pipeline::dashboard(),
    ]
}
