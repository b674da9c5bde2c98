// A demo of one's own: the binary that `make build` made, its Envoys and its load, until it is stopped.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long the demo may take until every one of its services answers, in milliseconds. */
const PATIENCE = 120_000;

/** How long it may take to end, in milliseconds. */
const FAREWELL = 20_000;

/** A mesh that runs, with its console. */
export type Demo = { readonly url: string; readonly stop: () => Promise<void> };

/** Starts a demo with more flags than the addresses, and with an environment of its own where there is one. */
export async function startDemo(flags: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Demo> {
  const binary = `${root}bin/weir`;
  if (!existsSync(binary)) {
    throw new Error("bin/weir is missing: run make build, or name a running console in WEIR_URL");
  }
  const args = ["demo", "--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", ...flags];
  const child = spawn(binary, args, { cwd: root, env: { ...withEnvoy(), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => ended(child);
  try {
    return { url: await address(child), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The address of a demo's console, once its services answer. */
function address(child: ChildProcess): Promise<string> {
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
      if (stream) {
        createInterface({ input: stream }).on("line", hear);
      }
    }
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(new Error(`the demo ended with ${code}:\n${said.join("\n")}`));
    });
  });
}

/** Stops a demo as Ctrl-C does, or else by force. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGINT");
  const force = setTimeout(() => child.kill("SIGKILL"), FAREWELL);
  await gone;
  clearTimeout(force);
}

/** The environment with the Envoy of the checkout where there is no other. */
function withEnvoy(): NodeJS.ProcessEnv {
  const own = `${root}.tools/envoy/bin/envoy`;
  return process.env.ENVOY || !existsSync(own) ? process.env : { ...process.env, ENVOY: own };
}
