// The columns of a layered drawing: which edges run against the flow, and how far from the left every box stands. Pure.

/** A directed edge between boxes, by their ids. */
export type Link = { readonly from: string; readonly to: string };

/** Neighbours by id, in the order of the links. */
export type Neighbours = { readonly out: Map<string, string[]>; readonly in: Map<string, string[]> };

/** The neighbours of every box. Links to boxes that are not among the ids, and loops, are left out. */
export function neighbours(ids: readonly string[], links: readonly Link[]): Neighbours {
  const found: Neighbours = { out: new Map(), in: new Map() };
  for (const id of ids) {
    found.out.set(id, []);
    found.in.set(id, []);
  }
  for (const { from, to } of links) {
    if (from !== to && found.out.has(from) && found.in.has(to)) {
      found.out.get(from)?.push(to);
      found.in.get(to)?.push(from);
    }
  }
  return found;
}

/**
 * An order of the boxes with few links against it (Eades, Lin and Smyth's greedy feedback arc set); none when the links
 * have no cycle.
 */
export function flowOrder(ids: readonly string[], links: readonly Link[]): string[] {
  const { out, in: into } = neighbours(ids, links);
  const degree = new Map(ids.map((id) => [id, { out: out.get(id)?.length ?? 0, in: into.get(id)?.length ?? 0 }]));
  const left: string[] = [];
  const right: string[] = [];
  const rest = new Set(ids);

  const take = (id: string): void => {
    rest.delete(id);
    for (const to of out.get(id) ?? []) {
      const d = degree.get(to);
      if (d) {
        d.in--;
      }
    }
    for (const from of into.get(id) ?? []) {
      const d = degree.get(from);
      if (d) {
        d.out--;
      }
    }
  };
  const find = (fits: (d: { out: number; in: number }) => boolean): string | undefined =>
    [...rest].find((id) => fits(degree.get(id) ?? { out: 0, in: 0 }));

  while (rest.size > 0) {
    const sink = find((d) => d.out === 0);
    const source = sink === undefined ? find((d) => d.in === 0) : undefined;
    const next = sink ?? source ?? sourceLike(rest, degree);
    take(next);
    if (sink === undefined) {
      left.push(next);
    } else {
      right.push(next);
    }
  }
  return [...left, ...right.reverse()];
}

/** The box with the most links out against links in. */
function sourceLike(rest: Set<string>, degree: Map<string, { out: number; in: number }>): string {
  let best = "";
  let most = Number.NEGATIVE_INFINITY;
  for (const id of rest) {
    const d = degree.get(id) ?? { out: 0, in: 0 };
    if (d.out - d.in > most) {
      most = d.out - d.in;
      best = id;
    }
  }
  return best;
}

/**
 * The column of every box, from 0: right of all its callers (longest path), links against the flow turned around.
 * Boxes that are only called from afar stand right before what they call.
 */
export function columns(ids: readonly string[], links: readonly Link[]): Map<string, number> {
  const order = flowOrder(ids, links);
  const rank = new Map(order.map((id, i) => [id, i]));
  const forward = links
    .filter(({ from, to }) => from !== to && rank.has(from) && rank.has(to))
    .map((link) => ((rank.get(link.from) ?? 0) < (rank.get(link.to) ?? 0) ? link : { from: link.to, to: link.from }));
  const { out, in: into } = neighbours(ids, forward);
  const column = new Map<string, number>();
  for (const id of order) {
    column.set(id, Math.max(0, ...(into.get(id) ?? []).map((from) => (column.get(from) ?? 0) + 1)));
  }
  for (const id of [...order].reverse()) {
    const next = (out.get(id) ?? []).map((to) => column.get(to) ?? 0);
    if ((into.get(id) ?? []).length === 0 && next.length > 0) {
      column.set(id, Math.min(...next) - 1);
    }
  }
  return column;
}
