// All tasks on one page, those in need first.

import { arrange, h, setAttribute, setText } from "./dom.js";
import { feed } from "./feed.js";
import { ALARMS, VERDICTS, badge, duration, fixed, mark, metricName, ms, percent, quality, rate, sentence, setBadge, shortTime, word } from "./format.js";
import { lanes } from "./lanes.js";
import { current, link, setParams } from "./route.js";
import { sparkline } from "./sparkline.js";
import { emptyState } from "./states.js";

/** Rows at one time: more are not read, and each is drawn a few times a second. */
const PAGE = 50;

/** The model in one line. */
export function headline(status) {
  const tasks = status.tasks.length;
  const having = (test) => status.tasks.filter(test).length;
  const alarms = having((t) => ALARMS.has(t.verdict));
  if (status.shared_encoder) return "Look at the encoder before the single tasks";
  if (alarms > 0) return `${alarms} of ${tasks} ${tasks === 1 ? "task needs" : "tasks need"} action`;
  const watch = having((t) => t.verdict === "watch");
  if (watch > 0) return `Nothing to act on, ${watch} of ${tasks} to watch`;
  const unknown = having((t) => t.verdict === "unknown");
  if (unknown === tasks) return "Not enough observations to say yet";
  return unknown > 0 ? `${tasks - unknown} of ${tasks} tasks are as in the reference` : "All tasks are as in the reference";
}

/** Observations per hour of event time, over the last tenth of what is held. */
export function traffic(columns) {
  const last = (columns?.timestamp_ms.length ?? 0) - 1;
  if (last < 1) return null;
  const first = Math.max(0, last - Math.max(4, Math.round(last / 10)));
  const hours = (columns.timestamp_ms[last] - columns.timestamp_ms[first]) / 3_600_000;
  return hours > 0 ? (columns.observations[last] - columns.observations[first]) / hours : null;
}

/** Alarms first, then what has stood longest. */
const byNeed = (a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict)
  || (ms(a.since) ?? Infinity) - (ms(b.since) ?? Infinity) || a.task.localeCompare(b.task);

const HEADS = [["Verdict", "state"], ["Task", "said"], ["Drift", "spark"], ["Quality", "spark"], ["Traffic", "num"], ["Labelled", "num"]];

// Roles are written out: where rows are laid out as cards, a browser takes the table for none.
function row(name) {
  const state = badge("unknown");
  const when = h("span", { class: "when" });
  const title = h("a", { href: "#/" }, name);
  const why = h("p", { class: "why" });
  const drift = sparkline();
  const driftValue = h("b");
  const driftMix = h("small");
  const good = sparkline();
  const goodValue = h("b");
  const goodReference = h("small");
  const flow = h("span");
  const coverage = h("span");
  const cell = (at, ...content) => h("td", { role: "cell", class: `cell ${HEADS[at][1]}` }, h("span", { class: "label", "aria-hidden": "true" }, HEADS[at][0]), ...content);
  const element = h("tr", { role: "row", class: "row" },
    cell(0, state, when),
    h("th", { role: "rowheader", scope: "row", class: "cell said" }, title, why),
    cell(2, drift.element, h("span", { class: "reading" }, driftValue, driftMix)),
    cell(3, good.element, h("span", { class: "reading" }, goodValue, goodReference)),
    cell(4, flow, h("small", null, "per hour")),
    cell(5, coverage, h("small", null, "of window")));

  return {
    element,
    update(task, course, now, range) {
      setBadge(state, task.verdict);
      setAttribute(title, "href", link("task", name));
      const since = ms(task.since);
      setText(when, since === null ? "" : `since ${shortTime(since)}${now ? `, ${duration(now - since)}` : ""}`);
      setText(why, sentence(task.summary, task.task));
      setAttribute(why, "title", task.summary);
      const ts = course?.timestamp_ms ?? [];
      drift.update({
        ts, lines: [{ ys: course?.drift_mix ?? [], kind: "second" }, { ys: course?.drift_within_class ?? [], kind: "first" }],
        always: [0, 0.1], range, label: `Drift within classes ${fixed(task.drift_within_class)}, of the mix ${fixed(task.drift_mix)}`,
      });
      const judged = task.observations > 0;
      setText(driftValue, judged ? fixed(task.drift_within_class, 2) : "–");
      setText(driftMix, judged ? `mix ${fixed(task.drift_mix, 2)}` : "");
      const { metric, current: value, reference } = task.quality;
      good.update({
        ts, lines: [{ ys: course?.quality ?? [], kind: "first" }], reference, range,
        label: `${metricName(metric)} ${quality(metric, value?.value)}, ${quality(metric, reference)} in the reference`,
      });
      setText(goodValue, quality(metric, value?.value));
      setText(goodReference, `ref. ${quality(metric, reference, 0)}`);
      setText(flow, rate(traffic(course)));
      setText(coverage, judged ? percent(task.label_coverage, 0) : "–");
    },
  };
}

/** Buttons that show tasks of one verdict alone, with their numbers. */
function verdictFilter() {
  const element = h("div", { class: "counts", role: "group", "aria-label": "Show tasks of one verdict" });
  const buttons = new Map(VERDICTS.map((verdict) => {
    const number = h("b");
    const button = h("button", { type: "button", "data-verdict": verdict, "aria-pressed": "false",
      onclick: () => setParams({ verdict: current().params.get("verdict") === verdict ? null : verdict, page: null }) }, mark(verdict), number, h("span", null, word(verdict)));
    return [verdict, { button, number }];
  }));
  return {
    element,
    update(verdicts, chosen) {
      const present = VERDICTS.filter((verdict) => verdicts[verdict] > 0 || verdict === chosen);
      arrange(element, present.map((verdict) => {
        const { button, number } = buttons.get(verdict);
        setText(number, String(verdicts[verdict] ?? 0));
        setAttribute(button, "aria-pressed", String(verdict === chosen));
        return button;
      }));
    },
  };
}

function pager() {
  const said = h("span", { role: "status" });
  const turn = (by) => () => setParams({ page: String(Math.max(1, Number(current().params.get("page") ?? 1) + by)) });
  const before = h("button", { type: "button", class: "button", onclick: turn(-1) }, "Previous");
  const after = h("button", { type: "button", class: "button", onclick: turn(1) }, "Next");
  const element = h("nav", { class: "pager", "aria-label": "Pages of tasks" }, before, said, after);
  return {
    element,
    update(page, pages, from, to, all) {
      element.hidden = pages < 2;
      setText(said, `${from} to ${to} of ${all}`);
      before.disabled = page <= 1;
      after.disabled = page >= pages;
    },
  };
}

export function fleetView() {
  const title = h("h1");
  const lead = h("p", { class: "lead" });
  const filter = verdictFilter();
  const search = h("input", { type: "search", placeholder: "Filter tasks", "aria-label": "Filter tasks by name or reason", autocomplete: "off", spellcheck: "false" });
  search.value = current().params.get("q") ?? "";
  search.addEventListener("input", () => setParams({ q: search.value, page: null }));
  const found = h("p", { class: "sr", role: "status" });
  const body = h("tbody", { role: "rowgroup" });
  const pages = pager();
  const nothing = emptyState("No task fits the filter", h("button", { type: "button", class: "button", onclick: () => { search.value = ""; setParams({ q: null, verdict: null, page: null }); } }, "Show all tasks"));
  const table = h("table", { class: "rows", role: "table", "aria-label": "Tasks, in order of need" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, HEADS.map(([text, cls]) => h("th", { role: "columnheader", scope: "col", class: cls }, text)))), body);
  const tasks = h("section", { class: "panel", "aria-label": "Tasks" },
    h("header", null, h("h2", null, "Tasks"), h("p", null, "in order of need; drift within classes in colour, of the mix in brown"), h("div", { class: "tools" }, search)),
    table, nothing, pages.element);
  const lanesPart = lanes();
  const feedPart = feed("Changes");
  const content = h("div", { class: "fleet" },
    h("div", { class: "headline" }, title, lead, filter.element), tasks, lanesPart.element, h("div", { class: "side" }, feedPart.element), found);
  const rows = new Map();

  return {
    element: content,
    update(store) {
      const { status } = store;
      const { params } = current();
      const empty = store.now === null;
      setText(title, empty ? "Waiting for the first observations" : headline(status));
      // The notice says it already while a common shift stands.
      setText(lead, empty ? "The page fills as soon as the pipeline has judged an event." : status.shared_encoder ? "" : status.summary);
      const verdict = params.get("verdict");
      filter.update(status.verdicts, verdict);
      const q = (params.get("q") ?? "").trim().toLowerCase();
      if (search.value.trim().toLowerCase() !== q && document.activeElement !== search) search.value = q;
      const fits = (t) => (!verdict || t.verdict === verdict) && (!q || t.task.toLowerCase().includes(q) || t.summary.toLowerCase().includes(q));
      const ordered = status.tasks.filter(fits).sort(byNeed);
      const last = Math.max(1, Math.ceil(ordered.length / PAGE));
      const page = Math.min(last, Math.max(1, Number(params.get("page") ?? 1) || 1));
      const visible = ordered.slice((page - 1) * PAGE, page * PAGE);
      const { range } = store;
      arrange(body, visible.map((task) => {
        if (!rows.has(task.task)) rows.set(task.task, row(task.task));
        const one = rows.get(task.task);
        one.update(task, store.courses.get(task.task), store.now, range);
        return one.element;
      }));
      // What is not shown is not kept.
      if (rows.size > 2 * PAGE) { const names = new Set(visible.map((t) => t.task)); for (const name of rows.keys()) if (!names.has(name)) rows.delete(name); }
      table.hidden = visible.length === 0;
      nothing.hidden = visible.length > 0;
      pages.update(page, last, (page - 1) * PAGE + 1, (page - 1) * PAGE + visible.length, ordered.length);
      setText(found, q || verdict ? `${ordered.length} of ${status.tasks.length} tasks` : "");
      lanesPart.element.hidden = empty || visible.length === 0;
      if (!lanesPart.element.hidden) lanesPart.update(store, [null, ...visible.map((t) => t.task)]);
      feedPart.update(store.lines);
      return title.textContent;
    },
  };
}
