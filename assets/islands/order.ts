// The order of boxes within their columns: barycentre sweeps that keep the arrangement with the fewest crossings, and
// the heights at which they stand. Pure. Boxes are numbers, as in layers.ts.

import { type Adjacency, at } from "./layers";

/** Boxes from top to bottom, one list a column. */
export type Columns = number[][];

/** Links between boxes, seen from both ends. */
export type Sides = { readonly into: Adjacency; readonly out: Adjacency };

/** Columns in which links cross little, after some sweeps. */
export function untangle(columns: Columns, sides: Sides, sweeps: number): Columns {
  const size = sides.out.start.length - 1;
  let current = columns.map((boxes) => [...boxes]);
  let best = current;
  let fewest = crossings(current, sides.out);
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep++) {
    current = reorder(current, sides, sweep % 2 === 0, size);
    const count = crossings(current, sides.out);
    if (count < fewest) {
      fewest = count;
      best = current;
    }
  }
  return best;
}

/**
 * One sweep: every column ordered by where its neighbours stand in the columns that were swept already; boxes without
 * any keep their place.
 */
function reorder(columns: Columns, { into, out }: Sides, rightwards: boolean, size: number): Columns {
  const next: Columns = columns.map(() => []);
  const height = new Float64Array(size).fill(-1);
  const wish = new Float64Array(size);
  for (let k = 0; k < columns.length; k++) {
    const c = rightwards ? k : columns.length - 1 - k;
    const boxes = [...(columns[c] ?? [])];
    boxes.forEach((box, i) => {
      let [sum, count] = [0, 0];
      for (const { start, others } of [into, out]) {
        for (let j = at(start, box); j < at(start, box + 1); j++) {
          const there = at(height, at(others, j));
          if (there >= 0) {
            sum += there;
            count++;
          }
        }
      }
      wish[box] = count > 0 ? sum / count : (i + 0.5) / boxes.length;
    });
    // The sort is stable: what wishes the same keeps its order.
    boxes.sort((a, b) => at(wish, a) - at(wish, b));
    boxes.forEach((box, i) => {
      height[box] = (i + 0.5) / boxes.length;
    });
    next[c] = boxes;
  }
  return next;
}

/** How often links between neighbouring columns cross, counted by inversions (Barth, Jünger and Mutzel, 2002). */
export function crossings(columns: Columns, out: Adjacency): number {
  const size = out.start.length - 1;
  const [column, row] = [new Int32Array(size).fill(-2), new Int32Array(size)];
  columns.forEach((boxes, c) => {
    boxes.forEach((box, r) => {
      column[box] = c;
      row[box] = r;
    });
  });
  const between: number[][][] = columns.map((boxes) => boxes.map(() => []));
  for (let box = 0; box < size; box++) {
    for (let i = at(out.start, box); i < at(out.start, box + 1); i++) {
      const other = at(out.others, i);
      const stride = at(column, other) - at(column, box);
      if (stride === 1) {
        between[at(column, box)]?.[at(row, box)]?.push(at(row, other));
      } else if (stride === -1) {
        between[at(column, other)]?.[at(row, other)]?.push(at(row, box));
      }
    }
  }
  return between.reduce((sum, ends, c) => sum + inversions(ends, columns[c + 1]?.length ?? 0), 0);
}

/** Pairs of links of which the upper start has the lower end: a tree of counts by row. */
function inversions(ends: readonly number[][], rows: number): number {
  const tree = new Int32Array(rows + 1);
  let [count, seen] = [0, 0];
  for (const list of ends) {
    for (const end of list) {
      let below = seen;
      for (let i = end + 1; i > 0; i -= i & -i) {
        below -= at(tree, i);
      }
      count += below;
    }
    for (const end of list) {
      seen++;
      for (let i = end + 1; i <= rows; i += i & -i) {
        tree[i] = at(tree, i) + 1;
      }
    }
  }
  return count;
}

/** What stands in a column: how high it is, where its middle would like to be, and how much it insists. */
export type Wish = { readonly height: number; readonly middle: number; readonly weight: number };

/**
 * Middles from top to bottom, as near to the wishes as possible (least squares) with at least the gap between
 * neighbours. The order is kept.
 */
export function settle(wishes: readonly Wish[], gap: number): Float64Array {
  // Without the room that boxes take, the rule is only "not above the one before": isotonic regression by pooling.
  const middles = new Float64Array(wishes.length);
  const [sums, weights, sizes] = [[], [], []] as [number[], number[], number[]];
  let [offset, half] = [0, 0];
  wishes.forEach((wish, i) => {
    offset += i === 0 ? 0 : half + wish.height / 2 + gap;
    half = wish.height / 2;
    middles[i] = offset;
    let [sum, weight, size] = [(wish.middle - offset) * wish.weight, wish.weight, 1];
    while (sums.length > 0 && (sums.at(-1) as number) / (weights.at(-1) as number) > sum / weight) {
      sum += sums.pop() as number;
      weight += weights.pop() as number;
      size += sizes.pop() as number;
    }
    sums.push(sum);
    weights.push(weight);
    sizes.push(size);
  });
  let i = 0;
  sums.forEach((sum, pool) => {
    const shift = sum / (weights[pool] as number);
    for (const end = i + (sizes[pool] as number); i < end; i++) {
      middles[i] = at(middles, i) + shift;
    }
  });
  return middles;
}
