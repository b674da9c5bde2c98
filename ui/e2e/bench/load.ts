// What it takes to come to the topology: first content, the whole default view, CPU, bytes.

import type { BrowserContext, CDPSession, Page } from "playwright-core";
import type { Mesh } from "./mesh.ts";

/** What one load took. Times in milliseconds, sizes in bytes. */
export type Load = {
  readonly first: number;
  readonly complete: number;
  readonly cpu: number; // of the page's main thread
  readonly script: number; // as transferred
  readonly html: number; // as transferred
  readonly boxes: number;
};

/** What the page notes about itself. */
type Noted = { message?: number; complete?: number };

/** Notes when the picture stands and is live. It runs before anything of the page. */
function note(): void {
  const noted: Noted = {};
  (globalThis as { weirNoted?: Noted }).weirNoted = noted;
  const Real = WebSocket;
  class Heard extends Real {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols);
      this.addEventListener("message", () => {
        noted.message ??= performance.now();
      });
    }
  }
  Object.defineProperty(globalThis, "WebSocket", { value: Heard });
  const look = (): void => {
    const drawn = document.querySelector(".wg-unit, [data-groups] td") !== null;
    if (noted.message !== undefined && drawn) {
      // What was found in this frame is on the screen by the next one.
      requestAnimationFrame(() => {
        noted.complete = performance.now();
      });
    } else {
      requestAnimationFrame(look);
    }
  };
  requestAnimationFrame(look);
}

/** The main thread's CPU time so far, in milliseconds. */
export async function spent(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000;
}

/**
 * A page whose main thread is watched. It has been to the console's origin, so that no process begins with the load: to an
 * address with the pages' own headers, since Chromium takes another process for a page that is kept apart from its opener,
 * as these are, when the one before was not. Nothing of the console is there, so that nothing of it is warm.
 */
export async function watched(context: BrowserContext, mesh: Mesh): Promise<{ page: Page; session: CDPSession }> {
  const page = await context.newPage();
  await page.goto(`${mesh.url}/assets/none`);
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await session.send("Network.enable");
  await session.send("Network.clearBrowserCache");
  return { page, session };
}

/** Loads a page and waits until it is complete; gives the page too, still open. */
export async function load(
  context: BrowserContext,
  mesh: Mesh,
  path: string,
): Promise<{ took: Load; page: Page; session: CDPSession }> {
  const { page, session } = await watched(context, mesh);
  await page.addInitScript(note);
  const before = await spent(session);
  await page.goto(mesh.url + path, { waitUntil: "commit" });
  const stands = (): boolean => (globalThis as { weirNoted?: Noted }).weirNoted?.complete !== undefined;
  // A picture that does not come in this time is one that was not measured, and the others still are.
  await page.waitForFunction(stands, undefined, { polling: 100, timeout: 20_000 }).catch(() => {});
  const after = await spent(session);
  const took = { ...(await page.evaluate(sizes)), cpu: after - before };
  return { took, page, session };
}

function sizes(): Omit<Load, "cpu"> {
  const [html] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const scripts = (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).filter(({ name }) =>
    /\.js(\?|$)/.test(name),
  );
  return {
    first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
    complete: (globalThis as { weirNoted?: Noted }).weirNoted?.complete ?? Number.NaN,
    script: scripts.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    html: html?.encodedBodySize ?? Number.NaN,
    boxes: document.querySelectorAll(".wg-unit").length,
  };
}
