// The mesh of the journeys: a running console at WEIR_URL, or else the demo that `make build` made, started here and
// stopped afterwards.

import type { TestProject } from "vitest/node";
import { type Demo, startDemo } from "./demo.ts";

declare module "vitest" {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of vitest.
  export interface ProvidedContext {
    /** The address of the console. */
    url: string;
  }
}

let demo: Demo | undefined;

/** Gives the tests a console. */
export async function setup(project: TestProject): Promise<void> {
  const given = process.env.WEIR_URL;
  if (given === "") {
    project.provide("url", ""); // whoever wants only fixtures starts no mesh
    return;
  }
  demo = given ? undefined : await startDemo();
  project.provide("url", given?.replace(/\/$/, "") ?? demo?.url ?? "");
}

/** Stops the demo, if it was started here. */
export async function teardown(): Promise<void> {
  await demo?.stop();
}
