//! The forward pass on whichever device.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::options::{Device, EncoderOptions, Precision};
use crate::packed::{Memory, PackedModel};
use crate::weights::Weights;
use std::borrow::Cow;

#[cfg(any(feature = "cuda", test))]
use crate::{options::Arithmetic, padded::PaddedModel};

/// A loaded model.
pub(crate) enum Model {
    Packed(Box<PackedModel>),
    #[cfg(any(feature = "cuda", test))]
    Padded(Box<PaddedModel>),
}

impl Model {
    /// From the content of `model.safetensors`.
    pub(crate) fn new(files: &ModelFiles, bytes: &[u8], options: &EncoderOptions) -> Result<Self, Error> {
        let precision = options.precision.unwrap_or(Precision::Float32);
        let weights = Weights::read(&files.weights, bytes, precision)?;
        match options.device {
            Device::Cpu => PackedModel::new(&files.architecture, &weights, options.arithmetic)
                .map(Box::new)
                .map(Self::Packed),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => {
                let device = candle_core::Device::new_cuda(number)?;
                Self::padded(files, &weights, options, precision, device)
            }
            #[cfg(test)]
            Device::Padded => Self::padded(files, &weights, options, precision, candle_core::Device::Cpu),
        }
    }

    #[cfg(any(feature = "cuda", test))]
    fn padded(
        files: &ModelFiles,
        weights: &Weights,
        options: &EncoderOptions,
        precision: Precision,
        device: candle_core::Device,
    ) -> Result<Self, Error> {
        if options.arithmetic == Arithmetic::Integer {
            return Err(Error::CpuOnly {
                what: "arithmetic in whole numbers",
            });
        }
        PaddedModel::new(&files.architecture, weights, precision, device)
            .map(Box::new)
            .map(Self::Padded)
    }

    /// Whether texts of one pass are padded to the longest of them.
    pub(crate) fn pads(&self) -> bool {
        match self {
            Self::Packed(_) => false,
            #[cfg(any(feature = "cuda", test))]
            Self::Padded(_) => true,
        }
    }

    /// Last hidden states of all tokens of the texts, one text after another: `[tokens, hidden]`.
    pub(crate) fn forward<'m>(
        &self,
        texts: &[&[u32]],
        memory: &'m mut Memory,
    ) -> Result<Cow<'m, [f32]>, Error> {
        match self {
            Self::Packed(model) => model.forward(texts, memory).map(Cow::Borrowed),
            #[cfg(any(feature = "cuda", test))]
            Self::Padded(model) => model.forward(texts).map(Cow::Owned),
        }
    }
}
