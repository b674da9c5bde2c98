// A rollout from the page: begun beside the sliders, reviewed with its forecast, and aborted before it has moved a weight.

import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { violations } from "./axe.ts";
import { type Browser, complaints, launch } from "./browser.ts";

let browser: Browser;
const url = inject("url");

beforeAll(async () => {
  browser = await launch();
});

afterAll(() => browser?.close());

describe("a rollout", () => {
  it("is begun from the sliders and aborted on its page", async () => {
    const page = await browser.context.newPage();
    const bad = complaints(page);
    await page.goto(`${url}/services/reviews/traffic?route=primary&lang=en`);
    await page.getByTestId("roll-out").click();
    await page.getByTestId("rollout-form").waitFor();
    await page.locator("input[name=preset][value=own]").check();
    await page.locator("textarea[name=steps]").fill("pause\n90\nanalysis");
    expect(await violations(page)).toEqual([]);
    await page.getByTestId("review-rollout").click();
    await page.getByTestId("forecast").first().waitFor();
    await page.locator("#reason").fill("a journey");
    await page.getByTestId("apply").click();
    await page.waitForURL(/\/canaries\/[0-9a-z]+/);
    await page.getByTestId("rollout-head").waitFor();
    const rollout = page.url();
    expect(await violations(page)).toEqual([]);

    await page.goto(`${url}/services/reviews/traffic?route=primary&lang=en`);
    expect(await page.getByTestId("held").first().textContent()).toMatch(/holds these weights/);
    expect(await page.locator("[data-testid=weights-form] [data-number]").first().isDisabled()).toBe(true);

    await page.goto(rollout);
    await page.locator("button[name=do][value=abort]").click();
    await page.getByTestId("apply").click();
    await page.locator("[data-testid=rollout-head][data-phase=Aborted]").waitFor({ timeout: 30_000 });
    expect(await page.getByTestId("why").textContent()).toMatch(/aborted by/);
    expect(bad).toEqual([]);
  });
});
