// The frames of a strip and the steps over them. Pure.

import { type Health, verdicts } from "./frames";
import { severity } from "./scene";

/** One moment of a strip, in milliseconds since 1970. */
export type Frame = { readonly at: number; readonly health: Health; readonly seen: boolean; readonly label: string };

/** Frames in a row that are not well. */
export type Run = { readonly first: number; readonly last: number };

/** The frames that the server drew, oldest first. */
export function read(links: Iterable<Element>): readonly Frame[] {
  return [...links].map((link) => ({
    at: Date.parse(link.getAttribute("data-at") ?? ""),
    health: verdicts.find((name) => name === link.getAttribute("data-health")) ?? "unknown",
    seen: link.hasAttribute("data-seen"),
    label: link.getAttribute("data-label") ?? "",
  }));
}

/** The trouble among frames. */
export function runs(frames: readonly Frame[]): readonly Run[] {
  const found: { first: number; last: number }[] = [];
  frames.forEach((frame, i) => {
    const last = found.at(-1);
    if (severity(frame.health) === 0) {
      return;
    }
    if (last && last.last === i - 1) {
      last.last = i;
    } else {
      found.push({ first: i, last: i });
    }
  });
  return found;
}

/** The frame nearest to a moment; as many as there are frames for the present. */
export function nearest(frames: readonly Frame[], at: number | undefined): number {
  if (at === undefined) {
    return frames.length;
  }
  let best = 0;
  frames.forEach((frame, i) => {
    if (Math.abs(frame.at - at) < Math.abs((frames[best]?.at ?? 0) - at)) {
      best = i;
    }
  });
  return best;
}

/** The steps that there are. */
export type Step = "earlier" | "previous" | "next" | "later";

/**
 * Where a step leads from a position: a frame, the number of frames for the present, undefined for nowhere. The present
 * follows the last frame of a strip that ends now.
 */
export function step(frames: readonly Frame[], from: number, how: Step, endsNow: boolean): number | undefined {
  const most = endsNow ? frames.length : frames.length - 1;
  switch (how) {
    case "previous":
      return from > 0 ? from - 1 : undefined;
    case "next":
      return from < most ? from + 1 : undefined;
    case "earlier":
      return runs(frames)
        .filter((run) => run.first < from)
        .at(-1)?.first;
    case "later":
      return runs(frames).find((run) => run.first > from)?.first;
  }
}

/** A length of time in its largest unit, as the server writes ages: which unit, and how many. */
export function age(milliseconds: number): {
  readonly unit: "seconds" | "minutes" | "hours" | "days";
  readonly n: string;
} {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 99.5) {
    return { unit: "seconds", n: String(seconds) };
  }
  if (seconds < 90 * 60) {
    return { unit: "minutes", n: String(Math.round(seconds / 60)) };
  }
  return seconds < 36 * 3600
    ? { unit: "hours", n: String(Math.round(seconds / 3600)) }
    : { unit: "days", n: String(Math.floor(seconds / 86400)) };
}

/** Whether two moments are on the same day in UTC. */
export const sameDay = (a: number, b: number): boolean => Math.floor(a / 86_400_000) === Math.floor(b / 86_400_000);

/** A moment as the API and addresses have it, without fractions of a second that are zero. */
export const iso = (at: number): string => new Date(at).toISOString().replace(/\.000Z$/, "Z");

/** The same address about another moment, or about the present, whose usual strip goes without saying. */
export function address(href: string, at: number | undefined, span: string): string {
  const url = new URL(href);
  if (at === undefined) {
    url.searchParams.delete("at");
  } else {
    url.searchParams.set("at", iso(at));
  }
  if (at === undefined && span === "15m") {
    url.searchParams.delete("span");
  } else {
    url.searchParams.set("span", span);
  }
  return url.href;
}
