// One task: its state, its charts, its signals and the evidence of the last change.

import { driftPanel } from "./drift.js";
import { arrange, h, setAttribute, setText } from "./dom.js";
import { badge, count, duration, fixed, metricName, ms, percent, quality, setBadge, shortTime, word } from "./format.js";
import { lineChart, sparkline } from "./chart.js";
import { feed } from "./feed.js";
import { qualityPanel } from "./quality.js";
import { traffic } from "./fleet.js";

function signalRow(name) {
  const state = h("td");
  const trend = sparkline();
  const evidence = h("td", { class: "num" });
  const statistic = h("td", { class: "num roomy" });
  const tolerance = h("td", { class: "num roomy" });
  const element = h("tr", null, h("th", { scope: "row" }, word(name)), state, h("td", { class: "trend" }, trend.element), evidence, statistic, tolerance);
  return {
    element,
    update(signal, columns) {
      setText(state, signal.active ? "■ raised" : "quiet");
      setAttribute(state, "class", signal.active ? "raised" : "quiet");
      const ys = columns?.log_e_value[signal.signal] ?? [];
      trend.update({
        ts: (columns?.timestamp_ms ?? []).slice(-ys.length), lines: [{ ys, kind: "first" }], reference: signal.threshold, always: [0],
        label: `Log e-value ${fixed(signal.log_e_value, 1)} of ${fixed(signal.threshold, 1)}`,
      });
      setText(evidence, `${fixed(signal.log_e_value, 1)} / ${fixed(signal.threshold, 1)}`);
      setText(statistic, fixed(signal.value));
      setText(tolerance, fixed(signal.tolerance));
    },
  };
}

function signalTable() {
  const body = h("tbody");
  const heads = [["Signal"], ["State"], ["Log e-value over time", null, "The dashed line is the threshold"], ["now / threshold", "num"], ["Statistic", "num roomy"], ["Tolerated", "num roomy"]];
  const element = h("section", { class: "panel", "aria-label": "Signals" },
    h("header", null, h("h2", null, "Signals"), h("p", null, "evidence in nats; raised where it reaches its threshold")),
    h("div", { class: "scroll" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, heads.map(([text, cls, title]) => h("th", { class: cls, title, scope: "col" }, text)))), body)));
  const rows = new Map();
  return {
    element,
    update(signals, columns) {
      arrange(body, signals.map((signal) => {
        if (!rows.has(signal.signal)) rows.set(signal.signal, signalRow(signal.signal));
        const one = rows.get(signal.signal);
        one.update(signal, columns);
        return one.element;
      }));
    },
  };
}

// Slices that stand: hidden while none does.
function slicePanel() {
  const body = h("tbody");
  const heads = [["Slice"], ["Signal"], ["now / threshold", "num"], ["Statistic", "num roomy"], ["Tolerated", "num roomy"], ["Observations", "num roomy"], ["Labels", "num roomy"]];
  const element = h("section", { class: "panel", "aria-label": "Slices", hidden: true },
    h("header", null, h("h2", null, "Slices"), h("p", null, "parts of the traffic on which a signal stands")),
    h("div", { class: "scroll" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, heads.map(([text, cls]) => h("th", { class: cls, scope: "col" }, text)))), body)));
  return {
    element,
    update(slices) {
      const standing = (slices ?? []).flatMap((slice) => slice.signals.filter((signal) => signal.active).map((signal) => [slice, signal]));
      element.hidden = standing.length === 0;
      arrange(body, standing.map(([slice, signal]) => h("tr", null,
        h("th", { scope: "row" }, `${slice.attribute} = ${slice.value}`), h("td", null, word(signal.signal)),
        h("td", { class: "num" }, `${fixed(signal.log_e_value, 1)} / ${fixed(signal.threshold, 1)}`),
        h("td", { class: "num roomy" }, fixed(signal.value)), h("td", { class: "num roomy" }, fixed(signal.tolerance)),
        h("td", { class: "num roomy" }, String(slice.observations)), h("td", { class: "num roomy" }, String(slice.labels)))));
    },
  };
}

// What the newest model_version did to the task: hidden before the first change.
function versionPanel() {
  const said = h("p", { class: "said" });
  const names = ["Outcome", "Loss before", "Loss under it", "Evidence of a rise", "Labels missing", "Confidence before", "Confidence under it"];
  const values = names.map(() => [h("span"), h("small")]);
  const element = h("section", { class: "panel", "aria-label": "New version", hidden: true },
    h("header", null, h("h2", null, "New version"), h("p", null, "quality under the newest model_version against the time before")), said,
    h("dl", { class: "stats" }, names.map((name, at) => h("div", null, h("dt", null, name), h("dd", null, values[at][0], " ", values[at][1])))));
  const interval = (e) => (e ? `${percent(e.low)} to ${percent(e.high)}, n ${count(e.size)}` : "");
  const sure = (e) => percent(e ? 1 - e.value : null);
  return {
    element,
    update(watch, task) {
      element.hidden = !watch || !task;
      if (element.hidden) return;
      setText(said, `${watch.summary}${watch.ended ? "" : ` ${percent(watch.share, 0)} of the traffic is the new version's.`}`);
      [
        [task.forgotten ? "forgotten" : word(task.outcome), task.left_alone ? "left alone by the update" : "the update was for it"],
        [percent(task.loss_before?.value), task.baseline === "past" ? interval(task.loss_before) : `${interval(task.loss_before)}, reference`],
        [percent(task.loss_after?.value), interval(task.loss_after)],
        [`${fixed(task.log_e_value, 1)} / ${fixed(task.threshold, 1)}`, "nats"],
        [task.labels_missing === null ? "–" : count(task.labels_missing), task.outcome === "undecided" ? "to exclude a fall" : ""],
        [sure(task.doubt_before), ""],
        [sure(task.doubt_after), task.doubtful ? "fell" : ""],
      ].forEach(([value, small], at) => { setText(values[at][0], value); setText(values[at][1], small); });
    },
  };
}

// What acting and waiting cost: hidden while nothing stands.
function costPanel() {
  const said = h("p", { class: "said" });
  const body = h("tbody");
  const heads = [["Remedy"], ["Needed", "num"], ["Cost", "num"], ["With what follows", "num"]];
  const element = h("section", { class: "panel", "aria-label": "Costs", hidden: true },
    h("header", null, h("h2", null, "Costs"), h("p", null, "in your unit; expected, by the evidence")), said,
    h("div", { class: "scroll" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, heads.map(([text, cls]) => h("th", { class: cls, scope: "col" }, text)))), body)));
  return {
    element,
    update(costs) {
      element.hidden = !costs;
      if (!costs) return;
      setText(said, `Waiting has cost ${fixed(costs.waited, 2)}: ${percent(costs.lost_quality)} of quality for ${fixed(costs.days, 1)} days${costs.due ? ", as much as the remedy" : ""}.`);
      arrange(body, costs.remedies.map((one) => h("tr", null,
        h("th", { scope: "row" }, word(one.remedy)), h("td", { class: "num" }, percent(one.probability, 0)),
        h("td", { class: "num" }, fixed(one.cost, 2)), h("td", { class: "num" }, fixed(one.expected, 2)))));
    },
  };
}

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
      const rate = traffic(columns);
      [
        [show(current?.value), interval(current)],
        [show(reference), ""],
        [percent(task.estimated?.value), task.estimated ? `${percent(task.estimated.low)} to ${percent(task.estimated.high)}` : ""],
        [percent(macroF1), ""],
        [percent(task.novelty.far_ratio), "of window"],
        [count(rate), rate === null ? "" : "per hour"],
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

function evidencePanel(name) {
  const said = h("p", { class: "said" });
  const text = h("pre", { tabindex: 0, "aria-label": "Evidence as JSON" });
  const element = h("section", { class: "panel evidence", "aria-label": "Evidence of the last change" },
    h("header", null, h("h2", null, "Evidence of the last change")), said, text);
  let shown;
  function show(line) {
    const id = line?.id ?? null;
    if (id === shown) return;
    shown = id;
    setText(said, line ? `${word(line.verdict ?? "unknown")}, ${shortTime(ms(line.timestamp))} UTC, confidence ${fixed(line.confidence, 2)}. ${line.summary}` : "The verdict has not changed yet.");
    setText(text, line ? JSON.stringify(line.evidence, null, 2) : "");
    text.hidden = !line;
  }
  return {
    element,
    update(line) {
      if (line || shown !== undefined) { show(line ?? null); return; }
      show(null);
      // The page holds recent lines only; the server keeps the last one of each task.
      fetch(`/api/v1/tasks/${encodeURIComponent(name)}`)
        .then((response) => (response.ok ? response.json() : null))
        .then((task) => { if (task?.last_change && shown === null) show(task.last_change); })
        .catch(() => {});
    },
  };
}

export function taskView(name) {
  const state = badge("unknown");
  const title = h("h1", null, name);
  const kind = h("span", { class: "kind" });
  const since = h("span", { class: "kind" });
  const lead = h("p", { class: "lead" });
  const statsPart = stats();
  const number = (value, tick) => fixed(value, tick ? 2 : 3);
  const share = (value, tick) => percent(value, tick ? 0 : 1);
  let metric = "accuracy";
  const drift = lineChart({
    title: "Input drift", note: "How far the inputs moved within their classes, and how far the mix of predicted classes moved",
    lines: [{ name: "within classes", kind: "first" }, { name: "mix", kind: "second dashed" }], format: number,
  });
  const good = lineChart({
    title: "Quality", note: "Labelled quality with its 95 % interval, and the estimate from calibrated confidence",
    lines: [{ name: "labelled", kind: "first" }, { name: "estimated", kind: "second dashed" }],
    format: (value, tick) => quality(metric, value, tick ? 0 : 1),
  });
  const novelty = lineChart({
    title: "Novelty", note: "Share of the window's observations unlike the task's reference; 5 % is expected",
    lines: [{ name: "novel share", kind: "first" }], format: share, referenceName: "expected",
  });
  const coverage = lineChart({
    title: "Label coverage", note: "Share of the window's observations that have a label", lines: [{ name: "labelled share", kind: "first" }], format: share,
  });
  const signals = signalTable();
  const moved = driftPanel();
  const report = qualityPanel(name, (task) => moved.draw(task.drift_report));
  const slices = slicePanel();
  const version = versionPanel();
  const costs = costPanel();
  const evidence = evidencePanel(name);
  const changes = feed("Changes of this task", { withTask: false });
  const content = h("div", { class: "detail" },
    h("div", { class: "headline" },
      h("nav", { class: "crumb", "aria-label": "Position" }, h("a", { href: "#/" }, "All tasks"), ` / ${name}`),
      h("div", { class: "title" }, title, state, kind, since), lead),
    statsPart.element,
    h("div", { class: "charts" }, drift.element, good.element, novelty.element, coverage.element),
    report.element, moved.element,
    h("div", { class: "below" }, h("div", { class: "stack" }, version.element, signals.element, slices.element, costs.element, changes.element), evidence.element));
  const missing = h("div", { class: "empty panel", hidden: true }, h("b", null, `There is no task “${name}”`), h("a", { href: "#/" }, "See all tasks"));
  const waiting = h("div", { class: "empty panel" }, h("b", null, "Waiting for the first observations"));
  const element = h("div", null, waiting, missing, content);

  return {
    element,
    update(store) {
      const task = store.status?.tasks.find((t) => t.task === name);
      waiting.hidden = store.status !== null;
      missing.hidden = store.status === null || task !== undefined;
      content.hidden = task === undefined;
      if (!task) return name;
      setBadge(state, task.verdict);
      setText(kind, word(task.kind));
      const from = ms(task.since);
      setText(since, from === null ? "" : `since ${shortTime(from)} UTC${store.now ? `, ${duration(store.now - from)}` : ""}, confidence ${fixed(task.confidence, 2)}`);
      setText(lead, task.summary);
      const columns = store.series.get(name);
      statsPart.update(task, columns);
      metric = task.quality.metric;
      if (columns) {
        const shared = { ts: columns.timestamp_ms, segments: store.segments(name), range: store.range };
        drift.update({ ...shared, ys: [columns.drift_within_class, columns.drift_mix], always: [0, 0.1] });
        good.update({
          ...shared, ys: [columns.quality.value, columns.estimated.value], bands: [columns.quality, columns.estimated],
          reference: task.quality.reference, always: [],
        });
        novelty.update({ ...shared, ys: [columns.far_ratio], reference: 0.05, always: [0, 0.12] });
        coverage.update({ ...shared, ys: [columns.label_coverage], always: [0, 1] });
      }
      report.update();
      signals.update(task.signals, columns);
      slices.update(task.slices);
      version.update(store.status.forgetting, task.forgetting);
      costs.update(task.costs);
      const lines = store.linesOf(name);
      evidence.update(lines[0]);
      changes.update(lines);
      return `${word(task.verdict)}: ${name}`;
    },
  };
}
