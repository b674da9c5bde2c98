// How old the numbers on the page are, and when they are too old to be shown as live. Pure.

/** The server sends a frame a second; after three missed ones, with room for a late one, nothing is live any more. */
const TICKS_MISSED = 3500;

/** The newest data there is: when it arrived by the browser's own clock (milliseconds), and how old it was then. */
export type Newest = {
  readonly received: number;
  readonly age: number;
  readonly fresh: boolean;
  /** Nothing has come yet; received is since when it is waited for. */
  readonly awaited?: boolean;
};

/** The one of several views that is least to be relied on: a page is as fresh as the oldest of what it shows. */
export const oldest = (views: readonly Newest[]): Newest | undefined =>
  views.reduce<Newest | undefined>(
    (worst, view) => (worst === undefined || worse(view, worst) ? view : worst),
    undefined,
  );

function worse(a: Newest, b: Newest): boolean {
  const [since, other] = [a.received - a.age * 1000, b.received - b.age * 1000];
  return a.fresh === b.fresh ? since < other : !a.fresh;
}

/**
 * A clock for freshness out of the browser's two: one that runs evenly but may stand still while the machine sleeps, and
 * the time of day, which may be set. It runs evenly, never backwards, and jumps by what was slept: numbers from before the
 * sleep are not shown as live after it. When the time of day is set forward the page calls its numbers stale until the
 * next frame, a second at most.
 */
export function wakefulClock(even: () => number, day: () => number): () => number {
  const [start, offset] = [even(), day() - even()];
  let slept = 0;
  let last = offset;
  return () => {
    const now = even();
    const drift = day() - now;
    if (drift - last > SLEEP) {
      slept += drift - last;
    }
    last = drift;
    return now - start + slept;
  };
}

/** A smaller difference between the two clocks is no sleep, in milliseconds. */
const SLEEP = 2000;

/** What to say about the age of the data. */
export type Freshness = {
  readonly age: number;
  readonly stale: boolean;
  /** There is a picture and it has no numbers: nobody reports any, so that there is nothing whose age could be told. */
  readonly silent: boolean;
  /** Nothing has come for so long that there is no connection. */
  readonly lost: boolean;
};

/**
 * Judges by the browser's clock alone: the server's may be another. What nothing has come of yet ages from the moment at
 * which it was asked for.
 */
export function freshness(newest: Newest, now: number): Freshness {
  const since = Math.max(0, now - newest.received);
  return {
    age: newest.age + since / 1000,
    stale: since > TICKS_MISSED || !newest.fresh,
    lost: since > TICKS_MISSED,
    silent: !newest.awaited && !newest.fresh && newest.age === 0,
  };
}
