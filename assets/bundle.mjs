// What the islands are bundled from and how; the build and the budget test share it.
import { fileURLToPath } from "node:url";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** The islands in two bundles: weir.js for every page and topology.js, in addition, for the topology page. */
export const bundle = /** @satisfies {import("esbuild").BuildOptions} */ ({
  entryPoints: { weir: here("islands/weir.ts"), topology: here("islands/topology.ts") },
  outdir: here("dist"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  legalComments: "none",
  charset: "utf8",
});
