use super::*;
use crate::pool::{KnownLabel, Period};
use crate::test_data::{HOUR, period, pool};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

fn stream(pool: &Pool, variant: Variant, events: usize, seed: u64) -> Vec<Draw> {
    null_stream(pool, variant, events, &mut ChaCha8Rng::seed_from_u64(seed))
}

#[test]
fn streams_are_as_long_as_asked_in_order_and_the_same_for_a_seed() {
    let pool = pool(300);
    for variant in Variant::ALL {
        let draws = stream(&pool, variant, 500, 3);
        assert_eq!(draws.len(), 500, "{variant:?}");
        assert!(draws.is_sorted_by_key(|d| d.at_ms), "{variant:?}");
        assert_eq!(draws, stream(&pool, variant, 500, 3), "{variant:?}");
        assert_ne!(draws, stream(&pool, variant, 500, 4), "{variant:?}");
    }
}

#[test]
fn independent_and_daily_streams_use_each_message_once_before_any_comes_again() {
    let pool = pool(300);
    for variant in [Variant::Independent, Variant::Daily] {
        let draws = stream(&pool, variant, 500, 5);
        for task in pool.schema().tasks() {
            let size = pool.tasks()[task.index()].rows.len();
            let rows: Vec<usize> = draws
                .iter()
                .map(|d| d.row)
                .filter(|&r| pool.task(r) == task)
                .collect();
            assert!(rows.len() > size, "{variant:?}: more than one walk");
            for walk in rows.chunks(size) {
                let mut once = walk.to_vec();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), walk.len(), "{variant:?}");
            }
        }
    }
}

#[test]
fn rates_are_those_of_the_quiet_period() {
    // One message a minute in all, two thirds of them of the first task.
    let pool = pool(300);
    let draws = stream(&pool, Variant::Independent, 3000, 7);
    let first = draws.iter().filter(|d| pool.task(d.row).index() == 0).count();
    assert!(
        (1900..2100).contains(&first),
        "{first} of 3000: four standard errors are 103"
    );
    let minutes = (draws[2999].at_ms - START_MS) / 60_000;
    assert!(
        (2780..3220).contains(&minutes),
        "{minutes}: four standard errors are 219"
    );
    // Two days with as many messages in each hour: the cycle is the variant's own.
    let pool = crate::test_data::pool(2880);
    let day = stream(&pool, Variant::Daily, 3000, 7);
    let busy = day.iter().filter(|d| (8..20).contains(&hour_of(d.at_ms))).count();
    assert!(
        busy > 1950,
        "{busy} of 3000 by day: evenly it would be about 1500"
    );
}

#[test]
fn bursts_are_of_one_kind_within_minutes() {
    let pool = pool(6000);
    let plain = same_kind_in_a_row(&pool, &stream(&pool, Variant::Independent, 6000, 9));
    let burst = same_kind_in_a_row(&pool, &stream(&pool, Variant::Bursts, 6000, 9));
    assert!(
        burst > plain + 150,
        "{burst} neighbours of one kind in bursts, {plain} without: three standard errors are 130"
    );
}

fn same_kind_in_a_row(pool: &Pool, draws: &[Draw]) -> usize {
    let kind = |d: &Draw| (pool.task(d.row), pool.row(d.row).group);
    draws
        .windows(2)
        .filter(|pair| kind(&pair[0]) == kind(&pair[1]))
        .count()
}

#[test]
fn duplicates_come_within_the_hour_three_to_thirteen_times() {
    let pool = pool(3000);
    let draws = stream(&pool, Variant::Duplicates, 1500, 11);
    let mut times: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for draw in &draws {
        times.entry(draw.row).or_default().push(draw.at_ms);
    }
    let repeated: Vec<&Vec<i64>> = times.values().filter(|t| t.len() > 1).collect();
    assert!(repeated.len() >= 4, "{} messages came again", repeated.len());
    for times in repeated {
        assert!(times.len() <= 13, "{times:?}");
        assert!(times[times.len() - 1] - times[0] < HOUR, "{times:?}");
    }
}

#[test]
fn labels_keep_their_own_delay_or_borrow_that_of_another() {
    let mut labelled = period(60);
    for (n, label) in labelled.labels.values_mut().enumerate() {
        // An hour after the last of the minutes for some, nobody knows for the others.
        label.known_ms = (n % 2 == 0).then_some(START_MS + 2 * HOUR);
    }
    let pool = Pool::new(&crate::test_data::schema(), vec![labelled], 1.0).expect("a pool");
    let draws = stream(&pool, Variant::Independent, 200, 13);
    let delays: Vec<i64> = draws
        .iter()
        .filter_map(|d| d.label_ms.map(|ms| ms - d.at_ms))
        .collect();
    assert!(delays.len() > 90 && delays.len() < 200, "{} labels", delays.len());
    assert!(delays.iter().all(|d| (HOUR..=2 * HOUR).contains(d)), "{delays:?}");
}

#[test]
fn a_pool_needs_messages_and_time() {
    let schema = crate::test_data::schema();
    let none = Pool::new(&schema, vec![Period::default()], 1.0);
    assert!(matches!(none, Err(crate::Error::NoObservations)));
    let one = Pool::new(&schema, vec![period(1)], 1.0);
    assert!(matches!(one, Err(crate::Error::NoExtent)));
    let unknown = KnownLabel {
        label: "else".to_owned(),
        known_ms: None,
    };
    let mut odd = period(30);
    odd.labels.values_mut().for_each(|l| *l = unknown.clone());
    let pool = Pool::new(&schema, vec![odd], 1.0).expect("a pool");
    assert!(
        (0..pool.len()).all(|row| pool.loss(row).is_none()),
        "outside the label set nothing compares"
    );
}
