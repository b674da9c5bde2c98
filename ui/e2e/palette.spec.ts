// The palette: keyboard only, on a slow network, without an answer, and without script.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";

let browser: Browser;
const url = inject("preview");

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

async function opened(): Promise<{ page: Page; bad: string[] }> {
  const page = await browser.context.newPage();
  const bad = complaints(page);
  await page.goto(`${url}/services?q=r&lang=en&theme=light`);
  await page.locator("weir-palette:defined").waitFor({ state: "attached" });
  await page.keyboard.press("Control+k");
  await page.locator("dialog[open] [role=option][aria-selected=true]").waitFor();
  return { page, bad };
}

describe("the palette", () => {
  it("leads to the review of what was typed, by the keyboard alone, and applies nothing", async () => {
    const { page, bad } = await opened();
    await page.keyboard.type("reviews-v2 40");
    await page.keyboard.press("Enter");
    await page.getByTestId("review").waitFor();
    expect(await page.getByTestId("sentence").first().textContent()).toContain("40 %");
    expect(new URL(page.url()).pathname).toBe("/services/reviews/traffic");
    expect(bad).toEqual([]);
    await page.close();
  });

  it("says which result is chosen, and Escape leads back", async () => {
    const { page, bad } = await opened();
    await page.keyboard.type("reviews");
    await expect
      .poll(() => page.locator("[role=option]").first().textContent(), { timeout: 20_000 })
      .toContain("reviews");
    await page.keyboard.press("ArrowDown");
    const chosen = page.locator("[role=option][aria-selected=true]");
    expect(await chosen.count()).toBe(1);
    expect(await page.getByRole("combobox").getAttribute("aria-activedescendant")).toBe(
      await chosen.getAttribute("id"),
    );
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.locator("dialog.palette:not([open])").waitFor({ state: "attached" });
    expect(bad).toEqual([]);
    await page.close();
  });

  it("keeps the page and its state when it changes the theme", async () => {
    const { page } = await opened();
    await page.keyboard.type("theme contrast");
    await page.keyboard.press("Enter");
    await page.locator("html[data-theme=contrast]").waitFor();
    expect(page.url()).toBe(`${url}/services?q=r`);
    await page.close();
  });

  it("says so when there is no answer, and finds again when there is", async () => {
    const { page } = await opened();
    await page.route("**/go?**", (route) => route.abort());
    await page.keyboard.type("ratings");
    await page.locator("[data-palette-status][data-level=alarm]").waitFor();
    await page.unroute("**/go?**");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/services/ratings");
    await page.close();
  });

  it("goes to what was typed in full, however slow the network is", async () => {
    const { page } = await opened();
    await page.route("**/go?**", async (route) => {
      await new Promise((done) => setTimeout(done, 800));
      await route.continue();
    });
    await page.keyboard.type("chg-041");
    await page.keyboard.press("Enter");
    await page.locator("[role=listbox][aria-busy=true]").waitFor();
    await page.waitForURL("**/history/chg-041");
    await page.close();
  });
});
