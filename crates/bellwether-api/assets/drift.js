// How, where and by how much the inputs of a task have moved.

import { arrange, h, setAttribute, setText } from "./dom.js";
import { count, fixed, percent } from "./format.js";
import { table } from "./quality.js";

const TESTS = { kernel: "Any difference (MMD², Gaussian kernel)", linear: "Difference of means", energy: "Energy distance" };
const PARTS = { total: "Movement of the mean", mix: "by the class mix", within: "within classes", spread_ratio: "Spread within classes" };
const interval = (e) => (e ? `${fixed(e.low)} to ${fixed(e.high)}` : "");

function windowText(report) {
  if (!report.observations) return "no observations yet";
  const which = report.since_onset ? "since the onset of what stands" : "the newest";
  const season = report.season ? `; the normal class mix follows ${report.season}` : "";
  return `${count(report.observations)} observations, ${which}, against the reference${season}`;
}

export function driftPanel() {
  const lead = h("p");
  const said = h("p", { class: "said" });
  const num = "num";
  const tests = table("Two-sample tests", [["Test"], ["Now", num], ["p", num], ["Deviations", "num roomy", "The statistic over its standard deviation when nothing has changed"]],
    [num, num, "num roomy"]);
  const parts = table("Parts of the movement", [["Movement"], ["Now", num], ["95 % interval", "num roomy"], ["Share", num]], [num, "num roomy", num]);
  const classes = table("Classes", [["Class"], ["Now", num], ["Reference", num], ["Moved", num, "Squared distance of its mean, over its variance"], ["Of the movement within", "num roomy"]],
    [num, num, num, "num roomy"]);
  const bars = { within: h("i", { class: "within" }), mix: h("i", { class: "mix" }) };
  const line = h("div", { class: "split-line", role: "img" }, bars.within, bars.mix);
  const legend = h("div", { class: "legend" }, h("span", null, h("i", { class: "box own" }), "within classes"), h("span", null, h("i", { class: "box mix" }), "by the class mix"));
  const examples = h("p", { class: "said" });
  const folded = h("details", { class: "fold" }, h("summary", null, "By class"), classes.element);
  const element = h("section", { class: "panel quality", "aria-label": "Drift report" },
    h("header", null, h("h2", null, "Drift report"), lead), said,
    h("div", { class: "sides" }, h("div", null, tests.element, folded), h("div", null, line, legend, parts.element, examples)));
  return {
    element,
    draw(report) {
      setText(lead, windowText(report));
      setText(said, report.summary ?? "");
      said.hidden = !report.summary;
      const auc = report.classifier_auc;
      tests.update([
        ...Object.entries(TESTS).map(([key, name]) => {
          const t = report[key];
          return [key, name, t ? [fixed(t.value, 4), fixed(t.p_value), fixed(t.deviations, 1)] : ["–", "–", "–"]];
        }),
        ["auc", "Classifier, area under the curve", [fixed(auc?.value), auc ? `${fixed(auc.low, 2)} to ${fixed(auc.high, 2)}` : "–", ""]],
      ]);
      const split = report.split;
      const ratio = (value) => Math.max(0, Math.min(1, value ?? 0));
      line.hidden = legend.hidden = split?.within_ratio == null;
      bars.within.style.width = `${100 * ratio(split?.within_ratio)}%`;
      bars.mix.style.width = `${100 * ratio(split?.mix_ratio)}%`;
      setAttribute(line, "aria-label", `${percent(split?.within_ratio, 0)} within classes, ${percent(split?.mix_ratio, 0)} by the class mix`);
      const share = { mix: split?.mix_ratio, within: split?.within_ratio };
      parts.update(Object.entries(PARTS).map(([key, name]) => [key, name,
        [fixed(split?.[key]?.value), interval(split?.[key]), key in share ? percent(share[key], 0) : ""]]));
      classes.update(report.classes.map((c) => [c.class, c.class,
        [percent(c.share.value), percent(c.reference_share), fixed(c.moved?.value), percent(c.within_share, 0)]]));
      folded.hidden = report.classes.length === 0;
      const lines = [["Least like the reference", report.examples], ["Furthest along the movement", report.direction?.examples ?? []],
        ["Furthest the other way in the reference", report.direction?.reference_examples ?? []]].filter(([, ids]) => ids.length > 0);
      arrange(examples, lines.map(([name, ids]) => h("span", { class: "ids" }, h("b", null, name), ` ${ids.join(", ")}`)));
      examples.hidden = lines.length === 0;
    },
  };
}
