// Where the boxes of a topology stand: columns in call order, few crossings, and positions that stay. Pure and without
// randomness: the same input gives the same picture in any order, here or in a worker.

import { columns as columnsOf, type Link, neighbours } from "./layers";
import { type Columns, settle, untangle, type Wish } from "./order";

/** A box to place; all boxes of a picture are equally wide. */
export type Box = { readonly id: string; readonly height: number };

/** A point of the picture. */
export type Point = { readonly x: number; readonly y: number };

/** Where a box stands: its column, and its left upper corner. */
export type Place = Point & { readonly column: number; readonly height: number };

/** A picture: places by box id, and what links that pass over columns go through on their way, by linkKey. */
export type Layout = {
  readonly places: ReadonlyMap<string, Place>;
  readonly bends: ReadonlyMap<string, readonly Point[]>;
  readonly sizes: Sizes;
};

/** The measures of a picture in pixels. */
export type Sizes = {
  /** The width of a box. */
  readonly width: number;
  /** Between columns. */
  readonly gapX: number;
  /** Between boxes of a column. */
  readonly gapY: number;
};

/** Links that pass over columns get a way of their own up to this many boxes; beyond, they go straight. */
const MAX_BOXES_FOR_BENDS = 60;

/** The height that a passing link takes up in a column. */
const LANE = 10;

/** The key of a link in Layout.bends. */
export const linkKey = (link: Link): string => `${link.from} ${link.to}`;

/**
 * Places boxes. With a picture from before, everything that was in it stays exactly where it was: new boxes take free
 * room, and a box that grew into a neighbour moves itself.
 */
export function layout(boxes: readonly Box[], links: readonly Link[], sizes: Sizes, before?: Layout): Layout {
  const sorted = [...boxes].sort((a, b) => compare(a.id, b.id));
  const known = new Set(sorted.map((box) => box.id));
  const inside = unique(links.filter((link) => link.from !== link.to && known.has(link.from) && known.has(link.to)));
  const kept = before && sorted.some((box) => before.places.has(box.id)) ? before : undefined;
  return kept ? extend(sorted, inside, kept) : draw(sorted, inside, sizes);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function unique(links: readonly Link[]): Link[] {
  const byKey = new Map(links.map((link) => [linkKey(link), link]));
  return [...byKey.keys()].sort(compare).flatMap((key) => byKey.get(key) ?? []);
}

const isLane = (id: string): boolean => id.startsWith("\u0000");

/** Where a column begins. */
const columnX = (column: number, sizes: Sizes): number => column * (sizes.width + sizes.gapX);

/** A picture from nothing. */
function draw(boxes: readonly Box[], links: readonly Link[], sizes: Sizes): Layout {
  const column = columnsOf(
    boxes.map((box) => box.id),
    links,
  );
  const first = Math.min(0, ...column.values());
  const cells: Columns = [];
  for (const box of boxes) {
    const c = (column.get(box.id) ?? 0) - first;
    column.set(box.id, c);
    while (cells.length <= c) {
      cells.push([]);
    }
    cells[c]?.push(box.id);
  }
  const { steps, lanes } = split(links, column, cells, boxes.length <= MAX_BOXES_FOR_BENDS);
  const ordered = untangle(cells, steps);
  const heights = new Map(boxes.map((box) => [box.id, box.height]));
  const middles = align(ordered, steps, heights, sizes.gapY);

  const places = new Map<string, Place>();
  for (const box of boxes) {
    const c = column.get(box.id) ?? 0;
    const y = Math.round((middles.get(box.id) ?? 0) - box.height / 2);
    places.set(box.id, { column: c, x: columnX(c, sizes), y, height: box.height });
  }
  const bends = new Map<string, Point[]>();
  for (const [key, ids] of lanes) {
    bends.set(
      key,
      ids.map(({ id, column: c }) => ({
        x: columnX(c, sizes) + sizes.width / 2,
        y: Math.round(middles.get(id) ?? 0),
      })),
    );
  }
  return { places, bends, sizes };
}

type Lane = { id: string; column: number };

/** Cuts links over several columns into steps between neighbours, through lanes that it adds to the cells. */
function split(links: readonly Link[], column: ReadonlyMap<string, number>, cells: Columns, bend: boolean) {
  const steps: Link[] = [];
  const lanes = new Map<string, Lane[]>();
  for (const link of links) {
    const [a, b] = [column.get(link.from) ?? 0, column.get(link.to) ?? 0];
    const stride = Math.sign(b - a);
    if (stride === 0 || (Math.abs(b - a) > 1 && !bend)) {
      continue;
    }
    const through: Lane[] = [];
    let last = link.from;
    for (let c = a + stride; c !== b; c += stride) {
      const id = `\u0000${linkKey(link)} ${c}`;
      cells[c]?.push(id);
      through.push({ id, column: c });
      steps.push({ from: last, to: id });
      last = id;
    }
    steps.push({ from: last, to: link.to });
    if (through.length > 0) {
      lanes.set(linkKey(link), through);
    }
  }
  return { steps, lanes };
}

const ROUNDS = 24;

/** The middle of every box and lane: near its neighbours on both sides, lanes as straight as can be. */
function align(
  cells: Columns,
  steps: readonly Link[],
  heights: ReadonlyMap<string, number>,
  gap: number,
): Map<string, number> {
  const ids = cells.flat();
  const { out, in: into } = neighbours(ids, steps);
  const middles = new Map<string, number>();
  const height = (id: string): number => heights.get(id) ?? LANE;
  const place = (column: readonly string[], wish: (id: string) => number): void => {
    const wishes: Wish[] = column.map((id) => ({ height: height(id), middle: wish(id), weight: isLane(id) ? 4 : 1 }));
    settle(wishes, gap).forEach((middle, i) => {
      middles.set(column[i] ?? "", middle);
    });
  };
  for (const column of cells) {
    place(column, () => 0);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const rightwards = round % 2 === 0;
    for (const column of rightwards ? cells : [...cells].reverse()) {
      place(column, (id) => {
        const sides = round < ROUNDS / 2 ? [rightwards ? into.get(id) : out.get(id)] : [into.get(id), out.get(id)];
        const near = sides.flatMap((side) => side ?? []).map((other) => middles.get(other) ?? 0);
        return near.length > 0 ? near.reduce((a, b) => a + b, 0) / near.length : (middles.get(id) ?? 0);
      });
    }
  }
  return middles;
}

/** A picture that only adds to one from before. */
function extend(boxes: readonly Box[], links: readonly Link[], before: Layout): Layout {
  const { sizes } = before;
  const places = new Map<string, Place>();
  const moved: Box[] = [];
  for (const box of boxes) {
    const was = before.places.get(box.id);
    if (was && was.height >= box.height) {
      places.set(box.id, was);
    } else {
      moved.push(box);
    }
  }
  // Boxes that grew come before boxes that are new: they have the older right to their place.
  moved.sort((a, b) => Number(before.places.has(b.id)) - Number(before.places.has(a.id)) || compare(a.id, b.id));
  const { out, in: into } = neighbours(
    boxes.map((box) => box.id),
    links,
  );
  for (const box of moved) {
    const was = before.places.get(box.id);
    const callers = (into.get(box.id) ?? []).flatMap((id) => places.get(id) ?? []);
    const callees = (out.get(box.id) ?? []).flatMap((id) => places.get(id) ?? []);
    const near = [...callers, ...callees];
    const column = was?.column ?? between(callers, callees);
    const wish =
      was?.y ?? near.map((p) => p.y + p.height / 2 - box.height / 2).reduce((a, b) => a + b, 0) / (near.length || 1);
    const taken = [...places.values()].filter((place) => place.column === column);
    const y = freeRoom(Math.round(wish), box.height, taken, sizes.gapY);
    places.set(box.id, { column, x: columnX(column, sizes), y, height: box.height });
  }
  const bends = new Map<string, readonly Point[]>();
  for (const link of links) {
    const key = linkKey(link);
    const untouched = ![link.from, link.to].some((id) => moved.some((box) => box.id === id));
    const way = (untouched ? before.bends.get(key) : undefined) ?? wayAround(link, places, sizes);
    if (way.length > 0) {
      bends.set(key, way);
    }
  }
  return { places, bends, sizes };
}

/** The column of a new box: right of its callers, else left of what it calls, else the first. */
function between(callers: readonly Place[], callees: readonly Place[]): number {
  if (callers.length > 0) {
    return Math.max(...callers.map((place) => place.column)) + 1;
  }
  return callees.length > 0 ? Math.min(...callees.map((place) => place.column)) - 1 : 0;
}

/** The y nearest to the wish at which a box fits between those that stand there. */
export function freeRoom(wish: number, height: number, taken: readonly Place[], gap: number): number {
  const clear = (y: number): boolean => taken.every((t) => y + height + gap <= t.y || y >= t.y + t.height + gap);
  const candidates = [wish, ...taken.flatMap((t) => [t.y - gap - height, t.y + t.height + gap])];
  return candidates
    .filter(clear)
    .reduce((best, y) => (Math.abs(y - wish) < Math.abs(best - wish) ? y : best), Number.POSITIVE_INFINITY);
}

/** Points by which a link passes the boxes in the columns between its ends. */
function wayAround(link: Link, places: ReadonlyMap<string, Place>, sizes: Sizes): Point[] {
  const [from, to] = [places.get(link.from), places.get(link.to)];
  if (!from || !to || places.size > MAX_BOXES_FOR_BENDS) {
    return [];
  }
  const stride = Math.sign(to.column - from.column);
  const points: Point[] = [];
  for (let c = from.column + stride; stride !== 0 && c !== to.column; c += stride) {
    const part = (c - from.column) / (to.column - from.column);
    const [start, end] = [from.y + from.height / 2, to.y + to.height / 2];
    const taken = [...places.values()].filter((place) => place.column === c);
    const y = freeRoom(start + (end - start) * part - LANE / 2, LANE, taken, sizes.gapY / 2) + LANE / 2;
    points.push({ x: columnX(c, sizes) + sizes.width / 2, y: Math.round(y) });
  }
  return points;
}
