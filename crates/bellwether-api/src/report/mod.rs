//! The report: what the page shows of a period, as one HTML file without script, to mail and to print.
//!
//! It is made from the state that the API answers from, so that both agree, and reads no clock: the same state gives the same
//! bytes. Pictures are SVG in the text. What users wrote (names, labels, texts) goes through `maud`, which escapes it.

mod chart;
mod course;
mod details;
mod drift;
mod encoder;
mod facts;
mod fleet;
mod happenings;
mod lanes;
mod map;
mod novel;
mod page;
mod parts;
mod quality;
mod words;

use crate::state::ApiState;
use facts::Facts;

/// What a report is made of, and what it says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// First moment of event time, in milliseconds since the epoch; the oldest that is held without.
    pub from_ms: Option<i64>,
    /// Last moment; the newest judgement without.
    pub to_ms: Option<i64>,
    /// When it was written, by the clock, in milliseconds since the epoch; `None` where equal inputs are to give equal bytes.
    pub written_ms: Option<i64>,
    /// Version of the encoder behind the reference, where it is known.
    pub encoder_version: Option<String>,
    /// Version of the model behind the reference, where it is known.
    pub model_version: Option<String>,
    /// What makes it again: a command or a request.
    pub command: String,
}

impl ApiState {
    /// The report as HTML, in UTF-8; `None` before the first status. Reads the work sets that are shown, which may be files: not
    /// to be called on a thread that serves sockets.
    #[must_use]
    pub fn report(&self, options: ReportOptions) -> Option<String> {
        let facts = Facts::gather(self, options)?;
        Some(page::document(&facts).into_string())
    }

    /// The options with what is known of the reference in force, where references are kept. Reads files.
    pub(crate) fn with_versions(&self, options: ReportOptions) -> ReportOptions {
        let in_force = self.references().and_then(|references| {
            let id = references.activation().in_force?;
            references.list().ok()?.into_iter().find(|known| known.id == id)
        });
        match in_force {
            Some(reference) => ReportOptions {
                encoder_version: reference.encoder_version,
                model_version: reference.model_version,
                ..options
            },
            None => options,
        }
    }
}
