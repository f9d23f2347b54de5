//! What an operator runs beside the monitor, for real: Prometheus scrapes the program with our rules, every panel of every
//! dashboard is asked of it, and its Alertmanager calls somebody.
//!
//! What this does not show is how Grafana draws an answer.

mod alerts;
mod empty;
#[path = "../scenarios/fixture.rs"]
#[expect(dead_code, reason = "shared with the scenarios, which need more of it")]
mod fixture;
mod grafana;
mod panels;
mod prometheus;
mod pushed;
mod receiver;
mod rules;
mod stream;
mod web;
