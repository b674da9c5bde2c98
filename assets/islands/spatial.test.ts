import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { overlap } from "./geometry";
import { Grid } from "./spatial";

describe("a grid", () => {
  it("finds what overlaps, each once, and nothing else", () => {
    const side = fc.integer({ min: 1, max: 300 });
    const place = fc.integer({ min: -500, max: 500 });
    const rect = fc.record({ x: place, y: place, width: side, height: side });
    fc.assert(
      fc.property(fc.array(rect, { maxLength: 30 }), rect, (rects, wanted) => {
        const grid = new Grid<number>(64);
        rects.forEach((r, i) => {
          grid.add(r, i);
        });
        const expected = rects.flatMap((r, i) => (overlap(r, wanted) ? [i] : []));
        expect([...grid.find(wanted)].sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });
});
