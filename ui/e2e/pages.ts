// The pages of the console, for tests that go through all of them.

import { expect, inject } from "vitest";
import type { components } from "../../assets/islands/api.gen.ts";
import { api, MESH, newest } from "./journey.ts";

/** A page: a short name, and its address. */
export type Place = { readonly name: string; readonly path: string };

/** A moment so many seconds ago, as addresses have it. */
const ago = (seconds: number): string => `${new Date(Date.now() - 1000 * seconds).toISOString().slice(0, 19)}Z`;

/** Every page of the console on the demo's mesh. */
export async function places(): Promise<Place[]> {
  // A console that was only just started has no past to look at yet.
  const kept = async () => (await fetch(`${inject("url")}/api/v1/meshes/${MESH}/graph?at=${ago(40)}`)).status;
  await expect.poll(kept, { timeout: 90_000, interval: 1000 }).toBe(200);
  const change = await newest();
  const { items } = await api<components["schemas"]["ListProxy"]>(`/meshes/${MESH}/proxies`);
  const proxy = `/proxies/${encodeURIComponent(items?.[0]?.id ?? "")}`;
  return [
    { name: "overview", path: "/" },
    { name: "topology", path: "/topology" },
    { name: "topology-focus", path: "/topology?focus=service/reviews&hops=2" },
    { name: "topology-selected", path: "/topology?select=service/reviews" },
    { name: "topology-table", path: "/topology?view=table" },
    { name: "topology-groups", path: "/topology?view=groups" },
    { name: "topology-whole", path: "/topology?view=whole" },
    { name: "tv", path: "/tv" },
    { name: "go", path: "/go" },
    { name: "go-found", path: "/go?q=reviews-v2+25" },
    { name: "services", path: "/services" },
    { name: "service", path: "/services/reviews" },
    { name: "service-traffic", path: "/services/reviews/traffic" },
    { name: "service-pool", path: "/services/ratings/pool" },
    { name: "service-health", path: "/services/ratings/health" },
    { name: "service-events", path: "/services/reviews/events" },
    { name: "topology-past", path: `/topology?at=${ago(20)}` },
    { name: "topology-past-table", path: `/topology?at=${ago(20)}&view=table` },
    { name: "compare", path: `/compare?from=${ago(40)}&to=${ago(10)}` },
    { name: "compare-ask", path: "/compare" },
    { name: "sources", path: "/sources" },
    { name: "settings", path: "/settings" },
    { name: "proxies", path: "/proxies" },
    { name: "proxy", path: proxy },
    ...["listener", "cluster", "endpoint", "route", "certificates", "stats"].map((tab) => ({
      name: `proxy-${tab}`,
      path: `${proxy}?tab=${tab}`,
    })),
    { name: "config", path: "/config" },
    { name: "config-drift", path: "/config?view=drift" },
    { name: "config-new", path: "/config/new?kind=route" },
    { name: "config-apply", path: "/config/apply" },
    { name: "config-route", path: "/config/route/reviews/primary" },
    { name: "canaries", path: "/canaries" },
    { name: "canary-form", path: "/canaries/new?target=reviews/primary" },
    { name: "history", path: "/history" },
    { name: "change", path: `/history/${encodeURIComponent(change.id)}` },
  ];
}
