//! Weights that undo a choice of what to label.

use crate::error::Error;
use crate::probability::check_classes;
use crate::weights::{kish, same_length};

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
    let (mut all, mut labels) = (vec![0_usize; strata], vec![0_usize; strata]);
    for (&s, &is) in stratum.iter().zip(labelled) {
        all[s] += 1;
        labels[s] += usize::from(is);
    }
    let covered: usize = (0..strata).filter(|&s| labels[s] > 0).map(|s| all[s]).sum();
    let number: usize = labels.iter().sum();
    let mut truncated = 0;
    let weights: Vec<f64> = stratum
        .iter()
        .zip(labelled)
        .filter(|(_, is)| **is)
        .map(|(&s, _)| {
            // The labels of all strata stand for `covered` observations, `covered / number` each on average.
            let weight = (all[s] * number) as f64 / (labels[s] * covered) as f64;
            truncated += usize::from(weight > most);
            weight.min(most)
        })
        .collect();
    let effective_size = if weights.is_empty() {
        0.0
    } else {
        kish(weights.iter().copied())
    };
    Ok(SelectionWeights {
        weights,
        effective_size,
        truncated,
        uncovered: (stratum.len() - covered) as f64 / stratum.len() as f64,
    })
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
}
