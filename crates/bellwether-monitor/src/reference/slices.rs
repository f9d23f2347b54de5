//! What the reference says of each value of each attribute.

use super::manifest::{ReferenceRows, ReferenceSlice, SliceStatistic};
use super::{Reference, far_statistic};
use std::collections::BTreeMap;
use std::ops::Range;

/// Fewest rows that make a slice of the reference: below it a mean says little, and the task speaks for it.
const MIN_ROWS: usize = 50;
/// Rows of the task's mean and variance on which a slice's lean.
const PRIOR: f64 = 20.0;

/// By task, the slices of at least [`MIN_ROWS`] rows; tasks without are left out. `attributes` are those of a row.
pub(super) fn of<'a, A: Iterator<Item = (&'a str, &'a str)>>(
    reference: &Reference,
    rows: &ReferenceRows,
    ranges: &[Range<usize>],
    attributes: impl Fn(usize) -> A,
) -> BTreeMap<String, Vec<ReferenceSlice>> {
    let mut out = BTreeMap::new();
    for task in reference.schema().tasks() {
        let range = ranges[task.index()].clone();
        let mut members: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for row in range.clone() {
            for pair in attributes(row).filter(|(_, value)| !value.is_empty()) {
                members.entry(pair).or_default().push(row - range.start);
            }
        }
        members.retain(|_, rows| {
            rows.dedup();
            rows.len() >= MIN_ROWS
        });
        if members.is_empty() {
            continue;
        }
        let of_task = reference.task(task);
        let loss: Vec<f64> = rows.loss[range.clone()]
            .iter()
            .map(|&loss| of_task.regression.as_ref().map_or(loss, |bet| bet.rank(loss)))
            .collect();
        let doubt: Vec<f64> = rows.confidence[range.clone()]
            .iter()
            .map(|&c| (1.0 - f64::from(c)).clamp(0.0, 1.0))
            .collect();
        let far: Vec<f64> = range
            .map(|row| far_statistic(of_task.p_values(rows.own_similarity[row], rows.confidence[row]).1))
            .collect();
        let slices = members
            .into_iter()
            .map(|((attribute, value), members)| ReferenceSlice {
                attribute: attribute.to_owned(),
                value: value.to_owned(),
                size: members.len(),
                loss: statistic(&loss, &members),
                doubt: of_task.bounds.confidence.map(|_| statistic(&doubt, &members)),
                far: statistic(&far, &members),
            })
            .collect();
        out.insert(reference.schema().name(task).to_owned(), slices);
    }
    out
}

/// Mean and standard error over `members`, leaning on those over all.
fn statistic(values: &[f64], members: &[usize]) -> SliceStatistic {
    let (of_all, variance_of_all) = mean_and_variance(values.iter().copied());
    let (observed, variance) = mean_and_variance(members.iter().map(|&at| values[at]));
    let n = members.len() as f64;
    let lean = |own: f64, all: f64| (n * own + PRIOR * all) / (n + PRIOR);
    SliceStatistic {
        observed,
        mean: lean(observed, of_all),
        standard_error: (lean(variance, variance_of_all) / n).sqrt(),
    }
}

fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_without_errors_leans_on_the_task_for_mean_and_error() {
        // 400 rows with one error in four, none of them in the first hundred.
        let values: Vec<f64> = (0..400).map(|i| f64::from(u8::from(i >= 300))).collect();
        let members: Vec<usize> = (0..100).collect();
        let s = statistic(&values, &members);
        assert!(s.observed.abs() < 1e-12);
        assert!((s.mean - 20.0 * 0.25 / 120.0).abs() < 1e-12, "{s:?}");
        assert!(
            (s.standard_error - (20.0 * 0.1875 / 120.0 / 100.0_f64).sqrt()).abs() < 1e-12,
            "{s:?}"
        );
    }
}
