// What stands in the place of data: why there is none, and what to do.

import { h } from "./dom.js";

/** @param {string} title @param {(Node | string | null)[]} content */
export function emptyState(title, ...content) {
  return h("div", { class: "empty panel" }, h("b", null, title), content.map((part) => (typeof part === "string" ? h("p", null, part) : part)));
}

/** @param {import("./api.js").ApiError} error @param {(() => void) | null} again */
export function errorState(error, again = null) {
  return h("div", { class: "empty panel failed", role: "alert" }, h("b", null, error.message), error.hint ? h("p", null, error.hint) : null,
    again ? h("button", { type: "button", class: "button", onclick: again }, "Try again") : null);
}

/** Why nothing can be shown at all; null when something can. @param {import("./store.js").Store} store */
export function blocked(store) {
  const { refusal, status } = store;
  if (refusal?.status === 401) {
    return emptyState("A token is needed", "Reload and enter any user name with the token of listen.token or listen.operate_token as the password.",
      h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Reload"));
  }
  if (status) return null;
  if (refusal?.code === "not_judge") return emptyState("Another instance judges", "This one scores. Open the page of the instance whose metric bellwether_judge is 1.");
  if (refusal && refusal.code !== "not_ready" && refusal.status !== 0) return errorState(refusal);
  if (store.connection === "lost") return emptyState("The server does not answer", "See whether the process runs. The page connects again by itself.");
  return emptyState("Waiting for the first observations",
    "The reference is being loaded, or Kafka has not been reached yet. The page fills as soon as an event was judged; /readyz and the log say how far it is.");
}
