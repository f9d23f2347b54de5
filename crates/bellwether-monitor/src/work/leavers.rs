//! Far observations that have left the ring while an alarm stands.

use crate::recent::RecentRow;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};
use bellwether_stats::Steps;
use std::collections::VecDeque;

/// Observations kept: beyond it the oldest goes.
const CAPACITY: usize = 512;

/// A queue of observations with their vectors, oldest first; empty while no alarm stands.
#[derive(Debug, Clone)]
pub(crate) struct Leavers {
    dim: usize,
    /// Step, scale of the vector's steps, and what is kept beside it.
    rows: VecDeque<(u64, f32, RecentRow)>,
    /// `[rows, dim]`.
    steps: VecDeque<i16>,
}

impl Leavers {
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            dim,
            rows: VecDeque::new(),
            steps: VecDeque::new(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows = VecDeque::new();
        self.steps = VecDeque::new();
    }

    pub(crate) fn push(&mut self, step: u64, row: RecentRow, vector: Steps<'_>) {
        if self.rows.len() == CAPACITY {
            self.rows.pop_front();
            self.steps.drain(..self.dim);
        }
        self.rows.push_back((step, vector.scale, row));
        self.steps.extend(vector.steps);
    }

    /// The newest `most`, oldest first, by step.
    pub(crate) fn newest(&self, most: usize) -> impl Iterator<Item = (u64, &RecentRow)> {
        let rows = self.rows.range(self.rows.len().saturating_sub(most)..);
        rows.map(|(step, _, row)| (*step, row))
    }

    /// Writes the unit vector of an observation after what is in `out`; nothing when it is not there.
    pub(crate) fn vector(&self, step: u64, out: &mut Vec<f32>) {
        if let Ok(at) = self.rows.binary_search_by_key(&step, |row| row.0) {
            let steps: Vec<i16> = self
                .steps
                .range(at * self.dim..(at + 1) * self.dim)
                .copied()
                .collect();
            let scale = self.rows[at].1;
            out.extend(Steps { steps: &steps, scale }.components());
        }
    }

    /// Forgets texts of observations from before that time.
    pub(crate) fn forget_texts(&mut self, before_ms: i64) {
        for (_, _, row) in &mut self.rows {
            row.forget_text(before_ms);
        }
    }

    /// Whether all are predicted to be of one of so many classes.
    pub(crate) fn fits(&self, classes: usize) -> bool {
        self.rows.iter().all(|(_, _, row)| row.class < classes)
    }
}

impl State for Leavers {
    fn write(&self, out: &mut Writer) {
        let steps: Vec<i16> = self.steps.iter().copied().collect();
        out.put_steps(&steps);
        out.put(&self.rows);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.steps = from.take_steps()?.into();
        self.rows = from.take()?;
        let in_order = self
            .rows
            .iter()
            .zip(self.rows.iter().skip(1))
            .all(|(a, b)| a.0 < b.0);
        let fits = self.rows.len() <= CAPACITY && self.steps.len() == self.rows.len() * self.dim;
        ensure(
            fits && in_order,
            "what has left its recent observations is not in order",
        )
    }
}
