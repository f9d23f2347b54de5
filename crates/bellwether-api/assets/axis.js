// A time axis in HTML, under what is no chart.

import { h } from "./dom.js";
import { clock, day } from "./format.js";

const MINUTE = 60_000;
const STEPS = [1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320, 7200, 14400, 43200, 129600].map((m) => m * MINUTE);

/** Round UTC times within a range, at most `most` of them. */
function timeTicks([t0, t1], most) {
  const step = STEPS.find((step) => (t1 - t0) / step <= most) ?? STEPS.at(-1);
  const label = step >= 1440 * MINUTE ? day : (t) => (t % (1440 * MINUTE) === 0 ? day(t) : clock(t));
  const out = [];
  for (let t = Math.ceil(t0 / step) * step; t <= t1; t += step) out.push({ t, label: label(t) });
  return out;
}

/** Fills an axis element with labelled times; ends are left free so that no label is cut. */
export function timeAxis(element, range) {
  const most = Math.max(2, Math.floor(element.clientWidth / 64));
  const at = (t) => (100 * (t - range[0])) / (range[1] - range[0] || 1);
  const shown = timeTicks(range, most).filter(({ t }) => at(t) > 3 && at(t) < 95);
  element.replaceChildren(...shown.map(({ t, label }) => {
    const tick = h("span", null, label);
    tick.style.left = `${at(t)}%`;
    return tick;
  }));
}
