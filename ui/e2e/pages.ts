// The pages of the console, for tests that go through all of them.

import type { components } from "../../assets/islands/api.gen.ts";
import { api, MESH, newest } from "./journey.ts";

/** A page: a short name, and its address. */
export type Place = { readonly name: string; readonly path: string };

/** Every page of the console on the demo's mesh. */
export async function places(): Promise<Place[]> {
  const change = await newest();
  const { items } = await api<components["schemas"]["ListProxy"]>(`/meshes/${MESH}/proxies`);
  return [
    { name: "overview", path: "/" },
    { name: "topology", path: "/topology" },
    { name: "topology-focus", path: "/topology?focus=service/reviews&hops=2" },
    { name: "topology-selected", path: "/topology?select=service/reviews" },
    { name: "topology-table", path: "/topology?view=table" },
    { name: "services", path: "/services" },
    { name: "service", path: "/services/reviews" },
    { name: "service-traffic", path: "/services/reviews/traffic" },
    { name: "service-pool", path: "/services/ratings/pool" },
    { name: "proxies", path: "/proxies" },
    { name: "proxy", path: `/proxies/${encodeURIComponent(items?.[0]?.id ?? "")}` },
    { name: "history", path: "/history" },
    { name: "change", path: `/history/${encodeURIComponent(change.id)}` },
  ];
}
