//! Which share of a stream comes from elsewhere?
//!
//! Conformal p-values of the reference's own traffic are uniform; those of foreign traffic crowd near zero. Each bet `π`
//! takes the stream for a mixture with a share `π` of foreign traffic, against a tolerated share `ε`:
//! `L = (1 − π + π r(p)) / (1 − ε + ε r(p))`, with the power law `r(p) = a p^(a−1)` for the foreign p-values (Vovk, Nouretdinov
//! and Gammerman, "Testing exchangeability on-line", 2003). Under any true share of at most `ε` the factor has mean at most
//! one, because it grows with `r` and has mean exactly one at `ε`; at a share `π` it grows at the best possible rate (it is
//! the likelihood ratio). Another law of the foreign p-values costs power, not validity.

use crate::edetector::BETS;

/// Shares that the bets assume.
const SHARES: [f64; BETS] = [0.06, 0.12, 0.25, 0.45, 0.8];
/// Exponent `a` of the power law: half of the foreign p-values lie below 0.03, a quarter below 0.001.
const EXPONENT: f64 = 0.2;
/// Upper ends of the bins of p-values; a bin has its mean density, so that uniform p-values keep mean one.
const EDGES: [f64; BINS] = [0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 1.0];
const BINS: usize = 8;

/// Share of foreign p-values at or below `p` that the bets assume.
#[must_use]
pub fn foreign_share_below(p: f64) -> f64 {
    p.clamp(0.0, 1.0).powf(EXPONENT)
}

/// Bets on the share of foreign traffic. One step is a table look-up.
#[derive(Debug, Clone, PartialEq)]
pub struct ContaminationBet {
    factors: [[f64; BETS]; BINS],
}

impl ContaminationBet {
    /// Against a tolerated share of foreign traffic in `[0, 1)`. Bets below it bet on nothing.
    #[must_use]
    pub fn new(tolerated_share: f64) -> Self {
        let factors = std::array::from_fn(|bin| {
            let r = density(bin);
            let null = 1.0 - tolerated_share + tolerated_share * r;
            SHARES.map(|share| {
                let share = share.max(tolerated_share);
                (1.0 - share + share * r) / null
            })
        });
        Self { factors }
    }

    /// Factors of one p-value in `(0, 1]`.
    #[must_use]
    pub fn factors(&self, p: f64) -> &[f64; BETS] {
        let bin = EDGES.iter().position(|&edge| p <= edge).unwrap_or(BINS - 1);
        &self.factors[bin]
    }
}

/// Mean density of a bin against uniform p-values.
fn density(bin: usize) -> f64 {
    let (from, to) = (bin.checked_sub(1).map_or(0.0, |b| EDGES[b]), EDGES[bin]);
    (foreign_share_below(to) - foreign_share_below(from)) / (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_factor(bet: &ContaminationBet, share: f64, at: usize) -> f64 {
        let mut from = 0.0;
        let mut mean = 0.0;
        for (bin, to) in EDGES.into_iter().enumerate() {
            let mass = (to - from) * (1.0 - share + share * density(bin));
            mean += mass * bet.factors(to)[at];
            from = to;
        }
        mean
    }

    #[test]
    fn no_share_up_to_the_tolerated_one_makes_the_bets_grow_and_more_does() {
        let bet = ContaminationBet::new(0.03);
        for at in 0..BETS {
            for share in [0.0, 0.01, 0.02, 0.03] {
                let mean = mean_factor(&bet, share, at);
                assert!(mean <= 1.0 + 1e-12, "bet {at}, share {share}: {mean}");
            }
            assert!((mean_factor(&bet, 0.03, at) - 1.0).abs() < 1e-12);
            assert!(mean_factor(&bet, 0.2, at) > 1.02, "bet {at}");
        }
    }

    #[test]
    fn the_density_falls_and_averages_one() {
        let densities: Vec<f64> = (0..BINS).map(density).collect();
        assert!(densities.is_sorted_by(|a, b| a > b), "{densities:?}");
        assert!((foreign_share_below(1.0) - 1.0).abs() < 1e-12 && foreign_share_below(0.0) == 0.0);
    }

    #[test]
    fn where_half_is_tolerated_smaller_bets_bet_on_nothing() {
        let bet = ContaminationBet::new(0.5);
        assert!(bet.factors(0.001)[..4].iter().all(|f| (f - 1.0).abs() < 1e-12));
        assert!(bet.factors(0.001)[4] > 1.0);
    }
}
