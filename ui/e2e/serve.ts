// A Weir with sign-in, as operators run it: `weir serve` on ports of its own, until it is stopped.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** How long it may take until it serves, in milliseconds. */
const PATIENCE = 60_000;

/** A Weir that runs. */
export type Serving = {
  readonly url: string;
  /** The link to set it up, which is printed while nobody can sign in; rejected when it prints none. */
  readonly setup: Promise<string>;
  readonly stop: () => Promise<void>;
};

/** Starts Weir with a folder for its data and further flags. */
export async function serve(data: string, flags: readonly string[] = []): Promise<Serving> {
  const listen = ["--listen=127.0.0.1:0", "--xds-listen=127.0.0.1:0", "--metrics-listen=off", `--data=${data}`];
  const binary = process.env.WEIR ?? `${root}bin/weir`;
  const child = spawn(binary, ["serve", ...listen, ...flags], { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
  const stop = () => ended(child);
  try {
    const setup = said(child, /open (http:\S+\/setup\/\S+) once/);
    setup.catch(() => undefined); // it is read by those who need it
    const url = await said(child, /console and the API at (http:\S+?)\/? /);
    return { url, setup, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a line of Weir's says in the expression's group. */
function said(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((ready, fail) => {
    const timer = setTimeout(() => fail(new Error(`weir did not say ${wanted}`)), PATIENCE);
    timer.unref();
    child.once("exit", (code) => fail(new Error(`weir ended with ${code}`)));
    if (child.stdout) {
      createInterface({ input: child.stdout }).on("line", (line) => {
        const found = wanted.exec(line)?.[1];
        if (found) {
          clearTimeout(timer);
          ready(found);
        }
      });
    }
  });
}

/** Stops Weir as Ctrl-C does. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = new Promise((done) => child.once("exit", done));
  child.kill("SIGINT");
  await gone;
}
