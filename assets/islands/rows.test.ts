import { describe, expect, it } from "vitest";
import { renumber } from "./rows";

describe("a row in another place", () => {
  it.each([
    ["header.3.name", "header", 0, "header.0.name"],
    ["header.#.name", "header", 2, "header.2.name"],
    ["match-reviews-primary-header-3-name", "header", 1, "match-reviews-primary-header-1-name"],
    ["match-reviews-primary-header---name", "header", 4, "match-reviews-primary-header-4-name"],
    ["remove:header:#", "header", 7, "remove:header:7"],
    ["up:order:10", "order", 9, "up:order:9"],
    ["query.3.name", "header", 0, "query.3.name"],
    ["add:header", "header", 0, "add:header"],
  ])("%s of %s in place %i is %s", (text, list, row, want) => {
    expect(renumber(text, list, row)).toBe(want);
  });
});
