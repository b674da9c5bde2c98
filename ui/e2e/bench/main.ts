// Measures the console in Chromium on made-up meshes of several sizes, as an operator meets it.

import { launch } from "../browser.ts";
import { emptyCost, frameCost } from "./frames.ts";
import { type Load, load } from "./load.ts";
import { Mesh } from "./mesh.ts";
import { pageCost } from "./pages.ts";
import { median, type Row, table } from "./table.ts";

const sizes = [50, 500, 2000, 5000];
const paths = ["/", "/topology", "/services", "/proxies", "/history", "/sources"];

/** How often a load is repeated; the median is told. */
const LOADS = 3;

/** How long the stream is listened to, in seconds. */
const LISTEN = 10;

/** Measures at the sizes that are given, or else at all and what a frame costs, and prints the table. */
export async function measure(root: string, chosen: readonly number[]): Promise<void> {
  const rows: Row[] = [];
  try {
    for (const services of chosen.length > 0 ? chosen : sizes) {
      rows.push(...(await withMesh(root, services, (mesh) => atSize(mesh))));
    }
    if (chosen.length === 0) {
      rows.push(...(await withMesh(root, 148, (mesh) => frames(mesh, "150 boxes", true))));
      rows.push(...(await withMesh(root, 5000, (mesh) => frames(mesh, "5,000 nodes", false))));
    }
  } finally {
    process.stdout.write(`${table(rows)}\n`); // what was measured, even if the rest could not be
  }
}

async function withMesh(root: string, services: number, work: (mesh: Mesh) => Promise<Row[]>): Promise<Row[]> {
  const mesh = await Mesh.start(root, services);
  try {
    await new Promise((done) => setTimeout(done, 5000)); // until there is something to see
    return await work(mesh);
  } finally {
    await mesh.stop();
  }
}

async function atSize(mesh: Mesh): Promise<Row[]> {
  const at = `${mesh.services.toLocaleString("en")} services: `;
  const rows: Row[] = [];
  const { context, close } = await launch();
  try {
    const loads: Load[] = [];
    for (let i = 0; i <= LOADS; i++) {
      const { took, page } = await load(context, mesh, "/topology");
      if (i > 0) {
        loads.push(took); // the first one warms Chromium up
      }
      if (i === LOADS) {
        await page.waitForTimeout(2000);
        const before = mesh.down;
        await page.waitForTimeout(LISTEN * 1000);
        rows.push({
          what: `${at}a viewer's stream`,
          got: (mesh.down - before) / LISTEN / 1000,
          unit: "kB/s",
          limit: 4,
        });
      }
      await page.close();
    }
    const of = (pick: (l: Load) => number): number => median(loads.map(pick));
    const large = mesh.services > 2000; // the limits are of up to 2,000
    const limit = (value: number): { limit?: number } => (large ? {} : { limit: value });
    rows.unshift(
      { what: `${at}first content of the topology`, got: of((l) => l.first), unit: "ms", ...limit(200) },
      { what: `${at}default view complete and live`, got: of((l) => l.complete), unit: "ms", ...limit(1000) },
      { what: `${at}CPU of the page until then`, got: of((l) => l.cpu), unit: "ms", ...limit(1000) },
      { what: `${at}boxes`, got: of((l) => l.boxes), unit: "" },
      { what: `${at}scripts`, got: of((l) => l.script) / 1000, unit: "kB", limit: 60 },
    );
  } finally {
    await close();
  }
  for (const path of paths) {
    const { bytes, cpu, wall } = await pageCost(mesh, path);
    const took = `${wall.toFixed(0)} ms`;
    rows.push({
      what: `${at}page ${path}, ${(bytes / 1000).toFixed(0)} kB in ${took}: CPU of the server`,
      got: cpu,
      unit: "ms",
    });
  }
  return rows;
}

/** What a frame of the whole mesh costs. */
async function frames(mesh: Mesh, what: string, compare: boolean): Promise<Row[]> {
  const { context, close } = await launch();
  try {
    const empty = compare ? await emptyCost(context, mesh) : Number.NaN;
    const { page, session, took } = await load(context, mesh, "/topology?view=whole");
    const cost = await frameCost(page, session);
    const name = `frame while panning, ${what} (${took.boxes} drawn)`;
    if (!compare) {
      return [{ what: name, got: cost, unit: "ms", limit: 10 }];
    }
    return [
      { what: `frame of an empty page`, got: empty, unit: "ms" },
      { what: name, got: cost, unit: "ms" },
      { what: `${name}: times the empty page`, got: cost / empty, unit: "×", limit: 3 },
    ];
  } finally {
    await close();
  }
}
