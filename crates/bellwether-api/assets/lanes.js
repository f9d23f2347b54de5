// The verdicts over event time: one lane per task, and one for what is common to them.

import { arrange, h, setAttribute } from "./dom.js";
import { badge, duration, mark, shortTime, word } from "./format.js";
import { timeAxis } from "./axis.js";
import { link } from "./route.js";
import { hideTip, showTip } from "./tip.js";

function showSegment(segment, box) {
  const said = segment.line?.summary ?? (segment.verdict === "unknown" ? "Nothing was said yet." : null);
  const span = `${shortTime(segment.since)} to ${shortTime(segment.end)} UTC, ${duration(segment.end - segment.since)}`;
  showTip([
    segment.verdict === "healthy" && segment.shared ? h("b", null, "No common shift") : badge(segment.verdict),
    h("p", { class: "when" }, span), ...(said ? [h("p", null, said)] : []),
  ], box);
}

/** One lane; its segments are read with the pointer or, once it has the focus, with the arrow keys. */
function lane(name, task) {
  const track = h("div", { class: "track", tabindex: 0, role: "group" });
  const title = task === null ? h("span", null, name) : h("a", { href: link("task", task) }, name);
  const element = h("div", { class: task === null ? "lane model" : "lane" }, title, track);
  let segments = [];
  let chosen = null;

  function choose(at) {
    track.querySelector(".chosen")?.classList.remove("chosen");
    chosen = at;
    if (at === null) { hideTip(); return; }
    const bar = track.children[at];
    bar.classList.add("chosen");
    const { left, width, top, bottom } = bar.getBoundingClientRect();
    showSegment(segments[at], { x: left + width / 2, top, bottom });
  }

  track.addEventListener("pointermove", (event) => {
    const at = [...track.children].indexOf(event.target.closest(".segment"));
    if (at < 0) return;
    const { top, bottom } = track.getBoundingClientRect();
    showSegment(segments[at], { x: event.clientX, top, bottom });
  });
  track.addEventListener("pointerleave", hideTip);
  track.addEventListener("blur", () => choose(null));
  track.addEventListener("keydown", (event) => {
    const last = segments.length - 1;
    const to = { ArrowLeft: (chosen ?? last + 1) - 1, ArrowRight: (chosen ?? last) + 1, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(to === null ? null : Math.max(0, Math.min(last, to)));
  });

  return {
    element,
    update(next, [start, end], width) {
      const same = next.length === segments.length && next.every((s, at) => s.verdict === segments[at].verdict);
      segments = next.map((segment) => ({ ...segment, shared: task === null }));
      if (!same) {
        if (chosen !== null) choose(null);
        track.replaceChildren(...segments.map((s) => h("div", { class: "segment", "data-verdict": s.verdict }, mark(s.verdict), h("span"))));
      }
      const share = (t) => (100 * (t - start)) / (end - start);
      segments.forEach((segment, at) => {
        const bar = /** @type {any} */ (track.children[at]);
        setAttribute(bar, "data-from", segment.start);
        setAttribute(bar, "data-to", segment.end);
        const wide = share(segment.end) - share(segment.start);
        const pixels = (wide * width) / 100;
        bar.style.left = `${share(segment.start)}%`;
        bar.style.width = `${wide}%`;
        // What does not fit is not begun: no mark in a sliver, no cut word.
        const quiet = task === null && segment.verdict === "healthy";
        const text = quiet ? "no common shift" : word(segment.verdict);
        bar.firstChild.style.display = pixels > 20 && !quiet ? "" : "none";
        bar.lastChild.textContent = pixels > 30 + text.length * 6.5 ? text : "";
        bar.lastChild.style.marginLeft = quiet ? "8px" : "";
      });
      const now = segments.at(-1);
      setAttribute(track, "aria-label", `${name}: ${now ? word(now.verdict) : "unknown"} now, ${segments.length} stretches; use the arrow keys to read them`);
    },
  };
}

/** Lanes of the tasks that `update` names; null is the shared encoder. */
export function lanes(title = "Verdicts over time") {
  const body = h("div");
  const axis = h("div", { class: "axis", "aria-hidden": "true" });
  const element = h("section", { class: "panel", "aria-label": title },
    h("header", null, h("h2", null, title), h("p", null, "event time, UTC")),
    h("div", { class: "lanes" }, body, axis));
  const all = new Map();
  return {
    element,
    /** @param {import("./store.js").Store} store @param {(string | null)[]} order @param {(task: string | null) => any[]} [segments] */
    update(store, order, segments = (task) => store.segments(task)) {
      const { range } = store;
      const width = axis.clientWidth;
      arrange(body, order.map((task) => {
        if (!all.has(task)) all.set(task, lane(task ?? "Shared encoder", task));
        const one = all.get(task);
        one.update(segments(task), range, width);
        return one.element;
      }));
      for (const task of all.keys()) if (!order.includes(task)) all.delete(task);
      timeAxis(axis, range);
    },
  };
}
