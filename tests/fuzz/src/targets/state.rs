//! The state of a monitor, and what instances tell each other.

use crate::message::{Content, Label, Message, Part, Record, Rows};
use crate::stream::{config, eventful, steps_of};
use crate::synthetic::{self, Input, World, batch};
use bellwether_ingest::{RawMessage, TopicPartition};
use bellwether_monitor::{Engine, Evidence, Reference};
use std::sync::{Arc, LazyLock};

static REFERENCE: LazyLock<Arc<Reference>> = LazyLock::new(synthetic::reference);

/// Mark, version and length before the body.
const HEADER: usize = 20;

/// A snapshot, behind a byte that says whether its length and checksum are put right first: without, every change is only damage.
///
/// What is gone on from can be asked for everything, and its own snapshot is gone on from as well.
pub(super) fn snapshot(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if *choice != 0 {
        seal(&mut bytes);
    }
    match restore(&bytes) {
        Err(error) => assert!(!error.is_empty()),
        Ok(mut engine) => {
            let first = engine.snapshot();
            let again = restore(&first).unwrap_or_else(|error| panic!("its own snapshot: {error}"));
            assert!(again.snapshot() == first, "equal states give equal bytes");
            drop((engine.status(), engine.drain(), engine.status()));
        }
    }
}

/// A message of the evidence topic.
///
/// What is read of it is written as it was, and whatever rows it holds, a monitor that judges them goes on.
pub(super) fn evidence(input: &[u8]) {
    let message = match Message::from_bytes(input) {
        Err(error) => return assert!(!error.to_string().is_empty()),
        Ok(message) => message,
    };
    let written = message.to_bytes();
    let again = Message::from_bytes(&written);
    assert!(again.as_ref() == Ok(&message), "what was written is read");
    let Message::Rows(rows) = message else { return };
    let partition = TopicPartition::observations(rows.partition);
    for part in rows.parts {
        match part.content {
            Content::Record(record) => drop(record.to_message(partition, part.offset)),
            Content::Scored { rows, .. } => judge(&rows),
        }
    }
}

fn judge(rows: &[u8]) {
    match Evidence::read_rows([rows], &REFERENCE) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(evidence) => {
            let first = rows_of(&evidence);
            let again = Evidence::read_rows([&first[..]], &REFERENCE).expect("its own rows");
            assert!(rows_of(&again) == first, "equal rows give equal bytes");
            let mut engine = Engine::new(Arc::clone(&REFERENCE), config());
            engine.push_evidence(evidence);
            drop((engine.drain(), engine.status()));
        }
    }
}

fn rows_of(evidence: &Evidence) -> Vec<u8> {
    let mut rows = Vec::new();
    for row in 0..evidence.len() {
        evidence.write_row(row, &mut rows);
    }
    rows
}

/// A message with the evidence of so many observations, a label and a record that is passed on.
#[must_use]
pub fn message(observations: usize) -> Vec<u8> {
    let mut world = World::new(7);
    let inputs: Vec<Input> = (0..observations)
        .map(|_| {
            let task = world.any_task();
            world.ordinary(task)
        })
        .collect();
    let evidence = Evidence::score(
        batch(REFERENCE.schema(), &inputs, 0),
        &REFERENCE,
        &bellwether_monitor::KeepNoText,
    );
    let passed = RawMessage::new(TopicPartition::observations(1), 8, b"{".to_vec().into());
    let passed = passed.with_headers([("content-type", &b"application/json"[..])]);
    let label = Label {
        event_id: "e1".into(),
        timestamp_ms: 5,
        truth: "good".into(),
    };
    let part = |offset, content| Part {
        offset,
        number: 0,
        is_last: true,
        event_time_ms: Some(7),
        content,
    };
    let scored = Content::Scored {
        rows: rows_of(&evidence).into(),
        labels: vec![label],
    };
    let rows = Rows {
        topic: "predictions".into(),
        partition: 1,
        reference: "one".into(),
        version: Evidence::FORMAT_VERSION,
        parts: vec![part(7, scored), part(8, Content::Record(Record::of(&passed)))],
    };
    Message::Rows(rows).to_bytes()
}

fn restore(bytes: &[u8]) -> Result<Engine, String> {
    Engine::restore(Arc::clone(&REFERENCE), config(), bytes).map_err(|error| error.to_string())
}

fn seal(bytes: &mut Vec<u8>) {
    if bytes.len() <= HEADER + 8 {
        return;
    }
    bytes.truncate(bytes.len() - 8);
    let length = (bytes.len() - HEADER) as u64;
    bytes[12..HEADER].copy_from_slice(&length.to_le_bytes());
    let sum = twox_hash::XxHash3_64::oneshot(bytes);
    bytes.extend(sum.to_le_bytes());
}

/// The snapshot after this many steps of an eventful stream.
#[must_use]
pub fn after(steps: usize) -> Vec<u8> {
    let mut engine = Engine::new(Arc::clone(&REFERENCE), config());
    for step in &steps_of(&eventful(10 * steps))[..steps] {
        step.take(&mut engine);
    }
    engine.snapshot()
}
