//! What is asked for by time and task, page by page.

mod made;

use bellwether_history::{Cursor, Error, Place, Query, Reader, Rows, Writer};
use made::{HOUR_MS, START_MS, rows};

async fn reader(hours: impl Iterator<Item = i64>) -> Reader {
    let place = Place::in_memory();
    let mut all = Rows::default();
    for hour in hours {
        all.append(rows(hour, 3));
    }
    Writer::new(place.clone(), None)
        .write(all)
        .await
        .expect("in memory");
    Reader::new(place, None)
}

#[tokio::test]
async fn a_stretch_of_time_of_one_task_is_read_in_order() {
    let reader = reader(0..60).await;
    let query = Query {
        task: Some("banking".to_owned()),
        from_ms: Some(START_MS + 20 * HOUR_MS),
        to_ms: Some(START_MS + 30 * HOUR_MS),
        limit: 6,
        ..Query::default()
    };
    let first = reader.windows(&query).await.expect("in memory");
    let hours = |rows: &[bellwether_history::WindowRow]| {
        rows.iter()
            .map(|row| (row.window_start - START_MS) / HOUR_MS)
            .collect::<Vec<_>>()
    };
    assert_eq!(hours(&first.rows), [20, 21, 22, 23, 24, 25]);
    let rest = Query {
        after: first.next,
        ..query.clone()
    };
    let second = reader.windows(&rest).await.expect("in memory");
    assert_eq!(hours(&second.rows), [26, 27, 28, 29]);
    assert_eq!(second.next, None);
    let lines = reader.verdicts(&query).await.expect("in memory");
    let times: Vec<i64> = lines.rows.iter().map(|row| row.timestamp).collect();
    // The model's line, the first of each window, is of no task.
    let expected = [20, 21, 22].map(|hour| [1000, 2000].map(|ms| START_MS + hour * HOUR_MS + ms));
    assert_eq!(times, expected.concat());
    assert_eq!(lines.rows[0].line().evidence["sample"][0], "e-1");

    let none = Query {
        task: Some("silent".to_owned()),
        ..query
    };
    assert_eq!(reader.windows(&none).await.expect("in memory").rows, []);
}

#[tokio::test]
async fn a_page_reads_a_month_at_the_most_and_says_where_to_go_on() {
    // A window a day, of which a task that is not there is asked for.
    let reader = reader((0..100).map(|day| day * 24)).await;
    let mut query = Query {
        task: Some("silent".to_owned()),
        limit: 10,
        ..Query::default()
    };
    let mut pages = 0;
    loop {
        let page = reader.windows(&query).await.expect("in memory");
        assert_eq!(page.rows, []);
        pages += 1;
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4, "31 days each");
    query.task = None;
    query.after = None;
    let mut rows = 0;
    loop {
        let page = reader.windows(&query).await.expect("in memory");
        rows += page.rows.len();
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(rows, 300);
}

#[tokio::test]
async fn the_past_is_read_from_a_moment_to_before_another() {
    let reader = reader(0..50).await;
    let past = reader
        .between(START_MS + 10 * HOUR_MS, START_MS + 12 * HOUR_MS)
        .await
        .expect("in memory");
    assert_eq!(
        (past.windows.len(), past.signals.len(), past.verdicts.len()),
        (6, 12, 6)
    );
}

#[test]
fn a_cursor_is_read_as_it_is_written() {
    for text in ["1773446400000.3", "-5.0"] {
        let cursor: Cursor = text.parse().expect("a cursor");
        assert_eq!(cursor.to_string(), text);
    }
    for wrong in ["", "1", "1.", ".1", "1.-1", "a.b"] {
        assert!(
            matches!(wrong.parse::<Cursor>(), Err(Error::Cursor { .. })),
            "{wrong}"
        );
    }
}
