import { describe, expect, it } from "vitest";
import { overlap, type Path } from "./geometry";
import { placeLabels } from "./labels";
import { sample } from "./sample";

const near = { width: 100, height: 17, rank: 0 };

describe("labels", () => {
  const { ways, where, scene } = sample();
  const obstacles = scene.units.flatMap((u) => where.get(u.id) ?? []);
  const lines = scene.lines.map((line) => line.key);

  it("cover no box and no other label", () => {
    const labels = scene.lines.map((l, i) => ({ ...near, key: l.key, must: i % 2 === 0, rank: i }));
    const placed = [...placeLabels(labels, { ways, obstacles, lines }).values()];
    expect(placed.length).toBeGreaterThan(0);
    placed.forEach((a, i) => {
      for (const b of [...placed.slice(i + 1), ...obstacles]) {
        expect(overlap(a, b)).toBe(false);
      }
    });
  });

  it("that must be read stand anyhow, others do not", () => {
    const everywhere = [{ x: -5000, y: -5000, width: 10000, height: 10000 }];
    const place = (must: boolean) =>
      placeLabels([{ ...near, key: "front v2", must }], { ways, obstacles: everywhere, lines: [] }).size;
    expect([place(false), place(true)]).toEqual([0, 1]);
  });

  it("that must be read and have no room on their line stand beside it, with a leader to it", () => {
    const way = ways.get("front v2") as Path;
    const blocked = way.points.map(({ x, y }) => ({ x: x - 60, y: y - 6, width: 120, height: 12 }));
    const spot = placeLabels([{ ...near, key: "front v2", must: true }], { ways, obstacles: blocked, lines: [] }).get(
      "front v2",
    );
    expect(blocked.some((rect) => spot && overlap(spot, rect))).toBe(false);
    expect(way.points.some(({ x }) => Math.abs(x - (spot?.leader?.x ?? Number.NaN)) < 20)).toBe(true);
  });

  it("stay where they are while a better place is only a little better", () => {
    const one = [{ ...near, key: "front v2", must: false }];
    const first = placeLabels(one, { ways, obstacles: [], lines: [] });
    const [x, y] = [first.get("front v2")?.x ?? 0, first.get("front v2")?.y ?? 0];
    const stone = { x: x + 20, y: y + 2, width: 10, height: 10 };
    const moved = placeLabels(one, { ways, obstacles: [stone], lines: [], before: first });
    expect(moved.get("front v2")).not.toEqual(first.get("front v2"));
    const after = placeLabels(one, { ways, obstacles: [], lines: [], before: moved });
    expect(after.get("front v2")).toEqual(moved.get("front v2"));
  });
});
