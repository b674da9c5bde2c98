import { describe, expect, it } from "vitest";
import { number, symbols } from "./format";
import { clock, extent, label, levels, merge, type Numbers, nearest, nothingSeen, table, ticks } from "./plot-data";

const MINUTE = 60_000;
const rates = (at: number[], requestRate: (number | null)[]): Numbers => ({ at, columns: { requestRate } });

describe("pieces of numbers", () => {
  it("join by moment, the newer counting, and what lies before the range goes", () => {
    const joined = merge(rates([10, 20, 30], [1, 2, 3]), rates([30, 40], [9, 4]), { from: 20, to: 40 });
    expect(joined).toEqual(rates([20, 30, 40], [2, 9, 4]));
  });

  it("begin with nothing, and a column that one does not have is a gap there", () => {
    const joined = merge(rates([10], [1]), { at: [20], columns: { p95: [0.5] } }, { from: 0, to: 99 });
    expect(joined.columns).toEqual({ requestRate: [1, null], p95: [null, 0.5] });
    expect(merge(nothingSeen, rates([10], [1]), { from: 0, to: 99 })).toEqual(rates([10], [1]));
  });

  it("keep nothing that is out of range", () => {
    expect(merge(rates([10], [1]), rates([90], [2]), { from: 30, to: 60 }).at).toEqual([]);
  });
});

describe("a figure's lines", () => {
  const of = new Map([
    ["v1", rates([0, 10, 20], [3, 3, null])],
    ["v2", rates([10, 20, 30], [1, null, 4])],
  ]);
  const line = (subject: string, column: "requestRate" | "share" = "requestRate") => ({ subject, column });

  it("stand above the same moments", () => {
    const { at, lines } = table(of, [line("v1"), line("v2")], 10);
    expect(at).toEqual([0, 10, 20, 30]);
    expect(lines).toEqual([
      [3, 3, null, null],
      [null, 1, null, 4],
    ]);
  });

  it("share what was seen, and where nothing was seen there is a gap", () => {
    const { lines } = table(of, [line("v1", "share"), line("v2", "share")], 10);
    expect(lines).toEqual([
      [1, 0.75, null, 0],
      [0, 0.25, null, 1],
    ]);
  });

  it("do not lead across moments that are missing", () => {
    const { at, lines } = table(new Map([["a", rates([0, 10, 50], [1, 2, 3])]]), [line("a")], 10);
    expect(at).toEqual([0, 10, 20, 50]);
    expect(lines[0]).toEqual([1, 2, null, 3]);
  });

  it("are empty of a subject of which nothing is known", () => {
    expect(table(new Map(), [line("nobody")], 10)).toEqual({ at: [], lines: [[]] });
  });

  it("have ends, and a newest number only where they go on to the last moment", () => {
    expect(extent([3, null, 1, 2])).toEqual({ now: 2, low: 1, high: 3 });
    expect(extent([3, 0, null])).toEqual({ now: undefined, low: 0, high: 3 });
    expect(extent([])).toEqual({ now: undefined, low: undefined, high: undefined });
  });
});

describe("the crosshair", () => {
  it.each([
    [[], 5, undefined],
    [[10], 900, 0],
    [[10, 20, 30], -5, 0],
    [[10, 20, 30], 14, 0],
    [[10, 20, 30], 16, 1],
    [[10, 20, 30], 99, 2],
    [[10, 20, 30, 400], 380, 3],
  ])("in %j at %d is on %j", (at, moment, index) => {
    expect(nearest(at, moment)).toBe(index);
  });
});

describe("axes", () => {
  // The same cases as ui/component/plot_test.go.
  it.each([
    [0, "rate", 1],
    [96.2, "rate", 100],
    [74.8, "rate", 100],
    [0.004, "ratio", 0.01],
    [0.064, "ratio", 0.075],
    [1, "ratio", 1],
    [0.083, "time", 0.1],
    [1.42, "time", 1.5],
    [100, "count", 150],
    [Number.NaN, "count", 4],
  ] as const)("hold %d of unit %s below %d", (most, unit, top) => {
    const found = levels(most, unit);
    expect(found.at(-1)).toBeCloseTo(top, 9);
    expect(found[0]).toBe(0);
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect(found.length).toBeLessThanOrEqual(6);
  });

  it("of time are labelled at whole minutes and hours of UTC", () => {
    const noon = Date.parse("2026-11-22T12:00:00Z");
    const range = { from: noon - 15 * MINUTE + 10_000, to: noon };
    const labels = ticks(range).map((at) => clock(at, range));
    expect(labels).toEqual(["11:50", "11:55", "12:00"]);
    const day = { from: noon - 1440 * MINUTE, to: noon };
    expect(ticks(day).map((at) => clock(at, day))).toEqual([
      "12:00",
      "16:00",
      "20:00",
      "00:00",
      "04:00",
      "08:00",
      "12:00",
    ]);
    const short = { from: noon - MINUTE, to: noon };
    expect(ticks(short).map((at) => clock(at, short))[0]).toBe("11:59:00");
  });

  it("are labelled without decimals that say nothing", () => {
    expect(label(0.05, "ratio", symbols, number)).toBe("5\u00a0%");
    expect(label(0.3, "time", symbols, number)).toBe("300\u00a0ms");
    expect(label(2.5, "time", symbols, number)).toBe("2.5\u00a0s");
    expect(label(0, "time", symbols, number)).toBe("0");
    expect(label(40, "rate", symbols, number)).toBe("40/s");
    expect(label(150, "count", symbols, number)).toBe("150");
  });
});
