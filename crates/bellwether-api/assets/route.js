// The address of a view: everything that a person chose is in it, so that it can be sent to another.
//
// `#/` fleet, `#/tasks/NAME` one task, `#/encoder`, `#/incidents`, `#/pipeline`; parameters follow a question mark.

export const RANGES = [
  ["all", "All that is held", null], ["1h", "Last hour", 3_600_000], ["6h", "Last 6 hours", 21_600_000], ["24h", "Last 24 hours", 86_400_000],
  ["7d", "Last 7 days", 604_800_000], ["30d", "Last 30 days", 2_592_000_000], ["90d", "Last 90 days", 7_776_000_000],
];
export const TABS = [["fleet", "Fleet"], ["encoder", "Encoder"], ["incidents", "Incidents"], ["pipeline", "Pipeline"]];

/** @param {string} text */
function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** @param {string} hash @returns {{view: string, task: string | null, params: URLSearchParams}} */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const params = new URLSearchParams(query);
  const task = path.match(/^\/tasks?\/(.+)$/)?.[1];
  if (task) return { view: "task", task: decoded(task), params };
  const view = path.slice(1);
  return { view: TABS.some(([name]) => name === view) ? view : "fleet", task: null, params };
}

/** @param {string} view @param {string | null} task @param {URLSearchParams} params */
export function format(view, task, params) {
  const path = view === "task" ? `/tasks/${encodeURIComponent(task)}` : view === "fleet" ? "/" : `/${view}`;
  const query = params.toString();
  return `#${path}${query ? `?${query}` : ""}`;
}

export const current = () => parse(location.hash || "#/");

/** The address of another view, with the time range of this one. @param {string} view @param {string | null} [task] @param {Record<string, string>} [more] */
export function link(view, task = null, more = {}) {
  const kept = new URLSearchParams(more);
  const range = current().params.get("range");
  if (range) kept.set("range", range);
  return format(view, task, kept);
}

/** Changes a parameter of this view without a step in the browser's history. @param {Record<string, string | null>} changes */
export function setParams(changes) {
  const { view, task, params } = current();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  history.replaceState(null, "", format(view, task, params));
  dispatchEvent(new Event("paramschange"));
}

/** The length of the chosen range in milliseconds; null for all that is held. @returns {number | null} */
export const span = () => /** @type {any} */ (RANGES.find(([name]) => name === current().params.get("range")))?.[2] ?? null;
