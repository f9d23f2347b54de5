// The page: its frame, its two views behind hash routes, and one redraw per frame at the most.

import { arrange, h, s, setText } from "./dom.js";
import { ALARMS, count, fixed, fullTime, percent } from "./format.js";
import { Store } from "./store.js";
import { fleetView } from "./fleet.js";
import { taskView } from "./task.js";

const $ = (id) => document.getElementById(id);
const store = new Store();
const CONNECTION = { connecting: "Connecting", live: "Live", lost: "Connection lost, retrying" };

const lost = h("div", { class: "notice lost" }, h("div", null, h("b", null, "Connection lost, retrying"),
  h("p", null, "What is shown is the last state that arrived.")));
const sharedText = h("p");
const shared = h("div", { class: "notice shared" },
  s("svg", { viewBox: "0 0 18 18", "aria-hidden": "true" }, s("path", { d: "M1.5 6h15M1.5 12h15M5 2.5v13M13 2.5v13" })),
  h("div", null, h("b", null, "A shift is common to the tasks"), sharedText));

const pipelineCells = new Map();
function pipeline(status) {
  const { counts, pipeline: p } = status;
  const reasons = Object.entries(p.rejected_by_reason).map(([reason, n]) => `${reason} ${count(n)}`).join(", ");
  const cells = [
    ["Judged", count(counts.observations)],
    ["Labels", count(counts.labels)],
    ["Decoded", count(p.decoded)],
    ["Rejected", p.rejected ? `${count(p.rejected)} (${reasons})` : "0"],
    ["Dead letters", count(p.dead_letters_published)],
    ["Dead letters failed", count(p.dead_letters_failed), p.dead_letters_failed > 0],
    ["Lag", count(p.lag_records)],
    ["Late", count(counts.late_observations)],
    ["Duplicates", count(counts.duplicate_observations + counts.duplicate_labels)],
    ["Waiting for a label", count(counts.pending_observations)],
    ["Buffered", count(counts.buffered)],
  ];
  arrange($("pipeline"), cells.filter(([, value]) => value !== "–").map(([name, value, bad]) => {
    if (!pipelineCells.has(name)) pipelineCells.set(name, h("div", null, h("dt", null, name), h("dd")));
    const cell = pipelineCells.get(name);
    setText(cell.lastChild, value);
    cell.lastChild.classList.toggle("bad", bad === true);
    return cell;
  }));
}

function frame() {
  const { status, connection, now } = store;
  setText($("connection"), CONNECTION[connection]);
  $("connection").dataset.state = connection;
  const notices = [];
  if (connection === "lost") notices.push(lost);
  if (status?.shared_encoder) {
    const cosine = status.common_shift_cosine === null ? "" : `; their shifts point one way (cosine ${fixed(status.common_shift_cosine, 2)})`;
    setText(sharedText, `${status.summary} ${percent(status.moved_task_ratio, 0)} of the active tasks moved${cosine}.`);
    notices.push(shared);
  }
  arrange($("notices"), notices);
  if (!status) return;
  setText($("reference"), status.reference || "–");
  setText($("event-time"), now === null ? "–" : fullTime(now));
  const progress = status.pipeline.progress_ratio;
  $("progress").hidden = progress === null;
  if (progress !== null) {
    $("progress").setAttribute("aria-valuenow", Math.round(100 * progress));
    $("progress").firstChild.style.transform = `scaleX(${progress})`;
  }
  pipeline(status);
}

let view = null;
let route = null;

/** `#/` is the fleet, `#/task/name` one task. */
function follow() {
  const next = location.hash || "#/";
  if (!next.startsWith("#/")) return; // a link within the page, such as to the content
  const moved = route !== null && next !== route;
  if (next === route) return;
  route = next;
  const name = next.match(/^#\/task\/(.+)$/)?.[1];
  let task = null;
  try { task = name ? decodeURIComponent(name) : null; } catch { task = name; }
  view = task === null ? fleetView() : taskView(task);
  $("main").replaceChildren(view.element);
  if (moved) { scrollTo(0, 0); $("main").focus({ preventScroll: true }); }
  schedule();
}

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    frame();
    const title = view.update(store);
    const alarms = store.status?.tasks.filter((t) => ALARMS.has(t.verdict)).length ?? 0;
    document.title = `${alarms > 0 ? `(${alarms}) ` : ""}${title} · Bellwether`;
  });
}

addEventListener("hashchange", follow);
store.addEventListener("change", schedule);
follow();
store.connect();
