#!/usr/bin/env python3
"""Replays a scenario with a history, and reads the history as its users do: with DuckDB and pandas.

    python history.py --binary target/debug/bellwether --reference REF --events DIR --work DIR

DIR of the events holds events.parquet and labels.parquet. Counts, joins, types and partitions are held to the timeline and the
summary of the replay, and a second replay into the same place must change nothing. Needs duckdb, pandas and pyarrow.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import time

import duckdb
import pandas

KINDS = ("windows", "quality", "signals", "model", "verdicts")


def replay(args, history, timeline):
    command = [args.binary, "replay", "--reference", args.reference, "--observations", args.events / "events.parquet",
               "--labels", args.events / "labels.parquet", "--timeline", timeline, "--history", history, "--output", "json"]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def digests(history):
    return {path.relative_to(history): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(history.glob("kind=*/*/*.parquet"))}


def main():
    parser = argparse.ArgumentParser()
    for name in ("binary", "reference", "events", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    args = parser.parse_args()
    history = args.work / "history"
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    replay(args, history, args.work / "timeline.jsonl")
    lines = [json.loads(line) for line in (args.work / "timeline.jsonl").read_text().splitlines()]
    events = duckdb.sql(f"SELECT count(*) FROM '{args.events}/events.parquet'").fetchall()[0][0]

    before = digests(history)
    replay(args, history, args.work / "again.jsonl")
    assert digests(history) == before, "a second replay changed the history"

    start = time.monotonic()
    db = duckdb.connect()
    db.sql("SET TimeZone = 'UTC'")
    for kind in KINDS:
        db.sql(f"CREATE VIEW {kind} AS SELECT * FROM read_parquet('{history}/kind={kind}/*/*.parquet', "
               "hive_partitioning = true)")
    one = lambda query: db.sql(query).fetchall()[0]

    # Counts: every event in one window, every line in the order in which it was said.
    assert one("SELECT sum(observations) FROM windows")[0] == events
    assert one("SELECT sum(observations) FROM model")[0] == events
    assert one("SELECT count(*) = count(DISTINCT (window_start, task)) FROM windows")[0]
    assert one("SELECT count(*) = count(DISTINCT window_start) FROM model")[0]
    assert one("SELECT count(*) = count(DISTINCT (window_start, task, signal)) FROM signals")[0]
    assert one("SELECT count(*) = count(DISTINCT (window_start, task, metric, method, class)) FROM quality")[0]
    said = db.sql("SELECT task, verdict, summary, confidence, evidence, strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%gZ') "
                  "FROM verdicts ORDER BY window_start, line").fetchall()
    assert [(task, verdict, summary, confidence, json.loads(evidence), at)
            for task, verdict, summary, confidence, evidence, at in said] == \
        [(line["task"], line["verdict"], line["summary"], line["confidence"], line["evidence"], line["timestamp"])
         for line in lines]

    # Joins: each row belongs to a window, and what is said in two places is one number.
    for kind in ("quality", "signals"):
        assert one(f"SELECT count(*) FROM {kind} ANTI JOIN windows USING (window_start, task)")[0] == 0, kind
    assert one("SELECT count(*) FROM windows ANTI JOIN model USING (window_start)")[0] == 0
    assert one("SELECT bool_and(o = m.observations) FROM (SELECT window_start, sum(observations) o FROM windows GROUP BY ALL) "
               "JOIN model m USING (window_start)")[0]
    assert one("SELECT count(*) > 0 AND bool_and(q.low <= q.value AND q.value <= q.high) FROM quality q "
               "JOIN windows w USING (window_start, task) WHERE q.method = 'labels' AND q.metric = w.quality_metric "
               "AND q.class IS NULL")[0]
    # Of the verdict that a task had last, the window of that time says the same.
    assert one("SELECT count(*) > 0 AND bool_and(last = verdict) FROM (SELECT window_start, task, "
               "arg_max(verdict, line) last FROM verdicts WHERE task IS NOT NULL GROUP BY ALL) "
               "JOIN windows USING (window_start, task)")[0]

    # Types and partitions.
    types = dict(db.sql("SELECT column_name, column_type FROM (DESCRIBE windows)").fetchall())
    expected = {"window_start": "TIMESTAMP WITH TIME ZONE", "day": "DATE", "observations": "BIGINT", "quality": "DOUBLE",
                "complete": "BOOLEAN", "task": "VARCHAR"}
    assert {name: types[name] for name in expected} == expected, types
    assert one("SELECT bool_and(day = CAST(window_start AS DATE)) FROM windows")[0]
    days = one("SELECT count(DISTINCT day) FROM windows")[0]
    day = one("SELECT max(day) FROM windows")[0]
    plan = db.sql(f"EXPLAIN ANALYZE SELECT count(*), sum(quality) FROM windows WHERE day = DATE '{day}'").fetchall()
    plan = " ".join(str(part) for row in plan for part in row)
    assert days > 2 and (f"Scanning Files: 1/{days}" in plan or "Total Files Read: 1" in plan), plan

    # pandas, of a whole directory and of one day.
    frame = pandas.read_parquet(history / "kind=windows")
    assert len(frame) == one("SELECT count(*) FROM windows")[0]
    assert str(frame["window_start"].dtype) == "datetime64[ms, UTC]" and str(frame["observations"].dtype) == "int64"
    assert frame["observations"].sum() == events and frame["quality"].isna().any()
    part = pandas.read_parquet(history / "kind=windows", filters=[("day", "=", str(day))])
    assert len(part) == one(f"SELECT count(*) FROM windows WHERE day = DATE '{day}'")[0]

    rows = {kind: one(f"SELECT count(*) FROM {kind}")[0] for kind in KINDS}
    size = sum(path.stat().st_size for path in history.glob("kind=*/*/*.parquet"))
    print(f"history of {events} events: {rows} in {len(before)} files of {size} bytes; DuckDB {duckdb.__version__} and "
          f"pandas {pandas.__version__} agree with the timeline in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
