//! Pure numbers: conformal scores, two-sample statistics, sequential detectors, quality metrics.
