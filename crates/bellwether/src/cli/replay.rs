//! `bellwether replay`.

use super::Output;
use bellwether_ingest::{Bound, Place};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The reference; that of the configuration without, where records come from Kafka. Given several times: the first one,
    /// and those of other encoder versions that the stream goes over to
    #[arg(long, value_name = "REF", required_unless_present = "from_kafka")]
    pub(crate) reference: Vec<PathBuf>,
    /// Observations: Parquet, Arrow IPC or JSON lines
    #[arg(long, value_name = "FILE", required_unless_present = "from_kafka")]
    pub(crate) observations: Option<PathBuf>,
    /// Labels, in the same formats
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Read the topics of the configuration instead of files, beside the live monitor: its group is not joined, nothing is committed
    #[arg(long, requires = "config", conflicts_with_all = ["observations", "labels"])]
    pub(crate) from_kafka: bool,
    /// Where to begin in the topics: `earliest`, a time in RFC 3339 (of the records' Kafka timestamps), or offsets such as
    /// `predictions/0/1200,labels/0/80`; partitions that are not named are read from their oldest record
    #[arg(
        long,
        value_name = "WHEN",
        requires = "from_kafka",
        default_value = "earliest"
    )]
    pub(crate) from: Moment,
    /// Where to end, which is not read any more: `latest`, a time, or offsets; partitions that are not named are read to their end
    #[arg(long, value_name = "WHEN", requires = "from_kafka", default_value = "latest")]
    pub(crate) to: Moment,
    /// Where to write the changes of state, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline: PathBuf,
    /// Also write a report: one HTML file of all tasks and their pictures, without script, to mail and to print
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The model directory of the encoder, where events come as text; that of the configuration without
    #[arg(long, value_name = "DIR")]
    pub(crate) encoder: Option<PathBuf>,
    /// Also write a work set of each alarm into this directory: what to label and train on
    #[arg(long, value_name = "DIR")]
    pub(crate) work_sets: Option<PathBuf>,
    /// Directory to which windows, quality, signals and verdicts are written as Parquet; windows that are there stay as they are
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// Settings of the monitor; the shipped ones without. With `--from-kafka` also brokers, topics and formats
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Threads that score; all cores without
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// A bound of a stretch of the topics, as the user writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Bound);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self(Bound::Earliest)),
            "latest" => return Ok(Self(Bound::Latest)),
            _ => {}
        }
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(Bound::Time(time.as_millisecond())));
        }
        let mut offsets = BTreeMap::new();
        for part in text.split(',') {
            let place: Place = part.trim().parse().map_err(|_| {
                "`earliest`, `latest`, a time such as 2026-03-14T15:00:00Z, or offsets such as predictions/0/1200,labels/0/80 are needed"
                    .to_owned()
            })?;
            let twice = offsets.insert((place.topic, place.partition), place.offset);
            if twice.is_some() {
                return Err(format!("`{}` names a partition twice", part.trim()));
            }
        }
        Ok(Self(Bound::Offsets(offsets)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_end_a_time_or_offsets() {
        let of = |text: &str| text.parse::<Moment>().map(|moment| moment.0);
        assert_eq!(of("earliest"), Ok(Bound::Earliest));
        assert_eq!(of("latest"), Ok(Bound::Latest));
        assert_eq!(of("1970-01-01T00:00:01.5Z"), Ok(Bound::Time(1_500)));
        let offsets = BTreeMap::from([(("p".to_owned(), 0), 12), (("p".to_owned(), 1), 8)]);
        assert_eq!(of("p/0/12, p/1/8"), Ok(Bound::Offsets(offsets)));
        for wrong in ["", "yesterday", "2026-03-14", "p/0", "p/0/12,p/0/13", "p/0/-1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
