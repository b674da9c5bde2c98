import { describe, expect, it } from "vitest";
import { read, write } from "./graph-address";

describe("the address", () => {
  const server = { focus: "service/reviews", hops: 2, table: false, selected: undefined, at: undefined };
  it("is what the server said, unless it says otherwise", () => {
    expect(read("", server)).toEqual(server);
    expect(read("?focus=a&hops=3&view=table&select=b&at=2026-11-22T17:00:00Z", server)).toEqual({
      focus: "a",
      hops: 3,
      table: true,
      selected: "b",
      at: "2026-11-22T17:00:00Z",
    });
    expect(read("?hops=99", server).hops).toBe(1);
  });

  it("comes back as it was written, and keeps what it does not know", () => {
    const state = { focus: "gateway/front", hops: 2, table: true, selected: "a b", at: "2026-11-22T17:00:00Z" };
    const url = write("http://x/topology?mesh=shop&select=old", state);
    expect(read(new URL(url).search, server)).toEqual(state);
    expect(new URL(url).searchParams.get("mesh")).toBe("shop");
  });
});
