//! Files as users have them: every format and column type, and every way to be wrong.
#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot fail")]

use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeListArray, Float16Array, Float32Array, Int64Array, LargeListArray,
    ListArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Float32Type, Int32Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bellwether_events::{ModelSchema, ObservationBatch, Reject, RejectReason};
use bellwether_store::{
    Error, Format, ObservationReader, embedding_width, read_labels, read_reference_input,
};
use half::f16;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::error::Error as _;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Two chunks and a bit, so that every reader has to go on.
const ROWS: usize = 2_500;

/// Every hundredth row names a task that the model does not have.
const BAD_EVERY: usize = 100;

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}, "score": {"kind": "regression"}}"#,
        2,
    )
    .unwrap()
}

/// How a file holds its embeddings and tasks.
#[derive(Clone, Copy)]
enum Layout {
    FixedF16,
    FixedF32,
    ListF32,
    LargeListF16WithDictionary,
}

fn task(row: usize) -> &'static str {
    match row {
        row if row % BAD_EVERY == 7 => "mars",
        row if row.is_multiple_of(3) => "score",
        _ => "mood",
    }
}

/// A rolling deployment: rows of two versions side by side, some without.
fn version(row: usize) -> Option<&'static str> {
    [Some("v1"), None, Some("v2"), Some("v1")][row % 4]
}

/// A component that half precision holds exactly.
fn component(at: usize) -> f32 {
    f32::from(u16::try_from(at % 512).unwrap()) / 64.0
}

fn record_batch(layout: Layout) -> RecordBatch {
    let values = (0..2 * ROWS).map(component);
    let narrow = || {
        Arc::new(Float16Array::from_iter_values(
            (0..2 * ROWS).map(component).map(f16::from_f32),
        ))
    };
    let field = |of: DataType| Arc::new(Field::new_list_field(of, true));
    let embedding: ArrayRef = match layout {
        Layout::FixedF16 => Arc::new(FixedSizeListArray::new(
            field(DataType::Float16),
            2,
            narrow(),
            None,
        )),
        Layout::FixedF32 => {
            let values = Arc::new(Float32Array::from_iter_values(values));
            Arc::new(FixedSizeListArray::new(field(DataType::Float32), 2, values, None))
        }
        Layout::ListF32 => {
            let values = Arc::new(Float32Array::from_iter_values(values));
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(2, ROWS));
            Arc::new(ListArray::new(field(DataType::Float32), offsets, values, None))
        }
        Layout::LargeListF16WithDictionary => {
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(2, ROWS));
            Arc::new(LargeListArray::new(
                field(DataType::Float16),
                offsets,
                narrow(),
                None,
            ))
        }
    };
    let tasks = (0..ROWS).map(task);
    let task_column: ArrayRef = match layout {
        Layout::LargeListF16WithDictionary => Arc::new(tasks.collect::<DictionaryArray<Int32Type>>()),
        _ => Arc::new(tasks.map(Some).collect::<StringArray>()),
    };
    let times = (0..).take(ROWS).map(|row| Some(1_000 * row));
    let columns: [(&str, ArrayRef); 9] = [
        (
            "row_number",
            Arc::new(Int64Array::from_iter_values((0..).take(ROWS))),
        ),
        (
            "event_id",
            Arc::new(
                (0..ROWS)
                    .map(|row| Some(format!("e{row}")))
                    .collect::<StringArray>(),
            ),
        ),
        ("task", task_column),
        (
            "timestamp",
            Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
        ),
        ("embedding", embedding),
        (
            "prediction",
            Arc::new(
                (0..ROWS)
                    .map(|row| Some(if row.is_multiple_of(3) { "1.5" } else { "bad" }))
                    .collect::<StringArray>(),
            ),
        ),
        (
            "probabilities",
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(
                (0..ROWS).map(|row| (!row.is_multiple_of(3)).then(|| vec![Some(0.25), Some(0.75)])),
            )),
        ),
        (
            "model_version",
            Arc::new((0..ROWS).map(version).collect::<StringArray>()),
        ),
        (
            "label",
            Arc::new(
                (0..ROWS)
                    .map(|row| Some(if row.is_multiple_of(3) { "2" } else { "good" }))
                    .collect::<StringArray>(),
            ),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn json_row(row: usize) -> String {
    let (prediction, probabilities, label) = if row.is_multiple_of(3) {
        ("1.5", "null", "2")
    } else {
        ("bad", r#"{"good":0.25,"bad":0.75}"#, "good")
    };
    format!(
        r#"{{"event_id":"e{row}","task":"{}","model_version":{},"timestamp":{},"embedding":[{},{}],"prediction":"{prediction}","probabilities":{probabilities},"label":"{label}"}}"#,
        task(row),
        serde_json::json!(version(row)),
        1_000 * row,
        component(2 * row),
        component(2 * row + 1),
    )
}

fn write_parquet(path: &Path, batch: &RecordBatch, compression: Compression) {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The same rows in every format and layout.
fn write_all(dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut named = |name: &str| {
        paths.push(dir.join(name));
        dir.join(name)
    };
    write_parquet(
        &named("f16.parquet"),
        &record_batch(Layout::FixedF16),
        Compression::SNAPPY,
    );
    write_parquet(
        &named("f32.pq"),
        &record_batch(Layout::FixedF32),
        Compression::ZSTD(ZstdLevel::default()),
    );
    write_parquet(
        &named("list.parquet"),
        &record_batch(Layout::ListF32),
        Compression::UNCOMPRESSED,
    );
    let dictionary = record_batch(Layout::LargeListF16WithDictionary);
    write_parquet(&named("dictionary.parquet"), &dictionary, Compression::SNAPPY);
    let mut file = FileWriter::try_new(
        fs::File::create(named("one.feather")).unwrap(),
        &dictionary.schema(),
    )
    .unwrap();
    file.write(&dictionary).unwrap();
    file.finish().unwrap();
    let fixed = record_batch(Layout::FixedF16);
    let zstd = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::ZSTD))
        .unwrap();
    let stream = fs::File::create(named("stream.arrow")).unwrap();
    let mut stream = StreamWriter::try_new_with_options(stream, &fixed.schema(), zstd).unwrap();
    for start in (0..ROWS).step_by(700) {
        stream.write(&fixed.slice(start, 700.min(ROWS - start))).unwrap();
    }
    stream.finish().unwrap();
    let rows: Vec<String> = (0..ROWS).map(json_row).collect();
    fs::write(named("lines.jsonl"), rows.join("\n\n")).unwrap();
    fs::write(
        named("array.json"),
        format!("\u{feff}[\n{}\n]\n", rows.join(",\n")),
    )
    .unwrap();
    paths
}

#[track_caller]
fn check_rejects(rejects: &[Reject]) {
    let rows: Vec<usize> = rejects.iter().map(|reject| reject.row).collect();
    let expected: Vec<usize> = (7..ROWS).step_by(BAD_EVERY).collect();
    assert_eq!(rows, expected);
    assert!(
        rejects
            .iter()
            .all(|reject| reject.reason == RejectReason::UnknownTask)
    );
}

#[track_caller]
fn check_rows(batch: &ObservationBatch, mut expected_rows: impl Iterator<Item = usize>) {
    for at in 0..batch.len() {
        let row = expected_rows.next().unwrap();
        assert_eq!(batch.event_id(at), format!("e{row}"));
        assert_eq!(batch.timestamps_ms()[at], 1_000 * i64::try_from(row).unwrap());
        assert_eq!(batch.embedding(at), [component(2 * row), component(2 * row + 1)]);
        let confidence = batch.confidences()[at];
        assert_eq!(confidence.is_nan(), row.is_multiple_of(3));
        let read = batch
            .model_version(at)
            .map(|id| &*batch.model_versions()[id as usize]);
        assert_eq!(read, version(row));
    }
}

#[test]
fn every_format_and_layout_gives_the_same_observations() {
    let dir = TempDir::new().unwrap();
    for path in write_all(dir.path()) {
        let reader = ObservationReader::open(&path, &schema()).unwrap();
        assert_eq!(reader.total_rows(), ROWS, "{}", path.display());
        let mut rejects = Vec::new();
        let mut good = (0..ROWS).filter(|row| task(*row) != "mars");
        let mut rows = 0;
        for item in reader {
            let (batch, refused) = item.unwrap();
            check_rows(&batch, &mut good);
            rows += batch.len();
            rejects.extend(refused);
        }
        assert_eq!(rows + rejects.len(), ROWS, "{}", path.display());
        check_rejects(&rejects);
    }
}

#[test]
fn every_format_and_layout_gives_the_same_labels_and_reference() {
    let dir = TempDir::new().unwrap();
    for path in write_all(dir.path()) {
        assert_eq!(embedding_width(&path).unwrap(), 2, "{}", path.display());
        let (labels, rejects) = read_labels(&path).unwrap();
        assert_eq!((labels.len(), rejects.len()), (ROWS, 0), "{}", path.display());
        assert_eq!(
            (
                labels[3].event_id.as_str(),
                labels[3].timestamp_ms,
                labels[3].label.as_str()
            ),
            ("e3", 3_000, "2")
        );
        let (batch, truth, rejects) = read_reference_input(&path, &schema()).unwrap();
        assert_eq!(
            (batch.len(), truth.len()),
            (ROWS - rejects.len(), ROWS - rejects.len())
        );
        check_rows(&batch, (0..ROWS).filter(|row| task(*row) != "mars"));
        check_rejects(&rejects);
    }
}

#[test]
fn batches_are_bounded_whatever_the_writer_did() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("one_batch.arrow");
    let batch = record_batch(Layout::FixedF32);
    let batch = concat_batches(&batch.schema(), [&batch, &batch]).unwrap();
    let mut writer = FileWriter::try_new(fs::File::create(&path).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let sizes: Vec<usize> = ObservationReader::open(&path, &schema())
        .unwrap()
        .map(|item| item.unwrap())
        .map(|(batch, rejects)| batch.len() + rejects.len())
        .collect();
    assert_eq!(sizes, [1024, 1024, 1024, 1024, 904]);
}

#[test]
fn a_broken_line_is_refused_and_the_next_ones_are_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("broken.jsonl");
    let mut text = String::new();
    for row in [0, 1] {
        writeln!(text, "{}", json_row(row)).unwrap();
    }
    writeln!(text, "{}\nnot json\n{}", &json_row(2)[..40], json_row(4)).unwrap();
    fs::write(&path, text).unwrap();
    let mut reader = ObservationReader::open(&path, &schema()).unwrap();
    assert_eq!(reader.total_rows(), 5);
    let (batch, rejects) = reader.next().unwrap().unwrap();
    assert_eq!((batch.len(), batch.event_id(2)), (3, "e4"));
    assert!(
        rejects
            .iter()
            .all(|reject| reject.row >= 2 && reject.reason == RejectReason::Malformed)
    );
    assert!(reader.next().is_none());
}

/// What the person sees: the error, its causes, and the fix.
fn report(error: &Error, dir: &Path) -> String {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, "\ncause: {cause}").unwrap();
        source = cause.source();
    }
    if let Some(fix) = error.fix() {
        write!(text, "\nfix: {fix}").unwrap();
    }
    text.replace(&format!("{}/", dir.display()), "")
}

#[track_caller]
fn check_error(dir: &TempDir, name: &str, content: Option<&[u8]>, expected: &str) {
    let path = dir.path().join(name);
    if let Some(content) = content {
        fs::write(&path, content).unwrap();
    }
    let error = ObservationReader::open(&path, &schema()).unwrap_err();
    assert_eq!(report(&error, dir.path()), expected);
}

#[test]
fn every_unusable_file_gets_an_error_a_cause_and_a_fix() {
    let dir = TempDir::new().unwrap();
    check_error(
        &dir,
        "absent.parquet",
        None,
        "error: cannot open absent.parquet\ncause: No such file or directory (os error 2)\n\
         fix: correct the path; a relative path starts at the working directory",
    );
    fs::create_dir(dir.path().join("folder.parquet")).unwrap();
    check_error(
        &dir,
        "folder.parquet",
        None,
        "error: folder.parquet is a directory, not a file\nfix: name one file in it",
    );
    check_error(
        &dir,
        "empty.parquet",
        Some(b""),
        "error: empty.parquet is empty\nfix: write the file again; the program that made it may not have finished",
    );
    check_error(
        &dir,
        "text.parquet",
        Some(b"event_id,task\n1,mood\n"),
        "error: text.parquet is named as Parquet but holds something else\n\
         fix: write the file as Parquet; other formats that are read: .parquet (Parquet), .arrow, .ipc or .feather (Arrow \
         IPC), .jsonl, .ndjson or .json (JSON)",
    );
    check_error(
        &dir,
        "lines.parquet",
        Some(b"{\"event_id\": 1}\n"),
        "error: lines.parquet is named as Parquet but holds JSON\nfix: rename the file to end in .jsonl",
    );
    check_error(
        &dir,
        "table.csv",
        Some(b"event_id,task\n1,mood\n"),
        "error: cannot tell the format of table.csv\n\
         fix: name the file after its format: .parquet (Parquet), .arrow, .ipc or .feather (Arrow IPC), .jsonl, .ndjson or \
         .json (JSON)",
    );
    check_error(
        &dir,
        "cut.arrow",
        Some(b"ARROW1\0\0"),
        "error: cannot decode cut.arrow as an Arrow IPC file\n\
         cause: Ipc error: Expected schema message, found empty stream.\n\
         fix: write or copy the file again; it may be cut off or damaged",
    );
}

#[test]
fn a_file_that_is_cut_off_is_not_complete() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cut.parquet");
    write_parquet(&path, &record_batch(Layout::FixedF16), Compression::SNAPPY);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = ObservationReader::open(&path, &schema()).unwrap_err();
    assert!(matches!(error, Error::Parquet { .. }));
    assert_eq!(
        error.fix().unwrap(),
        "write or copy the file again; it may be cut off or damaged"
    );
    assert!(
        error
            .to_string()
            .ends_with("cut.parquet is not a complete Parquet file")
    );
}

#[test]
fn a_damaged_file_ends_in_an_error_and_never_in_a_panic() {
    let dir = TempDir::new().unwrap();
    for (name, path) in write_all(dir.path()).into_iter().enumerate() {
        let whole = fs::read(&path).unwrap();
        let extension = path.extension().unwrap().to_str().unwrap();
        for (step, byte) in [(997, 0xff), (1_013, 0x00), (1_009, 0x80)] {
            let damaged: Vec<u8> = whole
                .iter()
                .enumerate()
                .map(|(at, b)| if at % step == step - 1 { byte } else { *b })
                .collect();
            let path = dir.path().join(format!("damaged{name}_{step}.{extension}"));
            fs::write(&path, damaged).unwrap();
            if let Ok(reader) = ObservationReader::open(&path, &schema()) {
                let items: Vec<_> = reader.collect();
                // An error ends the reading, so at most the last item is one.
                assert!(items.iter().rev().skip(1).all(Result::is_ok));
            }
        }
    }
}

#[test]
fn a_missing_or_mistyped_column_is_refused_when_the_file_is_opened() {
    let dir = TempDir::new().unwrap();
    let batch = record_batch(Layout::FixedF32);
    let without = |column: &str| {
        let kept: Vec<usize> = (0..batch.num_columns())
            .filter(|at| batch.schema().field(*at).name() != column)
            .collect();
        let path = dir.path().join(format!("without_{column}.parquet"));
        write_parquet(&path, &batch.project(&kept).unwrap(), Compression::SNAPPY);
        path
    };
    let error = ObservationReader::open(without("prediction"), &schema()).unwrap_err();
    assert_eq!(
        report(&error, dir.path()),
        "error: without_prediction.parquet does not have the columns that are needed\n\
         cause: column `prediction` is missing; expected a string (utf8, large_utf8, utf8_view or a dictionary of them); the \
         columns are `event_id`, `task`, `timestamp`, `embedding`, `probabilities`, `model_version`\n\
         fix: add the column `prediction`, or rename the one that holds it"
    );
    let error = ObservationReader::open(without("embedding"), &schema()).unwrap_err();
    assert_eq!(
        error.fix().unwrap(),
        "add the shared encoder's embedding of each text with `bellwether encode`, or name the encoder with --encoder"
    );
    assert!(matches!(
        read_labels(without("label")),
        Err(Error::Columns { .. })
    ));
    assert!(matches!(
        read_reference_input(without("label"), &schema()),
        Err(Error::Columns { .. })
    ));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let path = dir.path().join("numbers.parquet");
    let columns = ["event_id", "timestamp", "label"].map(|name| (name, Arc::clone(&numbers)));
    write_parquet(
        &path,
        &RecordBatch::try_from_iter(columns).unwrap(),
        Compression::SNAPPY,
    );
    assert_eq!(
        report(&read_labels(&path).unwrap_err(), dir.path()),
        "error: numbers.parquet does not have the columns that are needed\n\
         cause: column `event_id` is Int64; expected a string (utf8, large_utf8, utf8_view or a dictionary of them)\n\
         fix: write the column `event_id` as a string (utf8, large_utf8, utf8_view or a dictionary of them)"
    );
}

#[test]
fn a_file_without_embeddings_has_no_width() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("base64.jsonl");
    fs::write(&path, "{\"embedding\": \"AAAAAA==\"}\n{\"embedding\": null}\n").unwrap();
    let error = embedding_width(&path).unwrap_err();
    assert!(matches!(error, Error::NoEmbedding { .. }));
    assert_eq!(
        error.fix().unwrap(),
        "write `embedding` as an array of numbers or as a list column, not null"
    );
}

#[test]
fn a_known_content_needs_no_known_extension() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("events");
    fs::write(&path, json_row(1)).unwrap();
    assert_eq!(ObservationReader::open(&path, &schema()).unwrap().count(), 1);
    assert_eq!(Format::ArrowStream.extension(), "arrow");
}
