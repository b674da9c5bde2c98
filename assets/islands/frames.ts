// Frames of the live socket, as docs/guide/live.md describes them, and the picture that a client makes of them. Pure.

import type { components } from "./api.gen";

/** Verdicts in the order of their numbers in frames, from "cannot say" to worst. */
export const verdicts = ["unknown", "idle", "healthy", "degraded", "unhealthy"] as const;

/** A verdict on a box or an edge. */
export type Health = (typeof verdicts)[number];

/** One reason for a verdict. */
export type Cause = Readonly<components["schemas"]["Cause"]>;

/** The numbers of a box or an edge. Rates are per second, latencies in seconds, ratios and shares 0 to 1. */
export type Row = Readonly<Record<Exclude<keyof typeof columns, "weight" | "share">, number>> & {
  readonly weight: number | null;
  readonly share: number | null;
  readonly health: Health;
  readonly why: readonly string[];
  readonly causes: readonly Cause[];
};

/** A box of the graph; its row is what it receives. */
export type Box = {
  readonly id: string;
  readonly kind: "node" | "service" | "gateway" | "external" | "unknown";
  readonly name: string;
  readonly service?: string;
  readonly version?: string;
  readonly row: Row;
};

/** An edge of the graph, by the graph ids of its boxes. */
export type Edge = {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly services: readonly string[];
  readonly row: Row;
};

/** How the mesh may be looked at, as in addresses. */
export type View = "problems" | "focus" | "groups" | "table" | "whole";

/** Several neighbours of the unit in focus together. */
export type More = {
  readonly units: number;
  readonly requestRate: number;
  readonly errorRatio: number;
  readonly p95: number;
  readonly health: Health;
};

/** The heaviest way from an entry of the mesh to an edge that is beyond its limits, by units. */
export type Path = {
  readonly units: readonly string[];
  /** The edge's ends as graph ids; from is empty when it is the box at to that is beyond its limits. */
  readonly from: string;
  readonly to: string;
  readonly health: Health;
  readonly shown: boolean;
};

/** An edge whose traffic changed in the last minutes. */
export type Shift = {
  readonly from: string;
  readonly to: string;
  readonly what: "rate" | "errors" | "p95";
  readonly before: number;
  readonly after: number;
};

/** Some of the mesh's units. Kind says what no service's name stands for: a kind of boxes, "none", "other". */
export type Group = {
  readonly name: string;
  readonly kind?: string;
  readonly units: number;
  readonly health: Health;
  readonly requestRate: number;
};

/** All calls from one group to another or within one, by places in the list of groups. */
export type Cell = {
  readonly from: number;
  readonly to: number;
  readonly edges: number;
  readonly problems: number;
  readonly requestRate: number;
  readonly errorRatio: number;
  readonly health: Health;
};

/** Groups of units against each other. */
export type Groups = {
  readonly by: string;
  readonly ways: readonly string[];
  readonly list: readonly Group[];
  readonly cells: readonly Cell[];
};

/** What a view shows of the mesh and how much it leaves out; a unit is a service around its versions, or another box. */
export type Scene = {
  readonly view: View;
  readonly center?: string;
  readonly units: number;
  readonly unitTotal: number;
  readonly edgeTotal: number;
  readonly problems: number;
  readonly hid?: number;
  readonly hidProblems?: number;
  /** How many edges the view is about; more than the picture has when not all of them fit. */
  readonly lines: number;
  readonly hidden?: Readonly<Record<string, number>>;
  readonly more?: { readonly callers?: More; readonly callees?: More };
  readonly paths?: readonly Path[];
  readonly shifts?: readonly Shift[];
  readonly groups?: Groups;
};

/** What is known of a view after a frame. Pictures are never changed; the next frame makes the next one. */
export type Picture = {
  readonly view: string;
  readonly epoch: number;
  readonly seq: number;
  /** The moment of the data in milliseconds since 1970, by the server's clock. */
  readonly at: number;
  /** Whether the view has numbers that come every second; views of changes and proxies have not. */
  readonly ticks: boolean;
  readonly fresh: boolean;
  /** How old the data was when the frame was made, in seconds. */
  readonly age: number;
  readonly cut: boolean;
  readonly total: number;
  readonly nodeTotal: number;
  /** What was chosen to be shown; absent in views that choose nothing. */
  readonly scene?: Scene;
  /** Of a page of a table: the edges' ids in its order. */
  readonly order?: readonly number[];
  readonly boxes: ReadonlyMap<number, Box>;
  readonly edges: ReadonlyMap<number, Edge>;
  /** Whole objects by id, in views of changes and proxies. */
  readonly rows: ReadonlyMap<string, unknown>;
};

type Column = readonly (number | null)[];
type Table = { readonly i?: readonly number[]; readonly [column: string]: unknown };
type Name = Omit<Box, "row">;
type Ends = { readonly from: number; readonly to: number; readonly protocol?: string; readonly services?: string[] };
type Why = { readonly text?: readonly string[]; readonly causes?: readonly Cause[] };

/** A frame as it arrives. */
export type Frame = Table & {
  readonly v: string;
  readonly error?: string;
  readonly epoch?: number;
  readonly seq?: number;
  readonly base?: number;
  readonly t?: number;
  readonly w?: number;
  readonly fresh?: boolean;
  readonly age?: number;
  readonly total?: number;
  readonly nodeTotal?: number;
  readonly cut?: boolean;
  readonly scene?: Scene;
  readonly order?: readonly number[];
  readonly names?: Readonly<Record<string, Name>>;
  readonly edges?: Readonly<Record<string, Ends>>;
  readonly nodes?: Table;
  readonly gone?: readonly number[];
  readonly why?: Readonly<Record<string, Why>>;
  readonly same?: readonly number[];
  readonly rows?: readonly { readonly id: string }[];
  readonly goneRows?: readonly string[];
};

/** The names of the columns on the wire. */
const columns = {
  rate: "r",
  errors: "e",
  p50: "p50",
  p95: "p",
  p99: "p99",
  declared: "d",
  used: "u",
  bytes: "b",
  inFlight: "f",
  members: "m",
  healthy: "g",
  ejected: "x",
  weight: "wt",
  share: "sh",
  proxies: "n",
  connections: "c",
  pending: "q",
  active: "a",
  maxConnections: "lc",
  maxPending: "lq",
  maxRequests: "la",
  overflow: "o",
} as const;

const fields = Object.entries(columns);

/** A frame that cannot be applied: the client has to ask for everything again. */
export class Gap extends Error {}

/** The picture after a frame. Throws Gap when the frame does not follow, or speaks of what is not known. */
export function apply(before: Picture | undefined, frame: Frame): Picture {
  const delta = frame.base !== undefined;
  if (delta && (!before || before.seq !== frame.base || before.epoch !== frame.epoch)) {
    throw new Gap(`frame ${frame.seq} of ${frame.v} follows ${frame.base}, not ${before?.seq}`);
  }
  const last = delta ? before : undefined;
  if (last && quiet(frame)) {
    return { ...last, ...head(frame, last) };
  }
  const boxes = new Map(last?.boxes);
  const edges = new Map(last?.edges);
  const gone = frame.gone ?? [];
  for (const id of gone) {
    boxes.delete(id);
    edges.delete(id);
  }
  for (const [id, name] of entries(frame.names)) {
    boxes.set(id, { ...name, row: boxes.get(id)?.row ?? nothing });
  }
  for (const [id, ends] of entries(frame.edges)) {
    const [from, to] = [boxes.get(ends.from), boxes.get(ends.to)];
    if (!from || !to) {
      throw new Gap(`edge ${id} of ${frame.v} joins boxes that have no name`);
    }
    const { protocol = "", services = [] } = ends;
    edges.set(id, { from: from.id, to: to.id, protocol, services, row: edges.get(id)?.row ?? nothing });
  }
  take(edges, frame, frame);
  take(boxes, frame.nodes ?? {}, frame);
  const order = (frame.order ?? last?.order)?.filter((id) => edges.has(id));
  return { ...head(frame, last), ...(order && { order }), boxes, edges, rows: objects(frame, last) };
}

/** Whether a frame only says that everything stands as it did: then the maps are the same ones. */
const quiet = (frame: Frame): boolean =>
  !(frame.names || frame.edges || frame.gone || frame.i || frame.nodes || frame.order || frame.rows || frame.goneRows);

const entries = <T>(record: Readonly<Record<string, T>> | undefined): [number, T][] =>
  Object.entries(record ?? {}).map(([id, value]) => [Number(id), value]);

/** What a frame says of its view as a whole. */
function head(frame: Frame, last: Picture | undefined): Omit<Picture, "boxes" | "edges" | "rows" | "order"> {
  const scene = frame.scene ?? last?.scene;
  return {
    ...(scene && { scene }),
    view: frame.v,
    epoch: frame.epoch ?? 0,
    seq: frame.seq ?? 0,
    at: frame.t ?? last?.at ?? 0,
    ticks: frame.w !== undefined || (last?.ticks ?? false),
    fresh: frame.fresh ?? false,
    age: frame.age ?? 0,
    cut: frame.cut ?? false,
    total: frame.total ?? 0,
    nodeTotal: frame.nodeTotal ?? 0,
  };
}

function objects(frame: Frame, last: Picture | undefined): ReadonlyMap<string, unknown> {
  const rows = new Map(last?.rows);
  for (const row of frame.rows ?? []) {
    rows.set(row.id, row);
  }
  for (const id of frame.goneRows ?? []) {
    rows.delete(id);
  }
  return rows;
}

/** Gives every row of a table to what it belongs to. */
function take<T extends { readonly row: Row }>(into: Map<number, T>, table: Table, frame: Frame): void {
  const same = new Set(frame.same);
  (table.i ?? []).forEach((id, k) => {
    const owner = into.get(id);
    if (!owner) {
      throw new Gap(`a row of id ${id} of ${frame.v}, which has no name`);
    }
    const { why, causes } = owner.row;
    const said = same.has(id) ? { text: why, causes } : frame.why?.[id];
    into.set(id, { ...owner, row: rowAt(table, k, said) });
  });
}

function rowAt(table: Table, k: number, why: Why | undefined): Row {
  const row: Record<string, unknown> = {};
  for (const [name, column] of fields) {
    row[name] = at(table, column, k) ?? (name === "weight" || name === "share" ? null : 0);
  }
  const health = verdicts[at(table, "h", k) ?? 0] ?? "unknown";
  return { ...row, health, why: why?.text ?? [], causes: why?.causes ?? [] } as unknown as Row;
}

const at = (table: Table, column: string, k: number): number | null | undefined =>
  (table[column] as Column | undefined)?.[k];

/** A row that says nothing. */
export const nothing: Row = rowAt({}, 0, undefined);
