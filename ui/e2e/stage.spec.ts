// The picture alone, with meshes of up to five thousand units: what is drawn where, how it is handled, what a frame costs.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Browser, complaints, launch } from "./browser.ts";
import type { Stage } from "./fixtures/stage.ts";
import { cost, startStage } from "./fixtures/stage-page.ts";

let browser: Browser;
let fixture: Awaited<ReturnType<typeof startStage>>;

beforeAll(async () => {
  [browser, fixture] = await Promise.all([launch({ hasTouch: true }), startStage()]);
});

afterAll(async () => {
  await browser?.close();
  await fixture?.close();
});

/** Figures are for those who read along; limits are ratios, since machines differ. */
const say = (figure: string): boolean => process.stdout.write(`${figure}\n`);

/** Runs on the page. */
type Window = { readonly stage: Stage };

async function open(size: number): Promise<{ page: Page; bad: string[] }> {
  const page = await browser.context.newPage();
  const bad = complaints(page);
  await page.goto(fixture.url);
  await draw(page, size);
  return { page, bad };
}

async function draw(page: Page, size: number, dense?: number): Promise<number> {
  await page.waitForFunction("window.stage");
  const drawn = ([n, often]: readonly [number, number | null]) =>
    (window as unknown as Window).stage.draw(n, often ?? undefined);
  return page.evaluate(drawn, [size, dense ?? null] as const);
}

const view = (page: Page) => page.evaluate(() => (window as unknown as Window).stage.picture.view);
const detail = (page: Page) => page.locator(".wg-stage").getAttribute("data-detail");

/** Where every unit stands. */
const places = (page: Page) =>
  page.evaluate(() =>
    [...(window as unknown as Window).stage.picture.where].map(([id, { x, y }]) => `${id} ${x} ${y}`),
  );

/** Whether anything of a colour that is nearly red can be seen on the canvas. */
const red = async (page: Page) =>
  page.evaluate(() => {
    const sheet = document.querySelector<HTMLCanvasElement>(".wg-sheet") as HTMLCanvasElement;
    const copy = new OffscreenCanvas(sheet.width, sheet.height);
    const context = copy.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(sheet, 0, 0);
    const { data } = context.getImageData(0, 0, sheet.width, sheet.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r = 0, g = 0, b = 0, a = 0] = data.slice(i, i + 4);
      count += a > 200 && r > 150 && g < 70 && b < 80 ? 1 : 0;
    }
    return count;
  });

describe("a picture of thousands", () => {
  it("is drawn by the worker, whole and from afar, with what fails in sight", async () => {
    const { page, bad } = await open(2000);
    expect(page.workers().length).toBeGreaterThan(0);
    expect((await places(page)).length).toBeGreaterThan(2000);
    expect(await detail(page)).toBe("far");
    expect(await page.locator(".wg-unit").count()).toBeLessThan(10);
    await expect.poll(() => red(page), { timeout: 30_000 }).toBeGreaterThan(200);
    expect(bad).toEqual([]);
  });

  it("has buttons where it is near, and no more than three hundred", async () => {
    const { page } = await open(2000);
    await page.evaluate(() => (window as unknown as Window).stage.picture.zoom(12));
    await expect.poll(() => page.locator(".wg-unit").count(), { timeout: 30_000 }).toBeGreaterThan(10);
    expect(await page.locator(".wg-unit").count()).toBeLessThanOrEqual(300);
  });

  it("moves nobody when numbers change", async () => {
    const { page } = await open(400);
    const before = await places(page);
    await page.evaluate(() => (window as unknown as Window).stage.tick());
    expect(await places(page)).toEqual(before);
  });

  it("gives what is focused a button that can be read, wherever it is", async () => {
    const { page } = await open(2000);
    const id = await page.evaluate(() => {
      const { picture } = (window as unknown as Window).stage;
      const unit = picture.scene?.units.at(1500)?.id ?? "";
      picture.focus(unit);
      return unit;
    });
    const button = page.locator(":focus");
    expect(await button.getAttribute("data-box")).toBe(id);
    await expect.poll(async () => (await button.boundingBox())?.width ?? 0, { timeout: 20_000 }).toBeGreaterThan(120);
  });

  it("selects the box that is clicked on the canvas", async () => {
    const { page } = await open(500);
    const at = await page.evaluate(() => {
      const { picture } = (window as unknown as Window).stage;
      const unit = picture.scene?.units.find(({ health }) => health === "unhealthy");
      const rect = picture.where.get(unit?.id ?? "");
      const { x, y, k } = picture.view;
      const box = picture.stage.getBoundingClientRect();
      const [cx, cy] = [(rect?.x ?? 0) + (rect?.width ?? 0) / 2, (rect?.y ?? 0) + (rect?.height ?? 0) / 2];
      return { id: unit?.id, x: box.left + x + cx * k, y: box.top + y + cy * k };
    });
    await page.mouse.click(at.x, at.y);
    expect(await page.evaluate(() => (window as unknown as Window).stage.selected())).toBe(at.id);
  });

  it("is zoomed with two fingers", async () => {
    const { page } = await open(40);
    const before = await view(page);
    const touch = await page.context().newCDPSession(page);
    const send = (type: "touchStart" | "touchMove" | "touchEnd", apart: number) =>
      touch.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: type === "touchEnd" ? [] : [-1, 1].map((side, id) => ({ x: 700 + side * apart, y: 450, id })),
      });
    await send("touchStart", 60);
    for (const apart of [80, 100, 120]) {
      await send("touchMove", apart);
    }
    await send("touchEnd", 0);
    await expect.poll(async () => (await view(page)).k / before.k, { timeout: 20_000 }).toBeGreaterThan(1.4);
  });
});

describe("a frame", () => {
  it("costs a few times what it costs an empty page, and is paid in milliseconds at five thousand", async () => {
    const empty = await cost(browser.context, `${fixture.url}empty`, async () => {}, false);
    const of = async (size: number, pan: boolean, dense?: number) => {
      const paid = await cost(
        browser.context,
        fixture.url,
        async (page) => {
          const drawn = await draw(page, size, dense);
          await page.waitForTimeout(3000);
          say(`${size} units, drawn in ${drawn.toFixed(0)} ms`);
        },
        pan,
      );
      const times = paid.perFrame / empty.perFrame;
      say(`${size} units, ${pan ? "panned" : "at rest"}: ${paid.perFrame.toFixed(2)} ms, ${times.toFixed(1)} ×`);
      return times;
    };
    say(`an empty page: ${empty.perFrame.toFixed(2)} ms`);
    expect(await of(130, false, 0), "with dots moving").toBeLessThan(6);
    expect(await of(130, true, 0), "panned, with dots moving").toBeLessThan(25);
    for (const size of [500, 2000, 5000]) {
      expect(await of(size, true), `${size} units in view, panned`).toBeLessThan(25);
    }
  });
});
