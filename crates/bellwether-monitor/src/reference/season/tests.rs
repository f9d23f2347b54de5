use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// 2026-01-05, a Monday, 00:00 UTC.
const MONDAY_MS: i64 = 1_767_571_200_000;
const UTC: Seasons = Seasons::Learn { utc_offset_ms: 0 };
const CLASSES: usize = 12;

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// `n` rows over `days`, their class drawn with the weights that `mix` gives for a local hour and weekday.
fn rows(
    rng: &mut ChaCha8Rng,
    n: usize,
    days: i64,
    mix: impl Fn(usize, i64, i64) -> f64,
) -> (Vec<usize>, Vec<i64>) {
    let mut times: Vec<i64> = (0..n)
        .map(|_| MONDAY_MS + rng.random_range(0..days * DAY_MS))
        .collect();
    times.sort_unstable();
    let class = times
        .iter()
        .map(|&t| {
            let (hour, day) = (t.rem_euclid(DAY_MS) / HOUR_MS, (t - MONDAY_MS) / DAY_MS % 7);
            let weights: Vec<f64> = (0..CLASSES).map(|c| mix(c, hour, day)).collect();
            let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
            weights
                .iter()
                .position(|w| {
                    left -= w;
                    left < 0.0
                })
                .unwrap_or(CLASSES - 1)
        })
        .collect();
    (class, times)
}

/// Shares that fall from class to class.
fn steady(c: usize, _: i64, _: i64) -> f64 {
    1.0 / (c + 1) as f64
}

/// The order of the shares is turned round at night.
fn nightly(c: usize, hour: i64, day: i64) -> f64 {
    steady(
        if (6..18).contains(&hour) {
            c
        } else {
            CLASSES - 1 - c
        },
        hour,
        day,
    )
}

fn weekend(c: usize, hour: i64, day: i64) -> f64 {
    steady(if day < 5 { c } else { CLASSES - 1 - c }, hour, day)
}

fn learn(rows: &(Vec<usize>, Vec<i64>)) -> Option<Season> {
    Season::learn(&rows.0, &rows.1, CLASSES, UTC)
}

#[test]
fn a_reference_without_a_season_has_none_1000_runs() {
    let mut found = 0;
    let sizes = [(150, 2), (700, 14), (2000, 28), (700, 3)];
    for (run, (n, days)) in (0..1000).zip(sizes.into_iter().cycle()) {
        found += u32::from(learn(&rows(&mut generator(run), n, days, steady)).is_some());
    }
    // Proof by a factor of a thousand; the days left out share their rows, so the odds are not exact.
    assert!(found <= 5, "{found} of 1000");
}

#[test]
fn bursts_of_single_days_are_no_season_300_runs() {
    let mut found = 0;
    for run in 0..300 {
        let mut rng = generator(5000 + run);
        // Each day one class is common for three hours: eightfold, at another time each day.
        let bursts: Vec<(usize, i64)> = (0..14)
            .map(|_| (rng.random_range(0..CLASSES), rng.random_range(0..22)))
            .collect();
        let (mut class, times) = rows(&mut rng, 700, 14, steady);
        for (c, t) in class.iter_mut().zip(&times) {
            let (burst, from) = bursts[usize::try_from((t - MONDAY_MS) / DAY_MS).expect("a few days")];
            let hour = t.rem_euclid(DAY_MS) / HOUR_MS;
            if (from..from + 3).contains(&hour) && rng.random_bool(0.8) {
                *c = burst;
            }
        }
        found += u32::from(learn(&(class, times)).is_some());
    }
    assert!(found <= 9, "{found} of 300");
}

#[test]
fn seasons_of_days_and_weeks_are_found_and_told_apart() {
    for run in 0..20 {
        let mut rng = generator(100 + run);
        let daily = learn(&rows(&mut rng, 700, 14, nightly)).expect("a season");
        assert_eq!(daily.calendar.days, Days::Alike, "{}", daily.name());
        let (noon, night) = (MONDAY_MS + 12 * HOUR_MS, MONDAY_MS + 23 * HOUR_MS);
        assert!(daily.proportions(noon)[0] > 2.0 * daily.proportions(night)[0]);
        assert!(daily.proportions(noon + 30 * DAY_MS) == daily.proportions(noon));
        let weekly = learn(&rows(&mut rng, 700, 14, weekend)).expect("a season");
        assert_eq!(weekly.calendar.days, Days::WeekendApart, "{}", weekly.name());
        let saturday = MONDAY_MS + 5 * DAY_MS;
        assert!(weekly.proportions(MONDAY_MS)[0] > 2.0 * weekly.proportions(saturday)[0]);
    }
}

#[test]
fn fewer_than_two_cycles_teach_nothing() {
    let mut rng = generator(3);
    assert_eq!(learn(&rows(&mut rng, 3000, 1, nightly)), None);
    assert!(learn(&rows(&mut rng, 3000, 2, nightly)).is_some());
    // Ten days show days, but only one weekend: nothing weekly can be learnt.
    let ten = learn(&rows(&mut rng, 3000, 10, weekend));
    assert!(ten.is_none_or(|s| s.calendar.days == Days::Alike));
}

#[test]
fn times_that_are_missing_or_all_the_same_teach_nothing_and_off_is_off() {
    let mut rng = generator(4);
    let (class, times) = rows(&mut rng, 700, 14, nightly);
    assert_eq!(Season::learn(&class, &[], CLASSES, UTC), None);
    assert_eq!(Season::learn(&class, &vec![MONDAY_MS; 700], CLASSES, UTC), None);
    assert_eq!(Season::learn(&class, &times, CLASSES, Seasons::Off), None);
    assert_eq!(Season::learn(&[], &[], CLASSES, UTC), None);
    let (none, extremes) = (vec![0; 4], [i64::MIN, i64::MAX, 0, 1]);
    // Nonsense must not panic; there is no mix to differ either.
    assert_eq!(Season::learn(&none, &extremes[2..], CLASSES, UTC), None);
}

#[test]
fn the_offset_says_where_a_day_begins() {
    let mut rng = generator(6);
    // By day at the owner's, ten hours east of UTC.
    let east = Seasons::Learn {
        utc_offset_ms: 10 * HOUR_MS,
    };
    let (class, local) = rows(&mut rng, 2000, 14, nightly);
    let utc: Vec<i64> = local.iter().map(|t| t - 10 * HOUR_MS).collect();
    let season = Season::learn(&class, &utc, CLASSES, east).expect("a season");
    assert_eq!(
        season.calendar,
        learn(&(class, local)).expect("a season").calendar
    );
    assert!(
        season.proportions(MONDAY_MS + 2 * HOUR_MS)[0]
            > 2.0 * season.proportions(MONDAY_MS + 12 * HOUR_MS)[0]
    );
}

#[test]
fn proportions_are_above_zero_and_add_up() {
    let season = learn(&rows(&mut generator(7), 700, 14, nightly)).expect("a season");
    for hour in -200..200 {
        let shares = season.proportions(MONDAY_MS + hour * HOUR_MS);
        assert!(shares.iter().all(|&p| p > 0.0));
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    assert!(!season.name().is_empty());
}
