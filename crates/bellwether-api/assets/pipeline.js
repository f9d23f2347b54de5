// The pipeline: how far it is, what it refuses, what it keeps and whom it tells.

import { get, repeatedly } from "./api.js";
import { arrange, h, setText } from "./dom.js";
import { bytes, count, duration, fixed, ms, percent, shortTime } from "./format.js";
import { table } from "./quality.js";
import { sparkline } from "./sparkline.js";
import { errorState } from "./states.js";

const EVERY_MS = 2000;
/** Answers that the small charts hold: five minutes. */
const ANSWERS = 150;
const LAG_ROWS = 40;

function panel(title, note, ...content) {
  const lead = h("p", null, note);
  return { lead, element: h("section", { class: "panel", "aria-label": title }, h("header", null, h("h2", null, title), lead), content) };
}

/** A list of names and values; what has no value is left out. */
function facts(label) {
  const element = h("dl", { class: "panel stats", "aria-label": label });
  const cells = new Map();
  return {
    element,
    update(entries) {
      arrange(element, entries.filter(([, value]) => value !== null).map(([name, value, small, bad]) => {
        if (!cells.has(name)) cells.set(name, h("div", null, h("dt", null, name), h("dd", null, h("span"), " ", h("small"))));
        const cell = cells.get(name);
        setText(cell.lastChild.firstChild, value);
        setText(cell.lastChild.lastChild, small ?? "");
        cell.classList.toggle("bad", bad === true);
        return cell;
      }));
    },
  };
}

/** Records a second between the oldest and the newest answer of the last ten seconds. */
function rate(answers, of) {
  const last = answers.at(-1);
  const first = answers.slice(-6)[0];
  const seconds = (ms(last?.asked) - ms(first?.asked)) / 1000;
  return seconds > 0 ? (of(last) - of(first)) / seconds : null;
}

const total = (lag) => lag.reduce((sum, one) => sum + one.records, 0);
const decoded = (answer) => answer.decoded_observations + answer.decoded_labels;

export function pipelineView() {
  const title = h("h1");
  const lead = h("p", { class: "lead" });
  const failed = h("div");
  const summary = facts("Totals since the start of the process");
  const course = { records: sparkline(), lag: sparkline() };
  const recordsNow = h("b");
  const lagNow = h("b");
  const flow = panel("Flow", "of the last five minutes that this view was open, by the clock",
    h("div", { class: "flows" }, h("div", { class: "spark" }, h("span", null, "Records a second"), course.records.element, recordsNow),
      h("div", { class: "spark" }, h("span", null, "Lag, records"), course.lag.element, lagNow)));
  const num = "num";
  const lag = table("Lag by partition", [["Topic and partition"], ["Records behind", num]], [num]);
  const lagPanel = panel("Lag by partition", "records between what was read and the end", lag.element);
  const rejects = table("Refused records", [["Reason"], ["Input"], ["Records", num], ["Last at", num, "Partition and offset of the last of them"]], ["", num, num]);
  const rejectsNone = h("p", { class: "nothing" }, "No record was refused.");
  const rejectsPanel = panel("Refused records", "by reason; each goes to the dead-letter topic with its bytes", rejectsNone, rejects.element);
  const joins = facts("Joins");
  const checkpoints = facts("Checkpoints");
  const checkpointsNone = h("p", { class: "nothing" }, "State is in memory only, and lost with the process: configure state.directory to keep it.");
  const checkpointsPanel = panel("Checkpoints", "", checkpointsNone, checkpoints.element);
  const deliveries = table("Deliveries", [["Receiver"], ["Delivered", num], ["Failed, tried again", num], ["Refused", num], ["Waiting", num], ["State"]], [num, num, num, num, ""]);
  const deliveriesNone = h("p", { class: "nothing" }, "Nobody is told of incidents: configure [alerts.receivers.NAME].");
  const deliveriesPanel = panel("Deliveries", "notices to the receivers of alerts", deliveriesNone, deliveries.element);
  const history = facts("History");
  const historyNone = h("p", { class: "nothing" }, "No history is kept: configure [history] to look further back than memory reaches.");
  const historyPanel = panel("History", "windows of event time", historyNone, history.element);
  const content = h("div", { class: "detail", hidden: true }, summary.element, flow.element,
    h("div", { class: "halves" }, h("div", { class: "stack" }, lagPanel.element, deliveriesPanel.element),
      h("div", { class: "stack" }, rejectsPanel.element, checkpointsPanel.element, historyPanel.element)),
    panel("Joins and order", "what waits, came late or came twice", joins.element).element);
  const element = h("div", { class: "detail" }, h("div", { class: "headline" }, title, lead), failed, content);
  /** @type {any[]} */
  const answers = [];
  let error = null;
  let redraw = () => {};
  const load = repeatedly(() => get("/api/v1/pipeline"), EVERY_MS, (answer, failure) => {
    error = failure;
    if (answer) answers.push(answer);
    if (answers.length > ANSWERS) answers.shift();
    redraw();
  });

  function draw(now, status) {
    const perSecond = rate(answers, decoded);
    const behind = total(now.lag);
    const refused = now.rejected.reduce((sum, one) => sum + one.total, 0);
    const over = now.progress_ratio !== null && now.progress_ratio >= 1;
    setText(title, over ? "The input has been read to its end" : behind > 0 ? `${count(behind)} records behind` : "Up to date");
    const silence = now.last_poll ? ms(now.asked) - ms(now.last_poll) : null;
    setText(lead, over ? "The recording is over; what is shown is its end."
      : silence !== null && silence > 60_000 ? `The input was last asked ${duration(silence)} ago: the pipeline is stuck. Look at the log and at /healthz.`
        : `Records are read, judged and kept as they come${now.held_partitions > 0 ? `; ${now.held_partitions} partitions wait for others` : ""}.`);
    summary.update([
      ["Records a second", perSecond === null ? "–" : fixed(perSecond, perSecond < 10 ? 1 : 0), "observations and labels"],
      ["Observations", count(now.decoded_observations), "decoded"], ["Labels", count(now.decoded_labels), "decoded"],
      ["Refused", count(refused), percent(refused / Math.max(1, refused + decoded(now)), 2), refused > 0],
      ["Dead letters", count(now.dead_letters_published), now.dead_letters_failed > 0 ? `${count(now.dead_letters_failed)} failed` : "", now.dead_letters_failed > 0],
      ["Lag", now.lag.length > 0 ? count(behind) : null, "records"],
      ["Batch", fixed(now.batches > 0 ? now.batch_rows / now.batches : null, 0), "records, mean"],
      ["Waiting for order", bytes(now.buffered_bytes), now.buffered_bytes_limit === null ? "" : `of ${bytes(now.buffered_bytes_limit)}`],
      ["Brokers", now.brokers ? count(now.brokers.up) : null, now.brokers ? `${count(now.brokers.rebalances)} rebalances, ${count(now.brokers.faults)} faults` : "", now.brokers?.up === 0],
      ["Schemas", now.schema_fetches_failed > 0 ? count(now.schema_fetches_failed) : null, "fetches failed", true],
      ["Group", now.member ? (now.member.is_judge ? "judges" : "scores") : null, now.member ? `${count(now.member.scored_observations)} scored` : ""],
    ]);
    const ts = answers.map((a) => ms(a.asked));
    const speeds = answers.map((_, at) => rate(answers.slice(0, at + 1), decoded));
    course.records.update({ ts, lines: [{ ys: speeds, kind: "first" }], always: [0], label: `Records a second, ${fixed(perSecond, 0)} now` });
    course.lag.update({ ts, lines: [{ ys: answers.map((a) => total(a.lag)), kind: "first" }], always: [0], label: `Lag, ${count(behind)} now` });
    setText(recordsNow, perSecond === null ? "–" : fixed(perSecond, 0));
    setText(lagNow, count(behind));
    const partitions = [...now.lag].sort((a, b) => b.records - a.records).slice(0, LAG_ROWS);
    lagPanel.element.hidden = partitions.length === 0;
    lag.update(partitions.map((p) => [`${p.topic}/${p.partition}`, `${p.topic} ${p.partition}`, [count(p.records)]]));
    rejectsNone.hidden = now.rejected.length > 0;
    rejects.element.hidden = now.rejected.length === 0;
    rejects.update(now.rejected.map((r) => [`${r.kind}/${r.reason}`, r.reason.replaceAll("_", " "),
      [r.kind, count(r.total), r.last_offset === null ? "–" : `${r.last_partition}:${r.last_offset}`]]));
    const { receivers } = now.deliveries;
    deliveriesNone.hidden = receivers.length > 0;
    deliveries.element.hidden = receivers.length === 0;
    deliveries.update(receivers.map((r) => [r.name, r.name, [count(r.delivered), count(r.failed), count(r.refused), count(r.pending),
      r.gone ? "gone: it answered 410" : r.pending > 0 && r.pending_since ? `waits since ${shortTime(ms(r.pending_since))}` : "has all"]]));
    const c = now.checkpoints;
    checkpointsNone.hidden = c !== null;
    checkpoints.element.hidden = c === null;
    if (c) checkpoints.update([
      ["Taken", count(c.taken), ""], ["Failed", count(c.failed), "", c.failed > 0], ["Last", c.last ? shortTime(ms(c.last)) : "–", c.last ? `${duration(ms(now.asked) - ms(c.last))} ago` : ""],
      ["Size", bytes(c.last_bytes), `in ${fixed(c.last_seconds, 2)} s`], ["Waiting on disk", c.database_bytes === null ? null : bytes(c.database_bytes), ""],
      ["Changelog", c.changelog_bytes > 0 ? bytes(c.changelog_bytes) : null, c.from_changelog ? "restored from it" : ""],
    ]);
    historyNone.hidden = now.history !== null;
    history.element.hidden = now.history === null;
    if (now.history) history.update([
      ["Windows written", count(now.history.written_windows), ""], ["Dropped", count(now.history.dropped_windows), "", now.history.dropped_windows > 0],
      ["Failed writes", count(now.history.failed_writes), "", now.history.failed_writes > 0], ["Waiting", count(now.history.waiting_windows), bytes(now.history.waiting_bytes)],
    ]);
    const { counts } = status;
    joins.update([
      ["Judged", count(counts.observations), "observations"], ["Late", count(counts.late_observations), "count for quality alone"],
      ["Duplicates", count(counts.duplicate_observations + counts.duplicate_labels), "counted once"], ["Remembered for labels", count(counts.pending_observations), `${count(counts.pending_observations_on_disk)} on disk`],
      ["Labels waiting", count(counts.pending_labels), "for their observation"], ["Labels given up", count(counts.orphan_labels), "", counts.orphan_labels > 0],
      ["Observations given up", count(counts.evicted_observations_by_age + counts.evicted_observations_by_number), "no label came"], ["Buffered", count(counts.buffered), "until the watermark passes"],
    ]);
  }

  return {
    element,
    update(store) {
      redraw = () => store.dispatchEvent(new Event("change"));
      load();
      const now = answers.at(-1);
      content.hidden = !now;
      if (!now) {
        setText(title, "Pipeline");
        if (error && failed.childElementCount === 0) failed.replaceChildren(errorState(error, () => load(true)));
        return "Pipeline";
      }
      failed.replaceChildren();
      draw(now, store.status);
      return `Pipeline: ${title.textContent}`;
    },
  };
}
