//! Whatever is written, in whatever batches, again and again: every window is there once and whole.

mod made;

use bellwether_history::{Error, Place, Query, Reader, Rows, Shipper, Spool, Writer};
use made::{HOUR_MS, START_MS, rows};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const BYTES: u64 = 64 << 20;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Windows with their tasks, and windows with the numbers of their lines.
type Found = (Vec<(i64, String)>, Vec<(i64, i64)>);

/// All windows and lines that a reader finds, page by page.
async fn found(reader: &Reader, limit: usize) -> Found {
    let (mut windows, mut lines) = (Vec::new(), Vec::new());
    let mut query = Query {
        limit,
        ..Query::default()
    };
    loop {
        let page = reader.windows(&query).await.expect("readable");
        windows.extend(page.rows.into_iter().map(|row| (row.window_start, row.task)));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    loop {
        let page = reader.verdicts(&query).await.expect("readable");
        lines.extend(page.rows.into_iter().map(|row| (row.window_start, row.line)));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    (windows, lines)
}

fn expected(hours: &BTreeSet<i64>, lines_of: impl Fn(i64) -> usize) -> Found {
    let start = |hour: &i64| START_MS + hour * HOUR_MS;
    let tasks = ["banking", "entities", "sentiment"];
    let windows = hours
        .iter()
        .flat_map(|hour| tasks.map(|task| (start(hour), task.to_owned())));
    let lines = hours.iter().flat_map(|hour| {
        let lines = i64::try_from(lines_of(*hour)).expect("few");
        (0..lines).map(move |line| (START_MS + hour * HOUR_MS, line))
    });
    (windows.collect(), lines.collect())
}

fn lines_of(hour: i64) -> usize {
    usize::try_from(hour % 4).expect("not negative")
}

fn batch(hours: &[i64]) -> Rows {
    let mut all = Rows::default();
    for &hour in hours {
        all.append(rows(hour, lines_of(hour)));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Batches come again after a crash, cut otherwise; some wait, some are shipped, the spool is opened anew.
    #[test]
    fn windows_are_there_once_whatever_comes_again(
        batches in prop::collection::vec((prop::collection::btree_set(0_i64..80, 1..12), 0..4_u8), 1..8),
        limit in 1_usize..40,
    ) {
        let folder = tempfile::tempdir().expect("a directory");
        let directory = folder.path().join("spool");
        runtime().block_on(async {
            let place = Place::in_memory();
            let mut spool = Arc::new(Spool::open(&directory, BYTES).expect("writable"));
            let mut hours = BTreeSet::new();
            for (batch_hours, then) in &batches {
                hours.extend(batch_hours.iter().copied());
                let batch_hours: Vec<i64> = batch_hours.iter().copied().collect();
                spool.add(&batch(&batch_hours)).expect("writable");
                let shipper = Shipper::new(Writer::new(place.clone(), None), Arc::clone(&spool));
                match then {
                    0 => shipper.ship().await.expect("in memory"),
                    // Shipped, but a crash came before it was forgotten.
                    1 => {
                        let writer = Writer::new(place.clone(), None);
                        writer.write(batch(&batch_hours)).await.expect("in memory");
                    }
                    2 => spool = Arc::new(Spool::open(&directory, BYTES).expect("readable")),
                    _ => {}
                }
                let reader = Reader::new(place.clone(), Some(Arc::clone(&spool)));
                assert_eq!(found(&reader, limit).await, expected(&hours, lines_of), "with what waits");
            }
            let shipper = Shipper::new(Writer::new(place.clone(), None), Arc::clone(&spool));
            shipper.ship().await.expect("in memory");
            assert!(spool.is_empty());
            assert_eq!(std::fs::read_dir(&directory).expect("readable").count(), 0);
            let reader = Reader::new(place, None);
            assert_eq!(found(&reader, limit).await, expected(&hours, lines_of), "without");
        });
    }
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let place = Place::in_memory();
    runtime().block_on(async {
        let write = |hours: Vec<i64>| {
            let place = place.clone();
            async move {
                for hour in hours {
                    let writer = Writer::new(place.clone(), None);
                    writer.write(batch(&[hour])).await.expect("in memory");
                }
            }
        };
        tokio::join!(
            write((0..24).step_by(2).collect()),
            write((0..24).skip(1).step_by(2).collect())
        );
        let reader = Reader::new(place.clone(), None);
        assert_eq!(found(&reader, 7).await, expected(&(0..24).collect(), lines_of));
    });
}

#[test]
fn a_directory_that_another_writes_is_waited_for_and_half_files_are_swept() {
    let folder = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let place = Place::directory(folder.path()).expect("writable");
        let writer = Writer::new(place.clone(), None);
        let staging = folder.path().join(".staging");
        std::fs::create_dir(&staging).expect("writable");
        std::fs::write(staging.join("half"), "PAR1").expect("writable");
        let lock = std::fs::File::create(folder.path().join(".lock")).expect("writable");
        lock.lock().expect("nobody has it");
        let refused = writer.write(batch(&[0])).await.expect_err("it is locked");
        assert!(
            matches!(refused, Error::Locked { .. }) && refused.may_pass(),
            "{refused:?}"
        );
        drop(lock);
        assert_eq!(writer.write(batch(&[1, 30])).await.expect("writable"), 2);
        assert_eq!(writer.write(batch(&[30, 31])).await.expect("writable"), 1);
        assert!(!staging.join("half").exists());
        let reader = Reader::new(place, None);
        assert_eq!(found(&reader, 100).await, expected(&[1, 30, 31].into(), lines_of));
        assert_eq!(visible(folder.path()).len(), 10, "{:?}", visible(folder.path()));
    });
}

/// Files that a reader sees, which passes over names that begin with a dot.
fn visible(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).expect("readable") {
        let entry = entry.expect("readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            names.extend(
                visible(&entry.path())
                    .into_iter()
                    .map(|inner| format!("{name}/{inner}")),
            );
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

#[test]
fn a_damaged_file_is_kept_aside_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let place = Place::directory(folder.path()).expect("writable");
        let writer = Writer::new(place.clone(), None);
        writer.write(batch(&[1])).await.expect("writable");
        let day = folder.path().join("kind=windows/day=2026-03-14/windows.parquet");
        std::fs::write(&day, "not Parquet").expect("writable");
        writer.write(batch(&[2])).await.expect("it goes on");
        let aside = folder
            .path()
            .join(".damaged/kind=windows+day=2026-03-14+windows.parquet");
        assert_eq!(std::fs::read_to_string(aside).expect("kept"), "not Parquet");
        let (windows, lines) = found(&Reader::new(place, None), 100).await;
        assert_eq!(windows, expected(&[2].into(), lines_of).0, "the file begins anew");
        assert_eq!(
            lines,
            expected(&[1, 2].into(), lines_of).1,
            "others are as they were"
        );
    });
}

#[test]
fn days_that_are_too_old_are_removed_and_nothing_else() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let folder = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let place = Place::directory(folder.path()).expect("writable");
        let writer = Writer::new(place.clone(), Some(2 * DAY_MS));
        std::fs::create_dir_all(folder.path().join("kind=windows/mine")).expect("writable");
        std::fs::write(folder.path().join("kind=windows/mine/notes"), "keep").expect("writable");
        for day in 0..5 {
            writer.write(batch(&[day * 24 + 3])).await.expect("writable");
        }
        let seen = visible(folder.path());
        for kind in ["model", "quality", "signals", "verdicts", "windows"] {
            let days: Vec<&String> = seen
                .iter()
                .filter(|name| name.contains(&format!("{kind}.parquet")))
                .collect();
            assert_eq!(days.len(), 3, "{kind}: {seen:?}");
            assert!(days[0].contains("day=2026-03-16"), "{days:?}");
        }
        assert!(seen.contains(&"kind=windows/mine/notes".to_owned()));
        assert!(
            !folder.path().join("kind=windows/day=2026-03-14").exists(),
            "no empty folder stays"
        );
    });
}

#[test]
fn what_there_is_no_room_for_is_given_up_the_oldest_first_and_counted() {
    let folder = tempfile::tempdir().expect("a directory");
    let spool = Arc::new(Spool::open(folder.path(), 1).expect("writable"));
    for hour in 0..3 {
        spool.add(&batch(&[hour * 2, hour * 2 + 1])).expect("writable");
    }
    let waiting = spool.waiting();
    assert_eq!((waiting.windows, waiting.dropped_windows), (2, 4));
    assert!(waiting.bytes > 0);
    runtime().block_on(async {
        let reader = Reader::new(Place::in_memory(), Some(spool));
        assert_eq!(found(&reader, 100).await, expected(&[4, 5].into(), lines_of));
    });
}
