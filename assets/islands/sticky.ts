// A picture that only adds to one from before: nothing that stands in it moves. Pure.

import type { Link } from "./layers";
import { type Box, compare, LANE, type Layout, linkKey, MAX_BOXES_FOR_BENDS, type Place, type Point } from "./layout";

/** Boxes that left are remembered up to this many, so that one that comes and goes finds its place again. */
const MAX_LEFT = 500;

/** Adds to a picture. New boxes come near what they call and are called by; boxes and links are sorted and unique. */
export function extend(boxes: readonly Box[], links: readonly Link[], before: Layout): Layout {
  const { sizes } = before;
  const places = new Map<string, Place>();
  const columns = new Map(before.columns);
  const moved: Box[] = [];
  for (const box of boxes) {
    const was = before.places.get(box.id);
    if (was && was.height >= box.height) {
      places.set(box.id, was);
    } else {
      moved.push(box);
    }
  }
  // Boxes that grew come before those that return, and these before boxes that are new: the older has the older right.
  const age = (id: string): number => (before.places.has(id) ? 0 : before.left.has(id) ? 1 : 2);
  moved.sort((a, b) => age(a.id) - age(b.id) || compare(a.id, b.id));
  const near = ends(links);
  const taken = byColumn(places.values());
  for (const box of moved) {
    const was = before.places.get(box.id) ?? before.left.get(box.id);
    const there = (ids: readonly string[] | undefined): Place[] => (ids ?? []).flatMap((id) => places.get(id) ?? []);
    const [callers, callees] = [there(near.get(box.id)?.into), there(near.get(box.id)?.out)];
    const column = was?.column ?? between(callers, callees);
    const x = columns.get(column) ?? beyond(columns, column, sizes.width + sizes.gapX);
    columns.set(column, x);
    const standing = taken.get(column) ?? [];
    const wish = was?.y ?? mean([...callers, ...callees].map((p) => p.y + p.height / 2 - box.height / 2));
    const place = { column, x, y: freeRoom(Math.round(wish), box.height, standing, sizes.gapY), height: box.height };
    places.set(box.id, place);
    taken.set(column, [...standing, place]);
  }
  const middleOf = (c: number): number => (columns.get(c) ?? 0) + sizes.width / 2;
  const changed = new Set(moved.map((box) => box.id));
  const bends = new Map<string, readonly Point[]>();
  for (const link of places.size > MAX_BOXES_FOR_BENDS ? [] : links) {
    const untouched = !changed.has(link.from) && !changed.has(link.to);
    const way = (untouched ? before.bends.get(linkKey(link)) : undefined) ?? wayAround(link, places, taken, middleOf);
    if (way.length > 0) {
      bends.set(linkKey(link), way);
    }
  }
  const left = [...before.left, ...before.places].filter(([id]) => !places.has(id)).slice(-MAX_LEFT);
  return { places, bends, sizes, columns, left: new Map(left) };
}

type Ends = { readonly into: string[]; readonly out: string[] };

function ends(links: readonly Link[]): Map<string, Ends> {
  const found = new Map<string, Ends>();
  const of = (id: string): Ends => {
    const known = found.get(id) ?? { into: [], out: [] };
    found.set(id, known);
    return known;
  };
  for (const { from, to } of links) {
    of(from).out.push(to);
    of(to).into.push(from);
  }
  return found;
}

function byColumn(places: Iterable<Place>): Map<number, Place[]> {
  const found = new Map<number, Place[]>();
  for (const place of places) {
    const column = found.get(place.column);
    if (column) {
      column.push(place);
    } else {
      found.set(place.column, [place]);
    }
  }
  return found;
}

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / (list.length || 1);

/** The column of a new box: right of its callers, else left of what it calls, else the first. */
function between(callers: readonly Place[], callees: readonly Place[]): number {
  if (callers.length > 0) {
    return Math.max(...callers.map((place) => place.column)) + 1;
  }
  return callees.length > 0 ? Math.min(...callees.map((place) => place.column)) - 1 : 0;
}

/** Where a column begins that is not there yet: as many steps left or right of all others as its number says. */
function beyond(columns: ReadonlyMap<number, number>, column: number, step: number): number {
  const known = [...columns.keys()];
  const edge = column < 0 ? Math.min(...known) : Math.max(...known);
  return (columns.get(edge) ?? 0) + (column - edge) * step;
}

/** The y nearest to the wish at which a box fits between those that stand there. */
export function freeRoom(wish: number, height: number, taken: readonly Place[], gap: number): number {
  const sorted = [...taken].sort((a, b) => a.y - b.y);
  let best = Number.NaN;
  let from = Number.NEGATIVE_INFINITY;
  for (let i = 0; i <= sorted.length; i++) {
    const next = sorted[i];
    const to = next ? next.y - gap - height : Number.POSITIVE_INFINITY;
    const y = Math.min(Math.max(wish, from), to);
    if (from <= to && !(Math.abs(y - wish) >= Math.abs(best - wish))) {
      best = y;
    }
    from = next ? Math.max(from, next.y + next.height + gap) : from;
  }
  return best;
}

/** Points by which a link passes the boxes in the columns between its ends. */
function wayAround(
  link: Link,
  places: ReadonlyMap<string, Place>,
  taken: ReadonlyMap<number, readonly Place[]>,
  middleOf: (column: number) => number,
): Point[] {
  const [from, to] = [places.get(link.from), places.get(link.to)];
  if (!from || !to) {
    return [];
  }
  const stride = Math.sign(to.column - from.column);
  const points: Point[] = [];
  for (let c = from.column + stride; stride !== 0 && c !== to.column; c += stride) {
    const part = (c - from.column) / (to.column - from.column);
    const [start, end] = [from.y + from.height / 2, to.y + to.height / 2];
    const y = freeRoom(start + (end - start) * part - LANE / 2, LANE, taken.get(c) ?? [], LANE) + LANE / 2;
    points.push({ x: middleOf(c), y: Math.round(y) });
  }
  return points;
}
