// Numbers over time as plots hold them: what is asked for in pieces is joined here, and axes are divided as the server
// divides them (ui/component/plot.go). Pure.

/** The columns of the API's plot that figures show. */
export type Column =
  | "requestRate"
  | "errorRatio"
  | "p50"
  | "p95"
  | "p99"
  | "bytesRate"
  | "connections"
  | "pending"
  | "overflowRate";

/** A subject's numbers: moments in milliseconds, oldest first, and as many values a column; null is a gap. */
export type Numbers = {
  readonly at: readonly number[];
  readonly columns: Readonly<Partial<Record<Column, readonly (number | null)[]>>>;
};

/** A stretch of time in milliseconds, both ends in it. */
export type Range = { readonly from: number; readonly to: number };

/** What a line shows of which subject; "share" is its part of the rate of all lines of its figure. */
export type Wanted = { readonly subject: string; readonly column: Column | "share" };

export const nothingSeen: Numbers = { at: [], columns: {} };

/** Joins numbers with newer ones: where both know a moment the newer ones count, and moments before the range go. */
export function merge(old: Numbers, newer: Numbers, range: Range): Numbers {
  const fresh = new Set(newer.at);
  const kept = old.at.map((at, i) => ({ at, i, from: old })).filter(({ at }) => !fresh.has(at));
  const all = [...kept, ...newer.at.map((at, i) => ({ at, i, from: newer }))]
    .filter(({ at }) => at >= range.from && at <= range.to)
    .sort((a, b) => a.at - b.at);
  const names = new Set([...Object.keys(old.columns), ...Object.keys(newer.columns)]) as Set<Column>;
  const columns: Partial<Record<Column, readonly (number | null)[]>> = {};
  for (const name of names) {
    columns[name] = all.map(({ i, from }) => from.columns[name]?.[i] ?? null);
  }
  return { at: all.map(({ at }) => at), columns };
}

/** A figure's lines above common moments. Moments that a step has skipped are gaps, so that no line leads across them. */
export function table(
  of: ReadonlyMap<string, Numbers>,
  wanted: readonly Wanted[],
  step: number,
): { readonly at: readonly number[]; readonly lines: readonly (readonly (number | null)[])[] } {
  const subjects = [...new Set(wanted.map(({ subject }) => subject))];
  const every = new Set(subjects.flatMap((subject) => [...(of.get(subject)?.at ?? [])]));
  const at = fill(
    [...every].sort((a, b) => a - b),
    step,
  );
  const places = new Map(
    subjects.map((subject) => [subject, new Map((of.get(subject)?.at ?? []).map((moment, i) => [moment, i]))]),
  );
  const column = ({ subject, column: name }: Wanted): readonly (number | null)[] => {
    const values = of.get(subject)?.columns[name === "share" ? "requestRate" : name];
    const place = places.get(subject);
    return at.map((moment) => values?.[place?.get(moment) ?? -1] ?? null);
  };
  const lines = wanted.map(column);
  return { at, lines: lines.map((line, i) => (wanted[i]?.column === "share" ? parts(line, lines) : line)) };
}

/** Puts a moment into every hole that is wider than a step and a half. */
function fill(at: readonly number[], step: number): readonly number[] {
  return at.flatMap((moment, i) => {
    const before = at[i - 1];
    return before !== undefined && moment - before > 1.5 * step ? [before + step, moment] : [moment];
  });
}

/** A line's part of the sum of all lines, moment by moment. */
function parts(line: readonly (number | null)[], all: readonly (readonly (number | null)[])[]): (number | null)[] {
  return line.map((value, i) => {
    const sum = all.reduce((total, other) => total + (other[i] ?? 0), 0);
    return sum > 0 ? (value ?? 0) / sum : null;
  });
}

/** A line's newest number, if its last moment has one, and its ends. */
export function extent(line: readonly (number | null)[]): {
  readonly now: number | undefined;
  readonly low: number | undefined;
  readonly high: number | undefined;
} {
  let low: number | undefined;
  let high: number | undefined;
  for (const value of line) {
    if (value !== null) {
      low = Math.min(low ?? value, value);
      high = Math.max(high ?? value, value);
    }
  }
  return { now: line.at(-1) ?? undefined, low, high };
}

/** The index of the moment nearest to another; undefined without moments. */
export function nearest(at: readonly number[], moment: number): number | undefined {
  let [low, high] = [0, at.length - 1];
  if (high < 0) {
    return undefined;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? 0) <= moment) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return Math.abs((at[high] ?? 0) - moment) < Math.abs((at[low] ?? 0) - moment) ? high : low;
}

/** What numbers are: per second, 0 to 1, seconds, or a count. */
export type Unit = "rate" | "ratio" | "time" | "count";

const least: Readonly<Record<Unit, number>> = { rate: 1, ratio: 0.01, time: 0.01, count: 4 };

/** The lines of an axis from 0 to a round number that holds the most. */
export function levels(most: number, unit: Unit): readonly number[] {
  const high = Math.max((Number.isFinite(most) ? most : 0) * 1.02, least[unit]);
  if (unit === "ratio" && high > 1) {
    return [0, 0.25, 0.5, 0.75, 1];
  }
  const rough = high / 3;
  const one = 10 ** Math.floor(Math.log10(rough));
  const step = one * ([1, 2, 2.5, 5].find((f) => f * one >= rough * (1 - 1e-9)) ?? 10);
  const count = Math.ceil(high / step - 1e-9);
  if (unit === "ratio" && count * step > 1) {
    return [0, 0.25, 0.5, 0.75, 1];
  }
  return Array.from({ length: count + 1 }, (_, i) => i * step);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The moments at which the axis of time is labelled: whole minutes or hours of UTC, six or seven at most. */
export function ticks({ from, to }: Range): readonly number[] {
  const steps = [5, 10, 30].map((n) => n * SECOND);
  steps.push(...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 4, 6, 12].map((n) => n * HOUR));
  const every = steps.find((step) => to - from <= 6 * step) ?? 24 * HOUR;
  const found: number[] = [];
  for (let at = Math.ceil(from / every) * every; at <= to; at += every) {
    found.push(at);
  }
  return found;
}

/** A label of the axis of time. */
export const clock = (at: number, { from, to }: Range): string =>
  new Date(at).toISOString().slice(11, to - from <= 3 * MINUTE ? 19 : 16);

/** A number without decimals that say nothing. */
const plain = (value: number): string => String(Number(value.toPrecision(6)));

/** A label of the axis of values, by how units are written. */
export function label(
  value: number,
  unit: Unit,
  units: { readonly [name in "perSecond" | "percent" | "ms" | "s"]: string },
  number: (value: number) => string,
): string {
  const put = (how: string, n: string): string => how.replace("{n}", n);
  if (value === 0) {
    return "0";
  }
  switch (unit) {
    case "ratio":
      return put(units.percent, plain(value * 100));
    case "time":
      return value < 0.9995 ? put(units.ms, plain(value * 1000)) : put(units.s, plain(value));
    case "rate":
      return put(units.perSecond, number(value));
    case "count":
      return number(value);
  }
}
