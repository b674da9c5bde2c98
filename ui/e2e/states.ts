// The states that pages can be in, as the worlds of the preview show them.

import type { Page } from "playwright-core";
import { inject } from "vitest";

/** A state of a page: its world and address, what has to be done to get into it, and whether script is off. */
export type State = {
  readonly name: string;
  readonly world: string;
  readonly path: string;
  readonly reach?: (page: Page) => Promise<void>;
  /** Of the answer; 200 unless it says something else. */
  readonly status?: number;
  /** The picture as browsers without script have it. */
  readonly plain?: boolean;
};

/** The address of a state. */
export const addressOf = ({ world, path }: State): string =>
  new URL(path, inject("preview").replace("//full.", `//${world}.`)).href;

const split = "/services/reviews/traffic?route=primary";

/** Goes from the split of traffic to its review, with 40 % for the second version. */
async function review(page: Page): Promise<void> {
  await page.locator("[data-target=reviews-v2] [data-number]").fill("40");
  await page.locator("[data-target=reviews-v2] [data-number]").press("Enter");
  await page.locator("[data-testid=review], [data-testid=conflict]").first().waitFor();
}

/** The same with a form that was loaded before somebody else's change. */
async function conflict(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const field of document.querySelectorAll<HTMLInputElement>("input[name=version]")) {
      field.value = "1";
    }
  });
  await review(page);
}

/** A limit that is no number. */
async function refusal(page: Page): Promise<void> {
  const field = page.locator("input[name=maxConnections]").first();
  await field.fill("1e9");
  await field.press("Enter");
  await page.locator("[aria-invalid=true]").first().waitFor();
}

/** The palette with an action in it. */
async function palette(page: Page, query = "reviews-v2 40"): Promise<void> {
  await page.getByTestId("palette-open").click();
  await page.getByRole("combobox").fill(query);
  await page.locator("dialog[open] [data-palette-status]:not(:empty)").waitFor();
  await page.locator("dialog[open] [role=option], dialog[open] [data-level=none]").first().waitFor();
}

const pagesOf = (world: string, paths: Readonly<Record<string, string>>): State[] =>
  Object.entries(paths).map(([name, path]) => ({ name: `${world}-${name}`, world, path }));

const everything = {
  overview: "/",
  topology: "/topology",
  "topology-table": "/topology?view=table",
  "topology-groups": "/topology?view=groups",
  "topology-focus": "/topology?view=focus&focus=service/reviews",
  tv: "/tv",
  services: "/services",
  service: "/services/reviews",
  proxies: "/proxies",
  history: "/history",
  sources: "/sources",
  settings: "/settings",
};

/** Every state that is looked at. */
export function states(): State[] {
  return [
    ...pagesOf("full", {
      ...everything,
      "service-split": split,
      pool: "/services/ratings/pool",
      health: "/services/reviews/health",
      proxy: "/proxies/checkout-1",
      "proxy-refused": "/proxies/refused-1",
      "change-pending": "/history/chg-041",
      "change-refused": "/history/chg-040",
      "change-contradicted": "/history/chg-039",
      "sources-down": "/sources?state=down",
      compare: "/compare?from=2026-11-22T11:56:00Z&to=2026-11-22T11:53:00Z",
      "compare-ask": "/compare",
      "topology-selected": "/topology?select=service/reviews",
      "service-events": "/services/reviews/events",
      go: "/go",
      "go-found": "/go?q=reviews-v2+40",
      "go-nothing": "/go?q=nothing-of-that-name",
      "services-nothing-found": "/services?q=nothing-of-that-name",
    }),
    { name: "full-topology-plain", world: "full", path: "/topology", plain: true },
    { name: "full-topology-focus-plain", world: "full", path: "/topology?focus=service/reviews", plain: true },
    { name: "full-review", world: "full", path: split, reach: review },
    { name: "full-conflict", world: "full", path: split, reach: conflict },
    { name: "full-refused", world: "full", path: "/services/ratings/pool", reach: refusal },
    { name: "full-palette", world: "full", path: "/", reach: palette },
    { name: "full-palette-nothing", world: "full", path: "/", reach: (page) => palette(page, "nothing-of-that-name") },
    { name: "full-missing", world: "full", path: "/services/reviws", status: 404 },
    ...pagesOf("none", { overview: "/", topology: "/topology", services: "/services", history: "/history" }),
    ...pagesOf("noproxies", { overview: "/", topology: "/topology", services: "/services", proxies: "/proxies" }),
    ...pagesOf("notraffic", {
      overview: "/",
      topology: "/topology",
      services: "/services",
      service: "/services/reviews",
    }),
    ...pagesOf("stale", { overview: "/", topology: "/topology", services: "/services", service: "/services/reviews" }),
    ...pagesOf("extreme", { ...everything, proxy: "/proxies/checkout-1", "change-pending": "/history/chg-041" }),
    ...pagesOf("many", {
      overview: "/",
      topology: "/topology",
      "topology-table": "/topology?view=table",
      services: "/services",
    }),
    ...pagesOf("two", { overview: "/?mesh=sample_app" }),
    ...pagesOf("forbidden", {
      service: split,
      pool: "/services/ratings/pool",
      change: "/history/chg-041",
      settings: "/settings",
    }),
    { name: "errors-history", world: "errors", path: "/history", status: 500 },
    { name: "errors-service", world: "errors", path: "/services/reviews", status: 500 },
  ];
}
