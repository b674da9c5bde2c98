import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Address, bare, options, read, sameData, samePage, topic, views, write } from "./graph-address";

const page = "https://weir.example/topology?mesh=a&span=1h";
const rows = { from: 0, rows: 150 };

describe("the address", () => {
  it("shows the problems when it asks for nothing, and looks around what it names", () => {
    expect(read("")).toEqual(bare);
    expect(read("?focus=service/reviews")).toMatchObject({ view: "focus", focus: "service/reviews", hops: 1 });
    expect(read("?view=nonsense&hops=9")).toEqual(bare);
  });

  it("keeps what it does not know, and leaves out what goes without saying", () => {
    expect(write(page, bare)).toBe(page);
    expect(write(`${page}&page=3&go=1`, { ...bare, view: "table", filter: "to:cart" })).toBe(
      `${page}&view=table&filter=to%3Acart`,
    );
  });

  it("says of any state what was written of it", () => {
    const text = fc.string({ maxLength: 12 });
    const state = fc.record({
      view: fc.constantFrom(...views),
      focus: text,
      hops: fc.integer({ min: 1, max: 3 }),
      hide: fc.array(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 4 }),
      by: text,
      label: text,
      filter: text,
      sort: fc.constantFrom("health", "-rate", "to"),
      selected: fc.option(fc.string({ minLength: 1, maxLength: 12 }), { nil: undefined }),
      at: fc.option(fc.string({ minLength: 1, maxLength: 12 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(state, (any: Address) => {
        const said = read(new URL(write(page, any)).search);
        expect(said).toEqual({ ...any, hops: any.view === "focus" ? any.hops : 1 });
      }),
    );
  });
});

describe("the live view of a state", () => {
  it("carries the hide list, and of the table what is wanted of it", () => {
    expect(topic("shop", bare, rows)).toBe("problems:shop");
    expect(topic("shop", { ...bare, view: "focus", focus: "service/a", hops: 2, hide: ["b c"] }, rows)).toBe(
      "focus:shop:service/a:2?hide=b+c",
    );
    expect(topic("shop", { ...bare, view: "groups", by: "prefix" }, rows)).toBe("groups:shop?by=prefix");
    expect(options({ ...bare, view: "table", filter: "cart" }, { from: 300, rows: 150 }).toString()).toBe(
      "sort=health&filter=cart&from=300&rows=150",
    );
  });

  it("is another one only when other data is needed", () => {
    expect(sameData(bare, { ...bare, filter: "x", selected: "y", label: "p95" })).toBe(true);
    expect(sameData({ ...bare, view: "table" }, { ...bare, view: "table", filter: "x" })).toBe(false);
    expect(samePage(bare, { ...bare, selected: "y", filter: "x" })).toBe(true);
    expect(samePage(bare, { ...bare, hide: ["y"] })).toBe(false);
  });
});
