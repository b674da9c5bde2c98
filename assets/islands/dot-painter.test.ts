import { describe, expect, it } from "vitest";
import { flow, isError } from "./dot-painter";

describe("dots", () => {
  it("are denser with the rate, slower with the latency, and none without traffic", () => {
    const at = (rate: number, p50: number) => flow({ rate, p50, errors: 0 }, 300);
    expect(at(0, 0.01).count).toBe(0);
    expect(at(1000, 0.01).count).toBeGreaterThan(at(1, 0.01).count);
    expect(at(10, 1).travel).toBeGreaterThan(at(10, 0.001).travel);
  });

  it("are red in the share of errors", () => {
    const flowing = flow({ rate: 100, p50: 0.01, errors: 0.25 }, 300);
    let red = 0;
    for (let lap = 0; lap < 1000; lap++) {
      for (let dot = 0; dot < flowing.count; dot++) {
        red += isError(flowing, dot, lap) ? 1 : 0;
      }
    }
    expect(red / (1000 * flowing.count)).toBeCloseTo(0.25, 1);
    expect(isError({ ...flowing, errors: 0 }, 0, 0)).toBe(false);
  });
});
