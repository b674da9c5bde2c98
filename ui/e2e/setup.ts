// The mesh of the journeys: a running console at WEIR_URL, or else the demo that `make build` made, started here and
// stopped afterwards.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of vitest.
  export interface ProvidedContext {
    /** The address of the console. */
    url: string;
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long the demo may take until every one of its services answers, in milliseconds. */
const PATIENCE = 120_000;

let demo: ChildProcess | undefined;

/** Gives the tests a console. */
export async function setup(project: TestProject): Promise<void> {
  const given = process.env.WEIR_URL;
  if (given === "") {
    project.provide("url", ""); // whoever wants only fixtures starts no mesh
    return;
  }
  project.provide("url", given ? given.replace(/\/$/, "") : await startDemo());
}

/** Stops the demo, if it was started here. */
export async function teardown(): Promise<void> {
  const running = demo;
  if (running && running.exitCode === null) {
    const ended = new Promise((done) => running.once("exit", done));
    running.kill("SIGINT");
    const force = setTimeout(() => running.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(force);
  }
}

async function startDemo(): Promise<string> {
  const binary = `${root}bin/weir`;
  if (!existsSync(binary)) {
    throw new Error("bin/weir is missing: run make build, or name a running console in WEIR_URL");
  }
  const args = ["demo", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0"];
  const child = spawn(binary, args, { cwd: root, env: withEnvoy(), stdio: ["ignore", "pipe", "pipe"] });
  demo = child;
  const said: string[] = [];
  return new Promise((ready, fail) => {
    const timer = setTimeout(() => fail(new Error(`the demo is not ready:\n${said.join("\n")}`)), PATIENCE);
    let url = "";
    const hear = (line: string): void => {
      said.push(line);
      url ||= /^console\s+(http:\S+)/.exec(line)?.[1] ?? "";
      if (/^ready\s/.test(line) && url) {
        clearTimeout(timer);
        ready(url.replace(/\/$/, ""));
      }
    };
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", hear);
    }
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(new Error(`the demo ended with ${code}:\n${said.join("\n")}`));
    });
  });
}

/** The environment with the Envoy of the checkout where there is no other. */
function withEnvoy(): NodeJS.ProcessEnv {
  const own = `${root}.tools/envoy/bin/envoy`;
  return process.env.ENVOY || !existsSync(own) ? process.env : { ...process.env, ENVOY: own };
}
