import { describe, expect, it } from "vitest";
import type { Cause } from "./frames";
import { knobs } from "./knobs";

const at = (cause: object, service?: string, node?: string): string[] =>
  knobs(cause as Cause, { service, node }).map(({ name, values }) => `${name} ${values.service}|${values.node}`);

describe("the knobs of a cause", () => {
  it("are those of the box where it is shown", () => {
    expect(at({ code: "pool-overflow", knob: "pool" }, "ratings", "ratings-v1")).toEqual(["pool ratings|ratings-v1"]);
    expect(at({ code: "no-instances", knob: "instances" })).toEqual(["instances |"]);
    expect(knobs(undefined, { service: "a", node: "b" })).toEqual([]);
  });

  it("are those of the object that the cause names", () => {
    expect(at({ code: "no-route", knob: "backends", object: "node/cart" }, "ratings")).toEqual([
      "backends ratings|cart",
    ]);
    expect(at({ code: "timeouts", knob: "timeout", object: "service/shop" }, "ratings")).toEqual(["timeout shop|"]);
  });

  it("lead to who calls a box that no service stands before", () => {
    expect(at({ code: "pool-overflow", knob: "pool" }, undefined, "batch")).toEqual(["backends |batch"]);
    expect(at({ code: "pool-overflow", knob: "pool" })).toEqual([]);
  });

  it("are also the limit that it is beyond, where that is set", () => {
    const values = { where: "service/shop" };
    expect(at({ code: "errors", knob: "weights", values }, "ratings", "r")).toEqual([
      "weights ratings|r",
      "limits shop|r",
    ]);
    expect(at({ code: "latency", values: { where: "mesh/m" } }, "ratings", "r")).toEqual(["mesh ratings|r"]);
    expect(at({ code: "latency", values: {} }, "ratings", "r")).toEqual(["limits ratings|r"]);
    expect(at({ code: "latency" }, undefined, "r")).toEqual(["mesh |r"]);
    expect(at({ code: "error-budget", values: { where: "route/a/b" } }, "ratings")).toEqual(["route-limits ratings|"]);
    const [own] = knobs({ code: "errors", values: { where: "route/a/b" } } as never, { service: "a", node: undefined });
    expect(own?.values.form).toBe("a-b");
  });
});
