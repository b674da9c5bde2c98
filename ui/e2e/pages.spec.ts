// Every page of a running mesh, in both languages, on a desk and on a phone: nothing for axe, nothing against the policy,
// nothing on the console, nothing wider than the screen. The states of pages are in states.spec.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { places } from "./pages.ts";
import { settle } from "./settle.ts";

let browser: Browser;
const url = inject("url");
// Every state has every look in states.spec; here the pages take turns.
const looks = [
  { theme: "light", lang: "en", width: 1440 },
  { theme: "dark", lang: "ko", width: 390 },
] as const;

type Look = (typeof looks)[number];

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
});

const withLook = (path: string, { theme, lang }: Look) => {
  const address = new URL(path, url);
  address.searchParams.set("theme", theme);
  address.searchParams.set("lang", lang);
  return address.href;
};

async function tooWide(page: Page): Promise<string[]> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return over > 0 ? [`${over} px too wide`] : [];
}

/** What is wrong with a page that is open. */
async function wrong(page: Page, look: Look): Promise<string[]> {
  await settle(page);
  const lang = await page.locator("html").getAttribute("lang");
  return [...(lang === look.lang ? [] : [`it is in ${lang}`]), ...(await tooWide(page)), ...(await violations(page))];
}

async function open(look: Look): Promise<{ page: Page; bad: string[] }> {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width: look.width, height: 900 });
  return { page, bad: complaints(page) };
}

describe("every page", () => {
  it("is accessible, keeps its policy and fits, on a desk and on a phone", { timeout: 600_000 }, async () => {
    const found: Record<string, string[]> = {};
    for (const [i, { name, path }] of (await places()).entries()) {
      const look = looks[i % 2] ?? looks[0];
      const other = looks[(i + 1) % 2] ?? looks[1];
      const { page, bad } = await open(look);
      const answer = await page.goto(withLook(path, look));
      const list = [...(answer?.status() === 200 ? [] : [`status ${answer?.status()}`]), ...(await wrong(page, look))];
      await page.setViewportSize({ width: other.width, height: 900 });
      await settle(page);
      list.push(...(await tooWide(page)), ...bad);
      if (list.length > 0) {
        found[name] = list;
      }
      await page.close();
    }
    expect(found).toEqual({});
  });

  it.each(looks)("of a review is too: $theme, $lang", async (look) => {
    const { page, bad } = await open(look);
    await page.goto(withLook("/services/reviews/traffic", look));
    await page.locator("[data-target=reviews-v2] [data-preset='1']").click();
    await page.locator("[data-apply]").first().click();
    await page.getByTestId("review").waitFor();
    expect([...(await wrong(page, look)), ...bad]).toEqual([]);
    await page.close();
  });

  it("has figures that are read with a pointer and with the arrow keys", async () => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/services/reviews?lang=en`);
    const figure = page.locator("weir-plot [data-figure]").first();
    await figure.scrollIntoViewIfNeeded();
    await figure.locator("[data-drawn] canvas").waitFor();
    const said = figure.locator("[data-plot-moment]");
    const body = figure.locator("[data-plot-body]");
    const inside = await figure.locator(".u-over").boundingBox();
    if (!inside) {
      throw new Error("there is no figure");
    }
    await page.mouse.move(inside.x + inside.width * 0.9, inside.y + inside.height / 2);
    await expect.poll(() => said.textContent(), { timeout: 20_000 }).toMatch(/\d\d:\d\d:\d\d/);
    await page.mouse.move(2, 2);
    await expect.poll(() => said.textContent(), { timeout: 20_000 }).toBe("");

    await body.focus();
    const at = async () => Number(await body.getAttribute("aria-valuenow"));
    const text = async () => (await body.getAttribute("aria-valuetext")) ?? "";
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => said.textContent(), { timeout: 20_000 }).toMatch(/\d\d:\d\d:\d\d/);
    const [there, words] = [await at(), await text()];
    await page.keyboard.press("ArrowLeft");
    await expect.poll(at, { timeout: 20_000 }).toBeLessThan(there);
    expect(await text()).not.toBe(words);
    await page.keyboard.press("Escape");
    await expect.poll(() => said.textContent(), { timeout: 20_000 }).toBe("");
    expect(bad).toEqual([]);
    await page.close();
  });

  it("that does not exist says so", async () => {
    const page = await browser.context.newPage();
    const answer = await page.goto(`${url}/services/nobody-of-that-name`);
    expect(answer?.status()).toBe(404);
    expect(await violations(page)).toEqual([]);
    await page.close();
  });
});
