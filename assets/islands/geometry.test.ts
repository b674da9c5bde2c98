import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Announcer } from "./announce";
import { type Box, nothing } from "./frames";
import { along, BOX, type Path, paths, placeLabels, rects, sizesFor, unitHeight, widthOf } from "./geometry";
import { read, write } from "./graph-address";
import { flow, isError } from "./graph-dots";
import { walk } from "./graph-walk";
import { layout } from "./layout";
import type { Line, Scene, Unit } from "./scene";
import { fitted, LEGIBLE, pan, reveal, unproject, zoom } from "./viewport";

const box = (id: string): Box => ({ id, kind: "node", name: id, row: nothing });
const unit = (id: string, members = [id]): Unit => ({
  id,
  kind: members.length > 1 ? "service" : "node",
  name: id,
  members: members.map(box),
  health: "healthy",
  traffic: { rate: 1, errors: 0, p95: 0 },
  hidden: 0,
  hops: 0,
});
const line = (from: string, to: string): Line => ({ key: `${from} ${to}`, from, to, row: { ...nothing, rate: 1 } });

function drawing(units: Unit[], lines: Line[]) {
  const unitOf = new Map(
    units.flatMap((u) => [[u.id, u.id], ...u.members.map((b): [string, string] => [b.id, u.id])] as [string, string][]),
  );
  const scene: Scene = { focus: undefined, units, lines, unitOf, tooLarge: false, total: units.length };
  const laid = layout(
    units.map((u) => ({ id: u.id, height: unitHeight(u) })),
    lines.map((l) => ({ from: unitOf.get(l.from) ?? "", to: unitOf.get(l.to) ?? "" })),
    sizesFor(3, 1200),
  );
  const where = rects(units, laid);
  return { scene, laid, where, ways: paths(scene, laid, where) };
}

const sample = () =>
  drawing(
    [unit("front"), unit("reviews", ["v1", "v2"]), unit("ratings"), unit("details")],
    [
      line("front", "v1"),
      line("front", "v2"),
      line("v1", "ratings"),
      line("v2", "ratings"),
      line("front", "details"),
      line("front", "ratings"),
    ],
  );

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

describe("labels", () => {
  it("cover no box and no other label", () => {
    const { ways, where, scene } = sample();
    const labels = scene.lines.map((l, i) => ({ key: l.key, width: 100, height: 17, must: false, rank: i }));
    const obstacles = scene.units.flatMap((u) => where.get(u.id) ?? []);
    const placed = [...placeLabels(labels, ways, obstacles).values()];
    expect(placed.length).toBeGreaterThan(0);
    placed.forEach((a, i) => {
      for (const b of [...placed.slice(i + 1), ...obstacles]) {
        expect(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height).toBe(false);
      }
    });
  });

  it("that must be read stand anyhow", () => {
    const { ways } = sample();
    const everywhere = [{ x: -5000, y: -5000, width: 10000, height: 10000 }];
    const label = { key: "front v2", width: 100, height: 17, rank: 0 };
    expect(placeLabels([{ ...label, must: false }], ways, everywhere).size).toBe(0);
    expect(placeLabels([{ ...label, must: true }], ways, everywhere).size).toBe(1);
  });
});

describe("widths", () => {
  it("grow with the square root of the rate and keep their scale while the largest sways", () => {
    expect(widthOf(100, 100)).toBeCloseTo(2 * widthOf(25, 100));
    expect(widthOf(50, 100)).toBe(widthOf(50, 120));
    expect(widthOf(0, 100)).toBeLessThan(2);
  });
});

describe("dots", () => {
  it("are denser with the rate, slower with the latency, and none without traffic", () => {
    const at = (rate: number, p50: number) => flow({ rate, p50, errors: 0 }, 300);
    expect(at(0, 0.01).count).toBe(0);
    expect(at(1000, 0.01).count).toBeGreaterThan(at(1, 0.01).count);
    expect(at(10, 1).travel).toBeGreaterThan(at(10, 0.001).travel);
  });

  it("are red in the share of errors", () => {
    const flowing = flow({ rate: 100, p50: 0.01, errors: 0.25 }, 300);
    let red = 0;
    for (let lap = 0; lap < 1000; lap++) {
      for (let dot = 0; dot < flowing.count; dot++) {
        red += isError(flowing, dot, lap) ? 1 : 0;
      }
    }
    expect(red / (1000 * flowing.count)).toBeCloseTo(0.25, 1);
    expect(isError({ ...flowing, errors: 0 }, 0, 0)).toBe(false);
  });
});

describe("walking", () => {
  const { scene, where } = sample();
  it.each([
    ["front", "ArrowRight", "v1"],
    ["v1", "ArrowRight", "ratings"],
    ["ratings", "ArrowLeft", "v2"],
    ["v1", "ArrowDown", "v2"],
    ["v2", "ArrowUp", "v1"],
    ["v1", "ArrowUp", "reviews"],
    ["reviews", "ArrowLeft", "front"],
    ["front", "ArrowLeft", undefined],
    ["ratings", "ArrowRight", undefined],
  ] as const)("from %s by %s leads to %s", (from, key, want) => {
    const got = walk(scene, where, from, key);
    // Which of several edges is nearest depends on the layout; the column does not.
    expect(got && where.get(got)?.x).toBe(want && where.get(want)?.x);
    if (key === "ArrowUp" || key === "ArrowDown") {
      expect(got).toBe(want);
    }
  });
});

describe("the address", () => {
  const server = { focus: "service/reviews", hops: 2, table: false, selected: undefined };
  it("is what the server said, unless it says otherwise", () => {
    expect(read("", server)).toEqual(server);
    expect(read("?focus=a&hops=3&view=table&select=b", server)).toEqual({
      focus: "a",
      hops: 3,
      table: true,
      selected: "b",
    });
    expect(read("?hops=99", server).hops).toBe(1);
  });

  it("comes back as it was written, and keeps what it does not know", () => {
    const state = { focus: "gateway/front", hops: 2, table: true, selected: "a b" };
    const url = write("http://x/topology?mesh=shop&select=old", state);
    expect(read(new URL(url).search, server)).toEqual(state);
    expect(new URL(url).searchParams.get("mesh")).toBe("shop");
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

describe("the announcer", () => {
  const judged = (id: string, health: "healthy" | "degraded" | "unhealthy") => ({ id, name: id, health, why: "" });
  it("says nothing of what was wrong from the start", () => {
    const announcer = new Announcer();
    expect(announcer.next([judged("a", "unhealthy")], 0)).toEqual([]);
    expect(announcer.next([judged("a", "unhealthy")], 1000)).toEqual([]);
  });

  it("says new problems, the worst first, at most every ten seconds", () => {
    const announcer = new Announcer();
    announcer.next([judged("a", "healthy"), judged("b", "healthy"), judged("c", "healthy")], 0);
    const first = announcer.next([judged("a", "degraded"), judged("b", "unhealthy"), judged("c", "healthy")], 1000);
    expect(first.map((j) => j.id)).toEqual(["b", "a"]);
    const all = [judged("a", "degraded"), judged("b", "unhealthy"), judged("c", "degraded")];
    expect(announcer.next(all, 2000)).toEqual([]);
    expect(announcer.next(all, 10_999)).toEqual([]);
    expect(announcer.next(all, 11_000).map((j) => j.id)).toEqual(["c"]);
    expect(announcer.next(all, 30_000)).toEqual([]);
  });

  it("forgets what was fine again before it could be said, and says what comes back", () => {
    const announcer = new Announcer();
    announcer.next([judged("a", "healthy"), judged("b", "healthy")], 0);
    announcer.next([judged("a", "unhealthy"), judged("b", "healthy")], 1000);
    announcer.next([judged("a", "unhealthy"), judged("b", "unhealthy")], 2000);
    announcer.next([judged("a", "healthy"), judged("b", "healthy")], 3000);
    expect(announcer.next([judged("a", "healthy"), judged("b", "healthy")], 20_000)).toEqual([]);
    expect(announcer.next([judged("a", "unhealthy"), judged("b", "healthy")], 21_000).map((j) => j.id)).toEqual(["a"]);
  });
});
