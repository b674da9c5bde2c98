// The topology's picture in Chromium, on meshes made up for it: keyboard, pointer, and accessibility.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { startFixture } from "./fixtures/console.ts";
import { names } from "./fixtures/meshes.ts";
import { settle } from "./settle.ts";

let browser: Browser;
let fixture: Awaited<ReturnType<typeof startFixture>>;

beforeAll(async () => {
  [browser, fixture] = await Promise.all([launch(), startFixture()]);
});

afterAll(async () => {
  await browser?.close();
  await fixture?.close();
});

async function open(query = "", width = 1440): Promise<{ page: Page; bad: string[] }> {
  const page = await browser.context.newPage();
  await page.setViewportSize({ width, height: 900 });
  const bad = complaints(page);
  await page.goto(fixture.url + query);
  await page.locator(".wg-unit, [data-table-view]:not([hidden]) tbody tr").first().waitFor();
  return { page, bad };
}

const patient = { timeout: 30_000 };
const over = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const focused = (page: Page) => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.box);
const param = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);

/** Down the rows of the table, into the panel of one, and back to its row. */
async function walkTable(page: Page): Promise<void> {
  const row = () => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.edge);
  for (let i = 0; i < 30 && (await row()) === undefined; i++) {
    await page.keyboard.press("Tab");
  }
  const first = await row();
  expect(first).toBe(await page.locator("tr[data-edge]").first().getAttribute("data-edge"));
  await page.keyboard.press("ArrowDown");
  const second = await row();
  expect(second).not.toBe(first);
  expect(await page.locator(":focus").evaluate((tr) => getComputedStyle(tr).outlineStyle)).toBe("solid");
  expect(await page.locator("table[data-edges]").getAttribute("role")).toBe("grid");
  await page.keyboard.press("Space");
  await page.getByTestId("panel").waitFor();
  expect(param(page, "select")).toBe(second);
  expect(await page.locator("tr[aria-selected=true]").getAttribute("data-edge")).toBe(second);
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByTestId("panel").waitFor({ state: "hidden" });
  expect(await row()).toBe(second);
  await page.keyboard.press("Enter");
  await page.locator(".wg-unit[data-focus]").waitFor();
  expect(param(page, "view")).toBe("focus");
  await page.keyboard.press("Escape");
  await page.locator("table[data-edges] tbody tr").first().waitFor();
}

describe("the picture of a mesh", () => {
  it("is walked, searched and focused with the keyboard alone", async () => {
    const { page, bad } = await open();
    await page.locator("[data-box='gateway/front']").waitFor();
    for (let i = 0; i < 30 && (await focused(page)) === undefined; i++) {
      await page.keyboard.press("Tab");
    }
    expect(await focused(page)).toBe("gateway/front");
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).toBe("service/storefront");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("End");
    for (let i = 0; i < 12 && (await focused(page)) !== "reviews-v2"; i++) {
      await page.keyboard.press("ArrowDown");
    }
    expect(await focused(page)).toBe("reviews-v2");
    expect(await page.locator(":focus").getAttribute("aria-description")).toMatch(
      /^reviews-v2, version of reviews, failing, .*23\.0/,
    );

    await page.keyboard.press("Space");
    const panel = page.getByTestId("panel");
    await panel.getByText("23.0 % of requests fail").first().waitFor();
    expect(param(page, "select")).toBe("reviews-v2");
    expect(await panel.locator("a[href='/services/reviews']").count()).toBe(1);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "hidden" });
    expect(await focused(page)).toBe("reviews-v2");

    await page.keyboard.press("Enter");
    await page.locator(".wg-unit[data-focus]").waitFor();
    expect(param(page, "focus")).toBe("service/reviews");
    await page.locator("[data-box='service/ledger']").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.locator("[data-box='service/ledger']").waitFor();
    expect(param(page, "focus")).toBeNull();

    await page.keyboard.press("t");
    await page.locator("table[data-edges] tbody tr").first().waitFor();
    expect(await page.locator("tbody tr[data-edge='storefront reviews-v2']").getAttribute("data-health")).toBe(
      "unhealthy",
    );
    await walkTable(page);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press("t");
    await page.locator(".wg-unit").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("pay");
    await expect.poll(() => page.locator(".wg-unit:not([data-dim])").count(), patient).toBe(1);
    expect(bad).toEqual([]);
    await page.close();
  });

  it("shows boxes and edges that are clicked, and follows dragging and zooming", async () => {
    const { page, bad } = await open();
    const box = page.locator("[data-box='service/ratings']");
    await box.click();
    await page.getByTestId("panel").getByText("7 of 100").waitFor();
    await page.getByRole("button", { name: "Close" }).click();

    const stage = await page.locator(".wg-stage").boundingBox();
    const before = await box.boundingBox();
    if (!stage || !before) {
      throw new Error("there is no picture");
    }
    const [x, y] = [stage.x + 30, stage.y + 30];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 50, y + 30, { steps: 4 });
    await page.mouse.up();
    const dragged = await box.boundingBox();
    expect(Math.round((dragged?.x ?? 0) - before.x)).toBe(50);
    expect(param(page, "select")).toBeNull();
    await page.locator(".wg-stage").press("-");
    await expect.poll(async () => (await box.boundingBox())?.width ?? 0).toBeLessThan(before.width);
    await page.locator(".wg-stage").press("0");

    const [from, to] = await Promise.all([
      page.locator("[data-box='gateway/front']").boundingBox(),
      page.locator("[data-box='service/storefront']").boundingBox(),
    ]);
    if (!from || !to) {
      throw new Error("there is no edge");
    }
    await page.mouse.click((from.x + from.width + to.x) / 2, from.y + from.height / 2);
    await page.getByTestId("panel").getByRole("heading", { name: "front → storefront" }).waitFor();
    expect(bad).toEqual([]);
  });

  it("moves no box while the numbers move", async () => {
    const { page } = await open();
    const places = () =>
      page.locator(".wg-unit").evaluateAll((units) => units.map((unit) => (unit as HTMLElement).style.transform));
    const before = await places();
    const rate = page.locator("[data-box='service/details'] .wg-detail");
    const words = await rate.textContent();
    await expect.poll(() => rate.textContent(), { timeout: 20_000 }).not.toBe(words);
    expect(await places()).toEqual(before);
  });

  it("uses the room of a wall", async () => {
    const page = await browser.context.newPage();
    await page.setViewportSize({ width: 3840, height: 2160 });
    await page.goto(fixture.url);
    await page.locator(".wg-unit").first().waitFor();
    const stage = await page.locator(".wg-stage").boundingBox();
    expect(stage?.height ?? 0).toBeGreaterThan(1500);
    // Boxes are 176 pixels wide by themselves or wider.
    const widths = await page
      .locator(".wg-unit")
      .evaluateAll((all) => all.map((box) => box.getBoundingClientRect().width));
    expect(Math.min(...widths)).toBeGreaterThan(176 * 1.3);
    await page.close();
  });

  it.each([390, 1440])("has room for names of any kind at %d pixels", async (width) => {
    const { page, bad } = await open("?mesh=strange", width);
    for (const name of Object.values(names)) {
      await page.keyboard.press("Escape");
      const box = page.locator(`[data-box=${JSON.stringify(`service/${name}`)}]`);
      await box.waitFor({ state: "attached" });
      await box.dispatchEvent("click");
      await page.getByTestId("panel").getByRole("heading", { level: 2 }).filter({ hasText: name }).waitFor();
      expect(await over(page), name).toBeLessThanOrEqual(0);
      await box.dispatchEvent("click");
    }
    expect(await page.locator("img").count()).toBe(0);
    expect(bad).toEqual([]);
    await page.close();
  });

  it.each(["", "?theme=dark", "?view=table", "?select=reviews-v2"])(
    "has nothing that axe or the policy complain about: %s",
    async (query) => {
      const { page, bad } = await open(query);
      await settle(page);
      expect(await violations(page)).toEqual([]);
      expect(bad).toEqual([]);
    },
  );
});
