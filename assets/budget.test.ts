import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { bundle } from "./bundle.mjs";

const kB = 1000;

describe("the bundles", () => {
  it("stay within their budgets, so that pages are there at once", async () => {
    const { outputFiles } = await build({ ...bundle, write: false });
    const size = (name: string) => {
      const file = outputFiles.find(({ path }) => path.endsWith(`/${name}`));
      return file ? gzipSync(file.contents, { level: 9 }).length : Number.NaN;
    };
    const [weir, topology, worker] = [size("weir.js"), size("topology.js"), size("layout-worker.js")];
    expect(weir, "weir.js, on every page").toBeLessThanOrEqual(25 * kB);
    expect(weir + topology + worker, "weir.js, topology.js and their worker").toBeLessThanOrEqual(60 * kB);
    expect(size("plot.js"), "plot.js, once a plot is seen").toBeLessThanOrEqual(30 * kB);
  });

  it("turn no strings into code or markup, which the pages' policy forbids", async () => {
    const { outputFiles } = await build({ ...bundle, write: false });
    for (const { path, text } of outputFiles) {
      expect(text, path).not.toMatch(/\.(innerHTML|outerHTML|insertAdjacentHTML)\b|\beval\(|new Function\(/);
    }
    const trusting = outputFiles.filter(({ text }) => text.includes("createPolicy")).map(({ path }) => path);
    expect(trusting.map((path) => path.split("/").at(-1))).toEqual(["topology.js"]);
  });
});
