//! References: register, inspect, activate, roll back.

use super::body::{Body, too_large, unsupported_media_type};
use super::{App, Routes};
use crate::problem::Problem;
use crate::references::{ReferenceRefusal, References, RefusalKind};
use crate::wire::{ActivationView, ReferenceDetailView, ReferenceView, ReferencesView};
use axum::Json;
use axum::body::{Body as Stream, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// The media types of an upload.
const PARQUET: &str = "application/vnd.apache.parquet";
const BYTES: &str = "application/octet-stream";
/// Longest time without a byte of an upload.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time of an upload.
const UPLOAD: Duration = Duration::from_secs(900);
/// Longest body that names a file.
const NAME_BYTES: usize = 4096;
/// A reason is kept with the activation, in a line.
const REASON_CHARACTERS: usize = 500;
/// An upload takes disk and, to be looked at, memory: one at a time.
static UPLOADS: Semaphore = Semaphore::const_new(1);

pub(super) fn routes() -> Routes {
    Routes::default()
        .read(routes!(references))
        .read(routes!(reference))
        .upload(routes!(register))
        .operate(routes!(activate))
        .operate(routes!(roll_back))
}

/// All references that are registered, the newest first.
#[utoipa::path(get, path = "/api/v1/references", tag = "references", responses(
    (status = 200, description = "The references", body = ReferencesView),
    (status = 404, description = "`references_off`: no references.directory is configured"),
    (status = 500, description = "`references_failed`: the directory cannot be read or written"),
))]
async fn references(State(app): State<App>) -> Result<Response, Problem> {
    let keeper = keeper(&app)?;
    let (list, activation) = blocking(move || Ok((keeper.list()?, keeper.activation()))).await?;
    let views = list.iter().map(|r| ReferenceView::new(r, &activation));
    Ok(Json(ReferencesView {
        references: views.collect(),
        activation: ActivationView::new(&activation),
    })
    .into_response())
}

/// One reference, with what it says of its tasks.
#[utoipa::path(get, path = "/api/v1/references/{id}", tag = "references",
    params(("id" = String, Path, description = "SHA-256 of its file, in hex")),
    responses(
        (status = 200, description = "The reference", body = ReferenceDetailView),
        (status = 404, description = "`unknown_reference`: it is not registered; `references_off`: no references.directory is configured"),
        (status = 500, description = "`references_failed`: the directory cannot be read or written"),
    )
)]
async fn reference(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let keeper = keeper(&app)?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let (list, activation) = blocking(move || Ok((keeper.list()?, keeper.activation()))).await?;
    let found = list.iter().find(|reference| reference.id == id);
    let found = found.ok_or_else(|| unknown(&id))?;
    Ok(Json(ReferenceDetailView::new(found, &activation)).into_response())
}

/// A file that is in the directory already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FileToRegister {
    /// Its name in `references.directory`.
    #[schema(min_length = 1)]
    file: String,
}

/// Registers a reference: its bytes as Parquet, or the name of a file in the directory as JSON.
///
/// It is read and made ready before it is accepted, and judges nothing before it is activated.
#[utoipa::path(post, path = "/api/v1/references", tag = "references",
    request_body(content(
        (Vec<u8> = "application/vnd.apache.parquet"),
        (Vec<u8> = "application/octet-stream"),
        (FileToRegister = "application/json"),
    )),
    responses(
        (status = 200, description = "It was registered already", body = ReferenceView),
        (status = 201, description = "It is registered", body = ReferenceView),
        (status = 400, description = "`invalid_body`: the body is not what the route takes"),
        (status = 404, description = "`references_off`: no references.directory is configured"),
        (status = 409, description = "`reference_conflict`: another upload is under way, or as many are registered as may be"),
        (status = 422, description = "`unusable_reference`: it is no reference, damaged, or at odds with the configuration"),
        (status = 500, description = "`references_failed`: the directory cannot be read or written"),
    )
)]
async fn register(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let keeper = keeper(&app)?;
    let kind = media_type(request.headers());
    let (registered, is_new, activation) = match kind.as_deref() {
        Some(PARQUET | BYTES) => {
            let Ok(_permit) = UPLOADS.try_acquire() else {
                return Err(
                    conflict("another upload is under way", "try again when it is over")
                        .retry_after(Duration::from_secs(5)),
                );
            };
            let upload = Upload(keeper.upload());
            let limit = keeper.upload_bytes();
            tokio::time::timeout(UPLOAD, take(request.into_body(), &upload.0, limit))
                .await
                .unwrap_or_else(|_elapsed| Err(too_slow()))?;
            blocking(move || {
                // Removed whatever becomes of it, also where nobody waits any more.
                let (registered, is_new) = keeper.register(&upload.0)?;
                Ok((registered, is_new, keeper.activation()))
            })
            .await?
        }
        Some("application/json") => {
            let (head, body) = request.into_parts();
            let named = tokio::time::timeout(SILENCE, axum::body::to_bytes(body, NAME_BYTES)).await;
            let named = named.map_err(|_elapsed| too_slow())?;
            let named = named.map_err(|_| too_large(format!("a name takes less than {NAME_BYTES} bytes")))?;
            let request = Request::from_parts(head, Stream::from(named));
            let Body(FileToRegister { file }) = Body::from_request(request, &()).await?;
            blocking(move || {
                let (registered, is_new) = keeper.register_file(&file)?;
                Ok((registered, is_new, keeper.activation()))
            })
            .await?
        }
        _ => return Err(unsupported_media_type(PARQUET)),
    };
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(ReferenceView::new(&registered, &activation))).into_response())
}

/// Why something is done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// For whoever asks later.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Judges by this reference from the next turn on, also after a restart.
///
/// The answer comes when it is chosen for good; `in_force` follows when the turn that is under way is over.
#[utoipa::path(post, path = "/api/v1/references/{id}/activate", tag = "references",
    params(("id" = String, Path, description = "SHA-256 of its file, in hex")),
    request_body = Reason,
    responses(
        (status = 200, description = "It is chosen", body = ActivationView),
        (status = 400, description = "`invalid_body`: the body is not what the route takes"),
        (status = 404, description = "`unknown_reference`: it is not registered; `references_off`: no references.directory is configured"),
        (status = 422, description = "`unusable_reference`: it is damaged or at odds with the configuration"),
        (status = 500, description = "`references_failed`: the directory cannot be read or written"),
    )
)]
async fn activate(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    Body(reason): Body<Reason>,
) -> Result<Response, Problem> {
    let keeper = keeper(&app)?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let reason = checked(reason)?;
    let activation = blocking(move || keeper.activate(&id, reason.as_deref())).await?;
    Ok(Json(ActivationView::new(&activation)).into_response())
}

/// Goes back to the reference before.
#[utoipa::path(post, path = "/api/v1/references/rollback", tag = "references",
    request_body = Reason,
    responses(
        (status = 200, description = "The one before is chosen", body = ActivationView),
        (status = 400, description = "`invalid_body`: the body is not what the route takes"),
        (status = 404, description = "`unknown_reference`: the one before is not registered any more; `references_off`: no references.directory is configured"),
        (status = 409, description = "`reference_conflict`: there is none before"),
        (status = 422, description = "`unusable_reference`: it is damaged or at odds with the configuration"),
        (status = 500, description = "`references_failed`: the directory cannot be read or written"),
    )
)]
async fn roll_back(State(app): State<App>, Body(reason): Body<Reason>) -> Result<Response, Problem> {
    let keeper = keeper(&app)?;
    let reason = checked(reason)?;
    let activation = blocking(move || keeper.roll_back(reason.as_deref())).await?;
    Ok(Json(ActivationView::new(&activation)).into_response())
}

/// Where an upload goes; it is removed with this.
struct Upload(PathBuf);

impl Drop for Upload {
    fn drop(&mut self) {
        // It was moved where it was taken.
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "Cannot remove an upload");
        }
    }
}

async fn take(body: Stream, path: &FilePath, limit: u64) -> Result<(), Problem> {
    let failed = |error: std::io::Error| failed(&format!("cannot write the upload: {error}"));
    let mut file = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut chunks = body.into_data_stream();
    let mut taken = 0;
    while let Some(chunk) = next(&mut chunks).await? {
        taken += chunk.len() as u64;
        if taken > limit {
            return Err(too_large(format!(
                "references.max_upload_bytes, {limit}, sets the limit"
            )));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.sync_all().await.map_err(failed)
}

async fn next(chunks: &mut axum::body::BodyDataStream) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(SILENCE, chunks.next()).await {
        Ok(chunk) => chunk.transpose().map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_body",
                format!("the body broke off: {error}"),
                "send it whole",
            )
        }),
        Err(_elapsed) => Err(too_slow()),
    }
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "timeout",
        "the upload took too long",
        format!(
            "send the body without a pause of {} s, and within {} s",
            SILENCE.as_secs(),
            UPLOAD.as_secs()
        ),
    )
    .retry_after(Duration::from_secs(1))
}

/// The media type without its parameters, in small letters.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

fn checked(reason: Reason) -> Result<Option<String>, Problem> {
    let length = reason.reason.as_ref().map_or(0, |text| text.chars().count());
    if length > REASON_CHARACTERS {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            format!("the reason has {length} characters"),
            format!("write at most {REASON_CHARACTERS}"),
        ));
    }
    Ok(reason.reason)
}

fn keeper(app: &App) -> Result<Arc<dyn References>, Problem> {
    app.state.references().cloned().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "references_off",
            "references are not kept here",
            "name a directory in references.directory, and start again",
        )
    })
}

/// Off the threads that serve sockets.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReferenceRefusal> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(refused),
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn refused(refusal: ReferenceRefusal) -> Problem {
    let ReferenceRefusal { kind, what, fix } = refusal;
    let (status, code) = match kind {
        RefusalKind::Unknown => (StatusCode::NOT_FOUND, "unknown_reference"),
        RefusalKind::Unusable => (StatusCode::UNPROCESSABLE_ENTITY, "unusable_reference"),
        RefusalKind::Conflict => (StatusCode::CONFLICT, "reference_conflict"),
        RefusalKind::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "references_failed"),
    };
    Problem::new(status, code, what, fix)
}

fn unknown(id: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_reference",
        format!("no reference `{id}` is registered"),
        "GET /api/v1/references lists them",
    )
}

fn conflict(what: &str, fix: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "reference_conflict", what, fix)
}

fn failed(what: &str) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "references_failed",
        what,
        "look whether references.directory is there and can be written",
    )
}
