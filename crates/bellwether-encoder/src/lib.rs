//! The shared encoder: text in, embeddings out, through candle.
