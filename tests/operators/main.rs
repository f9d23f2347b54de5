//! What an operator runs beside the monitor, for real: Prometheus scrapes the program with our rules, and every panel of every
//! dashboard is asked of it.
//!
//! What this does not show is how Grafana draws an answer.

mod empty;
#[path = "../scenarios/fixture.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which need more of it")]
mod fixture;
mod grafana;
mod panels;
mod prometheus;
mod rules;
mod stream;
mod web;
