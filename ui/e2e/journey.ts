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

/** Waits until a truth of the change on the page has come true. */
export async function truth(page: Page, name: "accepted" | "programmed" | "observed"): Promise<void> {
  await page.locator(`[data-truth=${name}][data-stage=done]`).first().waitFor({ timeout: 90_000 });
}
