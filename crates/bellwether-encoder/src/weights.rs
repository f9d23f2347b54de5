//! The tensors of `model.safetensors` by the family's names, in whatever precision and under whatever prefix they lie.

use crate::error::Error;
use crate::options::Precision;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Ends of the names by which a family's table of word vectors is found, whatever stands before them.
const WORD_TABLES: [&str; 2] = [
    "embeddings.word_embeddings.weight",
    "embeddings.tok_embeddings.weight",
];

/// All tensors of the file.
pub(crate) struct Weights {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
    prefix: String,
    precision: Precision,
}

impl Weights {
    /// Reads a safetensors file, whose content is `bytes`.
    pub(crate) fn read(path: &Path, bytes: &[u8], precision: Precision) -> Result<Self, Error> {
        let failed = |source| Error::Weights {
            path: path.to_path_buf(),
            source: Box::new(source),
        };
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(failed)?;
        // A model saved with a head has its encoder under a name of its own, such as `bert.`.
        let prefix = tensors
            .keys()
            .filter_map(|name| WORD_TABLES.iter().find_map(|table| name.strip_suffix(table)))
            .min_by_key(|prefix| prefix.len())
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            path: path.to_path_buf(),
            tensors,
            prefix,
            precision,
        })
    }

    /// All tensors as they lie in the file, under their names without the prefix.
    #[cfg(any(feature = "cuda", test))]
    pub(crate) fn stripped(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let all = self.tensors.iter();
        all.filter_map(|(name, tensor)| Some((name.strip_prefix(self.prefix.as_str())?, tensor)))
    }

    /// The numbers of a tensor of exactly this shape, row-major, rounded to the precision.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let mut values = self
            .tensor(name, shape)?
            .to_dtype(DType::F32)
            .and_then(|tensor| tensor.flatten_all()?.to_vec1::<f32>())
            .map_err(|source| self.failed(source))?;
        self.precision.round(&mut values);
        Ok(values)
    }

    /// The first row of a table of any length, rounded to the precision.
    pub(crate) fn first_row(&self, name: &str, width: usize) -> Result<Vec<f32>, Error> {
        let rows = self.find(name).and_then(|table| table.dims().first().copied());
        let mut values = self.values(name, &[rows.unwrap_or(1).max(1), width])?;
        values.truncate(width);
        Ok(values)
    }

    /// A tensor of exactly this shape as it lies in the file.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&Tensor, Error> {
        let found = self.find(name);
        match found {
            Some(tensor) if tensor.dims() == shape => Ok(tensor),
            _ => Err(Error::Tensor {
                path: self.path.clone(),
                name: format!("{}{name}", self.prefix),
                expected: shape.to_vec(),
                found: found.map(|tensor| tensor.dims().to_vec()),
            }),
        }
    }

    pub(crate) fn failed(&self, source: candle_core::Error) -> Error {
        Error::Weights {
            path: self.path.clone(),
            source: Box::new(source),
        }
    }

    fn find(&self, name: &str) -> Option<&Tensor> {
        let full = format!("{}{name}", self.prefix);
        self.tensors.get(&full).or_else(|| {
            // Files converted from the first release of BERT call the parts of a normalisation so.
            let old = match full.strip_suffix("LayerNorm.weight") {
                Some(stem) => format!("{stem}LayerNorm.gamma"),
                None => format!("{}LayerNorm.beta", full.strip_suffix("LayerNorm.bias")?),
            };
            self.tensors.get(&old)
        })
    }
}
