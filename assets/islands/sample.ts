// A small drawing for tests of what is done with drawings.

import { type Box, nothing } from "./frames";
import { type Path, rects, sizesFor, unitHeight, Ways } from "./geometry";
import { layout } from "./layout";
import type { Line, Scene, Unit } from "./scene";

const box = (id: string): Box => ({ id, kind: "node", name: id, row: nothing });
export const unit = (id: string, members = [id]): Unit => ({
  id,
  kind: members.length > 1 ? "service" : "node",
  name: id,
  members: members.map(box),
  health: "healthy",
  traffic: { rate: 1, errors: 0, p95: 0 },
  hidden: 0,
  hops: 0,
});
export const line = (from: string, to: string): Line => ({
  key: `${from} ${to}`,
  from,
  to,
  row: { ...nothing, rate: 1 },
});

export function drawing(units: Unit[], lines: Line[]) {
  const unitOf = new Map(
    units.flatMap((u) => [[u.id, u.id], ...u.members.map((b): [string, string] => [b.id, u.id])] as [string, string][]),
  );
  const scene: Scene = { focus: undefined, units, lines, unitOf, total: units.length };
  const laid = layout(
    units.map((u) => ({ id: u.id, height: unitHeight(u) })),
    lines.map((l) => ({ from: unitOf.get(l.from) ?? "", to: unitOf.get(l.to) ?? "" })),
    sizesFor(3, 1200),
  );
  const where = rects(units, laid);
  const all = new Ways(scene, laid, where);
  const ways = new Map(lines.map((l): [string, Path] => [l.key, all.get(l.key) as Path]));
  return { scene, laid, where, ways };
}

export const sample = () =>
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
