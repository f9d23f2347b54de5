//! Work sets as files: equal, whole, refused when they are not, and as the documents say.

use bellwether_monitor::{Known, Verdict, WorkMaterial, WorkRow};
use bellwether_store::{
    WORK_SET_COLUMNS, WorkSetFileError, read_work_set, read_work_set_header, write_work_set,
};
use bellwether_worksets::{PlanOptions, TextForm, WorkSet, plan};
use std::path::Path;

fn set() -> WorkSet {
    let dim = 4;
    let rows: Vec<WorkRow> = (0..40)
        .map(|at: u32| WorkRow {
            event_id: format!("e{at}"),
            task: "banking".to_owned(),
            timestamp_ms: 1_773_906_480_000 + i64::from(at),
            predicted: (at != 3).then(|| "balance".to_owned()),
            confidence: if at == 5 { f64::NAN } else { 0.5 },
            p_similarity: 0.25,
            p_novelty: if at < 20 { 0.5 } else { 0.001_953_125 },
            known: [Known::No, Known::No, Known::InScope, Known::OutOfScope][at as usize % 4],
            text: at.is_multiple_of(3).then(|| format!("text {at}")),
        })
        .collect();
    let vectors = (0..40).flat_map(|at: u32| {
        let angle = 0.15 * at as f32;
        [angle.cos(), angle.sin(), 0.0, 0.0]
    });
    let material = WorkMaterial {
        reference: "ref".to_owned(),
        task: Some("banking".to_owned()),
        verdict: Verdict::ContinualUpdate,
        said_ms: 1_773_906_480_000,
        since_ms: 1_773_906_400_000,
        taken_ms: 1_773_906_480_000,
        revision: 0,
        shared_encoder: false,
        summary: "something new".to_owned(),
        tasks: Vec::new(),
        class_cosine: 0.4,
        dim,
        rows,
        vectors: vectors.collect(),
    };
    let options = PlanOptions {
        budget: 10,
        texts: TextForm::Plain,
    };
    plan(material, options)
}

/// As it is after f32 numbers were written and read.
fn told(set: &WorkSet) -> String {
    let rows: Vec<String> = set
        .rows
        .iter()
        .map(|row| {
            format!(
                "{:?} {:?} {:.5} {:?} {} {:?}",
                row.rank, row.reason, row.novelty, row.group, row.copies, row.observation
            )
        })
        .collect();
    format!("{:?} {rows:?} {:?}", set.header, set.vectors)
}

#[test]
fn a_set_comes_back_as_it_was_written_and_equal_sets_are_equal_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (
        folder.path().join("one.parquet"),
        folder.path().join("two.parquet"),
    );
    let set = set();
    write_work_set(&one, &set).expect("writable");
    write_work_set(&two, &set).expect("writable");
    assert!(std::fs::read(&one).expect("there") == std::fs::read(&two).expect("there"));
    assert_eq!(told(&read_work_set(&one).expect("sound")), told(&set));
    let (header, rows) = read_work_set_header(&one).expect("sound");
    assert_eq!((header, rows), (set.header.clone(), set.rows.len() as u64));
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("there").collect();
    assert_eq!(names.len(), 2, "nothing half written is left");
    // A new revision takes the place of what is there.
    write_work_set(&one, &set).expect("writable");
}

#[test]
fn what_is_no_set_or_is_damaged_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("set.parquet");
    assert!(matches!(read_work_set(&path), Err(WorkSetFileError::Io { .. })));
    write_work_set(&path, &set()).expect("writable");
    let bytes = std::fs::read(&path).expect("there");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("writable");
        matches!(read_work_set(&path), Err(WorkSetFileError::NotAWorkSet { .. }))
    };
    assert!(refused(b"") && refused(b"PAR1PAR1") && refused(&bytes[..bytes.len() / 2]));
    let mut unfit = 0;
    for at in (0..bytes.len()).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        // No bytes make it panic; some changes are of values and cannot be seen.
        unfit += usize::from(refused(&damaged));
    }
    assert!(unfit > 10, "{unfit}");
}

#[test]
fn the_documents_have_the_columns_that_files_have() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/WORK_SETS.md");
    let text = std::fs::read_to_string(path).expect("it is there");
    let named: Vec<(String, String, bool)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim);
            let name = cells.next()?.trim_end_matches('`').to_owned();
            let kind = cells.next()?.strip_prefix('`')?.trim_end_matches('`').to_owned();
            Some((name, kind, cells.next()? == "yes"))
        })
        .collect();
    let there: Vec<(String, String, bool)> = WORK_SET_COLUMNS
        .iter()
        .map(|(name, kind, nullable)| ((*name).to_owned(), (*kind).to_owned(), *nullable))
        .collect();
    assert_eq!(named, there);
    let header = serde_json::to_value(&set().header).expect("a header");
    for key in header.as_object().expect("an object").keys() {
        assert!(
            text.contains(&format!("- `{key}`:")),
            "docs/WORK_SETS.md does not say what `{key}` is"
        );
    }
}
