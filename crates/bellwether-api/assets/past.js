// The course of one task: what the server holds in memory, and before that what the history keeps.

import { get, pages, taskPath } from "./api.js";
import { ms } from "./format.js";
import { span } from "./route.js";

/** Pages of a thousand rows that one question to the history may take: more than 90 days of hourly windows. */
const MOST_PAGES = 8;
/** Points a course may grow to between two loads; the server holds fewer, merged. */
const POINTS_KEPT = 1500;
const PLAIN = ["verdict", "observations", "label_coverage", "drift_within_class", "drift_mix", "far_ratio"];
const ENDS = ["value", "low", "high"];

function empty() {
  const band = () => ({ value: [], low: [], high: [] });
  return { timestamp_ms: [], ...Object.fromEntries(PLAIN.map((name) => [name, []])), quality: band(), estimated: band(), log_e_value: {} };
}

/** Windows of the history as columns; observations, which a window counts for itself, are added up. */
function ofWindows(windows) {
  const out = empty();
  let observations = 0;
  for (const window of windows) {
    observations += window.observations;
    out.timestamp_ms.push(ms(window.window_end));
    for (const name of PLAIN) out[name].push(name === "observations" ? observations : window[name]);
    for (const name of ["quality", "estimated"]) for (const end of ENDS) out[name][end].push(window[name][end]);
  }
  return out;
}

/** The rows of columns that lie in a range. */
function cut(columns, [from, to]) {
  const ts = columns.timestamp_ms;
  let first = 0;
  while (first < ts.length && ts[first] < from) first += 1;
  let last = ts.length;
  while (last > first && ts[last - 1] > to) last -= 1;
  const of = (column) => column.slice(first, last);
  const band = (b) => ({ value: of(b.value), low: of(b.low), high: of(b.high) });
  return {
    timestamp_ms: of(ts), ...Object.fromEntries(PLAIN.map((name) => [name, of(columns[name])])), quality: band(columns.quality), estimated: band(columns.estimated),
    log_e_value: Object.fromEntries(Object.entries(columns.log_e_value).map(([name, column]) => [name, of(column)])),
  };
}

/** Columns one behind the other. */
function joined(a, b) {
  const band = (x, y) => Object.fromEntries(ENDS.map((end) => [end, x[end].concat(y[end])]));
  return {
    timestamp_ms: a.timestamp_ms.concat(b.timestamp_ms), ...Object.fromEntries(PLAIN.map((name) => [name, a[name].concat(b[name])])),
    quality: band(a.quality, b.quality), estimated: band(a.estimated, b.estimated), log_e_value: b.log_e_value,
  };
}

export class Course {
  /** @type {any} */
  #held = null;
  /** @type {any} */
  #old = null;
  /** @type {any[]} */
  #oldLines = [];
  #oldFrom = Infinity;
  #asked = "";
  #loading = false;
  #connection = "";
  /** Why the past is not whole, in a sentence. */
  note = "";

  /** @param {string} task @param {() => void} changed */
  constructor(task, changed) {
    this.task = task;
    this.changed = changed;
  }

  /** Takes the newest state and loads what is missing. @param {import("./store.js").Store} store @param {any} task */
  update(store, task) {
    if (store.connection !== this.#connection) {
      this.#connection = store.connection;
      // After a gap there is a hole.
      if (store.connection === "live") this.#held = null;
    }
    if (!this.#held || this.#held.timestamp_ms.length > POINTS_KEPT) this.#load();
    else this.#extend(store.now, task);
    this.#past(store);
  }

  /** The columns within a range; null before they are there. @param {[number, number]} range */
  columns(range) {
    if (!this.#held) return null;
    const first = this.#held.timestamp_ms[0] ?? Infinity;
    const old = this.#old && range[0] < first ? cut(this.#old, [range[0], first - 1]) : null;
    const held = { ...cut(this.#held, range), interval_ms: this.#held.interval_ms };
    return old ? { ...joined(old, held), interval_ms: held.interval_ms } : held;
  }

  /** Lines of the task, newest first, those of the history among them. @param {any[]} held */
  lines(held) {
    if (this.#oldLines.length === 0) return held;
    const oldest = held.length > 0 ? ms(held.at(-1).timestamp) : Infinity;
    return held.concat(this.#oldLines.filter((line) => ms(line.timestamp) < oldest));
  }

  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      this.#held = await get(taskPath(this.task, "/series"));
      this.changed();
    } catch {
      // The next status asks again.
    } finally {
      this.#loading = false;
    }
  }

  #extend(now, task) {
    const columns = this.#held;
    const last = columns.timestamp_ms.at(-1);
    if (now === null || (last !== undefined && now - last < columns.interval_ms)) return;
    columns.timestamp_ms.push(now);
    for (const name of PLAIN) columns[name].push(name === "far_ratio" ? task.novelty.far_ratio : task[name]);
    for (const [name, estimate] of [["quality", task.quality.current], ["estimated", task.estimated]]) {
      for (const end of ENDS) columns[name][end].push(estimate?.[end] ?? null);
    }
    for (const signal of task.signals) columns.log_e_value[signal.signal]?.push(signal.log_e_value);
  }

  /** Asks the history once for each range that reaches further back than memory does. */
  #past(store) {
    const asked = span();
    if (asked === null || !this.#held || store.now === null || !store.access) { this.note = ""; return; }
    const first = this.#held.timestamp_ms[0] ?? store.now;
    const from = store.now - asked;
    if (from >= first) { this.note = ""; return; }
    if (!store.access.history) {
      this.note = "No history is kept, so that nothing older can be shown: configure [history] to look back further.";
      return;
    }
    if (this.#asked === String(asked)) return;
    this.#asked = String(asked);
    this.note = "The history is being read.";
    this.#read(from, first);
  }

  async #read(from, to) {
    const query = `task=${encodeURIComponent(this.task)}&from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}&limit=1000`;
    try {
      const [windows, lines] = await Promise.all([
        pages(`/api/v1/history/windows?${query}`, "windows", MOST_PAGES), pages(`/api/v1/history/verdicts?${query}`, "lines", MOST_PAGES),
      ]);
      if (from < this.#oldFrom || windows.rows.length > 0) {
        this.#oldFrom = from;
        this.#old = ofWindows(windows.rows);
        this.#oldLines = lines.rows.reverse().map((line, at) => ({ ...line, id: `past-${at}` }));
      }
      this.note = windows.complete ? "" : "The history has more than the page reads: the newest part of the range may be missing.";
    } catch (error) {
      this.note = `The history cannot be read: ${/** @type {Error} */ (error).message} ${/** @type {any} */ (error).hint ?? ""}`;
      this.#asked = "";
    }
    this.changed();
  }
}
