import { describe, expect, it } from "vitest";
import { type Box, type Edge, type Health, nothing, type Picture, type Scene } from "./frames";
import { moreId, scene, sum, worst } from "./scene";

type Call = { from: string; to: string; rate?: number; health?: Health };

const chosen: Scene = { view: "problems", units: 0, unitTotal: 90, edgeTotal: 0, problems: 0, lines: 0 };

function pictureOf(calls: Call[], about: Partial<Scene> = {}, extra: Box[] = []): Picture {
  const ids = [...new Set(calls.flatMap(({ from, to }) => [from, to]))];
  const boxes = ids.map((id): Box => {
    const version = /^(.+)-(v\d)$/.exec(id);
    const row = { ...nothing, rate: 1, health: "healthy" as const };
    const service = version?.[1];
    return { id, kind: "node", name: id, row, ...(service ? { service, version: version[2] ?? "" } : {}) };
  });
  const edges = calls.map(({ from, to, rate = 1, health = "healthy" }): Edge => {
    return { from, to, protocol: "http", services: [], row: { ...nothing, rate, health } };
  });
  const all = [...boxes, ...extra];
  return {
    view: "problems:shop",
    scene: { ...chosen, ...about },
    epoch: 1,
    seq: 1,
    at: 0,
    ticks: true,
    fresh: true,
    age: 0,
    cut: false,
    total: edges.length,
    nodeTotal: all.length,
    boxes: new Map(all.map((box, i) => [i, box])),
    edges: new Map(edges.map((edge, i) => [1000 + i, edge])),
    rows: new Map(),
  };
}

const ids = (drawn: ReturnType<typeof scene>) => drawn.units.map((unit) => unit.id);
describe("scene", () => {
  it("gathers versions into their service, and draws edges to the versions", () => {
    const drawn = scene(
      pictureOf([
        { from: "front", to: "reviews-v1", rate: 75 },
        { from: "front", to: "reviews-v2", rate: 25, health: "unhealthy" },
      ]),
    );
    expect(ids(drawn)).toEqual(["front", "service/reviews"]);
    expect(drawn.units[1]?.members.map((box) => box.id)).toEqual(["reviews-v1", "reviews-v2"]);
    expect(drawn.lines.map((line) => line.to)).toEqual(["reviews-v1", "reviews-v2"]);
    expect(drawn.unitOf.get("reviews-v2")).toBe("service/reviews");
  });

  it("draws all that there is, whatever the order", () => {
    const calls = Array.from({ length: 300 }, (_, i) => ({ from: `s${i}`, to: `s${i + 1}` }));
    const drawn = scene(pictureOf(calls));
    expect(drawn.units).toHaveLength(301);
    expect(drawn.total).toBe(90);
    const picture = pictureOf(calls);
    const turned = {
      ...picture,
      edges: new Map([...picture.edges].reverse()),
      boxes: new Map([...picture.boxes].reverse()),
    };
    expect(scene(turned)).toEqual(scene(picture));
  });

  it("stands one box for the neighbours of the focus that do not fit, and says that it is several", () => {
    const more = { units: 4, requestRate: 14, errorRatio: 0.5, p95: 2, health: "unhealthy" as const };
    const drawn = scene(pictureOf([{ from: "a", to: "hub" }], { center: "hub", more: { callers: more } }));
    expect(drawn.units.find((unit) => unit.id === moreId("callers"))).toMatchObject({
      kind: "more",
      name: "4",
      health: "unhealthy",
      traffic: { rate: 14, errors: 0.5, p95: 2 },
    });
    expect(drawn.lines.find((line) => line.from === moreId("callers"))).toMatchObject({ to: "hub", row: { rate: 14 } });
  });

  it("counts steps from the focus along calls either way, and what is hidden beside each", () => {
    const drawn = scene(
      pictureOf(
        [
          { from: "a", to: "b" },
          { from: "b", to: "hub" },
          { from: "hub", to: "x" },
        ],
        { center: "hub", hidden: { a: 3 } },
      ),
    );
    expect(drawn.focus).toBe("hub");
    expect(drawn.units.map(({ id, hops, hidden }) => [id, hops, hidden])).toEqual([
      ["a", 2, 3],
      ["b", 1, 0],
      ["hub", 0, 0],
      ["x", 1, 0],
    ]);
  });

  it("has no focus when the one that was asked for is gone", () => {
    expect(scene(pictureOf([{ from: "a", to: "b" }], { center: "nobody" })).focus).toBeUndefined();
  });
});

describe("several rows together", () => {
  it("weigh errors by rate and keep the slowest latency", () => {
    const rows = [
      { rate: 90, errors: 0, p95: 0.02 },
      { rate: 10, errors: 0.5, p95: 0.4 },
    ];
    expect(sum(rows)).toEqual({ rate: 100, errors: 0.05, p95: 0.4 });
    expect(sum([])).toEqual({ rate: 0, errors: 0, p95: 0 });
  });

  it("have the worst verdict", () => {
    expect(worst(["healthy", "unhealthy", "degraded"])).toBe("unhealthy");
    expect(worst(["idle", "healthy"])).toBe("healthy");
    expect(worst([])).toBe("unknown");
  });
});
