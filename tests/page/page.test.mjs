// The page with the demo's data, in a real browser: what it shows, what it does, and who can use it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { serveFixture } from "./fixture.mjs";
import { ROOT, axe, launch, open, overflow, playDemo, settled } from "./support.mjs";

const VIEWS = { fleet: "#/", task: "#/tasks/account_access", encoder: "#/encoder", incidents: "#/incidents", pipeline: "#/pipeline" };
const WIDTHS = [360, 768, 1024, 1280, 1440, 1920];
const IMAGES = process.env.BELLWETHER_WRITE_IMAGES ? join(ROOT, "docs/images") : null;
const MOST_BYTES = 300_000;

/** @type {Awaited<ReturnType<typeof playDemo>>} */
let demo;
let browser;
before(async () => { [demo, browser] = await Promise.all([playDemo(), launch()]); });
after(async () => { await browser?.close(); await demo?.stop(); });

async function look(hash, options, test) {
  const { page, close } = await open(browser, demo.url, hash, options);
  await settled(page);
  await test(page);
  await close();
}

const api = (path) => fetch(`${demo.url}/api/v1/${path}`).then((answer) => answer.json());

test("each view shows the demo's data", async () => {
  const { tasks } = await api("tasks");
  await look(VIEWS.fleet, {}, async (page) => {
    const rows = await page.locator(".rows tbody tr").evaluateAll((all) => all.map((row) => [row.querySelector("th a").textContent, row.querySelector(".badge").dataset.verdict, row.querySelectorAll(".sparkline path").length]));
    assert.equal(rows.length, tasks.length);
    for (const [name, verdict, paths] of rows) {
      assert.equal(verdict, tasks.find((t) => t.task === name).verdict, name);
      assert.ok(paths >= 3, `${name} has its lines of drift and of quality`);
    }
    const need = ["retrain", "new_task", "continual_update", "watch", "unknown", "healthy"];
    const order = rows.map(([, verdict]) => need.indexOf(verdict));
    assert.deepEqual(order, [...order].sort((a, b) => a - b), "what needs action comes first");
  });
  await look(VIEWS.task, {}, async (page) => {
    const task = tasks.find((t) => t.task === "account_access");
    assert.equal(await page.locator("h1").textContent(), "account_access");
    assert.equal(await page.locator("main .title .badge").getAttribute("data-verdict"), task.verdict);
    assert.equal(await page.locator(".plot canvas").count(), 4);
    assert.ok(await page.locator(".map .now circle, .map .now path").count() > 100, "the map has points of now");
    assert.ok(await page.locator(".map .reference circle").count() === 300, "and a sample of the reference");
    assert.ok(await page.locator(".map .novel").count() > 20, "novel ones are marked");
    assert.ok(await page.locator(".group .words li").count() > 3, "groups have words");
    assert.ok(await page.locator(".group .quotes li.quote").count() > 2, "and examples");
    assert.ok(await page.locator("table[aria-label='Confusions'] tbody tr").count() > 1, "what is taken for what");
    assert.ok(await page.locator("table[aria-label='Parts of the movement'] tbody tr").count() === 4, "drift in its parts");
    assert.match(await page.locator(".evidence pre").textContent(), /"group_size"|"novel/);
  });
  await look(VIEWS.encoder, {}, async (page) => {
    assert.equal(await page.locator(".shift tbody tr").count(), tasks.length);
    assert.ok(await page.locator(".segment[data-verdict='shared']").count() >= 1, "the demo's shared fault is in its lane");
  });
  await look(VIEWS.incidents, {}, async (page) => {
    const { incidents } = await api("incidents?status=firing");
    assert.equal(await page.locator(".incident").count(), incidents.length);
    assert.equal(await page.locator("#tabs .number:visible").textContent(), String(incidents.length));
  });
  await look(VIEWS.pipeline, {}, async (page) => {
    const { decoded_observations: decoded } = await api("pipeline");
    assert.match(await page.locator("main").textContent(), new RegExp(decoded.toLocaleString("en")));
    assert.ok(await page.locator("table[aria-label='Lag by partition'] tbody tr").count() >= 2);
  });
});

test("verdict bands stand where the timeline says", async () => {
  const { event_time: now } = await api("model");
  await look("#/", {}, async (page) => {
    const shown = await page.evaluate(() => [...document.querySelectorAll(".lane:not(.model)")].map((lane) => [lane.querySelector("a").textContent,
      [...lane.querySelectorAll(".segment")].map((s) => [s.dataset.verdict, Number(s.dataset.from), Number(s.dataset.to)])]));
    assert.ok(shown.length >= 6);
    for (const [task, segments] of shown) {
      const changes = demo.lines.filter((line) => line.task === task).map((line) => [line.verdict, Date.parse(line.timestamp)])
        .filter(([verdict], at, all) => at === 0 || verdict !== all[at - 1][0]);
      const said = segments.slice(segments[0][0] === "unknown" && changes[0][0] !== "unknown" ? 1 : 0);
      assert.deepEqual(said.map(([verdict, from]) => [verdict, from]), changes, task);
      assert.deepEqual(said.map(([, , to]) => to), [...changes.slice(1).map(([, at]) => at), Date.parse(now)], task);
    }
    // And they lie there on the screen: a band's middle is where its time is.
    const off = await page.evaluate(() => Math.max(...[...document.querySelectorAll(".lane")].flatMap((lane) => {
      const bands = [...lane.querySelectorAll(".segment")];
      const track = lane.querySelector(".track").getBoundingClientRect();
      const [start, end] = [Number(bands[0].dataset.from), Number(bands.at(-1).dataset.to)];
      return bands.map((s) => Math.abs(s.getBoundingClientRect().left - (track.left + (track.width * (Number(s.dataset.from) - start)) / (end - start))));
    })));
    assert.ok(off < 1.5, `a band is ${off} px off`);
  });
});

test("filters, pages and ranges are in the address, which restores the view", async () => {
  await look("#/", {}, async (page) => {
    await page.getByRole("searchbox").fill("pay");
    await page.waitForFunction(() => document.querySelectorAll(".rows tbody tr").length === 1);
    assert.match(page.url(), /q=pay/);
    await page.getByRole("searchbox").fill("nothing like this");
    await page.getByText("No task fits the filter").waitFor();
    await page.getByRole("button", { name: "Show all tasks" }).click();
    await page.getByRole("button", { name: /healthy/ }).click();
    await page.waitForFunction(() => [...document.querySelectorAll(".rows tbody .badge")].every((b) => b.dataset.verdict === "healthy"));
    assert.match(page.url(), /verdict=healthy/);
    await page.getByLabel("Time range").selectOption("24h");
    assert.match(page.url(), /range=24h/);
    await page.locator(".rows tbody th a").first().click();
    await page.waitForSelector("nav.crumb");
    assert.match(page.url(), /#\/tasks\/\w+\?range=24h/);
    await page.goBack();
    await page.waitForSelector(".rows");
  });
  await look("#/?q=pay&range=7d", {}, async (page) => {
    assert.equal(await page.locator(".rows tbody tr").count(), 1);
    assert.equal(await page.getByRole("searchbox").inputValue(), "pay");
    assert.equal(await page.getByLabel("Time range").inputValue(), "7d");
  });
  await look("#/incidents?show=ended", {}, async (page) => {
    const { incidents } = await api("incidents?status=resolved");
    assert.equal(await page.getByRole("button", { name: "Ended" }).getAttribute("aria-pressed"), "true");
    assert.equal(await page.locator(".incident").count(), incidents.length);
  });
  await look("#/task/payments", {}, async (page) => assert.equal(await page.locator("h1").textContent(), "payments", "addresses of before still lead there"));
  await look("#/tasks/nobody", {}, async (page) => { await page.getByText("There is no task “nobody”").waitFor(); });
  await look("#/tasks/payments?range=90d", {}, async (page) => { await page.getByText("No history is kept").waitFor(); });
});

test("five hundred tasks come in pages, and a task's past from the history", async () => {
  const fixture = await serveFixture({ tasks: 500, days: 90 });
  const { page, close } = await open(browser, fixture.url, "#/");
  await page.waitForSelector(".rows tbody tr .sparkline path");
  assert.equal(await page.locator(".rows tbody tr").count(), 50);
  const first = await page.locator(".rows tbody th a").first().textContent();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("51 to 100 of 500").waitFor();
  assert.match(page.url(), /page=2/);
  assert.notEqual(await page.locator(".rows tbody th a").first().textContent(), first);
  await page.getByRole("searchbox").fill("_499");
  await page.waitForFunction(() => document.querySelectorAll(".rows tbody tr").length === 1);
  await page.goto(`${fixture.url}/#/tasks/${fixture.names[3]}?range=90d`);
  // The chart says in words from when to when it goes.
  await page.waitForFunction(() => {
    const [from, to] = [...document.querySelector(".chart .sr").textContent.matchAll(/\d{4}-\d\d-\d\d/g)].map(([day]) => Date.parse(day));
    return to - from >= 89 * 86_400_000;
  }, null, { timeout: 10_000 });
  const verdicts = await page.locator(".lane:not(.model) .segment").evaluateAll((all) => all.map((s) => s.dataset.verdict));
  assert.ok(verdicts.includes("watch"), `what the history says is in the lane: ${verdicts}`);
  await close();
  await fixture.stop();
});

test("hovering reads charts, bands and points", async () => {
  await look(VIEWS.task, {}, async (page) => {
    const chart = page.locator(".chart").nth(1);
    await chart.scrollIntoViewIfNeeded();
    const box = await chart.locator(".plot").boundingBox();
    assert.equal(await chart.locator("time").textContent(), "latest");
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction(() => [...document.querySelectorAll(".chart time")].every((t) => / UTC$/.test(t.textContent)), null, { timeout: 5000 });
    await page.locator(".track").first().hover({ position: { x: 300, y: 8 } });
    await page.locator(".tip .badge").waitFor();
    const novel = page.locator(".map .novel").nth(3);
    await novel.scrollIntoViewIfNeeded();
    const at = await novel.boundingBox();
    await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
    await page.locator(".tip .quote").waitFor();
    assert.match(await page.locator(".tip").textContent(), /now, novel/);
    await page.mouse.move(2, 2);
    await page.locator(".tip").waitFor({ state: "hidden" });
  });
});

test("incidents are acknowledged and silenced by whoever may", async () => {
  await look(VIEWS.incidents, {}, async (page) => {
    const card = page.locator(".incident").first();
    await card.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByLabel("Your name").fill("Ada");
    await page.getByLabel("Comment").fill("looking");
    await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
    await card.getByText("Ada takes care: looking.").waitFor();
    await card.getByRole("button", { name: "Silence" }).click();
    assert.equal(await page.getByLabel("Your name").inputValue(), "Ada", "the name is remembered");
    assert.deepEqual(await axe(page), []);
    await page.getByRole("dialog").getByRole("button", { name: "Silence" }).click();
    await card.getByText("silenced").first().waitFor();
    await page.getByRole("button", { name: /^End the silence/ }).click();
    await page.getByRole("button", { name: /^End the silence/ }).waitFor({ state: "detached" });
  });
});

test("whoever only reads sees why they cannot act", async () => {
  const access = { role: "read", hint: "send the token of `listen.operate_token`", history: false, references: false, work_sets: false };
  const before = (page) => page.route("**/api/v1/access", (route) => route.fulfill({ json: access }));
  await look(VIEWS.incidents, { before }, async (page) => {
    const buttons = page.locator(".incident button");
    assert.ok(await buttons.count() > 1);
    for (const button of await buttons.all()) assert.ok(await button.isDisabled());
    await page.locator(".incident .reason").first().waitFor();
    assert.match(await page.locator(".incident .reason").first().textContent(), /only reads.*operate_token/);
  });
});

test("an encoder that is not the reference's is said on every view", async () => {
  const fault = { since: "2026-03-09T10:00:00Z", source: "canary", differing: 9, checked: 12, differences: [{ aspect: "pooling", detail: "the first token instead of the mean" }] };
  const before = async (page) => {
    const model = await api("model");
    model.encoder = { ...model.encoder, fault, canaries: 12, canaries_checked: 40, canaries_differing: 9 };
    await page.route("**/api/v1/events", (route) => route.fulfill({ contentType: "text/event-stream", body: `event: status\ndata: ${JSON.stringify(model)}\n\n` }));
  };
  for (const hash of [VIEWS.fleet, VIEWS.encoder]) {
    const { page, close } = await open(browser, demo.url, hash, { before });
    await page.getByText("9 of the last 12 texts").waitFor();
    if (hash === VIEWS.encoder) assert.equal(await page.locator("[aria-label='Known texts'] tbody tr").count(), 1);
    assert.deepEqual(await axe(page), []);
    await close();
  }
});

test("a page without data says what to do", async () => {
  const problem = (status, body) => (page) => page.route("**/api/v1/**", (route) => route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify({ status, ...body }) }));
  const cases = [
    [401, { code: "unauthorized", detail: "the token is missing or wrong" }, "A token is needed"],
    [503, { code: "not_ready", detail: "no status has been published yet" }, "Waiting for the first observations"],
    [503, { code: "not_judge", detail: "this instance scores" }, "Another instance judges"],
    [429, { code: "too_many_requests", detail: "asked too often", hint: "wait" }, "asked too often"],
  ];
  for (const [status, body, said] of cases) {
    const { page, close } = await open(browser, demo.url, "#/", { before: problem(status, body), expected: /Failed to load resource|EventSource/ });
    await page.getByText(said).waitFor({ timeout: 8000 });
    assert.deepEqual(await axe(page), [], said);
    await close();
  }
  // A connection that breaks leaves what was there, and says so.
  const { page, close } = await open(browser, demo.url, "#/", { expected: /Failed to load resource|ERR_|EventSource/,
    before: (p) => p.route("**/api/v1/events", (route) => route.fulfill({ contentType: "text/event-stream", body: "retry: 60000\n\n" })) });
  await page.getByText("Connection lost, retrying").waitFor();
  assert.equal(await page.locator(".rows tbody tr").count(), 6);
  await close();
});

test("no view is wider than its window, from a phone to a wall screen", async () => {
  for (const [name, hash] of Object.entries(VIEWS)) {
    const { page, close } = await open(browser, demo.url, hash);
    await settled(page);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(150);
      assert.deepEqual(await overflow(page), [], `${name} at ${width} px`);
    }
    await close();
  }
});

test("axe finds nothing serious in any view, light or dark, wide or narrow", async () => {
  for (const scheme of ["light", "dark"]) {
    for (const [name, hash] of Object.entries(VIEWS)) {
      await look(hash, { scheme, width: scheme === "dark" ? 400 : 1280 }, async (page) => {
        for (const details of await page.locator("details.values > summary").all()) if (await details.isVisible()) await details.click();
        assert.deepEqual(await axe(page), [], `${name}, ${scheme}`);
      });
    }
  }
});

test("the keyboard reaches everything, in the order of the page, and is seen", async () => {
  await look("#/", {}, async (page) => {
    const walked = [];
    for (let i = 0; i < 40; i += 1) {
      await page.keyboard.press("Tab");
      walked.push(await page.evaluate(() => {
        const at = document.activeElement;
        const style = getComputedStyle(at);
        return { name: at.getAttribute("aria-label") ?? at.textContent?.trim().slice(0, 30), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1.5, top: at.getBoundingClientRect().top + scrollY, link: at.tagName === "A" };
      }));
    }
    assert.equal(walked[0].name, "Skip to the content");
    for (const name of ["Encoder", "Pipeline", "Filter tasks by name or reason"]) assert.ok(walked.some((w) => w.name?.startsWith(name)), name);
    assert.ok(walked.some((w) => w.link && w.name === "account_access"), "a task's link");
    assert.ok(walked.some((w) => w.name?.includes("use the arrow keys")), "a lane");
    assert.deepEqual(walked.filter((w) => !w.outline).map((w) => w.name), [], "each shows that it has the focus");
    await page.locator(".rows tbody th a").first().focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("nav.crumb");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main", "the focus goes to the new view");
    await settled(page);
    await page.locator(".chart .plot").first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    assert.match(await page.locator(".chart time").first().textContent(), / UTC$/);
    await page.locator(".map").focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".tip .quote").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".tip").waitFor({ state: "hidden" });
  });
});

test("the vendored files are those of the installed package", async () => {
  const digest = async (path) => createHash("sha256").update(await readFile(path)).digest("hex");
  for (const [ours, theirs] of [["uPlot.iife.min.js", "dist/uPlot.iife.min.js"], ["uPlot.min.css", "dist/uPlot.min.css"], ["uPlot.LICENSE", "LICENSE"]]) {
    assert.equal(await digest(join(ROOT, "crates/bellwether-api/assets/vendor", ours)), await digest(join(ROOT, "tests/page/node_modules/uplot", theirs)), ours);
  }
});

test("pictures for the documentation", { skip: IMAGES === null }, async () => {
  const shots = [["page-fleet", VIEWS.fleet, "light", 1440, 1000], ["page-fleet-dark", VIEWS.fleet, "dark", 1440, 1000], ["page-task", VIEWS.task, "light", 1280, 1080],
    ["page-encoder", VIEWS.encoder, "light", 1280, 800], ["page-incidents", VIEWS.incidents, "dark", 1280, 800], ["page-pipeline", VIEWS.pipeline, "light", 1280, 860], ["page-phone", VIEWS.fleet, "light", 390, 844]];
  for (const [name, hash, scheme, width, height] of shots) {
    const { page, close } = await open(browser, demo.url, hash, { scheme, width, height });
    await settled(page);
    if (name === "page-pipeline") await page.waitForTimeout(5000);
    const path = join(IMAGES, `${name}.png`);
    await page.screenshot({ path });
    if (name === "page-task") {
      await page.locator(".mapped").screenshot({ path: join(IMAGES, "page-map.png") });
      await page.locator(".novel.panel").screenshot({ path: join(IMAGES, "page-groups.png") });
    }
    assert.ok((await stat(path)).size < MOST_BYTES, `${name} is too large`);
    await close();
  }
});
