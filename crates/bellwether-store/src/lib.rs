//! Parquet in and out: observations, labels and the reference file.
