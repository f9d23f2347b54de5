// What was said, newest first.

import { arrange, h } from "./dom.js";
import { badge, fullTime, ms, sentence, shortTime } from "./format.js";
import { link } from "./route.js";

const AT_ONCE = 40;

function entry(line, withTask) {
  const at = ms(line.timestamp);
  const model = line.task === null;
  const name = model
    ? h("b", null, line.shared_encoder ? "raised" : line.verdict === "new_task" ? "the model" : "cleared")
    : withTask ? h("b", null, h("a", { href: link("task", line.task) }, line.task)) : null;
  const what = badge(model ? (line.shared_encoder || line.verdict !== "new_task" ? "shared" : "new_task") : (line.verdict ?? "unknown"));
  return h("li", null,
    h("div", { class: "top" }, what, name, h("time", { datetime: line.timestamp, title: fullTime(at) }, shortTime(at))),
    h("p", null, sentence(line.summary, line.task)));
}

/** A list of lines; with `withTask` each names its task. */
export function feed(title, { withTask = true } = {}) {
  const list = h("ol", { class: "feed", tabindex: 0, "aria-label": title });
  const more = h("button", { class: "more", type: "button", hidden: true, onclick: () => { shown += AT_ONCE; update(lines); } }, "Show earlier changes");
  const element = h("section", { class: "panel", "aria-label": title },
    h("header", null, h("h2", null, title), h("p", null, "UTC")), list, more);
  const entries = new Map();
  let lines = [];
  let shown = AT_ONCE;

  function update(next) {
    lines = next;
    if (lines.length === 0) {
      entries.clear();
      list.replaceChildren(h("li", { class: "none" }, "No verdict has changed yet."));
      return;
    }
    const visible = lines.slice(0, shown);
    const ids = new Set(visible.map((line) => `${line.id}`));
    for (const id of entries.keys()) if (!ids.has(id)) entries.delete(id);
    arrange(list, visible.map((line) => {
      const id = `${line.id}`;
      if (!entries.has(id)) entries.set(id, entry(line, withTask));
      return entries.get(id);
    }));
    more.hidden = lines.length <= shown;
  }

  return { element, update };
}
