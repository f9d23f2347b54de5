// How the page fares with 500 tasks and 90 days of history: time until it can be used, and frame times while it is. It reports, and holds nothing.
//
//   node scale.mjs            (npm run scale)

import { serveFixture } from "./fixture.mjs";
import { launch, open } from "./support.mjs";

const TASKS = Number(process.env.TASKS ?? 500);
const DAYS = Number(process.env.DAYS ?? 90);

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** Times between frames in milliseconds while `act` goes on. */
async function frames(page, act) {
  await page.evaluate(() => {
    globalThis.frameTimes = [];
    globalThis.longTasks = [];
    let last = performance.now();
    const tick = (now) => { globalThis.frameTimes.push(now - last); last = now; globalThis.framing = requestAnimationFrame(tick); };
    globalThis.framing = requestAnimationFrame(tick);
    globalThis.observed = new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.longTasks.push(one.duration); });
    globalThis.observed.observe({ type: "longtask" });
  });
  await act();
  const { times, long } = await page.evaluate(() => { cancelAnimationFrame(globalThis.framing); globalThis.observed.disconnect(); return { times: globalThis.frameTimes, long: globalThis.longTasks }; });
  times.sort((a, b) => a - b);
  const ms = (x) => `${x.toFixed(0)} ms`;
  return { frames: times.length, median: ms(quantile(times, 0.5)), p95: ms(quantile(times, 0.95)), worst: ms(times.at(-1)), "long tasks": long.length, "longest task": ms(Math.max(0, ...long)) };
}

const fixture = await serveFixture({ tasks: TASKS, days: DAYS });
const browser = await launch();
const rows = {};
try {
  const begun = performance.now();
  const { page, close } = await open(browser, fixture.url, "#/");
  await page.waitForSelector(".rows tbody tr .sparkline path");
  const shown = performance.now() - begun;
  await page.getByRole("searchbox").fill("_4");
  await page.waitForFunction(() => [...document.querySelectorAll(".rows tbody th a")].every((a) => a.textContent.includes("_4")));
  const usable = performance.now() - begun;
  await page.getByRole("searchbox").fill("");
  console.log(`${TASKS} tasks, ${DAYS} days; a status of ${((await (await fetch(`${fixture.url}/api/v1/model`)).text()).length / 1e6).toFixed(1)} MB four times a second`);
  console.log(`fleet with its sparklines after ${shown.toFixed(0)} ms; filtered by a typed word after ${usable.toFixed(0)} ms`);
  rows["fleet, at rest"] = await frames(page, () => page.waitForTimeout(5000));
  rows["fleet, scrolled"] = await frames(page, async () => { for (let i = 0; i < 40; i += 1) { await page.mouse.wheel(0, i < 20 ? 200 : -200); await page.waitForTimeout(60); } });
  rows["fleet, typed into"] = await frames(page, async () => { await page.getByRole("searchbox").pressSequentially("sentiment_1", { delay: 90 }); });
  const opened = performance.now();
  await page.goto(`${fixture.url}/#/tasks/${fixture.names[7]}?range=90d`);
  await page.waitForFunction(() => document.querySelectorAll(".plot canvas").length === 4 && document.querySelector(".past")?.hidden);
  await page.waitForFunction((days) => Number(document.querySelector(".segment")?.dataset.from) < Date.now() && days > 0, DAYS);
  console.log(`a task with ${DAYS} days from the history after ${(performance.now() - opened).toFixed(0)} ms`);
  rows["task of 90 days, at rest"] = await frames(page, () => page.waitForTimeout(5000));
  const plot = await page.locator(".plot").first().boundingBox();
  rows["task of 90 days, hovered"] = await frames(page, async () => { for (let i = 0; i < 60; i += 1) { await page.mouse.move(plot.x + 50 + (i * (plot.width - 60)) / 60, plot.y + 60); await page.waitForTimeout(30); } });
  await page.goto(`${fixture.url}/#/encoder`);
  await page.waitForSelector(".shift tbody tr");
  rows["encoder, at rest"] = await frames(page, () => page.waitForTimeout(3000));
  console.table(rows);
  const memory = await page.evaluate(() => /** @type {any} */ (performance).memory?.usedJSHeapSize);
  if (memory) console.log(`heap of the page: ${(memory / 1e6).toFixed(0)} MB`);
  await close();
} finally {
  await browser.close();
  await fixture.stop();
}
