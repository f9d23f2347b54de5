//! The shared encoder: text in, embeddings out, through candle.
//!
//! Owns reading a sentence-transformers or Hugging Face directory, tokenising, the forward pass, pooling and
//! normalisation, all on the CPU. It is the only crate that knows candle and tokenizers. It does not know events, tasks,
//! references or any statistics, and it never fetches a model: the directory is the caller's.
//! Start from [`Encoder`].
//!
//! ```no_run
//! # fn main() -> Result<(), bellwether_encoder::Error> {
//! use bellwether_encoder::Encoder;
//!
//! let encoder = Encoder::load("models/all-MiniLM-L6-v2")?;
//! let embeddings = encoder.encode(&["where is my parcel", "i was charged twice"])?;
//! assert_eq!(embeddings.row(0).len(), encoder.dim());
//! # Ok(())
//! # }
//! ```

mod architecture;
mod embeddings;
mod encoder;
mod error;
mod files;
mod identity;
mod options;
mod packed;
mod pooling;
mod tokenise;
mod weights;

pub use embeddings::{Embeddings, WordStates};
pub use encoder::Encoder;
pub use error::Error;
pub use identity::EncoderIdentity;
pub use options::{Arithmetic, Device, EncoderOptions, Pooling, Precision};
