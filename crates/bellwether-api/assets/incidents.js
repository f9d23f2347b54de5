// Incidents, one per cause: who takes care, who was told, and silence.

import { get, post, remove, repeatedly } from "./api.js";
import { arrange, h, setAttribute, setText } from "./dom.js";
import { badge, duration, fixed, fullTime, ms, sentence, setBadge, shortTime, word } from "./format.js";
import { current, link, setParams } from "./route.js";
import { emptyState, errorState } from "./states.js";

const EVERY_MS = 5000;
const SPANS = [["1 hour", 3600], ["4 hours", 14_400], ["1 day", 86_400], ["1 week", 604_800]];
const NAME = "bellwether.by";

/** The verdict that stands for an incident's call in colour and shape. */
const callBadge = (call) => (call === "shared_encoder" ? "shared" : call);

/** Who acts: asked once and remembered by this browser. */
function remembered() {
  try { return localStorage.getItem(NAME) ?? ""; } catch { return ""; }
}
function remember(by) {
  try { localStorage.setItem(NAME, by); } catch { /* a browser that keeps nothing asks again */ }
}

let forms = 0;
/** A form in a dialog that says who acts and why; `act` is given what was filled in. */
function openDialog(title, said, submit, spans, act) {
  forms += 1;
  const id = (name) => `${name}-${forms}`;
  const by = h("input", { id: id("by"), required: true, maxlength: 200, autocomplete: "name", value: remembered() });
  const comment = h("input", { id: id("comment"), maxlength: 500, autocomplete: "off" });
  const seconds = h("select", { id: id("seconds") }, SPANS.map(([text, value]) => h("option", { value }, text)));
  const failed = h("p", { class: "failure", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "button primary" }, submit);
  const form = h("form", { method: "dialog" }, h("h2", { id: id("title") }, title), h("p", null, said),
    spans ? [h("label", { for: id("seconds") }, "For"), seconds] : null,
    h("label", { for: id("by") }, "Your name"), by, h("label", { for: id("comment") }, "Comment"), comment, failed,
    h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), send));
  const dialog = h("dialog", { "aria-labelledby": id("title") }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    remember(by.value);
    try {
      await act({ by: by.value, comment: comment.value, seconds: Number(seconds.value) });
      dialog.close();
    } catch (error) {
      failed.hidden = false;
      setText(failed, `${error.message} ${error.hint ?? ""}`);
      send.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#main").append(dialog);
  dialog.showModal();
  by.focus();
}

function card(key, changed) {
  const state = badge("unknown");
  const severity = h("span", { class: "severity" });
  const title = h("h3");
  const when = h("p", { class: "when" });
  const summary = h("p", { class: "summary" });
  const tasks = h("p", { class: "tasks" });
  const told = h("p", { class: "told" });
  const acknowledge = h("button", { type: "button", class: "button" }, "Acknowledge");
  const silence = h("button", { type: "button", class: "button" }, "Silence");
  const reason = h("p", { class: "reason", id: `why-${key}`, hidden: true });
  const more = h("details", { class: "values" }, h("summary", null, "Evidence"), h("pre", { tabindex: 0, "aria-label": "Evidence as JSON" }));
  const element = h("li", { class: "panel incident" },
    h("div", { class: "top" }, state, severity, title), when, summary, tasks, told,
    h("div", { class: "actions" }, acknowledge, silence), reason, more);
  let incident = null;
  acknowledge.addEventListener("click", () => openDialog("Acknowledge", `Others see that you take care of “${incident.title}”, and it is not repeated.`, "Acknowledge", false,
    async ({ by, comment }) => { await post(`/api/v1/incidents/${encodeURIComponent(key)}/acknowledge`, { by, comment }); changed(); }));
  silence.addEventListener("click", () => openDialog("Silence", `Nobody is told of “${incident.title}” for a time. It is still judged.`, "Silence", true,
    async ({ by, comment, seconds }) => { await post("/api/v1/silences", { incident: key, seconds, by, comment }); changed(); }));
  more.addEventListener("toggle", () => { if (incident) more.lastChild.textContent = JSON.stringify(incident.record.evidence ?? incident.record, null, 2); });

  return {
    element,
    update(next, access, now) {
      incident = next;
      const firing = next.status === "firing";
      setBadge(state, callBadge(next.verdict));
      setAttribute(element, "data-verdict", callBadge(next.verdict));
      setText(severity, `${next.severity}${next.silenced ? ", silenced" : ""}`);
      setAttribute(severity, "data-severity", next.severity);
      setText(title, next.title);
      const since = ms(next.since);
      const ended = firing ? "" : next.ended === "part_of" ? `; became part of ${next.part_of}` : `; over since ${shortTime(ms(next.changed))}`;
      setText(when, `since ${shortTime(since)} UTC${firing && now ? `, ${duration(now - since)}` : ""}${ended}; change ${next.revision} at ${shortTime(ms(next.changed))}, confidence ${fixed(next.confidence, 2)}`);
      setText(summary, sentence(next.summary, next.task ?? next.tasks[0]));
      if (tasks.dataset.of !== next.tasks.join("\n")) {
        tasks.dataset.of = next.tasks.join("\n");
        tasks.replaceChildren(...next.tasks.flatMap((task, at) => [at > 0 ? ", " : "", h("a", { href: link("task", task) }, task)]));
      }
      const taken = next.acknowledged ? `${next.acknowledged.by} takes care${next.acknowledged.comment ? `: ${next.acknowledged.comment}` : ""}. ` : "";
      const who = next.told.length > 0 ? `Told: ${next.told.join(", ")}. ` : "";
      const owed = next.owed.length > 0 ? `Still to be told: ${next.owed.join(", ")}.` : "";
      setText(told, `${taken}${who}${owed}` || (firing ? "Nobody is told: no receiver is configured in [alerts.receivers]." : ""));
      const denied = access?.hint ? `Your token only reads: ${access.hint}.` : "";
      acknowledge.disabled = !firing || denied !== "" || next.acknowledged !== null;
      silence.disabled = !firing || denied !== "" || next.silenced;
      acknowledge.parentElement.hidden = !firing;
      setText(acknowledge, next.acknowledged ? "Acknowledged" : "Acknowledge");
      setText(silence, next.silenced ? "Silenced" : "Silence");
      reason.hidden = !firing || denied === "";
      setText(reason, denied);
      for (const button of [acknowledge, silence]) setAttribute(button, "aria-describedby", denied ? reason.id : null);
    },
  };
}

function silencesPanel(changed) {
  const body = h("tbody");
  const failed = h("p", { class: "failure", role: "alert", hidden: true });
  const heads = ["What", "Until", "By", "Comment", ""];
  const element = h("section", { class: "panel", "aria-label": "Silences" }, h("header", null, h("h2", null, "Silences"), h("p", null, "maintenance windows aside; times are of the clock, UTC")),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Silences" }, h("table", { class: "signals" }, h("thead", null, h("tr", null, heads.map((text) => (text ? h("th", { scope: "col" }, text) : h("td", null))))), body)), failed);
  const end = (id) => async () => {
    try {
      await remove(`/api/v1/silences/${encodeURIComponent(id)}`);
      failed.hidden = true;
      changed();
    } catch (error) {
      failed.hidden = false;
      setText(failed, `${error.message} ${error.hint ?? ""}`);
    }
  };
  const what = (s) => [s.incident, s.tasks.join(", "), s.verdicts.map(word).join(", ")].filter(Boolean).join("; ") || "everything";
  let shown = "";
  return {
    element,
    update(silences, access) {
      element.hidden = silences.length === 0;
      const key = JSON.stringify([silences, access?.role]);
      if (key === shown) return;
      shown = key;
      body.replaceChildren(...silences.map((s) => h("tr", null, h("th", { scope: "row", class: "wide" }, what(s)), h("td", { title: fullTime(ms(s.ends)) }, shortTime(ms(s.ends))),
        h("td", null, s.by), h("td", { class: "wide" }, s.comment), h("td", { class: "num" },
          h("button", { type: "button", class: "button", disabled: access?.role !== "operate", "aria-label": `End the silence of ${what(s)}`, onclick: end(s.id) }, "End")))));
    },
  };
}

export function incidentsView() {
  const title = h("h1");
  const lead = h("p", { class: "lead" }, "One cause is one incident, from its first notice to its last.");
  const choices = ["open", "ended"].map((name) => [name, h("button", { type: "button", "aria-pressed": "false", onclick: () => setParams({ show: name === "open" ? null : name }) }, name === "open" ? "Open" : "Ended")]);
  const list = h("ol", { class: "incidents" });
  const place = h("div");
  let open = null;
  let ended = null;
  let silences = [];
  let failure = null;
  const again = () => { load(true); };
  const silenced = silencesPanel(again);
  const element = h("div", { class: "detail" },
    h("div", { class: "headline" }, title, lead, h("div", { class: "counts", role: "group", "aria-label": "Which incidents" }, choices.map(([, button]) => button))),
    place, list, silenced.element);
  const cards = new Map();
  let redraw = () => {};
  const load = repeatedly(async () => ({ all: (await get("/api/v1/incidents?limit=1000")).incidents, silences: (await get("/api/v1/silences")).silences }), EVERY_MS, (answer, error) => {
    failure = error;
    if (answer) {
      open = answer.all.filter((i) => i.status === "firing");
      ended = answer.all.filter((i) => i.status !== "firing");
      // Silences that are over stay listed for a while.
      silences = answer.silences.filter((s) => ms(s.ends) > Date.now());
    }
    redraw();
  });

  return {
    element,
    update(store) {
      redraw = () => { store.loadIncidents(); };
      load();
      const show = current().params.get("show") === "ended" ? "ended" : "open";
      for (const [name, button] of choices) setAttribute(button, "aria-pressed", String(name === show));
      const which = show === "open" ? open : ended;
      const number = open?.length ?? 0;
      setText(title, open === null ? "Incidents" : number === 0 ? "No incident is open" : `${number} ${number === 1 ? "incident is" : "incidents are"} open`);
      const told = failure && which === null ? failure.message : which?.length === 0 ? show : "";
      if (place.dataset.told !== told) {
        place.dataset.told = told;
        place.replaceChildren(...(told === "" ? [] : failure && which === null ? [errorState(failure, again)]
          : [show === "open" ? emptyState("Nothing is open", "A watch or an alarm opens an incident; it is then shown here, and told to the receivers of [alerts].") : emptyState("Nothing has ended yet")]));
      }
      arrange(list, (which ?? []).map((incident) => {
        if (!cards.has(incident.key)) cards.set(incident.key, card(incident.key, again));
        const one = cards.get(incident.key);
        one.update(incident, store.access, store.now);
        return one.element;
      }));
      silenced.update(silences, store.access);
      return title.textContent;
    },
  };
}
