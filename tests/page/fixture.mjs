// A server that answers as the program does, for a model of many tasks and months of history. Its figures are drawn from a seed.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { ROOT } from "./support.mjs";

const ASSETS = join(ROOT, "crates/bellwether-api/assets");
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", html: "text/html; charset=utf-8", LICENSE: "text/plain" };
const HOUR = 3_600_000;
const START = Date.UTC(2026, 5, 1);
const SIGNALS = ["novelty", "novelty_warning", "within_class", "mix", "text_form", "confidence", "confidence_warning", "loss", "loss_warning", "unknown_label"];

/** Mulberry32: numbers from 0 to 1. */
function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const iso = (at) => new Date(at).toISOString();

/** Serves a model of so many tasks with so many days of hourly windows. */
export async function serveFixture({ tasks: number, days }) {
  const next = random(1);
  const verdicts = ["healthy", "healthy", "healthy", "healthy", "healthy", "healthy", "watch", "retrain", "continual_update", "new_task", "unknown"];
  const names = Array.from({ length: number }, (_, at) => `${["intent", "topic", "sentiment", "priority", "language"][at % 5]}_${String(at).padStart(3, "0")}`);
  const chosen = names.map(() => verdicts[Math.floor(next() * verdicts.length)]);
  const begin = START - days * 24 * HOUR;
  let now = START;

  const estimate = (value, half, size) => ({ value, low: value - half, high: value + half, size });
  const task = (at) => {
    const draw = random(1000 + at);
    const wave = 0.01 * Math.sin(now / (7 * HOUR) + at);
    return {
      task: names[at], kind: "classification", verdict: chosen[at], changed: iso(START - 30 * HOUR), since: iso(START - (20 + at % 60) * HOUR), confidence: 0.97,
      summary: chosen[at] === "healthy" ? `${names[at]} is as in the reference.` : `${names[at]}: the class mix moved by ${10 + (at % 30)} % (total variation), the head is less confident; quality is not seen to fall.`,
      observations: 100_000 + Math.round((now - begin) / 60_000) + at, labels: 20_000 + at, label_coverage: 0.2 + 0.1 * draw(), label_delay_seconds: 7200, drift_within_class: 0.05 * draw() + wave,
      drift_mix: 0.1 * draw(), common_cosine: draw() - 0.5, quality: { metric: "accuracy", reference: 0.94, current: estimate(0.9 + wave, 0.03, 200), macro_f1: 0.9 }, estimated: estimate(0.91, 0.02, 200),
      novelty: { far_ratio: 0.05 + wave, group_size: 0, coherence: null, affinity: null, misrouted_to: null },
      signals: SIGNALS.map((signal) => ({ signal, active: false, log_e_value: 2 * draw(), threshold: 15, value: 0.03, tolerance: 0.06 })), forgetting: null, costs: null, slices: [], unwatched_slice_values: 0,
    };
  };
  const model = () => ({
    instance: "fixture", event_time: iso(now), reference: "fixture-reference", shared_encoder: false, shared_since: null, common_shift_cosine: null, moved_task_ratio: 0.02, summary: "Some tasks moved.",
    encoder: { fault: null, other: null, canaries: 0, last_canary: null, canaries_checked: 0, canaries_differing: 0, unknown_canaries: 0, spot_checks: 0, spot_checks_differing: 0, other_encoder_events: 0 },
    forgetting: null, verdicts: Object.fromEntries(["unknown", "healthy", "watch", "retrain", "continual_update", "new_task"].map((v) => [v, chosen.filter((c) => c === v).length])),
    counts: { observations: 1e7, late_observations: 0, duplicate_observations: 0, labels: 2e6, duplicate_labels: 0, pending_labels: 0, orphan_labels: 0, pending_observations: 1e5, pending_observations_on_disk: 0, evicted_observations_by_age: 0, evicted_observations_by_number: 0, evicted_labels_by_age: 0, evicted_labels_by_number: 0, buffered: 20 },
    pipeline: { decoded: 1.2e7, rejected: 0, rejected_by_reason: {}, dead_letters_published: 0, dead_letters_failed: 0, lag_records: 12, last_poll: iso(Date.now()), progress_ratio: null },
    tasks: names.map((_, at) => task(at)),
  });
  const line = (at, id) => ({ id, timestamp: iso(START - at * 37 * 60_000), task: names[(at * 7) % number], verdict: ["watch", "healthy", "retrain"][at % 3], shared_encoder: false, since: iso(START - at * HOUR), confidence: 0.9, summary: `${names[(at * 7) % number]}: something was said.`, evidence: { n: at } });
  const lines = Array.from({ length: 1000 }, (_, at) => line(at, 1000 - at));
  const course = (points, from) => {
    const step = (now - from) / points;
    const ts = Array.from({ length: points }, (_, i) => Math.round(from + (i + 1) * step));
    const of = (f) => ts.map((_, i) => f(i));
    const band = { value: of((i) => 0.92 + 0.02 * Math.sin(i / 9)), low: of((i) => 0.89 + 0.02 * Math.sin(i / 9)), high: of((i) => 0.95 + 0.02 * Math.sin(i / 9)) };
    return { interval_ms: Math.round(step), timestamp_ms: ts, verdict: of(() => "healthy"), observations: of((i) => 1000 * i), label_coverage: of(() => 0.25), drift_within_class: of((i) => 0.02 * Math.abs(Math.sin(i / 30))), drift_mix: of((i) => 0.1 * Math.abs(Math.cos(i / 40))),
      far_ratio: of((i) => 0.05 + 0.02 * Math.sin(i / 20)), quality: band, estimated: band, log_e_value: Object.fromEntries(SIGNALS.map((s) => [s, of((i) => Math.sin(i / 50))])) };
  };
  /** Memory holds the last week, as after a restart with a full buffer. */
  const held = START - 7 * 24 * HOUR;
  const windows = (name, query) => {
    const from = Math.max(begin, Date.parse(query.get("from")));
    const to = Date.parse(query.get("to"));
    const first = query.get("after") ? Number(query.get("after")) : Math.ceil(from / HOUR) * HOUR;
    const rows = [];
    let at = first;
    for (; at < to && rows.length < Number(query.get("limit")); at += HOUR) {
      const day = at / (24 * HOUR);
      rows.push({ window_start: iso(at), window_end: iso(at + HOUR), task: name, verdict: "healthy", since: iso(begin), confidence: 1, summary: "as in the reference", observations: 60, labels: 12, label_coverage: 0.2, label_delay_seconds: 3600, drift_within_class: 0.02 * Math.abs(Math.sin(day)), drift_mix: 0.08 * Math.abs(Math.cos(day)), far_ratio: 0.05,
        quality_metric: "accuracy", quality_reference: 0.94, quality: { value: 0.93, low: 0.9, high: 0.96, size: 200 }, estimated: { value: 0.93, low: 0.9, high: 0.95, size: 200 } });
    }
    return { windows: rows, next: at < to ? String(at) : null };
  };
  const answer = (path, query) => {
    const of = path.match(/^\/api\/v1\/tasks\/([^/]+)(\/\w+)?$/);
    const name = of && decodeURIComponent(of[1]);
    if (of?.[2] === "/series") return { task: name, ...course(720, held) };
    if (of?.[2] === "/map") {
      const draw = random(7);
      const point = (i, side) => ({ event_id: `${side}${i}`, x: draw() - 0.5, y: draw() - 0.5, class: "one", timestamp: side === "n" ? iso(now - i * 60_000) : null, novel: side === "n" && i % 20 === 0, text: null });
      return { task: name, as_of: iso(now), from: iso(now - HOUR), to: iso(now), since_onset: false, kept_ratios: [0.1, 0.08], reference: Array.from({ length: 300 }, (_, i) => point(i, "r")), now: Array.from({ length: 400 }, (_, i) => point(i, "n")) };
    }
    if (of) {
      return { ...task(names.indexOf(name)), last_change: null,
        quality_report: { as_of: iso(now), from: null, to: null, labels: 0, effective_labels: 0, outside_label_set: 0, coverage: null, delay_median_seconds: null, delay_late_seconds: null, selection: { p_value: null, corrected: false, truncated: 0, uncovered: null, strata: [] }, metrics: [], classes: [], confusions: [], reliability: null, estimates: [], advice: null },
        drift_report: { as_of: iso(now), from: null, to: null, observations: 0, since_onset: false, summary: null, kernel: null, linear: null, energy: null, classifier_auc: null, split: null, classes: [], direction: null, examples: [], season: null } };
    }
    switch (path) {
      case "/api/v1/access": return { role: "operate", hint: null, history: true, references: false, work_sets: false };
      case "/api/v1/version": return { name: "bellwether", version: "0.0.0", api: "v1", instance: "fixture" };
      case "/api/v1/model": return model();
      case "/api/v1/sparklines": {
        const asked = query.get("from") ? Date.parse(query.get("from")) : held;
        return { tasks: names.map((t) => { const c = course(48, Math.max(asked, held)); return { task: t, timestamp_ms: c.timestamp_ms, observations: c.observations, drift_within_class: c.drift_within_class, drift_mix: c.drift_mix, quality: c.quality.value }; }) };
      }
      case "/api/v1/timeline": return { lines, next_before: null };
      case "/api/v1/incidents": return { incidents: [] };
      case "/api/v1/silences": return { silences: [] };
      case "/api/v1/work-sets": return { work_sets: [] };
      case "/api/v1/history/windows": return windows(query.get("task"), query);
      case "/api/v1/history/verdicts": return { lines: [{ timestamp: iso(START - 40 * 24 * HOUR), task: query.get("task"), verdict: "watch", shared_encoder: false, since: iso(START), confidence: 1, summary: "moved", evidence: {} },
        { timestamp: iso(START - 30 * 24 * HOUR), task: query.get("task"), verdict: "healthy", shared_encoder: false, since: iso(START), confidence: 1, summary: "back", evidence: {} }], next: null };
      default: return null;
    }
  };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://fixture");
    if (url.pathname === "/api/v1/events") {
      response.writeHead(200, { "content-type": "text/event-stream", "content-security-policy": POLICY });
      const tell = () => { now += 60_000; response.write(`event: status\ndata: ${JSON.stringify(model())}\n\n`); };
      tell();
      const timer = setInterval(tell, 250);
      response.on("close", () => clearInterval(timer));
      return;
    }
    const body = url.pathname.startsWith("/api/") ? answer(url.pathname, url.searchParams) : null;
    if (body) { response.writeHead(200, { "content-type": "application/json" }); response.end(JSON.stringify(body)); return; }
    const file = url.pathname === "/" ? "index.html" : url.pathname.replace(/^\/assets\//, "");
    const found = await readFile(join(ASSETS, file)).catch(() => readFile(join(ASSETS, "vendor", file))).catch(() => null);
    response.writeHead(found ? 200 : 404, { "content-type": TYPES[file.split(".").pop()] ?? "text/plain", "content-security-policy": POLICY });
    response.end(found ?? "");
  });
  await new Promise((done) => { server.listen(0, "127.0.0.1", () => done(null)); });
  const { port } = /** @type {any} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`, names,
    stop: () => new Promise((done) => { server.closeAllConnections(); server.close(() => done(null)); }),
  };
}
