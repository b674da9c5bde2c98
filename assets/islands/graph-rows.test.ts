import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MOST, stretch } from "./graph-rows";

const start = { from: 0, rows: MOST };

describe("the rows of a long table", () => {
  it("stay while what is seen is among them", () => {
    expect(stretch(start, 0, 20, 15_000)).toBe(start);
    expect(stretch(start, 129, 149, 15_000)).toBe(start);
    expect(stretch(start, 5, 9, 10)).toBe(start);
  });

  it("always hold what is seen, and never more than the most", () => {
    const some = fc.record({ total: fc.nat(15_000), first: fc.nat(15_000), seen: fc.integer({ min: 1, max: 60 }) });
    fc.assert(
      fc.property(some, fc.nat(600), ({ total, first, seen }, from) => {
        const at = Math.min(first, Math.max(0, total - seen));
        const last = Math.min(total - 1, at + seen - 1);
        const next = stretch({ from: from * 25, rows: MOST }, at, last, total);
        expect(next.rows).toBe(MOST);
        expect(next.from).toBeLessThanOrEqual(at);
        expect(next.from + next.rows).toBeGreaterThan(Math.min(last, total - 1));
      }),
    );
  });
});
