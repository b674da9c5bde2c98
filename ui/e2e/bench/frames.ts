// What a frame costs the main thread.

import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { spent, watched } from "./load.ts";
import type { Mesh } from "./mesh.ts";

/** The main thread's time per frame in milliseconds while a page is panned for some seconds. */
export async function frameCost(page: Page, session: CDPSession): Promise<number> {
  await page.waitForTimeout(2000);
  const before = await spent(session);
  const frames = await page.evaluate(panFor, 4000);
  return ((await spent(session)) - before) / frames;
}

/** The same of a page without anything. */
export async function emptyCost(context: BrowserContext, mesh: Mesh): Promise<number> {
  const { page, session } = await watched(context, mesh);
  await page.goto("about:blank");
  const cost = await frameCost(page, session);
  await page.close();
  return cost;
}

/** Drags the picture, if there is one, in every frame of some milliseconds; gives the number of frames. */
function panFor(milliseconds: number): Promise<number> {
  return new Promise((done) => {
    const stage = document.querySelector(".wg-stage") ?? document.body;
    const { left, top, width, height } = stage.getBoundingClientRect();
    const until = performance.now() + milliseconds;
    let count = 0;
    const step = (): void => {
      const at = {
        bubbles: true,
        button: 0,
        buttons: 1,
        pointerId: 1,
        clientX: left + width / 2 + (count % 60),
        clientY: top + height - 8,
      };
      stage.dispatchEvent(
        new PointerEvent(count % 60 === 0 ? "pointerdown" : count % 60 === 59 ? "pointerup" : "pointermove", at),
      );
      count++;
      if (performance.now() < until) {
        requestAnimationFrame(step);
      } else {
        done(count);
      }
    };
    requestAnimationFrame(step);
  });
}
