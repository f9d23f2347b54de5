// Line charts and sparklines in SVG. Paths are drawn in a unit box that stretches with its frame, and everything written
// (ticks, readouts) is HTML beside it: no measuring, no redraw on resize.

import { h, s, setAttribute, setText } from "./dom.js";
import { clock, day, fullTime, shortTime } from "./format.js";

const WIDTH = 1000;
const HEIGHT = 100;

const finite = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** Maps times and values into the unit box. */
function scales([t0, t1], [y0, y1]) {
  const across = t1 > t0 ? WIDTH / (t1 - t0) : 0;
  const up = y1 > y0 ? HEIGHT / (y1 - y0) : 0;
  return { x: (t) => ((t - t0) * across).toFixed(1), y: (v) => (HEIGHT - (v - y0) * up).toFixed(1) };
}

/** A line that is interrupted where there is no value. */
function linePath(ts, ys, { x, y }) {
  let path = "";
  let pen = "M";
  ts.forEach((t, at) => {
    if (!finite(ys[at])) { pen = "M"; return; }
    path += `${pen}${x(t)} ${y(ys[at])}`;
    pen = "L";
  });
  return path;
}

/** The area between two lines, one closed shape per stretch with values. */
function bandPath(ts, lows, highs, { x, y }) {
  let path = "";
  let start = -1;
  for (let at = 0; at <= ts.length; at += 1) {
    const here = at < ts.length && finite(lows[at]) && finite(highs[at]);
    if (here && start < 0) start = at;
    if (!here && start >= 0) {
      for (let i = start; i < at; i += 1) path += `${i === start ? "M" : "L"}${x(ts[i])} ${y(highs[i])}`;
      for (let i = at - 1; i >= start; i -= 1) path += `L${x(ts[i])} ${y(lows[i])}`;
      path += "Z";
      start = -1;
    }
  }
  return path;
}

/** The range of all values, widened to hold `always` and a little air. */
function extent(columns, always, air = 0.06) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of [...columns.flat(), ...always]) {
    if (finite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  }
  if (low > high) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * air;
  const pinned = (end) => always.includes(end);
  return [pinned(low) ? low : low - pad, pinned(high) ? high : high + pad];
}

/** Up to six round values within a range. */
export function ticks([low, high]) {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= raw) ?? raw;
  const out = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}

const MINUTE = 60_000;
const STEPS = [1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 7200, 14400, 43200, 129600].map((m) => m * MINUTE);

/** Round UTC times within a range, at most `most` of them. */
function timeTicks([t0, t1], most) {
  const step = STEPS.find((step) => (t1 - t0) / step <= most) ?? STEPS.at(-1);
  const label = step >= 1440 * MINUTE ? day : (t) => (t % (1440 * MINUTE) === 0 ? day(t) : clock(t));
  const out = [];
  for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) out.push({ t, label: label(t) });
  return out;
}

/** Fills an axis element with labelled times; ends are left free so that no label is cut. */
export function timeAxis(element, range) {
  const most = Math.max(2, Math.floor(element.clientWidth / 64));
  const at = (t) => (100 * (t - range[0])) / (range[1] - range[0] || 1);
  const shown = timeTicks(range, most).filter(({ t }) => at(t) > 3 && at(t) < 95);
  element.replaceChildren(...shown.map(({ t, label }) => {
    const tick = h("span", null, label);
    tick.style.left = `${at(t)}%`;
    return tick;
  }));
}

/**
 * A chart of the size of a word. `lines` are `{ ys, kind }`, `band` is `{ low, high }`, `reference` a level, `always`
 * values that the scale must hold.
 */
export function sparkline() {
  const svg = s("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  return {
    element: svg,
    update({ ts, lines, band, reference = null, always = [], label }) {
      setAttribute(svg, "aria-label", label);
      if (ts.length < 2) { svg.replaceChildren(); return; }
      const columns = [...lines.map((line) => line.ys), ...(band ? [band.low, band.high] : [])];
      const scale = scales([ts[0], ts.at(-1)], extent(columns, finite(reference) ? [...always, reference] : always));
      svg.replaceChildren(
        ...(band ? [s("path", { class: "band", d: bandPath(ts, band.low, band.high, scale) })] : []),
        ...(finite(reference) ? [s("line", { class: "ref", x1: 0, x2: WIDTH, y1: scale.y(reference), y2: scale.y(reference) })] : []),
        ...lines.map(({ ys, kind }) => s("path", { class: kind, d: linePath(ts, ys, scale) })),
      );
    },
  };
}

/**
 * A chart with axes, verdict bands behind and a cursor. `lines` are `{ name, kind }` in the order of the data's `ys`.
 * `referenceName` is what the level is called. Pointer and arrow keys choose a moment; the legend then reads the values of that moment, else the latest.
 */
export function lineChart({ title, note, lines, format, referenceName = "reference" }) {
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const cursor = h("div", { class: "cursor", hidden: true });
  const plot = h("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `${title}: use the arrow keys to read values` }, svg, cursor);
  const when = h("time");
  const values = lines.map(() => h("b"));
  const reference = h("b");
  const referenceEntry = h("span", { hidden: true }, h("i", { class: "ref" }), `${referenceName} `, reference);
  const legend = h("div", { class: "legend" },
    lines.map((line, at) => h("span", null, h("i", { class: line.kind }), `${line.name} `, values[at])), referenceEntry);
  const ys = h("div", { class: "ys", "aria-hidden": "true" });
  const axis = h("div", { class: "axis", "aria-hidden": "true" });
  const element = h("figure", { class: "panel chart" },
    h("figcaption", null, h("h3", { title: note }, title), when, legend),
    h("div", { class: "area" }, ys, plot), axis);

  let data = null;
  let chosen = null;

  function read() {
    if (!data || data.ts.length === 0) { values.forEach((v) => setText(v, "–")); return; }
    const at = chosen === null ? data.ts.length - 1 : Math.min(chosen, data.ts.length - 1);
    lines.forEach((line, i) => {
      const value = format(data.ys[i][at]);
      const band = data.bands?.[i];
      const interval = band && finite(band.low[at]) ? ` (${format(band.low[at])} to ${format(band.high[at])})` : "";
      setText(values[i], value + interval);
    });
    setText(when, chosen === null ? "latest" : `${shortTime(data.ts[at])} UTC`);
    when.title = fullTime(data.ts[at]);
    cursor.hidden = chosen === null;
    cursor.style.left = `${(100 * (data.ts[at] - data.range[0])) / (data.range[1] - data.range[0] || 1)}%`;
  }

  function choose(index) {
    chosen = index;
    read();
  }

  plot.addEventListener("pointermove", (event) => {
    if (!data || data.ts.length === 0) return;
    const box = plot.getBoundingClientRect();
    const t = data.range[0] + ((event.clientX - box.left) / box.width) * (data.range[1] - data.range[0]);
    let nearest = 0;
    data.ts.forEach((at, i) => { if (Math.abs(at - t) < Math.abs(data.ts[nearest] - t)) nearest = i; });
    choose(nearest);
  });
  plot.addEventListener("pointerleave", () => choose(null));
  plot.addEventListener("blur", () => { legend.removeAttribute("aria-live"); choose(null); });
  plot.addEventListener("keydown", (event) => {
    const last = (data?.ts.length ?? 0) - 1;
    const from = chosen ?? last;
    const jump = event.shiftKey ? 20 : 1;
    const to = { ArrowLeft: from - jump, ArrowRight: from + jump, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    legend.setAttribute("aria-live", "polite");
    choose(Math.max(0, Math.min(last, to)));
  });

  return {
    element,
    /** `{ ts, ys: [column per line], bands: [{low, high} | null per line], segments, range, reference, always }` */
    update(next) {
      data = next;
      const bands = (next.bands ?? []).map((band) => band ?? { low: [], high: [] });
      const level = next.reference ?? null;
      const range = extent([...next.ys, ...bands.flatMap((b) => [b.low, b.high])], finite(level) ? [...next.always, level] : next.always);
      const scale = scales(next.range, range);
      const marks = ticks(range);
      const clamp = (t) => Math.max(next.range[0], Math.min(next.range[1], t));
      svg.replaceChildren(
        ...next.segments.filter((seg) => seg.verdict !== "healthy" && seg.verdict !== "unknown" && seg.end > next.range[0]).map((seg) =>
          s("rect", { "data-verdict": seg.verdict, x: scale.x(clamp(seg.start)), y: 0, height: HEIGHT,
            width: Math.max(0, scale.x(clamp(seg.end)) - scale.x(clamp(seg.start))) })),
        ...marks.map((v) => s("line", { class: "grid", x1: 0, x2: WIDTH, y1: scale.y(v), y2: scale.y(v) })),
        ...bands.map((b, at) => s("path", { class: at === 0 ? "band" : "band-second", d: bandPath(next.ts, b.low, b.high, scale) })),
        ...(finite(level) ? [s("line", { class: "ref", x1: 0, x2: WIDTH, y1: scale.y(level), y2: scale.y(level) })] : []),
        ...lines.map((line, at) => s("path", { class: line.kind, d: linePath(next.ts, next.ys[at], scale) })),
      );
      const digits = (v) => format(v, true);
      ys.replaceChildren(...marks.map((v) => {
        const tick = h("span", null, digits(v));
        tick.style.top = `${scale.y(v)}%`;
        return tick;
      }));
      referenceEntry.hidden = !finite(level);
      if (finite(level)) setText(reference, format(level));
      timeAxis(axis, next.range);
      read();
    },
  };
}
