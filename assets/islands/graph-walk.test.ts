import { describe, expect, it } from "vitest";
import { walk } from "./graph-walk";
import { sample } from "./sample";

describe("walking", () => {
  const { scene, where } = sample();
  it.each([
    ["front", "ArrowRight", "v1"],
    ["v1", "ArrowRight", "ratings"],
    ["ratings", "ArrowLeft", "v2"],
    ["v1", "ArrowDown", "v2"],
    ["v2", "ArrowUp", "v1"],
    ["v1", "ArrowUp", "reviews"],
    ["reviews", "ArrowLeft", "front"],
    ["front", "ArrowLeft", undefined],
    ["ratings", "ArrowRight", undefined],
  ] as const)("from %s by %s leads to %s", (from, key, want) => {
    const got = walk(scene, where, from, key);
    // Which of several edges is nearest depends on the layout; the column does not.
    expect(got && where.get(got)?.x).toBe(want && where.get(want)?.x);
    if (key === "ArrowUp" || key === "ArrowDown") {
      expect(got).toBe(want);
    }
  });
});
