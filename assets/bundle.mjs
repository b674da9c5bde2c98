// What the islands are bundled from and how; the build and the budget test share it.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** Leaves out the ways of drawing that no plot uses, which uPlot would otherwise hold on to. */
const lean = /** @satisfies {import("esbuild").Plugin} */ ({
  name: "lean",
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace(/^\t\(paths\.(stepped|bars|spline) .*$/gm, "");
      if (contents.length === source.length) {
        throw new Error(`${path} no longer names its ways of drawing as it did: adapt assets/bundle.mjs`);
      }
      return { contents, loader: "js" };
    });
  },
});

/** The islands in two bundles: weir.js for every page and topology.js, in addition, for the topology page;
 * layout-worker.js is the worker that it starts for large meshes; plot.js is fetched by those who come to a plot. */
export const bundle = /** @satisfies {import("esbuild").BuildOptions} */ ({
  entryPoints: {
    weir: here("islands/weir.ts"),
    topology: here("islands/topology.ts"),
    "layout-worker": here("islands/layout-worker.ts"),
    plot: here("islands/plot.ts"),
  },
  outdir: here("dist"),
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  legalComments: "none",
  charset: "utf8",
  plugins: [lean],
});
