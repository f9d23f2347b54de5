//! Where changes of state go: file, topic, API, terminal.

use crate::config::Config;
use crate::failure::Failure;
use crate::report::LineReporter;
use crate::state::{Bookmark, FileEnd, WrittenLines};
use crate::verdicts::VerdictTopic;
use crate::work_sets::{WorkSetFolder, WorkSets};
use bellwether_alerts::Alerts;
use bellwether_api::{ApiState, PipelineMetrics};
use bellwether_monitor::{ModelStatus, TimelineLine, WorkMaterial};
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// How every line of a timeline begins.
const FIRST: &[u8] = b"{\"timestamp\":\"";

/// All sinks of one run; each is optional.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    pub(crate) timeline: Option<TimelineFile>,
    pub(crate) verdicts: Option<VerdictTopic>,
    pub(crate) api: Option<ApiState>,
    pub(crate) terminal: Option<LineReporter>,
    pub(crate) work_sets: Option<WorkSets>,
    pub(crate) alerts: Option<Alerts>,
}

impl Sinks {
    /// Those that a configuration names.
    pub(crate) fn open(
        config: &Config,
        api: ApiState,
        alerts: Alerts,
        terminal: LineReporter,
    ) -> Result<Self, Failure> {
        Ok(Self {
            timeline: config.timeline.as_deref().map(TimelineFile::append).transpose()?,
            verdicts: VerdictTopic::new(&config.kafka, config.verdicts_format)?,
            api: Some(api),
            terminal: Some(terminal),
            work_sets: work_sets(config)?,
            alerts: Some(alerts),
        })
    }

    /// Gives changes of state to every sink, the durable ones first.
    pub(crate) async fn lines(&mut self, lines: &[TimelineLine]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(timeline) = &mut self.timeline {
            timeline.write(lines)?;
        }
        if let Some(verdicts) = &mut self.verdicts {
            for line in lines {
                verdicts.publish(line, &to_json(line)?).await?;
            }
        }
        if let Some(alerts) = &self.alerts {
            // It waits for the disk.
            tokio::task::block_in_place(|| alerts.lines(lines));
        }
        if let Some(api) = &self.api {
            api.push_lines(lines);
        }
        if let Some(terminal) = &self.terminal {
            terminal.lines(lines);
        }
        Ok(())
    }

    /// Writes the work sets of alarms. They are durable when this returns, before the checkpoint that passes their alarms.
    pub(crate) fn work(&mut self, material: Vec<WorkMaterial>) -> Result<(), Failure> {
        match &mut self.work_sets {
            Some(sets) => tokio::task::block_in_place(|| sets.accept(material)),
            None => Ok(()),
        }
    }

    /// Goes on where the bookmark says, or begins; what was written after it is not written again. Waits for brokers that
    /// are away.
    pub(crate) async fn resume(
        &mut self,
        kafka: &bellwether_ingest::Config,
        bookmark: &Bookmark,
    ) -> Result<(), Failure> {
        if let (Some(timeline), Some(end)) = (&mut self.timeline, &bookmark.timeline) {
            timeline.resume(end)?;
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.resume(kafka, bookmark.verdicts.as_ref()).await?;
        }
        if let (Some(alerts), Some(mark)) = (&self.alerts, &bookmark.alerts) {
            tokio::task::block_in_place(|| alerts.resume(mark));
        }
        Ok(())
    }

    /// Makes what was written durable, and notes where to go on.
    pub(crate) fn settle(&mut self, bookmark: &mut Bookmark) -> Result<(), Failure> {
        bookmark.timeline = self.timeline.as_mut().map(TimelineFile::settle).transpose()?;
        bookmark.verdicts = self.verdicts.as_mut().map(VerdictTopic::settle);
        bookmark.alerts = self.alerts.as_ref().map(Alerts::mark);
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

fn work_sets(config: &Config) -> Result<Option<WorkSets>, Failure> {
    let sets = config.work_sets.as_ref();
    let folder = sets
        .map(|sets| WorkSetFolder::open(sets, &config.texts))
        .transpose()?;
    Ok(folder.map(WorkSets::Folder))
}

/// Cuts off a last line of ours that a crash has left half written, and says how long the file is then.
fn end_of_last_line(file: &mut File) -> std::io::Result<u64> {
    const BLOCK: u64 = 4096;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|&byte| byte == b'\n') {
            end = start + last as u64 + 1;
            break;
        }
        end = start;
    }
    if end == length {
        return Ok(end);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    Read::by_ref(file)
        .take(FIRST.len() as u64)
        .read_to_end(&mut rest)?;
    if FIRST.starts_with(&rest) {
        file.set_len(end)?;
        return Ok(end);
    }
    // Somebody else's text: it is not ours to take away.
    file.write_all(b"\n")?;
    Ok(length + 1)
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
    bytes: u64,
    written: WrittenLines,
    /// How long the file was when nothing was left in `written`.
    settled: u64,
}

impl TimelineFile {
    /// Starts an empty timeline at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Self::failure(path, &error))?;
        Ok(Self::new(path, file, 0))
    }

    /// Goes on with the timeline at `path`, or starts it.
    pub(crate) fn append(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Self::failure(path, &error);
        let mut options = File::options();
        let options = options.create(true).read(true).append(true);
        let mut file = options.open(path).map_err(failed)?;
        let bytes = end_of_last_line(&mut file).map_err(failed)?;
        Ok(Self::new(path, file, bytes))
    }

    fn new(path: &Path, file: File, bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            bytes,
            written: WrittenLines::default(),
            settled: bytes,
        }
    }

    /// Reads what was written after the file ended at `end`.
    fn resume(&mut self, end: &FileEnd) -> Result<(), Failure> {
        if end.path != self.path {
            return Ok(());
        }
        if end.bytes > self.bytes {
            tracing::warn!(
                path = %self.path.display(),
                expected = end.bytes,
                found = self.bytes,
                "The timeline is shorter than it was: lines were taken out"
            );
            return Ok(());
        }
        let mut text = Vec::new();
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(end.bytes))
            .and_then(|_| file.read_to_end(&mut text))
            .map_err(|error| Self::failure(&self.path, &error))?;
        for line in text.split(|&byte| byte == b'\n') {
            self.written.add(line);
        }
        self.settled = end.bytes;
        Ok(())
    }

    /// Makes the lines durable, and says how far the file is written for good.
    fn settle(&mut self) -> Result<FileEnd, Failure> {
        if self.written.is_empty() {
            self.settled = self.bytes;
        }
        self.file
            .get_ref()
            .sync_data()
            .map_err(|error| Self::failure(&self.path, &error))?;
        Ok(FileEnd {
            path: self.path.clone(),
            bytes: self.settled,
        })
    }

    fn write(&mut self, lines: &[TimelineLine]) -> Result<(), Failure> {
        for line in lines {
            let mut body = to_json(line)?;
            if self.written.take(line, &body) {
                continue;
            }
            body.push(b'\n');
            self.bytes += body.len() as u64;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file_with(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it is written");
        file
    }

    #[test]
    fn a_line_that_a_crash_cut_is_taken_away_and_other_text_is_not() {
        let whole = format!(
            "{{\"timestamp\":\"2026-03-14T15:00:00.000Z\",\"task\":\"{}\"}}\n",
            "a".repeat(5000)
        );
        for (cut, left) in [
            (String::new(), String::new()),
            (whole.clone(), whole.clone()),
            (format!("{whole}{{\"timest"), whole.clone()),
            (format!("{whole}{}", &whole[..4800]), whole.clone()),
            (whole[..4800].to_owned(), String::new()),
            ("notes".to_owned(), "notes\n".to_owned()),
            (format!("{whole}notes"), format!("{whole}notes\n")),
        ] {
            let file = file_with(&cut);
            let timeline = TimelineFile::append(file.path()).expect("it opens");
            assert_eq!(timeline.bytes, left.len() as u64);
            assert_eq!(std::fs::read_to_string(file.path()).expect("text"), left);
        }
    }

    #[test]
    fn lines_written_after_the_end_that_is_known_are_not_written_again() {
        let line = |summary: &str| TimelineLine {
            timestamp: "2026-03-14T15:00:00.000Z".to_owned(),
            task: None,
            verdict: None,
            shared_encoder: true,
            since: "2026-03-14T15:00:00.000Z".to_owned(),
            confidence: 0.5,
            summary: summary.to_owned(),
            evidence: serde_json::json!({}),
        };
        let lines = ["one", "two", "three"].map(line);
        let file = file_with("");
        let mut first = TimelineFile::append(file.path()).expect("it opens");
        first.write(&lines[..1]).expect("it is written");
        let end = first.settle().expect("it is durable");
        first.write(&lines[1..2]).expect("it is written");

        let mut second = TimelineFile::append(file.path()).expect("it opens");
        second.resume(&end).expect("it is read");
        assert_eq!(
            second.settle().expect("it is durable"),
            end,
            "the second line is still to come"
        );
        second.write(&lines[1..]).expect("it is written");
        let text = std::fs::read_to_string(file.path()).expect("text");
        let found: Vec<TimelineLine> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line"))
            .collect();
        let summaries = |lines: &[TimelineLine]| lines.iter().map(|l| l.summary.clone()).collect::<Vec<_>>();
        assert_eq!(summaries(&found), summaries(&lines));
        assert_eq!(second.settle().expect("it is durable").bytes, text.len() as u64);
    }
}
