// The numbers behind the last change of a task, as they are in the timeline.

import { get, taskPath } from "./api.js";
import { h, setText } from "./dom.js";
import { fixed, ms, shortTime, word } from "./format.js";

export function evidencePanel(name) {
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
      get(taskPath(name)).then((task) => { if (task?.last_change && shown === null) show(task.last_change); }, () => {});
    },
  };
}
