// When a page is ready to be looked at: its fonts, its islands and what they draw are there.

import type { Page } from "playwright-core";

/** What the topology shows as soon as it shows anything. */
const DRAWN = ".wg-unit, .around .box, .empty, .welcome, [data-testid=failure], main table tbody tr";

/** How long an island may take to draw before the page is looked at without it, in milliseconds. */
const PATIENCE = 6000;

/** Waits until a page stands still; a page that never does is taken as it is. */
export async function settle(page: Page): Promise<void> {
  if (await page.locator("weir-graph").count()) {
    await page
      .locator(DRAWN)
      .first()
      .waitFor({ timeout: PATIENCE })
      .catch(() => undefined);
  }
  await page.waitForFunction(() => document.querySelector(":not(:defined)") === null, undefined, { timeout: PATIENCE });
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await page.evaluate(stands, PATIENCE / 4);
}

/** Waits, in the page, until boxes and curves stay where they are for three looks in a row, at most so many milliseconds. */
function stands(most: number): Promise<void> {
  const look = (): string => {
    const list = [...document.querySelectorAll(".wg-unit, weir-plot canvas, main > *")].slice(0, 60);
    return list.map((element) => JSON.stringify(element.getBoundingClientRect())).join();
  };
  return new Promise((done) => {
    const end = performance.now() + most;
    let before = look();
    let same = 0;
    const again = (): void => {
      const now = look();
      same = now === before ? same + 1 : 0;
      before = now;
      if (same >= 3 || performance.now() > end) {
        done();
      } else {
        setTimeout(() => requestAnimationFrame(again), 40);
      }
    };
    requestAnimationFrame(again);
  });
}
