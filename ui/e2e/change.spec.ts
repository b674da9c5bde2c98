// The main journey, three times: with the keyboard alone, for a connection pool, and without JavaScript. Each changes the
// running mesh, watches the change become accepted, programmed and observed, and takes it back.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { components } from "../../assets/islands/api.gen.ts";
import { type Browser, complaints, launch } from "./browser.ts";
import { api, type Change, MESH, newest, tabTo, truth, walkTo, weights } from "./journey.ts";

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

/** The change that a page is about, by its address. */
const changeId = (page: Page): string => /\/history\/([^/?#]+)/.exec(page.url())?.[1] ?? "";

/** Waits until the traffic is seen to be what the change wanted: the interval of a target contains its wanted share. */
async function observed(id: string, target: string): Promise<{ want: number; got: number }> {
  let seen: Change["observed"];
  const lands = async (): Promise<boolean> => {
    seen = (await api<Change>(`/changes/${id}`)).observed;
    const share = seen?.shares?.[target];
    const { want = Number.NaN, low = 1, high = 0 } = share ?? {};
    return seen?.agrees === true && low <= want && want <= high;
  };
  await expect.poll(lands, { timeout: 90_000, interval: 500 }).toBe(true);
  const { want = Number.NaN, got = Number.NaN } = seen?.shares?.[target] ?? {};
  return { want, got };
}

describe("shifting weight", () => {
  it("works with the keyboard alone, from the topology to the undo", async () => {
    const before = await weights();
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/topology`);
    await page.locator("[data-box='service/reviews']").waitFor();
    await tabTo(page, "[data-box]");
    await walkTo(page, "service/reviews");
    await page.keyboard.press("Space");
    await page.getByTestId("panel").waitFor();
    await tabTo(page, "[data-testid=panel] a[href^='/services/reviews']");
    await page.keyboard.press("Enter");

    await page.waitForURL(/\/services\/reviews/);
    await tabTo(page, "[data-target=reviews-v2] [data-range]");
    await page.keyboard.press("Home");
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press("PageUp");
    }
    expect(await page.locator("[data-target=reviews-v1] [data-number]").inputValue()).toBe("50");
    expect(await page.locator("[data-target=reviews-v2] [data-number]").inputValue()).toBe("50");
    expect(await page.locator("[data-sentence]").textContent()).toMatch(/reviews-v2.*50/);
    await page.keyboard.press("Escape");
    expect(await page.locator("[data-target=reviews-v2] [data-number]").inputValue()).toBe(
      String(before["reviews-v2"]),
    );
    await page.keyboard.press("Home");
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press("PageUp");
    }
    expect(await weights(), "a draft is not live").toEqual(before);
    await tabTo(page, "[data-apply]");
    await page.keyboard.press("Enter");

    await page.getByTestId("review").waitFor();
    expect(await page.getByTestId("sentence").first().textContent()).toMatch(/reviews-v2.*50/);
    expect(await weights(), "a review is not live").toEqual(before);
    await tabTo(page, "[name=reason]");
    await page.keyboard.type("half and half");
    await tabTo(page, "[data-testid=apply]");
    await page.keyboard.press("Enter");

    await truth(page, "accepted");
    await truth(page, "programmed");
    expect(await weights()).toEqual({ "reviews-v1": 50, "reviews-v2": 50 });
    const made = await newest();
    expect(made.programmed?.acked).toBe(made.programmed?.total);
    if (made.state === "pending") {
      await tabTo(page, "[data-testid=keep-form] button");
      await page.keyboard.press("Enter");
    }
    await expect.poll(async () => (await api<Change>(`/changes/${made.id}`)).state).toBe("kept");
    const share = await observed(made.id, "reviews-v2");
    expect(share.want).toBe(0.5);
    expect(Math.abs(share.got - 0.5)).toBeLessThan(0.2);
    await truth(page, "observed");

    await page.locator("[data-testid=undo-form] button").waitFor();
    await tabTo(page, "[data-testid=undo-form] button");
    await page.keyboard.press("Enter");
    await expect.poll(() => weights(), { timeout: 30_000 }).toEqual(before);
    await expect.poll(async () => (await newest()).undoes).toBe(made.id);
    await truth(page, "programmed");
    expect(bad).toEqual([]);
  });

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

describe("resizing a pool", () => {
  const pool = async () =>
    (await api<components["schemas"]["Node"]>(`/meshes/${MESH}/nodes/ratings`)).listeners?.[0]?.connectionPool ?? {};

  it("says at once what cannot be, reviews, lands on every proxy and can be undone", async () => {
    const before = await pool();
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/services/ratings/pool`);
    const form = page.locator("[data-node=ratings] form").first();
    const field = form.locator("[data-limit=maxConnections]");
    const button = form.locator("[data-apply]");
    expect(await button.isDisabled()).toBe(true);
    await field.fill("0");
    await expect.poll(() => form.locator("[data-hint]").first().textContent()).not.toBe("");
    expect(await button.isDisabled()).toBe(true);
    await field.fill("87");
    expect(await button.textContent()).toContain("87");
    await button.click();
    await page.getByTestId("review").waitFor();
    expect(await pool()).toEqual(before);
    await page.getByTestId("apply").click();
    await truth(page, "programmed");
    expect(await pool()).toEqual({ ...before, maxConnections: 87 });
    const made = await newest();
    expect(changeId(page) || made.id).toBe(made.id);
    await page.locator(takeBack).first().click();
    await expect.poll(pool, { timeout: 30_000 }).toEqual(before);
    expect(bad).toEqual([]);
  });
});
