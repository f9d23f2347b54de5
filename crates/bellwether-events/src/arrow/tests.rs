use super::*;
use crate::batch::{ObservationBatch, Prediction};
use arrow::array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array,
    Int32Array, Int64Array, LargeListArray, LargeStringArray, ListArray, MapBuilder, NullArray, RecordBatch,
    StringArray, StringBuilder, StringViewArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Float32Type, Int32Type, UInt8Type};
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, MetadataVersion};
use half::f16;
use std::sync::Arc;

fn schema() -> ModelSchema {
    ModelSchema::from_json(
        r#"{"mood": {"kind": "classification", "labels": ["good", "bad"]}, "score": {"kind": "regression"}}"#,
        2,
    )
    .unwrap()
}

fn fixed(values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Arc::new(FixedSizeListArray::new(field, 2, values, None))
}

fn column(name: &str) -> (&str, ArrayRef) {
    let array: ArrayRef = match name {
        "event_id" => Arc::new(StringArray::from(vec!["a", "b", "c"])),
        "task" => Arc::new(StringArray::from(vec!["mood", "score", "mood"])),
        "timestamp" => {
            Arc::new(TimestampMillisecondArray::from(vec![1_000, 2_000, 3_000]).with_timezone("UTC"))
        }
        "text" => Arc::new(StringArray::from(vec![Some("x"), None, Some("y")])),
        "embedding" => fixed(Arc::new(Float32Array::from(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))),
        "prediction" => Arc::new(StringArray::from(vec!["good", "2.5", "bad"])),
        "probabilities" => Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([
            Some(vec![Some(0.75), Some(0.25)]),
            None,
            Some(vec![Some(0.0), Some(1.0)]),
        ])),
        other => panic!("no such column: {other}"),
    };
    (name, array)
}

const NAMES: [&str; 7] = [
    "event_id",
    "task",
    "timestamp",
    "text",
    "embedding",
    "prediction",
    "probabilities",
];

/// Three valid rows with some columns replaced; a null column removes one.
fn batch(changes: &[(&str, ArrayRef)]) -> RecordBatch {
    let columns = NAMES.map(|name| {
        let (name, original) = column(name);
        let change = changes.iter().find(|(changed, _)| *changed == name);
        (name, change.map_or(original, |(_, array)| Arc::clone(array)))
    });
    let extra = changes.iter().filter(|(name, _)| !NAMES.contains(name)).cloned();
    let kept = columns
        .into_iter()
        .chain(extra)
        .filter(|(_, array)| array.data_type() != &DataType::Null);
    RecordBatch::try_from_iter_with_nullable(kept.map(|(name, array)| (name, array, true))).unwrap()
}

fn absent(name: &str) -> (&str, ArrayRef) {
    (name, Arc::new(NullArray::new(3)))
}

fn decode(batch: &RecordBatch) -> Result<(ObservationBatch, Vec<Reject>), ColumnError> {
    let schema = schema();
    let mut builder = ObservationBatch::builder(&schema, batch.num_rows());
    let mut rejects = Vec::new();
    decode_observations(&schema, batch, &mut builder, &mut rejects)?;
    assert_eq!(builder.len() + rejects.len(), batch.num_rows());
    Ok((builder.finish(), rejects))
}

#[track_caller]
fn check_all_read(changes: &[(&str, ArrayRef)]) {
    let (read, rejects) = decode(&batch(changes)).unwrap();
    assert_eq!(rejects, []);
    assert_eq!([0, 1, 2].map(|row| read.event_id(row)), ["a", "b", "c"]);
    assert_eq!(
        read.tasks().iter().map(|t| t.index()).collect::<Vec<_>>(),
        [0, 1, 0]
    );
    assert_eq!(read.timestamps_ms(), [1_000, 2_000, 3_000]);
    assert_eq!(read.embeddings(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let expected = [Prediction::Class(0), Prediction::Value(2.5), Prediction::Class(1)];
    assert_eq!([0, 1, 2].map(|row| read.prediction(row)), expected);
    assert_eq!((read.confidences()[0], read.confidences()[2]), (0.75, 1.0));
    assert!(read.confidences()[1].is_nan());
}

#[test]
fn every_accepted_type_reads_the_same() {
    check_all_read(&[]);
    check_all_read(&[
        ("event_id", Arc::new(LargeStringArray::from(vec!["a", "b", "c"]))),
        (
            "prediction",
            Arc::new(StringViewArray::from(vec!["good", "2.5", "bad"])),
        ),
        (
            "task",
            Arc::new(
                ["mood", "score", "mood"]
                    .into_iter()
                    .collect::<DictionaryArray<UInt8Type>>(),
            ),
        ),
        ("timestamp", Arc::new(Int64Array::from(vec![1_000, 2_000, 3_000]))),
    ]);
    let times: [ArrayRef; 3] = [
        Arc::new(TimestampSecondArray::from(vec![1, 2, 3])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![1_000_999, 2_000_000, 3_000_000]).with_timezone("+02:00"),
        ),
        Arc::new(TimestampNanosecondArray::from(vec![
            1_000_000_000,
            2_000_999_999,
            3_000_000_000,
        ])),
    ];
    for time in times {
        check_all_read(&[("timestamp", time)]);
    }
    let field = |of: DataType| Arc::new(Field::new_list_field(of, true));
    let wide: ArrayRef = Arc::new(Float64Array::from_iter_values((0..6).map(f64::from)));
    let half: ArrayRef = Arc::new(Float16Array::from_iter_values(
        (0..6).map(|v| f16::from_f64(f64::from(v))),
    ));
    let offsets = || OffsetBuffer::from_lengths([2_usize, 2, 2]);
    let large: ArrayRef = Arc::new(LargeListArray::new(
        field(DataType::Float16),
        OffsetBuffer::from_lengths([2; 3]),
        half.clone(),
        None,
    ));
    let list: ArrayRef = Arc::new(ListArray::new(
        field(DataType::Float64),
        offsets(),
        wide.clone(),
        None,
    ));
    for embedding in [fixed(half), fixed(wide), large, list] {
        check_all_read(&[("embedding", embedding)]);
    }
    let wide: ArrayRef = Arc::new(Float64Array::from(vec![0.75, 0.25, 0.0, 1.0]));
    let lengths = OffsetBuffer::from_lengths([2_usize, 0, 2]);
    let probabilities = ListArray::new(field(DataType::Float64), lengths, wide, None);
    check_all_read(&[("probabilities", Arc::new(probabilities))]);
}

#[test]
fn slices_read_like_the_rows_they_are() {
    let whole = batch(&[]);
    let (read, rejects) = decode(&whole.slice(1, 2)).unwrap();
    assert_eq!((rejects.len(), read.event_id(0), read.event_id(1)), (0, "b", "c"));
    assert_eq!(read.embeddings(), [2.0, 3.0, 4.0, 5.0]);
    assert_eq!(read.confidences()[1].to_bits(), 1.0_f32.to_bits());
    assert_eq!((read.text(0), read.text(1)), (None, Some("y")));
}

#[test]
fn text_and_probabilities_are_optional() {
    let (read, rejects) = decode(&batch(&[absent("text"), absent("probabilities")])).unwrap();
    assert_eq!((read.len(), rejects.len()), (3, 0));
    assert!(read.confidences()[0].is_nan());
    assert_eq!(read.text(0), None);
}

#[test]
fn a_missing_column_names_the_columns_there_are() {
    let error = decode(&batch(&[absent("task"), absent("text")])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `task` is missing; expected a string (utf8, large_utf8, utf8_view or a dictionary of them); the columns are \
         `event_id`, `timestamp`, `embedding`, `prediction`, `probabilities`"
    );
    assert_eq!(Fault::from(error).reason, RejectReason::MissingField);
}

#[test]
fn a_column_of_another_type_names_both_types() {
    for (name, array, message) in [
        (
            "event_id",
            Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef,
            "column `event_id` is Int32; expected a string (utf8, large_utf8, utf8_view or a dictionary of them)",
        ),
        (
            "timestamp",
            Arc::new(StringArray::from(vec!["2026"; 3])),
            "column `timestamp` is Utf8; expected a timestamp of any unit, or int64 milliseconds since the epoch",
        ),
        (
            "embedding",
            Arc::new(Float32Array::from(vec![1.0; 3])),
            "column `embedding` is Float32; expected a list or fixed-size list of float16, float32 or float64",
        ),
        (
            "probabilities",
            Arc::new(
                ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(vec![
                    Some(vec![Some(1)]);
                    3
                ]),
            ),
            "column `probabilities` is List(Int32); expected a list or fixed-size list of float16, float32 or float64",
        ),
    ] {
        let error = decode(&batch(&[(name, array)])).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(Fault::from(error).reason, RejectReason::InvalidField);
    }
}

#[test]
fn bad_rows_are_refused_one_by_one() {
    let with_nulls = ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0), None]),
        Some(vec![Some(1.0), Some(2.0)]),
        None,
    ]);
    let (read, rejects) = decode(&batch(&[("embedding", Arc::new(with_nulls))])).unwrap();
    assert_eq!((read.len(), read.event_id(0)), (1, "b"));
    let found: Vec<String> = rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "row 0: non_finite: `embedding` holds NaN, an infinity or a null; drop the event or mend the model that sent it",
            "row 2: missing_field: `embedding` is missing and no encoder is configured for `text`; send the shared encoder's \
             embedding, or name the encoder",
        ]
    );
    let dictionary = DictionaryArray::<UInt8Type>::new(
        UInt8Array::from(vec![Some(0), None, Some(1)]),
        Arc::new(StringArray::from(vec![Some("mood"), None])),
    );
    let (read, rejects) = decode(&batch(&[("task", Arc::new(dictionary))])).unwrap();
    assert_eq!(read.len(), 1);
    assert!(rejects.iter().all(|r| r.detail == "`task` is missing or null"));
    let infinite = fixed(Arc::new(Float64Array::from(vec![
        1e300,
        0.0,
        f64::NAN,
        0.0,
        1.0,
        1.0,
    ])));
    let (read, rejects) = decode(&batch(&[("embedding", infinite)])).unwrap();
    assert_eq!((read.embeddings(), rejects.len()), (&[1.0_f32, 1.0][..], 2));
}

#[test]
fn an_empty_dictionary_of_nulls_is_all_null() {
    let empty = DictionaryArray::<UInt8Type>::new(
        UInt8Array::from(vec![None, None, None]),
        Arc::new(StringArray::from(Vec::<&str>::new())),
    );
    let (read, rejects) = decode(&batch(&[("event_id", Arc::new(empty))])).unwrap();
    assert_eq!((read.len(), rejects.len()), (0, 3));
}

#[test]
fn a_reference_keeps_labels_beside_their_observations() {
    let labels: ArrayRef = Arc::new(StringArray::from(vec![None, Some("3"), Some("good")]));
    let schema = schema();
    let mut builder = ObservationBatch::builder(&schema, 3);
    let (mut truth, mut rejects) = (Vec::new(), Vec::new());
    decode_reference(
        &schema,
        &batch(&[("label", labels)]),
        &mut builder,
        &mut truth,
        &mut rejects,
    )
    .unwrap();
    assert_eq!(
        (builder.len(), truth),
        (2, vec!["3".to_owned(), "good".to_owned()])
    );
    assert_eq!(
        rejects[0].to_string(),
        "row 0: missing_field: `label` is missing or null"
    );
    let error = decode_reference(
        &schema,
        &batch(&[]),
        &mut ObservationBatch::builder(&schema, 0),
        &mut Vec::new(),
        &mut rejects,
    )
    .unwrap_err();
    assert!(matches!(error, ColumnError::Missing { column: "label", .. }));
}

fn stream(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)
        .unwrap()
        .try_with_compression(compression)
        .unwrap();
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn ipc_streams_and_files_are_read() {
    let schema = schema();
    let dictionary = ["mood", "mars", "mood"]
        .into_iter()
        .collect::<DictionaryArray<UInt8Type>>();
    let batch = batch(&[("task", Arc::new(dictionary))]);
    let payloads = [
        (stream(&[batch.clone(), batch.clone()], None), 6),
        (
            stream(std::slice::from_ref(&batch), Some(CompressionType::LZ4_FRAME)),
            3,
        ),
        (
            stream(std::slice::from_ref(&batch), Some(CompressionType::ZSTD)),
            3,
        ),
        (file(&batch), 3),
    ];
    for (payload, rows) in payloads {
        let mut builder = ObservationBatch::builder(&schema, 6);
        let mut rejects = Vec::new();
        assert_eq!(
            decode_ipc_observations(&schema, &payload, &mut builder, &mut rejects),
            Ok(rows)
        );
        assert_eq!(builder.len(), rows / 3 * 2);
        assert_eq!(
            rejects.iter().map(|r| r.row).collect::<Vec<_>>(),
            (0..rows / 3).map(|b| 3 * b + 1).collect::<Vec<_>>()
        );
        assert!(rejects.iter().all(|r| r.reason == RejectReason::UnknownTask));
    }
    let labels = RecordBatch::try_from_iter([
        column("event_id"),
        column("timestamp"),
        (
            "label",
            Arc::new(StringArray::from(vec!["good", "", "bad"])) as ArrayRef,
        ),
    ])
    .unwrap();
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    assert_eq!(
        decode_ipc_labels(&stream(&[labels], None), &mut rows, &mut rejects),
        Ok(3)
    );
    assert_eq!((rows.len(), rows[1].timestamp_ms, rejects[0].row), (2, 3_000, 1));
}

#[test]
fn broken_ipc_is_one_fault_for_the_payload() {
    let schema = schema();
    let refused = |payload: &[u8]| {
        let mut builder = ObservationBatch::builder(&schema, 3);
        let fault = decode_ipc_observations(&schema, payload, &mut builder, &mut Vec::new()).unwrap_err();
        assert!(builder.is_empty());
        (fault.reason, fault.detail)
    };
    let good = stream(&[batch(&[]), batch(&[])], None);
    let malformed = |what: &str| {
        (
            RejectReason::Malformed,
            format!("the payload is not valid Arrow IPC: {what}"),
        )
    };
    assert_eq!(refused(b""), malformed("it is empty"));
    assert_eq!(
        refused(b"{\"event_id\": 1}"),
        malformed("it ends inside a message")
    );
    assert_eq!(
        refused(&good[..good.len() - 100]),
        malformed("it ends inside a body")
    );
    let unfit = stream(
        &[batch(&[("task", Arc::new(Int32Array::from(vec![1, 2, 3])))])],
        None,
    );
    assert_eq!(
        refused(&unfit),
        (
            RejectReason::InvalidField,
            "column `task` is Int32; expected a string (utf8, large_utf8, utf8_view or a dictionary of them)"
                .to_owned()
        )
    );
}

#[test]
fn the_width_of_a_column_is_found() {
    assert_eq!(fixed_embedding_width(&batch(&[]).schema()), Ok(Some(2)));
    let lists =
        ListArray::from_iter_primitive::<Float32Type, _, _>([None, Some(vec![]), Some(vec![Some(1.0)])]);
    let batch = batch(&[("embedding", Arc::new(lists))]);
    assert_eq!(fixed_embedding_width(&batch.schema()), Ok(None));
    assert_eq!(embedding_width(&batch), Ok(Some(1)));
}

#[test]
fn attributes_are_read_from_maps_and_structs_and_other_types_are_ignored() {
    type Expected = [Option<(&'static str, &'static str)>; 3];

    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("language");
    map.values().append_value("de");
    map.keys().append_value("client");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(false).unwrap();
    map.keys().append_value("channel");
    map.values().append_value("app");
    map.append(true).unwrap();
    let language: ArrayRef = Arc::new(StringArray::from(vec![Some("de"), Some("en"), None]));
    let number: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let fields = [("language", language), ("number", number)]
        .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array));
    let columns = StructArray::from(fields.to_vec());
    let text = StringArray::from(vec!["a", "b", "c"]);
    let cases: [(ArrayRef, Expected); 3] = [
        (
            Arc::new(map.finish()),
            [Some(("language", "de")), None, Some(("channel", "app"))],
        ),
        (
            Arc::new(columns),
            [Some(("language", "de")), Some(("language", "en")), None],
        ),
        (Arc::new(text), [None; 3]),
    ];
    for (array, expected) in cases {
        let (read, rejects) = decode(&batch(&[("attributes", array)])).unwrap();
        assert_eq!(rejects, []);
        for (row, pair) in expected.into_iter().enumerate() {
            assert_eq!(read.attributes(row).next(), pair, "row {row}");
        }
    }
}

#[test]
fn a_model_version_is_read_from_any_column_of_strings_and_other_types_are_ignored() {
    let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("v1"), None, Some("v2")]));
    let dictionary: ArrayRef = Arc::new(
        [Some("v1"), None, Some("v2")]
            .into_iter()
            .collect::<DictionaryArray<Int32Type>>(),
    );
    let number: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let (v1, v2) = (Some("v1".to_owned()), Some("v2".to_owned()));
    for (array, expected) in [
        (plain, [v1.clone(), None, v2.clone()]),
        (dictionary, [v1, None, v2]),
        (number, [None, None, None]),
    ] {
        let (read, rejects) = decode(&batch(&[("model_version", array)])).unwrap();
        assert_eq!(rejects, []);
        let of = |row| {
            read.model_version(row)
                .map(|id| read.model_versions()[id as usize].to_string())
        };
        assert_eq!([0, 1, 2].map(of), expected);
    }
}
