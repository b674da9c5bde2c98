// Changes where script is off or something stands in the way: the whole journey in plain pages, a refusal in words, a draft
// that outlives its page, and two tabs that edit one route.

import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Browser, complaints, launch } from "./browser.ts";
import { newest, weights } from "./journey.ts";

let browser: Browser;
let plain: Browser;
const url = inject("url");

beforeAll(async () => {
  [browser, plain] = await Promise.all([launch(), launch({ javaScriptEnabled: false })]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), plain?.close()]);
});

/** The button that takes a change back, whether or not somebody has to keep it. */
const takeBack = ":is([data-testid=revert-form], [data-testid=undo-form]) button";

describe("shifting weight", () => {
  it("works without JavaScript", async () => {
    const before = await weights();
    const page = await plain.context.newPage();
    await page.goto(`${url}/services/reviews/traffic`);
    await page.locator("[data-target=reviews-v2] [data-preset='10']").click();
    await page.getByTestId("review").waitFor();
    await page.getByTestId("apply").click();
    await page.getByTestId("change-card").first().waitFor();
    expect(await weights()).toEqual({ "reviews-v1": 90, "reviews-v2": 10 });
    const made = await newest();
    await page.goto(`${url}/history/${made.id}`);
    await expect
      .poll(
        async () => {
          await page.reload();
          return page.locator("[data-truth=programmed][data-stage=done]").count();
        },
        { timeout: 60_000, interval: 500 },
      )
      .toBe(1);
    await page.locator(takeBack).click();
    await expect.poll(() => weights(), { timeout: 30_000 }).toEqual(before);
  });

  it("is refused in words when the weights sum to zero", async () => {
    const before = await weights();
    const page = await plain.context.newPage();
    await page.goto(`${url}/services/reviews/traffic`);
    for (const node of ["reviews-v1", "reviews-v2"]) {
      await page.locator(`[data-target=${node}] [data-number]`).fill("0");
    }
    await page.locator("[data-apply]").click();
    expect(await page.locator("[data-testid=form-error], [data-testid=field-error]").first().textContent()).toMatch(
      /zero/,
    );
    expect(await weights()).toEqual(before);
  });
});

describe("a form that is not sent", () => {
  it("gives a slider back on Escape, though the pointer still holds it", async () => {
    const before = await weights();
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/services/reviews/traffic?route=primary&lang=en`);
    const row = "[data-target=reviews-v2]";
    const value = () => page.locator(`${row} [data-number]`).inputValue();
    await page.locator("weir-weights:defined").waitFor();
    const box = await page.locator(`${row} [data-range]`).boundingBox();
    const at = (part: number) => ({
      x: (box?.x ?? 0) + (box?.width ?? 0) * part,
      y: (box?.y ?? 0) + (box?.height ?? 0) / 2,
    });
    await page.mouse.move(at(0.3).x, at(0.3).y);
    await page.mouse.down();
    await page.mouse.move(at(0.9).x, at(0.9).y, { steps: 4 });
    await expect.poll(async () => Number(await value()), { timeout: 20_000 }).toBeGreaterThan(80);
    await page.keyboard.press("Escape");
    await expect.poll(value, { timeout: 20_000 }).toBe(String(before["reviews-v2"]));
    await page.mouse.move(at(0.6).x, at(0.6).y, { steps: 4 });
    await page.mouse.up();
    expect(await value()).toBe(String(before["reviews-v2"]));
    expect(await page.locator(`${row} [data-range]`).inputValue()).toBe(String(before["reviews-v2"]));
    expect(await page.locator("[data-apply]").first().isDisabled()).toBe(true);
    // The next drag is one again, and any target has presets.
    await page.locator("[data-target=reviews-v1] [data-preset='25']").click();
    expect(await value()).toBe("75");
    await page.keyboard.press("Escape");
    expect(await value()).toBe(String(before["reviews-v2"]));
    expect(bad).toEqual([]);
    await page.close();
  });

  it("refuses a pool of 0 in words beside the field, in both languages", async () => {
    for (const [lang, words] of [
      ["en", /whole number|at least 1|1/],
      ["ko", /[가-힣]/],
    ] as const) {
      const page = await plain.context.newPage();
      await page.goto(`${url}/services/ratings/pool?lang=${lang}`);
      await page.locator("[data-testid=pool-form] [name=maxConnections]").first().fill("0");
      await page.locator("[data-testid=pool-form] [data-apply]").first().click();
      const field = page.locator("[data-testid=pool-form] [name=maxConnections]").first();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      expect(await field.inputValue()).toBe("0");
      const about = await field.getAttribute("aria-describedby");
      expect(await page.locator(`[id="${about}"]`).innerText()).toMatch(words);
      await page.close();
    }
  });
});

describe("a draft", () => {
  const row = "[data-target=reviews-v2]";
  const split = () => `${url}/services/reviews/traffic?route=primary&lang=en`;
  const patience = { timeout: 30_000 };

  it("is there after a reload, and is gone when it is discarded", async () => {
    const before = await weights();
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(split());
    await page.locator("weir-draft:defined").first().waitFor({ state: "attached" });
    await page.locator(`${row} [data-number]`).fill("37");
    await page.locator(`${row} [data-number]`).press("Tab");
    await page.locator("[data-desk-state]:not(:empty):not([data-alarm])").first().waitFor();
    await expect
      .poll(async () => {
        await page.reload();
        return page.getByTestId("began").count();
      }, patience)
      .toBe(1);
    expect(await page.locator(`${row} [data-number]`).inputValue()).toBe("37");
    expect(await weights(), "a draft is not live").toEqual(before);
    await page.getByTestId("discard").click();
    await page.getByTestId("began").waitFor({ state: "detached" });
    expect(await page.locator(`${row} [data-number]`).inputValue()).toBe(String(before["reviews-v2"]));
    expect(bad).toEqual([]);
    await page.close();
  });

  it("of one route in two tabs: the second is told, and sends nothing over the first", async () => {
    const before = await weights();
    const [first, second] = [await browser.context.newPage(), await browser.context.newPage()];
    await first.goto(split());
    await second.goto(split());
    for (const page of [first, second]) {
      await page.locator("weir-draft:defined").first().waitFor({ state: "attached" });
    }
    await first.locator(`${row} [data-preset="0"]`).click();
    await first.locator("[data-apply]").first().click();
    await first.getByTestId("review").waitFor();
    await first.getByTestId("apply").click();
    await first.waitForURL(/\/history\//);
    await expect.poll(async () => (await weights())["reviews-v2"], patience).toBe(0);

    await second.locator(`${row} [data-number]`).fill("60");
    await second.locator(`${row} [data-number]`).press("Tab");
    await second.locator("[data-apply]").first().click();
    await second.getByTestId("conflict").waitFor();
    expect(await second.getByTestId("conflict-row").count()).toBeGreaterThan(0);
    expect((await weights())["reviews-v2"]).toBe(0);

    await first.locator(takeBack).first().click();
    await expect.poll(() => weights(), patience).toEqual(before);
    await second.goto(split());
    if ((await second.getByTestId("discard").count()) > 0) {
      await second.getByTestId("discard").click();
      await second.getByTestId("began").waitFor({ state: "detached" });
    }
    await Promise.all([first.close(), second.close()]);
  });
});
