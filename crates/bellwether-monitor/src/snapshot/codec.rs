//! How state is written and read: field after field, onto a state that has seen nothing.

use super::SnapshotError;
use crate::config::MonitorConfig;
use crate::reference::Reference;
use bellwether_stats::{DecayingSum, EDetector, MixBet};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// Collects state.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a value.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        append(value, &mut self.bytes);
    }

    /// Adds many whole numbers, two bytes each: most of a state, and several times as fast as one by one.
    pub(crate) fn put_steps(&mut self, steps: &[i16]) {
        self.put(&(2 * steps.len()));
        self.bytes
            .extend(steps.iter().flat_map(|step| step.to_le_bytes()));
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Adds a value to bytes.
pub(crate) fn append<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    postcard::serialize_with_flavor(value, Appended(out))
        .expect("state is made of numbers, texts and sequences whose length is known");
}

/// Values one behind the other.
struct Appended<'a>(&'a mut Vec<u8>);

impl Flavor for Appended<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Gives state back, in the order in which it was written.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(crate) reference: &'a Reference,
    pub(crate) config: &'a MonitorConfig,
}

impl<'a> Reader<'a> {
    /// The next value.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self) -> Result<T, SnapshotError> {
        let (value, rest) = postcard::take_from_bytes(self.bytes)
            .map_err(|_| SnapshotError::Inconsistent("its bytes are no state"))?;
        self.bytes = rest;
        Ok(value)
    }

    /// What [`Writer::put_steps`] has added.
    pub(crate) fn take_steps(&mut self) -> Result<Vec<i16>, SnapshotError> {
        let (pairs, rest) = self.take::<&[u8]>()?.as_chunks::<2>();
        ensure(rest.is_empty(), "half of a number is missing")?;
        Ok(pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect())
    }
}

/// Refuses what cannot be.
pub(crate) fn ensure(holds: bool, otherwise: &'static str) -> Result<(), SnapshotError> {
    if holds {
        Ok(())
    } else {
        Err(SnapshotError::Inconsistent(otherwise))
    }
}

/// Something that changes as events come.
pub(crate) trait State {
    /// Writes what has changed since it was made.
    fn write(&self, out: &mut Writer);
    /// Goes on from what was written, having seen nothing itself.
    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError>;
}

/// Implements [`State`] by fields: those of `values` are taken as they are, those of `parts` are states themselves. What is
/// not named follows from reference and configuration.
macro_rules! state {
    ($state:ty { values: $($value:ident),*; parts: $($part:ident),* }) => {
        impl crate::snapshot::State for $state {
            fn write(&self, out: &mut crate::snapshot::Writer) {
                $(out.put(&self.$value);)*
                $(crate::snapshot::State::write(&self.$part, out);)*
            }

            fn read(
                &mut self,
                from: &mut crate::snapshot::Reader<'_>,
            ) -> Result<(), crate::snapshot::SnapshotError> {
                $(self.$value = from.take()?;)*
                $(crate::snapshot::State::read(&mut self.$part, from)?;)*
                Ok(())
            }
        }
    };
}
pub(crate) use state;

/// As many as the reference has.
impl<T: State> State for Vec<T> {
    fn write(&self, out: &mut Writer) {
        out.put(&self.len());
        for state in self {
            state.write(out);
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let length: usize = from.take()?;
        ensure(length == self.len(), "it has another number of tasks")?;
        self.iter_mut().try_for_each(|state| state.read(from))
    }
}

/// There where the reference has what it needs.
impl<T: State> State for Option<T> {
    fn write(&self, out: &mut Writer) {
        out.put(&self.is_some());
        if let Some(state) = self {
            state.write(out);
        }
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        let is_some: bool = from.take()?;
        ensure(
            is_some == self.is_some(),
            "it watches what the reference does not have",
        )?;
        self.as_mut().map_or(Ok(()), |state| state.read(from))
    }
}

impl State for EDetector {
    fn write(&self, out: &mut Writer) {
        out.put(&self.evidence());
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        self.resume(from.take()?);
        Ok(())
    }
}

impl State for MixBet {
    fn write(&self, out: &mut Writer) {
        out.put(&self.seen());
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        ensure(self.resume(from.take()?), "its class mix has other classes")
    }
}

impl State for DecayingSum {
    fn write(&self, out: &mut Writer) {
        out.put(self.sum());
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), SnapshotError> {
        ensure(self.resume(from.take()?), "its vectors have another width")
    }
}
