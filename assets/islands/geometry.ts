// The shapes of a scene: how large boxes are, where their parts lie, and the curves between them. Pure.

import { type Layout, linkKey, type Point, type Sizes } from "./layout";
import { type Line, type Scene, severity, type Unit } from "./scene";

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
  return { width: BOX.width, gapX: Math.round(Math.min(210, Math.max(width < 700 ? 110 : 150, room))), gapY: 30 };
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

/** Where lines run: each way is worked out when it is first asked for, since few of many are looked at closely. */
export class Ways {
  readonly #scene: Scene;
  readonly #layout: Layout;
  readonly #where: ReadonlyMap<string, Rect>;
  readonly #lines = new Map<string, { readonly line: Line; readonly lane: number }>();
  /** The lines at each side of each box. */
  readonly #sides = new Map<string, Tip[]>();
  readonly #ports = new Map<string, number>();
  readonly #known = new Map<string, Path>();

  constructor(scene: Scene, layout: Layout, where: ReadonlyMap<string, Rect>) {
    this.#scene = scene;
    this.#layout = layout;
    this.#where = where;
    const lanes = new Map<string, number>();
    for (const line of scene.lines) {
      const [from, to] = [where.get(line.from), where.get(line.to)];
      if (from && to) {
        const key = this.#link(line);
        const lane = lanes.get(key) ?? 0;
        lanes.set(key, lane + 1);
        this.#lines.set(line.key, { line, lane });
        const turn = turnOf(from, to);
        this.#add(line.from, turn === "back" ? "left" : "right", { key: `out ${line.key}`, rect: from, other: to });
        this.#add(line.to, turn === "on" ? "left" : "right", { key: `in ${line.key}`, rect: to, other: from });
      }
    }
  }

  /** The way of a line, by the line's key. Lines at one side of a box are fanned out in the order of their other ends. */
  get(key: string): Path | undefined {
    const known = this.#known.get(key);
    const entry = this.#lines.get(key);
    if (known || !entry) {
      return known;
    }
    const { line, lane } = entry;
    const [from, to] = [this.#where.get(line.from) as Rect, this.#where.get(line.to) as Rect];
    const turn = turnOf(from, to);
    const bends = this.#layout.bends.get(this.#link(line)) ?? [];
    const start = {
      x: turn === "back" ? from.x : from.x + from.width,
      y: this.#port(line.from, turn === "back" ? "left" : "right", `out ${key}`),
    };
    const end = {
      x: turn === "on" ? to.x : to.x + to.width,
      y: this.#port(line.to, turn === "on" ? "left" : "right", `in ${key}`),
    };
    const path = trace(
      start,
      end,
      bends.map((point) => ({ x: point.x, y: point.y + lane * 7 })),
      turn,
    );
    this.#known.set(key, path);
    return path;
  }

  /** A rectangle that the way of a line does not leave by much, without working the way out. */
  reach(line: Line): Rect | undefined {
    const [from, to] = [this.#where.get(line.from), this.#where.get(line.to)];
    return from && to && bounds([from, to, ...this.#passes(line)]);
  }

  #passes(line: Line): Rect[] {
    const bends = this.#layout.bends.size > 0 ? this.#layout.bends.get(this.#link(line)) : undefined;
    return (bends ?? []).map(({ x, y }) => ({ x, y, width: 0, height: 0 }));
  }

  #link({ from, to }: Line): string {
    const { unitOf } = this.#scene;
    return linkKey({ from: unitOf.get(from) ?? from, to: unitOf.get(to) ?? to });
  }

  #add(box: string, side: Side, tip: Tip): void {
    const key = `${side} ${box}`;
    const tips = this.#sides.get(key);
    if (tips) {
      tips.push(tip);
    } else {
      this.#sides.set(key, [tip]);
    }
  }

  /** The height of an end of a line: spread over the side of the box, the highest other end first. */
  #port(box: string, side: Side, key: string): number {
    const known = this.#ports.get(key);
    if (known !== undefined) {
      return known;
    }
    const tips = this.#sides.get(`${side} ${box}`) ?? [];
    tips.sort((a, b) => middle(a.other) - middle(b.other) || (a.key < b.key ? -1 : 1));
    tips.forEach((tip, i) => {
      const room = Math.min(tip.rect.height - 16, (tips.length - 1) * 11);
      const offset = tips.length > 1 ? (i / (tips.length - 1) - 0.5) * room : 0;
      this.#ports.set(tip.key, middle(tip.rect) + offset);
    });
    return this.#ports.get(key) ?? 0;
  }
}

type Side = "left" | "right";

/** One end of a line at the side of a box. */
type Tip = { readonly key: string; readonly rect: Rect; readonly other: Rect };

const middle = (rect: Rect): number => rect.y + rect.height / 2;

/** Whether a line goes on to the right, back to the left, or aside within its column. */
type Turn = "on" | "back" | "aside";

function turnOf(from: Rect, to: Rect): Turn {
  if (to.x >= from.x + from.width) {
    return "on";
  }
  return to.x + to.width <= from.x ? "back" : "aside";
}

const STEPS = 24;

/** A way of which points and length are worked out when they are needed. */
class Trace implements Path {
  readonly curves: readonly Curve[];
  #points: readonly Point[] | undefined;
  #length: number | undefined;

  constructor(curves: readonly Curve[]) {
    this.curves = curves;
  }

  get points(): readonly Point[] {
    this.#points ??= this.curves.flatMap((curve, i) =>
      Array.from({ length: STEPS + (i === 0 ? 1 : 0) }, (_, k) => pointAt(curve, (k + (i === 0 ? 0 : 1)) / STEPS)),
    );
    return this.#points;
  }

  get length(): number {
    this.#length ??= this.points
      .slice(1)
      .reduce((all, p, i) => all + Math.hypot(p.x - (this.points[i]?.x ?? 0), p.y - (this.points[i]?.y ?? 0)), 0);
    return this.#length;
  }
}

/** The way from a start to an end, through the lanes of the columns between. */
function trace(start: Point, end: Point, bends: readonly Point[], turn: Turn): Path {
  if (turn === "aside") {
    const out = Math.max(start.x, end.x) + 44;
    return new Trace([[start, { x: out, y: start.y }, { x: out, y: end.y }, end]]);
  }
  const curves: Curve[] = [];
  const direction = turn === "on" ? 1 : -1;
  let last = start;
  for (const bend of bends) {
    const enter = { x: bend.x - (direction * BOX.width) / 2, y: bend.y };
    const leave = { x: bend.x + (direction * BOX.width) / 2, y: bend.y };
    curves.push(ease(last, enter), [enter, mix(enter, leave, 1 / 3), mix(enter, leave, 2 / 3), leave]);
    last = leave;
  }
  return new Trace([...curves, ease(last, end)]);
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

/** How much of a line's way is looked at together with its callee: a caller in the column before, and what is between. */
const APPROACH = BOX.width + 110;

/**
 * What a picture too large for its window is seen around: the worst call, of the focus if there is one, from its caller to
 * its callee; without a problem the focus, and nothing in particular without that.
 */
export function heart({ focus, lines, unitOf }: Scene, where: ReadonlyMap<string, Rect>): Rect | undefined {
  const unit = (id: string): string => unitOf.get(id) ?? id;
  const bad = lines.filter(
    ({ from, to, row }) => severity(row.health) > 0 && (!focus || unit(from) === focus || unit(to) === focus),
  );
  const rank = ({ row }: Line): number => severity(row.health) * 1e9 + row.rate * row.errors;
  const [worst] = bad.sort((a, b) => rank(b) - rank(a));
  const to = where.get(worst ? unit(worst.to) : (focus ?? ""));
  const from = worst && where.get(unit(worst.from));
  if (!to || !from || from.x >= to.x) {
    return to;
  }
  const left = Math.max(from.x, to.x - APPROACH);
  return { ...to, x: left, width: to.x + to.width - left };
}

/** Whether a point lies in a rectangle. */
export const contains = ({ x, y, width, height }: Rect, point: Point): boolean =>
  point.x >= x && point.x <= x + width && point.y >= y && point.y <= y + height;

/** Whether two rectangles overlap. */
export const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
