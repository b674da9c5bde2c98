// Bundles the islands into assets/dist. With --watch it rebuilds on every change, and writes source maps beside the
// bundles, which are never served.
import { build, context } from "esbuild";
import { bundle } from "./bundle.mjs";

if (process.argv.includes("--watch")) {
  const watcher = await context({ ...bundle, sourcemap: "external", logLevel: "info" });
  await watcher.watch();
} else {
  await build({ ...bundle, logLevel: "info" });
}
