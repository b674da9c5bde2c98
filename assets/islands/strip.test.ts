import { describe, expect, it } from "vitest";
import type { Health } from "./frames";
import { address, age, type Frame, iso, nearest, runs, sameDay, step } from "./strip";

const frames = (health: string): Frame[] =>
  [...health].map((letter, i) => {
    const words: Record<string, Health> = { ".": "healthy", d: "degraded", u: "unhealthy", "?": "unknown" };
    return { at: 1000 * i, health: words[letter] ?? "unknown", seen: letter !== "?", label: "" };
  });

describe("a strip", () => {
  it("finds the trouble in it", () => {
    expect(runs(frames("?..du.u"))).toEqual([
      { first: 3, last: 4 },
      { first: 6, last: 6 },
    ]);
    expect(runs(frames("...?"))).toEqual([]);
    expect(runs([])).toEqual([]);
  });

  it("knows the frame nearest to a moment, and the place after the last for the present", () => {
    const strip = frames("....");
    expect(nearest(strip, 1400)).toBe(1);
    expect(nearest(strip, 1600)).toBe(2);
    expect(nearest(strip, -9)).toBe(0);
    expect(nearest(strip, 99_000)).toBe(3);
    expect(nearest(strip, undefined)).toBe(4);
  });

  it("steps frame by frame up to the present, where it ends now", () => {
    const strip = frames("....");
    expect(step(strip, 4, "previous", true)).toBe(3);
    expect(step(strip, 0, "previous", true)).toBeUndefined();
    expect(step(strip, 3, "next", true)).toBe(4);
    expect(step(strip, 3, "next", false)).toBeUndefined();
    expect(step(strip, 4, "next", true)).toBeUndefined();
  });

  it("steps from trouble to trouble", () => {
    const strip = frames(".uu.d..");
    expect(step(strip, 7, "earlier", true)).toBe(4);
    expect(step(strip, 4, "earlier", true)).toBe(1);
    expect(step(strip, 2, "earlier", true)).toBe(1);
    expect(step(strip, 1, "earlier", true)).toBeUndefined();
    expect(step(strip, 1, "later", true)).toBe(4);
    expect(step(strip, 4, "later", true)).toBeUndefined();
  });
});

describe("a moment", () => {
  it("has the age that the server's pages give it", () => {
    const minute = 60_000;
    const table: [number, string, string][] = [
      [-5, "seconds", "0"],
      [9_999, "seconds", "9"],
      [99_000, "seconds", "99"],
      [100_000, "minutes", "2"],
      [7 * minute, "minutes", "7"],
      [89 * minute, "minutes", "89"],
      [90 * minute, "hours", "2"],
      [35 * 60 * minute, "hours", "35"],
      [49 * 60 * minute, "days", "2"],
    ];
    for (const [milliseconds, unit, n] of table) {
      expect(age(milliseconds), String(milliseconds)).toEqual({ unit, n });
    }
  });

  it("is written as addresses have it", () => {
    expect(iso(Date.UTC(2026, 10, 22, 11, 53))).toBe("2026-11-22T11:53:00Z");
    expect(iso(Date.UTC(2026, 10, 22, 11, 53, 0, 250))).toBe("2026-11-22T11:53:00.250Z");
    expect(sameDay(Date.UTC(2026, 10, 22, 23, 59), Date.UTC(2026, 10, 22))).toBe(true);
    expect(sameDay(Date.UTC(2026, 10, 22, 23, 59), Date.UTC(2026, 10, 23))).toBe(false);
  });

  it("is put into an address beside what is there", () => {
    const at = Date.UTC(2026, 10, 22, 11, 53);
    const here = "http://weir.test/topology?focus=a&span=1h&at=2026-01-01T00:00:00Z";
    expect(address(here, at, "6h")).toBe("http://weir.test/topology?focus=a&span=6h&at=2026-11-22T11%3A53%3A00Z");
    expect(address(here, undefined, "1h")).toBe("http://weir.test/topology?focus=a&span=1h");
    expect(address(here, undefined, "15m")).toBe("http://weir.test/topology?focus=a");
  });
});
