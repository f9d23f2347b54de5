//! A state that came from another machine: where it meets the timeline file of this one.

use super::bookmark::FileEnd;
use jiff::Timestamp;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Result};
use std::path::Path;

/// Where in the file at `path` the lines begin that may come again, when everything up to `newest_ms` was judged.
///
/// `known` is where the former process stood, perhaps in a file of another machine. It is believed where it lies between what
/// is older and what is newer than the last event that was judged, as in a file that this machine has kept. Otherwise all lines
/// of that moment and later ones may come again, so that none is written twice.
pub(super) fn timeline_end(path: &Path, known: Option<&FileEnd>, newest_ms: i64) -> Result<FileEnd> {
    #[derive(Deserialize)]
    struct Line {
        timestamp: Timestamp,
    }
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(end(path, 0)),
        Err(error) => return Err(error),
    };
    let known = known.filter(|known| known.path == path).map(|known| known.bytes);
    let (mut older_end, mut at, mut line) = (0, 0_u64, Vec::new());
    let mut believed = known == Some(0);
    let mut is_newer = false;
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        at += line.len() as u64;
        let time = serde_json::from_slice::<Line>(&line).map(|line| line.timestamp.as_millisecond());
        match time {
            Ok(time) if time < newest_ms => {
                (older_end, is_newer) = (at, false);
                believed = known == Some(at);
            }
            Ok(time) if time > newest_ms => is_newer = true,
            // What is no line of a timeline is somebody else's.
            _ => {}
        }
        believed |= !is_newer && known == Some(at);
        line.clear();
    }
    Ok(end(path, known.filter(|_| believed).unwrap_or(older_end)))
}

fn end(path: &Path, bytes: u64) -> FileEnd {
    FileEnd {
        path: path.to_owned(),
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_may_come_again_are_those_of_the_last_moment_and_later_ones() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("timeline.jsonl");
        let found = |known: u64, newest: &str| {
            let newest: Timestamp = newest.parse().expect("a time");
            let known = end(&path, known);
            let found = timeline_end(&path, Some(&known), newest.as_millisecond());
            found.expect("readable").bytes
        };
        assert_eq!(found(70, "2026-03-14T15:00:00.000Z"), 0, "there is no file");
        let times = ["14:00", "15:00", "15:00", "16:00"];
        let lines =
            times.map(|time| format!("{{\"timestamp\":\"2026-03-14T{time}:00.000Z\",\"task\":null}}\n"));
        let length = lines[0].len() as u64;
        std::fs::write(&path, format!("{}half a li", lines.concat())).expect("written");
        for (known, newest, expected) in [
            // As this machine has left it.
            (1, "15:00:00.000", 1),
            (2, "15:00:00.000", 2),
            (3, "15:00:00.000", 3),
            (2, "15:00:00.001", 3),
            // Of another machine's file.
            (0, "15:00:00.000", 1),
            (4, "15:00:00.000", 1),
            (9, "15:00:00.000", 1),
            (9, "13:00:00.000", 0),
            (0, "13:00:00.000", 0),
            (1, "13:00:00.000", 0),
            (9, "17:00:00.000", 4),
            (4, "17:00:00.000", 4),
        ] {
            let found = found(known * length, &format!("2026-03-14T{newest}Z"));
            assert_eq!(found, expected * length, "{known} {newest}");
        }
        assert_eq!(
            found(length + 5, "2026-03-14T15:00:00.000Z"),
            length,
            "within a line"
        );
    }
}
