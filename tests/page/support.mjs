// What the tests of the page share: the program playing its demo, a browser, and what is held of every page.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const ROOT = new URL("../../", import.meta.url).pathname;
const BINARY = process.env.BELLWETHER_BIN ?? join(ROOT, "target/debug/bellwether");
const SPEED = process.env.BELLWETHER_DEMO_SPEED ?? "40000";
const PATIENCE_MS = 120_000;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Starts the demo and waits until it has played to its end. */
export async function playDemo() {
  // While the page is worked on: a demo that has played, and what serves its files from the disk.
  if (process.env.PAGE_URL) {
    const { lines } = await fetch(`${process.env.PAGE_URL}/api/v1/timeline?limit=1000`).then((answer) => answer.json());
    return { url: process.env.PAGE_URL, lines: lines.reverse(), stop: async () => {} };
  }
  const folder = await mkdtemp(join(tmpdir(), "bellwether-page-"));
  const timeline = join(folder, "timeline.jsonl");
  const child = spawn(BINARY, ["demo", "--listen", "127.0.0.1:0", "--speed", SPEED, "--timeline", timeline], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (data) => { said += data; });
  child.stderr.on("data", (data) => { said += data; });
  const until = async (what, test) => {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await test();
      if (found) return found;
      assert.ok(child.exitCode === null && Date.now() < end, `the demo did not come to ${what}:\n${said}`);
      await sleep(100);
    }
  };
  const url = await until("listening", () => said.match(/http:\/\/127\.0\.0\.1:\d+/)?.[0]);
  const over = async () => {
    const model = await fetch(`${url}/api/v1/model`).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
    return model?.pipeline.progress_ratio >= 1;
  };
  await until("its end", over);
  const lines = (await readFile(timeline, "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  return {
    url, lines,
    async stop() {
      child.kill("SIGINT");
      await new Promise((done) => { child.once("exit", done); if (child.exitCode !== null) done(); });
      await rm(folder, { recursive: true });
    },
  };
}

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/**
 * A page of its own with what is held of every page: no error in the console, no exception, nothing asked of elsewhere.
 * `expected` are errors that the test provokes.
 */
export async function open(browser, url, hash, { width = 1280, height = 900, scheme = "light", before = async () => {}, expected = null } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`exception: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !expected?.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => { if (!request.url().startsWith(url) && !request.url().startsWith("blob:")) faults.push(`asked elsewhere: ${request.url()}`); });
  await before(page);
  await page.goto(`${url}/${hash}`);
  return {
    page,
    async close() {
      await context.close();
      assert.deepEqual(faults, []);
    },
  };
}

/** Waits until the view shows data. */
export async function settled(page) {
  await page.waitForSelector("main h1", { timeout: 20_000 });
  await page.waitForFunction(() => document.querySelector("#connection")?.dataset.state === "live" && document.querySelector("main h1")?.textContent !== "");
  await page.waitForTimeout(900);
}

/** Faults that axe-core calls serious or critical. */
export async function axe(page) {
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.help}\n  ${v.nodes.slice(0, 4).map((n) => `${n.html.slice(0, 160)} ${n.failureSummary?.replaceAll("\n", " ") ?? ""}`).join("\n  ")}`);
}

/** By how many pixels the page is wider than its window, and what sticks out of its panel. */
export const overflow = (page) => page.evaluate(() => {
  const out = [];
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) out.push(`the page by ${wide} px`);
  for (const panel of document.querySelectorAll(".panel")) {
    const box = panel.getBoundingClientRect();
    if (box.width === 0) continue;
    for (const part of panel.querySelectorAll("*")) {
      if (part.closest(".scroll, .track, svg, .uplot, pre, .sr, dialog, thead") || part.closest("details:not([open]) > :not(summary)")) continue;
      const own = part.getBoundingClientRect();
      if (own.width > 0 && own.right > box.right + 1) out.push(`${part.tagName}.${part.className} of ${panel.getAttribute("aria-label")} by ${Math.round(own.right - box.right)} px`);
    }
  }
  return out.slice(0, 5);
});
