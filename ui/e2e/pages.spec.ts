// Every page, light and dark, English and Korean: nothing for axe, nothing against the policy, nothing on the console.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { places } from "./pages.ts";

let browser: Browser;
const url = inject("url");
// Contrast is a matter of the theme and words are one of the language: two looks have both of each.
const looks = [
  { theme: "light", lang: "en" },
  { theme: "dark", lang: "ko" },
];

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

/** Waits until a page has its live data. */
async function settled(page: Page): Promise<void> {
  await page.locator("[data-live-age]").waitFor();
  if (new URL(page.url()).pathname === "/topology") {
    await page.locator(".wg-unit, [data-table-view]:not([hidden]) tbody tr").first().waitFor();
  }
  await page.waitForTimeout(400);
}

const withLook = (path: string, { theme, lang }: { theme: string; lang: string }) => {
  const address = new URL(path, url);
  address.searchParams.set("theme", theme);
  address.searchParams.set("lang", lang);
  return address.href;
};

describe("every page", () => {
  it.each(looks)("is accessible and keeps its policy: $theme, $lang", { timeout: 600_000 }, async (look) => {
    const found: Record<string, string[]> = {};
    for (const { name, path } of await places()) {
      const page = await browser.context.newPage();
      const bad = complaints(page);
      const answer = await page.goto(withLook(path, look));
      await settled(page);
      expect(await page.locator("html").getAttribute("lang"), name).toBe(look.lang);
      const all = [
        ...(answer?.status() === 200 ? [] : [`status ${answer?.status()}`]),
        ...bad,
        ...(await violations(page)),
      ];
      if (all.length > 0) {
        found[name] = all;
      }
      await page.close();
    }
    expect(found).toEqual({});
  });

  it.each(looks)("of a review is too: $theme, $lang", async (look) => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(withLook("/services/reviews/traffic", look));
    await page.locator("[data-target=reviews-v2] [data-preset='1']").click();
    await page.locator("[data-apply]").first().click();
    await page.getByTestId("review").waitFor();
    await settled(page);
    expect([...bad, ...(await violations(page))]).toEqual([]);
    await page.close();
  });

  it("that does not exist says so", async () => {
    const page = await browser.context.newPage();
    const answer = await page.goto(`${url}/services/nobody-of-that-name`);
    expect(answer?.status()).toBe(404);
    expect(await violations(page)).toEqual([]);
    await page.close();
  });

  it.each([390, 1440])("fits into %d pixels without scrolling sideways", { timeout: 300_000 }, async (width) => {
    const wide: string[] = [];
    for (const { name, path } of await places()) {
      const page = await browser.context.newPage();
      await page.setViewportSize({ width, height: 900 });
      await page.goto(url + path);
      await settled(page);
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (over > 0) {
        wide.push(`${name}: ${over} px too wide`);
      }
      await page.close();
    }
    expect(wide).toEqual([]);
  });
});
