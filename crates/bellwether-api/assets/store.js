// What the page knows of all tasks: the newest status, the timeline and small courses; kept fresh by server-sent events.

import { ApiError, get } from "./api.js";
import { ms } from "./format.js";
import { span } from "./route.js";

const LINES_LOADED = 1000;
const LINES_KEPT = 5000;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
/** Points of a small course between two loads; the server sends 48. */
const POINTS = 48;
/** Loads of small courses are at least so far apart. */
const RELOAD_MS = 4000;
const COLUMNS = ["timestamp_ms", "observations", "drift_within_class", "drift_mix", "quality"];

export class Store extends EventTarget {
  /** @type {"connecting" | "live" | "lost" | "refused"} */
  connection = "connecting";
  /** Why the server refuses. @type {ApiError | null} */
  refusal = null;
  /** @type {any} */
  status = null;
  /** `role`, `hint` and which parts are configured. @type {any} */
  access = null;
  /** Newest first. @type {any[]} */
  lines = [];
  /** Incidents that stand; null before they are known. @type {any[] | null} */
  incidents = null;
  /** Task to columns. @type {Map<string, any>} */
  courses = new Map();
  /** Counts what has been taken, for whoever draws only what is new. */
  version = 0;
  #failures = 0;
  #loadedCourses = -Infinity;
  #loadingCourses = false;
  #raw = null;
  /** @type {Map<string | null, any[]>} */
  #byTask = new Map();
  #sortedOf = null;

  connect() {
    const source = new EventSource("/api/v1/events");
    source.addEventListener("open", () => {
      this.#failures = 0;
      this.refusal = null;
      this.#connected("live");
      this.#loadAccess();
      // After a gap the courses have a hole, and lines may have passed before the first one had a number to resume from.
      this.#loadCourses(true);
      this.#loadLines();
      this.loadIncidents();
    });
    source.addEventListener("status", (event) => this.#later(event.data));
    source.addEventListener("timeline", (event) => {
      this.#merge([JSON.parse(event.data)]);
      this.loadIncidents();
    });
    source.addEventListener("error", () => {
      if (this.connection !== "refused") this.#connected("lost");
      // The browser retries a broken connection by itself, but not an answer that was no event stream.
      if (source.readyState !== EventSource.CLOSED) return;
      this.#explain();
      const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
      this.#failures += 1;
      setTimeout(() => this.connect(), wait);
    });
  }

  /** Event time of the newest judgement, in milliseconds; null before the first. */
  get now() {
    return ms(this.status?.event_time);
  }

  /** The range of event time that is asked for, or of all that is held. @returns {[number, number]} */
  get range() {
    const end = this.now ?? Date.now();
    const asked = span();
    if (asked !== null) return [end - asked, end];
    let start = end;
    for (const course of this.courses.values()) start = Math.min(start, course.timestamp_ms[0] ?? end);
    if (this.lines.length > 0) start = Math.min(start, ms(this.lines.at(-1).timestamp));
    return [start, Math.max(end, start + 60_000)];
  }

  /** @param {string | null} task */
  linesOf(task) {
    if (this.#sortedOf !== this.lines) {
      this.#sortedOf = this.lines;
      this.#byTask = Map.groupBy(this.lines, (line) => line.task);
    }
    return this.#byTask.get(task) ?? [];
  }

  /**
   * The stretches of one verdict each within the range, oldest first; `task` null is the shared encoder.
   * @param {string | null} task @param {[number, number]} [range] @param {any[]} [lines] newest first
   */
  segments(task, range = this.range, lines = this.linesOf(task)) {
    const [start, end] = range;
    const current = task === null
      ? (this.status?.shared_encoder ? "shared" : "healthy")
      : (this.status?.tasks.find((t) => t.task === task)?.verdict ?? "unknown");
    const states = [...lines].reverse().map((line) => ({
      start: ms(line.timestamp),
      verdict: task === null ? (line.shared_encoder ? "shared" : "healthy") : line.verdict,
      line,
    }));
    const first = states.length === 0 ? current : task === null ? "healthy" : "unknown";
    /** @type {any[]} */
    const out = [{ start: Math.min(start, states[0]?.start ?? start), verdict: first, line: null }];
    for (const state of states) {
      if (state.verdict === out.at(-1).verdict) out.at(-1).line ??= state.line;
      else out.push(state);
    }
    out.forEach((segment, at) => { segment.end = out[at + 1]?.start ?? end; });
    return out.filter((segment) => segment.end > Math.max(segment.start, start))
      .map((segment) => ({ ...segment, since: segment.start, start: Math.max(segment.start, start) }));
  }

  async loadIncidents() {
    try {
      this.incidents = (await get("/api/v1/incidents?status=firing&limit=1000")).incidents;
      this.#changed();
    } catch {
      // The connection says what is wrong; the next line asks again.
    }
  }

  /** The courses of another range are asked for anew. */
  rangeChanged() {
    this.#loadCourses(true);
    this.#changed();
  }

  #changed() {
    this.version += 1;
    this.dispatchEvent(new Event("change"));
  }

  #connected(state) {
    this.connection = state;
    this.#changed();
  }

  /** A status may be a megabyte and come four times a second: only the newest of a frame is read. */
  #later(raw) {
    if (this.#raw === null) requestAnimationFrame(() => {
      const newest = this.#raw;
      this.#raw = null;
      this.#take(JSON.parse(newest));
    });
    this.#raw = raw;
  }

  #take(status) {
    if (this.status && this.status.instance !== status.instance) {
      // Another run: its lines are numbered anew.
      this.lines = [];
      this.courses.clear();
      this.#loadLines();
      this.#loadCourses(true);
      this.loadIncidents();
    }
    this.status = status;
    this.#extend();
    this.#changed();
  }

  /** Adds the newest state to the small courses where it is far enough from their last point. */
  #extend() {
    const { now } = this;
    if (now === null) return;
    let full = false;
    for (const task of this.status.tasks) {
      const course = this.courses.get(task.task);
      if (!course) { full = true; continue; }
      const times = course.timestamp_ms;
      const step = times.length > 1 ? (times.at(-1) - times[0]) / POINTS : 0;
      if (times.length > 0 && now - times.at(-1) < step) continue;
      const point = [now, task.observations, task.drift_within_class, task.drift_mix, task.quality.current?.value ?? null];
      COLUMNS.forEach((name, at) => course[name].push(point[at]));
      full ||= times.length > 2 * POINTS;
    }
    if (full) this.#loadCourses(false);
  }

  async #loadCourses(now) {
    if (this.#loadingCourses || (!now && performance.now() - this.#loadedCourses < RELOAD_MS)) return;
    this.#loadingCourses = true;
    try {
      const asked = span();
      const from = asked !== null && this.now !== null ? `?from=${new Date(this.now - asked).toISOString()}` : "";
      const { tasks } = await get(`/api/v1/sparklines${from}`);
      this.courses = new Map(tasks.map((course) => [course.task, course]));
      this.#changed();
    } catch {
      // The next status asks again.
    } finally {
      this.#loadingCourses = false;
      this.#loadedCourses = performance.now();
    }
  }

  async #loadAccess() {
    try {
      const [access, version] = await Promise.all([get("/api/v1/access"), get("/api/v1/version")]);
      this.access = { ...access, version: version.version };
      if (!this.status) {
        // An instance that has no status says why.
        this.status = await get("/api/v1/model");
        this.#extend();
      }
      this.refusal = null;
    } catch (error) {
      this.refusal = /** @type {ApiError} */ (error);
    }
    this.#changed();
  }

  /** Asks why there is no stream of events. */
  async #explain() {
    try {
      await get("/api/v1/access");
      // Whoever may ask is refused a stream alone: too many are open.
      this.status = await get("/api/v1/model");
    } catch (error) {
      this.refusal = /** @type {ApiError} */ (error);
      if (this.refusal.status !== 0) this.connection = "refused";
    }
    this.#changed();
  }

  async #loadLines() {
    try {
      this.#merge((await get(`/api/v1/timeline?limit=${LINES_LOADED}`)).lines);
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
