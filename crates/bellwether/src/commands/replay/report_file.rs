//! The report of a replay: what the page would show at its end, as one HTML file, whole or not at all.

use crate::cli::ReplayArgs;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::sinks::Sinks;
use crate::work_sets::ShownWorkSets;
use bellwether_api::{ApiConfig, ApiState, ReportOptions};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Lines of the timeline that a report draws its bands from: a recording is told from its beginning.
const LINES: usize = 100_000;

/// A report that is to be written.
pub(super) struct ReportFile {
    path: PathBuf,
    file: NamedTempFile,
    api: ApiState,
    command: String,
}

impl ReportFile {
    /// Begins the file beside its place, so that a directory that cannot be written is known before the replay.
    pub(super) fn start(args: &ReplayArgs) -> Result<Option<Self>, Failure> {
        let Some(path) = args.report.clone() else {
            return Ok(None);
        };
        let file = beside(&path).map_err(|error| failed(&path, &error))?;
        let api = ApiState::new(ApiConfig {
            timeline_lines: LINES,
            ..ApiConfig::default()
        });
        Ok(Some(Self {
            path,
            file,
            api,
            command: command(args),
        }))
    }

    /// The sinks that feed it as well.
    pub(super) fn listen(&self, sinks: Sinks) -> Sinks {
        Sinks {
            alerts: Some(self.api.alerts().clone()),
            api: Some(self.api.clone()),
            ..sinks
        }
    }

    /// Shows these work sets: their groups have words and examples.
    pub(super) fn show_work_sets(&self, sets: ShownWorkSets) {
        self.api.show_work_sets(Arc::new(sets));
    }

    /// Writes it as the replay stands, and puts it in its place.
    pub(super) fn finish(mut self, pipeline: &mut Pipeline) -> Result<PathBuf, Failure> {
        pipeline.publish_end();
        let manifest = pipeline.engine().reference().manifest();
        let options = ReportOptions {
            encoder_version: manifest.encoder_version.clone(),
            model_version: manifest.model_version.clone(),
            command: self.command,
            ..ReportOptions::default()
        };
        let html = tokio::task::block_in_place(|| self.api.report(options));
        let html = html.ok_or_else(|| Failure::at_work("there is no state to report"))?;
        let written = self
            .file
            .write_all(html.as_bytes())
            .and_then(|()| self.file.as_file().sync_all());
        written.map_err(|error| failed(&self.path, &error))?;
        self.file
            .persist(&self.path)
            .map_err(|error| failed(&self.path, &error.error))?;
        Ok(self.path)
    }
}

/// A file that goes away with this process unless it is put in its place.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".report-").suffix(".html");
    // As any file that is made: the user's mask decides who may read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory.unwrap_or(Path::new(".")))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::at_work(format!("cannot write the report {}", path.display()))
        .because(error)
        .fix("choose a file in a directory that exists and can be written")
}

/// The command that makes the report again. Where its files go is not in it: the same replay gives the same report anywhere.
fn command(args: &ReplayArgs) -> String {
    let mut command = "bellwether replay".to_owned();
    let mut add = |name: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = write!(command, " {name}");
        if !value.is_empty() {
            let _ = write!(command, " {}", quoted(value));
        }
    };
    for reference in &args.reference {
        add("--reference", &reference.to_string_lossy());
    }
    let files = [
        ("--observations", &args.observations),
        ("--labels", &args.labels),
        ("--encoder", &args.encoder),
        ("--config", &args.config),
    ];
    for (name, path) in files {
        if let Some(path) = path {
            add(name, &path.to_string_lossy());
        }
    }
    if args.from_kafka {
        add("--from-kafka", "");
    }
    add("--timeline", "timeline.jsonl");
    add("--report", "report.html");
    command
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        assert_eq!(quoted("data/events.parquet"), "data/events.parquet");
        assert_eq!(quoted("my events.parquet"), "'my events.parquet'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
