// The shapes of a scene: how large boxes are, where their parts lie, and the curves between them. Pure.

import { type Layout, linkKey, type Point, type Sizes } from "./layout";
import type { Line, Scene, Unit } from "./scene";

/** A rectangle in the picture's pixels. */
export type Rect = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** A cubic curve: start, two handles, end. */
export type Curve = readonly [Point, Point, Point, Point];

/** The way of a line. */
export type Path = {
  readonly curves: readonly Curve[];
  /** Points along the way at equal shares of the parameter, for labels, dots and pointing at it. */
  readonly points: readonly Point[];
  readonly length: number;
};

export const BOX = { width: 180, height: 52, head: 36, row: 40, pad: 7 };

/** The measures of a picture of some columns in a place of some width. */
export function sizesFor(columns: number, width: number): Sizes {
  const room = columns > 1 ? (width - 48 - columns * BOX.width) / (columns - 1) : 0;
  return { width: BOX.width, gapX: Math.round(Math.min(210, Math.max(width < 700 ? 96 : 132, room))), gapY: 28 };
}

/** How high a unit is: one box, or a head and a row for each version. */
export const unitHeight = (unit: Unit): number =>
  unit.members.length > 1 ? BOX.head + unit.members.length * BOX.row + BOX.pad : BOX.height;

/** Where every unit and every box inside lies, by id. A unit's id gives the whole unit. */
export function rects(units: readonly Unit[], layout: Layout): Map<string, Rect> {
  const found = new Map<string, Rect>();
  for (const unit of units) {
    const place = layout.places.get(unit.id);
    if (!place) {
      continue;
    }
    const whole: Rect = { x: place.x, y: place.y, width: BOX.width, height: unitHeight(unit) };
    unit.members.forEach((box, i) => {
      const row: Rect = {
        x: whole.x + BOX.pad,
        y: whole.y + BOX.head + i * BOX.row,
        width: whole.width - 2 * BOX.pad,
        height: BOX.row - 4,
      };
      found.set(box.id, unit.members.length > 1 ? row : whole);
    });
    found.set(unit.id, whole);
  }
  return found;
}

/** The smallest rectangle around all of them. */
export function bounds(all: Iterable<Rect>): Rect {
  let [left, top, right, bottom] = [
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
    -Number.POSITIVE_INFINITY,
    -Number.POSITIVE_INFINITY,
  ];
  for (const { x, y, width, height } of all) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + width);
    bottom = Math.max(bottom, y + height);
  }
  return left > right
    ? { x: 0, y: 0, width: 0, height: 0 }
    : { x: left, y: top, width: right - left, height: bottom - top };
}

/** The curves of all lines, by the line's key. Lines at one side of a box are fanned out in the order of their other ends. */
export function paths(scene: Scene, layout: Layout, where: ReadonlyMap<string, Rect>): Map<string, Path> {
  const ends = scene.lines.flatMap((line) => {
    const [from, to] = [where.get(line.from), where.get(line.to)];
    return from && to ? [{ line, from, to, turn: turnOf(from, to) }] : [];
  });
  const ports = fan(ends);
  const found = new Map<string, Path>();
  const lanes = new Map<string, number>();
  for (const { line, from, to, turn } of ends) {
    const key = linkKey({ from: scene.unitOf.get(line.from) ?? line.from, to: scene.unitOf.get(line.to) ?? line.to });
    const lane = lanes.get(key) ?? 0;
    lanes.set(key, lane + 1);
    const bends = (layout.bends.get(key) ?? []).map((point) => ({ x: point.x, y: point.y + lane * 7 }));
    const start = { x: turn === "back" ? from.x : from.x + from.width, y: ports.get(`out ${line.key}`) ?? 0 };
    const end = { x: turn === "on" ? to.x : to.x + to.width, y: ports.get(`in ${line.key}`) ?? 0 };
    found.set(line.key, trace(start, end, bends, turn));
  }
  return found;
}

/** Whether a line goes on to the right, back to the left, or aside within its column. */
type Turn = "on" | "back" | "aside";

function turnOf(from: Rect, to: Rect): Turn {
  if (to.x >= from.x + from.width) {
    return "on";
  }
  return to.x + to.width <= from.x ? "back" : "aside";
}

type End = { line: Line; from: Rect; to: Rect; turn: Turn };

/** The height of both ends of every line: spread over the side of the box, the highest other end first. */
function fan(ends: readonly End[]): Map<string, number> {
  const sides = new Map<string, { key: string; rect: Rect; other: number }[]>();
  const add = (side: string, entry: { key: string; rect: Rect; other: number }): void => {
    sides.set(side, [...(sides.get(side) ?? []), entry]);
  };
  for (const { line, from, to, turn } of ends) {
    const [left, right] = [turn === "back" ? "left" : "right", turn === "on" ? "left" : "right"];
    add(`${left} ${line.from}`, { key: `out ${line.key}`, rect: from, other: to.y + to.height / 2 });
    add(`${right} ${line.to}`, { key: `in ${line.key}`, rect: to, other: from.y + from.height / 2 });
  }
  const ports = new Map<string, number>();
  for (const entries of sides.values()) {
    entries.sort((a, b) => a.other - b.other || (a.key < b.key ? -1 : 1));
    entries.forEach(({ key, rect }, i) => {
      const room = Math.min(rect.height - 16, (entries.length - 1) * 11);
      const offset = entries.length > 1 ? (i / (entries.length - 1) - 0.5) * room : 0;
      ports.set(key, rect.y + rect.height / 2 + offset);
    });
  }
  return ports;
}

const STEPS = 24;

/** The way from a start to an end, through the lanes of the columns between. */
function trace(start: Point, end: Point, bends: readonly Point[], turn: Turn): Path {
  const curves: Curve[] = [];
  if (turn === "aside") {
    const out = Math.max(start.x, end.x) + 44;
    curves.push([start, { x: out, y: start.y }, { x: out, y: end.y }, end]);
  } else {
    const direction = turn === "on" ? 1 : -1;
    let last = start;
    for (const bend of bends) {
      const enter = { x: bend.x - (direction * BOX.width) / 2, y: bend.y };
      const leave = { x: bend.x + (direction * BOX.width) / 2, y: bend.y };
      curves.push(ease(last, enter), [enter, mix(enter, leave, 1 / 3), mix(enter, leave, 2 / 3), leave]);
      last = leave;
    }
    curves.push(ease(last, end));
  }
  const points = curves.flatMap((curve, i) =>
    Array.from({ length: STEPS + (i === 0 ? 1 : 0) }, (_, k) => pointAt(curve, (k + (i === 0 ? 0 : 1)) / STEPS)),
  );
  const length = points
    .slice(1)
    .reduce((all, p, i) => all + Math.hypot(p.x - (points[i]?.x ?? 0), p.y - (points[i]?.y ?? 0)), 0);
  return { curves, points, length };
}

const mix = (a: Point, b: Point, t: number): Point => ({ x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t });

/** A curve that leaves and arrives level. */
function ease(a: Point, b: Point): Curve {
  const reach = (b.x - a.x) * 0.5;
  return [a, { x: a.x + reach, y: a.y }, { x: b.x - reach, y: b.y }, b];
}

function pointAt([a, b, c, d]: Curve, t: number): Point {
  const u = 1 - t;
  const [p, q, r, s] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return { x: p * a.x + q * b.x + r * c.x + s * d.x, y: p * a.y + q * b.y + r * c.y + s * d.y };
}

/** The point at a share of a path's length parameter, 0 to 1. */
export function along(path: Path, share: number): Point {
  const at = Math.min(Math.max(share, 0), 1) * (path.points.length - 1);
  const before = path.points[Math.floor(at)] ?? { x: 0, y: 0 };
  const after = path.points[Math.ceil(at)] ?? before;
  return mix(before, after, at - Math.floor(at));
}

/** How far a point is from a path. */
export const distance = (path: Path, point: Point): number =>
  Math.min(...path.points.map((p) => Math.hypot(p.x - point.x, p.y - point.y)));

/** How wide a line is: by the square root of its rate beside the largest there is. */
export function widthOf(perSecond: number, largest: number): number {
  // The scale goes in steps, so that lines do not breathe with every tick.
  const top = 2 ** Math.ceil(Math.log2(Math.max(largest, 1)));
  return perSecond > 0 ? Math.max(1.25, 6 * Math.sqrt(Math.min(1, perSecond / top))) : 1.25;
}

/** A text to place beside a line. */
export type Label = {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly must: boolean;
  readonly rank: number;
};

/** Where on its line a label may stand, from 0 to 1. */
const SPOTS = [0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8];

/** In pictures of up to this many lines labels keep clear of other lines too. */
const MAX_CAREFUL = 80;

/**
 * Places labels on their lines where they cover no box, no other label and few other lines; those that must be read
 * come first and stand anyhow. Others that find no place are left out.
 */
export function placeLabels(labels: readonly Label[], ways: ReadonlyMap<string, Path>, obstacles: readonly Rect[]) {
  const placed = new Map<string, Rect>();
  const order = [...labels].sort(
    (a, b) => Number(b.must) - Number(a.must) || b.rank - a.rank || (a.key < b.key ? -1 : 1),
  );
  const careful = ways.size <= MAX_CAREFUL;
  for (const label of order) {
    const path = ways.get(label.key);
    const others = careful ? [...ways].flatMap(([key, way]) => (key === label.key ? [] : way.points)) : [];
    const spot = path && bestSpot(label, path, { obstacles, labels: [...placed.values()], others });
    if (spot) {
      placed.set(label.key, spot);
    }
  }
  return placed;
}

type Around = {
  readonly obstacles: readonly Rect[];
  readonly labels: readonly Rect[];
  readonly others: readonly Point[];
};

/** The spot that hides the least; none when every spot covers a box or a label and the label need not be read. */
function bestSpot(label: Label, path: Path, { obstacles, labels, others }: Around): Rect | undefined {
  let best: Rect | undefined;
  let least = label.must ? Number.POSITIVE_INFINITY : 1000;
  for (const share of SPOTS) {
    const { x, y } = along(path, share);
    const spot = { x: x - label.width / 2, y: y - label.height / 2, width: label.width, height: label.height };
    const covered =
      5000 * labels.filter((other) => overlap(spot, other)).length +
      1000 * obstacles.filter((other) => overlap(spot, other)).length +
      2 * others.filter((point) => contains(spot, point)).length +
      Math.abs(share - 0.5) * 10;
    if (covered < least) {
      least = covered;
      best = spot;
    }
  }
  return best;
}

/** Whether a point lies in a rectangle. */
export const contains = ({ x, y, width, height }: Rect, point: Point): boolean =>
  point.x >= x && point.x <= x + width && point.y >= y && point.y <= y + height;

/** Whether two rectangles overlap. */
export const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
