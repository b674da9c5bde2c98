// Which time plots show: a page has one. Pure.

import type { Range } from "./plot-data";

/** What a page and its address say of the time. */
export type Time = {
  /** The name of a length of time, "15m"; empty for one from a moment on that is kept. */
  readonly span: string;
  /** The moment that the page is about; undefined is the present. */
  readonly at: number | undefined;
  /** Whether it goes on as time does. */
  readonly live: boolean;
  /** What the server drew. */
  readonly drawn: Range;
  /** What somebody chose by dragging. */
  readonly chosen: Range | undefined;
};

const MINUTE = 60_000;

const spans: Readonly<Record<string, { readonly long: number; readonly step: number }>> = {
  "15m": { long: 15 * MINUTE, step: 5000 },
  "1h": { long: 60 * MINUTE, step: 30_000 },
  "6h": { long: 360 * MINUTE, step: 3 * MINUTE },
  "24h": { long: 1440 * MINUTE, step: 12 * MINUTE },
};

/** How long a time that begins at a kept moment may get. */
const LONGEST = 15 * MINUTE;

/** How far apart the moments of a stretch of time are: some 180 of them, whole seconds that divide a minute or an hour. */
export function stepOf({ from, to }: Range): number {
  const steps = [5, 10, 15, 30, 60, 120, 180, 300, 600, 720, 900, 1800, 3600].map((n) => n * 1000);
  return steps.find((step) => (to - from) / step <= 180) ?? 3_600_000;
}

const whole = (at: number, step: number): number => Math.floor(at / step) * step;

/** The range to show now, and the distance of its moments. Its ends lie on whole steps, so that viewers ask for the same. */
export function resolve(
  time: Time,
  now: number,
): { readonly range: Range; readonly step: number; readonly moves: boolean } {
  if (time.chosen) {
    const step = stepOf(time.chosen);
    return { range: { from: whole(time.chosen.from, step), to: whole(time.chosen.to, step) }, step, moves: false };
  }
  const span = spans[time.span];
  if (!span) {
    const { from } = time.drawn;
    const to = time.live ? Math.min(Math.max(now, time.drawn.to), from + LONGEST) : time.drawn.to;
    const step = stepOf({ from, to: time.live ? from + LONGEST : to });
    return { range: { from: whole(from, step), to: whole(to, step) }, step, moves: time.live && to < from + LONGEST };
  }
  const { long, step } = span;
  let to = whole(now, step);
  const far = time.at !== undefined && time.at <= to - long + step;
  if (time.at !== undefined && far) {
    to = Math.min(whole(time.at + long / 2, step), to);
  }
  return { range: { from: to - long + step, to }, step, moves: !far };
}

/** A range that somebody dragged over, in order and long enough to have moments in it; undefined when it is too short. */
export function drag(a: number, b: number): Range | undefined {
  const range = { from: Math.min(a, b), to: Math.max(a, b) };
  return range.to - range.from >= 15_000 ? range : undefined;
}

/** What an address says was chosen. */
export function chosenIn(href: string): Range | undefined {
  const { searchParams } = new URL(href);
  const [from, to] = [Date.parse(searchParams.get("from") ?? ""), Date.parse(searchParams.get("to") ?? "")];
  return Number.isNaN(from) || Number.isNaN(to) ? undefined : drag(from, to);
}

/** The same address with another choice, or none. */
export function address(href: string, chosen: Range | undefined): string {
  const url = new URL(href);
  for (const name of ["from", "to"] as const) {
    if (chosen) {
      url.searchParams.set(name, new Date(Math.round(chosen[name] / 1000) * 1000).toISOString().replace(".000Z", "Z"));
    } else {
      url.searchParams.delete(name);
    }
  }
  return url.href;
}
