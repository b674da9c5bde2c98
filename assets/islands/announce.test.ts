import { describe, expect, it } from "vitest";
import { Announcer } from "./announce";

describe("the announcer", () => {
  const judged = (id: string, health: "healthy" | "degraded" | "unhealthy") => ({ id, name: id, health, why: "" });
  it("says nothing of what was wrong from the start", () => {
    const announcer = new Announcer();
    expect(announcer.next([judged("a", "unhealthy")], 0)).toEqual([]);
    expect(announcer.next([judged("a", "unhealthy")], 1000)).toEqual([]);
  });

  it("says new problems, the worst first, at most every ten seconds", () => {
    const announcer = new Announcer();
    announcer.next([judged("a", "healthy"), judged("b", "healthy"), judged("c", "healthy")], 0);
    const first = announcer.next([judged("a", "degraded"), judged("b", "unhealthy"), judged("c", "healthy")], 1000);
    expect(first.map((j) => j.id)).toEqual(["b", "a"]);
    const all = [judged("a", "degraded"), judged("b", "unhealthy"), judged("c", "degraded")];
    expect(announcer.next(all, 2000)).toEqual([]);
    expect(announcer.next(all, 10_999)).toEqual([]);
    expect(announcer.next(all, 11_000).map((j) => j.id)).toEqual(["c"]);
    expect(announcer.next(all, 30_000)).toEqual([]);
  });

  it("forgets what was fine again before it could be said, and says what comes back", () => {
    const announcer = new Announcer();
    announcer.next([judged("a", "healthy"), judged("b", "healthy")], 0);
    announcer.next([judged("a", "unhealthy"), judged("b", "healthy")], 1000);
    announcer.next([judged("a", "unhealthy"), judged("b", "unhealthy")], 2000);
    announcer.next([judged("a", "healthy"), judged("b", "healthy")], 3000);
    expect(announcer.next([judged("a", "healthy"), judged("b", "healthy")], 20_000)).toEqual([]);
    expect(announcer.next([judged("a", "unhealthy"), judged("b", "healthy")], 21_000).map((j) => j.id)).toEqual(["a"]);
  });
});
