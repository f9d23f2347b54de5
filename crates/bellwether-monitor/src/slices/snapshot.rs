//! Which slices were met, and what they have seen.

use super::Slices;
use crate::snapshot::{Reader, SnapshotError, State, Writer, ensure};

impl State for Slices {
    fn write(&self, out: &mut Writer) {
        let attributes: Vec<&str> = self.attributes.iter().map(|a| a.name.as_str()).collect();
        let watched: Vec<(&str, &str)> = self.watched.iter().map(|s| (s.attribute(), s.value())).collect();
        out.put(&(attributes, watched, self.unwatched));
        for slice in &self.watched {
            slice.write(out);
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let (attributes, watched, unwatched): (Vec<&str>, Vec<(&str, &str)>, u64) = from.take()?;
        for (at, name) in attributes.into_iter().enumerate() {
            let same = self.attribute(name) == Some(at);
            ensure(same, "its slices are of other attributes")?;
        }
        for (index, (name, value)) in watched.iter().enumerate() {
            let at = self.attributes.iter().position(|a| a.name == *name);
            let met = at.and_then(|at| match self.attributes[at].slices.get(*value) {
                Some(&met) => Some(met),
                None => self.admit(at, value, self.of_task.clone(), from.config),
            });
            let same = met.is_some_and(|met| usize::from(met) == index);
            ensure(same, "its slices are others")?;
        }
        ensure(watched.len() == self.watched.len(), "it lacks slices")?;
        self.unwatched = unwatched;
        self.watched.iter_mut().try_for_each(|slice| slice.read(from))
    }
}
