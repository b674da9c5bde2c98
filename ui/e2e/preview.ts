// The worlds of the tests of server/web, for states that a demo cannot be brought into: bin/preview, which `make` builds,
// started here and stopped afterwards, or a running one at WEIR_PREVIEW_URL.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface extends the one of vitest.
  export interface ProvidedContext {
    /** The address of the world "full"; the others have their name in its place. */
    preview: string;
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long the preview may take to say its address, in milliseconds. */
const PATIENCE = 60_000;

let server: ChildProcess | undefined;

/** Gives the tests a preview. */
export async function setup(project: TestProject): Promise<void> {
  const given = process.env.WEIR_PREVIEW_URL;
  project.provide("preview", given ? given.replace(/\/$/, "") : await start());
}

/** Stops the preview, if it was started here. */
export async function teardown(): Promise<void> {
  const running = server;
  if (running && running.exitCode === null) {
    const ended = new Promise((done) => running.once("exit", done));
    running.kill("SIGKILL"); // it keeps nothing
    await ended;
  }
}

function start(): Promise<string> {
  const binary = `${root}bin/preview`;
  if (!existsSync(binary)) {
    throw new Error("bin/preview is missing: run make bin/preview, or name a running one in WEIR_PREVIEW_URL");
  }
  const env = { ...process.env, WEIR_PREVIEW: "127.0.0.1:0" };
  const child = spawn(binary, [], { cwd: `${root}server/web`, env, stdio: ["ignore", "ignore", "pipe"] });
  server = child;
  const said: string[] = [];
  return new Promise((ready, fail) => {
    const timer = setTimeout(() => fail(new Error(`the preview is not ready:\n${said.join("\n")}`)), PATIENCE);
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const url = /^preview (http:\S+)$/.exec(line)?.[1];
      if (url) {
        clearTimeout(timer);
        ready(url);
      }
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(new Error(`the preview ended with ${code}:\n${said.join("\n")}`));
    });
  });
}
