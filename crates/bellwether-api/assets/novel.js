// Proposed classes: what the novel observations have in common, in their own words, and what to label first.

import { get, repeatedly } from "./api.js";
import { arrange, h, setText } from "./dom.js";
import { count, fixed, ms, shortTime, word } from "./format.js";

const EVERY_MS = 8000;
const WORDS = 8;
const EXAMPLES = 3;
/** Groups that are shown at first. */
const GROUPS = 4;

function groupCard(group) {
  const words = group.words.slice(0, WORDS).map(({ word: text, count: n }) => h("li", { title: `in ${n} of them` }, text));
  const quotes = (group.texts.length > 0 ? group.texts : group.examples).slice(0, EXAMPLES)
    .map((text) => h("li", { class: group.texts.length > 0 ? "quote" : "mono" }, text));
  return h("article", { class: "group" },
    h("h3", null, h("span", { class: "tag" }, String(group.group)), `${count(group.size)} observations`),
    words.length > 0 ? h("ul", { class: "words", "aria-label": "Words that set it apart" }, words) : null,
    h("ul", { class: "quotes", "aria-label": "Central examples" }, quotes));
}

/** @param {string} name @param {() => void} changed called when groups are known anew */
export function novelPanel(name, changed) {
  const lead = h("p");
  const list = h("div", { class: "groups" });
  const nothing = h("p", { class: "nothing" });
  const file = h("a", { class: "button" }, "Work set as Parquet");
  const body = h("tbody");
  const first = h("details", { class: "values" }, h("summary", null, "What to label first"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "What to label first" }, h("table", { class: "signals" },
      h("thead", null, h("tr", null, ["Rank", "Observation", "Group", "Because", "Predicted"].map((head) => h("th", { scope: "col" }, head)))), body)));
  const element = h("section", { class: "panel novel", "aria-label": "Novel groups" },
    h("header", null, h("h2", null, "Novel groups"), lead), list, nothing, h("div", { class: "actions" }, file), first);
  /** @type {Map<string, number>} */
  let groups = new Map();
  let shown = "";
  let task = null;

  function none() {
    const { novelty } = task;
    list.replaceChildren();
    file.hidden = true;
    first.hidden = true;
    nothing.hidden = false;
    setText(lead, "");
    const seen = novelty.group_size > 0
      ? `${count(novelty.group_size)} observations unlike the reference are looked at${novelty.misrouted_to ? `; they look like traffic of ${novelty.misrouted_to}` : ""}. `
      : "Nothing stands out as a group. ";
    setText(nothing, `${seen}Groups with words and examples come with a work set, which an alarm makes.`);
  }

  const load = repeatedly(async () => {
    const { work_sets: sets } = await get("/api/v1/work-sets");
    const found = sets.find((set) => set.task === name || (set.task === null && set.tasks.some((t) => t.task === name)));
    if (!found) return { found: null };
    const key = `${found.id}`;
    return key === shown ? null : { found, ...(await get(`/api/v1/work-sets/${encodeURIComponent(found.id)}`)) };
  }, EVERY_MS, (answer) => {
    if (!answer) return;
    const { found } = answer;
    if (!found) { shown = ""; groups = new Map(); none(); changed(); return; }
    shown = found.id;
    const own = answer.first.filter((row) => row.task === name);
    groups = new Map(answer.members.map((member) => [member.event_id, member.group]));
    setText(lead, `${word(found.verdict)}, as of ${shortTime(ms(found.taken))} UTC; ${count(found.rows)} observations in the work set`);
    const cards = found.groups.map(groupCard);
    const rest = cards.slice(GROUPS);
    arrange(list, cards.slice(0, GROUPS));
    const more = h("button", { type: "button", class: "button", onclick: () => { more.remove(); list.append(...rest); } }, `Show ${rest.length} smaller groups`);
    if (rest.length > 0) list.append(more);
    nothing.hidden = found.groups.length > 0;
    setText(nothing, "The work set has no group: what is in it is of known classes, or too scattered.");
    file.hidden = false;
    file.setAttribute("href", `/api/v1/work-sets/${encodeURIComponent(found.id)}/file`);
    file.setAttribute("download", `${found.id}.parquet`);
    first.hidden = own.length === 0;
    body.replaceChildren(...own.map((row) => h("tr", null, h("td", { class: "num" }, String(row.rank ?? "–")),
      h("th", { scope: "row", class: row.text ? "wide quote" : "wide mono" }, row.text ?? row.event_id), h("td", null, row.group === null ? "–" : String(row.group)),
      h("td", null, row.reason ?? "–"), h("td", null, row.predicted ? `${row.predicted} ${fixed(row.confidence, 2)}` : "–"))));
    changed();
  });

  return {
    element,
    groups: () => groups,
    update(next) {
      task = next;
      if (shown === "") none();
      load();
    },
  };
}
