// What the topology shows, as it stands in the address, and the view of the server that shows it. Pure.

/** The views of one mesh. */
export const views = ["problems", "focus", "groups", "table", "whole"] as const;

/** One of them. */
export type View = (typeof views)[number];

/** The state of the topology page. */
export type Address = {
  readonly view: View;
  /** A graph id or a name; empty for none. */
  readonly focus: string;
  /** From 1 to 3. */
  readonly hops: number;
  /** Graph ids of boxes that are not to be seen. */
  readonly hide: readonly string[];
  /** How groups are made; empty leaves it to the server. */
  readonly by: string;
  /** What calls are labelled with: "rate", "errors" or "p95"; empty for all three. */
  readonly label: string;
  readonly filter: string;
  /** A column of the table, with - before it for the other way round. */
  readonly sort: string;
  /** What the side panel shows: a box's graph id, or an edge's key. */
  readonly selected: string | undefined;
  /** The moment that is shown, as RFC 3339 writes it; none is the present. */
  readonly at: string | undefined;
};

/** What an address without a query asks for. */
export const bare: Address = {
  view: "problems",
  focus: "",
  hops: 1,
  hide: [],
  by: "",
  label: "",
  filter: "",
  sort: "health",
  selected: undefined,
  at: undefined,
};

/** Reads a query. A focus without a view means to look around it. */
export function read(query: string): Address {
  const params = new URLSearchParams(query);
  const focus = params.get("focus") ?? "";
  const hops = Number(params.get("hops") ?? 1);
  const view = views.find((each) => each === params.get("view"));
  return {
    view: view ?? (focus === "" ? "problems" : "focus"),
    focus,
    hops: Number.isInteger(hops) && hops >= 1 && hops <= 3 ? hops : 1,
    hide: params.getAll("hide").filter((id) => id !== ""),
    by: params.get("by") ?? "",
    label: params.get("label") ?? "",
    filter: params.get("filter") ?? "",
    sort: params.get("sort") || bare.sort,
    selected: params.get("select") || undefined,
    at: params.get("at") || undefined,
  };
}

/** The address with another state; what else it says stays, except for what belongs to one page of a table. */
export function write(url: string, state: Address): string {
  const next = new URL(url);
  const { searchParams: params } = next;
  const one = {
    view: state.view === "problems" && state.focus === "" ? "" : state.view,
    focus: state.focus,
    hops: state.view === "focus" && state.hops > 1 ? String(state.hops) : "",
    by: state.by,
    label: state.label,
    filter: state.filter,
    sort: state.sort === bare.sort ? "" : state.sort,
    select: state.selected ?? "",
    at: state.at ?? "",
    page: "",
    go: "",
    hide: "",
  };
  for (const [name, value] of Object.entries(one)) {
    if (value === "") {
      params.delete(name);
    } else {
      params.set(name, value);
    }
  }
  for (const id of state.hide) {
    params.append("hide", id);
  }
  return next.href;
}

/** Which rows of the table are wanted. */
export type Rows = { readonly from: number; readonly rows: number };

/** What the server is asked for besides the mesh: the live view's options, and the API's query. */
export function options(state: Address, { from, rows }: Rows): URLSearchParams {
  const asked = new URLSearchParams(state.hide.map((id) => ["hide", id]));
  const more: Record<string, string> =
    state.view === "groups"
      ? { by: state.by }
      : state.view === "table"
        ? { sort: state.sort, filter: state.filter, from: from > 0 ? String(from) : "", rows: String(rows) }
        : {};
  for (const [name, value] of Object.entries(more)) {
    if (value !== "") {
      asked.set(name, value);
    }
  }
  return asked;
}

/** The live view of a state, as docs/guide/live.md writes it. */
export function topic(mesh: string, state: Address, rows: Rows): string {
  const what = state.view === "focus" ? `focus:${mesh}:${state.focus}:${state.hops}` : `${state.view}:${mesh}`;
  const asked = options(state, rows).toString();
  return asked === "" ? what : `${what}?${asked}`;
}

/** Whether two states need other data. */
export const sameData = (a: Address, b: Address): boolean =>
  a.at === b.at && topic("", a, { from: 0, rows: 0 }) === topic("", b, { from: 0, rows: 0 });

/** Whether the server's part of the page says the same about two states. */
export const samePage = (a: Address, b: Address): boolean =>
  write("http://weir/", { ...a, selected: undefined, at: undefined, filter: "" }) ===
  write("http://weir/", { ...b, selected: undefined, at: undefined, filter: "" });
