//! From material to a work set.

use crate::choice::Choice;
use crate::groups::{by_centrality, groups};
use crate::novelty::novelty;
use crate::set::{
    Affected, FORMAT_VERSION, Group, Header, Reason, SetRow, TextForm, WorkSet, oldest_text_ms, set_id,
};
use crate::words::distinguishing_words;
use bellwether_monitor::{Known, Verdict, WorkMaterial, WorkRow};
use bellwether_stats::pairwise_cosines;

/// Least cosine from which two observations are one message in two wordings: labelling both tells nothing more.
const NEAR_DUPLICATE: f64 = 0.95;
/// So many times nearer than any two of the set they are at least: an encoder may keep all texts near each other.
const NEARER_THAN_ANY: f64 = 15.0;
/// Novelty from which an observation is labelled because it may be new.
const NOVEL: f64 = 0.25;
/// Power of novelty that weighs rows where what is new is sought: at four the first hundred are as often new as without any
/// regard to variety, and stand for twice as much of it; `docs/decisions/0029`.
const NOVELTY_POWER: i32 = 4;
/// Weight of an ordinary row where inputs have moved: what has not moved is to be known again as well.
const ORDINARY: f64 = 0.1;
/// Shares of the budget under `continual_update` and `new_task`, and under `retrain`: novel, uncertain, representative.
const OF_NOVELTY: [f64; 3] = [0.8, 0.1, 0.1];
const OF_RETRAINING: [f64; 3] = [0.0, 0.4, 0.6];
/// Examples of a group that are named.
const EXAMPLES: usize = 5;

/// What the owner decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Observations that may be labelled.
    pub budget: usize,
    /// What the texts of the material are.
    pub texts: TextForm,
}

/// Ranks anew what a set holds, within another budget.
#[must_use]
pub fn rank_again(set: WorkSet, budget: usize) -> WorkSet {
    let options = PlanOptions {
        budget,
        texts: set.header.texts,
    };
    let (material, copies) = set.into_material();
    plan_with_copies(material, Some(&copies), options)
}

/// Makes a work set. O(n² · dim + budget · n²) at worst for n observations.
///
/// # Panics
/// When the material has not one vector a row.
#[must_use]
pub fn plan(material: WorkMaterial, options: PlanOptions) -> WorkSet {
    plan_with_copies(material, None, options)
}

/// `copies` of a set that has no near-duplicates any more.
fn plan_with_copies(material: WorkMaterial, copies: Option<&[u32]>, options: PlanOptions) -> WorkSet {
    let Thinned {
        material,
        copies,
        cosines,
        novelty,
    } = thin(material, copies);
    let n = material.rows.len();
    let found = groups(&cosines, &novelty, material.class_cosine);
    let mut group_of = vec![None; n];
    for (group, rows) in found.iter().enumerate() {
        for &row in rows {
            group_of[row] = Some(group);
        }
    }
    let view = View {
        rows: &material.rows,
        cosines: &cosines,
        novelty: &novelty,
        copies: &copies,
    };
    let ranked = view.ranked(material.verdict, options.budget);
    let groups = view.describe(&found, &group_of, options.texts);
    assemble(material, (copies, novelty, group_of), ranked, groups, options)
}

/// Material without near-duplicates.
struct Thinned {
    material: WorkMaterial,
    /// Observations that each row stands for.
    copies: Vec<u32>,
    cosines: Vec<f32>,
    novelty: Vec<f64>,
}

/// Leaves one of each message: one that has a label already, or the most novel, or the oldest.
fn thin(material: WorkMaterial, copies: Option<&[u32]>) -> Thinned {
    let (n, dim) = (material.rows.len(), material.dim);
    assert_eq!(material.vectors.len(), n * dim, "one vector a row");
    let cosines = pairwise_cosines(&material.vectors, dim);
    let p: Vec<f64> = material.rows.iter().map(|row| row.p_novelty).collect();
    let known: Vec<Known> = material.rows.iter().map(|row| row.known).collect();
    let novelty = novelty(&cosines, &p, &known);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| {
        let unlabelled = |row: usize| known[row] == Known::No;
        let by_label = unlabelled(a).cmp(&unlabelled(b));
        by_label.then(novelty[b].total_cmp(&novelty[a])).then(a.cmp(&b))
    });
    let mean = cosines.iter().map(|&c| f64::from(c)).sum::<f64>() / (n * n).max(1) as f64;
    let least = if copies.is_some() {
        f64::INFINITY
    } else {
        NEAR_DUPLICATE.max(1.0 - (1.0 - mean) / NEARER_THAN_ANY)
    };
    let copies_of = |row: usize| copies.map_or(1, |copies| copies[row]);
    let mut counts = vec![0; n];
    let mut kept: Vec<usize> = Vec::new();
    for row in order {
        // What annotators have said twice they have said; nothing of it is lost.
        let same = |&&other: &&usize| f64::from(cosines[row * n + other]) >= least;
        if let Some(&other) = kept.iter().find(same).filter(|_| known[row] == Known::No) {
            counts[other] += copies_of(row);
        } else {
            counts[row] += copies_of(row);
            kept.push(row);
        }
    }
    kept.sort_unstable();
    let mut vectors = Vec::with_capacity(kept.len() * dim);
    let mut among = Vec::with_capacity(kept.len() * kept.len());
    for &row in &kept {
        vectors.extend_from_slice(&material.vectors[row * dim..(row + 1) * dim]);
        among.extend(kept.iter().map(|&other| cosines[row * n + other]));
    }
    let mut rows: Vec<Option<WorkRow>> = material.rows.into_iter().map(Some).collect();
    Thinned {
        copies: kept.iter().map(|&row| counts[row]).collect(),
        novelty: kept.iter().map(|&row| novelty[row]).collect(),
        cosines: among,
        material: WorkMaterial {
            rows: kept.iter().filter_map(|&row| rows[row].take()).collect(),
            vectors,
            ..material
        },
    }
}

/// Rows and what is known of them.
struct View<'a> {
    rows: &'a [WorkRow],
    cosines: &'a [f32],
    novelty: &'a [f64],
    copies: &'a [u32],
}

impl View<'_> {
    /// All rows without a label in the order in which they are to be labelled, each with the reason.
    fn ranked(&self, verdict: Verdict, budget: usize) -> Vec<(usize, Reason)> {
        let of_novelty = verdict != Verdict::Retrain;
        let shares = if of_novelty { OF_NOVELTY } else { OF_RETRAINING };
        let mut ranked: Vec<(usize, Reason)> = Vec::new();
        let quota = |share: f64, left: usize| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a count is a count"
            )]
            let quota = (share * budget as f64).round() as usize;
            quota.min(left)
        };
        if of_novelty {
            self.add(&mut ranked, Reason::Novel, quota(shares[0], budget));
        }
        let uncertain = quota(shares[1], budget - ranked.len());
        self.add(&mut ranked, Reason::Uncertain, uncertain);
        // What the others leave, so that the budget is used.
        let rest = budget.saturating_sub(ranked.len());
        if of_novelty {
            let representative = quota(shares[2], rest);
            self.add(&mut ranked, Reason::Representative, representative);
            let rest = budget.saturating_sub(ranked.len());
            self.add(&mut ranked, Reason::Novel, rest);
        }
        let rest = budget.saturating_sub(ranked.len());
        self.add(&mut ranked, Reason::Representative, rest);
        if of_novelty {
            // Novel ones that were added last belong to the first.
            ranked.sort_by_key(|&(_, reason)| reason != Reason::Novel);
        } else {
            ranked = in_turns(&ranked);
        }
        self.add_beyond(&mut ranked, of_novelty);
        ranked
    }

    /// Adds at most `most` rows for a reason, beside those that are there.
    fn add(&self, ranked: &mut Vec<(usize, Reason)>, reason: Reason, most: usize) {
        let weights: Vec<f64> = (0..self.rows.len())
            .map(|row| f64::from(self.copies[row]) * self.weight(row, reason))
            .collect();
        let taken: Vec<usize> = ranked.iter().map(|&(row, _)| row).collect();
        let candidates: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.rows[row].known == Known::No && !taken.contains(&row))
            .filter(|&row| match reason {
                Reason::Novel => self.novelty[row] >= NOVEL,
                Reason::Uncertain => self.rows[row].confidence.is_finite(),
                Reason::Representative => true,
            })
            .collect();
        let choice = Choice {
            cosines: self.cosines,
            weights: &weights,
        };
        // Uncertain rows beside novel ones are wanted all the same; representative ones are not wanted twice.
        let already = if reason == Reason::Representative {
            &taken[..]
        } else {
            &[]
        };
        let chosen = choice.choose(&candidates, already, most);
        ranked.extend(chosen.into_iter().map(|row| (row, reason)));
    }

    fn weight(&self, row: usize, reason: Reason) -> f64 {
        match reason {
            Reason::Novel => self.novelty[row].powi(NOVELTY_POWER),
            Reason::Uncertain if self.rows[row].confidence.is_finite() => {
                (1.0 - self.rows[row].confidence).clamp(0.0, 1.0).powi(2)
            }
            Reason::Uncertain => 0.0,
            Reason::Representative => ORDINARY + self.novelty[row],
        }
    }

    /// What the budget does not reach, the most novel or the least certain first.
    fn add_beyond(&self, ranked: &mut Vec<(usize, Reason)>, of_novelty: bool) {
        let mut is_ranked = vec![false; self.rows.len()];
        for &(row, _) in ranked.iter() {
            is_ranked[row] = true;
        }
        let reason = |row: usize| {
            if of_novelty && self.novelty[row] >= NOVEL {
                Reason::Novel
            } else {
                Reason::Representative
            }
        };
        let mut rest: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.rows[row].known == Known::No && !is_ranked[row])
            .collect();
        rest.sort_by(|&a, &b| self.novelty[b].total_cmp(&self.novelty[a]).then(a.cmp(&b)));
        ranked.extend(rest.into_iter().map(|row| (row, reason(row))));
    }

    fn describe(&self, found: &[Vec<usize>], group_of: &[Option<usize>], texts: TextForm) -> Vec<Group> {
        let readable = |row: &WorkRow| row.text.clone().filter(|_| texts.is_readable());
        let kept: Vec<Option<String>> = self.rows.iter().map(readable).collect();
        let of_rows: Vec<(Option<&str>, Option<usize>)> = kept
            .iter()
            .zip(group_of)
            .map(|(text, group)| (text.as_deref(), *group))
            .collect();
        let words = distinguishing_words(&of_rows, found.len());
        found
            .iter()
            .zip(words)
            .enumerate()
            .map(|(group, (rows, words))| {
                let central = by_centrality(self.cosines, self.rows.len(), rows);
                let examples = &central[..central.len().min(EXAMPLES)];
                Group {
                    group: number(group),
                    size: rows.iter().map(|&row| self.copies[row]).sum(),
                    novelty: rows.iter().map(|&row| self.novelty[row]).sum::<f64>() / rows.len() as f64,
                    examples: examples
                        .iter()
                        .map(|&row| self.rows[row].event_id.clone())
                        .collect(),
                    texts: examples.iter().filter_map(|&row| kept[row].clone()).collect(),
                    words,
                }
            })
            .collect()
    }
}

/// Representative and uncertain rows by turns, three to two, each kind in its order.
fn in_turns(ranked: &[(usize, Reason)]) -> Vec<(usize, Reason)> {
    let of = |wanted: Reason| {
        ranked
            .iter()
            .copied()
            .filter(move |&(_, reason)| reason == wanted)
    };
    let (mut representative, mut uncertain) = (of(Reason::Representative), of(Reason::Uncertain));
    let mut out = Vec::with_capacity(ranked.len());
    while out.len() < ranked.len() {
        out.extend(representative.by_ref().take(3));
        out.extend(uncertain.by_ref().take(2));
    }
    out
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn assemble(
    material: WorkMaterial,
    (copies, novelty, group_of): (Vec<u32>, Vec<f64>, Vec<Option<usize>>),
    ranked: Vec<(usize, Reason)>,
    groups: Vec<Group>,
    options: PlanOptions,
) -> WorkSet {
    let labelled = (0..material.rows.len()).filter(|&row| material.rows[row].known != Known::No);
    let order: Vec<(usize, Option<Reason>)> = ranked
        .into_iter()
        .map(|(row, reason)| (row, Some(reason)))
        .chain(labelled.map(|row| (row, None)))
        .collect();
    let id = set_id(&material);
    let dim = material.dim;
    let mut observations: Vec<Option<WorkRow>> = material.rows.into_iter().map(Some).collect();
    let mut vectors = Vec::with_capacity(material.vectors.len());
    let mut rows = Vec::with_capacity(order.len());
    for (at, (row, reason)) in order.into_iter().enumerate() {
        let Some(observation) = observations[row].take() else {
            continue;
        };
        vectors.extend_from_slice(&material.vectors[row * dim..(row + 1) * dim]);
        rows.push(SetRow {
            rank: reason.map(|_| number(at + 1)),
            reason,
            novelty: novelty[row],
            group: group_of[row].map(number),
            copies: copies[row],
            observation,
        });
    }
    let header = Header {
        format: FORMAT_VERSION,
        id,
        task: material.task,
        verdict: material.verdict,
        said_ms: material.said_ms,
        since_ms: material.since_ms,
        taken_ms: material.taken_ms,
        revision: material.revision,
        shared_encoder: material.shared_encoder,
        summary: material.summary,
        reference: material.reference,
        class_cosine: material.class_cosine,
        dim,
        budget: options.budget,
        texts: options.texts,
        oldest_text_ms: oldest_text_ms(&rows),
        tasks: material.tasks.iter().map(Affected::of).collect(),
        groups,
    };
    WorkSet {
        header,
        rows,
        vectors,
    }
}

#[cfg(test)]
mod tests;
