//! Weights that undo a choice of what to label.

use crate::error::Error;
use crate::probability::check_classes;
use crate::weights::{kish, same_length};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Weights of the labelled observations, so that they stand for all.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionWeights {
    /// `[labelled]`, in the order of the labelled observations; mean one over what they stand for, before truncation.
    pub weights: Vec<f64>,
    /// Kish's effective number of labels; zero without labels.
    pub effective_size: f64,
    /// Weights that were cut.
    pub truncated: usize,
    /// Share of all observations in strata without a single label, in `[0, 1]`: no weight can speak for them.
    pub uncovered: f64,
}

/// Inverse-probability weights by strata: each labelled observation of a stratum with `N` observations and `n`
/// labels counts `N / n`, divided by the mean over the labels, at most `most` of that.
///
/// `stratum[i]` below `strata` and `labelled[i]` are of every observation, labelled or not. Right when labelling is
/// random within a stratum: strata are what the choice was made by, such as confidence, slice or predicted class.
/// Truncation trades a bias towards the over-sampled for variance.
///
/// Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe" (1952), with
/// Holt and Smith's post-stratification (1979); truncation as in Cole and Hernán, "Constructing inverse probability
/// weights for marginal structural models" (2008). O(n).
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without observations, [`Error::UnknownClass`] for a stratum that is
/// not below `strata`, [`Error::Parameter`] for a `most` that is not at least one.
pub fn stratified_weights(
    stratum: &[usize],
    labelled: &[bool],
    strata: usize,
    most: f64,
) -> Result<SelectionWeights, Error> {
    same_length(stratum.len(), labelled.len())?;
    if stratum.is_empty() {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    check_classes(stratum, strata)?;
    if most.is_nan() || most < 1.0 {
        return Err(Error::Parameter {
            name: "most",
            value: most,
        });
    }
    let (mut all, mut labels) = (vec![0_u64; strata], vec![0_u64; strata]);
    for (&s, &is) in stratum.iter().zip(labelled) {
        all[s] += 1;
        labels[s] += u64::from(is);
    }
    let stratum: Vec<usize> = stratum
        .iter()
        .zip(labelled)
        .filter(|(_, is)| **is)
        .map(|(&s, _)| s)
        .collect();
    Ok(selection(&all, &labels, &stratum, most))
}

/// [`stratified_weights`] from the counts of observations `[strata]` and labels `[strata]`, for labels of the given
/// strata: the counts may be those of more labels than these, of which these are a random part. A stratum with more
/// labels than observations counts as labelled in full. `uncovered` is the share of the observations in strata without
/// a label. O(strata + n).
///
/// # Errors
/// [`Error::LengthMismatch`], [`Error::TooFew`] without observations, [`Error::UnknownClass`] for a stratum that has no
/// counts, [`Error::Parameter`] for a `most` that is not at least one.
pub fn weights_of_strata(
    observations: &[u64],
    labels: &[u64],
    stratum: &[usize],
    most: f64,
) -> Result<SelectionWeights, Error> {
    same_length(observations.len(), labels.len())?;
    check_classes(stratum, observations.len())?;
    if most.is_nan() || most < 1.0 {
        return Err(Error::Parameter {
            name: "most",
            value: most,
        });
    }
    let all: Vec<u64> = observations.iter().zip(labels).map(|(&n, &l)| n.max(l)).collect();
    if all.iter().all(|&n| n == 0) {
        return Err(Error::TooFew { have: 0, need: 1 });
    }
    // A label in a stratum that was counted without labels was counted elsewhere: it stands for itself.
    let mut labels = labels.to_vec();
    for &s in stratum {
        labels[s] = labels[s].max(1);
    }
    let all: Vec<u64> = all.iter().zip(&labels).map(|(&n, &l)| n.max(l)).collect();
    Ok(selection(&all, &labels, stratum, most))
}

/// Weights of labels in `stratum`, none of which is without labels.
fn selection(all: &[u64], labels: &[u64], stratum: &[usize], most: f64) -> SelectionWeights {
    let covered: u64 = (0..all.len()).filter(|&s| labels[s] > 0).map(|s| all[s]).sum();
    let number: u64 = labels.iter().sum();
    let mut truncated = 0;
    let weights: Vec<f64> = stratum
        .iter()
        .map(|&s| {
            // The labels of all strata stand for `covered` observations, `covered / number` each on average.
            let weight = all[s] as f64 * number as f64 / (labels[s] as f64 * covered as f64);
            truncated += usize::from(weight > most);
            weight.min(most)
        })
        .collect();
    let effective_size = if weights.is_empty() {
        0.0
    } else {
        kish(weights.iter().copied())
    };
    let observations: u64 = all.iter().sum();
    SelectionWeights {
        weights,
        effective_size,
        truncated,
        uncovered: (observations - covered) as f64 / observations as f64,
    }
}

/// p-value of the hypothesis that every stratum is labelled at one rate, from the counts of observations `[strata]` and
/// of labels `[strata]`: Pearson's chi-squared test of homogeneity. One with fewer than two strata, without labels or
/// with nothing but labels.
///
/// Cochran, "Some methods for strengthening the common χ² tests" (1954): right when no expected count is below one and
/// few are below five.
///
/// # Errors
/// [`Error::LengthMismatch`].
pub fn equal_rates_p_value(observations: &[u64], labels: &[u64]) -> Result<f64, Error> {
    same_length(observations.len(), labels.len())?;
    let strata: Vec<(f64, f64)> = observations
        .iter()
        .zip(labels)
        .filter(|(n, l)| **n > 0 || **l > 0)
        .map(|(&n, &l)| (n.max(l) as f64, l as f64))
        .collect();
    let (all, labelled) = strata
        .iter()
        .fold((0.0, 0.0), |(n, l), stratum| (n + stratum.0, l + stratum.1));
    let rate = labelled / all;
    if strata.len() < 2 || rate <= 0.0 || rate >= 1.0 {
        return Ok(1.0);
    }
    let statistic: f64 = strata
        .iter()
        .map(|(n, l)| (l - n * rate).powi(2) / (n * rate * (1.0 - rate)))
        .sum();
    let p = ChiSquared::new(strata.len() as f64 - 1.0).map_or(1.0, |chi| chi.sf(statistic));
    Ok(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarely_labelled_strata_count_more() {
        // Stratum 0: 2 of 8 labelled; stratum 1: 2 of 2; stratum 2: none of 2.
        let stratum = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2];
        let labelled = [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0].map(|l| l == 1);
        let got = stratified_weights(&stratum, &labelled, 3, 10.0).unwrap();
        for (got, want) in got.weights.iter().zip([1.6, 1.6, 0.4, 0.4]) {
            assert!((got - want).abs() < 1e-12);
        }
        assert!((got.uncovered - 1.0 / 6.0).abs() < 1e-12 && got.truncated == 0);
        assert!((got.effective_size - 16.0 / 5.44).abs() < 1e-12);
        let cut = stratified_weights(&stratum, &labelled, 3, 1.5).unwrap();
        assert_eq!(cut.truncated, 2);
    }

    #[test]
    fn without_labels_nothing_is_covered() {
        let got = stratified_weights(&[0, 1], &[false, false], 2, 5.0).unwrap();
        assert!(got.weights.is_empty() && got.effective_size == 0.0 && (got.uncovered - 1.0).abs() < 1e-12);
    }

    #[test]
    fn strata_are_known_and_the_cut_is_at_least_one() {
        assert!(matches!(
            stratified_weights(&[3], &[true], 2, 5.0),
            Err(Error::UnknownClass { .. })
        ));
        assert!(matches!(
            stratified_weights(&[0], &[true], 1, 0.5),
            Err(Error::Parameter { .. })
        ));
    }

    #[test]
    fn counts_give_the_weights_that_the_observations_give() {
        let stratum = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2];
        let labelled = [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0].map(|l| l == 1);
        let want = stratified_weights(&stratum, &labelled, 3, 10.0).unwrap();
        let got = weights_of_strata(&[8, 2, 2], &[2, 2, 0], &[0, 0, 1, 1], 10.0).unwrap();
        assert_eq!(got, want);
        let part = weights_of_strata(&[8, 2, 2], &[2, 2, 0], &[1], 10.0).unwrap();
        assert!((part.weights[0] - 0.4).abs() < 1e-12);
        assert!(matches!(
            weights_of_strata(&[0], &[0], &[], 2.0),
            Err(Error::TooFew { .. })
        ));
    }

    #[test]
    fn a_difference_between_the_rates_of_labelling_is_tested_by_chi_squared() {
        // By hand: each rate is 7.5 from the expected 37.5, 2 · 7.5² / (100 · 0.375 · 0.625) = 4.8 on one degree of
        // freedom; the p-value is erfc(√2.4).
        let p = equal_rates_p_value(&[100, 100, 0], &[30, 45, 0]).unwrap();
        assert!((p - 0.028_459_736_916_310_6).abs() < 1e-9, "{p}");
        for (n, labels) in [
            (vec![10, 10], vec![0, 0]),
            (vec![10, 10], vec![10, 10]),
            (vec![10], vec![3]),
        ] {
            assert!((equal_rates_p_value(&n, &labels).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
