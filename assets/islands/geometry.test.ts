import { describe, expect, it } from "vitest";
import { along, type Path, widthOf } from "./geometry";
import { drawing, line, sample, unit } from "./sample";

describe("paths", () => {
  it("lead from the side of one box to the side of the other", () => {
    const { where, ways, scene } = sample();
    for (const { key, from, to } of scene.lines) {
      const points = (ways.get(key) as Path).points;
      const [a, b] = [where.get(from), where.get(to)];
      expect(points[0]?.x).toBe((a?.x ?? 0) + (a?.width ?? 0));
      expect(points.at(-1)?.x).toBe(b?.x);
      expect(points.at(-1)?.y).toBeGreaterThanOrEqual(b?.y ?? 0);
      expect(points.at(-1)?.y).toBeLessThanOrEqual((b?.y ?? 0) + (b?.height ?? 0));
    }
  });

  it("leave a box in the order in which they arrive", () => {
    const { ways } = sample();
    const [one, two] = ["front v1", "front v2"].map((key) => ways.get(key)?.points[0]?.y ?? 0);
    expect(one).toBeLessThan(two ?? 0);
  });

  it("run back on the other sides", () => {
    const { ways, where } = drawing([unit("a"), unit("b")], [line("a", "b"), line("b", "a")]);
    const backward = [...ways].filter(([key]) => {
      const [from, to] = key.split(" ").map((id) => where.get(id)?.x ?? 0) as [number, number];
      return from > to;
    });
    expect(backward).toHaveLength(1);
    for (const [key, way] of backward) {
      expect(way.points[0]?.x).toBe(where.get(key.split(" ")[0] ?? "")?.x);
    }
  });

  it("pass points evenly from 0 to 1", () => {
    const way = sample().ways.get("front ratings") as Path;
    expect(along(way, -1)).toEqual(way.points[0]);
    expect(along(way, 2)).toEqual(way.points.at(-1));
    expect(way.curves.length).toBeGreaterThan(1);
  });
});

describe("widths", () => {
  it("grow with the square root of the rate and keep their scale while the largest sways", () => {
    expect(widthOf(100, 100)).toBeCloseTo(2 * widthOf(25, 100));
    expect(widthOf(50, 100)).toBe(widthOf(50, 120));
    expect(widthOf(0, 100)).toBeLessThan(2);
  });
});
