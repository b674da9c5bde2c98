// The states that pages can be in, as the worlds of the preview show them.

import type { Page } from "playwright-core";
import { inject } from "vitest";
import {
  conflict,
  define,
  focus,
  forced,
  forms,
  nameless,
  needed,
  newTime,
  overtaken,
  palette,
  print,
  refusal,
  review,
  send,
  unmeasured,
  wrongTime,
} from "./reach.ts";

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
  /** Its pictures are taken on a wide screen as well. */
  readonly wide?: boolean;
};

/** The address of a state. */
export const addressOf = ({ world, path }: State): string =>
  new URL(path, inject("preview").replace("//full.", `//${world}.`)).href;

const split = "/services/reviews/traffic?route=primary";
const edit = "/config/route/reviews/primary/edit";

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
  config: "/config",
};

const proxyTabs = {
  "proxy-listeners": "/proxies/checkout-1?tab=listener",
  "proxy-clusters": "/proxies/storefront-1?tab=cluster",
  "proxy-endpoints": "/proxies/cart-1?tab=endpoint",
  "proxy-routes": "/proxies/cart-1?tab=route",
  "proxy-resource": "/proxies/checkout-1?tab=listener&resource=lds_egress_0.0.0.0_15001",
  "proxy-certificates": "/proxies/cart-1?tab=certificates",
  "proxy-stats": "/proxies/cart-1?stats=rq",
  "proxy-nothing": "/proxies/cart-1?tab=cluster&q=nothing-of-that-name",
};

const configuration = {
  "config-drift": "/config?view=drift",
  "config-nothing": "/config?q=nothing-of-that-name",
  "config-new": "/config/new?kind=node",
  "config-apply": "/config/apply",
  definition: "/config/route/reviews/primary",
  "definition-versions": "/config/route/reviews/primary?from=2&to=3",
  "definition-edit": edit,
};

const reached = (name: string, path: string, reach: State["reach"], world = "full"): State => ({
  name: `${world}-${name}`,
  world,
  path,
  ...(reach && { reach }),
});

/** What happens to forms, and how pages look to those who see them otherwise. */
const looks: readonly State[] = [
  reached("definition-faults", edit, (page) => define(page, "weight: 75", "weight: many\n  colour: red")),
  reached("definition-review", edit, (page) => define(page, "weight: 75", "weight: 60")),
  reached("definition-refused-by-envoy", edit, (page) =>
    define(page, "match:\n", "match:\n  headers:\n  - name: x-user\n    regex: '\\p{ASCII}+'\n"),
  ),
  reached("definition-overtaken", edit, overtaken),
  reached("definition-needed", "/config/node/ratings", needed),
  reached("routes-open", "/services/reviews/traffic?route=beta", forms),
  reached("route-refused", "/services/reviews/traffic?route=beta", wrongTime),
  reached("route-review", "/services/reviews/traffic?route=beta", newTime),
  reached("route-share-refused", "/services/reviews/traffic?route=primary", nameless),
  reached("canary-metrics", "/canaries/new?target=reviews/primary", unmeasured),
  reached("health-open", "/services/reviews/health", forms),
  reached("print", split, print),
  reached("print-overview", "/", print),
  reached("print-change", "/history/chg-041", print),
  reached("forced", split, forced),
  reached("forced-topology", "/topology", forced),
  reached("focus-tab", split, (page) => focus(page, "nav.tabs a:not([aria-current=page])")),
  reached("focus-row", "/services", (page) => focus(page, "main table a")),
  reached(
    "denied",
    "/services/reviews",
    (page) => send(page, "/services/reviews/traffic", { reason: "error ratio is up" }),
    "forbidden",
  ),
];

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
      canaries: "/canaries",
      "canary-aborted": "/canaries/35a0000004",
      "canary-new": "/canaries/new",
      "canary-form": "/canaries/new?target=reviews/primary",
      go: "/go",
      "go-found": "/go?q=reviews-v2+40",
      "go-nothing": "/go?q=nothing-of-that-name",
      "services-nothing-found": "/services?q=nothing-of-that-name",
      "history-nothing": "/history?q=nothing-of-that-name",
      "service-proxies": "/services/reviews/proxies",
      "service-config": "/services/reviews/config",
      ...proxyTabs,
      ...configuration,
    }).map((state) => ({ ...state, wide: state.name.slice("full-".length) in everything })),
    ...looks,
    ...pagesOf("rolling", {
      overview: "/",
      canaries: "/canaries",
      canary: "/canaries/35b0000000",
      "service-held": "/services/reviews/traffic?route=primary",
    }),
    ...pagesOf("waiting", {
      overview: "/",
      "service-split": split,
      "canary-form": "/canaries/new?target=reviews/primary",
    }),
    { name: "full-waiting-plain", world: "full", path: "/settings", plain: true },
    { name: "full-topology-plain", world: "full", path: "/topology", plain: true },
    { name: "full-topology-focus-plain", world: "full", path: "/topology?focus=service/reviews", plain: true },
    { name: "full-review", world: "full", path: split, reach: review },
    { name: "full-conflict", world: "full", path: split, reach: conflict },
    { name: "full-refused", world: "full", path: "/services/ratings/pool", reach: refusal },
    { name: "full-palette", world: "full", path: "/", reach: palette },
    { name: "full-palette-nothing", world: "full", path: "/", reach: (page) => palette(page, "nothing-of-that-name") },
    { name: "full-missing", world: "full", path: "/services/reviws", status: 404 },
    ...pagesOf("none", {
      overview: "/",
      topology: "/topology",
      services: "/services",
      history: "/history",
      config: "/config",
      go: "/go",
    }),
    ...pagesOf("noproxies", {
      overview: "/",
      topology: "/topology",
      services: "/services",
      proxies: "/proxies",
      "config-drift": "/config?view=drift",
      "service-proxies": "/services/reviews/proxies",
    }),
    ...pagesOf("notraffic", {
      overview: "/",
      topology: "/topology",
      services: "/services",
      service: "/services/reviews",
    }),
    ...pagesOf("stale", { overview: "/", topology: "/topology", services: "/services", service: "/services/reviews" }),
    ...pagesOf("extreme", {
      ...everything,
      proxy: "/proxies/checkout-1",
      "change-pending": "/history/chg-041",
      "config-drift": "/config?view=drift",
      "definition-edit": edit,
      "service-split": split,
    }),
    ...pagesOf("ten", { "service-split": split, definition: "/config/route/reviews/primary" }),
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
      definition: "/config/route/reviews/primary",
      "definition-edit": edit,
    }),
    { name: "unavailable-history", world: "unavailable", path: "/history", status: 503 },
    { name: "errors-history", world: "errors", path: "/history", status: 500 },
    { name: "errors-service", world: "errors", path: "/services/reviews", status: 500 },
    { name: "full-undo-fields", world: "full", path: "/history/chg-039/undo" },
  ];
}
