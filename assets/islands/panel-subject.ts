// What a selection of the topology is about: a box, a service around its versions, a call, or several together. Pure.

import type { Box, Picture, Row } from "./frames";
import { edgeKey, type Line, type Scene, type Side, sum, type Traffic, worst } from "./scene";

/** What the side panel shows. */
export type Subject = {
  readonly id: string;
  readonly kind: "box" | "edge" | "more";
  readonly row: Row;
  /** The unit or the box it is, or a call's ends. */
  readonly ends: readonly string[];
  /** A virtual service and a virtual node that pages are about. */
  readonly service: string | undefined;
  readonly node: string | undefined;
  readonly lines: { readonly callers: readonly Line[]; readonly callees: readonly Line[] };
};

/** The subject of a box's graph id, a unit's, or an edge's key; undefined when there is no such thing. */
export function subjectOf(selected: string, picture: Picture, scene: Scene): Subject | undefined {
  const line = scene.lines.find((each) => each.key === selected);
  return line ? edgeSubject(line, picture) : boxSubject(selected, picture, scene);
}

function boxSubject(selected: string, picture: Picture, scene: Scene): Subject | undefined {
  const unit = scene.units.find((each) => each.id === selected);
  const box = [...picture.boxes.values()].find((each) => each.id === selected);
  const members = unit?.members.map((each) => each.id) ?? [selected];
  const inside = new Set([selected, ...members]);
  const common = {
    id: selected,
    kind: "box" as const,
    ends: [selected],
    lines: {
      callers: scene.lines.filter((l) => inside.has(l.to) && !inside.has(l.from)),
      callees: scene.lines.filter((l) => inside.has(l.from) && !inside.has(l.to)),
    },
  };
  if (unit && unit.members.length > 1) {
    const row = box?.row ?? unit.members.find((each) => each.row.health === unit.health)?.row ?? unit.members[0]?.row;
    return row && { ...common, row: { ...row, ...unit.traffic }, service: unit.name, node: undefined };
  }
  const only = box?.kind === "service" ? (unit?.members[0] ?? box) : (box ?? unit?.members[0]);
  return (
    only && {
      ...common,
      row: only.row,
      service: only.service ?? (only.kind === "service" ? only.name : undefined),
      node: only.kind === "node" ? only.name : undefined,
    }
  );
}

function edgeSubject(line: Line, picture: Picture): Subject {
  const to = [...picture.boxes.values()].find((box: Box) => box.id === line.to);
  const edge = [...picture.edges.values()].find((each) => edgeKey(each) === line.key);
  const several = line.from.startsWith("more/") || line.to.startsWith("more/");
  return {
    id: line.key,
    kind: several ? "more" : "edge",
    row: line.row,
    ends: [line.from, line.to],
    service: to?.service ?? edge?.services[0],
    node: to?.kind === "node" ? to.name : undefined,
    lines: { callers: [], callees: [] },
  };
}

/** A neighbour of a subject, with all that goes between. */
export type Neighbour = {
  readonly id: string;
  readonly traffic: Traffic;
  readonly health: Row["health"];
  /** The one call between; undefined when there are several. */
  readonly edge: string | undefined;
};

/** The units on one side, what is wrong first, then the busiest. */
export function neighbours(side: Side, { lines }: Subject, scene: Scene): readonly Neighbour[] {
  const found = new Map<string, Line[]>();
  for (const line of lines[side]) {
    const id = side === "callers" ? line.from : line.to;
    const unit = scene.unitOf.get(id) ?? id;
    found.set(unit, [...(found.get(unit) ?? []), line]);
  }
  const bad = ({ health }: Neighbour): number => (health === "unhealthy" ? 2 : health === "degraded" ? 1 : 0);
  return [...found]
    .map(([id, between]) => ({
      id,
      traffic: sum(between.map((line) => line.row)),
      health: worst(between.map((line) => line.row.health)),
      edge: between.length === 1 ? between[0]?.key : undefined,
    }))
    .sort((a, b) => bad(b) - bad(a) || b.traffic.rate - a.traffic.rate || (a.id < b.id ? -1 : 1));
}
