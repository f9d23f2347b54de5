//! One labelled period for both: half of it is the reference, the other half the quiet period.

use crate::error::Error;
use crate::held_out::ReferenceInput;
use crate::pool::{KnownLabel, Period};
use bellwether_events::{ModelSchema, TaskId};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Labelled observations of a task that parting in two needs: a reference needs a hundred.
const FEWEST: usize = 200;

/// A labelled period in two.
#[derive(Debug)]
pub struct Halves {
    /// To build a reference from.
    pub reference: ReferenceInput,
    /// To draw quiet streams from. It holds half of the traffic.
    pub quiet: Period,
}

/// Parts labelled observations at random, evenly within each label of each task. Copies of one event go together only by
/// chance. Deterministic for a seed.
///
/// # Errors
/// [`Error::TooFewToSplit`] when a task is too small for two halves.
pub fn split(schema: &ModelSchema, input: &ReferenceInput, seed: u64) -> Result<Halves, Error> {
    let rows = &input.observations;
    let mut strata: BTreeMap<(TaskId, &str), Vec<usize>> = BTreeMap::new();
    let mut sizes = vec![0; schema.len()];
    for (row, label) in input.labels.iter().enumerate() {
        let task = rows.tasks()[row];
        sizes[task.index()] += 1;
        // A label of a few rows, such as a number, is no stratum of its own: they are parted by chance.
        let known = schema.label_index(task, label).is_some();
        strata
            .entry((task, if known { label } else { "" }))
            .or_default()
            .push(row);
    }
    if let Some((task, have)) = schema.tasks().zip(&sizes).find(|(_, have)| **have < FEWEST) {
        return Err(Error::TooFewToSplit {
            task: schema.name(task).to_owned(),
            have: *have,
            need: FEWEST,
        });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut in_reference = vec![false; rows.len()];
    let mut first = true;
    for stratum in strata.values_mut() {
        stratum.shuffle(&mut rng);
        for &row in &*stratum {
            // Turn by turn across strata, so that odd ones even out.
            in_reference[row] = first;
            first = !first;
        }
    }
    let quiet = input.select(schema, schema, |row| !in_reference[row]);
    let labels = quiet.labels.iter().enumerate().map(|(row, label)| {
        let known = KnownLabel {
            label: label.clone(),
            known_ms: None,
        };
        (quiet.observations.event_id(row).to_owned(), known)
    });
    Ok(Halves {
        reference: input.select(schema, schema, |row| in_reference[row]),
        quiet: Period {
            labels: labels.collect(),
            batches: vec![quiet.observations],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::{input, schema};
    use std::collections::BTreeSet;

    fn ids(batch: &bellwether_events::ObservationBatch) -> BTreeSet<String> {
        (0..batch.len())
            .map(|row| batch.event_id(row).to_owned())
            .collect()
    }

    #[test]
    fn halves_share_no_row_and_each_label_is_in_both() {
        let (schema, input) = (schema(), input(690));
        let halves = split(&schema, &input, 1).expect("two halves");
        let (reference, quiet) = (ids(&halves.reference.observations), ids(&halves.quiet.batches[0]));
        assert_eq!((reference.len(), quiet.len()), (345, 345));
        assert!(reference.is_disjoint(&quiet));
        for label in ["a", "b", "c"] {
            let share = |n: usize| n as f64 / 345.0;
            let in_reference = share(halves.reference.labels.iter().filter(|l| *l == label).count());
            let in_quiet = share(halves.quiet.labels.values().filter(|l| l.label == label).count());
            assert!(
                (in_reference - in_quiet).abs() < 0.01,
                "{label}: {in_reference} and {in_quiet}"
            );
        }
        let again = split(&schema, &input, 1).expect("two halves");
        assert_eq!(ids(&again.quiet.batches[0]), quiet, "the same for a seed");
        let other = split(&schema, &input, 2).expect("two halves");
        assert_ne!(ids(&other.quiet.batches[0]), quiet);
    }

    #[test]
    fn a_task_too_small_for_two_halves_is_named() {
        let refused = split(&schema(), &input(330), 1);
        assert!(matches!(refused, Err(Error::TooFewToSplit { task, have: 110, .. }) if task == "second"));
    }
}
