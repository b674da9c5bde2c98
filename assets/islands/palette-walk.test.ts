import { describe, expect, it } from "vitest";
import { step } from "./palette-walk";

describe("step", () => {
  it.each([
    ["ArrowDown", 0, 3, 1],
    ["ArrowDown", 2, 3, 0],
    ["ArrowDown", -1, 3, 0],
    ["ArrowUp", 1, 3, 0],
    ["ArrowUp", 0, 3, 2],
    ["ArrowUp", -1, 3, 2],
    ["PageDown", 0, 20, 7],
    ["PageDown", 18, 20, 19],
    ["PageUp", 9, 20, 2],
    ["PageUp", 3, 20, 0],
    ["PageUp", -1, 20, 0],
    ["Home", 3, 20, undefined],
    ["a", 3, 20, undefined],
    ["ArrowDown", -1, 0, undefined],
  ] as const)("%s from %i of %i leads to %s", (key, at, length, want) => {
    expect(step(key, at, length)).toBe(want);
  });
});
