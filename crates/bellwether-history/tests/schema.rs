//! The columns are as the document says, and files of every released version stay readable.

mod made;

use bellwether_history::{Place, Query, Reader, SCHEMA_VERSION, Writer, schema_markdown};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `BELLWETHER_WRITE_DOCS=1` writes the section of the document anew.
#[test]
fn the_document_describes_every_column() {
    const BEGIN: &str = "<!-- columns: written by the test of bellwether-history -->\n";
    const END: &str = "<!-- end of columns -->";
    let path = root().join("docs/HISTORY.md");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let (before, rest) = text.split_once(BEGIN).expect("it has a section on columns");
    let (columns, after) = rest.split_once(END).expect("the section ends");
    let expected = format!("\n{}", schema_markdown());
    if std::env::var_os("BELLWETHER_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("writable");
        return;
    }
    assert!(
        columns == expected,
        "docs/HISTORY.md is not as the code; write it with BELLWETHER_WRITE_DOCS=1"
    );
    assert!(before.contains(&format!("schema version is {SCHEMA_VERSION}")));
}

/// The files of version 1 hold hours 0 to 2 of made-up windows. `BELLWETHER_WRITE_GOLDEN=1` writes those of the present version,
/// which is done once, before it is released.
#[tokio::test]
async fn files_of_every_version_are_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    if std::env::var_os("BELLWETHER_WRITE_GOLDEN").is_some() {
        let place = Place::directory(&golden.join(format!("v{SCHEMA_VERSION}"))).expect("writable");
        let writer = Writer::new(place, None);
        for hour in 0..3 {
            writer.write(made::rows(hour, 3)).await.expect("writable");
        }
    }
    for version in 1..=SCHEMA_VERSION {
        let folder = golden.join(format!("v{version}"));
        // A copy, as a place that is opened is one that may be written.
        let copy = tempfile::tempdir().expect("a directory");
        copy_all(&folder, copy.path());
        let place = Place::directory(copy.path()).expect("readable");
        let reader = Reader::new(place.clone(), None);
        let query = Query {
            limit: 100,
            ..Query::default()
        };
        let mut expected = made::rows(0, 3);
        expected.append(made::rows(1, 3));
        expected.append(made::rows(2, 3));
        assert_eq!(
            reader.windows(&query).await.expect("readable").rows,
            expected.windows,
            "v{version}"
        );
        assert_eq!(
            reader.verdicts(&query).await.expect("readable").rows,
            expected.verdicts,
            "v{version}"
        );
        let past = reader.between(i64::MIN, i64::MAX).await.expect("readable");
        assert_eq!(past.signals, expected.signals, "v{version}");

        // And a day of an earlier version is gone on with.
        let writer = Writer::new(place, None);
        assert_eq!(writer.write(made::rows(3, 1)).await.expect("writable"), 1);
        expected.append(made::rows(3, 1));
        assert_eq!(
            reader.windows(&query).await.expect("readable").rows,
            expected.windows,
            "v{version}"
        );
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("writable");
        }
    }
}
