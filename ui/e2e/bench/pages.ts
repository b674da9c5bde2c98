// What the server-drawn pages cost: bytes, and CPU of the server.

import type { Mesh } from "./mesh.ts";

/** How often a page is asked for: the clock of the server's CPU ticks only every ten milliseconds. */
const TIMES = 20;

/** A page's cost. */
export type Cost = { readonly path: string; readonly bytes: number; readonly cpu: number; readonly wall: number };

/** Asks for a page as a browser without script does, again and again. */
export async function pageCost(mesh: Mesh, path: string): Promise<Cost> {
  const usual = mesh.cpu;
  await new Promise((done) => setTimeout(done, 1500));
  const each = (mesh.cpu - usual) / 1500;
  const [used, begun] = [mesh.cpu, performance.now()];
  let bytes = 0;
  for (let i = 0; i < TIMES; i++) {
    const before = mesh.down;
    const answer = await fetch(mesh.url + path, { headers: { accept: "text/html", "accept-encoding": "gzip" } });
    if (!answer.ok) {
      throw new Error(`${path}: ${answer.status}`);
    }
    await answer.arrayBuffer();
    bytes = mesh.down - before; // as it crossed the wire
  }
  const wall = performance.now() - begun;
  return { path, bytes, wall: wall / TIMES, cpu: Math.max(0, mesh.cpu - used - each * wall) / TIMES };
}
