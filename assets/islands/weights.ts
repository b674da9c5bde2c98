// Weights of a route's targets as somebody edits them: whole numbers that always keep their sum. Pure; the element
// weir-weights shows it.

/** A draft of the weights of one route. Rows are the targets in the route's order. */
export type Draft = {
  /** The weights in force. */
  readonly applied: readonly number[];
  /** The weights as drafted; they sum to total(applied). */
  readonly now: readonly number[];
  /** Rows that only move when they are moved themselves. */
  readonly locked: readonly boolean[];
  /** The row being moved and the weights when that began. */
  readonly gesture: { readonly row: number; readonly start: readonly number[] } | undefined;
};

/** What weights sum to when those in force sum to nothing. */
const WHOLE = 100;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The sum that a draft of these weights keeps. */
export const total = (applied: readonly number[]): number => sum(applied) || WHOLE;

/** A draft that changes nothing. */
export function open(applied: readonly number[]): Draft {
  return { applied, now: applied, locked: applied.map(() => false), gesture: undefined };
}

/** Whether the draft differs from the weights in force. */
export const changed = (draft: Draft): boolean => draft.now.some((weight, i) => weight !== draft.applied[i]);

/**
 * Moves one row to a wanted weight and rebalances the others. Every move of a gesture is computed from the weights at
 * its start, so that dragging to the end and back restores them: 10/30/60, not 10/90/0.
 */
export function move(draft: Draft, row: number, wanted: number): Draft {
  const start = draft.gesture?.row === row ? draft.gesture.start : draft.now;
  const now = rebalance({ start, locked: draft.locked, row, wanted, whole: total(draft.applied) });
  return { ...draft, now, gesture: { row, start } };
}

/** Ends the gesture: the next move starts from the weights as they are. */
export const settle = (draft: Draft): Draft => (draft.gesture ? { ...draft, gesture: undefined } : draft);

/** Locks or unlocks a row. */
export function lock(draft: Draft, row: number, on: boolean): Draft {
  return { ...settle(draft), locked: draft.locked.map((was, i) => (i === row ? on : was)) };
}

/** Drops the draft, keeping the locks. */
export const reset = (draft: Draft): Draft => ({ ...draft, now: draft.applied, gesture: undefined });

/** Replaces the weights in force. A draft that somebody is editing is kept, unless the sum it must keep is another. */
export function applied(draft: Draft, weights: readonly number[]): Draft {
  const keep = changed(draft) && total(weights) === total(draft.applied) && weights.length === draft.now.length;
  return keep
    ? { ...draft, applied: weights }
    : { ...open(weights), locked: weights.map((_, i) => draft.locked[i] ?? false) };
}

type Move = {
  start: readonly number[];
  locked: readonly boolean[];
  row: number;
  wanted: number;
  whole: number;
};

/** The weights after one row moved, the difference shared by the unlocked others in proportion to their weights. */
function rebalance({ start, locked, row, wanted, whole }: Move): number[] {
  const others = start.map((_, i) => i).filter((i) => i !== row);
  const free = others.filter((i) => !locked[i]);
  const room = whole - sum(others.filter((i) => locked[i]).map((i) => start[i] ?? 0));
  const weight = free.length === 0 ? room : Math.min(Math.max(Math.round(wanted) || 0, 0), room);
  const parts = apportion(
    free.map((i) => start[i] ?? 0),
    room - weight,
  );
  return start.map((was, i) => {
    if (i === row) {
      return weight;
    }
    return locked[i] ? was : (parts[free.indexOf(i)] ?? 0);
  });
}

/**
 * Splits a whole number into whole parts in proportion to the shares, by the largest remainder; earlier parts win ties.
 * Shares that are all zero count as equal.
 */
export function apportion(shares: readonly number[], whole: number): number[] {
  const of = sum(shares);
  const exact = shares.map((share) => (of > 0 ? (share / of) * whole : whole / shares.length));
  const parts = exact.map(Math.floor);
  const order = exact
    .map((value, i) => ({ i, remainder: value - Math.floor(value) }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (let left = whole - sum(parts), k = 0; left > 0 && k < order.length; left--, k++) {
    const next = order[k];
    if (next) {
      parts[next.i] = (parts[next.i] ?? 0) + 1;
    }
  }
  return parts;
}

/** Percentages of the sum, in tenths when a weight needs them, that add up to 100. */
export function percentages(weights: readonly number[]): number[] {
  const of = sum(weights);
  if (of <= 0) {
    return weights.map(() => 0);
  }
  const whole = weights.every((weight) => Number.isInteger((weight * 100) / of));
  const scale = whole ? 1 : 10;
  return apportion(weights, 100 * scale).map((part) => part / scale);
}

/** The weight nearest to a percentage of the sum. */
export const weightOf = (percentage: number, whole: number): number => Math.round((percentage / 100) * whole);
