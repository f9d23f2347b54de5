//! A snapshot that cannot be gone on from is refused with the reason, whatever its bytes are.

#[expect(dead_code, reason = "each test uses its part of the synthetic model")]
mod synthetic;

mod mixed;
mod stream;

use bellwether_monitor::{Engine, MonitorConfig, Reference, SnapshotError};
use rand::Rng;
use std::sync::Arc;
use stream::{Step, config, eventful, steps_of};
use synthetic::World;

/// Damaged snapshots of each kind of model.
const RUNS: usize = 2000;

#[test]
fn what_decides_may_change_over_a_restart_and_what_shapes_may_not() {
    let reference = synthetic::reference();
    let bytes = Engine::new(Arc::clone(&reference), config()).snapshot();
    let with = |config| Engine::restore(Arc::clone(&reference), config, &bytes).map(|_| ());
    let hold_hours = 9.0;
    assert_eq!(
        with(MonitorConfig {
            hold_hours,
            ..config()
        }),
        Ok(())
    );
    let half_life = 70.0;
    let other = with(MonitorConfig {
        half_life,
        ..config()
    });
    assert_eq!(other, Err(SnapshotError::OtherConfiguration));

    let other = synthetic::reference_of(|_, input| input.confidence *= 0.9);
    let refused = Engine::restore(Arc::clone(&other), config(), &bytes).map(|_| ());
    let expected = SnapshotError::OtherReference {
        snapshot: reference.manifest().id.clone(),
        running: other.manifest().id.clone(),
    };
    assert_eq!(refused, Err(expected));
}

/// The snapshot after some steps: of few, it is small, so that a change of any byte hits something.
fn after(steps: &[Step], reference: &Arc<Reference>) -> Vec<u8> {
    let mut engine = Engine::new(Arc::clone(reference), config());
    for step in steps {
        step.take(&mut engine);
    }
    engine.snapshot()
}

#[test]
fn damage_is_said_precisely() {
    let reference = synthetic::reference();
    let sound = after(&steps_of(&eventful(60)), &reference);
    let restore = |bytes: &[u8]| Engine::restore(Arc::clone(&reference), config(), bytes).map(|_| ());
    assert_eq!(restore(&sound), Ok(()));
    assert_eq!(restore(b""), Err(SnapshotError::NotASnapshot));
    assert_eq!(restore(b"{\"a\": 1}"), Err(SnapshotError::NotASnapshot));
    for kept in [3, 8, 12, 19, 20, 27, sound.len() / 2, sound.len() - 1] {
        let cut = restore(&sound[..kept]);
        assert!(
            matches!(cut, Err(SnapshotError::Truncated { .. })),
            "{kept}: {cut:?}"
        );
    }
    let mut longer = sound.clone();
    longer.push(0);
    assert_eq!(restore(&longer), Err(SnapshotError::Damaged));
    let mut other = sound.clone();
    other[8] = 99;
    let expected = SnapshotError::OtherFormat {
        found: 99,
        supported: 5,
    };
    assert_eq!(restore(&other), Err(expected));
    let mut world = World::new(3);
    for _ in 0..500 {
        let mut bytes = sound.clone();
        let at = world.rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << world.rng.random_range(0..8);
        assert!(restore(&bytes).is_err(), "bit of byte {at}");
    }
}

/// Bytes whose checksum is right and whose contents are not: refused, or the state of some monitor, which then judges.
#[test]
fn no_bytes_make_it_panic() {
    let reference = synthetic::reference();
    survives(&after(&steps_of(&eventful(60)), &reference), &reference);
    let (reference, steps) = mixed::stream(60);
    survives(&after(&steps, &reference), &reference);
}

fn survives(sound: &[u8], reference: &Arc<Reference>) {
    let mut world = World::new(8);
    let (mut refused, runs) = (0, RUNS);
    for _ in 0..runs {
        let mut bytes = sound[..sound.len() - 8].to_vec();
        match world.rng.random_range(0..4) {
            0 => {
                let kept = world.rng.random_range(20..bytes.len());
                bytes.truncate(kept);
            }
            1 => {
                let at = world.rng.random_range(20..bytes.len());
                bytes.remove(at);
            }
            _ => {
                for _ in 0..world.rng.random_range(1..4) {
                    let at = world.rng.random_range(20..bytes.len());
                    bytes[at] = world.rng.random();
                }
            }
        }
        let length = (bytes.len() - 20) as u64;
        bytes[12..20].copy_from_slice(&length.to_le_bytes());
        let sum = twox_hash::XxHash3_64::oneshot(&bytes);
        bytes.extend(sum.to_le_bytes());
        match Engine::restore(Arc::clone(reference), config(), &bytes) {
            Ok(mut engine) => {
                drop((engine.snapshot(), engine.drain().is_ok(), engine.status()));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > runs / 10, "{refused} of {runs}");
}
