import { describe, expect, it } from "vitest";
import { freshness, type Newest, oldest, wakefulClock } from "./freshness";

describe("freshness", () => {
  it.each([
    { name: "just arrived", newest: { received: 10_000, age: 0.4, fresh: true }, now: 10_100, want: [0.5, false] },
    { name: "two ticks missed", newest: { received: 10_000, age: 0.4, fresh: true }, now: 12_900, want: [3.3, false] },
    { name: "three ticks missed", newest: { received: 10_000, age: 0.4, fresh: true }, now: 13_600, want: [4, true] },
    { name: "old when it arrived", newest: { received: 10_000, age: 9, fresh: false }, now: 10_000, want: [9, true] },
    {
      name: "asked for just now",
      newest: { received: 1000, age: 0, fresh: true, awaited: true },
      now: 2000,
      want: [1, false],
    },
    {
      name: "nothing ever came",
      newest: { received: 1000, age: 0, fresh: true, awaited: true },
      now: 6000,
      want: [5, true],
    },
  ])("$name", ({ newest, now, want }) => {
    const got = freshness(newest, now);
    expect(got.age).toBeCloseTo(want[0] as number);
    expect(got.stale).toBe(want[1]);
  });

  it("of a picture that nobody reported to is not told as an age", () => {
    expect(freshness({ received: 1000, age: 0, fresh: false }, 1100)).toMatchObject({
      silent: true,
      stale: true,
      lost: false,
    });
    expect(freshness({ received: 1000, age: 0, fresh: false }, 9000)).toMatchObject({ silent: true, lost: true });
    expect(freshness({ received: 1000, age: 0.4, fresh: false }, 1100).silent).toBe(false);
    expect(freshness({ received: 1000, age: 0, fresh: true }, 9000).silent).toBe(false);
    expect(freshness({ received: 1000, age: 0, fresh: true, awaited: true }, 9000).silent).toBe(false);
  });

  it("of several views is that of the one to be relied on least", () => {
    const at = (received: number, age = 0, fresh = true): Newest => ({ received, age, fresh });
    expect(oldest([])).toBeUndefined();
    expect(oldest([at(5000), at(2000), at(4000)])).toEqual(at(2000));
    expect(oldest([at(5000, 4), at(2000)])).toEqual(at(5000, 4));
    expect(oldest([at(1000), at(5000, 0, false)])).toEqual(at(5000, 0, false));
  });
});

describe("the clock", () => {
  const setUp = () => {
    const clocks = { even: 5000, day: 1_795_000_000_000 };
    const now = wakefulClock(
      () => clocks.even,
      () => clocks.day,
    );
    const pass = (even: number, day: number): number => {
      clocks.even += even;
      clocks.day += day;
      return now();
    };
    return pass;
  };

  it("does not care what time of day it is, or by how much it is wrong", () => {
    const pass = setUp();
    expect(pass(0, 0)).toBe(0);
    expect(pass(1000, 1000)).toBe(1000);
    expect(pass(1000, 1000 - 3_600_000)).toBe(2000);
    expect(pass(1000, 1000)).toBe(3000);
  });

  it("counts the time that the machine slept", () => {
    const pass = setUp();
    pass(1000, 1000);
    expect(pass(500, 3_600_500)).toBe(3_601_500);
    expect(pass(500, 500)).toBe(3_602_000);
  });

  it("takes small differences for what they are", () => {
    const pass = setUp();
    for (let i = 0; i < 100; i++) {
      pass(1000, 1010);
    }
    expect(pass(0, 0)).toBe(100_000);
  });
});
