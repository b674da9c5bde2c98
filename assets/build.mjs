// Bundles the islands into assets/dist. With --watch it rebuilds on every change.
import { build, context } from "esbuild";
import { bundle } from "./bundle.mjs";

if (process.argv.includes("--watch")) {
  const watcher = await context({ ...bundle, logLevel: "info" });
  await watcher.watch();
} else {
  await build({ ...bundle, logLevel: "info" });
}
