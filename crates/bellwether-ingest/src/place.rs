//! A record's place in any topic, as people write it.

use std::fmt;
use std::str::FromStr;

/// Topic, partition and offset: `predictions/3/1207`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset in it, from 0.
    pub offset: i64,
}

impl Place {
    /// The place, where there can be one.
    pub(crate) fn new(topic: &str, partition: i32, offset: i64) -> Option<Self> {
        (!topic.is_empty() && partition >= 0 && offset >= 0).then(|| Self {
            topic: topic.to_owned(),
            partition,
            offset,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// The text names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is written TOPIC/PARTITION/OFFSET, such as predictions/3/1207")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let place = || {
            let mut parts = text.rsplitn(3, '/');
            let offset = parts.next()?.parse().ok()?;
            let partition = parts.next()?.parse().ok()?;
            Self::new(parts.next()?, partition, offset)
        };
        place().ok_or(NoPlace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place {
            topic: "predictions".into(),
            partition: 3,
            offset: 1207,
        };
        assert_eq!(place.to_string(), "predictions/3/1207");
        assert_eq!("predictions/3/1207".parse(), Ok(place));
        for wrong in ["", "3/1207", "/3/1207", "t/-1/0", "t/0/-1", "t/0/x", "t/0/"] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong}");
        }
    }
}
