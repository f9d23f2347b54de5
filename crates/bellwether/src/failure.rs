//! What went wrong, in the form a person can act on.

use std::error::Error;
use std::fmt::Write;

/// A failure of a command: what, cause, fix, and whose fault it is.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    fix: Option<String>,
    usage: bool,
}

impl Failure {
    /// A failure at work: exit code 1.
    pub(crate) fn at_work(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            causes: Vec::new(),
            fix: None,
            usage: false,
        }
    }

    /// Bad usage or configuration: exit code 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::at_work(what)
        }
    }

    /// With an error and everything below it as the cause.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// With what to do about it.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// An error of our own that knows what to do about it.
    fn with_fix(error: &dyn Error, fix: Option<impl Into<String>>) -> Self {
        let failure = Self::at_work(error.to_string());
        let failure = match error.source() {
            Some(source) => failure.because(source),
            None => failure,
        };
        match fix {
            Some(fix) => failure.fix(fix),
            None => failure,
        }
    }

    /// 1 for a failure at work, 2 for bad usage or configuration.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }

    /// The cause, from the nearest to the deepest; what failed where there is none.
    pub(crate) fn cause(&self) -> String {
        if self.causes.is_empty() {
            self.what.clone()
        } else {
            self.causes.join(": ")
        }
    }

    /// What to do about it, if anything is known.
    pub(crate) fn remedy(&self) -> Option<&str> {
        self.fix.as_deref()
    }

    /// The report: `error:`, `cause:`, `fix:`.
    pub(crate) fn report(&self) -> String {
        let mut out = format!("error: {}\n", self.what);
        if !self.causes.is_empty() {
            let _infallible = writeln!(out, "cause: {}", self.cause());
        }
        if let Some(fix) = &self.fix {
            let _infallible = writeln!(out, "fix:   {fix}");
        }
        out
    }
}

impl From<bellwether_alerts::Error> for Failure {
    fn from(error: bellwether_alerts::Error) -> Self {
        Self::with_fix(&error, Some(error.fix()))
    }
}

impl From<bellwether_store::StateError> for Failure {
    fn from(error: bellwether_store::StateError) -> Self {
        Self::with_fix(&error, error.fix())
    }
}

impl From<bellwether_store::EmbedError> for Failure {
    fn from(error: bellwether_store::EmbedError) -> Self {
        let fix = error.fix();
        match error {
            bellwether_store::EmbedError::Input(error) => error.into(),
            error => Self::with_fix(&error, fix),
        }
    }
}

impl From<bellwether_store::Error> for Failure {
    fn from(error: bellwether_store::Error) -> Self {
        Self::with_fix(&error, error.fix())
    }
}
