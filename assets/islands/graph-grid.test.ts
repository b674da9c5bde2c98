import { describe, expect, it } from "vitest";
import { rowAfter } from "./graph-grid";

describe("the keys of a table", () => {
  it.each([
    ["ArrowDown", 0, 3, 1],
    ["ArrowDown", 2, 3, 2],
    ["ArrowUp", 1, 3, 0],
    ["ArrowUp", 0, 3, 0],
    ["PageDown", 0, 30, 10],
    ["PageUp", 4, 30, 0],
    ["Home", 20, 30, 0],
    ["End", 0, 30, 29],
    ["End", 0, 0, undefined],
    ["Enter", 0, 3, undefined],
    ["a", 0, 3, undefined],
  ])("%s on row %i of %i leads to %s", (key, at, rows, want) => {
    expect(rowAfter(key, at, rows)).toBe(want);
  });
});
