// Where the boxes of a topology stand: columns in call order, few crossings, and positions that stay. Pure and without
// randomness: the same input gives the same picture in any order, here or in a worker.

import { adjacency, at, columns as columnsOf, type Graph, graphOf, type Link } from "./layers";
import { type Columns, type Sides, settle, untangle, type Wish } from "./order";
import { extend } from "./sticky";

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
  /** Where each column begins. */
  readonly columns: ReadonlyMap<number, number>;
  /** Where boxes stood that are not there at the moment: they come back to it. */
  readonly left: ReadonlyMap<string, Place>;
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

/** The measures of a picture of so many columns. */
export type Measure = (columns: number) => Sizes;

/** Links that pass over columns get a way of their own up to this many boxes; beyond, they go straight. */
export const MAX_BOXES_FOR_BENDS = 60;

/** The height that a passing link takes up in a column. */
export const LANE = 10;

/** The key of a link in Layout.bends. */
export const linkKey = (link: Link): string => `${link.from} ${link.to}`;

/**
 * Places boxes. With a picture from before, everything that was in it stays exactly where it was: new boxes take free
 * room, and a box that grew into a neighbour moves itself.
 */
export function layout(boxes: readonly Box[], links: readonly Link[], sizes: Sizes | Measure, before?: Layout): Layout {
  const sorted = [...boxes].sort((a, b) => compare(a.id, b.id));
  const known = new Set(sorted.map((box) => box.id));
  const inside = unique(links.filter((link) => link.from !== link.to && known.has(link.from) && known.has(link.to)));
  if (before && holds(before, sorted)) {
    return extend(sorted, inside, before);
  }
  return draw(sorted, inside, typeof sizes === "function" ? sizes : () => sizes);
}

/** Whether a picture shows any of the boxes, so that it can be added to. */
export const holds = (before: Layout, boxes: readonly Box[]): boolean => boxes.some((box) => before.places.has(box.id));

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function unique(links: readonly Link[]): Link[] {
  const byKey = new Map(links.map((link) => [linkKey(link), link]));
  return [...byKey.keys()].sort(compare).flatMap((key) => byKey.get(key) ?? []);
}

/** A picture from nothing. */
function draw(boxes: readonly Box[], links: readonly Link[], measure: Measure): Layout {
  const graph = graphOf(
    boxes.map((box) => box.id),
    links,
  );
  const large = boxes.length > MAX_BOXES_FOR_BENDS;
  const column = columnsOf(graph);
  const cells: Columns = [];
  const first = column.reduce((a, b) => Math.min(a, b), 0);
  column.forEach((c, box) => {
    column[box] = c - first;
    while (cells.length <= c - first) {
      cells.push([]);
    }
    cells[c - first]?.push(box);
  });
  const sizes = measure(cells.length);
  const { sides, lanes, laneOf } = large ? plain(graph) : split(graph, column, cells);
  const ordered = untangle(cells, sides, large ? 8 : 12);
  const { parts, columns } = large ? wrap(ordered, sizes) : { parts: ordered, columns: evenly(ordered.length, sizes) };
  const heights = (box: number): number => boxes[box]?.height ?? LANE;
  const middles = align(parts, sides, { heights, laneOf, gap: sizes.gapY, rounds: boxes.length > 300 ? 6 : 24 });

  const places = new Map<string, Place>();
  parts.forEach((part, c) => {
    for (const box of part) {
      const { id, height } = boxes[box] ?? { id: "", height: 0 };
      if (id !== "") {
        places.set(id, { column: c, x: columns[c] ?? 0, y: Math.round(at(middles, box) - height / 2), height });
      }
    }
  });
  const bends = new Map<string, Point[]>();
  for (const [link, ids] of lanes) {
    const points = ids.map((lane) => ({
      x: (columns[at(laneOf, lane)] ?? 0) + sizes.width / 2,
      y: Math.round(at(middles, lane)),
    }));
    bends.set(linkKey(links[link] as Link), points);
  }
  return { places, bends, sizes, columns: new Map(columns.entries()), left: new Map() };
}

const evenly = (count: number, { width, gapX }: Sizes): number[] =>
  Array.from({ length: count }, (_, c) => c * (width + gapX));

type Parted = {
  readonly sides: Sides;
  /** The lanes of links over several columns, by the link's number. */
  readonly lanes: ReadonlyMap<number, readonly number[]>;
  /** The column of every lane; -1 for boxes. */
  readonly laneOf: Int32Array;
};

const sidesOf = (size: number, from: Int32Array, to: Int32Array): Sides => ({
  out: adjacency(size, from, to),
  into: adjacency(size, to, from),
});

/** Links as they are, however many columns they pass. */
function plain({ size, from, to }: Graph): Parted {
  return { sides: sidesOf(size, from, to), lanes: new Map(), laneOf: new Int32Array(size).fill(-1) };
}

/** Cuts links over several columns into steps between neighbours, through lanes that it adds to the cells. */
function split(graph: Graph, column: Int32Array, cells: Columns): Parted {
  const [from, to]: [number[], number[]] = [[], []];
  const lanes = new Map<number, number[]>();
  const laneOf: number[] = Array.from({ length: graph.size }, () => -1);
  for (let link = 0; link < graph.from.length; link++) {
    const [start, end] = [at(graph.from, link), at(graph.to, link)];
    const stride = Math.sign(at(column, end) - at(column, start));
    const through: number[] = [];
    let last = start;
    for (let c = at(column, start) + stride; stride !== 0 && c !== at(column, end); c += stride) {
      const lane = laneOf.length;
      laneOf.push(c);
      cells[c]?.push(lane);
      through.push(lane);
      from.push(last);
      to.push(lane);
      last = lane;
    }
    if (stride !== 0) {
      from.push(last);
      to.push(end);
    }
    if (through.length > 0) {
      lanes.set(link, through);
    }
  }
  const sides = sidesOf(laneOf.length, Int32Array.from(from), Int32Array.from(to));
  return { sides, lanes, laneOf: Int32Array.from(laneOf) };
}

/** What a large picture's width is to its height, about that of a screen. */
const SHAPE = 1.7;

/** Between the parts of a column that was too high for a large picture. */
const PART_GAP = 44;

/**
 * Columns of a large picture in parts beside one another, none much higher than the picture is wide: a column of a
 * thousand boxes would be a thread. Boxes are dealt out in turn, so that all keep about their height.
 */
function wrap(cells: Columns, sizes: Sizes) {
  const boxes = cells.reduce((sum, cell) => sum + cell.length, 0);
  const most = Math.max(12, Math.ceil(Math.sqrt((boxes * (sizes.width + PART_GAP)) / 80 / SHAPE)));
  const parts: Columns = [];
  const columns: number[] = [];
  let x = 0;
  for (const cell of cells) {
    const count = Math.max(1, Math.ceil(cell.length / most));
    for (let part = 0; part < count; part++) {
      parts.push(cell.filter((_, i) => i % count === part));
      columns.push(x);
      x += sizes.width + (part < count - 1 ? PART_GAP : sizes.gapX);
    }
  }
  return { parts, columns };
}

type Alignment = {
  readonly heights: (box: number) => number;
  /** Not -1 for lanes, which are kept as straight as can be. */
  readonly laneOf: Int32Array;
  readonly gap: number;
  readonly rounds: number;
};

/** The middle of every box and lane: near its neighbours, of one side first and then of both. */
function align(cells: Columns, { into, out }: Sides, { heights, laneOf, gap, rounds }: Alignment): Float64Array {
  const middles = new Float64Array(laneOf.length);
  const place = (column: readonly number[], wish: (box: number) => number): void => {
    const wishes: Wish[] = column.map((box) => ({
      height: heights(box),
      middle: wish(box),
      weight: at(laneOf, box) >= 0 ? 4 : 1,
    }));
    settle(wishes, gap).forEach((middle, i) => {
      middles[column[i] as number] = middle;
    });
  };
  for (const column of cells) {
    place(column, () => 0);
  }
  for (let round = 0; round < rounds; round++) {
    const rightwards = round % 2 === 0;
    const near = round < rounds / 2 ? [rightwards ? into : out] : [into, out];
    for (const column of rightwards ? cells : [...cells].reverse()) {
      place(column, (box) => {
        let [sum, count] = [0, 0];
        for (const { start, others } of near) {
          for (let i = at(start, box); i < at(start, box + 1); i++, count++) {
            sum += at(middles, at(others, i));
          }
        }
        return count > 0 ? sum / count : at(middles, box);
      });
    }
  }
  return middles;
}
