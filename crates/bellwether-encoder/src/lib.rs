//! The shared encoder: text in, embeddings out, through candle.
//!
//! Owns reading a sentence-transformers or Hugging Face directory, tokenising, the forward pass, pooling and
//! normalisation, and telling which encoder it is. It is the only crate that knows candle and tokenizers. It does not know
//! events, tasks, references or any statistics. `docs/ENCODER.md` has models, precision, speed and correctness.
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
mod hub;
mod identity;
mod model;
mod options;
mod packed;
#[cfg(any(feature = "cuda", test))]
mod padded;
mod pooling;
mod tokenise;
mod weights;

pub use embeddings::{Embeddings, WordStates};
pub use encoder::Encoder;
pub use error::Error;
pub use hub::{FETCHES_MODELS, model_directory};
pub use identity::EncoderIdentity;
pub use options::{Arithmetic, Device, EncoderOptions, Pooling, Precision};
