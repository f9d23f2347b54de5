//! What observations that wait on disk cost: time an observation, memory at the most, bytes on disk.
//!
//! `cargo bench -p bellwether-store --bench pending -- 50000000` for as many; a million otherwise. Each observation is looked
//! up (it is new), added, and a checkpoint is committed every 100 000. Then labels come for random ones, each of which is
//! looked up, read and written back; and at the end every new observation pushes the oldest out.

use bellwether_monitor::PendingStore;
use bellwether_store::{Checkpoint, PendingTier, StateOptions, StateStore};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Instant;

const OBSERVATIONS: u64 = 1_000_000;
const COMMIT_EVERY: u64 = 100_000;
/// Of a classification with 8 classes, its key included.
const VALUE_BYTES: usize = 16 + 55 + 16;
/// Of an engine with a task or two.
const ENGINE_BYTES: usize = 1 << 20;

fn key(number: u64) -> [u8; 16] {
    twox_hash::XxHash3_128::oneshot(&number.to_le_bytes()).to_le_bytes()
}

fn value(number: u64, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut value = vec![0; VALUE_BYTES];
    rng.fill(&mut value[16..]);
    value[..16].copy_from_slice(&key(number));
    value
}

/// The most memory that was resident so far, MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

struct Bench {
    store: StateStore,
    tier: PendingTier,
    rng: ChaCha8Rng,
}

impl Bench {
    fn commit(&mut self) {
        let checkpoint = Checkpoint {
            engine: vec![7; ENGINE_BYTES],
            source: Vec::new(),
        };
        self.store.commit(&checkpoint).expect("there is room");
    }

    /// Does something so many times, with a checkpoint every so often, and says what it took.
    #[expect(clippy::print_stdout, reason = "a bench reports")]
    fn phase(&mut self, name: &str, times: u64, mut step: impl FnMut(&mut Self, u64)) {
        let begin = Instant::now();
        let mut slowest = 0.0_f64;
        for at in 0..times {
            step(self, at);
            if (at + 1).is_multiple_of(COMMIT_EVERY) || at + 1 == times {
                let begin = Instant::now();
                self.commit();
                slowest = slowest.max(begin.elapsed().as_secs_f64());
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{name}: {times} in {seconds:.1} s, {:.0} a second; slowest commit {slowest:.2} s; peak {:.0} MiB; disk {:.2} GiB",
            times as f64 / seconds,
            peak_mib(),
            self.store.disk_bytes().expect("open") as f64 / f64::from(1 << 30),
        );
    }
}

fn main() {
    let observations = std::env::args().find_map(|arg| arg.parse().ok());
    let observations = observations.unwrap_or(OBSERVATIONS);
    let directory = tempfile::tempdir().expect("a directory");
    let store = StateStore::open(directory.path(), &StateOptions::default()).expect("a new store");
    let tier = store.pending();
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut bench = Bench { store, tier, rng };
    bench.phase("observations", observations, |bench, at| {
        assert_eq!(bench.tier.find(&key(at)).expect("read"), None);
        let value = value(at, &mut bench.rng);
        bench.tier.push(&key(at), value).expect("staged");
    });
    bench.phase("unknown ids", observations / 50, |bench, at| {
        assert_eq!(bench.tier.find(&key(observations + at)).expect("read"), None);
    });
    bench.phase("labels", observations / 50, |bench, _| {
        let number = bench.rng.random_range(0..observations);
        assert_eq!(bench.tier.find(&key(number)).expect("read"), Some(number));
        let value = bench.tier.get(number).expect("read");
        assert_eq!(value[..16], key(number));
        bench.tier.replace(number, value).expect("staged");
    });
    bench.phase("one in, one out", observations / 10, |bench, at| {
        let (newest, oldest) = (observations + at, at);
        assert_eq!(bench.tier.find(&key(newest)).expect("read"), None);
        let value = value(newest, &mut bench.rng);
        bench.tier.push(&key(newest), value).expect("staged");
        assert_eq!(bench.tier.get(oldest).expect("read")[..16], key(oldest));
        bench.tier.pop(&key(oldest)).expect("staged");
    });
    let Bench { store, tier, .. } = bench;
    drop((store, tier));
    let begin = Instant::now();
    let store = StateStore::open(directory.path(), &StateOptions::default()).expect("it is sound");
    let span = store.pending().span();
    report_open(begin, span.end - span.start);
}

#[expect(clippy::print_stdout, reason = "a bench reports")]
fn report_open(begin: Instant, waiting: u64) {
    println!(
        "opened again with {waiting} in {:.2?}; peak {:.0} MiB",
        begin.elapsed(),
        peak_mib()
    );
}
