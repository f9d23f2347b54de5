//! Pure numbers: conformal scales, sequential detectors, similarity, quality metrics and their intervals.
//!
//! Nothing here does I/O, reads a clock, logs, spawns or keeps global state; randomness enters as a seed only. What a number
//! means in the product is the monitor's business. Start from [`EDetector`] for evidence over time, from
//! [`ConformalScale`] for one observation against a reference, and from [`ClassMetric`], [`ClassProbabilities`] and
//! [`PredictedNumbers`] for quality; [`Weights`] says what each label counts for.
//!
//! ```
//! use bellwether_stats::{EDetector, ln_threshold};
//! // Bounded losses whose mean under the null is at most 0.1.
//! let mut detector = EDetector::bounded(0.1);
//! for i in 0..400 {
//!     let loss = if i % 2 == 0 { 1.0 } else { 0.0 };
//!     detector.observe(loss, i, 1000 * i as i64);
//! }
//! assert!(detector.log_e_value() > ln_threshold(1e6));
//! ```

mod calibration;
mod classification;
mod clusters;
mod conformal;
mod contamination;
mod decaying;
mod edetector;
mod error;
mod fixed_rows;
mod interval;
mod logistic;
mod mean_shift;
mod mix;
mod nearest;
mod precision;
mod principal;
mod projection;
mod recovery;
mod regression;
mod similarity;
mod spans;
mod trigrams;

mod atc;
mod bound;
mod cbpe;
mod cholesky;
mod class_interval;
mod class_measures;
mod domain_classifier;
mod hadamard;
mod importance;
mod kernel_features;
mod label_shift;
mod mahalanobis;
mod mean_split;
mod measured;
mod permutation;
mod probability;
mod random_features;
mod ranking;
mod regression_quality;
mod reliability;
mod rise;
mod search;
mod selective;
mod shift;
mod side_by_side;
mod space;
mod span_quality;
mod temperature;
mod tokens;
mod two_sample;
mod weights;

pub use bound::upper_mean;
pub use calibration::Isotonic;
pub use classification::{Confusion, accuracy, macro_f1};
pub use clusters::{average_linkage, average_linkage_sizes, effective_clusters};
pub use conformal::ConformalScale;
pub use contamination::{ContaminationBet, foreign_share_below};
pub use decaying::DecayingSum;
pub use edetector::{BETS, EDetector, Evidence, KAPPA, Onset, ln_threshold};
pub use error::Error;
pub use fixed_rows::{FixedRows, FixedVector, Steps};
pub use interval::{Interval95, mean_interval, poisson_binomial_interval, span_f1_interval, wilson_interval};
pub use logistic::{LogisticModel, Standardiser};
pub use mean_shift::{mean_residual, squared_mean_shift};
pub use mix::{MixBet, MixSeen, total_variation, total_variation_noise};
pub use nearest::{IDENTICAL_COSINE, NearestMemory, NearestSimilarity};
pub use precision::Precision;
pub use principal::principal_directions;
pub use projection::{ProjectedRows, ProjectionMemory};
pub use recovery::RecoveryTest;
pub use regression::{RegressionBet, mean_absolute_error};
pub use shift::ShiftBet;
pub use similarity::{inner_product, normalise, pairwise_cosines};
pub use space::{PrincipalSpace, SpaceMemory, TOGETHER};
pub use spans::{SpanCounts, Tag, TagScheme, span_counts};

pub use atc::ThresholdedConfidence;
pub use cbpe::{Unlabelled, expected_auroc};
pub use class_interval::ClassMetric;
pub use class_measures::{ClassMeasures, class_measures};
pub use classification::{
    ClassScores, balanced_accuracy, class_scores, matthews_correlation, micro_f1, weighted_f1,
};
pub use domain_classifier::domain_classifier_auc;
pub use hadamard::walsh_hadamard;
pub use importance::{ImportanceWeighted, density_ratios, importance_weighted_accuracy};
pub use kernel_features::{KernelFeatures, StructuredFeatures};
pub use label_shift::label_shift_ratios;
pub use mahalanobis::Mahalanobis;
pub use mean_split::{ClassMoments, ClassMovement, MeanSplit, WithError, mean_split};
pub use measured::{Measured, weighted_mean_interval};
pub use permutation::{PermutationTest, Shuffles};
pub use probability::{ClassProbabilities, most_likely, negative_entropy};
pub use random_features::{FeatureMean, OrthogonalFeatures};
pub use ranking::BinaryScores;
pub use regression_quality::{PredictedNumbers, interval_coverage};
pub use reliability::{Binning, Reliability, ReliabilityBin, reliability};
pub use rise::{LossCounts, log_e_rise, losses_to_exclude_rise};
pub use selective::{SelectionWeights, equal_rates_p_value, stratified_weights, weights_of_strata};
pub use span_quality::{SpanQuality, span_quality};
pub use spans::add_span_counts_by_type;
pub use temperature::TemperatureScaling;
pub use tokens::{TokenCounts, token_accuracy, token_counts};
pub use trigrams::Trigrams;
pub use two_sample::{Estimator, median_distance, squared_energy_distance, squared_mmd};
pub use weights::Weights;
