// The browser dies between applying and keeping: nobody is there to press anything, and the old weights come back. What the
// traffic did is told by Envoy's own counters; Weir is only asked what it wrote down.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserServer, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { components } from "../../assets/islands/api.gen.ts";
import { args, executablePath } from "./browser.ts";
import { type Demo, startDemo } from "./demo.ts";
import { sentTo } from "./envoy.ts";
import { type Change, MESH } from "./journey.ts";

type Route = components["schemas"]["Route"];

/** The two who call the split: the gateway, and a service. */
const CALLERS = ["ingress", "front"];

/** How long the operator gives the change, and how long the test waits for what has to come, in milliseconds. */
const WITHIN = 15_000;
const patience = { timeout: 60_000, interval: 250 };

/** How many requests make a share that is told from another one: 75 % of so many is 75 % give or take 6 %, at 3σ. */
const ENOUGH = 500;

let folder: string;
let demo: Demo;
let chrome: BrowserServer;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/weir-killed-"); // the path of a socket is short
  demo = await startDemo(["--rate", "100"], { TMPDIR: folder });
  chrome = await chromium.launchServer({ executablePath, args, headless: true });
}, 240_000);

afterAll(async () => {
  await chrome?.kill();
  await demo?.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Reads a resource of the demo's own API. */
async function read<T>(path: string): Promise<T> {
  const answer = await fetch(`${demo.url}/api/v1${path}`);
  expect(answer.status, path).toBe(200);
  return (await answer.json()) as T;
}

async function weights(): Promise<Record<string, number>> {
  const { targets } = await read<Route>(`/meshes/${MESH}/routes/reviews/primary`);
  return Object.fromEntries((targets ?? []).map(({ node = "", weight = 0 }) => [node, weight]));
}

/** How many requests each version has been sent by all its callers, as their Envoys count. */
async function sent(): Promise<{ v1: number; v2: number }> {
  const inside = (await readdir(folder, { recursive: true })).filter((name) =>
    CALLERS.some((caller) => name.endsWith(`/${caller}.sock`)),
  );
  expect(inside.length, "admin sockets").toBe(CALLERS.length);
  const all = await Promise.all(inside.map((name) => sentTo(join(folder, name), MESH)));
  const sum = (node: string) => all.reduce((total, one) => total + (one[node] ?? 0), 0);
  return { v1: sum("reviews-v1"), v2: sum("reviews-v2") };
}

/** What each version is sent from now on until both together have been sent so many. */
async function sentFromNow(requests: number): Promise<{ v1: number; v2: number }> {
  const before = await sent();
  let grown = { v1: 0, v2: 0 };
  await expect
    .poll(async () => {
      const now = await sent();
      grown = { v1: now.v1 - before.v1, v2: now.v2 - before.v2 };
      return grown.v1 + grown.v2;
    }, patience)
    .toBeGreaterThanOrEqual(requests);
  return grown;
}

/** The first version's share of what is sent from now on. */
async function share(): Promise<number> {
  const { v1, v2 } = await sentFromNow(ENOUGH);
  return v1 / (v1 + v2);
}

/** Moves everything to the second version in a browser that does not live to see it kept. */
async function moveAndDie(): Promise<string> {
  const browser = await chromium.connect(chrome.wsEndpoint());
  const page = await browser.newPage();
  await page.goto(`${demo.url}/services/reviews/traffic?route=primary&lang=en`);
  await page.locator("[data-target=reviews-v2] [data-preset='100']").click();
  await page.locator("[data-testid=weights-form] [data-apply]").first().click();
  await page.getByTestId("review").waitFor();
  await page
    .locator("[name=confirmWithin]:checked")
    .evaluate((choice, value) => choice.setAttribute("value", value), `${WITHIN}ms`);
  await page.getByTestId("apply").click();
  await page.waitForURL(/\/history\/[0-9a-z]+/);
  const id = /\/history\/([0-9a-z]+)/.exec(page.url())?.[1] ?? "";
  await page.locator("[data-truth=programmed][data-stage=done]").first().waitFor();
  const gone = new Promise((done) => chrome.process().once("exit", (_, signal) => done(signal)));
  process.kill(-(chrome.process().pid ?? Number.NaN), "SIGKILL"); // with all of its processes, as when a laptop loses power
  expect(await gone).toBe("SIGKILL");
  return id;
}

describe("a browser that is killed before its change is kept", () => {
  it("leaves the old weights behind, by Envoy's own counters", { timeout: 300_000 }, async () => {
    const before = await weights();
    expect(before).toEqual({ "reviews-v1": 75, "reviews-v2": 25 });
    const usual = await share();
    expect(usual).toBeGreaterThan(0.65);
    expect(usual).toBeLessThan(0.85);

    const id = await moveAndDie();
    // What was under way when the proxies switched may still arrive: soon there is nothing any more.
    await expect.poll(async () => (await sentFromNow(30)).v1, patience).toBe(0);

    await expect.poll(async () => (await read<Change>(`/changes/${id}`)).state, patience).toBe("reverted");
    const entry = await read<Change>(`/changes/${id}`);
    const undone = await read<Change>(`/changes/${entry.undoneBy}`);
    expect(undone.author, "nobody else took it back").toBe("weir");
    expect(Date.parse(undone.at ?? ""), "not before its deadline").toBeGreaterThanOrEqual(
      Date.parse(entry.confirmBy ?? ""),
    );
    expect(await weights()).toEqual(before);

    await expect.poll(async () => (await sentFromNow(30)).v1, patience).toBeGreaterThan(0);
    const after = await share();
    expect(after).toBeGreaterThan(0.65);
    expect(after).toBeLessThan(0.85);
  });
});
