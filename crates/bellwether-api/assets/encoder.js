// The shared encoder: whether a shift is common to the tasks, how much of each task's is, and what is in force.

import { get, repeatedly } from "./api.js";
import { canariesPanel } from "./canaries.js";
import { arrange, h, s, setAttribute, setText } from "./dom.js";
import { badge, count, duration, exists, fixed, ms, percent, setBadge, shortTime } from "./format.js";
import { lanes } from "./lanes.js";
import { link } from "./route.js";

const EVERY_MS = 10_000;
/** Tasks in the table: those that moved most. */
const ROWS = 60;

/** How much of a task's movement goes the common way; null where nothing is common to compare with. */
const commonShare = (task) => (exists(task.common_cosine) ? Math.max(0, task.common_cosine) ** 2 : null);

function taskRow(name) {
  const title = h("a", { href: "#/" }, name);
  const state = badge("unknown");
  const common = s("rect", { class: "common", x: 0, y: 0, height: 10 });
  const own = s("rect", { class: "own", y: 0, height: 10 });
  const bar = s("svg", { class: "split-bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img" }, common, own);
  const cells = Array.from({ length: 3 }, () => h("td", { class: "num" }));
  const element = h("tr", null, h("th", { scope: "row" }, title), h("td", null, state), h("td", { class: "bar-cell" }, bar), cells);
  return {
    element,
    update(task, most) {
      setAttribute(title, "href", link("task", name));
      setBadge(state, task.verdict);
      const moved = Math.max(0, task.drift_within_class ?? 0);
      const share = commonShare(task);
      const width = (100 * moved) / most;
      const shared = width * (share ?? 0);
      common.setAttribute("width", shared.toFixed(2));
      own.setAttribute("x", shared.toFixed(2));
      own.setAttribute("width", (width - shared).toFixed(2));
      setAttribute(bar, "aria-label", `Moved ${fixed(moved, 2)}, ${share === null ? "nothing to compare with" : `${percent(share, 0)} of it the common way`}`);
      setText(cells[0], fixed(task.drift_within_class, 3));
      setText(cells[1], percent(share, 0));
      setText(cells[2], fixed(task.common_cosine, 2));
    },
  };
}

function shiftPanel() {
  const body = h("tbody");
  const heads = [["Task"], ["Verdict"], ["Common and own shift", "bar-cell"], ["Moved", "num", "Squared shift within classes over the reference's variance"], ["Common", "num", "Share of it that goes the way of the other tasks that moved"], ["Cosine", "num"]];
  const more = h("p", { class: "nothing" });
  const element = h("section", { class: "panel", "aria-label": "Shift of each task" },
    h("header", null, h("h2", null, "Shift of each task"), h("p", null, "most moved first; the part that goes the way of the others that moved, and the task's own")),
    h("div", { class: "legend" }, h("span", null, h("i", { class: "box common" }), "common"), h("span", null, h("i", { class: "box own" }), "the task's own")),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Shift of each task" }, h("table", { class: "signals shift" },
      h("thead", null, h("tr", null, heads.map(([text, cls, title]) => h("th", { class: cls, title, scope: "col" }, text)))), body)), more);
  const rows = new Map();
  return {
    element,
    update(tasks) {
      const moved = [...tasks].sort((a, b) => (b.drift_within_class ?? 0) - (a.drift_within_class ?? 0) || a.task.localeCompare(b.task));
      const most = Math.max(0.05, moved[0]?.drift_within_class ?? 0);
      arrange(body, moved.slice(0, ROWS).map((task) => {
        if (!rows.has(task.task)) rows.set(task.task, taskRow(task.task));
        rows.get(task.task).update(task, most);
        return rows.get(task.task).element;
      }));
      more.hidden = moved.length <= ROWS;
      setText(more, `${moved.length - ROWS} more tasks moved less.`);
    },
  };
}

function versionsPanel() {
  const names = ["Reference in force", "Encoder version", "Model version of the reference", "Newest model version seen", "Share of its traffic"];
  const values = names.map(() => h("dd"));
  const said = h("p", { class: "said" });
  const body = h("tbody");
  const heads = [["Reference"], ["Encoder"], ["Model"], ["From"], ["To"], ["Rows", "num"], ["State"]];
  const table = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Registered references" }, h("table", { class: "signals" },
    h("thead", null, h("tr", null, heads.map(([text, cls]) => h("th", { scope: "col", class: cls }, text)))), body));
  const element = h("section", { class: "panel", "aria-label": "Versions" }, h("header", null, h("h2", null, "Versions")),
    h("dl", { class: "stats" }, names.map((name, at) => h("div", null, h("dt", null, name), values[at]))), said, table);
  let references = null;
  const day = (at) => (at ? shortTime(ms(at)) : "–");
  const load = repeatedly(() => get("/api/v1/references"), EVERY_MS, (answer) => {
    references = answer?.references ?? null;
    body.replaceChildren(...(references ?? []).map((r) => h("tr", null, h("th", { scope: "row", class: "mono", title: r.id }, r.id.slice(0, 12)), h("td", null, r.encoder_version ?? "–"),
      h("td", null, r.model_version ?? "–"), h("td", null, day(r.from)), h("td", null, day(r.to)), h("td", { class: "num" }, count(r.rows)),
      h("td", null, r.in_force ? "in force" : r.active ? "chosen" : "registered"))));
  });
  return {
    element,
    update(store) {
      const { status, access } = store;
      if (access?.references) load();
      table.hidden = !references;
      const force = references?.find((r) => r.in_force);
      const change = status.forgetting;
      [status.reference || "–", force?.encoder_version ?? "–", force?.model_version ?? "–", change?.model_version ?? "–", change ? percent(change.share, 0) : "–"]
        .forEach((value, at) => setText(values[at], value));
      setText(said, change?.summary ?? (access?.references ? "" : "Versions of references are told where references.directory is configured."));
      said.hidden = said.textContent === "";
    },
  };
}

/** The cards of the view below the shifts: each is `{ element, update(store) }`. */
const CARDS = [canariesPanel, versionsPanel];

export function encoderView() {
  const title = h("h1");
  const lead = h("p", { class: "lead" });
  const names = ["State", "Tasks that moved", "Agreement of their directions", "Since"];
  const values = names.map(() => [h("span"), h("small")]);
  const lane = lanes("Common shift over time");
  const shift = shiftPanel();
  const cards = CARDS.map((card) => card());
  const element = h("div", { class: "detail" },
    h("div", { class: "headline" }, title, lead),
    h("dl", { class: "panel stats" }, names.map((name, at) => h("div", null, h("dt", null, name), h("dd", null, values[at][0], " ", values[at][1])))),
    lane.element, shift.element, cards.map((card) => card.element));
  return {
    element,
    update(store) {
      const { status } = store;
      const since = ms(status.shared_since);
      setText(title, status.shared_encoder ? "A shift is common to the tasks" : "No shift is common to the tasks");
      setText(lead, status.shared_encoder ? status.summary : "What moves is the business of single tasks. A fault of the encoder, or of what feeds it, would move most tasks in one direction.");
      [
        [status.shared_encoder ? "shared encoder" : "no common shift", ""],
        [percent(status.moved_task_ratio, 0), "of the active tasks"],
        [fixed(status.common_shift_cosine, 2), status.common_shift_cosine === null ? "fewer than three tasks moved" : "median cosine; 1 is the same way"],
        [since ? shortTime(since) : "–", since && store.now ? duration(store.now - since) : ""],
      ].forEach(([value, small], at) => { setText(values[at][0], value); setText(values[at][1], small); });
      lane.update(store, [null]);
      shift.update(status.tasks);
      cards.forEach((card) => card.update(store));
      return title.textContent;
    },
  };
}
