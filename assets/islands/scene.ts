// What of a graph is drawn: virtual services with their versions as one unit, the calls between them, and around a focus a
// box for the neighbours that do not fit. The server chose what is there. Pure.

import { type Box, type Health, type More, nothing, type Picture, type Row, verdicts } from "./frames";

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
  /** Units there are, drawn or not. */
  readonly total: number;
};

/** The ids of the boxes that stand for neighbours that do not fit. */
export const moreId = (side: Side): string => `more/${side}`;

/** Left or right of the focus. */
export type Side = "callers" | "callees";

/** How bad a verdict is; what is not wrong is all the same. */
export const severity = (health: Health): number => Math.max(0, verdicts.indexOf(health) - verdicts.indexOf("healthy"));

/** The key of an edge by the graph ids of its ends. */
export const edgeKey = (edge: { readonly from: string; readonly to: string }): string => `${edge.from} ${edge.to}`;

/**
 * What to draw of a picture: all that the server chose of the mesh. The same picture gives the same scene, whatever the
 * order in its maps.
 */
export function scene(picture: Picture): Scene {
  const boxes = [...picture.boxes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { units, unitOf } = gather(boxes);
  const focus = unitOf.get(picture.scene?.center ?? "");
  const lines: Line[] = [];
  for (const edge of picture.edges.values()) {
    const { from, to, row } = edge;
    lines.push({ key: edgeKey(edge), from, to, row });
  }
  const steps = focus === undefined ? undefined : distances(focus, lines, unitOf);
  const hidden = picture.scene?.hidden ?? {};
  const drawn = [...units.values()].map((unit) => ({
    ...unit,
    hidden: hidden[unit.id] ?? 0,
    hops: steps?.get(unit.id) ?? 0,
  }));
  for (const side of ["callers", "callees"] as const) {
    const more = picture.scene?.more?.[side];
    if (more && focus !== undefined) {
      const { unit, line } = moreUnit(side, more, focus);
      drawn.push(unit);
      lines.push(line);
      unitOf.set(unit.id, unit.id);
    }
  }
  drawn.sort((a, b) => (a.id < b.id ? -1 : 1));
  lines.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { focus, units: drawn, lines, unitOf, total: picture.scene?.unitTotal ?? units.size };
}

/** How many steps every unit is from the focus, whichever way calls go. */
function distances(focus: string, lines: readonly Line[], unitOf: ReadonlyMap<string, string>) {
  const near = new Map<string, string[]>();
  const join = (a: string, b: string): void => {
    near.set(a, [...(near.get(a) ?? []), b]);
  };
  for (const { from, to } of lines) {
    const [a, b] = [unitOf.get(from) ?? from, unitOf.get(to) ?? to];
    join(a, b);
    join(b, a);
  }
  const steps = new Map([[focus, 0]]);
  let ring = [focus];
  for (let hop = 1; ring.length > 0; hop++) {
    const next = ring.flatMap((id) => near.get(id) ?? []).filter((id) => !steps.has(id));
    for (const id of next) {
      steps.set(id, hop);
    }
    ring = [...new Set(next)];
  }
  return steps;
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

/** The box and the line that stand for neighbours of the focus that do not fit. */
function moreUnit(side: Side, more: More, focus: string) {
  const id = moreId(side);
  const { units, health } = more;
  const traffic = { rate: more.requestRate, errors: more.errorRatio, p95: more.p95 };
  const unit: Unit = { id, kind: "more", name: String(units), members: [], health, traffic, hidden: units, hops: 1 };
  const [from, to] = side === "callers" ? [id, focus] : [focus, id];
  const row: Row = { ...nothing, ...traffic, declared: 1, used: traffic.rate > 0 ? 1 : 0, health };
  return { unit, line: { key: edgeKey({ from, to }), from, to, row } };
}
