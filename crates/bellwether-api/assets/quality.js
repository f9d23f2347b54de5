// Every metric of a task, by labels and without, and whether its confidence keeps its word. The report is larger than the
// stream's messages, so it is fetched while its task is looked at.

import { get, taskPath } from "./api.js";
import { arrange, h, s, setAttribute, setText } from "./dom.js";
import { count, duration, fixed, percent } from "./format.js";

const EVERY_MS = 5000;
/** Confusions that are shown. */
const CONFUSIONS = 8;
const NAMES = {
  accuracy: "Accuracy", balanced_accuracy: "Balanced accuracy", macro_f1: "Macro F1", micro_f1: "Micro F1", weighted_f1: "Weighted F1",
  matthews_correlation: "Matthews correlation", auroc: "AUROC, one against the rest", average_precision: "Average precision, one against the rest",
  log_loss: "Log-loss", brier: "Brier score", ece: "Calibration error (ECE)", span_f1: "Span F1", span_precision: "Span precision",
  span_recall: "Span recall", token_accuracy: "Token accuracy", exact_match: "Exact match", mae: "Mean absolute error", rmse: "Root mean squared error",
  r_squared: "R²", pearson: "Pearson’s correlation", spearman: "Spearman’s correlation",
};
const METHODS = {
  calibrated_confidence: "calibrated confidence", thresholded_confidence: "thresholded confidence", importance_weighted: "importance weighted",
};
// Errors and correlations are numbers, the rest are shares.
const NUMBERS = new Set(["matthews_correlation", "log_loss", "brier", "mae", "rmse", "r_squared", "pearson", "spearman"]);
const show = (metric, value) => (NUMBERS.has(metric) ? fixed(value) : percent(value));
const interval = (metric, e) => (e ? `${show(metric, e.low)} to ${show(metric, e.high)}` : "");

function row(heading, cells) {
  const tds = cells.map((cls) => h("td", { class: cls }));
  const element = h("tr", null, h("th", { scope: "row" }, heading), tds);
  return { element, set: (...texts) => texts.forEach((text, at) => setText(tds[at], text)) };
}

export function table(name, heads, cells) {
  const body = h("tbody");
  const rows = new Map();
  const element = h("div", { class: "scroll" }, h("table", { class: "signals", "aria-label": name },
    h("thead", null, h("tr", null, heads.map(([text, cls, title]) => h("th", { class: cls, title, scope: "col" }, text)))), body));
  return {
    element,
    update(entries) {
      arrange(body, entries.map(([key, heading, texts]) => {
        if (!rows.has(key)) rows.set(key, row(heading, cells));
        rows.get(key).set(...texts);
        return rows.get(key).element;
      }));
    },
  };
}

/** How often the head is right where it says so: on the diagonal it keeps its word. */
function reliability() {
  const marks = s("g");
  const element = h("figure", { class: "reliability" },
    h("figcaption", null, h("b", null, "Reliability"), h("span", null, "right, by confidence; bars are 95 % intervals")),
    s("svg", { viewBox: "-4 -4 108 108", role: "img", "aria-label": "Reliability curve" },
      s("rect", { class: "frame", x: 0, y: 0, width: 100, height: 100 }), s("line", { class: "ref", x1: 0, y1: 100, x2: 100, y2: 0 }), marks),
    h("p", { class: "ends" }, h("span", null, "confidence 0"), h("span", null, "1")));
  return {
    element,
    update(curve) {
      element.hidden = !curve;
      const most = Math.max(1, ...(curve?.points ?? []).map((p) => p.labels));
      marks.replaceChildren(...(curve?.points ?? []).map((p) => {
        const x = 100 * p.confidence;
        return s("g", null,
          s("title", null, `${percent(p.frequency)} right where ${percent(p.confidence)} is stated, ${count(p.labels)} labels`),
          s("line", { class: "bar", x1: x, x2: x, y1: 100 - 100 * p.low, y2: 100 - 100 * p.high }),
          s("circle", { cx: x, cy: 100 - 100 * p.frequency, r: 1 + 2 * Math.sqrt(p.labels / most) }));
      }));
    },
  };
}

/** A pair in words; the label is what was right. */
const confusion = (c) => `${c.predicted} → ${c.label ?? "a label outside the set"}`;

function windowText(report) {
  if (!report.labels) return "no labelled prediction is old enough yet";
  const parts = [`the newest ${count(report.labels)} labelled predictions older than ${duration(1000 * report.delay_late_seconds)}, by when nine of ten labels come`,
    `${percent(report.coverage, 0)} labelled`];
  if (report.selection.corrected) parts.push(`labels were chosen by confidence and are weighted: worth ${count(report.effective_labels)}`);
  if (report.selection.uncovered > 0.005) parts.push(`${percent(report.selection.uncovered, 0)} of the predictions have no label like them`);
  return parts.join("; ");
}

/** `others` are drawn with every load of the task, beside the quality report. @param {string} name @param {(task: any) => void} others */
export function qualityPanel(name, others) {
  const lead = h("p");
  const advice = h("p", { class: "said warned" });
  const num = "num";
  const metrics = table("Metrics", [["Metric"], ["Now", num], ["95 % interval", "num roomy"], ["Unweighted", "num roomy", "Each label counting one"], ["Reference", num]],
    [num, "num roomy", "num roomy", num]);
  const estimates = table("Estimates without labels", [["Without labels"], ["Now", num], ["95 % interval", "num roomy"], ["Against labels", num, "The estimate for labelled predictions less what their labels say"]],
    [num, "num roomy", num]);
  const classes = table("Classes", [["Class"], ["Labels", num], ["Precision", num], ["Recall", num]], [num, num, num]);
  const wrong = table("Confusions", [["Predicted, labelled"], ["Labels", num], ["Of that prediction", num], ["95 % interval", "num roomy"], ["Wrong in the reference", num, "Share of that prediction that was wrong in the reference, whatever the label said"]],
    [num, num, "num roomy", num]);
  const confused = h("div", { class: "confusions" }, h("h3", null, "What is taken for what"), wrong.element);
  const curve = reliability();
  const folded = h("details", { class: "fold" }, h("summary", null, "By class"), classes.element);
  const element = h("section", { class: "panel quality", "aria-label": "Quality report" },
    h("header", null, h("h2", null, "Quality report"), lead), advice,
    h("div", { class: "sides" }, h("div", null, metrics.element, folded, confused), h("div", null, estimates.element, curve.element)));
  let next = 0;

  function draw(report) {
    setText(lead, windowText(report));
    setText(advice, report.advice ?? "");
    advice.hidden = !report.advice;
    metrics.update(report.metrics.map((m) => [m.metric, NAMES[m.metric] ?? m.metric,
      [show(m.metric, m.current?.value), interval(m.metric, m.current), show(m.metric, m.raw?.value), show(m.metric, m.reference)]]));
    estimates.update(report.estimates.map((e) => {
      const d = e.disagreement;
      const against = d ? `${d.value > 0 ? "+" : ""}${percent(d.value)}${d.significant ? ", contradicted" : ""}` : "–";
      return [`${e.method}/${e.metric}`, `${NAMES[e.metric] ?? e.metric}, ${METHODS[e.method] ?? e.method}`,
        [show(e.metric, e.current?.value), interval(e.metric, e.current), against]];
    }));
    estimates.element.hidden = report.estimates.length === 0;
    classes.update(report.classes.map((c) => [c.class, c.class, [fixed(c.support, 0), percent(c.precision?.value), percent(c.recall?.value)]]));
    folded.hidden = report.classes.length === 0;
    confused.hidden = report.confusions.length === 0;
    wrong.update(report.confusions.slice(0, CONFUSIONS).map((c) => [`${c.predicted}/${c.label}`, confusion(c),
      [count(c.labels), percent(c.share.value, 0), `${percent(c.share.low, 0)} to ${percent(c.share.high, 0)}`, percent(c.reference_error, 0)]]));
    curve.update(report.reliability);
    setAttribute(element, "data-as-of", report.as_of);
  }

  return {
    element,
    update() {
      if (performance.now() < next) return;
      next = performance.now() + EVERY_MS;
      get(taskPath(name)).then((task) => { draw(task.quality_report); others(task); }, () => {});
    },
  };
}
