// The picture of a moment that has passed, from the graph that the API gives. Pure.

import type { components } from "./api.gen";
import { type Box, type Edge, type Health, type Picture, type Row, type Scene, verdicts } from "./frames";

type Schemas = components["schemas"];
type Node = Schemas["GraphNode"];
type Call = Schemas["GraphEdge"];

const pool = (of: Node["pool"]) => ({
  connections: of?.connections ?? 0,
  pending: of?.pending ?? 0,
  active: of?.active ?? 0,
  maxConnections: of?.maxConnections ?? 0,
  maxPending: of?.maxPendingRequests ?? 0,
  maxRequests: of?.maxRequests ?? 0,
  overflow: of?.overflowRate ?? 0,
});

const verdict = (of: { health?: string }): Health => verdicts.find((name) => name === of.health) ?? "unknown";

const numbers = (of: Node | Call) => ({
  rate: of.requestRate ?? 0,
  errors: of.errorRatio ?? 0,
  p50: of.p50 ?? 0,
  p95: of.p95 ?? 0,
  p99: of.p99 ?? 0,
  declared: of.declared ? 1 : 0,
  health: verdict(of),
  why: of.why ?? [],
  causes: of.causes ?? [],
  ...pool(of.pool),
});

const rowOfNode = (node: Node): Row => ({
  ...numbers(node),
  used: 1,
  bytes: 0,
  inFlight: 0,
  members: 0,
  healthy: 0,
  ejected: 0,
  weight: null,
  share: null,
  proxies: node.proxies ?? 0,
});

const rowOfCall = (call: Call): Row => ({
  ...numbers(call),
  used: call.used ? 1 : 0,
  bytes: call.bytesRate ?? 0,
  inFlight: call.active ?? 0,
  members: call.members ?? 0,
  healthy: call.healthy ?? 0,
  ejected: call.ejected ?? 0,
  weight: call.weight ?? null,
  share: call.share ?? null,
  proxies: 0,
});

/** The picture of a graph, with what was chosen of it. */
export function pictureOf(graph: Schemas["Graph"]): Picture {
  const nodes = graph.nodes ?? [];
  const calls = graph.edges ?? [];
  const boxes = nodes.map(
    (node): Box => ({
      id: node.id ?? "",
      kind: (node.kind ?? "node") as Box["kind"],
      name: node.name ?? node.id ?? "",
      ...(node.service ? { service: node.service } : {}),
      ...(node.version ? { version: node.version } : {}),
      row: rowOfNode(node),
    }),
  );
  const edges = calls.map(
    (call): Edge => ({
      from: call.from ?? "",
      to: call.to ?? "",
      protocol: call.protocol ?? "",
      services: call.services ?? [],
      row: rowOfCall(call),
    }),
  );
  const scene = graph.scene as Scene | undefined; // the API says of enumerations only that they are text
  return {
    view: "past",
    epoch: 0,
    seq: 0,
    at: Date.parse(graph.at ?? "") || 0,
    ticks: false,
    fresh: false,
    age: 0,
    cut: (scene?.lines ?? 0) > calls.length,
    total: scene?.lines ?? calls.length,
    nodeTotal: nodes.length,
    ...(scene && { scene }),
    order: edges.map((_, i) => i),
    boxes: new Map(boxes.map((box, i) => [i, box])),
    edges: new Map(edges.map((edge, i) => [i, edge])),
    rows: new Map(),
  };
}
