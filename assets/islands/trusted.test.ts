import { describe, expect, it } from "vitest";
import { assetAddress } from "./trusted";

describe("a trusted address", () => {
  const page = "https://weir.example/topology?mesh=a";
  it("is an asset of this console", () => {
    expect(assetAddress("/assets/0123/layout-worker.js", page)).toBe(
      "https://weir.example/assets/0123/layout-worker.js",
    );
  });
  it.each([
    "https://elsewhere.example/assets/a.js",
    "/api/a.js",
    "/assets/../api/a.js",
    "//elsewhere/assets/a.js",
    "data:,a",
    "blob:https://weir.example/assets/a",
  ])("is not %s", (address) => {
    expect(() => assetAddress(address, page)).toThrow("is not an asset");
  });
});
