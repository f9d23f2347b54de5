//! What the novel observations fall into: proposed classes.

use bellwether_stats::average_linkage;

/// Least novelty of an observation that is grouped.
const LEAST_NOVELTY: f64 = 0.45;
/// Fewest messages of a group; of them no two are near-duplicates.
const LEAST_ROWS: usize = 3;
/// Most observations that are grouped, the most novel ones: the work grows with the cube.
const MOST_ROWS: usize = 600;
/// Groups are joined while their mean cosine is above that of a class of the reference times this. Above one, because two new
/// classes of one subject lie nearer together than the reference's; chosen on the labelled streams.
const ABOVE_A_CLASS: f64 = 1.1;

/// Groups of rows, the largest first, and the order of their rows as given; `cosines` is `[n, n]`, row-major.
pub(crate) fn groups(cosines: &[f32], novelty: &[f64], class_cosine: f64) -> Vec<Vec<usize>> {
    let n = novelty.len();
    let mut rows: Vec<usize> = (0..n).filter(|&row| novelty[row] >= LEAST_NOVELTY).collect();
    rows.sort_by(|&a, &b| novelty[b].total_cmp(&novelty[a]).then(a.cmp(&b)));
    rows.truncate(MOST_ROWS);
    rows.sort_unstable();
    let mut among = Vec::with_capacity(rows.len() * rows.len());
    for &a in &rows {
        among.extend(rows.iter().map(|&b| cosines[a * n + b]));
    }
    let clusters = average_linkage(&among, rows.len(), ABOVE_A_CLASS * class_cosine);
    let mut groups: Vec<Vec<usize>> = clusters
        .into_iter()
        .filter(|members| members.len() >= LEAST_ROWS)
        .map(|members| members.into_iter().map(|at| rows[at]).collect())
        .collect();
    groups.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    groups
}

/// Rows of a group, those that are most like the rest first.
pub(crate) fn by_centrality(cosines: &[f32], n: usize, group: &[usize]) -> Vec<usize> {
    let centrality = |row: usize| -> f64 {
        group
            .iter()
            .map(|&other| f64::from(cosines[row * n + other]))
            .sum()
    };
    let mut rows: Vec<(f64, usize)> = group.iter().map(|&row| (centrality(row), row)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn novel_rows_of_a_kind_are_a_group_and_others_are_in_none() {
        // Four of one kind, three of another, a pair, and three that are not novel.
        let kind = [0, 0, 1, 0, 1, 2, 2, 1, 0, 3, 3, 3];
        let n = kind.len();
        let cosines: Vec<f32> = (0..n * n)
            .map(|at| if kind[at / n] == kind[at % n] { 0.7 } else { 0.1 })
            .collect();
        let novelty: Vec<f64> = kind.iter().map(|&k| if k == 3 { 0.1 } else { 0.9 }).collect();
        assert_eq!(groups(&cosines, &novelty, 0.4), [vec![0, 1, 3, 8], vec![2, 4, 7]]);
        assert_eq!(groups(&cosines, &novelty, 0.0).len(), 1);
        assert!(groups(&cosines, &novelty, 0.9).is_empty());
        assert!(groups(&[], &[], 0.4).is_empty());
    }
}
