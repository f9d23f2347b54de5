//! What state was remembered by.

use crate::config::{MonitorConfig, Seasons};
use serde::Serialize;

/// Settings without which what is remembered means something else: bounds that bets were placed against, memories, what is
/// cut into slices. Every other setting decides on what is remembered, and may change over a restart.
#[derive(Serialize)]
struct Shaping<'a> {
    tolerances: [f64; 9],
    half_lives: [f64; 2],
    label_retention_ms: i64,
    slice_attributes: &'a [String],
    max_slice_attributes: usize,
    max_slices: usize,
    utc_offset_ms: Option<i64>,
}

impl<'a> Shaping<'a> {
    /// Names every setting, so that whoever adds one decides on which side it is.
    fn of(config: &'a MonitorConfig) -> Self {
        let MonitorConfig {
            loss_tolerance,
            novelty_tolerance,
            text_form_tolerance,
            confidence_tolerance,
            movement_tolerance,
            unknown_label_tolerance,
            mix_tolerance_nats,
            residual_tolerance,
            reference_margin_se,
            half_life,
            witness_half_life,
            label_retention_ms,
            slice_attributes,
            max_slice_attributes,
            max_slices,
            seasons,
            average_run_length: _,
            watch_run_length: _,
            min_observations: _,
            stride: _,
            window: _,
            default_window: _,
            group_size: _,
            group_minimum: _,
            persistence_hours: _,
            damage_share: _,
            damage_shift: _,
            clearing_labels: _,
            recovery_ratio: _,
            mix_hold_hours: _,
            hold_hours: _,
            shared_ratio: _,
            shared_cosine: _,
            allowed_lateness_ms: _,
            max_pending: _,
            max_pending_in_memory: _,
            probability_classes: _,
            slice_min_observations: _,
            forgetting: _,
            work_sets: _,
            text_retention_ms: _,
            costs: _,
        } = config;
        Self {
            tolerances: [
                *loss_tolerance,
                *novelty_tolerance,
                *text_form_tolerance,
                *confidence_tolerance,
                *movement_tolerance,
                *unknown_label_tolerance,
                *mix_tolerance_nats,
                *residual_tolerance,
                *reference_margin_se,
            ],
            half_lives: [*half_life, *witness_half_life],
            label_retention_ms: *label_retention_ms,
            slice_attributes,
            max_slice_attributes: *max_slice_attributes,
            max_slices: *max_slices,
            utc_offset_ms: match seasons {
                Seasons::Off => None,
                Seasons::Learn { utc_offset_ms } => Some(*utc_offset_ms),
            },
        }
    }
}

/// Equal for configurations under which a state means the same.
pub(super) fn fingerprint(config: &MonitorConfig) -> u64 {
    let mut out = super::Writer::default();
    out.put(&Shaping::of(config));
    twox_hash::XxHash3_64::oneshot(&out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shapes_state_counts_and_what_decides_on_it_does_not() {
        let config = MonitorConfig::default;
        let of = |config: MonitorConfig| fingerprint(&config);
        assert_eq!(
            of(config()),
            of(MonitorConfig {
                hold_hours: 7.0,
                average_run_length: 1e9,
                ..config()
            })
        );
        for changed in [
            MonitorConfig {
                half_life: 51.0,
                ..config()
            },
            MonitorConfig {
                novelty_tolerance: 0.02,
                ..config()
            },
            MonitorConfig {
                slice_attributes: vec!["language".to_owned()],
                ..config()
            },
            MonitorConfig {
                seasons: Seasons::Off,
                ..config()
            },
        ] {
            assert_ne!(of(config()), of(changed));
        }
    }
}
