// Where the words on lines stand: on their line where they cover nothing, the failing ones always. Pure.

import { along, type Path, type Rect } from "./geometry";
import type { Point } from "./layout";
import { Grid } from "./spatial";

/** A text to place beside a line. */
export type Label = {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  /** It has to stand somewhere. */
  readonly must: boolean;
  readonly rank: number;
};

/** Where a label stands, and the point of its line that a leader goes to if it stands away from it. */
export type Spot = Rect & { readonly leader?: Point };

/** What labels keep clear of, and where they stood before, which they leave only for a reason. */
export type Surroundings = {
  readonly ways: { get(key: string): Path | undefined };
  readonly obstacles: readonly Rect[];
  /** Lines that labels of other lines should not cover. */
  readonly lines: readonly string[];
  readonly before?: ReadonlyMap<string, Spot>;
};

/** Where on its line a label may stand, from 0 to 1. */
const SHARES = [0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8];

/** How far above or below its line a label may stand that must be read, in its own heights. */
const ASIDE = [1, -1, 1.7, -1.7, 2.6, -2.6, 3.8, -3.8];

/** What it costs to cover a label, a box, a point of another line; a spot that costs as much as a box is none. */
const COST = { label: 5000, box: 1000, point: 3 };

/**
 * Places labels where they cover no box, no other label and few other lines; those that must be read come first, may
 * stand beside their line, and stand anyhow. Others that find no place are left out.
 */
export function placeLabels(labels: readonly Label[], around: Surroundings): Map<string, Spot> {
  const side = 120;
  const boxes = new Grid<Rect>(side);
  for (const rect of around.obstacles) {
    boxes.add(rect, rect);
  }
  const points = new Grid<{ readonly key: string }>(side);
  for (const key of around.lines) {
    for (const { x, y } of around.ways.get(key)?.points ?? []) {
      points.add({ x, y, width: 0.1, height: 0.1 }, { key });
    }
  }
  const taken = new Grid<Rect>(side);
  const placed = new Map<string, Spot>();
  const order = [...labels].sort(
    (a, b) => Number(b.must) - Number(a.must) || b.rank - a.rank || (a.key < b.key ? -1 : 1),
  );
  for (const label of order) {
    const path = around.ways.get(label.key);
    const cost = (spot: Spot): number =>
      COST.label * taken.find(spot).size +
      COST.box * boxes.find(spot).size +
      COST.point * [...points.find(spot)].filter(({ key }) => key !== label.key).length;
    const spot = path && best(label, path, cost, { boxes, before: around.before?.get(label.key) });
    if (spot) {
      placed.set(label.key, spot);
      taken.add(spot, spot);
    }
  }
  return placed;
}

/** The spot that hides the least; none when every spot covers a box or a label and the label need not be read. */
function best(label: Label, path: Path, cost: (spot: Spot) => number, { boxes, before }: Known): Spot | undefined {
  let found: Spot | undefined;
  let least = label.must ? Number.POSITIVE_INFINITY : COST.box;
  const near = (spot: Spot): boolean =>
    before !== undefined &&
    Math.abs(centre(spot).x - centre(before).x) + Math.abs(centre(spot).y - centre(before).y) < 2;
  const weigh = (spot: Spot, far: number): void => {
    const fair = far - (near(spot) ? 15 : 0);
    const total = fair < least ? cost(spot) + fair : least;
    if (total < least) {
      least = total;
      found = spot;
    }
  };
  for (const share of SHARES) {
    weigh(beside(label, along(path, share), 0), Math.abs(share - 0.5) * 10);
  }
  if (label.must && least > 12) {
    for (const step of ASIDE) {
      for (const share of [0.5, 0.38, 0.62, 0.26, 0.74]) {
        weigh(beside(label, along(path, share), step), Math.abs(share - 0.5) * 10 + 12 + 6 * Math.abs(step));
      }
    }
    for (const share of [0.5, 0.2, 0.8, 0.35, 0.65]) {
      const at = along(path, share);
      for (const step of gaps(label, boxes.find(beside(label, at, 0)), at)) {
        weigh(beside(label, at, step), Math.abs(share - 0.5) * 10 + 12 + 6 * Math.abs(step));
      }
    }
  }
  return found;
}

/** What is known around a label: the boxes, and where it stood before. */
type Known = { readonly boxes: Grid<Rect>; readonly before: Spot | undefined };

/** How far aside, in its own heights, a label stands right above or below the boxes that it would cover. */
const gaps = ({ height }: Label, covered: Iterable<Rect>, at: Point): number[] =>
  [...covered]
    .flatMap((box) => [at.y - (box.y - height / 2 - 1), at.y - (box.y + box.height + height / 2 + 1)])
    .map((far) => far / height);

const centre = ({ x, y, width, height }: Rect): Point => ({ x: x + width / 2, y: y + height / 2 });

function beside({ width, height }: Label, at: Point, step: number): Spot {
  const spot = { x: at.x - width / 2, y: at.y - height / 2 - step * height, width, height };
  return Math.abs(step) > 0.9 ? { ...spot, leader: at } : spot;
}
