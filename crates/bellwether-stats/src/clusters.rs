//! Into how many things does a set of vectors fall?

/// Sizes of the clusters that average linkage leaves when no two of them have a mean cosine of `threshold` or more, largest
/// first. `cosines` is `[n, n]`, symmetric, row-major. O(n³) in the worst case, meant for a hundred rows.
///
/// Sokal and Michener, "A statistical method for evaluating systematic relationships" (1958); ties go to the earlier pair.
///
/// # Panics
/// When `cosines` is not `n * n` long.
#[must_use]
pub fn average_linkage_sizes(cosines: &[f32], n: usize, threshold: f64) -> Vec<usize> {
    let mut sizes: Vec<usize> = average_linkage(cosines, n, threshold)
        .iter()
        .map(Vec::len)
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

/// The clusters themselves, as [`average_linkage_sizes`] counts them: rows of each in ascending order, by their first row.
///
/// # Panics
/// When `cosines` is not `n * n` long.
#[must_use]
pub fn average_linkage(cosines: &[f32], n: usize, threshold: f64) -> Vec<Vec<usize>> {
    assert_eq!(cosines.len(), n * n, "a square matrix");
    let mut between: Vec<f64> = cosines.iter().map(|&c| f64::from(c)).collect();
    let mut sizes = vec![1_usize; n];
    let mut members: Vec<Vec<usize>> = (0..n).map(|row| vec![row]).collect();
    while let Some((a, b)) = nearest_pair(&between, &sizes).filter(|&(a, b)| between[a * n + b] >= threshold)
    {
        let (wa, wb) = (sizes[a] as f64, sizes[b] as f64);
        for other in (0..n).filter(|&o| sizes[o] > 0 && o != a && o != b) {
            let joined = (wa * between[a * n + other] + wb * between[b * n + other]) / (wa + wb);
            between[a * n + other] = joined;
            between[other * n + a] = joined;
        }
        sizes[a] += sizes[b];
        sizes[b] = 0;
        let joined = std::mem::take(&mut members[b]);
        members[a].extend(joined);
    }
    members.retain(|rows| !rows.is_empty());
    for rows in &mut members {
        rows.sort_unstable();
    }
    members
}

fn nearest_pair(between: &[f64], sizes: &[usize]) -> Option<(usize, usize)> {
    let n = sizes.len();
    let mut best: Option<(usize, usize)> = None;
    for a in (0..n).filter(|&a| sizes[a] > 0) {
        for b in (a + 1..n).filter(|&b| sizes[b] > 0) {
            if best.is_none_or(|(i, j)| between[a * n + b] > between[i * n + j]) {
                best = Some((a, b));
            }
        }
    }
    best
}

/// Effective number of clusters: one over the probability that two draws fall into the same one (Simpson 1949; Hill's
/// number of order two). Clusters of a single row are left out; 1 when there are no others.
#[must_use]
pub fn effective_clusters(sizes: &[usize]) -> f64 {
    let grouped = || sizes.iter().filter(|&&s| s > 1).map(|&s| s as f64);
    let total: f64 = grouped().sum();
    if total > 0.0 {
        total * total / grouped().map(|s| s * s).sum::<f64>()
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_kind_are_joined_and_strangers_are_not() {
        // Two near pairs and a stranger.
        let cosines = [
            1.0, 0.9, 0.1, 0.2, 0.0, //
            0.9, 1.0, 0.2, 0.1, 0.0, //
            0.1, 0.2, 1.0, 0.8, 0.1, //
            0.2, 0.1, 0.8, 1.0, 0.0, //
            0.0, 0.0, 0.1, 0.0, 1.0,
        ];
        assert_eq!(average_linkage_sizes(&cosines, 5, 0.5), [2, 2, 1]);
        assert_eq!(average_linkage_sizes(&cosines, 5, 0.15), [4, 1]);
        assert_eq!(average_linkage_sizes(&cosines, 5, -1.0), [5]);
        assert_eq!(average_linkage_sizes(&cosines, 5, 1.1), [1; 5]);
        assert!(average_linkage_sizes(&[], 0, 0.5).is_empty());
        let clusters = average_linkage(&cosines, 5, 0.5);
        assert_eq!(clusters, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn equal_clusters_count_in_full_and_single_rows_not_at_all() {
        assert!((effective_clusters(&[5, 5, 5, 1, 1]) - 3.0).abs() < 1e-12);
        assert!(effective_clusters(&[9, 2]) < 1.5);
        assert!((effective_clusters(&[1, 1]) - 1.0).abs() < 1e-12);
        assert!((effective_clusters(&[]) - 1.0).abs() < 1e-12);
    }
}
