import { describe, expect, it } from "vitest";
import { type Box, type Edge, type Health, nothing, type Picture } from "./frames";
import { MAX_SIDE, MAX_WHOLE, moreId, scene, sum, worst } from "./scene";

type Call = { from: string; to: string; rate?: number; health?: Health };

function pictureOf(calls: Call[], extra: Box[] = []): Picture {
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
    view: "graph:shop",
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
const fan = (n: number, call: (i: number) => Partial<Call> = () => ({})) =>
  Array.from({ length: n }, (_, i): Call => ({ from: `caller-${String(i).padStart(2, "0")}`, to: "hub", ...call(i) }));

describe("scene", () => {
  it("gathers versions into their service, and draws edges to the versions", () => {
    const drawn = scene(
      pictureOf([
        { from: "front", to: "reviews-v1", rate: 75 },
        { from: "front", to: "reviews-v2", rate: 25, health: "unhealthy" },
      ]),
      { focus: "", hops: 1 },
    );
    expect(ids(drawn)).toEqual(["front", "service/reviews"]);
    expect(drawn.units[1]?.members.map((box) => box.id)).toEqual(["reviews-v1", "reviews-v2"]);
    expect(drawn.lines.map((line) => line.to)).toEqual(["reviews-v1", "reviews-v2"]);
    expect(drawn.unitOf.get("reviews-v2")).toBe("service/reviews");
  });

  it("draws a mesh whole up to its limit, and asks to choose beyond", () => {
    const chain = (n: number) =>
      pictureOf(Array.from({ length: n - 1 }, (_, i) => ({ from: `s${i}`, to: `s${i + 1}` })));
    expect(scene(chain(MAX_WHOLE), { focus: "", hops: 1 })).toMatchObject({ tooLarge: false, total: MAX_WHOLE });
    const large = scene(chain(MAX_WHOLE + 1), { focus: "", hops: 1 });
    expect(large).toMatchObject({ tooLarge: true, units: [], lines: [] });
    expect(scene({ ...chain(5), cut: true }, { focus: "", hops: 1 }).tooLarge).toBe(true);
  });

  it("draws the worst and then the busiest neighbours, and one box for the rest", () => {
    const calls = fan(MAX_SIDE + 4, (i) => ({ rate: i + 1, health: i === 0 ? "unhealthy" : "healthy" }));
    const drawn = scene(pictureOf(calls), { focus: "hub", hops: 1 });
    const shown = ids(drawn).filter((id) => id.startsWith("caller"));
    expect(shown).toHaveLength(MAX_SIDE);
    expect(shown).toContain("caller-00");
    expect(shown).not.toContain("caller-01");
    const more = drawn.units.find((unit) => unit.id === moreId("callers"));
    expect(more).toMatchObject({ kind: "more", name: "4", traffic: { rate: 2 + 3 + 4 + 5 } });
    expect(drawn.lines.find((line) => line.from === moreId("callers"))).toMatchObject({ to: "hub", row: { rate: 14 } });
  });

  it("follows callers and callees for the wanted hops and counts what is hidden", () => {
    const calls = [
      { from: "a", to: "b" },
      { from: "b", to: "hub" },
      { from: "hub", to: "x" },
      { from: "x", to: "y" },
      { from: "y", to: "z" },
    ];
    const one = scene(pictureOf(calls), { focus: "hub", hops: 1 });
    expect(ids(one)).toEqual(["b", "hub", "x"]);
    expect(one.units.map((unit) => unit.hidden)).toEqual([1, 0, 1]);
    const two = scene(pictureOf(calls), { focus: "hub", hops: 2 });
    expect(ids(two)).toEqual(["a", "b", "hub", "x", "y"]);
    expect(two.units.find((unit) => unit.id === "y")).toMatchObject({ hops: 2, hidden: 1 });
  });

  it.each(["reviews", "service/reviews", "reviews-v2"])("finds the focus %s", (focus) => {
    const drawn = scene(
      pictureOf([
        { from: "front", to: "reviews-v1" },
        { from: "front", to: "reviews-v2" },
      ]),
      { focus, hops: 1 },
    );
    expect(drawn.focus).toBe("service/reviews");
  });

  it("asks to choose when there is no such focus", () => {
    expect(scene(pictureOf([{ from: "a", to: "b" }]), { focus: "nobody", hops: 1 })).toMatchObject({
      tooLarge: true,
      focus: undefined,
    });
  });

  it("is in cycles no more than once", () => {
    const drawn = scene(
      pictureOf([
        { from: "a", to: "b" },
        { from: "b", to: "a" },
      ]),
      { focus: "a", hops: 3 },
    );
    expect(ids(drawn)).toEqual(["a", "b"]);
    expect(drawn.lines).toHaveLength(2);
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
