// The page: its frame, its views behind addresses, and one redraw per frame at the most.

import { arrange, h, s, setAttribute, setText } from "./dom.js";
import { ALARMS, fixed, fullTime, percent } from "./format.js";
import { encoderFault } from "./canaries.js";
import { encoderView } from "./encoder.js";
import { fleetView } from "./fleet.js";
import { incidentsView } from "./incidents.js";
import { pipelineView } from "./pipeline.js";
import { RANGES, TABS, current, format, link, setParams } from "./route.js";
import { blocked } from "./states.js";
import { Store } from "./store.js";
import { taskView } from "./task.js";

/** Data that comes faster than this is not drawn: a person sees no more than a few changes a second. */
const PACE_MS = 200;

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const store = new Store();
const CONNECTION = { connecting: "Connecting", live: "Live", lost: "Connection lost", refused: "Refused" };

const lost = h("div", { class: "notice lost" }, h("div", null, h("b", null, "Connection lost, retrying"),
  h("p", null, "What is shown is the last state that arrived.")));
const sharedText = h("p");
const shared = h("div", { class: "notice shared" },
  s("svg", { viewBox: "0 0 18 18", "aria-hidden": "true" }, s("path", { d: "M1.5 6h15M1.5 12h15M5 2.5v13M13 2.5v13" })),
  h("div", null, h("b", null, "A shift is common to the tasks"), sharedText), h("a", { class: "button", href: "#/encoder" }, "Look at the encoder"));

const views = {
  fleet: () => fleetView(), task: (name) => taskView(name), encoder: () => encoderView(), incidents: () => incidentsView(), pipeline: () => pipelineView(),
};

const tabs = TABS.map(([name, title]) => {
  const number = h("span", { class: "number", hidden: true });
  return { name, number, element: h("a", { href: "#/" }, title, number) };
});
$("tabs").append(...tabs.map((tab) => tab.element));
$("range").append(...RANGES.map(([name, title]) => h("option", { value: name }, title)));
$("range").addEventListener("change", () => setParams({ range: $("range").value === "all" ? null : $("range").value }));

const faultText = h("p");
const fault = h("div", { class: "notice lost" }, h("div", null, h("b", null, "The encoder is not the reference's"), faultText), h("a", { class: "button", href: "#/encoder" }, "Look at the encoder"));

function notices() {
  const { status, connection } = store;
  const out = [];
  if (connection === "lost" && status) out.push(lost);
  const said = status ? encoderFault(status.encoder) : "";
  if (said && current().view !== "encoder") {
    setText(faultText, said);
    setAttribute(fault.lastChild, "href", link("encoder"));
    out.push(fault);
  }
  if (status?.shared_encoder && current().view !== "encoder") {
    const cosine = status.common_shift_cosine === null ? "" : `; their shifts point one way (cosine ${fixed(status.common_shift_cosine, 2)})`;
    setText(sharedText, `${status.summary} ${percent(status.moved_task_ratio, 0)} of the active tasks moved${cosine}.`);
    setAttribute(shared.lastChild, "href", link("encoder"));
    out.push(shared);
  }
  arrange($("notices"), out);
}

function frame() {
  const { status, connection, now } = store;
  setText($("connection"), CONNECTION[connection]);
  $("connection").dataset.state = connection;
  notices();
  const standing = store.incidents?.length ?? 0;
  const { view } = current();
  for (const tab of tabs) {
    setAttribute(tab.element, "href", link(tab.name));
    setAttribute(tab.element, "aria-current", tab.name === view || (view === "task" && tab.name === "fleet") ? "page" : null);
    const number = tab.name === "incidents" ? standing : 0;
    tab.number.hidden = number === 0;
    setText(tab.number, String(number));
    setAttribute(tab.number, "aria-label", `${number} open`);
  }
  if (store.access) setText($("version"), store.access.version);
  if (!status) return;
  setText($("reference"), status.reference || "–");
  setText($("event-time"), now === null ? "–" : fullTime(now));
  const progress = status.pipeline.progress_ratio;
  $("progress").hidden = progress === null || progress >= 1;
  if (progress !== null) {
    setAttribute($("progress"), "aria-valuenow", Math.round(100 * progress));
    $("progress").firstChild.style.transform = `scaleX(${progress})`;
  }
}

/** @type {any} */
let view = null;
let shown = "";
let block = null;

function follow() {
  if (location.hash && !location.hash.startsWith("#/")) return; // a link within the page, such as to the content
  const { view: name, task, params } = current();
  $("range").value = params.get("range") ?? "all";
  const key = `${name}/${task ?? ""}`;
  if (key !== shown) {
    const moved = shown !== "";
    view?.close?.();
    shown = key;
    view = views[name](task);
    block = null;
    $("main").replaceChildren(view.element);
    if (moved) { scrollTo(0, 0); $("main").focus({ preventScroll: true }); }
  }
  schedule(true);
}

let range = current().params.get("range");
function paramsChanged() {
  const asked = current().params.get("range");
  if (asked !== range) { range = asked; store.rangeChanged(); }
  follow();
}

function draw() {
  frame();
  const reason = blocked(store);
  if (reason) {
    // The same reason is not put up again and again: its button may have the focus.
    if (block !== reason.textContent) $("main").replaceChildren(reason);
    block = reason.textContent;
    document.title = "Bellwether";
    return;
  }
  if (block !== null) { block = null; $("main").replaceChildren(view.element); }
  const title = view.update(store);
  const alarms = store.status.tasks.filter((t) => ALARMS.has(t.verdict)).length;
  document.title = `${alarms > 0 ? `(${alarms}) ` : ""}${title} · Bellwether`;
}

let waiting = 0;
let framed = false;
let drawnAt = -Infinity;
/** Draws with the next frame; what comes from the server waits for its turn, what a person chose does not. */
function schedule(now = false) {
  if (framed || (waiting !== 0 && !now)) return;
  clearTimeout(waiting);
  const atNextFrame = () => {
    waiting = 0;
    framed = true;
    requestAnimationFrame(() => {
      framed = false;
      drawnAt = performance.now();
      draw();
    });
  };
  const wait = now ? 0 : drawnAt + PACE_MS - performance.now();
  if (wait <= 0) atNextFrame();
  else waiting = setTimeout(atNextFrame, wait);
}

// Addresses of earlier versions, and none, lead to the same views.
if (!location.hash.startsWith("#/")) history.replaceState(null, "", format("fleet", null, new URLSearchParams()));
addEventListener("hashchange", paramsChanged);
addEventListener("paramschange", paramsChanged);
store.addEventListener("change", () => schedule());
// Views ask again for what the stream does not carry.
setInterval(() => { if (document.visibilityState === "visible") schedule(); }, 2000);
follow();
store.connect();
