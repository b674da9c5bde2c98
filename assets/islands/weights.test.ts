import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applied,
  apportion,
  changed,
  type Draft,
  lock,
  move,
  open,
  percentages,
  reset,
  settle,
  total,
} from "./weights";

const weights = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 2, maxLength: 10 });
const step = fc.oneof(
  fc.record({ do: fc.constant("move" as const), row: fc.nat(9), to: fc.integer({ min: -50, max: 12000 }) }),
  fc.record({ do: fc.constant("lock" as const), row: fc.nat(9), to: fc.integer({ min: 0, max: 1 }) }),
  fc.record({ do: fc.constant("settle" as const), row: fc.nat(9), to: fc.constant(0) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

function play(draft: Draft, { do: verb, row, to }: Step): Draft {
  const at = row % draft.now.length;
  return verb === "move" ? move(draft, at, to) : verb === "lock" ? lock(draft, at, to === 1) : settle(draft);
}

describe("a draft of weights", () => {
  it("always keeps the sum in whole, non-negative weights", () => {
    fc.assert(
      fc.property(weights, fc.array(step, { maxLength: 40 }), (start, steps) => {
        let draft = open(sum(start) > 0 ? start : [100, ...start.slice(1)]);
        for (const next of steps) {
          draft = play(draft, next);
          expect(sum(draft.now)).toBe(total(draft.applied));
          expect(draft.now.every((weight) => Number.isInteger(weight) && weight >= 0)).toBe(true);
        }
      }),
    );
  });

  it("gives the weights at drag start back when a drag returns", () => {
    fc.assert(
      fc.property(weights, fc.nat(9), fc.array(fc.integer({ min: 0, max: 10000 })), (start, at, path) => {
        fc.pre(sum(start) > 0);
        const row = at % start.length;
        let draft = open(start);
        for (const stop of path) {
          draft = move(draft, row, stop);
        }
        expect(move(draft, row, start[row] ?? 0).now).toEqual(start);
      }),
    );
    const dragged = move(move(open([10, 30, 60]), 2, 100), 2, 60);
    expect(dragged.now).toEqual([10, 30, 60]);
  });

  it("never moves a locked row that is not moved itself", () => {
    fc.assert(
      fc.property(weights, fc.nat(9), fc.nat(9), fc.integer({ min: 0, max: 10000 }), (start, a, b, to) => {
        const [locked, row] = [a % start.length, b % start.length];
        fc.pre(locked !== row && sum(start) > 0);
        expect(move(lock(open(start), locked, true), row, to).now[locked]).toBe(start[locked]);
      }),
    );
  });

  it("stays within one of the exact proportion", () => {
    fc.assert(
      fc.property(weights, fc.nat({ max: 100000 }), (shares, whole) => {
        fc.pre(sum(shares) > 0);
        apportion(shares, whole).forEach((part, i) => {
          expect(Math.abs(part - ((shares[i] ?? 0) / sum(shares)) * whole)).toBeLessThan(1);
        });
      }),
    );
  });

  it.each([
    { name: "two targets", start: [75, 25], row: 1, to: 50, want: [50, 50] },
    { name: "a third in proportion", start: [10, 30, 60], row: 2, to: 20, want: [20, 60, 20] },
    { name: "from nothing to all", start: [100, 0, 0], row: 2, to: 100, want: [0, 0, 100] },
    { name: "others at zero share equally", start: [0, 0, 100], row: 2, to: 41, want: [30, 29, 41] },
    { name: "a sum that is not 100 is kept", start: [3, 1], row: 1, to: 2, want: [2, 2] },
    { name: "more than everything", start: [3, 1], row: 1, to: 99, want: [0, 4] },
  ])("$name", ({ start, row, to, want }) => {
    expect(move(open(start), row, to).now).toEqual(want);
  });

  it("cannot move when every other row is locked", () => {
    expect(move(lock(open([75, 25]), 0, true), 1, 100).now).toEqual([75, 25]);
  });

  it("is dropped by reset and survives news about somebody else's change", () => {
    const draft = move(open([75, 25]), 1, 50);
    expect(changed(draft)).toBe(true);
    expect(reset(draft).now).toEqual([75, 25]);
    expect(applied(draft, [90, 10])).toMatchObject({ applied: [90, 10], now: [50, 50] });
    expect(applied(open([75, 25]), [90, 10])).toMatchObject({ applied: [90, 10], now: [90, 10] });
    expect(applied(draft, [1, 1]).now).toEqual([1, 1]);
  });
});

describe("percentages", () => {
  it("add up to 100", () => {
    fc.assert(
      fc.property(weights, (values) => {
        fc.pre(sum(values) > 0);
        expect(sum(percentages(values).map((value) => Math.round(value * 10)))).toBe(1000);
      }),
    );
    expect(percentages([75, 25])).toEqual([75, 25]);
    expect(percentages([1, 1, 1])).toEqual([33.4, 33.3, 33.3]);
    expect(percentages([0, 0])).toEqual([0, 0]);
  });
});
