//! The state of a monitor.

use crate::stream::{config, eventful, steps_of};
use crate::synthetic;
use bellwether_monitor::{Engine, Reference};
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
