// What stands behind a verdict: detectors, slices, the newest version, and costs.

import { arrange, h, setAttribute, setText } from "./dom.js";
import { count, fixed, percent, word } from "./format.js";
import { sparkline } from "./sparkline.js";

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

export function signalTable() {
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
export function slicePanel() {
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
export function versionPanel() {
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
export function costPanel() {
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
