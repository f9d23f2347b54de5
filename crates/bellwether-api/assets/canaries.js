// The encoder itself: texts whose embedding is known, and whether they come back as they were.

import { arrange, h, setText } from "./dom.js";
import { count, ms, shortTime } from "./format.js";

const SOURCES = { canary: "canaries through the production path", monitor: "the monitor's own encoder", spot_check: "observations that were embedded again" };

/** What stands against the encoder, in a sentence; empty where nothing does. @param {any} encoder */
export function encoderFault(encoder) {
  const { fault, other } = encoder;
  if (fault) {
    return `${fault.differing} of the last ${fault.checked} texts with a known embedding came back otherwise since ${shortTime(ms(fault.since))} UTC, by ${SOURCES[fault.source] ?? fault.source}: `
      + `${fault.differences.map((d) => `${d.aspect}, ${d.detail}`).join("; ")}.`;
  }
  if (other) {
    return `${count(other.events)} observations ${other.version ? `of encoder ${other.version}` : `of another width (${other.width})`} came since ${shortTime(ms(other.since))} UTC and were not judged: put a reference of that encoder in force.`;
  }
  return "";
}

/** A card of the encoder's view. */
export function canariesPanel() {
  const names = ["Canaries", "Last one", "Came back", "Spot checks", "Another encoder"];
  const values = names.map(() => [h("span"), h("small")]);
  const cells = names.map((name, at) => h("div", null, h("dt", null, name), h("dd", null, values[at][0], " ", values[at][1])));
  const said = h("p", { class: "said" });
  const body = h("tbody");
  const table = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Differences" }, h("table", { class: "signals" },
    h("thead", null, h("tr", null, ["What differs", "How"].map((text) => h("th", { scope: "col" }, text)))), body));
  const element = h("section", { class: "panel", "aria-label": "Known texts" },
    h("header", null, h("h2", null, "Known texts"), h("p", null, "whether texts whose embedding is known come back as the reference has them")),
    h("dl", { class: "stats" }, cells), said, table);
  return {
    element,
    update(store) {
      const { encoder } = store.status;
      const unknown = encoder.unknown_canaries > 0 ? `, ${count(encoder.unknown_canaries)} that the reference does not have` : "";
      /** @type {[string, string, boolean][]} */
      const shown = [
        [count(encoder.canaries), "in the reference", false],
        [encoder.last_canary ? shortTime(ms(encoder.last_canary)) : "–", encoder.last_canary ? "UTC" : "", false],
        [count(encoder.canaries_checked), `${count(encoder.canaries_differing)} differ${unknown}`, encoder.canaries_differing > 0],
        [count(encoder.spot_checks), `${count(encoder.spot_checks_differing)} differ`, encoder.spot_checks_differing > 0],
        [count(encoder.other_encoder_events), "observations, not judged", encoder.other !== null],
      ];
      shown.forEach(([value, small, bad], at) => {
        setText(values[at][0], value);
        setText(values[at][1], small);
        cells[at].classList.toggle("bad", bad);
      });
      setText(said, encoderFault(encoder) || (encoder.canaries === 0 && encoder.spot_checks === 0
        ? "The reference has no canaries, and no observation was embedded again: a changed encoder is seen by the common shift alone." : "Every known text comes back as it was."));
      table.hidden = !encoder.fault;
      arrange(body, (encoder.fault?.differences ?? []).map((d) => h("tr", null, h("th", { scope: "row" }, d.aspect), h("td", { class: "wide" }, d.detail))));
    },
  };
}
