// The little window beside the pointer; one for the page.

import { h } from "./dom.js";

const tip = h("div", { class: "tip", hidden: true, role: "status" });
document.querySelector(".foot").append(tip);

/** Shows content above a place, or below where there is no room. @param {Node[]} content @param {{x: number, top: number, bottom: number}} box */
export function showTip(content, box) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.x - width / 2, innerWidth - width - 8));
  const above = box.top - height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
}

export const hideTip = () => { tip.hidden = true; };
addEventListener("hashchange", hideTip);
