//! The domain: what is normal, what is seen, and what to say about it.
//!
//! Owns the reference, the scoring of observations against it, the detectors and the diagnosis of each task, the
//! common-shift test of the shared encoder, and the verdicts. Synchronous and deterministic: the same events give the
//! same verdicts, byte for byte. Does no I/O, reads no clock, spawns nothing beyond a data-parallel score.

//!
//! One way through: [`Engine::push_observations`] scores a batch (`score`), the `sequencer` puts it in order of event
//! time, `join` finds labels, the `judge` updates the `task` states and their `signal`s, `diagnosis` says what a task
//! needs by itself, `shared` what is common, and `explain` writes the line.

mod class_loss;
mod config;
mod costs;
mod diagnosis;
mod drift;
mod encoder;
mod engine;
mod evidence;
mod explain;
mod forgetting;
mod group;
mod hashed;
mod join;
mod judge;
mod outcome;
mod prediction;
mod quality;
mod recent;
mod reference;
mod repeats;
mod reports;
mod score;
mod selection;
mod sequencer;
mod shared;
mod signal;
mod slices;
mod snapshot;
mod status;
mod switch;
mod task;
mod texts;
mod timeline;
mod verdict;
mod windows;
mod witness;
mod work;

pub use config::{MAX_SLICE_ATTRIBUTES, MonitorConfig, Seasons};
pub use costs::{CostStatus, Costs, RemedyCost};
pub use drift::{ClassDrift, DriftDirection, DriftMap, DriftReport, DriftSplit, DriftTest, MapPoint};
pub use encoder::{
    Aspect, Canary, CheckSource, Difference, EncoderCounts, EncoderFault, EncoderIdentity, EncoderReference,
    EncoderStatus, OtherEncoderStatus, Variant, differences, direction_distance,
};
pub use engine::Engine;
pub use evidence::{Evidence, EvidenceError};
pub use forgetting::{ComparedTask, ForgettingConfig, ForgettingStatus, TaskForgetting, compare};
pub use join::{PendingError, PendingStore};
pub use quality::{
    ClassStatus, ConfusionStatus, Disagreement, MeasuredReference, MetricStatus, ProbabilityCalibration,
    QualityReport, ReliabilityCurve, ReliabilityPoint, Selection, StratumStatus, UnlabelledEstimate,
};
pub use reference::{
    FORMAT_VERSION, Reference, ReferenceError, ReferenceManifest, ReferenceQuality, ReferenceRows,
    ReferenceSlice, Score, SelfPlay, SliceStatistic, TaskReference, build,
};
pub use reports::TaskReports;
pub use snapshot::SnapshotError;
pub use status::{
    Estimate, Interval, ModelStatus, NoveltyStatus, PipelineCounts, QualityStatus, SignalStatus, SliceStatus,
    TaskStatus,
};
pub use switch::Switch;
pub use texts::{KeepNoText, KeepText};
pub use timeline::{StoredLine, TimelineLine, rfc3339};
pub use verdict::Verdict;
pub use windows::{ClosedWindow, KeptWindows, TaskCounts, WindowCounts, WindowCutter};
pub use work::{AffectedTask, Known, WorkMaterial, WorkRow};
