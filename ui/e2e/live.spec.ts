// Slow, lost and blocked sockets: old numbers are never shown as live, and everything comes back by itself.

import type { Page, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Browser, launch } from "./browser.ts";

let browser: Browser;
const url = inject("url");

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

/** What befalls a page's connection: sockets are slowed or refused, and polling finds nobody either. */
type State = { delay: number; refuse: boolean; away: boolean };

const well: State = { delay: 0, refuse: false, away: false };

/** A page whose connection can be cut. */
async function open(path: string, state: State) {
  const page = await browser.context.newPage();
  await page.route(/\/api\/v1\/live\/poll/, (route) => (state.away ? route.abort() : route.continue()));
  const sockets = new Set<WebSocketRoute>();
  await page.routeWebSocket(/\/api\/v1\/live$/, (socket) => {
    if (state.refuse) {
      void socket.close({ code: 1012, reason: "refused" });
      return;
    }
    sockets.add(socket);
    const server = socket.connectToServer();
    server.onMessage((message) => {
      setTimeout(() => socket.send(message), state.delay);
    });
  });
  const cut = () => Promise.all([...sockets].map((socket) => socket.close({ code: 1012, reason: "cut" })));
  await page.goto(url + path);
  return { page, cut };
}

const stale = (page: Page) => page.locator("html[data-stale]").count();
const patient = { timeout: 60_000, interval: 250 };

/** Waits until the age of the numbers was said in so many ways, which is how frames are seen to arrive. */
async function ages(page: Page, ways: number): Promise<void> {
  const seen = new Set<string | null>();
  const look = async (): Promise<number> => {
    seen.add(await page.locator("[data-live-age]").textContent());
    return seen.size;
  };
  await expect.poll(look, patient).toBeGreaterThanOrEqual(ways);
}

describe("the live socket", () => {
  it("is missed when it is cut, in words and in grey, and comes back", async () => {
    const state = { ...well };
    const { page, cut } = await open("/topology", state);
    await page.locator(".wg-unit").first().waitFor();
    await expect.poll(() => stale(page), patient).toBe(0);
    await page.getByTestId("banner").waitFor({ state: "hidden" });

    [state.refuse, state.away] = [true, true];
    await cut();
    await expect.poll(() => stale(page), patient).toBe(1);
    await page.getByTestId("banner").waitFor();
    expect(await page.getByTestId("banner").textContent()).toMatch(/\d/);

    [state.refuse, state.away] = [false, false];
    await page.getByTestId("banner").waitFor({ state: "hidden", timeout: 60_000 });
    await expect.poll(() => stale(page), patient).toBe(0);
    await page.close();
  });

  it("is missed when it is so slow that frames stay away", async () => {
    const state = { ...well };
    const { page } = await open("/topology", state);
    await page.locator(".wg-unit").first().waitFor();
    await expect.poll(() => stale(page), patient).toBe(0);
    state.delay = 6000;
    await expect.poll(() => stale(page), patient).toBe(1);
    state.delay = 0;
    await expect.poll(() => stale(page), patient).toBe(0);
    await page.close();
  });

  it("is replaced by polling where sockets are blocked", async () => {
    const { page } = await open("/topology", { ...well, refuse: true });
    await page.locator(".wg-unit").first().waitFor({ timeout: 40_000 });
    await expect.poll(() => stale(page), patient).toBe(0);
    await ages(page, 3);
    expect(await stale(page)).toBe(0);
    await page.close();
  });

  it("goes on when it drops every few seconds, and says so while nothing arrives", async () => {
    const state = { ...well };
    const { page, cut } = await open("/topology", state);
    await page.locator(".wg-unit").first().waitFor();
    for (let i = 0; i < 4; i++) {
      await ages(page, 2);
      await cut();
    }
    await ages(page, 3);
    await expect.poll(() => stale(page), patient).toBe(0);
    await expect.poll(() => page.getByTestId("banner").isVisible(), patient).toBe(false);
    state.away = true;
    state.refuse = true;
    await cut();
    await page.getByTestId("banner").waitFor({ timeout: 60_000 });
    expect(await stale(page)).toBe(1);
    [state.refuse, state.away] = [false, false];
    await page.getByTestId("banner").waitFor({ state: "hidden", timeout: 60_000 });
    await expect.poll(() => stale(page), patient).toBe(0);
    await page.close();
  });
});
