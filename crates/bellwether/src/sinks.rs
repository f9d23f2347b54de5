//! Where changes of state go: file, topic, API, terminal.

use crate::failure::Failure;
use crate::report::LineReporter;
use crate::verdicts::VerdictTopic;
use bellwether_api::{ApiState, PipelineMetrics};
use bellwether_monitor::{ModelStatus, TimelineLine};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// All sinks of one run; each is optional.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    pub(crate) timeline: Option<TimelineFile>,
    pub(crate) verdicts: Option<VerdictTopic>,
    pub(crate) api: Option<ApiState>,
    pub(crate) terminal: Option<LineReporter>,
}

impl Sinks {
    /// Gives changes of state to every sink, the durable ones first.
    pub(crate) async fn lines(&mut self, lines: &[TimelineLine]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.write(lines)?;
        }
        if let Some(verdicts) = &self.verdicts {
            for line in lines {
                verdicts.publish(line, &to_json(line)?).await?;
            }
        }
        if let Some(api) = &self.api {
            api.push_lines(lines);
        }
        if let Some(terminal) = &self.terminal {
            terminal.lines(lines);
        }
        Ok(())
    }

    pub(crate) fn status(&self, status: ModelStatus) {
        if let Some(api) = &self.api {
            api.publish(status);
        }
    }

    pub(crate) fn metrics(&self, metrics: PipelineMetrics) {
        if let Some(api) = &self.api {
            api.pipeline(metrics);
        }
    }
}

fn to_json(line: &TimelineLine) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(line)
        .map_err(|error| Failure::at_work("cannot write a verdict as JSON").because(&error))
}

/// The timeline as JSON lines.
#[derive(Debug)]
pub(crate) struct TimelineFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl TimelineFile {
    /// Starts an empty timeline at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Self::failure(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    /// Goes on with the timeline at `path`, or starts it.
    pub(crate) fn append(path: &Path) -> Result<Self, Failure> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| Self::failure(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    fn write(&mut self, lines: &[TimelineLine]) -> Result<(), Failure> {
        for line in lines {
            let mut body = to_json(line)?;
            body.push(b'\n');
            self.file
                .write_all(&body)
                .map_err(|error| Self::failure(&self.path, &error))?;
        }
        self.file
            .flush()
            .map_err(|error| Self::failure(&self.path, &error))
    }

    fn failure(path: &Path, error: &std::io::Error) -> Failure {
        Failure::at_work(format!("cannot write the timeline {}", path.display()))
            .because(error)
            .fix("choose a file in a directory that exists and can be written")
    }
}
