// Fetching a fragment again and again while somebody looks.

import { fetchTagged, type Tagged } from "./fragment";

/** How long to wait after a failure, in milliseconds, at most. */
const LONGEST = 10_000;

/**
 * Fetches a fragment until the signal, and hands its body over. Take answers with the milliseconds until the next time.
 * Hidden tabs rest; failures are marked on the element by data-stale and tried again, ever more slowly.
 */
export async function follow(element: HTMLElement, src: string, take: (body: Element) => number, signal: AbortSignal) {
  let failures = 0;
  let last: Tagged | undefined;
  for (let wait = take(element); !signal.aborted; ) {
    await pause(wait, signal);
    if (document.hidden) {
      wait = 500;
      continue;
    }
    try {
      last = await fetchTagged(src, last, signal);
      if (signal.aborted) {
        return;
      }
      wait = take(last.document.body); // also what is as it was: perhaps it was not taken then
      failures = 0;
      element.toggleAttribute("data-stale", false);
    } catch {
      failures++;
      wait = Math.min(LONGEST, 1000 * 2 ** Math.min(failures - 1, 5));
      element.toggleAttribute("data-stale", failures > 2);
    }
  }
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = window.setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => {
      window.clearTimeout(timer);
      done();
    });
  });
