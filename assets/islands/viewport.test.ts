import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOX } from "./geometry";
import { beyond, fitted, LEGIBLE, pan, reveal, unproject, zoom } from "./viewport";

describe("a large screen", () => {
  it("is used by a small picture, and a small one is not filled by a few boxes", () => {
    const area = { x: 0, y: 0, width: 900, height: 300 };
    expect(fitted(area, { width: 1400, height: 700 }, LEGIBLE).k).toBe(1.15);
    expect(fitted(area, { width: 2480, height: 1200 }, LEGIBLE).k).toBeCloseTo(1.55);
    expect(fitted(area, { width: 3600, height: 1900 }, LEGIBLE).k).toBe(1.6);
    // What has no more room takes what there is.
    expect(fitted({ ...area, width: 2700 }, { width: 3600, height: 1900 }, LEGIBLE).k).toBeCloseTo(3552 / 2700);
  });
});

describe("the view", () => {
  const area = { x: -100, y: -50, width: 2000, height: 600 };
  const size = { width: 1000, height: 700 };
  it("fits an area in the middle, or what can be read of it around an anchor", () => {
    const whole = fitted(area, size, 0.2);
    expect(whole.x + area.x * whole.k).toBeCloseTo(24);
    const readable = fitted(area, size, LEGIBLE, { x: 1700, y: 0, width: BOX.width, height: BOX.height });
    expect(readable.k).toBe(LEGIBLE);
    expect(readable.x + (area.x + area.width) * readable.k).toBeCloseTo(size.width - 24);
  });

  it("shrinks a picture that is a little too wide, and says on which sides a larger one goes on", () => {
    const small = fitted({ x: 0, y: 0, width: 1500, height: 300 }, size, LEGIBLE);
    expect(small.k).toBeCloseTo(952 / 1500);
    expect(beyond({ x: 0, y: 0, width: 1500, height: 300 }, small, size)).toBe("");
    expect(beyond(area, fitted(area, size, LEGIBLE), size)).toBe("right");
    expect(beyond(area, { x: 0, y: 0, k: 3 }, size)).toBe("left right up down");
  });

  it("zooms around a point and pans", () => {
    const at = { x: 300, y: 200 };
    const view = { x: 10, y: 20, k: 1 };
    const closer = zoom(view, 1.7, at);
    expect(unproject(closer, at).x).toBeCloseTo(unproject(view, at).x);
    expect(zoom(view, 100, at).k).toBe(3);
    expect(pan(view, 5, -5)).toEqual({ x: 15, y: 15, k: 1 });
  });

  it("moves no further than it takes to show a box", () => {
    const view = { x: 0, y: 0, k: 1 };
    expect(reveal(view, { x: 100, y: 100, width: 50, height: 50 }, size)).toEqual(view);
    fc.assert(
      fc.property(fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: -5000, max: 5000 }), (x, y) => {
        const seen = reveal(view, { x, y, width: 180, height: 50 }, size);
        expect(seen.x + x).toBeGreaterThanOrEqual(24);
        expect(seen.x + x + 180).toBeLessThanOrEqual(size.width - 24);
        expect(seen.y + y).toBeGreaterThanOrEqual(24);
        expect(seen.y + y + 50).toBeLessThanOrEqual(size.height - 24);
      }),
    );
  });
});
