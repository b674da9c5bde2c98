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

/** A page whose live socket can be slowed, cut and refused. */
async function open(path: string, state: { delay: number; refuse: boolean }) {
  const page = await browser.context.newPage();
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
const patient = { timeout: 40_000, interval: 250 };

describe("the live socket", () => {
  it("is missed when it is cut, in words and in grey, and comes back", async () => {
    const state = { delay: 0, refuse: false };
    const { page, cut } = await open("/topology", state);
    await page.locator(".wg-unit").first().waitFor();
    await expect.poll(() => stale(page), patient).toBe(0);
    expect(await page.getByTestId("banner").isVisible()).toBe(false);

    state.refuse = true;
    await cut();
    await expect.poll(() => stale(page), patient).toBe(1);
    expect(await page.getByTestId("banner").isVisible()).toBe(true);
    expect(await page.getByTestId("banner").textContent()).toMatch(/\d/);

    state.refuse = false;
    await expect.poll(() => stale(page), patient).toBe(0);
    expect(await page.getByTestId("banner").isVisible()).toBe(false);
  });

  it("is missed when it is so slow that frames stay away", async () => {
    const state = { delay: 0, refuse: false };
    const { page } = await open("/topology", state);
    await page.locator(".wg-unit").first().waitFor();
    await expect.poll(() => stale(page), patient).toBe(0);
    state.delay = 6000;
    await expect.poll(() => stale(page), patient).toBe(1);
    state.delay = 0;
    await expect.poll(() => stale(page), patient).toBe(0);
  });

  it("is replaced by polling where sockets are blocked", async () => {
    const { page } = await open("/topology", { delay: 0, refuse: true });
    await page.locator(".wg-unit").first().waitFor({ timeout: 40_000 });
    await expect.poll(() => stale(page), patient).toBe(0);
    const age = page.locator("[data-live-age]");
    const seen = new Set<string | null>();
    await expect
      .poll(async () => {
        seen.add(await age.textContent());
        return seen.size;
      }, patient)
      .toBeGreaterThan(2);
    expect(await stale(page)).toBe(0);
  });
});
