//! The HTTP face: the page, the REST API, server-sent events, metrics and health.
