// One task: what stands, since when and why, and all that speaks for and against it.

import { lineChart } from "./chart.js";
import { arrange, h, setText } from "./dom.js";
import { driftPanel } from "./drift.js";
import { evidencePanel } from "./evidence.js";
import { feed } from "./feed.js";
import { traffic } from "./fleet.js";
import { badge, count, duration, fixed, metricName, ms, percent, quality, rate, sentence, setBadge, shortTime, word } from "./format.js";
import { lanes } from "./lanes.js";
import { mapPanel } from "./map.js";
import { novelPanel } from "./novel.js";
import { Course } from "./past.js";
import { qualityPanel } from "./quality.js";
import { link } from "./route.js";
import { costPanel, signalTable, slicePanel, versionPanel } from "./signals.js";
import { wholeState } from "./states.js";

function stats() {
  const names = ["Quality", "In the reference", "Estimated, no labels", "Macro F1", "Novel", "Traffic", "Label coverage", "Label delay", "Observations", "Labels"];
  const values = names.map(() => [h("span"), h("small")]);
  const entries = names.map((name, at) => h("div", null, h("dt", null, name), h("dd", null, values[at][0], " ", values[at][1])));
  return {
    element: h("dl", { class: "panel stats" }, entries),
    update(task, columns) {
      const { metric, current, reference, macro_f1: macroF1 } = task.quality;
      const show = (value) => quality(metric, value);
      const interval = (e) => (e ? `${show(e.low)} to ${show(e.high)}, n ${count(e.size)}` : "");
      setText(entries[0].firstChild, metricName(metric));
      const flow = traffic(columns);
      [
        [show(current?.value), interval(current)],
        [show(reference), ""],
        [percent(task.estimated?.value), task.estimated ? `${percent(task.estimated.low)} to ${percent(task.estimated.high)}` : ""],
        [percent(macroF1), ""],
        [percent(task.novelty.far_ratio), "of window"],
        [rate(flow), flow === null ? "" : "per hour"],
        [percent(task.label_coverage, 0), ""],
        [task.label_delay_seconds === null ? "–" : duration(task.label_delay_seconds * 1000), ""],
        [count(task.observations), ""],
        [count(task.labels), ""],
      ].forEach(([value, small], at) => { setText(values[at][0], value); setText(values[at][1], small); });
      entries[2].hidden = task.estimated === null;
      entries[3].hidden = macroF1 === null;
    },
  };
}

/** The four courses of a task, drawn with one cursor. */
function charts() {
  const number = (value, tick) => fixed(value, tick ? 2 : 3);
  const share = (value, tick) => percent(value, tick ? 0 : 1);
  let metric = "accuracy";
  const drift = lineChart({
    title: "Input drift", note: "How far inputs moved within their classes, and how far the mix of predicted classes moved.",
    lines: [{ name: "within classes", kind: "first" }, { name: "mix", kind: "second", dashed: true }], format: number,
  });
  const good = lineChart({
    title: "Quality", note: "By labels with its 95 % interval, and as expected without labels.",
    lines: [{ name: "labelled", kind: "first" }, { name: "estimated", kind: "second", dashed: true }],
    format: (value, tick) => quality(metric, value, tick ? 0 : 1),
  });
  const novelty = lineChart({
    title: "Novelty", note: "Share of the window unlike the reference; 5 % is expected.",
    lines: [{ name: "novel share", kind: "first" }], format: share, referenceName: "expected",
  });
  const coverage = lineChart({ title: "Label coverage", note: "Share of the window that has a label.", lines: [{ name: "labelled share", kind: "first" }], format: share });
  const all = [drift, good, novelty, coverage];
  return {
    elements: all.map((chart) => chart.element),
    update(task, columns, segments, range) {
      metric = task.quality.metric;
      const shared = { ts: columns.timestamp_ms, segments, range };
      drift.update({ ...shared, ys: [columns.drift_within_class, columns.drift_mix], always: [0, 0.1] });
      good.update({
        ...shared, ys: [columns.quality.value, columns.estimated.value], bands: [columns.quality, columns.estimated],
        reference: task.quality.reference, always: [],
      });
      novelty.update({ ...shared, ys: [columns.far_ratio], reference: 0.05, always: [0, 0.12] });
      coverage.update({ ...shared, ys: [columns.label_coverage], always: [0, 1] });
    },
    close: () => all.forEach((chart) => chart.close()),
  };
}

export function taskView(name) {
  const state = badge("unknown");
  const title = h("h1", null, name);
  const kind = h("span", { class: "kind" });
  const since = h("span", { class: "kind" });
  const lead = h("p", { class: "lead" });
  const all = h("a", { href: "#/" }, "All tasks");
  const past = h("p", { class: "note past", role: "status", hidden: true });
  const statsPart = stats();
  const lane = lanes("Verdict over time");
  const chartsPart = charts();
  const signals = signalTable();
  const moved = driftPanel();
  const report = qualityPanel(name, (task) => moved.draw(task.drift_report));
  const novel = novelPanel(name, () => map.again());
  const map = mapPanel(name, novel.groups);
  const slices = slicePanel();
  const version = versionPanel();
  const costs = costPanel();
  const evidence = evidencePanel(name);
  const changes = feed("Changes of this task", { withTask: false });
  let redraw = () => {};
  const course = new Course(name, () => redraw());
  const content = h("div", { class: "detail" },
    h("div", { class: "headline" },
      h("nav", { class: "crumb", "aria-label": "Position" }, all, h("span", { "aria-hidden": "true" }, " / "), h("span", { "aria-current": "page" }, name)),
      h("div", { class: "title" }, title, state, kind, since), lead, past),
    statsPart.element, lane.element,
    h("div", { class: "charts" }, chartsPart.elements),
    h("div", { class: "split" }, map.element, novel.element),
    moved.element, report.element,
    h("div", { class: "below" }, h("div", { class: "stack" }, version.element, signals.element, slices.element, costs.element, changes.element), evidence.element));
  const missing = wholeState(`There is no task “${name}”`, "The reference in force does not know it. The address may be of another model.", h("a", { class: "button", href: "#/" }, "See all tasks"));
  const element = h("div", null, content);

  return {
    element,
    update(store) {
      redraw = () => store.dispatchEvent(new Event("change"));
      const task = store.status.tasks.find((t) => t.task === name);
      arrange(element, [task ? content : missing]);
      if (!task) return name;
      all.href = link("fleet");
      setBadge(state, task.verdict);
      setText(kind, word(task.kind));
      const from = ms(task.since);
      setText(since, from === null ? "" : `since ${shortTime(from)} UTC${store.now ? `, ${duration(store.now - from)}` : ""}, confidence ${fixed(task.confidence, 2)}`);
      setText(lead, sentence(task.summary, name));
      course.update(store, task);
      setText(past, course.note);
      past.hidden = course.note === "";
      const { range } = store;
      const lines = course.lines(store.linesOf(name));
      const segments = store.segments(name, range, lines);
      lane.update(store, [name, null], (of) => (of === name ? segments : store.segments(of)));
      const columns = course.columns(range);
      statsPart.update(task, columns);
      if (columns) chartsPart.update(task, columns, segments, range);
      report.update();
      map.update();
      novel.update(task);
      signals.update(task.signals, columns);
      slices.update(task.slices);
      version.update(store.status.forgetting, task.forgetting);
      costs.update(task.costs);
      evidence.update(lines[0]);
      changes.update(lines);
      return `${word(task.verdict)}: ${name}`;
    },
    close: () => chartsPart.close(),
  };
}
