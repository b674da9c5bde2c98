// A made-up mesh to measure on, and what it costs its server.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** How long a demo may take to be ready, in milliseconds. */
const PATIENCE = 60_000;

/** CPU time of a process so far, in milliseconds. */
export function cpu(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // ticks of a hundredth
}

/** A running console with a made-up mesh. */
export class Mesh {
  readonly services: number;
  #child: ChildProcess;
  #proxy: Server | undefined;
  #url = "";
  #down = 0;

  private constructor(services: number, child: ChildProcess) {
    this.services = services;
    this.#child = child;
  }

  /** Starts a demo of so many services. */
  static async start(root: string, services: number): Promise<Mesh> {
    const binary = process.env.WEIR ?? `${root}bin/weir`;
    if (!existsSync(binary)) {
      throw new Error(`${binary} is missing: run make build`);
    }
    const listen = ["--listen", "127.0.0.1:0", "--xds-listen", "127.0.0.1:0", "--metrics-listen", "off"];
    const child = spawn(binary, ["demo", "--services", String(services), ...listen], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const mesh = new Mesh(services, child);
    const ended = (): boolean => child.kill("SIGKILL"); // nothing is left behind, however this process ends
    process.once("exit", ended);
    child.once("exit", () => process.off("exit", ended));
    try {
      await mesh.#count(await mesh.#ready());
    } catch (error) {
      await mesh.stop();
      throw error;
    }
    return mesh;
  }

  /** The console's address, by way of a counter of bytes. */
  get url(): string {
    return this.#url;
  }

  /** The bytes that the console sent so far. */
  get down(): number {
    return this.#down;
  }

  /** The server's CPU time so far, in milliseconds. */
  get cpu(): number {
    return cpu(this.#child.pid ?? 0);
  }

  /** Ends the demo. */
  async stop(): Promise<void> {
    this.#proxy?.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      return;
    }
    const ended = new Promise((done) => this.#child.once("exit", done));
    this.#child.kill("SIGINT");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(force);
  }

  #ready(): Promise<string> {
    const { stdout } = this.#child;
    if (!stdout) {
      throw new Error("the demo says nothing");
    }
    return new Promise((ready, fail) => {
      const timer = setTimeout(() => fail(new Error("the demo is not ready")), PATIENCE);
      let url = "";
      createInterface({ input: stdout }).on("line", (line) => {
        url ||= /^console\s+(http:\S+)/.exec(line)?.[1] ?? "";
        if (/^ready\s/.test(line) && url) {
          clearTimeout(timer);
          ready(url);
        }
      });
      this.#child.once("exit", (code) => fail(new Error(`the demo ended with ${code}`)));
    });
  }

  /** Passes everything on, and counts what comes back. */
  async #count(real: string): Promise<void> {
    const { hostname, port } = new URL(real);
    const pass = (near: Socket): void => {
      const far = connect(Number(port), hostname);
      far.on("data", (bytes) => {
        this.#down += bytes.length;
      });
      near.pipe(far).pipe(near);
      near.on("error", () => far.destroy()).on("close", () => far.destroy());
      far.on("error", () => near.destroy()).on("close", () => near.destroy());
    };
    const proxy = createServer(pass);
    this.#proxy = proxy;
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    this.#url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  }
}
