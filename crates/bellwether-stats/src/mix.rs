//! Have the proportions of categories changed?

use crate::edetector::BETS;
use serde::{Deserialize, Serialize};

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
    /// What the tolerance takes of each bet's factor.
    toll: [f64; BETS],
    last: Option<usize>,
    fresh: f64,
    runs: Persistence,
    /// What the decayed counts were expected to be, while the null moves; `None` while it stands.
    moving: Option<Moving>,
}

/// What a [`MixBet`] has seen, without the proportions it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MixSeen {
    counts: Vec<f64>,
    total: f64,
    last: Option<usize>,
    fresh: f64,
    excess: f64,
    weight: f64,
    expected: Option<Vec<f64>>,
}

/// State of a bet whose null proportions move.
#[derive(Debug, Clone)]
struct Moving {
    /// Decayed sum of the null proportions, weighted as the counts are.
    expected: Vec<f64>,
    /// Proportions of the alternative; rewritten at every step.
    alternative: Vec<f64>,
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
/// Highest probability of a repeat for its own sake: runs of ten on average are a habit, longer ones a change.
const MOST_PERSISTENCE: f64 = 0.9;

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
            toll: EPSILON.map(|e| (-tolerance_nats * e).exp()),
            last: None,
            fresh: 1.0,
            runs: Persistence::new(decay),
            moving: None,
        }
    }

    /// What it has seen so far.
    #[must_use]
    pub fn seen(&self) -> MixSeen {
        MixSeen {
            counts: self.counts.clone(),
            total: self.total,
            last: self.last,
            fresh: self.fresh,
            excess: self.runs.excess,
            weight: self.runs.weight,
            expected: self.moving.as_ref().map(|moving| moving.expected.clone()),
        }
    }

    /// Goes on from what a bet over the same categories had seen; false, and nothing changed, for other categories.
    #[must_use]
    pub fn resume(&mut self, seen: MixSeen) -> bool {
        let k = self.null.len();
        let fits = seen.counts.len() == k
            && seen.last.is_none_or(|last| last < k)
            && seen.expected.as_ref().is_none_or(|expected| expected.len() == k);
        if fits {
            self.counts = seen.counts;
            self.total = seen.total;
            self.last = seen.last;
            self.fresh = seen.fresh;
            self.runs.excess = seen.excess;
            self.runs.weight = seen.weight;
            self.moving = seen.expected.map(|expected| Moving {
                expected,
                alternative: vec![0.0; k],
            });
        }
        fits
    }

    /// The same against null proportions `null[k]` of this moment, each above zero and known before `c` is: those of the
    /// hour, say. The alternative multiplies each by how much more often than expected its category came lately, so
    /// that what it has learnt at one hour holds at the next; with one and the same null it is that of
    /// [`MixBet::observe`]. `None` for a category outside the reference's, or proportions of another length.
    ///
    /// `null` is predictable, so the factors have conditional mean one under it like those of a null that stands.
    pub fn observe_against(&mut self, c: usize, null: &[f64]) -> Option<[f64; BETS]> {
        let p0 = *null.get(c)?;
        let k = self.null.len();
        if null.len() != k {
            return None;
        }
        let moving = self.moving.get_or_insert_with(|| Moving {
            expected: vec![0.0; k],
            alternative: vec![0.0; k],
        });
        let mut sum = 0.0;
        for (j, q) in moving.alternative.iter_mut().enumerate() {
            let lean = self.prior * null[j];
            let expected = moving.expected[j] + lean;
            *q = if expected > 0.0 {
                null[j] * (self.counts[j] + lean) / expected
            } else {
                null[j]
            };
            sum += *q;
        }
        // A null of zeros leaves nothing to divide by; the caller's promise excludes it.
        let share = |j: usize| {
            if sum > 0.0 {
                moving.alternative[j] / sum
            } else {
                p0
            }
        };
        let (q, q_last) = (share(c), self.last.map(share));
        let (factors, fresh) = self.bet(c, p0, q, q_last);
        if let Some(moving) = &mut self.moving {
            for (expected, p) in moving.expected.iter_mut().zip(null) {
                *expected = *expected * self.decay + fresh * p;
            }
        }
        Some(factors)
    }

    /// Factors for category `c`, then learns it. `None` for a category outside the reference's.
    pub fn observe(&mut self, c: usize) -> Option<[f64; BETS]> {
        let p0 = *self.null.get(c)?;
        let weight = self.total + self.prior;
        // Before anything was seen and without a prior, the alternative is the null.
        let q = if weight > 0.0 {
            (self.counts[c] + self.prior * p0) / weight
        } else {
            p0
        };
        let q_last = self.last.map(|last| {
            if weight > 0.0 {
                (self.counts[last] + self.prior * self.null[last]) / weight
            } else {
                self.null[last]
            }
        });
        Some(self.bet(c, p0, q, q_last).0)
    }

    /// The bet of alternative `q` against null `p0` on category `c`, which is then learnt; also the part of it that counts
    /// as a fresh draw. `q_last` is the alternative's proportion of the last category.
    fn bet(&mut self, c: usize, p0: f64, q: f64, q_last: Option<f64>) -> ([f64; BETS], f64) {
        let rho = self.runs.value();
        let stayed = self.last == Some(c);
        let (ratio, fresh) = if stayed {
            let (by_q, by_p0) = (rho + (1.0 - rho) * q, rho + (1.0 - rho) * p0);
            (by_q / by_p0, (1.0 - rho) * q / by_q)
        } else {
            (q / p0, 1.0)
        };
        let factors = std::array::from_fn(|bet| (1.0 - EPSILON[bet] + EPSILON[bet] * ratio) * self.toll[bet]);
        if let Some(q_last) = q_last {
            self.runs.learn(stayed, q_last);
        }
        self.last = Some(c);
        self.fresh = fresh;
        for count in &mut self.counts {
            *count *= self.decay;
        }
        // Of a repeat only the part counts that is a fresh draw.
        self.counts[c] += fresh;
        self.total = self.total * self.decay + fresh;
        (factors, fresh)
    }

    /// Total variation distance of the decayed proportions from the reference's, in `[0, 1]`; 0 before any observation.
    /// While the null moves, from what it made expect over the same observations.
    #[must_use]
    pub fn distance(&self) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        if let Some(moving) = &self.moving {
            let apart = self.counts.iter().zip(&moving.expected);
            return 0.5 * apart.map(|(c, e)| (c - e).abs()).sum::<f64>() / self.total;
        }
        0.5 * self
            .counts
            .iter()
            .zip(&self.null)
            .map(|(c, p)| (c / self.total - p).abs())
            .sum::<f64>()
    }

    /// How much of the last category was a draw of its own, in `(0, 1]`: less in a run, where runs are usual.
    #[must_use]
    pub fn fresh(&self) -> f64 {
        self.fresh
    }

    /// Probability `ρ`, learnt so far, that a category comes again for no other reason than that it came last.
    #[must_use]
    pub fn persistence(&self) -> f64 {
        self.runs.value()
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
        let mut bet = MixBet::new(&[49.5, 49.5, 0.0, 0.0], 0.9, 20.0, 0.0);
        for i in 0..100 {
            bet.observe(i % 2);
        }
        assert!(bet.distance() < 0.05, "{}", bet.distance());
        for i in 0..100 {
            bet.observe(2 + i % 2);
        }
        assert!(bet.distance() > 0.98, "{}", bet.distance());
        // The decayed past weighs as much as 1 / (1 − 0.9) observations.
        assert!((bet.noise() - total_variation_noise(4, 10.0)).abs() < 1e-3);
    }

    #[test]
    fn runs_are_a_habit_and_one_category_for_ever_is_a_change() {
        let counts = [10.0; 10];
        let evidence = |seen: &mut dyn Iterator<Item = usize>| -> (f64, f64) {
            let mut bet = MixBet::new(&counts, 0.986, 6.0, 0.05);
            let (mut sum, mut most) = (0.0_f64, 0.0_f64);
            for c in seen {
                sum = (sum + bet.observe(c).expect("known")[1].ln()).max(0.0);
                most = most.max(sum);
            }
            (most, bet.persistence())
        };
        let (runs, habit) = evidence(&mut (0..4000).map(|i| (i / 8 * 7) % 10));
        let (takeover, _) = evidence(&mut (0..600).map(|i| if i < 300 { (i * 7) % 10 } else { 3 }));
        assert!(habit > 0.8 && runs < 8.0, "{habit} {runs}");
        assert!(takeover > 10.0, "{takeover}");
    }

    #[test]
    fn a_moving_null_that_stands_is_the_null_that_stands() {
        let counts = [30.0, 20.0, 5.0, 1.0];
        let total: f64 = counts.iter().map(|c| c + 0.5).sum();
        let null: Vec<f64> = counts.iter().map(|c| (c + 0.5) / total).collect();
        for prior in [1.0, 6.0] {
            let mut still = MixBet::new(&counts, 0.97, prior, 0.05);
            let mut moving = still.clone();
            for i in 0_usize..300 {
                let c = (i * i / 3 + i / 40) % 4;
                let (a, b) = (still.observe(c), moving.observe_against(c, &null));
                for (a, b) in a.expect("known").iter().zip(b.expect("known")) {
                    assert!((a - b).abs() < 1e-9, "{i}: {a} and {b}");
                }
                assert!((still.distance() - moving.distance()).abs() < 1e-9);
            }
            assert_eq!(moving.observe_against(4, &null), None);
            assert_eq!(moving.observe_against(0, &null[..3]), None);
        }
    }

    #[test]
    fn a_season_that_is_expected_is_no_distance_and_its_reverse_is() {
        let nulls = [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]];
        let distance = |reverse: usize| {
            let mut bet = MixBet::new(&[10.0, 5.0, 10.0], 0.98, 6.0, 0.05);
            for i in 0..2000_usize {
                let hour = i / 25 % 2;
                // Exactly the proportions of the hour, or of the other one.
                let slot = i % 10;
                let shares = nulls[(hour + reverse) % 2];
                let c = usize::from(slot as f64 >= 10.0 * shares[0] - 1e-9)
                    + usize::from(slot as f64 >= 10.0 * (shares[0] + shares[1]) - 1e-9);
                bet.observe_against(c, &nulls[hour]).expect("known");
            }
            bet.distance()
        };
        assert!(distance(0) < 0.1, "{}", distance(0));
        assert!(distance(1) > 0.1, "{}", distance(1));
    }

    #[test]
    fn without_a_prior_the_first_category_is_no_evidence() {
        let factors = MixBet::new(&[3.0, 1.0], 0.98, 0.0, 0.0)
            .observe(1)
            .expect("known");
        assert!(factors.iter().all(|f| (f - 1.0).abs() < 1e-12), "{factors:?}");
    }

    #[test]
    fn a_bet_goes_on_from_what_another_over_its_categories_had_seen() {
        let new = || MixBet::new(&[30.0, 50.0, 20.0], 0.98, 6.0, 0.05);
        let nulls = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]];
        let step = |bet: &mut MixBet, at: usize, moving: bool| {
            if moving {
                bet.observe_against(at * at % 3, &nulls[at / 7 % 2])
            } else {
                bet.observe(at * at % 3)
            }
        };
        for moving in [false, true] {
            let mut bet = new();
            for at in 0..60 {
                step(&mut bet, at, moving);
            }
            let mut again = new();
            assert!(again.resume(bet.seen()));
            for at in 60..120 {
                assert_eq!(step(&mut bet, at, moving), step(&mut again, at, moving), "{at}");
            }
            assert_eq!(again.seen(), bet.seen());
        }
        assert!(!MixBet::new(&[1.0; 4], 0.98, 6.0, 0.05).resume(new().seen()));
    }
}
