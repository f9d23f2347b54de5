//! Kafka: consume predictions and labels, publish verdicts and dead letters, and an in-process broker for the demo.
