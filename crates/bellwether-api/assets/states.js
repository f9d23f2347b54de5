// What stands in the place of data: why there is none, and what to do.

import { h } from "./dom.js";

/** In the place of a part of a view. @param {string} title @param {(Node | string | null)[]} content */
export function emptyState(title, ...content) {
  return state("h2", title, content);
}

/** In the place of a whole view. @param {string} title @param {(Node | string | null)[]} content */
export function wholeState(title, ...content) {
  return state("h1", title, content);
}

function state(heading, title, content) {
  return h("div", { class: "empty panel" }, h(heading, null, title), content.map((part) => (typeof part === "string" ? h("p", null, part) : part)));
}

/** @param {import("./api.js").ApiError} error @param {(() => void) | null} again */
export function errorState(error, again = null) {
  return h("div", { class: "empty panel failed", role: "alert" }, h("h2", null, error.message), error.hint ? h("p", null, error.hint) : null,
    again ? h("button", { type: "button", class: "button", onclick: again }, "Try again") : null);
}

/** Why nothing can be shown at all; null when something can. @param {import("./store.js").Store} store */
export function blocked(store) {
  const { refusal, status } = store;
  if (refusal?.status === 401) {
    return wholeState("A token is needed", "Reload and enter any user name with the token of listen.token or listen.operate_token as the password.",
      h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Reload"));
  }
  if (status) return null;
  if (refusal?.code === "not_judge") return wholeState("Another instance judges", "This one scores. Open the page of the instance whose metric bellwether_judge is 1.");
  if (refusal && refusal.code !== "not_ready" && refusal.status !== 0) return errorState(refusal);
  if (store.connection === "lost") return wholeState("The server does not answer", "See whether the process runs. The page connects again by itself.");
  return wholeState("Waiting for the first observations",
    "The reference is being loaded, or Kafka has not been reached yet. The page fills as soon as an event was judged; /readyz and the log say how far it is.");
}
