// Bundles the benchmark, since Node does not read TypeScript, and runs it: node ui/e2e/bench/run.mjs [services …]
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const folder = await mkdtemp(here("../../../node_modules/.weir-bench-"));
try {
  const outfile = join(folder, "bench.mjs");
  const entryPoints = [here("main.ts")];
  await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm", packages: "external", logLevel: "error" });
  const { measure } = await import(pathToFileURL(outfile).href);
  await measure(here("../../../"), process.argv.slice(2).map(Number));
} finally {
  await rm(folder, { recursive: true, force: true });
}
