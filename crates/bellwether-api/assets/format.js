// Words, numbers and times as a person reads them. All times are event time in UTC.

import { h, s, setAttribute, setText } from "./dom.js";

/** By need: what asks for action first. */
export const VERDICTS = ["retrain", "new_task", "continual_update", "watch", "unknown", "healthy"];
export const ALARMS = new Set(["retrain", "new_task", "continual_update"]);

const WORDS = { continual_update: "continual update", new_task: "new task", other_encoder: "another encoder", shared: "shared encoder" };
export const word = (name) => WORDS[name] ?? name.replaceAll("_", " ");

const BARS = () => s("path", { d: "M1 2h10v2.2H1zm0 5.8h10V10H1z" });
const SHAPES = {
  unknown: () => s("circle", { cx: 6, cy: 6, r: 4.4, class: "open" }),
  healthy: () => s("circle", { cx: 6, cy: 6, r: 4.4 }),
  watch: () => s("path", { d: "M6 .9 11.6 11H.4Z" }),
  retrain: () => s("path", { d: "M3.6.8h4.8l2.8 2.8v4.8l-2.8 2.8H3.6L.8 8.4V3.6Z" }),
  continual_update: () => s("path", { d: "M6 .3 11.7 6 6 11.7.3 6Z" }),
  new_task: () => s("path", { d: "M4.2.8h3.6v3.4h3.4v3.6H7.8v3.4H4.2V7.8H.8V4.2h3.4Z" }),
  shared: BARS,
  other_encoder: BARS,
};

/** The verdict's own shape. */
export const mark = (verdict) =>
  s("svg", { class: "mark", viewBox: "0 0 12 12", "aria-hidden": "true" }, (SHAPES[verdict] ?? SHAPES.unknown)());

/** Shape and word of a verdict. */
export const badge = (verdict) =>
  h("span", { class: "badge", "data-verdict": verdict }, mark(verdict), h("span", null, word(verdict)));

export function setBadge(element, verdict) {
  if (element.dataset.verdict === verdict) return;
  setAttribute(element, "data-verdict", verdict);
  element.firstChild.replaceWith(mark(verdict));
  setText(element.lastChild, word(verdict));
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (n) => String(n).padStart(2, "0");

export const ms = (text) => (text ? Date.parse(text) : null);
/** `14 Mar 15:00` */
export function shortTime(at) {
  const d = new Date(at);
  return `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
}
export const day = (at) => shortTime(at).slice(0, -6);
export const clock = (at) => shortTime(at).slice(-5);
/** `2026-03-14 15:00:05 UTC` */
export const fullTime = (at) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export function duration(span) {
  const minutes = Math.max(0, Math.round(span / 60_000));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ""}`;
}

const NONE = "–";
export const exists = (value) => value !== null && value !== undefined && Number.isFinite(value);
export const percent = (value, digits = 1) => (exists(value) ? `${(100 * value).toFixed(digits).replace("-", "−")}\u202f%` : NONE);
export const fixed = (value, digits = 3) =>
  exists(value) ? value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1").replace("-", "−") : NONE;
export const count = (value) => (exists(value) ? Math.round(value).toLocaleString("en") : NONE);
/** A summary where its task is named already: without the name in front, beginning with a capital letter. */
export function sentence(summary, task) {
  if (!task || !summary.startsWith(`${task}: `)) return summary;
  const rest = summary.slice(task.length + 2);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
/** Events per hour; few of them with a digit. */
export const rate = (value) => (exists(value) && value < 10 ? fixed(value, 1) : count(value));
/** Quality in its metric's unit: shares as per cent, errors as numbers. */
export const quality = (metric, value, digits = 1) =>
  metric === "mae" ? fixed(value, digits + 1) : percent(value, digits);

const METRICS = { accuracy: "Accuracy", span_f1: "Span F1", mae: "Mean absolute error" };
export const metricName = (metric) => METRICS[metric] ?? metric;

const UNITS = ["B", "kB", "MB", "GB", "TB"];
/** `1.4 MB`, in powers of a thousand. */
export function bytes(value) {
  if (!exists(value)) return NONE;
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}
