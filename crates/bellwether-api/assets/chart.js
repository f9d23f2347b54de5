// Time series with uPlot: verdict bands behind, intervals around, one cursor for all charts of a view, and a table for whoever
// does not see them.

import { h, setText } from "./dom.js";
import { clock, day, exists, fullTime, shortTime } from "./format.js";

/** @type {any} The vendored library; it is loaded before the modules run. */
const Plot = /** @type {any} */ (globalThis).uPlot;

const HEIGHT = 168;
/** Rows of the table that stands in for a chart. */
const TABLE_ROWS = 24;
const FONT = "11px Inter, ui-sans-serif, system-ui, sans-serif";
const SYNC = "bellwether";
const DAY = 86_400_000;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** @type {Set<any>} */
const drawn = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((plot) => plot.redraw()));

const COLOURS = { first: ["--accent", "--accent-soft"], second: ["--second", "--second-soft"] };

/** The range of all values, widened to hold `always` and a little air. */
function extent(columns, always) {
  let low = Infinity;
  let high = -Infinity;
  for (const column of columns) for (const value of column) if (exists(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  for (const value of always) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  return [always.includes(low) ? low : low - pad, always.includes(high) ? high : high + pad];
}

/** The verdicts behind the lines, and the level of the reference. */
function marks(data) {
  return {
    drawClear(u) {
      const { left, top, width, height } = u.bbox;
      u.ctx.save();
      for (const { verdict, start, end } of data().segments) {
        if (verdict === "healthy" || verdict === "unknown") continue;
        const from = Math.max(left, u.valToPos(start, "x", true));
        const to = Math.min(left + width, u.valToPos(end, "x", true));
        if (to <= from) continue;
        u.ctx.fillStyle = css(`--${verdict}-soft`);
        u.ctx.fillRect(from, top, to - from, height);
        u.ctx.fillStyle = css(`--${verdict}-mark`);
        u.ctx.fillRect(from, top, to - from, 2 * devicePixelRatio);
      }
      u.ctx.restore();
    },
    draw(u) {
      const level = data().reference;
      if (!exists(level)) return;
      const { left, width } = u.bbox;
      const y = u.valToPos(level, "y", true);
      u.ctx.save();
      u.ctx.strokeStyle = css("--ink-3");
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      u.ctx.beginPath();
      u.ctx.moveTo(left, y);
      u.ctx.lineTo(left + width, y);
      u.ctx.stroke();
      u.ctx.restore();
    },
  };
}

/** The values in a table, made when it is opened. */
function valueTable(lines, format, data) {
  const body = h("tbody");
  const details = h("details", { class: "values" }, h("summary", null, "Values as a table"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Values" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Time, UTC"), lines.map((line) => h("th", { scope: "col", class: "num" }, line.name)))), body)));
  details.addEventListener("toggle", () => {
    if (!(/** @type {HTMLDetailsElement} */ (details).open)) return;
    const { ts, ys } = data();
    const taken = Math.min(ts.length, TABLE_ROWS);
    const places = Array.from({ length: taken }, (_, i) => (taken < 2 ? 0 : Math.round((i * (ts.length - 1)) / (taken - 1))));
    body.replaceChildren(...places.map((at) => h("tr", null, h("th", { scope: "row" }, shortTime(ts[at])), ys.map((column) => h("td", { class: "num" }, format(column[at]))))));
  });
  return details;
}

/**
 * A chart with axes, verdict bands behind and a cursor. `lines` are `{ name, kind, dashed? }` in the order of the data's `ys`;
 * `referenceName` is what the level is called. Pointer and arrow keys choose a moment; the legend then reads its values, else the latest.
 */
export function lineChart({ title, note, lines, format, referenceName = "reference" }) {
  /** @type {{ts: number[], ys: any[][], bands: any[], segments: any[], range: [number, number], reference: number | null, always: number[]}} */
  let data = { ts: [], ys: lines.map(() => []), bands: [], segments: [], range: [0, 1], reference: null, always: [] };
  const held = () => data;
  const area = h("div", { class: "plot", tabindex: 0, role: "group", "aria-label": `${title}: use the arrow keys to read values` });
  const when = h("time");
  const values = lines.map(() => h("b"));
  const reference = h("b");
  const referenceEntry = h("span", { hidden: true }, h("i", { class: "ref" }), `${referenceName} `, reference);
  const legend = h("div", { class: "legend" },
    lines.map((line, at) => h("span", null, h("i", { class: `${line.kind}${line.dashed ? " dashed" : ""}` }), `${line.name} `, values[at])), referenceEntry);
  const summary = h("p", { class: "sr" });
  const nothing = h("p", { class: "nothing" }, "No values in this range.");
  const element = h("figure", { class: "panel chart" },
    h("figcaption", null, h("h3", null, title), when, note ? h("p", { class: "note" }, note) : null, legend), summary, nothing, area, valueTable(lines, format, held));

  let chosen = null;
  function read() {
    const { ts, ys, bands } = data;
    if (ts.length === 0) { values.forEach((v) => setText(v, "–")); setText(when, ""); return; }
    const at = chosen === null ? ts.length - 1 : Math.min(chosen, ts.length - 1);
    lines.forEach((_, i) => {
      const band = bands[i];
      const interval = band && exists(band.low[at]) ? ` (${format(band.low[at])} to ${format(band.high[at])})` : "";
      setText(values[i], format(ys[i][at]) + interval);
    });
    setText(when, chosen === null ? "latest" : `${shortTime(ts[at])} UTC`);
    when.title = fullTime(ts[at]);
  }

  const colour = (line, which) => () => css(COLOURS[line.kind][which]);
  const hooks = marks(held);
  // Each line is followed by the ends of its interval.
  const series = lines.flatMap((line) => [
    { stroke: colour(line, 0), width: 1.6, dash: line.dashed ? [5, 4] : undefined, points: { show: false } },
    { stroke: "transparent", width: 0, points: { show: false } }, { stroke: "transparent", width: 0, points: { show: false } },
  ]);
  const axis = { font: FONT, stroke: () => css("--ink-3"), ticks: { show: false }, grid: { stroke: () => css("--line"), width: 1 } };
  const plot = new Plot({
    width: 600, height: HEIGHT, ms: 1, padding: [8, 10, 0, 0],
    tzDate: (at) => Plot.tzDate(new Date(at), "UTC"),
    legend: { show: false },
    cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: { x: { time: true, range: () => data.range },
      y: { range: () => extent([...data.ys, ...data.bands.flatMap((b) => (b ? [b.low, b.high] : []))], exists(data.reference) ? [...data.always, data.reference] : data.always) } },
    axes: [{ ...axis, space: 70, size: 24, grid: { show: false }, values: (_, ticks, __, ___, step) => ticks.map((t) => (step >= DAY || t % DAY === 0 ? day(t) : clock(t))) }, { ...axis, size: 48, space: 28, values: (_, ticks) => ticks.map((v) => format(v, true)) }],
    series: [{}, ...series.map((one, at) => ({ ...one, label: String(at) }))],
    bands: lines.map((line, i) => ({ series: [3 * i + 3, 3 * i + 2], fill: colour(line, 1) })),
    hooks: {
      drawClear: [hooks.drawClear], draw: [hooks.draw],
      setCursor: [(u) => { chosen = u.cursor.left >= 0 ? u.cursor.idx : null; read(); }],
    },
  }, [[], ...series.map(() => [])], area);
  drawn.add(plot);
  const sized = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  });
  sized.observe(area);

  area.addEventListener("keydown", (event) => {
    const last = data.ts.length - 1;
    const from = chosen ?? last;
    const jump = event.shiftKey ? 20 : 1;
    const to = { ArrowLeft: from - jump, ArrowRight: from + jump, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    legend.setAttribute("aria-live", "polite");
    const left = to === null ? -10 : plot.valToPos(data.ts[Math.max(0, Math.min(last, to))], "x");
    plot.setCursor({ left, top: to === null ? -10 : 10 });
  });
  area.addEventListener("blur", () => { legend.removeAttribute("aria-live"); plot.setCursor({ left: -10, top: -10 }); });

  return {
    element,
    /** @param {{ts: number[], ys: any[][], bands?: any[], segments: any[], range: [number, number], reference?: number | null, always: number[]}} next */
    update(next) {
      data = { bands: [], reference: null, ...next };
      const none = data.ts.length === 0;
      nothing.hidden = !none;
      area.hidden = none;
      const empty = data.ts.map(() => null);
      plot.setData([data.ts, ...lines.flatMap((_, i) => [data.ys[i], data.bands[i]?.low ?? empty, data.bands[i]?.high ?? empty])]);
      referenceEntry.hidden = !exists(data.reference);
      if (exists(data.reference)) setText(reference, format(data.reference));
      setText(summary, none ? `${title}: no values in this range.`
        : `${title} from ${fullTime(data.ts[0])} to ${fullTime(data.ts.at(-1))}: ${lines.map((line, i) => `${line.name} from ${format(data.ys[i][0])} to ${format(data.ys[i].at(-1))}`).join(", ")}.`);
      read();
    },
    close() {
      sized.disconnect();
      drawn.delete(plot);
      plot.destroy();
    },
  };
}
