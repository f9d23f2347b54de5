//! How long until a false verdict, and how sure is that?

use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Two-sided level of the intervals: 95 %.
const TAIL: f64 = 0.025;

/// What a number of quiet events says about a configured run length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The whole interval is at or above it.
    AtLeast,
    /// The whole interval is below it.
    Below,
    /// The interval holds it: this many events do not show it.
    NotShown,
}

impl Finding {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at least",
            Self::Below => "below",
            Self::NotShown => "not shown by this many events",
        }
    }
}

/// Expected events until a false verdict.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunLength {
    /// Events judged until the first false verdict of each stream or its end.
    pub events: u64,
    /// Streams with a false verdict.
    pub alarms: u64,
    /// Events an alarm; `None` without any.
    pub mean: Option<f64>,
    /// Lower end of the 95 % interval of the mean; 0 without events.
    pub low: f64,
    /// Upper end; `None` when nothing bounds it.
    pub high: Option<f64>,
    /// Against the configured run length.
    pub finding: Finding,
}

impl RunLength {
    /// From first alarms that are censored at the streams' ends, as in an exponential law: the number of alarms in
    /// `events` is Poisson, and its interval exact.
    ///
    /// Garwood, "Fiducial limits for the Poisson distribution" (1936). Without alarms the lower end is
    /// `events / 3.69`, the two-sided form of the rule of three.
    #[must_use]
    pub fn new(events: u64, alarms: u64, configured: f64) -> Self {
        let (fewest, most) = poisson_interval(alarms);
        let total = events as f64;
        let low = total / most;
        let high = (fewest > 0.0).then(|| total / fewest);
        let finding = if low >= configured {
            Finding::AtLeast
        } else if high.is_some_and(|high| high < configured) {
            Finding::Below
        } else {
            Finding::NotShown
        };
        Self {
            events,
            alarms,
            mean: (alarms > 0).then(|| total / alarms as f64),
            low,
            high,
            finding,
        }
    }

    /// Quiet events without a false verdict that would show a configured run length.
    #[must_use]
    pub fn events_to_show(configured: f64) -> f64 {
        configured * poisson_interval(0).1
    }
}

/// Exact two-sided 95 % interval of a Poisson mean of which `count` was seen.
#[must_use]
pub fn poisson_interval(count: u64) -> (f64, f64) {
    let n = count as f64;
    let quantile = |degrees: f64, p: f64| {
        ChiSquared::new(degrees).map_or(f64::NAN, |law| polish(&law, law.inverse_cdf(p), p)) / 2.0
    };
    let low = if count == 0 { 0.0 } else { quantile(2.0 * n, TAIL) };
    (low, quantile(2.0 * n + 2.0, 1.0 - TAIL))
}

/// Newton's steps on a quantile that was found by halving.
fn polish(law: &ChiSquared, start: f64, p: f64) -> f64 {
    use statrs::distribution::Continuous;
    let mut x = start;
    for _ in 0..3 {
        let density = law.pdf(x);
        if density > 0.0 {
            x -= (law.cdf(x) - p) / density;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_bounds_the_run_length_from_below_only() {
        let silent = RunLength::new(1_000_000, 0, 1e6);
        assert_eq!((silent.mean, silent.high), (None, None));
        assert!((silent.low - 1e6 / 3.688_879_454).abs() < 1e-3, "{silent:?}");
        assert_eq!(silent.finding, Finding::NotShown);
        assert_eq!(RunLength::new(4_000_000, 0, 1e6).finding, Finding::AtLeast);
        assert!((RunLength::events_to_show(1e6) - 3_688_879.454).abs() < 1.0);
    }

    #[test]
    fn alarms_can_show_that_a_run_length_is_not_kept() {
        let loud = RunLength::new(1_000_000, 20, 1e6);
        assert_eq!(loud.finding, Finding::Below);
        assert_eq!(loud.mean, Some(50_000.0));
        let high = loud.high.expect("alarms bound it from above");
        assert!(loud.low < 50_000.0 && high > 50_000.0 && high < 1e6, "{loud:?}");
        assert_eq!(RunLength::new(1_000_000, 1, 1e6).finding, Finding::NotShown);
    }

    #[test]
    fn the_interval_of_censored_streams_holds_the_truth_in_1000_simulations() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let (truth, length) = (5000.0_f64, 2000.0);
        let covered = (0..1000)
            .filter(|_| {
                let (events, alarms) = (0..20).fold((0.0, 0), |(events, alarms), _| {
                    let first = -truth * (1.0 - rng.random::<f64>()).ln();
                    (events + first.min(length), alarms + u64::from(first < length))
                });
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "some ten thousand"
                )]
                let seen = RunLength::new(events as u64, alarms, truth);
                seen.low <= truth && seen.high.is_none_or(|high| high >= truth)
            })
            .count();
        // Exact for a Poisson count; here the time is random, too. Three standard errors of 95 % are 21 of 1000.
        assert!(covered >= 929, "{covered} of 1000 hold the truth");
    }

    #[test]
    fn nothing_seen_shows_nothing() {
        let nothing = RunLength::new(0, 0, 1e6);
        assert_eq!((nothing.low, nothing.finding), (0.0, Finding::NotShown));
    }
}
