//! Have the proportions of categories changed?

use crate::edetector::BETS;

/// Shares of the plug-in alternative in each bet's mixture.
const EPSILON: [f64; BETS] = [0.2, 0.4, 0.6, 0.8, 1.0];

/// Bets against fixed proportions with the decayed past proportions as the alternative: `L = 1 − ε + ε q(c)/p₀(c)`.
///
/// `q` is known before `c` is seen, so the factors have mean one when `c ~ p₀`. A tolerance in nats, subtracted in
/// proportion to `ε`, keeps a small divergence from adding up (Kelly: growth equals divergence).
///
/// Traffic comes in runs: sessions, retries, one customer's batch. The null is therefore a Markov chain that repeats its
/// last category with a probability `ρ` beside drawing from `p₀`; `ρ` is learnt from the past. A category that follows
/// another has the factor above whatever `ρ` is, a repeat hardly bears on the proportions once repeats are usual.
#[derive(Debug, Clone)]
pub struct MixBet {
    null: Vec<f64>,
    counts: Vec<f64>,
    total: f64,
    decay: f64,
    prior: f64,
    tolerance_nats: f64,
    last: Option<usize>,
    runs: Persistence,
}

/// How much more often a category follows itself than its proportion has it, from the decayed past.
#[derive(Debug, Clone)]
struct Persistence {
    excess: f64,
    weight: f64,
    decay: f64,
}

/// Pairs of successive categories that count as independent before any was seen.
const PERSISTENCE_PRIOR: f64 = 5.0;
/// Memory of the persistence over that of the mix: it is a habit of the traffic, not an event in it.
const PERSISTENCE_MEMORY: f64 = 4.0;
/// Highest share of repeats that is explained by persistence.
const MOST_PERSISTENCE: f64 = 0.98;

impl Persistence {
    fn new(decay: f64) -> Self {
        Self {
            excess: 0.0,
            weight: PERSISTENCE_PRIOR,
            decay: decay.powf(1.0 / PERSISTENCE_MEMORY),
        }
    }

    /// Probability `ρ` that the next category is the last one again for no other reason.
    fn value(&self) -> f64 {
        (self.excess / self.weight).clamp(0.0, MOST_PERSISTENCE)
    }

    /// Learns from a pair whose first category now has proportion `q`: rare categories say more, for a frequent one
    /// follows itself without any persistence.
    fn learn(&mut self, stayed: bool, q: f64) {
        let weight = 1.0 - q;
        self.excess = self.excess * self.decay + weight * (f64::from(u8::from(stayed)) - q);
        self.weight = self.weight * self.decay + weight * weight;
    }
}

impl MixBet {
    /// `reference_counts[c]` are the counts in the reference; `decay` in `(0, 1)` is the forgetting a step; `prior` the
    /// weight of the null proportions in `q`, in observations; `tolerance_nats` the divergence that is tolerated.
    #[must_use]
    pub fn new(reference_counts: &[f64], decay: f64, prior: f64, tolerance_nats: f64) -> Self {
        let total: f64 = reference_counts.iter().map(|c| c + 0.5).sum();
        let null: Vec<f64> = reference_counts.iter().map(|c| (c + 0.5) / total).collect();
        let counts = vec![0.0; null.len()];
        Self {
            null,
            counts,
            total: 0.0,
            decay,
            prior,
            tolerance_nats,
            last: None,
            runs: Persistence::new(decay),
        }
    }

    /// Logarithms of the factors for category `c`, then learns it. `None` for a category outside the reference's.
    pub fn observe(&mut self, c: usize) -> Option<[f64; BETS]> {
        let p0 = *self.null.get(c)?;
        let weight = self.total + self.prior;
        // Before anything was seen and without a prior, the alternative is the null.
        let q = if weight > 0.0 {
            (self.counts[c] + self.prior * p0) / weight
        } else {
            p0
        };
        let rho = self.runs.value();
        let stayed = self.last == Some(c);
        let (ratio, fresh) = if stayed {
            let (by_q, by_p0) = (rho + (1.0 - rho) * q, rho + (1.0 - rho) * p0);
            (by_q / by_p0, (1.0 - rho) * q / by_q)
        } else {
            (q / p0, 1.0)
        };
        let factors = EPSILON.map(|e| (1.0 - e + e * ratio).ln() - self.tolerance_nats * e);
        if let Some(last) = self.last {
            let weight = self.total + self.prior;
            let q_last = if weight > 0.0 {
                (self.counts[last] + self.prior * self.null[last]) / weight
            } else {
                self.null[last]
            };
            self.runs.learn(stayed, q_last);
        }
        self.last = Some(c);
        for count in &mut self.counts {
            *count *= self.decay;
        }
        // Of a repeat only the part counts that is a fresh draw.
        self.counts[c] += fresh;
        self.total = self.total * self.decay + fresh;
        Some(factors)
    }

    /// Total variation distance of the decayed proportions from the reference's, in `[0, 1]`; 0 before any observation.
    #[must_use]
    pub fn distance(&self) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        0.5 * self
            .counts
            .iter()
            .zip(&self.null)
            .map(|(c, p)| (c / self.total - p).abs())
            .sum::<f64>()
    }

    /// The distance that chance alone gives, about.
    #[must_use]
    pub fn noise(&self) -> f64 {
        total_variation_noise(self.null.len(), self.total)
    }
}

/// Total variation distance of two proportion vectors of one length, in `[0, 1]`.
#[must_use]
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    0.5 * p.iter().zip(q).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// Expected total variation distance of `n` draws over `categories` equally likely ones, about: `√(k / 2πn)`.
#[must_use]
pub fn total_variation_noise(categories: usize, n: f64) -> f64 {
    if n <= 0.0 {
        return 1.0;
    }
    (categories as f64 / (2.0 * std::f64::consts::PI * n)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_category_is_refused_and_not_learnt() {
        let mut bet = MixBet::new(&[3.0, 1.0], 0.98, 20.0, 0.05);
        assert_eq!(bet.observe(2), None);
        assert!(bet.distance() == 0.0 && bet.noise() >= 1.0);
    }

    #[test]
    fn distance_follows_a_new_mix_and_forgets_the_old_one() {
        let mut bet = MixBet::new(&[99.5, 0.0], 0.9, 20.0, 0.0);
        for _ in 0..100 {
            bet.observe(0);
        }
        assert!(bet.distance() < 0.01, "{}", bet.distance());
        for _ in 0..100 {
            bet.observe(1);
        }
        assert!(bet.distance() > 0.99, "{}", bet.distance());
        // The decayed past weighs as much as 1 / (1 − 0.9) observations.
        assert!((bet.noise() - total_variation_noise(2, 10.0)).abs() < 1e-3);
    }

    #[test]
    fn without_a_prior_the_first_category_is_no_evidence() {
        let factors = MixBet::new(&[3.0, 1.0], 0.98, 0.0, 0.0)
            .observe(1)
            .expect("known");
        assert!(factors.iter().all(|f| f.abs() < 1e-12), "{factors:?}");
    }
}
