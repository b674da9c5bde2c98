import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ink, runsLeft } from "./ink";

const counted = (counts: { n: number }) =>
  new Ink((_, text) => {
    counts.n++;
    return [...text].length * 10;
  });

describe("ink", () => {
  it("keeps both ends of a name that is too long", () => {
    const ink = counted({ n: 0 });
    expect(ink.shorten("f", "recommendation-primary-v2", 120)).toBe("recomme…y-v2");
    expect(ink.shorten("f", "reviews", 120)).toBe("reviews");
    expect(ink.shorten("f", "reviews", 5)).toBe("");
  });

  it("is never wider than the room, and cuts no letter apart", () => {
    const ink = counted({ n: 0 });
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "-", "👩‍🚀", "한", "ש"), { maxLength: 40 }),
        fc.nat(300),
        (letters, room) => {
          const short = ink.shorten("f", letters.join(""), room);
          expect([...short].length * 10).toBeLessThanOrEqual(Math.max(room, 0));
          expect(short.split("👩‍🚀").join("")).not.toMatch(/[\u{1f469}\u{1f680}]/u);
        },
      ),
    );
  });

  it("measures a word once", () => {
    const counts = { n: 0 };
    const ink = counted(counts);
    ink.shorten("f", "a-rather-long-name", 60);
    const before = counts.n;
    ink.shorten("f", "a-rather-long-name", 60);
    expect(counts.n).toBe(before);
  });

  it("knows what runs from right to left", () => {
    expect([runsLeft("שלום-api"), runsLeft("12 مرحبا"), runsLeft("reviews"), runsLeft("")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
