import { describe, expect, it } from "vitest";
import { step } from "./plot-keys";

const at = Array.from({ length: 31 }, (_, i) => 1000 * i);
const key = (name: string, shiftKey = false) => ({ key: name, shiftKey });

describe("the keys of a plot", () => {
  it.each([
    ["ArrowLeft", false, undefined, 29],
    ["ArrowLeft", true, 15_000, 5],
    ["ArrowRight", false, 15_000, 16],
    ["ArrowRight", false, 30_000, 30],
    ["ArrowDown", false, 0, 0],
    ["PageDown", false, 15_000, 5],
    ["PageUp", false, 25_000, 30],
    ["Home", false, 15_000, 0],
    ["End", false, 15_000, 30],
    ["Enter", false, 15_000, undefined],
  ] as const)("%s (shift: %s) leads from %s to the moment %s", (name, shift, from, to) => {
    expect(step(key(name, shift), at, from)).toBe(to);
  });
});
