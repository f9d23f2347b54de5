//! Is a confidence right as often as it says?

use crate::error::Error;
use crate::interval::{Interval95, normal_quantile};
use crate::measured::{Measured, linearised_variance};
use crate::weights::{Weights, same_length};

/// How confidences are cut into bins. Calibration error depends on it, so it is always stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// So many bins of equal width over `[0, 1]`, closed above, empty ones left out.
    EqualWidth(usize),
    /// So many bins of equal weight, or fewer: equal confidences stay together. Nguyen and O'Connor, "Posterior
    /// calibration and exploratory analysis for natural language processing models" (2015).
    EqualMass(usize),
}

impl Binning {
    /// Fifteen bins of equal width: what most papers mean by ECE. Guo et al., "On Calibration of Modern Neural
    /// Networks" (2017).
    pub const CUSTOMARY: Self = Self::EqualWidth(15);
}

/// One bin of a reliability curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Mean confidence.
    pub confidence: f64,
    /// Share that is right.
    pub frequency: f64,
    /// Weight of its observations.
    pub weight: f64,
    /// Number of its observations.
    pub count: usize,
}

/// A reliability curve and the calibration error that it shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// How the bins were cut.
    pub binning: Binning,
    /// Bins with weight, in ascending order of confidence.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error: the bins' gaps between confidence and frequency, weighted, in `[0, 1]`.
    ///
    /// Noise alone makes gaps, so the estimate is biased upwards, the more the better the calibration is and the fewer
    /// observations a bin has. The interval is the delta method's, its lower end lowered by the error that noise alone
    /// would give: it covers more than 95 %, and reaches zero when nothing speaks against perfect calibration.
    pub ece: Measured,
}

/// Reliability curve and expected calibration error of `confidence[n]` in `[0, 1]` against `correct[n]`.
///
/// Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015). O(n log n).
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`], [`Error::OutOfRange`] for a confidence outside `[0, 1]`,
/// [`Error::Parameter`] for a binning without bins, [`Error::InvalidWeight`] and [`Error::NoWeight`].
pub fn reliability(
    confidence: &[f64],
    correct: &[bool],
    weights: Weights<'_>,
    binning: Binning,
) -> Result<Reliability, Error> {
    let n = confidence.len();
    same_length(n, correct.len())?;
    weights.check(n)?;
    if let Some(index) = confidence.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::OutOfRange { index });
    }
    let (Binning::EqualWidth(most) | Binning::EqualMass(most)) = binning;
    if most == 0 {
        return Err(Error::Parameter {
            name: "bins",
            value: 0.0,
        });
    }
    let mut order: Vec<usize> = (0..n).filter(|&i| weights.at(i) > 0.0).collect();
    order.sort_unstable_by(|&a, &b| confidence[a].total_cmp(&confidence[b]).then(a.cmp(&b)));
    let number = bin_numbers(&order, confidence, weights, binning);

    let total = weights.total(n);
    let hit = |i: usize| f64::from(u8::from(correct[i]));
    let (mut bins, mut ece, mut noise) = (Vec::new(), 0.0, 0.0);
    // For observation i: ±1, the sign of its bin's gap.
    let mut sign = vec![0.0; n];
    let mut start = 0;
    while start < order.len() {
        let end = start
            + number[start..]
                .iter()
                .take_while(|&&b| b == number[start])
                .count();
        let members = &order[start..end];
        let mean =
            |value: &dyn Fn(usize) -> f64| members.iter().map(|&i| weights.at(i) * value(i)).sum::<f64>();
        let weight = mean(&|_| 1.0);
        let bin = ReliabilityBin {
            confidence: mean(&|i| confidence[i]) / weight,
            frequency: mean(&hit) / weight,
            weight,
            count: members.len(),
        };
        let gap = bin.confidence - bin.frequency;
        ece += weight / total * gap.abs();
        // Under perfect calibration the gap is normal with this variance, and its size on average √(2/π) deviations.
        let coin = members
            .iter()
            .map(|&i| weights.at(i).powi(2) * confidence[i] * (1.0 - confidence[i]));
        noise += (coin.sum::<f64>() * std::f64::consts::FRAC_2_PI).sqrt() / total;
        for &i in members {
            sign[i] = gap.signum();
        }
        bins.push(bin);
        start = end;
    }
    let variance = linearised_variance(n, weights, |i| sign[i] * (confidence[i] - hit(i)) - ece);
    let half = normal_quantile() * variance.sqrt();
    Ok(Reliability {
        binning,
        bins,
        ece: Measured {
            value: ece,
            interval: Interval95 {
                low: (ece - half - noise).max(0.0),
                high: (ece + half).min(1.0),
            },
        },
    })
}

/// Bin of each observation of `order`, non-decreasing.
fn bin_numbers(order: &[usize], confidence: &[f64], weights: Weights<'_>, binning: Binning) -> Vec<usize> {
    match binning {
        Binning::EqualWidth(most) => {
            let edge = |b: usize| b as f64 / most as f64;
            let mut bin = 0;
            let number = |&i: &usize| {
                while bin + 1 < most && confidence[i] > edge(bin + 1) {
                    bin += 1;
                }
                bin
            };
            order.iter().map(number).collect()
        }
        Binning::EqualMass(most) => {
            let total: f64 = order.iter().map(|&i| weights.at(i)).sum();
            let (mut below, mut out) = (0.0, Vec::with_capacity(order.len()));
            for tie in order.chunk_by(|&a, &b| confidence[a].total_cmp(&confidence[b]).is_eq()) {
                let weight: f64 = tie.iter().map(|&i| weights.at(i)).sum();
                // The middle of the tie decides, so that a tie across an edge goes where most of it is.
                let middle = (below + 0.5 * weight) / total * most as f64;
                let bin = (1..most).take_while(|&b| b as f64 <= middle).count();
                out.resize(out.len() + tie.len(), bin);
                below += weight;
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_below_and_empty_bins_are_left_out() {
        let correct = [true, false, true, true];
        let got = reliability(
            &[0.0, 0.5, 0.51, 1.0],
            &correct,
            Weights::Equal,
            Binning::EqualWidth(2),
        )
        .unwrap();
        assert_eq!(got.bins.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 2]);
        let got = reliability(&[0.9; 4], &correct, Weights::Equal, Binning::CUSTOMARY).unwrap();
        assert!(got.bins.len() == 1 && (got.ece.value - 0.15).abs() < 1e-12);
    }

    #[test]
    fn equal_confidences_stay_in_one_bin() {
        let confidence = [0.2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9];
        let got = reliability(&confidence, &[true; 8], Weights::Equal, Binning::EqualMass(4)).unwrap();
        assert_eq!(got.bins.iter().map(|b| b.count).collect::<Vec<_>>(), [1, 6, 1]);
    }

    #[test]
    fn what_cannot_be_binned_is_an_error() {
        let call = |c: &[f64], bins| {
            reliability(c, &vec![true; c.len()], Weights::Equal, Binning::EqualMass(bins)).map(|_| ())
        };
        assert_eq!(call(&[], 3), Err(Error::TooFew { have: 0, need: 1 }));
        assert_eq!(call(&[0.5, 1.5], 3), Err(Error::OutOfRange { index: 1 }));
        assert_eq!(
            call(&[0.5], 0),
            Err(Error::Parameter {
                name: "bins",
                value: 0.0
            })
        );
    }
}
