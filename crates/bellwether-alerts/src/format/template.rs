//! A body of the owner's own making: a template in the language of Jinja over the webhook's body.

use super::Request;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;
use std::sync::Arc;

/// Steps that a template may take: one without end is stopped.
const FUEL: u64 = 1_000_000;
const NAME: &str = "template";

/// A template that was read and found sound.
#[derive(Debug, Clone)]
pub struct Template {
    environment: Arc<Environment<'static>>,
    text: String,
    content_type: String,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.content_type == other.content_type
    }
}

/// What is wrong with a template.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl Template {
    /// Reads a template; `content_type` is what it makes, such as `application/json`.
    ///
    /// # Errors
    /// [`TemplateError`] with the line where it is no template.
    pub fn new(text: impl Into<String>, content_type: impl Into<String>) -> Result<Self, TemplateError> {
        let text = text.into();
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // What is misspelt is found out by `check` and the test alert, and not by a message with a hole in it.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .add_template_owned(NAME, text.clone())
            .map_err(|error| problem(&error))?;
        Ok(Self {
            environment: Arc::new(environment),
            text,
            content_type: content_type.into(),
        })
    }

    /// The body for a notice.
    pub(super) fn request(&self, body: &Value) -> Result<Request, TemplateError> {
        let template = self
            .environment
            .get_template(NAME)
            .map_err(|error| problem(&error))?;
        let text = template
            .render(minijinja::value::Serde(body))
            .map_err(|error| problem(&error))?;
        Ok(Request {
            path: String::new(),
            headers: vec![("content-type".to_owned(), self.content_type.clone())],
            body: text.into_bytes(),
        })
    }
}

fn problem(error: &minijinja::Error) -> TemplateError {
    let line = error
        .line()
        .map(|line| format!("line {line}: "))
        .unwrap_or_default();
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    TemplateError(format!("{line}{}{detail}", error.kind()))
}
