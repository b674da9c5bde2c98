import { describe, expect, it } from "vitest";
import type { components } from "./api.gen";
import { pictureOf } from "./past";
import { scene } from "./scene";

type Graph = components["schemas"]["Graph"];

const graph: Graph = {
  mesh: "shop",
  at: "2026-11-22T11:53:00Z",
  nodes: [
    { id: "gateway/front", kind: "gateway", name: "front", health: "healthy" },
    { id: "reviews-v1", kind: "node", name: "reviews-v1", service: "reviews", version: "v1", health: "healthy" },
    {
      id: "reviews-v2",
      kind: "node",
      name: "reviews-v2",
      service: "reviews",
      version: "v2",
      health: "unhealthy",
      why: ["too slow"],
      causes: [{ code: "latency", values: { p95: "2 s" } }],
      requestRate: 5,
      errorRatio: 0.5,
      p95: 2,
      proxies: 2,
      pool: { connections: 7, maxConnections: 100 },
    },
    { id: "service/reviews", kind: "service", name: "reviews", health: "unhealthy" },
  ],
  edges: [
    {
      from: "gateway/front",
      to: "reviews-v2",
      protocol: "http",
      declared: true,
      used: true,
      services: ["reviews"],
      requestRate: 5,
      weight: 0.25,
      health: "unhealthy",
    },
    { from: "gateway/front", to: "reviews-v1", declared: true, requestRate: 15, health: "healthy" },
  ],
};

describe("the picture of a moment", () => {
  it("says what the graph says, and is nothing that ticks", () => {
    const picture = pictureOf(graph);
    expect(picture).toMatchObject({ ticks: false, fresh: false, cut: false, at: Date.UTC(2026, 10, 22, 11, 53) });
    const box = [...picture.boxes.values()].find(({ id }) => id === "reviews-v2");
    expect(box).toMatchObject({ service: "reviews", version: "v2" });
    expect(box?.row).toMatchObject({ rate: 5, errors: 0.5, p95: 2, proxies: 2, connections: 7, maxConnections: 100 });
    expect(box?.row.causes).toEqual([{ code: "latency", values: { p95: "2 s" } }]);
    const [edge] = picture.edges.values();
    expect(edge?.row).toMatchObject({ weight: 0.25, share: null, declared: 1, used: 1, health: "unhealthy" });
  });

  it("is drawn like a live one: the versions of a service in one box", () => {
    const drawn = scene(pictureOf(graph));
    expect(drawn.units.map(({ id }) => id)).toEqual(["gateway/front", "service/reviews"]);
    expect(drawn.lines).toHaveLength(2);
  });

  it("of nothing is empty", () => {
    const drawn = scene(pictureOf({ mesh: "shop", nodes: null, edges: null }));
    expect(drawn).toMatchObject({ units: [], total: 0 });
  });

  it("says when not all calls that were chosen fit", () => {
    const chosen = { view: "whole", units: 2, unitTotal: 9, edgeTotal: 40, problems: 1, lines: 12 };
    expect(pictureOf({ ...graph, scene: chosen })).toMatchObject({ cut: true, total: 12, scene: { unitTotal: 9 } });
  });
});
