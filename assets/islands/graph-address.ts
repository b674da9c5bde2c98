// What the topology shows, as it stands in the address. Pure.

/** The state of the topology page. */
export type Address = {
  /** A graph id or a name; empty for the whole mesh. */
  readonly focus: string;
  /** From 1 to 3. */
  readonly hops: number;
  readonly table: boolean;
  /** What the side panel shows: a box's graph id, or an edge's key. */
  readonly selected: string | undefined;
  /** The moment that is shown, as RFC 3339 writes it; none is the present. */
  readonly at: string | undefined;
};

/** Reads a query, with what the server decided for what it does not say. */
export function read(query: string, server: Address): Address {
  const params = new URLSearchParams(query);
  const hops = Number(params.get("hops") ?? server.hops);
  return {
    focus: params.get("focus") ?? server.focus,
    hops: Number.isInteger(hops) && hops >= 1 && hops <= 3 ? hops : 1,
    table: (params.get("view") ?? (server.table ? "table" : "focus")) === "table",
    selected: params.get("select") || undefined,
    at: params.get("at") || server.at,
  };
}

/** The address with another state; what else it says stays. */
export function write(url: string, { focus, hops, table, selected, at }: Address): string {
  const next = new URL(url);
  next.searchParams.set("view", table ? "table" : "focus");
  const optional = { focus, select: selected ?? "", at: at ?? "" };
  for (const [name, value] of Object.entries(optional)) {
    if (value === "") {
      next.searchParams.delete(name);
    } else {
      next.searchParams.set(name, value);
    }
  }
  if (next.searchParams.has("hops") || focus !== "") {
    next.searchParams.set("hops", String(hops));
  }
  return next.href;
}
