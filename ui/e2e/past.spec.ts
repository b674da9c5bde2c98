// An incident that is over, found again: back through the strip to the red edge, on to the present, what differs, and who
// changed what. And a limit that makes a service look ill that was well before.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { components } from "../../assets/islands/api.gen.ts";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { api, MESH, newest, tabTo } from "./journey.ts";

type Graph = components["schemas"]["Graph"];
type Node = components["schemas"]["Node"];

let browser: Browser;
let plain: Browser;
/** When the incident was there to be seen, and when it was over. */
const incident = { at: "", over: "", change: "" };
const url = inject("url");
const patience = { timeout: 90_000, interval: 500 };

/** The worst verdict on calls to a version now. */
async function verdict(to: string): Promise<string> {
  const { edges } = await api<Graph>(`/meshes/${MESH}/graph`);
  const order = ["unknown", "idle", "healthy", "degraded", "unhealthy"];
  const found = (edges ?? []).filter((edge) => edge.to === to).map((edge) => edge.health ?? "unknown");
  return found.sort((a, b) => order.indexOf(b) - order.indexOf(a))[0] ?? "unknown";
}

async function put(path: string, body: object): Promise<void> {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status, await answer.text()).toBe(202);
}

/** A timeout that nobody can keep for a while, so that every call fails on any machine. */
async function makeIncident(): Promise<void> {
  const path = `/meshes/${MESH}/nodes/ratings`;
  const { version: _, ...before } = await api<Node>(path);
  const hasty = before.listeners?.map((listener) => ({ ...listener, timeout: { perRequest: "1ms" } }));
  await put(path, { ...before, listeners: hasty });
  incident.change = (await newest()).id;
  await vi.waitFor(async () => expect(await verdict("ratings")).toBe("unhealthy"), patience);
  // A window of the incident alone, so that the moment is beyond doubt.
  await new Promise((done) => setTimeout(done, 25_000));
  incident.at = `${new Date().toISOString().slice(0, 19)}Z`;
  await put(path, before);
  await vi.waitFor(async () => expect(await verdict("ratings")).not.toBe("unhealthy"), patience);
  incident.over = `${new Date().toISOString().slice(0, 19)}Z`;
}

beforeAll(async () => {
  [browser, plain] = await Promise.all([launch(), launch({ javaScriptEnabled: false })]);
  await makeIncident();
}, 300_000);

afterAll(async () => {
  await Promise.all([browser?.close(), plain?.close()]);
});

const red = "[data-box='service/ratings'][data-health=unhealthy], [data-box='ratings'][data-health=unhealthy]";

/** Opens the topology with its strip. */
async function openStrip(): Promise<{ page: Page; bad: string[] }> {
  const page = await browser.context.newPage();
  const bad = complaints(page);
  await page.goto(`${url}/topology`);
  await page.locator(".wg-unit").first().waitFor();
  await page.locator("[data-strip] a[data-health=unhealthy]").first().waitFor({ state: "attached", timeout: 60_000 });
  return { page, bad };
}

describe("looking back", () => {
  it("finds the red edge of an incident that is over, and comes back to live", { timeout: 240_000 }, async () => {
    const { page, bad } = await openStrip();
    const place = () => page.locator("[data-box='service/reviews']").first().boundingBox();
    const before = await place();
    expect(await page.getByTestId("past-banner").isVisible()).toBe(false);
    await page.locator("[data-testid=trouble][data-health=unhealthy]").first().click();
    await page.getByTestId("past-banner").waitFor();
    const at = new URL(page.url()).searchParams.get("at") ?? "";
    expect(Date.parse(at)).toBeLessThan(Date.parse(incident.over));
    // The strip's verdicts begin to be bad where the trouble does; the pictures of its next moments are red.
    for (let i = 0; i < 12 && (await page.locator(red).count()) === 0; i++) {
      await page.locator("[data-step=next]").click();
      await page.waitForTimeout(700);
    }
    await page.locator(red).first().waitFor();
    expect(await page.getByTestId("freshness").innerText()).toContain("not live");
    expect(await page.locator("html[data-past]").count()).toBe(1);
    // Nothing of the present is offered, and nobody has moved.
    await page.locator("[data-box='service/ratings'], [data-box='ratings']").first().click();
    await page.getByTestId("panel").waitFor();
    expect(await page.locator("[data-testid=panel] a[href^='/services/']").count()).toBe(0);
    await page.keyboard.press("Escape");
    const after = await place();
    expect(Math.abs((after?.width ?? 0) - (before?.width ?? 1))).toBeLessThan(1);
    expect(await violations(page)).toEqual([]);

    await page.reload();
    await page.locator(red).first().waitFor();
    await page.getByTestId("back-to-live").click();
    await page.getByTestId("past-banner").waitFor({ state: "hidden" });
    await page.locator(".live[data-level=fresh]").waitFor();
    await expect.poll(() => page.getByTestId("freshness").innerText(), patience).toMatch(/^live, /);
    expect(new URL(page.url()).searchParams.has("at")).toBe(false);
    expect(await page.locator(red).count()).toBe(0);
    expect(bad).toEqual([]);
    await page.close();
  });

  it("works with the keyboard alone", { timeout: 240_000 }, async () => {
    const { page, bad } = await openStrip();
    const words = () => page.locator("[data-range-moment]").getAttribute("aria-valuetext");
    await tabTo(page, "[data-range-moment]");
    expect(await words()).toBe("Live");
    await page.keyboard.press("ArrowLeft");
    await page.getByTestId("past-banner").waitFor();
    const last = await page.locator("[data-range-moment]").inputValue();
    await page.keyboard.press("Shift+ArrowLeft");
    expect(await page.locator("[data-range-moment]").inputValue()).toBe(String(Number(last) - 10));
    expect(await words()).toMatch(/^\d\d:\d\d:\d\d UTC · /);
    // Browsers let a page write its address only so often, and a drag passes over the whole strip.
    const written = await page.locator("[data-range-moment]").evaluate((range: HTMLInputElement) => {
      const write = history.replaceState;
      let times = 0;
      history.replaceState = () => times++;
      for (let i = 0; i < 90; i++) {
        range.value = String(i);
        range.dispatchEvent(new Event("input", { bubbles: true }));
      }
      history.replaceState = write;
      return times;
    });
    expect(written).toBe(0);
    await page.keyboard.press("Home");
    expect(await page.locator("[data-range-moment]").inputValue()).toBe("0");
    // There was nobody yet to keep anything, or there was: either way the page says it in words.
    await expect
      .poll(() => page.locator("weir-graph").getAttribute("data-moment-state"), patience)
      .toMatch(/failed|shown/);
    await page.keyboard.press("End");
    await page.getByTestId("past-banner").waitFor({ state: "hidden" });
    expect(await words()).toBe("Live");
    // Nobody kept anything before there was anybody: the browser says so too.
    expect(bad.filter((line) => !/status of 404 .*[?&]at=/.test(line))).toEqual([]);
    await page.close();
  });

  it.each([
    { lang: "en", width: 1440, live: "Live" },
    { lang: "ko", width: 390, live: "실시간" },
  ])(
    "leads from the incident to what changed before it, keys alone: $lang, $width",
    { timeout: 120_000 },
    async (look) => {
      const page = await browser.context.newPage();
      const bad = complaints(page);
      await page.setViewportSize({ width: look.width, height: 844 });
      await page.goto(`${url}/?lang=${look.lang}`);
      const press = async (selector: string) => {
        await page.locator(selector).first().waitFor({ timeout: 60_000 });
        await tabTo(page, selector, 250);
        await page.keyboard.press("Enter");
      };
      await press("nav.sections a[href^='/topology']");
      await press("[data-testid=trouble][data-health=unhealthy]");
      await page.getByTestId("past-banner").waitFor();
      for (let i = 0; i < 12 && (await page.locator(red).count()) === 0; i++) {
        await press("[data-step=next]");
        await page.waitForTimeout(700);
      }
      await page.locator(red).first().waitFor();
      const at = new URL(page.url()).searchParams.get("at") ?? "";
      expect(Date.parse(at)).toBeLessThan(Date.parse(incident.over));
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
      ).toBe(0);
      // What was changed shortly before is beside the strip, and says what it did.
      await press(`[data-testid=mark][href*='/history/${incident.change}']`);
      await page.waitForURL(`**/history/${incident.change}*`);
      expect(await page.locator("html").getAttribute("lang")).toBe(look.lang);
      expect(await page.locator("main").innerText()).toContain("ratings");
      expect(await page.getByTestId("diff").innerText()).toContain("1ms");
      expect(await violations(page)).toEqual([]);
      await page.goBack();
      await page.getByTestId("past-banner").waitFor();
      await press("[data-testid=back-to-live]");
      await page.getByTestId("past-banner").waitFor({ state: "hidden" });
      expect(await page.locator("[data-range-moment]").getAttribute("aria-valuetext")).toBe(look.live);
      expect(bad).toEqual([]);
      await page.close();
      await browser.context.clearCookies(); // the language is kept in one, and the other tests read English
    },
  );

  it("works without JavaScript", { timeout: 240_000 }, async () => {
    const page = await plain.context.newPage();
    await page.goto(`${url}/topology?span=15m`);
    expect(await page.locator("[data-strip] a[data-at]").count()).toBe(90);
    await page.goto(`${url}/topology?view=table&at=${incident.at}`);
    expect(await page.getByTestId("past-banner").isVisible()).toBe(true);
    expect(await page.locator("[data-edge$=' ratings'][data-health=unhealthy]").count()).toBeGreaterThan(0);
    await page.locator("[data-step=next]").click();
    expect(Date.parse(new URL(page.url()).searchParams.get("at") ?? "")).toBeGreaterThan(Date.parse(incident.at));
    await page.getByTestId("back-to-live").click();
    expect(await page.getByTestId("past-banner").isVisible()).toBe(false);
    await page.close();
  });
});

describe("what differs", () => {
  it("between the incident and what was after it is said, with who changed what", { timeout: 240_000 }, async () => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/topology?at=${incident.at}`);
    await page.locator("[data-compare]").click();
    await page.getByTestId("compare-verdict").waitFor();
    const better = page.locator("[data-direction=better]", { hasText: "ratings" });
    expect(await better.count()).toBeGreaterThan(0);
    expect(await page.getByTestId("between").innerText()).toContain("ratings");
    expect(await violations(page)).toEqual([]);
    // The change that began it leads to what it did.
    await page.goto(`${url}/history/${incident.change}`);
    await page.getByTestId("effect").click();
    await page.getByTestId("compare-verdict").waitFor();
    expect(bad).toEqual([]);
    await page.close();
  });
});

describe("limits of health", () => {
  it("change the verdict, say why, and lead to where they are set", { timeout: 240_000 }, async () => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    const health = () => page.locator("[data-testid=summary] [data-testid=health]").getAttribute("data-health");
    await page.goto(`${url}/services/ratings/health`);
    const form = page.locator("#limits-service-ratings");
    await form.locator("[name=degradedP95]").fill("1ms");
    await form.locator("[data-apply]").click();
    await page.getByTestId("review").waitFor();
    expect(await page.getByTestId("sentence").first().innerText()).toContain("Degraded from a p95 of 1 s");
    expect(await violations(page)).toEqual([]);
    await page.getByTestId("apply").click();
    await page.waitForURL(/\/history\//);
    await page.goto(`${url}/services/ratings`);
    await expect.poll(health, patience).toBe("degraded");
    const limit = page.locator("[data-testid=causes] a[href$='/services/ratings/health#health']").first();
    await limit.waitFor();
    await limit.click();
    await page.waitForURL(/\/services\/ratings\/health/);
    expect(await form.locator("[name=degradedP95]").inputValue()).toBe("1ms");
    expect(await violations(page)).toEqual([]);
    await form.locator("[name=degradedP95]").fill("");
    await form.locator("[data-apply]").click();
    await page.getByTestId("apply").click();
    await page.waitForURL(/\/history\//);
    await page.goto(`${url}/services/ratings`);
    await expect.poll(health, patience).not.toBe("degraded");
    expect(bad).toEqual([]);
    await page.close();
  });
});

describe("the sources", () => {
  it("say what is stored since when, and how to add a target", async () => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/sources`);
    const store = page.getByTestId("store");
    expect(await store.locator("[data-state=ok]").count()).toBe(1);
    expect(await store.innerText()).toMatch(/History since\s+.*\d\d:\d\d:\d\d UTC/);
    expect(await page.getByTestId("pushing").innerText()).toMatch(/\d+ of \d+ proxies reporting/);
    expect(await page.getByTestId("no-targets").innerText()).toContain("scrape:");
    expect([...bad, ...(await violations(page))]).toEqual([]);
    await page.close();
  });
});
