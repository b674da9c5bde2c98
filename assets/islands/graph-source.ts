// Where the topology's pictures come from: the live socket, or for a moment that has passed the API. Of several moments
// that are asked for in a row only the last one is shown.

import type { components } from "./api.gen";
import type { Picture } from "./frames";
import { type Address, options, type Rows, topic } from "./graph-address";
import { report } from "./moment";
import { pictureOf } from "./past";
import { watch } from "./watch";

/** What to show. */
export type Wish = {
  readonly mesh: string;
  readonly state: Address;
  readonly rows: Rows;
  readonly window: string;
};

type Graph = components["schemas"]["Graph"] & { readonly notes?: readonly string[] };

/** Gives pictures of one thing at a time. */
export class Source {
  readonly #take: (picture: Picture) => void;
  #end: () => void = () => {};

  constructor(take: (picture: Picture) => void) {
    this.#take = take;
  }

  /** Shows something else from now on. */
  open(wish: Wish): void {
    this.#end();
    if (wish.state.at === undefined) {
      this.#end = watch(topic(wish.mesh, wish.state, wish.rows), this.#take);
      return;
    }
    const controller = new AbortController();
    this.#end = () => controller.abort();
    void this.#fetch(wish, controller.signal);
  }

  close(): void {
    this.#end();
    this.#end = () => {};
  }

  async #fetch(wish: Wish, signal: AbortSignal): Promise<void> {
    report({ state: "loading" });
    try {
      const graph = await graphAt(wish, signal);
      if (!signal.aborted) {
        this.#take(pictureOf(graph));
        report({ state: "shown", notes: graph.notes ?? [] });
      }
    } catch (error) {
      if (!signal.aborted) {
        report({ state: "failed", reason: error instanceof Refusal ? error.message : "" });
      }
    }
  }
}

/** The server's own words why it does not answer. */
class Refusal extends Error {}

async function graphAt({ mesh, state, rows, window }: Wish, signal: AbortSignal): Promise<Graph> {
  const url = new URL(`/api/v1/meshes/${encodeURIComponent(mesh)}/graph`, document.baseURI);
  url.search = options(state, rows).toString();
  url.searchParams.set("view", state.view);
  url.searchParams.set("at", state.at ?? "");
  url.searchParams.set("window", window);
  if (state.view === "focus") {
    url.searchParams.set("focus", state.focus);
    url.searchParams.set("hops", String(state.hops));
  }
  const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
  const body = (await answer.json()) as Graph & { readonly detail?: string };
  if (!answer.ok) {
    throw new Refusal(body.detail ?? String(answer.status));
  }
  return body;
}
