import { describe, expect, it } from "vitest";
import { apply, type Frame, Gap } from "./frames";

const full: Frame = {
  v: "table:shop",
  epoch: 1,
  seq: 41,
  t: 1000,
  w: 30,
  fresh: true,
  age: 0.4,
  total: 2,
  nodeTotal: 3,
  names: {
    1: { id: "front", kind: "node", name: "front" },
    2: { id: "reviews-v1", kind: "node", name: "reviews-v1", service: "reviews", version: "v1" },
    3: { id: "reviews-v2", kind: "node", name: "reviews-v2", service: "reviews", version: "v2" },
  },
  edges: {
    4: { from: 1, to: 2, protocol: "http", services: ["reviews"] },
    5: { from: 1, to: 3, protocol: "http", services: ["reviews"] },
  },
  i: [4, 5],
  r: [75, 25],
  e: [0, 0.1],
  wt: [0.75, null],
  h: [2, 4],
  nodes: { i: [1, 2, 3], r: [0, 75, 25], n: [1, 1, 2], h: [0, 2, 4] },
  why: { 5: { text: ["1 in 10 requests fails"], causes: [{ code: "errors", values: { ratio: "10 %" } }] } },
};

describe("apply", () => {
  it("reads a full frame, absent columns being zero, weights and shares being nothing", () => {
    const picture = apply(undefined, full);
    expect(picture).toMatchObject({ seq: 41, ticks: true, fresh: true, age: 0.4, total: 2 });
    expect(picture.edges.get(4)).toMatchObject({
      from: "front",
      to: "reviews-v1",
      row: { rate: 75, errors: 0, p99: 0, weight: 0.75, share: null, health: "healthy", why: [] },
    });
    expect(picture.edges.get(5)?.row).toMatchObject({
      weight: null,
      health: "unhealthy",
      why: ["1 in 10 requests fails"],
      causes: [{ code: "errors" }],
    });
    expect(picture.boxes.get(3)).toMatchObject({ name: "reviews-v2", version: "v2", row: { proxies: 2, rate: 25 } });
  });

  it("lets rows stand that a delta does not name, and keeps the picture before as it was", () => {
    const before = apply(undefined, full);
    const after = apply(before, {
      v: "table:shop",
      epoch: 1,
      seq: 42,
      base: 41,
      t: 2000,
      w: 30,
      fresh: true,
      i: [5],
      r: [30],
    });
    expect(after.edges.get(4)).toBe(before.edges.get(4));
    expect(after.edges.get(5)?.row).toMatchObject({ rate: 30, errors: 0, health: "unknown", why: [] });
    expect(before.edges.get(5)?.row.rate).toBe(25);
    expect(after).toMatchObject({ seq: 42, at: 2000 });
  });

  it("adds and removes boxes and edges", () => {
    const after = apply(apply(undefined, full), {
      v: "table:shop",
      epoch: 1,
      seq: 42,
      base: 41,
      gone: [3, 5],
      names: { 9: { id: "external/api", kind: "external", name: "api" } },
      edges: { 10: { from: 1, to: 9 } },
      i: [10],
      r: [1],
      nodes: { i: [9], r: [1] },
    });
    expect([...after.boxes.values()].map((box) => box.id)).toEqual(["front", "reviews-v1", "external/api"]);
    expect([...after.edges.values()].map((edge) => edge.to)).toEqual(["reviews-v1", "external/api"]);
  });

  it("keeps the explanation of a row that says so", () => {
    const first = apply(undefined, full);
    const delta = { v: "table:shop", epoch: 1, base: 41, seq: 42, i: [5], r: [30], h: [4] };
    const second = apply(first, { ...delta, same: [5] });
    expect(second.edges.get(5)?.row).toMatchObject({
      rate: 30,
      why: ["1 in 10 requests fails"],
      causes: [{ code: "errors" }],
    });
    expect(apply(first, delta).edges.get(5)?.row).toMatchObject({ why: [], causes: [] });
  });

  it("keeps its maps when a frame only says that the view is alive", () => {
    const first = apply(undefined, full);
    const second = apply(first, { v: "table:shop", epoch: 1, seq: 42, base: 41, t: 9000, w: 30, fresh: true, age: 2 });
    expect(second).toMatchObject({ seq: 42, age: 2, at: 9000 });
    expect(second.edges).toBe(first.edges);
    expect(second.boxes).toBe(first.boxes);
  });

  it("keeps the scene and the order of a page until a frame brings others", () => {
    const scene = { view: "table", units: 3, unitTotal: 9, edgeTotal: 30, problems: 1, lines: 2 } as const;
    const first = apply(undefined, { ...full, scene, order: [5, 4] });
    const second = apply(first, { v: "table:shop", epoch: 1, seq: 42, base: 41 });
    expect(second.scene).toBe(first.scene);
    expect(second.order).toEqual([5, 4]);
    const third = apply(second, {
      v: "table:shop",
      epoch: 1,
      seq: 43,
      base: 42,
      scene: { ...scene, problems: 2 },
      gone: [5],
    });
    expect(third.scene?.problems).toBe(2);
    expect(third.order).toEqual([4]);
    expect(apply(third, full).scene).toBeUndefined();
  });

  it("keeps a box's row when only its description changes", () => {
    const after = apply(apply(undefined, full), {
      v: "table:shop",
      epoch: 1,
      seq: 42,
      base: 41,
      names: { 2: { id: "reviews-v1", kind: "node", name: "reviews-v1", service: "reviews", version: "blue" } },
    });
    expect(after.boxes.get(2)).toMatchObject({ version: "blue", row: { rate: 75 } });
  });

  it("keeps whole objects of changes and proxies by id", () => {
    const first = apply(undefined, { v: "changes:shop", epoch: 1, seq: 1, rows: [{ id: "a" }, { id: "b" }] });
    const next = apply(first, { v: "changes:shop", epoch: 1, seq: 2, base: 1, rows: [{ id: "c" }], goneRows: ["a"] });
    expect([...next.rows.keys()]).toEqual(["b", "c"]);
    expect(next.ticks).toBe(false);
  });

  it.each([
    { name: "a delta without a picture", before: undefined, frame: { seq: 2, base: 1 } },
    { name: "a delta of another epoch", before: full, frame: { epoch: 2, seq: 42, base: 41 } },
    { name: "a missed frame", before: full, frame: { seq: 44, base: 43 } },
    { name: "a row without a name", before: full, frame: { seq: 42, base: 41, i: [77], r: [1] } },
    { name: "an edge to nowhere", before: full, frame: { seq: 42, base: 41, edges: { 9: { from: 1, to: 77 } } } },
  ])("refuses $name", ({ before, frame }) => {
    const picture = before && apply(undefined, before);
    expect(() => apply(picture, { v: "table:shop", epoch: 1, ...frame })).toThrow(Gap);
  });
});
