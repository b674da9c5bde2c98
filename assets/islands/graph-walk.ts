// Where the arrow keys lead from a box: along the edges to the sides, along the column up and down. Pure.

import type { Rect } from "./geometry";
import type { Scene } from "./scene";

export type Direction = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

/** The box that an arrow key leads to from a box; undefined when there is none. */
export function walk(scene: Scene, where: ReadonlyMap<string, Rect>, from: string, key: Direction): string | undefined {
  return key === "ArrowLeft" || key === "ArrowRight"
    ? follow(scene, where, from, key)
    : beside(scene, where, from, key);
}

const middle = (rect: Rect): number => rect.y + rect.height / 2;

/** Along the edges of the box, or of the boxes in it, to the nearest box at their other ends on that side. */
function follow(scene: Scene, where: ReadonlyMap<string, Rect>, from: string, key: Direction): string | undefined {
  const here = where.get(from);
  const unit = scene.units.find((u) => u.id === from);
  const inside = new Set([from, ...(unit?.members.map((box) => box.id) ?? [])]);
  const owner = scene.unitOf.get(from) ?? from;
  const reached = scene.lines.flatMap((line) => {
    const out = inside.has(line.from) && (scene.unitOf.get(line.to) ?? line.to) !== owner;
    const into = inside.has(line.to) && (scene.unitOf.get(line.from) ?? line.from) !== owner;
    return out ? [{ id: line.to, rate: line.row.rate }] : into ? [{ id: line.from, rate: line.row.rate }] : [];
  });
  const onSide = reached.filter(({ id }) => {
    const there = where.get(id);
    return (
      here && there && (key === "ArrowRight" ? there.x > here.x + here.width / 2 : there.x + there.width / 2 < here.x)
    );
  });
  const nearest = (id: string): number => Math.abs(middle(where.get(id) as Rect) - middle(here as Rect));
  onSide.sort((a, b) => nearest(a.id) - nearest(b.id) || b.rate - a.rate || (a.id < b.id ? -1 : 1));
  return onSide[0] && target(scene, onSide[0].id);
}

/** A unit of one box is reached by its own id. */
function target(scene: Scene, id: string): string {
  const unit = scene.units.find((u) => u.id === (scene.unitOf.get(id) ?? id));
  return unit && unit.members.length < 2 ? unit.id : id;
}

/** The next box above or below in the same column, versions inside a service included. */
function beside(scene: Scene, where: ReadonlyMap<string, Rect>, from: string, key: Direction): string | undefined {
  const stops = scene.units.flatMap((unit) => [
    { id: unit.id, unit: unit.id, at: where.get(unit.id)?.y ?? 0 },
    ...(unit.members.length > 1
      ? unit.members.map((box) => ({ id: box.id, unit: unit.id, at: where.get(box.id)?.y ?? 0 }))
      : []),
  ]);
  const here = stops.find((stop) => stop.id === from);
  const column = here && where.get(here.unit)?.x;
  const same = stops.filter((stop) => where.get(stop.unit)?.x === column).sort((a, b) => a.at - b.at);
  const index = same.findIndex((stop) => stop.id === from);
  return same[index + (key === "ArrowDown" ? 1 : -1)]?.id;
}
