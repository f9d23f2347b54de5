//! P-values, bets and detectors.

use bellwether_stats::{
    BETS, ConformalScale, EDetector, MixBet, RecoveryTest, RegressionBet, ShiftBet, total_variation,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Scores with many ties.
fn coarse(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<f64>> {
    vec((-20..20_i32).prop_map(|x| f64::from(x) / 4.0), n)
}

/// Leaves out one value at a time: (the others, the one).
fn leave_one_out(values: &[f64]) -> impl Iterator<Item = (Vec<f64>, f64)> {
    (0..values.len()).map(|i| {
        let mut others = values.to_vec();
        let one = others.remove(i);
        (others, one)
    })
}

proptest! {
    #[test]
    fn p_values_lie_in_the_half_open_unit_interval_and_rise_with_the_score(
        scores in coarse(1..60), mut at in vec(-1e3..1e3_f64, 2..30),
    ) {
        let scale = ConformalScale::new(scores.clone()).unwrap();
        at.extend(scores);
        at.sort_by(f64::total_cmp);
        let p: Vec<f64> = at.iter().map(|&s| scale.p_value(s)).collect();
        prop_assert!(p.iter().all(|p| 0.0 < *p && *p <= 1.0));
        prop_assert!(p.is_sorted());
        let ranks: Vec<f64> = at.iter().map(|&s| scale.rank(s)).collect();
        prop_assert!(ranks.iter().all(|r| (0.0..=1.0).contains(r)) && ranks.is_sorted());
    }

    #[test]
    fn exchangeable_p_values_are_never_smaller_than_uniform(scores in coarse(2..40)) {
        let p: Vec<f64> = leave_one_out(&scores)
            .map(|(others, one)| ConformalScale::new(others).unwrap().p_value(one))
            .collect();
        for &alpha in &p {
            let share = p.iter().filter(|&&q| q <= alpha).count() as f64 / p.len() as f64;
            prop_assert!(share <= alpha + 1e-12, "P(p <= {}) is {}", alpha, share);
        }
    }

    #[test]
    fn a_detector_is_never_nan_and_never_negative(
        mean in 1e-3..2.0_f64,
        values in vec(prop_oneof![0.0..1.0_f64, Just(0.0), Just(f64::MAX), Just(f64::INFINITY), 0.0..1e9], 0..200),
    ) {
        let mut detector = EDetector::bounded(mean);
        for (step, value) in values.into_iter().enumerate() {
            detector.observe(value, step as u64, 0);
            let log = detector.log_e_value();
            prop_assert!(!log.is_nan() && log <= 60.0 + 1e-9 && log.exp() >= 0.0);
        }
    }

    #[test]
    fn a_detector_with_any_factors_is_never_nan(
        steps in vec(proptest::array::uniform5(prop_oneof![
            0.0..9.0_f64, Just(0.0), Just(f64::INFINITY), Just(f64::NAN)
        ]), 0..60),
    ) {
        let mut detector = EDetector::from_factors();
        for (step, factors) in steps.into_iter().enumerate() {
            detector.observe_factors(factors, step as u64, 0);
            prop_assert!(!detector.log_e_value().is_nan());
        }
    }

    #[test]
    fn a_detector_grows_by_at_most_one_on_average_from_any_state(
        mean in 0.01..1.5_f64,
        past in vec(0.0..1.5_f64, 0..60),
        atoms in vec((0.01..1.0_f64, 0.0..1.0_f64), 1..6),
    ) {
        let mut state = EDetector::bounded(mean);
        for (step, value) in past.into_iter().enumerate() {
            state.observe(value, step as u64, 0);
        }
        // Any distribution on a few points, scaled so that its mean is the bound.
        let weight: f64 = atoms.iter().map(|a| a.0).sum();
        let centre: f64 = atoms.iter().map(|a| a.0 * a.1).sum::<f64>() / weight;
        prop_assume!(centre > 1e-3);
        let after: f64 = atoms.iter().map(|&(w, value)| {
            let mut next = state.clone();
            next.observe(value * mean / centre, 0, 0);
            w / weight * next.log_e_value().exp()
        }).sum();
        let before = state.log_e_value().exp();
        prop_assert!(after <= (before + 1.0) * (1.0 + 1e-9), "{} after {}", after, before);
    }

    #[test]
    fn more_of_the_statistic_is_more_evidence(mean in 0.05..1.0_f64, values in vec((0.0..1.0_f64, 0.0..0.5_f64), 1..80)) {
        let (mut less, mut more) = (EDetector::bounded(mean), EDetector::bounded(mean));
        for (step, (value, extra)) in values.into_iter().enumerate() {
            less.observe(value, step as u64, 0);
            more.observe(value + extra, step as u64, 0);
        }
        prop_assert!(more.log_e_value() >= less.log_e_value() - 1e-9);
    }

    #[test]
    fn mix_factors_have_mean_one_under_the_reference_from_any_state(
        counts in vec(0..200_u32, 1..12),
        past in vec(any::<prop::sample::Index>(), 0..150),
        decay in 0.5..0.999_f64,
        prior in prop_oneof![Just(0.0), 0.1..50.0_f64],
        tolerance in prop_oneof![Just(0.0), 0.0..0.2_f64],
    ) {
        let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
        let total: f64 = counts.iter().map(|c| c + 0.5).sum();
        let null: Vec<f64> = counts.iter().map(|c| (c + 0.5) / total).collect();
        let mut bet = MixBet::new(&counts, decay, prior, tolerance);
        let mut last = None;
        for c in past {
            last = Some(c.index(counts.len()));
            bet.observe(c.index(counts.len()));
            prop_assert!((0.0..=1.0 + 1e-12).contains(&bet.distance()));
        }
        prop_assert!(bet.clone().observe(counts.len()).is_none());
        let mut means = [0.0; BETS];
        let rho = if last.is_some() { bet.persistence() } else { 0.0 };
        for (c, p0) in null.iter().enumerate() {
            let factors = bet.clone().observe(c).unwrap();
            let again = f64::from(u8::from(last == Some(c)));
            for (mean, factor) in means.iter_mut().zip(factors) {
                *mean += (rho * again + (1.0 - rho) * p0) * factor;
            }
        }
        for mean in means {
            prop_assert!(mean <= 1.0 + 1e-9, "{}", mean);
            prop_assert!(tolerance > 0.0 || mean >= 1.0 - 1e-9, "{}", mean);
        }
    }

    #[test]
    fn regression_factors_have_mean_at_most_one_under_exchangeability(
        residuals in vec((0..400_u32).prop_map(|r| f64::from(r) / 100.0), 2..50),
        tolerance in prop_oneof![Just(0.0), 0.0..0.5_f64],
    ) {
        let mut means = [0.0; BETS];
        for (others, one) in leave_one_out(&residuals) {
            let factors = RegressionBet::new(&others, tolerance).unwrap().factors(one);
            for (mean, factor) in means.iter_mut().zip(factors) {
                *mean += factor / residuals.len() as f64;
            }
        }
        prop_assert!(means.iter().all(|&m| m <= 1.0 + 1e-9), "{:?}", means);
    }

    #[test]
    fn regression_factors_rise_with_the_residual(residuals in vec(0.0..5.0_f64, 1..50), mut at in vec(0.0..10.0_f64, 2..20)) {
        let bet = RegressionBet::new(&residuals, 0.1).unwrap();
        at.sort_by(f64::total_cmp);
        for factors in at.iter().map(|&r| bet.factors(r)).collect::<Vec<_>>().windows(2) {
            prop_assert!(factors[0].iter().zip(&factors[1]).all(|(a, b)| a <= b));
        }
    }

    #[test]
    fn shift_factors_have_mean_one_under_exchangeability_and_less_with_a_tolerance(
        numbers in vec((0..40_u32).prop_map(f64::from), 2..60),
        tolerated in prop_oneof![Just(0.0), 0.01..0.6_f64],
    ) {
        let mut means = [0.0; BETS];
        for (others, one) in leave_one_out(&numbers) {
            let (below, at_or_below) = ConformalScale::new(others.clone()).unwrap().ranks(one);
            let factors = ShiftBet::new(others.len(), tolerated).unwrap().factors(below, at_or_below);
            for (mean, factor) in means.iter_mut().zip(factors) {
                *mean += factor / numbers.len() as f64;
            }
        }
        for mean in means {
            prop_assert!(mean <= 1.0 + 1e-9, "{}", mean);
            prop_assert!(tolerated > 0.0 || mean >= 1.0 - 1e-9, "{}", mean);
        }
    }

    #[test]
    fn shift_factors_and_scores_rise_with_the_rank(n in 1..400_usize, tolerated in 0.0..0.6_f64) {
        let bet = ShiftBet::new(n, tolerated).unwrap();
        for rank in 0..n {
            let (low, high) = (bet.factors(rank, rank), bet.factors(rank + 1, rank + 1));
            prop_assert!(low.iter().zip(high).all(|(low, high)| *low < high && *low > 0.0));
            prop_assert!(bet.score(rank, rank) < bet.score(rank + 1, rank + 1));
        }
    }

    #[test]
    fn recovery_is_never_negative_nor_nan(
        bound in prop_oneof![1e-5..1.2_f64, Just(1e-9)],
        values in vec(prop_oneof![0.0..=1.0_f64, Just(0.0), Just(1.0)], 1..300),
    ) {
        let mut test = RecoveryTest::default();
        for value in values {
            let log_ratio = test.observe(value, bound);
            prop_assert!(log_ratio >= 0.0 && log_ratio.is_finite());
        }
    }

    #[test]
    fn health_clears_whatever_the_fault_was(
        bound in 1e-4..0.5_f64, fault in vec(any::<bool>(), 30..120), share in 0.0..=1.0_f64,
    ) {
        let mut test = RecoveryTest::default();
        test.start();
        for (i, bad) in fault.iter().enumerate() {
            let bad = *bad && (i as f64) < share * fault.len() as f64;
            test.observe(f64::from(u8::from(bad)), bound);
        }
        // Nothing bad ever again. The slowest step is ln((1 − low)/(1 − 1.25 low/0.8)), about 0.0011.
        let cleared = (0..20_000).any(|_| test.observe(0.0, bound) > 100.0_f64.ln());
        prop_assert!(cleared);
    }

    #[test]
    fn total_variation_is_a_distance(
        a in vec(0.01..1.0_f64, 6), b in vec(0.01..1.0_f64, 6), c in vec(0.01..1.0_f64, 6),
    ) {
        let shares = |v: Vec<f64>| { let s: f64 = v.iter().sum(); v.into_iter().map(|x| x / s).collect::<Vec<_>>() };
        let (a, b, c) = (shares(a), shares(b), shares(c));
        prop_assert!(total_variation(&a, &a) == 0.0);
        prop_assert!((total_variation(&a, &b) - total_variation(&b, &a)).abs() < 1e-12);
        prop_assert!(total_variation(&a, &c) <= total_variation(&a, &b) + total_variation(&b, &c) + 1e-12);
        prop_assert!((0.0..=1.0).contains(&total_variation(&a, &b)));
    }
}
