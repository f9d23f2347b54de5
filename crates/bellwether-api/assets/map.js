// A task's inputs as points of a plane: the reference against now, what is novel marked, each point readable.

import { get, repeatedly, taskPath } from "./api.js";
import { h, s, setText } from "./dom.js";
import { count, ms, percent, shortTime } from "./format.js";
import { hideTip, showTip } from "./tip.js";

const EVERY_MS = 10_000;
const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = 14;
/** A pointer this near to a point, in pixels of the screen, reads it. */
const REACH = 18;
/** Points of a group from which its number is written, and numbers that are written. */
const LEAST_OF_GROUP = 3;
const LABELS = 9;
/** Novel points in the table that stands in for the picture. */
const TABLE_ROWS = 40;

/** Fits all points into the frame at one scale for both axes. */
function scale(points) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of points) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
  const size = Math.max((x1 - x0) / (WIDTH - 2 * MARGIN), (y1 - y0) / (HEIGHT - 2 * MARGIN), 1e-9);
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return ({ x, y }) => [WIDTH / 2 + (x - cx) / size, HEIGHT / 2 - (y - cy) / size];
}

const words = (point) => point.text ?? (point.event_id || "no event id");

function description(point) {
  const side = point.side === "reference" ? "reference" : point.novel ? "now, novel" : "now";
  const facts = [side, point.class, point.timestamp ? `${shortTime(ms(point.timestamp))} UTC` : null, point.group !== undefined ? `group ${point.group}` : null].filter(Boolean);
  return [h("p", { class: "when" }, facts.join(" · ")), h("p", { class: point.text ? "quote" : "mono" }, words(point)), point.text ? h("p", { class: "when mono" }, point.event_id) : null].filter(Boolean);
}

/** @param {string} name @param {() => Map<string, number>} groups event id to proposed group */
export function mapPanel(name, groups) {
  const behind = s("g", { class: "reference" });
  const now = s("g", { class: "now" });
  const labels = s("g", { class: "labels" });
  const ring = s("circle", { class: "ring", r: 8, visibility: "hidden" });
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, behind, now, labels, ring);
  const frame = h("div", { class: "map", tabindex: 0, role: "group", "aria-label": "Map of inputs: use the arrow keys to read the novel points" }, svg);
  const read = h("p", { class: "sr", "aria-live": "polite" });
  const lead = h("p");
  const said = h("p", { class: "note" });
  const legend = h("div", { class: "legend" }, h("span", null, h("i", { class: "dot reference" }), "reference"), h("span", null, h("i", { class: "dot now" }), "now"),
    h("span", null, h("i", { class: "dot novel" }), "now, novel"));
  const body = h("tbody");
  const table = h("details", { class: "values" }, h("summary", null, "Novel points as a table"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Novel points" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, ["Event", "Time, UTC", "Predicted", "Text"].map((head) => h("th", { scope: "col" }, head)))), body)));
  const nothing = h("p", { class: "nothing" }, "The map is drawn once 30 observations have come.");
  const element = h("section", { class: "panel mapped", "aria-label": "Map of inputs" },
    h("header", null, h("h2", null, "Map of inputs"), lead), legend, nothing, frame, read, said, table);
  /** @type {any[]} */
  let points = [];
  let chosen = -1;

  function choose(at, aloud) {
    chosen = at;
    if (at < 0) { ring.setAttribute("visibility", "hidden"); hideTip(); return; }
    const point = points[at];
    ring.setAttribute("visibility", "visible");
    ring.setAttribute("cx", point.px);
    ring.setAttribute("cy", point.py);
    const box = svg.getBoundingClientRect();
    const y = box.top + (point.py * box.height) / HEIGHT;
    showTip(description(point), { x: box.left + (point.px * box.width) / WIDTH, top: y - 8, bottom: y + 8 });
    if (aloud) setText(read, `${words(point)}, ${point.class ?? "no class"}`);
  }

  frame.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) * WIDTH) / box.width;
    const y = ((event.clientY - box.top) * HEIGHT) / box.height;
    let best = -1;
    let nearest = (REACH * WIDTH) / box.width;
    points.forEach((point, at) => {
      const away = Math.hypot(point.px - x, point.py - y);
      if (away < nearest) { nearest = away; best = at; }
    });
    if (best !== chosen) choose(best, false);
  });
  frame.addEventListener("pointerleave", () => choose(-1, false));
  frame.addEventListener("blur", () => choose(-1, false));
  frame.addEventListener("keydown", (event) => {
    const novel = points.map((point, at) => [point, at]).filter(([point]) => point.novel).sort(([a], [b]) => a.px - b.px || a.py - b.py).map(([, at]) => at);
    const order = novel.length > 0 ? novel : points.map((_, at) => at);
    const at = order.indexOf(chosen);
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: order.length - 1, Escape: -2 }[event.key];
    if (to === undefined || order.length === 0) return;
    event.preventDefault();
    if (to === -2) choose(-1, false);
    else choose(order[(to + order.length) % order.length], true);
  });

  /** Numbers beside the proposed groups: what they are is said in their table. */
  function label(grouped) {
    const sums = new Map();
    for (const point of grouped) {
      const sum = sums.get(point.group) ?? { x: 0, y: 0, n: 0 };
      sums.set(point.group, { x: sum.x + point.px, y: sum.y + point.py, n: sum.n + 1 });
    }
    const told = [...sums].filter(([, { n }]) => n >= LEAST_OF_GROUP).sort(([, a], [, b]) => b.n - a.n).slice(0, LABELS);
    labels.replaceChildren(...told.map(([group, { x, y, n }]) => s("g", { transform: `translate(${(x / n).toFixed(1)} ${(y / n).toFixed(1)})` },
      s("circle", { r: 10 }), s("text", { "text-anchor": "middle", dy: 4 }, String(group)))));
  }

  function draw(map) {
    const known = groups();
    points = [...map.reference.map((p) => ({ ...p, side: "reference" })), ...map.now.map((p) => ({ ...p, side: "now", group: known.get(p.event_id) }))];
    const none = points.length === 0;
    nothing.hidden = !none;
    for (const part of [frame, legend, table]) part.hidden = none;
    if (none) { setText(lead, ""); setText(said, ""); return; }
    const place = scale(points);
    for (const point of points) [point.px, point.py] = place(point);
    const at = (point) => ({ cx: point.px.toFixed(1), cy: point.py.toFixed(1) });
    behind.replaceChildren(...points.filter((p) => p.side === "reference").map((p) => s("circle", { r: 2.6, ...at(p) })));
    const diamond = ({ px, py }) => `M${px.toFixed(1)} ${(py - 5.2).toFixed(1)}l5.2 5.2-5.2 5.2-5.2-5.2Z`;
    now.replaceChildren(...points.filter((p) => p.side === "now").sort((a, b) => Number(a.novel) - Number(b.novel))
      .map((p) => (p.novel ? s("path", { class: "novel", d: diamond(p) }) : s("circle", { r: 3, ...at(p) }))));
    label(points.filter((p) => p.group !== undefined));
    const novel = map.now.filter((p) => p.novel);
    setText(lead, `${count(map.now.length)} observations ${map.since_onset ? "since the onset of what stands" : "of late"} against ${count(map.reference.length)} of the reference; ${count(novel.length)} novel`);
    setText(said, `The two leading principal directions of both, which hold ${percent(map.kept_ratios[0] + map.kept_ratios[1], 0)} of their spread: what is apart here is apart, what is together may not be.`);
    body.replaceChildren(...novel.slice(-TABLE_ROWS).reverse().map((p) => h("tr", null, h("th", { scope: "row", class: "mono" }, p.event_id),
      h("td", null, shortTime(ms(p.timestamp))), h("td", null, p.class ?? "–"), h("td", { class: "wide" }, p.text ?? "not kept"))));
    if (chosen >= points.length) choose(-1, false);
  }

  const load = repeatedly(() => get(taskPath(name, "/map")), EVERY_MS, (map) => {
    if (!map) return;
    // The pointer is over a point: it stays under it until it goes.
    if (chosen < 0 || points.length === 0) draw(map);
  });
  return { element, update: () => load(), again: () => load(true) };
}
