// All tasks on one page, those in need first.

import { arrange, h, setAttribute, setText } from "./dom.js";
import { ALARMS, VERDICTS, badge, count, duration, fixed, mark, ms, percent, quality, setBadge, shortTime, word } from "./format.js";
import { sparkline } from "./chart.js";
import { lanes } from "./lanes.js";
import { feed } from "./feed.js";

const WAITING = "Waiting for the first observations";
const FILLS = "The page fills as soon as the pipeline has judged an event.";

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

function row(name) {
  const state = badge("unknown");
  const when = h("span", { class: "when" });
  const why = h("p", { class: "why" });
  const drift = sparkline();
  const driftValue = h("b");
  const good = sparkline();
  const goodValue = h("b");
  const rate = h("span");
  const coverage = h("span");
  const cell = (label, ...content) => h("div", { class: "cell" }, h("span", { class: "label" }, label), ...content);
  const sparkCell = (label, chart, value) => {
    const element = cell(label, chart.element, value);
    element.classList.add("spark");
    return element;
  };
  const article = h("article", { class: "row" },
    h("div", { class: "state" }, state, when),
    h("div", { class: "said" }, h("h3", null, h("a", { href: `#/task/${encodeURIComponent(name)}` }, name)), why),
    sparkCell("Drift within classes", drift, driftValue),
    sparkCell("Quality", good, goodValue),
    h("div", { class: "cell num" }, h("span", { class: "label" }, "Traffic"), rate, h("small", null, "per hour")),
    h("div", { class: "cell num" }, h("span", { class: "label" }, "Labelled"), coverage, h("small", null, "of window")));
  const element = h("li", null, article);

  return {
    element,
    update(task, columns, now) {
      setBadge(state, task.verdict);
      const since = ms(task.since);
      setText(when, since === null ? "" : `since ${shortTime(since)}${now ? `, ${duration(now - since)}` : ""}`);
      setText(why, task.summary);
      const ts = columns?.timestamp_ms ?? [];
      drift.update({
        ts, lines: [{ ys: columns?.drift_mix ?? [], kind: "second" }, { ys: columns?.drift_within_class ?? [], kind: "first" }],
        always: [0, 0.1], label: `Drift within classes ${fixed(task.drift_within_class)}, of the mix ${fixed(task.drift_mix)}`,
      });
      const judged = task.observations > 0;
      setText(driftValue, judged ? fixed(task.drift_within_class) : "–");
      const now_ = task.quality.current;
      good.update({
        ts, lines: [{ ys: columns?.quality.value ?? [], kind: "first" }], band: columns?.quality, reference: task.quality.reference,
        label: `${task.quality.metric} ${quality(task.quality.metric, now_?.value)}, ${quality(task.quality.metric, task.quality.reference)} in the reference`,
      });
      setText(goodValue, quality(task.quality.metric, now_?.value));
      setText(rate, count(traffic(columns)));
      setText(coverage, judged ? percent(task.label_coverage, 0) : "–");
    },
  };
}

export function fleetView() {
  const title = h("h1");
  const lead = h("p", { class: "lead" });
  const counts = h("ul", { class: "counts", "aria-label": "Tasks by verdict" });
  const list = h("ol", { class: "rows-body" });
  const waiting = h("div", { class: "empty panel" }, h("b", null, WAITING), h("span", null, FILLS));
  const head = h("div", { class: "rows-head", "aria-hidden": "true" },
    ["Verdict", "Task", "Drift within, mix", "Quality, labelled", "Traffic", "Labelled"].map((text, at) => h("span", { class: at > 3 ? "num" : null }, text)));
  const tasks = h("section", { class: "panel", "aria-label": "Tasks" },
    h("header", null, h("h2", null, "Tasks"), h("p", null, "in order of need")), h("div", { class: "rows" }, head, list));
  const lanesPart = lanes();
  const feedPart = feed("Changes");
  const content = h("div", { class: "fleet" },
    h("div", { class: "headline" }, title, lead, counts), tasks, lanesPart.element, h("div", { class: "side" }, feedPart.element));
  const element = h("div", null, waiting, content);
  const rows = new Map();

  return {
    element,
    update(store) {
      const { status } = store;
      waiting.hidden = status !== null;
      content.hidden = status === null;
      if (status === null) return "Waiting";
      const empty = store.now === null;
      setText(title, empty ? WAITING : headline(status));
      // The banner says it already while a common shift stands.
      setText(lead, empty ? FILLS : status.shared_encoder ? "" : status.summary);
      const present = VERDICTS.filter((verdict) => status.verdicts[verdict] > 0);
      arrange(counts, present.map((verdict) => {
        const item = counts.querySelector(`[data-verdict="${verdict}"]`)
          ?? h("li", { "data-verdict": verdict }, mark(verdict), h("b"), h("span", null, word(verdict)));
        setText(item.children[1], String(status.verdicts[verdict]));
        return item;
      }));
      const ordered = [...status.tasks].sort((a, b) =>
        VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || a.task.localeCompare(b.task));
      arrange(list, ordered.map((task) => {
        if (!rows.has(task.task)) rows.set(task.task, row(task.task));
        const one = rows.get(task.task);
        one.update(task, store.series.get(task.task), store.now);
        return one.element;
      }));
      setAttribute(lanesPart.element, "hidden", store.now === null ? "" : null);
      if (store.now !== null) lanesPart.update(store);
      feedPart.update(store.lines);
      return title.textContent;
    },
  };
}
