import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { address, chosenIn, drag, resolve, stepOf, type Time } from "./plot-range";

const MINUTE = 60_000;
const noon = Date.parse("2026-11-22T12:00:00Z");
const present: Time = { span: "15m", at: undefined, live: true, drawn: { from: 0, to: 0 }, chosen: undefined };

describe("the time that plots show", () => {
  it("ends at the present and moves with it, on whole steps", () => {
    expect(resolve(present, noon + 3210)).toEqual({
      range: { from: noon - 15 * MINUTE + 5000, to: noon },
      step: 5000,
      moves: true,
    });
  });

  it("stays around a moment that the present's stretch does not reach", () => {
    const at = noon - 60 * MINUTE;
    const { range, moves } = resolve({ ...present, at }, noon);
    expect(moves).toBe(false);
    expect(range.from).toBeLessThan(at);
    expect(range.to).toBeGreaterThan(at);
  });

  it("moves on while a moment of the last minutes is looked at", () => {
    expect(resolve({ ...present, at: noon - 5 * MINUTE }, noon).moves).toBe(true);
  });

  it("grows from a moment that is kept, for a quarter of an hour", () => {
    const from = noon - 5 * MINUTE;
    const time: Time = { ...present, span: "", drawn: { from, to: noon } };
    const soon = resolve(time, noon + MINUTE);
    expect(soon.range).toEqual({ from, to: noon + MINUTE });
    expect(soon.moves).toBe(true);
    const late = resolve(time, noon + 60 * MINUTE);
    expect(late.range.to).toBe(from + 15 * MINUTE);
    expect(late.moves).toBe(false);
  });

  it("is what somebody chose, before everything else", () => {
    const chosen = { from: noon - 90_000, to: noon - 30_000 };
    expect(resolve({ ...present, at: noon, chosen }, noon)).toEqual({ range: chosen, step: 5000, moves: false });
  });

  it("has few moments, however long it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 15_000, max: 15 * 86_400_000 }), (long) => {
        const step = stepOf({ from: 0, to: long });
        expect(long / step).toBeLessThanOrEqual(400);
        expect(step % 1000).toBe(0);
      }),
    );
  });
});

describe("dragging", () => {
  it("goes either way, and a slip of the hand chooses nothing", () => {
    expect(drag(90_000, 30_000)).toEqual({ from: 30_000, to: 90_000 });
    expect(drag(0, 14_000)).toBeUndefined();
  });

  it("is kept in the address, and taken out of it again", () => {
    const chosen = { from: noon - MINUTE, to: noon };
    const there = address("http://weir.test/?mesh=a&span=1h", chosen);
    expect(there).toContain("from=2026-11-22T11%3A59%3A00Z");
    expect(chosenIn(there)).toEqual(chosen);
    expect(address(there, undefined)).toBe("http://weir.test/?mesh=a&span=1h");
    expect(chosenIn("http://weir.test/?from=yesterday&to=now")).toBeUndefined();
  });
});
