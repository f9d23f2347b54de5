// What the page knows: the newest status, the timeline and the course of each task; kept fresh by server-sent events.

import { ms } from "./format.js";

const LINES_LOADED = 1000;
const LINES_KEPT = 5000;
/** Points a task may grow to between two loads; the server holds fewer, merged. */
const POINTS_KEPT = 1500;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000];

async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export class Store extends EventTarget {
  connection = "connecting";
  status = null;
  /** Newest first. */
  lines = [];
  /** Task to columns, as `/series` gives them. */
  series = new Map();
  #loading = new Set();
  #failures = 0;

  connect() {
    const source = new EventSource("/api/v1/events");
    source.addEventListener("open", () => {
      this.#failures = 0;
      this.#connected("live");
      // After a gap the columns have a hole, and lines may have passed before the first one had a number to resume from.
      this.series.clear();
      this.#loadLines();
    });
    source.addEventListener("status", (event) => this.#take(JSON.parse(event.data)));
    source.addEventListener("timeline", (event) => this.#merge([JSON.parse(event.data)]));
    source.addEventListener("error", () => {
      this.#connected("lost");
      // The browser retries a broken connection by itself, but not an answer that was no event stream.
      if (source.readyState === EventSource.CLOSED) {
        const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
        this.#failures += 1;
        setTimeout(() => this.connect(), wait);
      }
    });
  }

  /** Event time of the newest judgement, in milliseconds; null before the first. */
  get now() {
    return ms(this.status?.event_time);
  }

  /** The range of event time that the page shows. */
  get range() {
    const starts = [...this.series.values()].filter((c) => c.timestamp_ms.length > 0).map((c) => c.timestamp_ms[0]);
    if (this.lines.length > 0) starts.push(ms(this.lines.at(-1).timestamp));
    const end = this.now ?? Date.now();
    const start = Math.min(end, ...starts);
    return [start, Math.max(end, start + 60_000)];
  }

  linesOf(task) {
    return this.lines.filter((line) => line.task === task);
  }

  /** The stretches of one verdict each, oldest first; `task` null is the shared encoder. */
  segments(task) {
    const [start, end] = this.range;
    const current = task === null
      ? (this.status?.shared_encoder ? "shared" : "healthy")
      : (this.status?.tasks.find((t) => t.task === task)?.verdict ?? "unknown");
    const states = this.linesOf(task).reverse().map((line) => ({
      start: ms(line.timestamp),
      verdict: task === null ? (line.shared_encoder ? "shared" : "healthy") : line.verdict,
      line,
    }));
    const first = states.length === 0 ? current : task === null ? "healthy" : "unknown";
    const out = [{ start, verdict: first, line: null }];
    for (const state of states) {
      if (state.verdict === out.at(-1).verdict) out.at(-1).line ??= state.line;
      else out.push(state);
    }
    out.forEach((segment, at) => { segment.end = out[at + 1]?.start ?? end; });
    return out.filter((segment) => segment.end > segment.start);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #connected(state) {
    this.connection = state;
    this.#changed();
  }

  #take(status) {
    if (this.status && this.status.instance !== status.instance) {
      // Another run: its lines are numbered anew.
      this.lines = [];
      this.series.clear();
      this.#loadLines();
    }
    this.status = status;
    for (const task of status.tasks) this.#extend(task);
    this.#changed();
  }

  #extend(task) {
    const columns = this.series.get(task.task);
    if (!columns || columns.timestamp_ms.length > POINTS_KEPT) { this.#loadSeries(task.task); return; }
    const last = columns.timestamp_ms.at(-1);
    if (this.now === null || (last !== undefined && this.now - last < columns.interval_ms)) return;
    columns.timestamp_ms.push(this.now);
    for (const name of ["verdict", "observations", "label_coverage", "drift_within_class", "drift_mix"]) columns[name].push(task[name]);
    columns.far_ratio.push(task.novelty.far_ratio);
    for (const [name, estimate] of [["quality", task.quality.current], ["estimated", task.estimated]]) {
      for (const end of ["value", "low", "high"]) columns[name][end].push(estimate?.[end] ?? null);
    }
    for (const signal of task.signals) columns.log_e_value[signal.signal]?.push(signal.log_e_value);
  }

  async #loadSeries(task) {
    if (this.#loading.has(task)) return;
    this.#loading.add(task);
    try {
      this.series.set(task, await load(`/api/v1/tasks/${encodeURIComponent(task)}/series`));
      this.#changed();
    } catch {
      // The next status asks again.
    } finally {
      this.#loading.delete(task);
    }
  }

  async #loadLines() {
    try {
      this.#merge((await load(`/api/v1/timeline?limit=${LINES_LOADED}`)).lines);
    } catch {
      // The connection is gone as well then, and its return loads them.
    }
  }

  #merge(lines) {
    const known = new Set(this.lines.map((line) => line.id));
    const fresh = lines.filter((line) => !known.has(line.id));
    if (fresh.length === 0) return;
    this.lines = [...fresh, ...this.lines].sort((a, b) => b.id - a.id).slice(0, LINES_KEPT);
    this.#changed();
  }
}
