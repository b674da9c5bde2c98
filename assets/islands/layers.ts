// The columns of a layered drawing: which edges run against the flow, and how far from the left every box stands. Pure,
// in time linear in boxes and links. Boxes are numbers here, their places in a sorted list.

/** A directed edge between boxes, by their ids. */
export type Link = { readonly from: string; readonly to: string };

/** A graph of the boxes 0 to size - 1; link i leads from from[i] to to[i], never to the box itself. */
export type Graph = { readonly size: number; readonly from: Int32Array; readonly to: Int32Array };

/** Neighbours: those of box i are others[start[i]] up to, and without, others[start[i + 1]]. */
export type Adjacency = { readonly start: Int32Array; readonly others: Int32Array };

/** The graph of some links. Links to boxes that are not among the ids, and loops, are left out. */
export function graphOf(ids: readonly string[], links: readonly Link[]): Graph {
  const index = new Map(ids.map((id, i) => [id, i]));
  const [from, to]: [number[], number[]] = [[], []];
  for (const link of links) {
    const [a, b] = [index.get(link.from), index.get(link.to)];
    if (a !== undefined && b !== undefined && a !== b) {
      from.push(a);
      to.push(b);
    }
  }
  return { size: ids.length, from: Int32Array.from(from), to: Int32Array.from(to) };
}

/** The neighbours at the other ends of links, in the order of the links. */
export function adjacency(size: number, keys: Int32Array, values: Int32Array): Adjacency {
  const start = new Int32Array(size + 1);
  for (const key of keys) {
    start[key + 1] = at(start, key + 1) + 1;
  }
  for (let i = 0; i < size; i++) {
    start[i + 1] = at(start, i + 1) + at(start, i);
  }
  const next = start.slice();
  const others = new Int32Array(keys.length);
  keys.forEach((key, i) => {
    others[at(next, key)] = at(values, i);
    next[key] = at(next, key) + 1;
  });
  return { start, others };
}

/** A number of an array, where the place is known to exist. */
export const at = (array: Int32Array | Float64Array, i: number): number => array[i] as number;

/** Boxes by how many more links leave them than reach them, in lists that are joined and left in constant time. */
class Buckets {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #bucket: Int32Array;

  constructor(buckets: number, size: number) {
    this.#heads = new Int32Array(buckets).fill(-1);
    this.#next = new Int32Array(size).fill(-1);
    this.#previous = new Int32Array(size).fill(-1);
    this.#bucket = new Int32Array(size).fill(-1);
  }

  first(bucket: number): number {
    return at(this.#heads, bucket);
  }

  add(box: number, bucket: number): void {
    const head = at(this.#heads, bucket);
    this.#bucket[box] = bucket;
    this.#next[box] = head;
    this.#previous[box] = -1;
    if (head >= 0) {
      this.#previous[head] = box;
    }
    this.#heads[bucket] = box;
  }

  remove(box: number): void {
    const [before, after] = [at(this.#previous, box), at(this.#next, box)];
    if (before >= 0) {
      this.#next[before] = after;
    } else {
      this.#heads[at(this.#bucket, box)] = after;
    }
    if (after >= 0) {
      this.#previous[after] = before;
    }
  }
}

/**
 * An order of the boxes with few links against it: the greedy feedback arc set of Eades, Lin and Smyth, "A fast and
 * effective heuristic for the feedback arc set problem" (1993). None runs against it when the links have no cycle.
 */
export function flowOrder(graph: Graph): number[] {
  const { size, from, to } = graph;
  const [out, into] = [adjacency(size, from, to), adjacency(size, to, from)];
  const leaving = Int32Array.from({ length: size }, (_, i) => at(out.start, i + 1) - at(out.start, i));
  const reaching = Int32Array.from({ length: size }, (_, i) => at(into.start, i + 1) - at(into.start, i));
  const widest = Math.max(0, ...[leaving, reaching].map((list) => list.reduce((a, b) => Math.max(a, b), 0)));
  // Sinks are in bucket 0, sources in the last, all others between by their difference.
  const last = 2 * widest + 2;
  const buckets = new Buckets(last + 1, size);
  const bucketOf = (box: number): number => {
    if (at(leaving, box) === 0) {
      return 0;
    }
    return at(reaching, box) === 0 ? last : at(leaving, box) - at(reaching, box) + widest + 1;
  };
  for (let box = size - 1; box >= 0; box--) {
    buckets.add(box, bucketOf(box));
  }
  const gone = new Uint8Array(size);
  let top = last - 1;
  const take = (box: number): void => {
    buckets.remove(box);
    gone[box] = 1;
    for (const [links, degree] of [
      [out, reaching],
      [into, leaving],
    ] as const) {
      for (let i = at(links.start, box); i < at(links.start, box + 1); i++) {
        const other = at(links.others, i);
        if (!gone[other]) {
          buckets.remove(other);
          degree[other] = at(degree, other) - 1;
          const bucket = bucketOf(other);
          buckets.add(other, bucket);
          top = bucket < last ? Math.max(top, bucket) : top;
        }
      }
    }
  };
  const [left, right]: [number[], number[]] = [[], []];
  while (left.length + right.length < size) {
    if (buckets.first(0) >= 0) {
      right.push(buckets.first(0));
      take(buckets.first(0));
      continue;
    }
    while (buckets.first(last) < 0 && top > 0 && buckets.first(top) < 0) {
      top--;
    }
    const next = buckets.first(last) >= 0 ? buckets.first(last) : buckets.first(top);
    left.push(next);
    take(next);
  }
  return [...left, ...right.reverse()];
}

/**
 * The column of every box, from 0: right of all its callers (longest path), links against the flow turned around.
 * Boxes that nobody calls stand right before what they call.
 */
export function columns(graph: Graph): Int32Array {
  const { size } = graph;
  const order = flowOrder(graph);
  const rank = new Int32Array(size);
  order.forEach((box, i) => {
    rank[box] = i;
  });
  const turned = (i: number): boolean => at(rank, at(graph.from, i)) > at(rank, at(graph.to, i));
  const from = graph.from.map((box, i) => (turned(i) ? at(graph.to, i) : box));
  const to = graph.to.map((box, i) => (turned(i) ? at(graph.from, i) : box));
  const out = adjacency(size, from, to);
  const called = new Uint8Array(size);
  const column = new Int32Array(size);
  for (const box of order) {
    for (let i = at(out.start, box); i < at(out.start, box + 1); i++) {
      const other = at(out.others, i);
      called[other] = 1;
      column[other] = Math.max(at(column, other), at(column, box) + 1);
    }
  }
  for (let box = 0; box < size; box++) {
    const [first, end] = [at(out.start, box), at(out.start, box + 1)];
    if (!called[box] && end > first) {
      column[box] = out.others.subarray(first, end).reduce((a, b) => Math.min(a, at(column, b)), size) - 1;
    }
  }
  return column;
}
