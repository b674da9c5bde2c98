// What of a graph is drawn: virtual services with their versions as one unit, and around a focus the few neighbours
// that matter most. Pure.

import { type Box, type Edge, type Health, type Picture, type Row, verdicts } from "./frames";

/** One thing to place: a box, or a virtual service around its versions. */
export type Unit = {
  /** The graph id of the box, or of the virtual service. */
  readonly id: string;
  readonly kind: Box["kind"] | "more";
  readonly name: string;
  /** The boxes inside; several are versions of one service. Empty for "more". */
  readonly members: readonly Box[];
  readonly health: Health;
  readonly traffic: Traffic;
  /** Neighbours that are not drawn. */
  readonly hidden: number;
  /** Steps from the focus; 0 when there is none. */
  readonly hops: number;
};

/** What a unit receives: per second, 0 to 1, and seconds (the worst of its members). */
export type Traffic = { readonly rate: number; readonly errors: number; readonly p95: number };

/** An edge to draw, between boxes that are drawn. */
export type Line = { readonly key: string; readonly from: string; readonly to: string; readonly row: Row };

/** What is drawn. */
export type Scene = {
  readonly focus: string | undefined;
  readonly units: readonly Unit[];
  readonly lines: readonly Line[];
  /** The unit of every drawn box, by box id; of a service by its own id too. */
  readonly unitOf: ReadonlyMap<string, string>;
  /** The mesh has too many units to be drawn whole, and no focus was given. */
  readonly tooLarge: boolean;
  /** Units there are, drawn or not. */
  readonly total: number;
};

/** What somebody wants to see. */
export type Query = { readonly focus: string; readonly hops: number };

/** A mesh of up to this many units is drawn whole. */
export const MAX_WHOLE = 40;

/** Neighbours drawn on each side, by distance. */
export const MAX_SIDE = 8;

/** The ids of the boxes that stand for neighbours that do not fit. */
export const moreId = (side: Side): string => `more/${side}`;

/** Left or right of the focus. */
export type Side = "callers" | "callees";

/** How bad a verdict is; what is not wrong is all the same. */
export const severity = (health: Health): number => Math.max(0, verdicts.indexOf(health) - verdicts.indexOf("healthy"));

/** The key of an edge by the graph ids of its ends. */
export const edgeKey = (edge: { readonly from: string; readonly to: string }): string => `${edge.from} ${edge.to}`;

/** What to draw of a picture. The same picture gives the same scene, whatever the order in its maps. */
export function scene(picture: Picture, query: Query): Scene {
  const boxes = [...picture.boxes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const edges = [...picture.edges.values()];
  const { units, unitOf } = gather(boxes);
  const focus = find(query.focus, boxes, unitOf);
  if (query.focus === "" || !focus) {
    const tooLarge = units.size > MAX_WHOLE || picture.cut || query.focus !== "";
    const shown = tooLarge ? new Map<string, Unit>() : units;
    return compose({ shown, units, unitOf, edges, focus: undefined, tooLarge });
  }
  const chosen = around(focus, query.hops, { units, unitOf, edges });
  return compose({ ...chosen, units, unitOf, edges, focus, tooLarge: false });
}

/** The unit that a focus names: by graph id, or by the plain name of a service or a box. */
function find(focus: string, boxes: readonly Box[], unitOf: ReadonlyMap<string, string>): string | undefined {
  return (
    unitOf.get(focus) ?? unitOf.get(`service/${focus}`) ?? unitOf.get(boxes.find((b) => b.name === focus)?.id ?? "")
  );
}

/** Boxes gathered into units. */
function gather(boxes: readonly Box[]) {
  const groups = new Map<string, Box[]>();
  const services = new Map<string, Box>();
  const unitOf = new Map<string, string>();
  for (const box of boxes) {
    const id = box.kind === "node" && box.service ? `service/${box.service}` : box.id;
    const group = groups.get(id) ?? [];
    groups.set(id, group);
    unitOf.set(box.id, id);
    unitOf.set(id, id);
    if (box.kind === "service") {
      services.set(id, box);
    } else {
      group.push(box);
    }
  }
  const units = new Map<string, Unit>();
  for (const [id, members] of groups) {
    const service = services.get(id);
    const inside = members.length > 0 ? members : service ? [service] : [];
    units.set(id, unit(id, inside, service));
  }
  return { units, unitOf };
}

function unit(id: string, members: readonly Box[], service: Box | undefined): Unit {
  const first = service ?? members[0];
  return {
    id,
    kind: members.length > 1 || first?.kind === "service" ? "service" : (first?.kind ?? "node"),
    name: nameOf(id, members, service),
    members,
    health: worst([...members, ...(service ? [service] : [])].map((box) => box.row.health)),
    traffic: sum(members.map((box) => box.row)),
    hidden: 0,
    hops: 0,
  };
}

/** A service is called by its name, the only version that is there of one by its own. */
function nameOf(id: string, members: readonly Box[], service: Box | undefined): string {
  const [only] = members;
  if (only && members.length === 1 && (only.version || !id.startsWith("service/"))) {
    return only.name;
  }
  return service?.name ?? (id.startsWith("service/") ? id.slice("service/".length) : id);
}

/** The worst of several verdicts; healthy beats idle beats unknown. */
export const worst = (healths: readonly Health[]): Health =>
  verdicts[Math.max(0, ...healths.map((health) => verdicts.indexOf(health)))] ?? "unknown";

/** Several rows together: rates added, errors weighed by rate, the slowest latency. */
export function sum(rows: readonly Pick<Row, "rate" | "errors" | "p95">[]): Traffic {
  const total = rows.reduce((all, row) => all + row.rate, 0);
  const errors = rows.reduce((all, row) => all + row.rate * row.errors, 0);
  return { rate: total, errors: total > 0 ? errors / total : 0, p95: Math.max(0, ...rows.map((row) => row.p95)) };
}

type World = {
  readonly units: ReadonlyMap<string, Unit>;
  readonly unitOf: ReadonlyMap<string, string>;
  readonly edges: readonly Edge[];
};

type Chosen = { readonly shown: Map<string, Unit>; readonly surplus?: ReadonlyMap<Side, readonly string[]> };

/** The focus and, on each side and at each distance, the worst and then the busiest neighbours. */
function around(focus: string, hops: number, world: World): Chosen {
  const shown = new Map<string, Unit>();
  const surplus = new Map<Side, readonly string[]>();
  const center = world.units.get(focus);
  if (center) {
    shown.set(focus, center);
  }
  for (const side of ["callers", "callees"] as const) {
    let ring = [focus];
    for (let hop = 1; hop <= hops; hop++) {
      const ranked = rank(ring, side, world).filter((id) => !shown.has(id));
      ring = ranked.slice(0, MAX_SIDE);
      for (const id of ring) {
        const next = world.units.get(id);
        if (next) {
          shown.set(id, { ...next, hops: hop });
        }
      }
      if (hop === 1) {
        surplus.set(side, ranked.slice(MAX_SIDE));
      }
    }
  }
  return { shown, surplus };
}

/** The units on one side of a ring, the worst first, then the busiest. */
function rank(ring: readonly string[], side: Side, { unitOf, edges }: World): string[] {
  const found = new Map<string, { severity: number; rate: number }>();
  const from = new Set(ring);
  for (const edge of edges) {
    const [here, there] = side === "callers" ? [edge.to, edge.from] : [edge.from, edge.to];
    const [a, b] = [unitOf.get(here) ?? here, unitOf.get(there) ?? there];
    if (from.has(a) && a !== b) {
      const was = found.get(b) ?? { severity: 0, rate: 0 };
      const bad = Math.max(was.severity, severity(edge.row.health));
      found.set(b, { severity: bad, rate: was.rate + edge.row.rate });
    }
  }
  return [...found]
    .sort(([a, x], [b, y]) => y.severity - x.severity || y.rate - x.rate || (a < b ? -1 : 1))
    .map(([id]) => id);
}

type Composition = World & Chosen & { readonly focus: string | undefined; readonly tooLarge: boolean };

/** The scene of the units that are shown, with a box for those that do not fit beside the focus. */
function compose({ shown, surplus, units, unitOf, edges, focus, tooLarge }: Composition): Scene {
  const lines: Line[] = [];
  const hidden = new Map<string, Set<string>>();
  const collapsed = new Map<string, Side>();
  for (const [side, ids] of surplus ?? []) {
    for (const id of ids) {
      if (!shown.has(id)) {
        collapsed.set(id, side);
      }
    }
  }
  const gathered = new Map<Side, { ids: Set<string>; rows: Row[] }>();
  for (const edge of edges) {
    const [a, b] = [unitOf.get(edge.from) ?? edge.from, unitOf.get(edge.to) ?? edge.to];
    if (shown.has(a) && shown.has(b)) {
      lines.push({ key: edgeKey(edge), from: edge.from, to: edge.to, row: edge.row });
      continue;
    }
    const [inside, outside] = shown.has(a) ? [a, b] : [b, a];
    const side = collapsed.get(outside);
    const expected: Side = inside === a ? "callees" : "callers";
    if (inside === focus && side === expected) {
      const group = gathered.get(side) ?? { ids: new Set(), rows: [] };
      gathered.set(side, { ids: group.ids.add(outside), rows: [...group.rows, edge.row] });
    } else if (shown.has(inside)) {
      hidden.set(inside, (hidden.get(inside) ?? new Set()).add(outside));
    }
  }
  const drawn = [...shown.values()].map((u) => ({ ...u, hidden: hidden.get(u.id)?.size ?? 0 }));
  for (const [side, group] of gathered) {
    const { unit: more, line } = moreUnit(side, group.ids.size, group.rows, units.get(focus ?? ""));
    drawn.push(more);
    lines.push(line);
  }
  drawn.sort((a, b) => (a.id < b.id ? -1 : 1));
  lines.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { focus, units: drawn, lines, unitOf, tooLarge, total: units.size };
}

/** The box and the line that stand for neighbours of the focus that do not fit. */
function moreUnit(side: Side, count: number, rows: readonly Row[], focus: Unit | undefined) {
  const id = moreId(side);
  const traffic = sum(rows);
  const health = worst(rows.map((row) => row.health));
  const unit: Unit = { id, kind: "more", name: String(count), members: [], health, traffic, hidden: count, hops: 1 };
  const anchor = focus?.id ?? "";
  const [from, to] = side === "callers" ? [id, anchor] : [anchor, id];
  const base = rows[0] as Row;
  const p50 = Math.max(0, ...rows.map((row) => row.p50));
  const row: Row = { ...base, ...traffic, p50, health, why: [], causes: [] };
  return { unit, line: { key: edgeKey({ from, to }), from, to, row } };
}
