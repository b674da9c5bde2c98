// What the journeys have in common: the API to check by, and ways to get about.

import type { Page } from "playwright-core";
import { expect, inject } from "vitest";
import type { components } from "../../assets/islands/api.gen.ts";

/** The mesh of the demo. */
export const MESH = "sample_app";

type Schemas = components["schemas"];

/** A change as the API gives it. */
export type Change = Schemas["Change"] & { readonly id: string };

/** Reads a resource of the API. */
export async function api<T>(path: string): Promise<T> {
  const answer = await fetch(`${inject("url")}/api/v1${path}`);
  expect(answer.status, path).toBe(200);
  return (await answer.json()) as T;
}

/** The weights that are in force. */
export async function weights(route = "reviews/primary"): Promise<Record<string, number>> {
  const { items } = await api<Schemas["ListRoute"]>(`/meshes/${MESH}/routes`);
  const found = (items ?? []).find((item) => `${item.router}/${item.name}` === route);
  return Object.fromEntries((found?.targets ?? []).map(({ node = "", weight = 0 }) => [node, weight]));
}

/** The newest change. */
export async function newest(): Promise<Change> {
  const { items } = await api<Schemas["ListChange"]>(`/changes?mesh=${MESH}`);
  const [first] = items ?? [];
  if (!first?.id) {
    throw new Error("the ledger is empty");
  }
  return { ...first, id: first.id };
}

/** Presses Tab until an element that matches has the focus. */
export async function tabTo(page: Page, selector: string, most = 120): Promise<void> {
  for (let i = 0; i < most; i++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) {
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

/** Walks from the box that has the focus to another with the arrow keys. */
export async function walkTo(page: Page, id: string): Promise<void> {
  const here = () => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset.box ?? "");
  const middle = async (box: string) => {
    const rect = await page.locator(`[data-box="${box}"]`).boundingBox();
    return rect ? { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2, width: rect.width } : undefined;
  };
  for (let i = 0; i < 60; i++) {
    const now = await here();
    if (now === id) {
      return;
    }
    const [from, to] = [await middle(now), await middle(id)];
    if (!from || !to) {
      throw new Error(`there is no way from ${now} to ${id}`);
    }
    const vertical = to.y > from.y ? "ArrowDown" : "ArrowUp";
    const sideways = to.x > from.x ? "ArrowRight" : "ArrowLeft";
    const apart = Math.abs(to.x - from.x) > from.width;
    await page.keyboard.press(apart ? sideways : vertical);
    if (apart && (await here()) === now) {
      // No edge leads there from this box; one beside it may have one.
      await page.keyboard.press(i % 2 === 0 ? "ArrowDown" : "ArrowUp");
    }
  }
  throw new Error(`the arrows do not lead to ${id}`);
}

/** Waits until a truth of the change on the page has come true. */
export async function truth(page: Page, name: "accepted" | "programmed" | "observed"): Promise<void> {
  await page.locator(`[data-truth=${name}][data-stage=done]`).first().waitFor({ timeout: 90_000 });
}
