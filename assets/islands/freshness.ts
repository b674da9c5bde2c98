// How old the numbers on the page are, and when they are too old to be shown as live. Pure.

/** The server sends a frame a second; after three missed ones, with room for a late one, nothing is live any more. */
const TICKS_MISSED = 3500;

/** The newest data there is: when it arrived by the browser's own clock (milliseconds), and how old it was then. */
export type Newest = { readonly received: number; readonly age: number; readonly fresh: boolean };

/** What to say about the age of the data. */
export type Freshness = { readonly age: number; readonly stale: boolean };

/**
 * Judges by the browser's clock alone: the server's may be another. Before any data, age counts from the page's start.
 */
export function freshness(newest: Newest | undefined, started: number, now: number): Freshness {
  const since = Math.max(0, now - (newest?.received ?? started));
  return {
    age: (newest?.age ?? 0) + since / 1000,
    stale: since > TICKS_MISSED || newest?.fresh === false,
  };
}
