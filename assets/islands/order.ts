// The order of boxes within their columns: barycentre sweeps that keep the arrangement with the fewest crossings, and
// the heights at which they stand. Pure.

import type { Link } from "./layers";

/** Ids of boxes from top to bottom, one list a column. */
export type Columns = string[][];

const SWEEPS = 12;

/** Columns in which links between neighbouring columns cross little. Links must join neighbouring columns. */
export function untangle(columns: Columns, links: readonly Link[]): Columns {
  const left = group(links, (link) => [link.to, link.from]);
  const right = group(links, (link) => [link.from, link.to]);
  let current = columns.map((ids) => [...ids]);
  let best = current;
  let fewest = crossings(current, links);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const rightwards = sweep % 2 === 0;
    current = reorder(current, rightwards ? left : right, rightwards);
    const count = crossings(current, links);
    if (count < fewest) {
      fewest = count;
      best = current.map((ids) => [...ids]);
    }
  }
  return best;
}

function group(links: readonly Link[], ends: (link: Link) => [string, string]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const link of links) {
    const [key, value] = ends(link);
    const list = found.get(key);
    if (list) {
      list.push(value);
    } else {
      found.set(key, [value]);
    }
  }
  return found;
}

/** One sweep: every column ordered by where its neighbours on one side stand; boxes without any keep their place. */
function reorder(columns: Columns, neighbours: Map<string, string[]>, rightwards: boolean): Columns {
  const next = columns.map((ids) => [...ids]);
  const at = new Map<string, number>();
  const order = rightwards ? next.keys() : [...next.keys()].reverse();
  for (const c of order) {
    const ids = next[c] ?? [];
    const size = Math.max(ids.length, 1);
    const wanted = new Map(
      ids.map((id, i) => {
        const near = (neighbours.get(id) ?? []).map((other) => at.get(other)).filter((y) => y !== undefined);
        return [id, near.length > 0 ? near.reduce((a, b) => a + b, 0) / near.length : (i + 0.5) / size];
      }),
    );
    ids.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
    ids.forEach((id, i) => {
      at.set(id, (i + 0.5) / size);
    });
  }
  return next;
}

/** How often links cross. */
export function crossings(columns: Columns, links: readonly Link[]): number {
  const at = new Map<string, { column: number; row: number }>();
  columns.forEach((ids, column) => {
    ids.forEach((id, row) => {
      at.set(id, { column, row });
    });
  });
  const between = new Map<number, [number, number][]>();
  for (const { from, to } of links) {
    const [a, b] = [at.get(from), at.get(to)];
    if (a && b) {
      const [l, r] = a.column < b.column ? [a, b] : [b, a];
      between.set(l.column, [...(between.get(l.column) ?? []), [l.row, r.row]]);
    }
  }
  let count = 0;
  for (const pairs of between.values()) {
    pairs.forEach(([a, b], i) => {
      for (const [c, d] of pairs.slice(i + 1)) {
        count += (a - c) * (b - d) < 0 ? 1 : 0;
      }
    });
  }
  return count;
}

/** What stands in a column: how high it is, where its middle would like to be, and how much it insists. */
export type Wish = { readonly height: number; readonly middle: number; readonly weight: number };

/**
 * Middles from top to bottom, as near to the wishes as possible (least squares) with at least the gap between
 * neighbours. The order is kept.
 */
export function settle(wishes: readonly Wish[], gap: number): number[] {
  // Without the room that boxes take, the rule is only "not above the one before": isotonic regression by pooling.
  const offsets: number[] = [];
  let offset = 0;
  wishes.forEach((wish, i) => {
    offset += i === 0 ? 0 : ((wishes[i - 1]?.height ?? 0) + wish.height) / 2 + gap;
    offsets.push(offset);
  });
  type Pool = { sum: number; weight: number; size: number };
  const pools: Pool[] = [];
  wishes.forEach((wish, i) => {
    let pool: Pool = { sum: (wish.middle - (offsets[i] ?? 0)) * wish.weight, weight: wish.weight, size: 1 };
    for (let above = pools.at(-1); above && above.sum / above.weight > pool.sum / pool.weight; above = pools.at(-1)) {
      pools.pop();
      pool = { sum: above.sum + pool.sum, weight: above.weight + pool.weight, size: above.size + pool.size };
    }
    pools.push(pool);
  });
  return pools
    .flatMap((pool) => Array.from({ length: pool.size }, () => pool.sum / pool.weight))
    .map((middle, i) => middle + (offsets[i] ?? 0));
}
