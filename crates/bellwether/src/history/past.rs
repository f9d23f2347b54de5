//! The history as the API asks for it.

use bellwether_api::{PastAnswer, PastError, PastEstimate, PastPage, PastQuery, PastSource, PastWindow};
use bellwether_history::{Error, Page, Query, Reader, VerdictRow, WindowRow};
use bellwether_monitor::{TimelineLine, rfc3339};

/// Answers from the files of the history.
#[derive(Debug)]
pub(super) struct Past(pub(super) Reader);

impl PastSource for Past {
    fn windows(&self, query: PastQuery) -> PastAnswer<'_, PastWindow> {
        Box::pin(async {
            let page = self.0.windows(&asked(query)?).await.map_err(failed)?;
            Ok(answer(page, window))
        })
    }

    fn verdicts(&self, query: PastQuery) -> PastAnswer<'_, TimelineLine> {
        Box::pin(async {
            let page = self.0.verdicts(&asked(query)?).await.map_err(failed)?;
            Ok(answer(page, |row: VerdictRow| row.line()))
        })
    }
}

fn asked(query: PastQuery) -> Result<Query, PastError> {
    let after = query
        .after
        .map(|text| text.parse().map_err(|_| PastError::Cursor(text)));
    Ok(Query {
        task: query.task,
        from_ms: query.from_ms,
        to_ms: query.to_ms,
        after: after.transpose()?,
        limit: query.limit,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn failed(error: Error) -> PastError {
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "The history cannot be read"
    );
    PastError::Unavailable
}

fn answer<R, T>(page: Page<R>, of: impl Fn(R) -> T) -> PastPage<T> {
    PastPage {
        rows: page.rows.into_iter().map(of).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    }
}

fn window(row: WindowRow) -> PastWindow {
    let size = |n: Option<i64>| n.map(i64::unsigned_abs);
    PastWindow {
        window_start: rfc3339(row.window_start),
        window_end: rfc3339(row.window_end),
        task: row.task,
        verdict: row.verdict,
        since: row.since.map(rfc3339),
        confidence: row.confidence,
        summary: row.summary,
        observations: row.observations.unsigned_abs(),
        labels: row.labels.unsigned_abs(),
        label_coverage: row.label_coverage,
        label_delay_seconds: row.label_delay_seconds,
        drift_within_class: row.drift_within_class,
        drift_mix: row.drift_mix,
        far_ratio: row.far_ratio,
        quality_metric: row.quality_metric,
        quality_reference: row.quality_reference,
        quality: PastEstimate {
            value: row.quality,
            low: row.quality_low,
            high: row.quality_high,
            size: size(row.quality_size),
        },
        estimated: PastEstimate {
            value: row.estimated,
            low: row.estimated_low,
            high: row.estimated_high,
            size: size(row.estimated_size),
        },
    }
}
