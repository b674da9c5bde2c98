import { describe, expect, it } from "vitest";
import { latency, number, rate, ratio, share } from "./format";

// The same cases hold for ui/i18n/format.go: live values must look like those they replace.
describe("format", () => {
  it.each([
    [0, "0"],
    [0.01, "<0.1"],
    [0.4, "0.4"],
    [7, "7"],
    [74.84, "74.8"],
    [99.96, "100.0"],
    [123.4, "123"],
    [1480, "1,480"],
    [1234567, "1,234,567"],
    [Number.NaN, "–"],
  ])("writes the number %s as %s", (value, want) => {
    expect(number(value)).toBe(want);
  });

  it.each([
    [0, "0 %"],
    [0.0001, "<0.1 %"],
    [0.002, "0.2 %"],
    [0.23, "23.0 %"],
    [0.9996, "100 %"],
    [1, "100 %"],
  ])("writes the ratio %s as %s", (value, want) => {
    expect(ratio(value)).toBe(want.replace(" ", "\u00a0"));
  });

  it.each([
    [0.25, "25 %"],
    [1 / 3, "33.3 %"],
    [0, "0 %"],
  ])("writes the share %s as %s", (value, want) => {
    expect(share(value)).toBe(want.replace(" ", "\u00a0"));
  });

  it.each([
    [0, "–"],
    [0.0042, "4.2 ms"],
    [0.021, "21 ms"],
    [0.9996, "1.00 s"],
    [2.5, "2.50 s"],
  ])("writes the latency %s as %s", (value, want) => {
    expect(latency(value)).toBe(want.replace(" ", "\u00a0"));
  });

  it("uses the units of the page", () => {
    const units = { perSecond: "초당 {n}", percent: "{n}%", ms: "{n}ms", s: "{n}초" };
    expect(rate(74.8, units)).toBe("초당 74.8");
    expect(ratio(0.5, units)).toBe("50.0%");
    expect(latency(1.2, units)).toBe("1.20초");
  });
});
