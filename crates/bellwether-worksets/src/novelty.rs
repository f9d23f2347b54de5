//! How likely each observation is to be of what the reference does not have.
//!
//! By itself a small p-value says little: three in a hundred ordinary observations have one below 0.03. But ordinary ones that do lie
//! far apart, and what is new lies together. So evidence is spread over the graph of nearest neighbours, and what annotators have
//! said already holds where it was said. This is label spreading (Zhou, Bousquet, Lal, Weston, Schölkopf, "Learning with local and
//! global consistency", NIPS 16 (2004)), with `−ln p` as the evidence, rows of the graph normalised to one, a few rounds instead of
//! the limit, and labels that do not move. Compared with `−ln p` alone on the labelled streams in `docs/WORK_SETS.md`.

use bellwether_monitor::Known;

/// Neighbours that evidence comes from.
const NEIGHBOURS: usize = 10;
/// Share of an observation's own evidence in each round.
const OWN: f64 = 0.2;
/// Rounds.
const ROUNDS: usize = 4;
/// Cosine above which a neighbour is the same message, and no evidence.
const SAME: f32 = 0.99;
/// p-value at which evidence is full: about the least that a reference of some thousand observations gives.
const LEAST_P: f64 = 1e-4;
/// Least weight of a neighbour, however far.
const LEAST_WEIGHT: f64 = 1e-3;

/// Scores from 0 to 1, one for each row. `cosines` is `[n, n]`, row-major. O(n² + rounds · n · neighbours).
pub(crate) fn novelty(cosines: &[f32], p_novelty: &[f64], known: &[Known]) -> Vec<f64> {
    let n = p_novelty.len();
    let evidence: Vec<f64> = p_novelty
        .iter()
        .zip(known)
        .map(|(&p, known)| match known {
            Known::No => p.clamp(LEAST_P, 1.0).ln() / LEAST_P.ln(),
            Known::InScope => 0.0,
            Known::OutOfScope => 1.0,
        })
        .collect();
    let graph: Vec<Vec<(usize, f64)>> = (0..n)
        .map(|row| neighbours(&cosines[row * n..(row + 1) * n], row))
        .collect();
    let mut scores = evidence.clone();
    for _ in 0..ROUNDS {
        scores = (0..n)
            .map(|row| match known[row] {
                Known::No if !graph[row].is_empty() => {
                    let around: f64 = graph[row]
                        .iter()
                        .map(|&(other, weight)| weight * scores[other])
                        .sum();
                    OWN * evidence[row] + (1.0 - OWN) * around
                }
                _ => evidence[row],
            })
            .collect();
    }
    scores
}

/// The nearest rows that are not the same message, with weights that sum to one: squared cosines.
fn neighbours(cosines: &[f32], row: usize) -> Vec<(usize, f64)> {
    let mut others: Vec<usize> = (0..cosines.len())
        .filter(|&other| other != row && cosines[other] <= SAME)
        .collect();
    let nearer = |&a: &usize, &b: &usize| cosines[b].total_cmp(&cosines[a]).then(a.cmp(&b));
    if others.len() > NEIGHBOURS {
        others.select_nth_unstable_by(NEIGHBOURS, nearer);
        others.truncate(NEIGHBOURS);
    }
    others.sort_unstable_by(nearer);
    let weight = |other: &usize| f64::from(cosines[*other]).max(LEAST_WEIGHT).powi(2);
    let total: f64 = others.iter().map(weight).sum();
    others
        .iter()
        .map(|other| (*other, weight(other) / total))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_together_is_new_and_a_lone_stranger_is_less_so() {
        // Twelve near each other with small p-values, one as strange among twelve that are ordinary.
        let n = 25;
        let cosine = |a: usize, b: usize| if (a < 12) == (b < 12) { 0.8 } else { 0.1 };
        let cosines: Vec<f32> = (0..n * n).map(|at| cosine(at / n, at % n)).collect();
        let p: Vec<f64> = (0..n).map(|row| if row < 13 { 0.002 } else { 0.5 }).collect();
        let scores = novelty(&cosines, &p, &vec![Known::No; n]);
        assert!(scores[0] > 0.6 && scores[12] < 0.3, "{scores:?}");
        assert!(
            scores[0] > 2.0 * scores[12] && scores[12] > scores[20],
            "{scores:?}"
        );
        // Labels hold where they were given, and reach those around.
        let mut known = vec![Known::No; n];
        known[..6].fill(Known::InScope);
        known[20] = Known::OutOfScope;
        let told = novelty(&cosines, &p, &known);
        assert!(told[0].abs() < 1e-12 && (told[20] - 1.0).abs() < 1e-12);
        assert!(told[11] < scores[11] && told[21] > scores[21], "{told:?}");
        assert!(told.iter().all(|s| (0.0..=1.0).contains(s)));
    }

    #[test]
    fn copies_of_one_message_are_no_evidence_for_each_other() {
        let cosines = [1.0_f32; 9];
        let scores = novelty(&cosines, &[1e-4, 1.0, 0.01], &[Known::No; 3]);
        assert_eq!(scores, [1.0, 0.0, 0.5]);
        assert!(novelty(&[], &[], &[]).is_empty());
    }
}
