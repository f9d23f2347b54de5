// Charts of the size of a word, in SVG. Paths are drawn in a unit box that stretches with its frame: no measuring, no redraw
// on resize.

import { s, setAttribute } from "./dom.js";

const WIDTH = 1000;
const HEIGHT = 100;
/** Steps in which a range moves on: about a pixel each. */
const STEPS = 160;

const finite = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** Maps times and values into the unit box. @param {[number, number]} times @param {[number, number]} values */
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

/** The range of all values, widened to hold `always` and a little air. @returns {[number, number]} */
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

/**
 * A chart of the size of a word. `lines` are `{ ys, kind }`, `band` is `{ low, high }`, `reference` a level, `always`
 * values that the scale must hold.
 */
export function sparkline() {
  const svg = s("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  let drawn = "";
  return {
    element: svg,
    /** @param {{ts: number[], lines: {ys: any[], kind: string}[], band?: any, reference?: number | null, always?: number[], range?: [number, number], label: string}} data */
    update({ ts, lines, band, reference = null, always = [], range, label }) {
      setAttribute(svg, "aria-label", label);
      // Nothing is drawn anew that would look the same: there may be a hundred of these, several times a second.
      const [start, end] = range ?? [ts[0], ts.at(-1)];
      const key = [ts.length, ts[0], ts.at(-1), Math.round((STEPS * end) / (end - start || 1)), Math.round((STEPS * start) / (end - start || 1)), reference, ...lines.map((line) => line.ys.at(-1))].join();
      if (key === drawn) return;
      drawn = key;
      if (ts.length < 2) { svg.replaceChildren(); return; }
      const columns = [...lines.map((line) => line.ys), ...(band ? [band.low, band.high] : [])];
      const scale = scales(range ?? [ts[0], ts.at(-1)], extent(columns, finite(reference) ? [...always, reference] : always));
      svg.replaceChildren(
        ...(band ? [s("path", { class: "band", d: bandPath(ts, band.low, band.high, scale) })] : []),
        ...(finite(reference) ? [s("line", { class: "ref", x1: 0, x2: WIDTH, y1: scale.y(reference), y2: scale.y(reference) })] : []),
        ...lines.map(({ ys, kind }) => s("path", { class: kind, d: linePath(ts, ys, scale) })),
      );
    },
  };
}
